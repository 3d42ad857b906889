"""Stages, learning rate, plateaus and early stopping."""

import itertools
from pathlib import Path

import pytest

from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.sections import Train
from galcat_core.training.schedule import Progress, Stage, learning_rate, stages

OWN = ((1, "dense", 1.0), (20, 40, 1.0), (20, 2, 1.0))  # Khan et al. 2019, section 3


def rates(settings: Train, steps: int, workers: int, epochs: int, **more) -> list[float]:
    (stage,) = stages(settings, **more)
    return [
        learning_rate(settings, stage, Progress(step=step, stage_epoch=epoch), steps, workers)
        for epoch in range(epochs)
        for step in range(steps)
    ]


def test_the_rate_climbs_from_one_workers_to_that_of_all():
    found = rates(Train(learning_rate=0.1, warmup_epochs=2.0), 5, workers=4, epochs=4)
    assert found[0] == pytest.approx(0.1 + 0.3 / 10)
    assert found[4] == pytest.approx(0.1 + 0.3 * 5 / 10)
    assert found[9:] == pytest.approx([0.4] * 11)
    climb = [b - a for a, b in itertools.pairwise(found[:10])]
    assert climb == pytest.approx([0.03] * 9)


def test_one_worker_or_no_scaling_needs_no_warm_up():
    assert rates(Train(learning_rate=0.1), 3, 1, 2) == pytest.approx([0.1] * 6)
    still = Train(learning_rate=0.1, scale_learning_rate=False)
    assert rates(still, 3, 4, 2) == pytest.approx([0.1] * 6)
    assert rates(Train(learning_rate=0.1, warmup_epochs=0.0), 3, 2, 1) == pytest.approx([0.2] * 3)


def test_a_warm_up_never_takes_more_than_half_of_the_training():
    found = rates(Train(learning_rate=0.1, warmup_epochs=9.0, epochs=2), 4, 2, epochs=2)
    assert found[3:] == pytest.approx([0.2] * 5)


def test_fine_tuning_is_slower_and_shorter():
    settings = Train(learning_rate=0.1, fine_tune_rate=0.25, fine_tune_epochs=3)
    assert rates(settings, 2, 1, 1, fine_tuning=True) == pytest.approx([0.025] * 2)
    (stage,) = stages(settings, OWN, fine_tuning=True)
    assert stage == Stage(3, "all", 0.25)
    assert Progress(stage_epoch=3).ended(stage, settings) == "epochs"
    assert Progress(stage_epoch=2).ended(stage, settings) == ""


def test_plateaus_halve_the_rate_and_then_training_stops():
    settings = Train(learning_rate=0.1, plateau_patience=2, patience=5)
    stage, progress, told = Stage(50), Progress(), []
    for loss in [1.0, 0.9, 0.95, 0.91, 0.92, 0.93, 0.94]:
        best = progress.close_epoch({"val_loss": loss}, settings)
        told.append((best, progress.halvings, progress.ended(stage, settings)))
    assert [best for best, _, _ in told] == [True, True] + [False] * 5
    assert [halvings for _, halvings, _ in told] == [0, 0, 0, 1, 1, 2, 2]
    assert [ended for _, _, ended in told] == [""] * 6 + ["early"]
    assert (progress.best_loss, progress.best_epoch) == (0.9, 2)
    assert learning_rate(settings, stage, progress, 10) == pytest.approx(0.025)


def test_a_better_epoch_starts_the_waiting_anew():
    settings = Train(plateau_patience=2, patience=3)
    progress = Progress()
    for loss in [1.0, 1.1, 1.2, 0.9, 1.0]:
        progress.close_epoch({"val_loss": loss}, settings)
    assert (progress.waited, progress.waited_at_rate, progress.halvings) == (1, 1, 1)


def test_halvings_have_a_floor():
    assert learning_rate(Train(learning_rate=0.1), Stage(5), Progress(halvings=90), 10) == 1e-8
    assert learning_rate(Train(learning_rate=0.0), Stage(5), Progress(), 10) == 0.0


def test_progress_comes_back_from_json_bit_for_bit():
    progress = Progress(3, 7, 1, 2, [0.1 + 0.2, 1e-300, 3.0, 4.0], 12.5, 0.1, 2, 0.2, 1, 1, 0)
    progress.history.append({"epoch": 1, "val_loss": 1 / 3})
    assert Progress.from_json(progress.to_json()) == progress
    assert Progress.from_json(Progress().to_json()) == Progress()


