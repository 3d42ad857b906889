"""Learning rate, plateaus and early stopping."""

import itertools

import pytest

from galcat_core.config import Train
from galcat_core.training.schedule import Progress, learning_rate


def rates(settings: Train, steps: int, workers: int, epochs: int, **more) -> list[float]:
    return [
        learning_rate(settings, Progress(epoch, step), steps, workers, **more)
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
    assert Progress(epoch=3).ended(settings, fine_tuning=True) == "epochs"
    assert Progress(epoch=3).ended(settings) == ""


def test_plateaus_halve_the_rate_and_then_training_stops():
    settings = Train(learning_rate=0.1, plateau_patience=2, patience=5)
    progress, told = Progress(), []
    for loss in [1.0, 0.9, 0.95, 0.91, 0.92, 0.93, 0.94]:
        best = progress.close_epoch({"val_loss": loss}, settings)
        told.append((best, progress.halvings, progress.ended(settings)))
    assert [best for best, _, _ in told] == [True, True] + [False] * 5
    assert [halvings for _, halvings, _ in told] == [0, 0, 0, 1, 1, 2, 2]
    assert [ended for _, _, ended in told] == [""] * 6 + ["early"]
    assert (progress.best_loss, progress.best_epoch) == (0.9, 2)
    assert learning_rate(settings, progress, 10) == pytest.approx(0.025)


def test_a_better_epoch_starts_the_waiting_anew():
    settings = Train(plateau_patience=2, patience=3)
    progress = Progress()
    for loss in [1.0, 1.1, 1.2, 0.9, 1.0]:
        progress.close_epoch({"val_loss": loss}, settings)
    assert (progress.waited, progress.waited_at_rate, progress.halvings) == (1, 1, 1)


def test_halvings_have_a_floor():
    assert learning_rate(Train(learning_rate=0.1), Progress(halvings=90), 10) == 1e-8
    assert learning_rate(Train(learning_rate=0.0), Progress(), 10) == 0.0


def test_progress_comes_back_from_json_bit_for_bit():
    progress = Progress(3, 7, [0.1 + 0.2, 1e-300, 3.0, 4.0], 12.5, 0.1, 2, 1, 1, 0)
    progress.history.append({"epoch": 1, "val_loss": 1 / 3})
    assert Progress.from_json(progress.to_json()) == progress
    assert Progress.from_json(Progress().to_json()) == Progress()
