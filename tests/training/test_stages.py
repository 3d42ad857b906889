"""Training in stages: what learns in each, the best weights handed on, the same bits after kills."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from galcat_core import models
from galcat_core.errors import GalcatError
from galcat_core.records import Split
from galcat_core.runs import Run
from galcat_core.training import checkpoint, distributed, fit
from galcat_core.training.fit import train
from tests.training.tiny import NAME, TINY

ROOT = Path(__file__).resolve().parents[2]

# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setitem(models.NETWORKS, NAME, TINY)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """Pretrained weights of the base, in Keras's way."""
    path = tmp_path_factory.mktemp("weights") / "tiny.weights.h5"
    base = TINY.application(False, None, (32, 32, 3))
    rng = np.random.default_rng(5)
    base.set_weights([w + np.abs(rng.normal(0, 0.1, w.shape)) for w in base.get_weights()])
    base.save_weights(path)
    return path


@pytest.fixture(scope="module")
def staged(config, weights):
    """One epoch of the head, two from layer 7 up, two from layer 2 up."""
    stages = {"stage_epochs": [1, 2, 2], "stage_first_layer": [-1, 7, 2]}
    given = {"network": NAME, "weights": str(weights), "epochs": 9, "learning_rate": 1e-3}
    return config.replace(train={**given, **stages})


@pytest.fixture(scope="module")
def finished(tmp_path_factory, store, split, staged) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(models.NETWORKS, NAME, TINY)
        return train(tmp_path_factory.mktemp("runs") / "whole", store, split, staged)


def kill_in(folder: Path, store, split: Split, config, stage: int, step: int) -> None:
    """Train in a process of its own, and kill -9 it at a checkpoint that far inside a stage."""
    split.save(folder.parent / "split.parquet")
    config.save(folder.parent / "config.toml")
    given = [folder, store.path, folder.parent / "split.parquet", folder.parent / "config.toml"]
    command = [sys.executable, "-m", "tests.training.tiny", *map(str, given)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while True:
        time.sleep(0.002)
        assert process.poll() is None, process.stderr.read()
        if not (folder / "checkpoint.npz").is_file():
            continue
        progress = checkpoint.progress_of(folder)
        if (progress.stage, progress.step) >= (stage, step):
            break
    process.kill()
    process.communicate()


def break_off_in(folder: Path, store, split: Split, config, stage: int, step: int) -> None:
    """Train in this process up to a checkpoint that far inside a stage."""
    save = checkpoint.save

    def save_and_end(folder, model, optimizer, progress):
        save(folder, model, optimizer, progress)
        if (progress.stage, progress.step) >= (stage, step):
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_end)
        with pytest.raises(KeyboardInterrupt):
            train(folder, store, split, config)


def test_the_history_says_the_stage_and_the_report_is_of_the_best(finished):
    history = finished.history
    assert history["stage"].tolist() == [1, 2, 2, 3, 3]
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert finished.report["val_loss"] == history["val_loss"].min()
    assert finished.report["epochs"] == 5


def test_broken_off_in_every_stage_it_comes_to_the_same_bits(
    tmp_path, finished, store, split, staged
):
    """In the last by kill -9, of a process that went on from where this one was interrupted."""
    given = store, split, staged.replace(train={"checkpoint_seconds": 0.0})  # after each step
    for stage, end in enumerate([break_off_in, break_off_in, kill_in]):
        end(tmp_path / "run", *given, stage, step=3)
        assert checkpoint.progress_of(tmp_path / "run").stage == stage
    resumed = train(tmp_path / "run", store, split, staged)
    assert resumed.weights.read_bytes() == finished.weights.read_bytes()
    assert resumed.digest == finished.digest
    exact = ["epoch", "stage", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
    assert resumed.history[exact].equals(finished.history[exact])
    with (
        np.load(resumed.folder / "checkpoint.npz") as one,
        np.load(finished.folder / "checkpoint.npz") as two,
    ):
        arrays = [k for k in one.files if k != "progress"]
        assert all(np.array_equal(one[k], two[k]) for k in arrays)


def test_broken_between_two_stages_it_comes_to_the_same_bits(
    tmp_path, finished, store, split, staged
):
    with pytest.MonkeyPatch.context() as patch:

        def broken(model, path):
            if path.name.startswith("weights"):  # the best so far, for the next stage
                raise KeyboardInterrupt
            load(model, path)

        load = checkpoint.load_weights
        patch.setattr(checkpoint, "load_weights", broken)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "run", store, split, staged)
    assert len(Run.open(tmp_path / "run").history) == 1
    resumed = train(tmp_path / "run", store, split, staged)
    assert resumed.weights.read_bytes() == finished.weights.read_bytes()