def test_a_pretrained_network_thaws_in_its_own_stages():
    assert stages(Train(), OWN) == [Stage(1, "dense"), Stage(20, 40), Stage(20, 2)]
    assert stages(Train(epochs=3), OWN) == [Stage(1, "dense"), Stage(2, 40)]
    assert stages(Train(epochs=9)) == [Stage(9, "all")]
    # random layers below would give nothing to learn from
    assert stages(Train(weights="none"), OWN) == [Stage(50, "all")]
    assert stages(Train(layers="dense"), OWN) == [Stage(50, "dense")]


def test_the_papers_config_asks_for_the_papers_stages():
    settings = Config.load(Path(__file__).parents[2] / "configs" / "khan2019.toml").train
    assert stages(settings) == stages(settings, OWN) == [Stage(n, w) for n, w, _ in OWN]
    assert settings.learning_rate == 1e-4


def test_stages_may_be_asked_for():
    asked = Train(stage_epochs=[2, 5], stage_first_layer=[-1, 7], stage_rate=[1.0, 0.1])
    assert stages(asked, OWN) == [Stage(2, "dense"), Stage(5, 7, 0.1)]
    assert stages(Train(stage_epochs=[4], stage_first_layer=[0])) == [Stage(4, 0)]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"stage_first_layer": [-1]}, "are of 2, 1 and 2 stages; give as many"),
        ({"stage_first_layer": [-1, -2]}, "stage_first_layer at least -1"),
        ({"stage_rate": [1.0, 0.0]}, "stage_rate above 0"),
        ({"stage_epochs": [0, 5]}, "stage_epochs are at least 1"),
        ({"epochs": 6}, "are 7 epochs together, train.epochs = 6 is the most"),
    ],
)
def test_stages_that_do_not_fit_together_are_told(asked, told):
    with pytest.raises(GalcatError, match=told):
        stages(Train(**{"stage_epochs": [2, 5], "stage_first_layer": [-1, 7], **asked}))


def test_each_stage_warms_up_within_itself():
    settings = Train(learning_rate=0.1, warmup_epochs=2.0)
    for number, stage in enumerate(stages(settings, OWN)):
        progress = Progress(epoch=7 * number, stage=number)
        climbing = []
        for progress.stage_epoch in range(min(stage.epochs, 3)):
            for progress.step in range(8):
                climbing.append(learning_rate(settings, stage, progress, 8, workers=4))
        full = [rate == pytest.approx(0.4) for rate in climbing].index(True) + 1
        assert full == (4 if stage.epochs == 1 else 16)  # steps; half of a stage at most


def test_a_stage_waits_and_halves_for_itself():
    settings = Train(plateau_patience=1, patience=2)
    progress = Progress()
    for loss in [0.5, 0.6, 0.7]:
        progress.close_epoch({"val_loss": loss}, settings)
    assert progress.ended(Stage(20), settings) == "early"
    progress.next_stage()
    assert (progress.stage, progress.halvings, progress.waited) == (1, 0, 0)
    assert progress.ended(Stage(20), settings) == ""
    # worse than the best of all, better than this stage's: training goes on, the best one stays
    assert not progress.close_epoch({"val_loss": 0.8}, settings)
    assert not progress.close_epoch({"val_loss": 0.7}, settings)
    assert (progress.waited, progress.halvings, progress.best_epoch) == (0, 0, 1)
    assert progress.close_epoch({"val_loss": 0.4}, settings)
    assert (progress.best_epoch, progress.epoch, progress.stage_epoch) == (6, 6, 3)


def test_along_a_cosine_the_rate_falls_to_nothing():
    settings = Train(schedule="cosine", learning_rate=1e-2, warmup_epochs=1.0, epochs=10)
    stage = Stage(epochs=10)
    rates = []
    for epoch in range(10):
        for step in range(20):
            # halvings do not count here
            progress = Progress(epoch=epoch, stage_epoch=epoch, step=step, halvings=3)
            rates.append(learning_rate(settings, stage, progress, 20, workers=2))
    assert rates[0] == pytest.approx(1e-2 * 1.05)
    assert max(rates) == rates[19] == pytest.approx(2e-2, rel=0.03), "after the warm-up"
    assert rates[100] == pytest.approx(1e-2)
    assert 0 < rates[-1] < 1e-4 * rates[19]
    assert all(a > b for a, b in itertools.pairwise(rates[19:]))