def test_only_what_a_stage_names_learns(tmp_path, store, split, staged):
    """And the optimiser's state is of these variables."""
    seen = {}
    for stages, first in (([1], [-1]), ([1], [7]), ([1], [2])):
        settings = {"stage_epochs": stages, "stage_first_layer": first}
        run = train(tmp_path / str(first[0]), store, split, staged.replace(train=settings))
        model = models.of(run).build()
        model.load_weights(run.folder / "start.weights.h5")
        before = model.get_weights()
        model.load_weights(run.weights)
        after = model.get_weights()
        changed = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
        with np.load(run.folder / "checkpoint.npz") as found:
            kept = sum(name.startswith("optimizer") for name in found.files)
        seen[first[0]] = sum(changed[:-6]), all(changed[-6:]), kept
    # conv and norm of a base layer are 2 + 4 arrays; thawed norms move their statistics too
    assert seen == {
        -1: (0, True, 2 + 2 * 6),
        7: (2 * 6, True, 2 + 2 * (6 + 2 * 4)),
        2: (3 * 6 + 4, True, 2 + 2 * (6 + 3 * 4 + 2)),
    }


def test_a_stage_begins_with_the_best_weights_so_far(tmp_path, store, split, staged):
    """The second stage spoils them; the third, which changes nothing, is as good as the first."""
    settings = {
        "stage_epochs": [2, 1, 1],
        "stage_first_layer": [-1, -1, -1],
        "stage_rate": [1.0, 1e4, 1e-9],
    }
    history = train(tmp_path / "run", store, split, staged.replace(train=settings)).history
    loss = history["val_loss"].to_numpy()
    assert loss[2] > loss[:2].min() + 0.1
    assert loss[3] == pytest.approx(loss[:2].min(), abs=1e-3)
    assert history["learning_rate"].tolist() == pytest.approx([1e-3, 1e-3, 10.0, 1e-12])


def test_fine_tuning_takes_the_parents_network_in_one_stage(
    tmp_path, finished, store, split, config
):
    asked = config.replace(train={"fine_tune_epochs": 1, "layers": "dense"})
    run = train(tmp_path / "run", store, split, asked, parent=finished)
    assert (run.network, run.config.train.network) == (NAME, NAME)
    assert run.history["stage"].tolist() == [1]
    other = config.replace(train={"network": "xception"})
    with pytest.raises(GalcatError, match=f"'xception'.* is of the network {NAME}"):
        train(tmp_path / "other", store, split, other, parent=finished)


def test_where_no_epoch_is_better_the_parents_weights_are_kept(
    tmp_path, finished, store, split, config
):
    """A rate that spoils the network at once; the first weights are a candidate like any epoch's."""
    wild = config.replace(train={"fine_tune_epochs": 2, "fine_tune_rate": 1e3})
    run = train(tmp_path / "run", store, split, wild, parent=finished)
    report = run.report
    assert (report["best_epoch"], report["epochs"], report["loss"]) == (0, 2, None)
    assert report["val_loss"] == pytest.approx(finished.report["val_loss"], rel=1e-5)
    assert run.history["val_loss"].min() > report["val_loss"]
    kept, parents = models.load(run).get_weights(), models.load(finished).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(kept, parents, strict=True))


@pytest.mark.skipif(not distributed.has_horovod(), reason="Horovod is not installed")
@pytest.mark.horovod
@pytest.mark.slow
def test_workers_keep_the_same_statistics_of_batch_normalisation(
    tmp_path, store, split, staged, monkeypatch
):
    """Each sees other pictures; a training ends with an error where the workers' weights differ."""
    monkeypatch.setattr(fit, "WORKER", "tests.training.tiny")
    run = train(tmp_path / "run", store, split, staged, workers=2)
    assert run.history["stage"].tolist() == [1, 2, 2, 3, 3]
    with np.load(run.folder / "checkpoint.npz") as found:
        progress = json.loads(str(found["progress"]))
    assert (progress["stage"], progress["stage_epoch"]) == (2, 2)
    # half of a stage of one epoch, half of those of two, to twice the rate of one worker
    assert run.history["learning_rate"].tolist() == pytest.approx([2e-3] * 5)
    model = models.load(run)
    kept = models.of(run).build()
    kept.load_weights(run.folder / "start.weights.h5")
    statistics = [m.get_layer("norm3").moving_mean.numpy() for m in (kept, model)]
    assert not np.array_equal(*statistics)
