"""Training: the same bits after a kill -9 and with Horovod, one truth on all workers, clear refusals."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from galcat_core import models, runs
from galcat_core.datasets.pipeline import Pictures
from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore
from galcat_core.models import ds18
from galcat_core.records import Split
from galcat_core.runs import Run
from galcat_core.training import distributed, fit
from galcat_core.training.fit import train

ROOT = Path(__file__).resolve().parents[2]
TRAIN = """
import sys
from galcat_core.config import Config
from galcat_core.images.store import CutoutStore
from galcat_core.records import Split
from galcat_core.training.fit import train
folder, store, split, config, workers = sys.argv[1:]
train(folder, CutoutStore.open(store), Split.load(split), Config.load(config), int(workers))
"""

# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
horovod = pytest.mark.skipif(not distributed.has_horovod(), reason="Horovod is not installed")


@pytest.fixture(autouse=True)
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, store, split, config) -> Run:
    """A run that nothing broke."""
    return train(tmp_path_factory.mktemp("runs") / "whole", store, split, config)


def start(folder: Path, store, split: Split, config, workers: int = 1) -> subprocess.Popen:
    """Train in a process of its own that writes a checkpoint after each step."""
    split.save(folder.parent / "split.parquet")
    config.replace(train={"checkpoint_seconds": 0}).save(folder.parent / "config.toml")
    given = [folder, store.path, folder.parent / "split.parquet", folder.parent / "config.toml"]
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, *map(str, given), str(workers)],
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_step(process: subprocess.Popen, folder: Path, epoch: int, step: int) -> None:
    """Return as soon as there is a checkpoint inside an epoch."""
    while True:
        time.sleep(0.01)
        assert process.poll() is None, process.stderr.read()
        if not (folder / "checkpoint.npz").is_file():
            continue
        with np.load(folder / "checkpoint.npz") as found:
            progress = json.loads(str(found["progress"]))
        if progress["epoch"] == epoch and progress["step"] >= step:
            return


def test_a_finished_run_holds_all_that_made_it(finished, store, split):
    assert finished.status == "finished"
    assert (finished.classes, finished.positive) == (["elliptical", "spiral"], "spiral")
    assert (finished.survey, finished.network, finished.info["workers"]) == ("sdss", "ds18", 1)
    assert finished.info["store"]["digest"] == store.digest
    assert finished.info["samples"]["train"] == {"elliptical": 19, "spiral": 18}
    assert list(finished.history.columns) == list(runs.HISTORY)
    assert finished.history["epoch"].tolist() == [1, 2]
    report = finished.report
    best = finished.history.set_index("epoch").loc[report["best_epoch"]]
    assert best["val_loss"] == finished.history["val_loss"].min() == report["val_loss"]
    assert report["ended"] == "epochs"
    assert len(finished.digest) == 64
    assert not finished.samples["id"].isin(split.rows("sdss", "test")["id"]).any()


def test_the_weights_kept_are_those_that_were_validated(finished, store):
    samples = finished.samples
    table = samples[samples["set"] == "validation"]
    pictures = Pictures(store, store.rows_of(table["id"]), ds18)
    found = models.load(finished)(ds18.normalise(pictures.take(np.arange(len(table)))))
    p, label = found.numpy()[:, 0], (table["label"] == "spiral").to_numpy()
    losses = -np.log(np.where(label, p, 1 - p))
    expected = np.average(losses, weights=table["weight"])
    assert finished.report["val_loss"] == pytest.approx(expected, rel=1e-5)
    assert finished.report["val_accuracy"] == pytest.approx(np.mean((p >= 0.5) == label))


def test_a_finished_run_is_not_trained_again(finished, store, split, config):
    before = {p: p.stat().st_mtime_ns for p in finished.folder.glob("*.h5")}
    assert train(finished.folder, store, split, config).digest == finished.digest
    assert {p: p.stat().st_mtime_ns for p in finished.folder.glob("*.h5")} == before


def test_other_settings_or_galaxies_are_refused_by_name(finished, store, split, config):
    with pytest.raises(GalcatError, match=r"train\.epochs was 2, is 3"):
        train(finished.folder, store, split, config.replace(train={"epochs": 3}))
    fewer = Split(split.table[split.table["id"] != 1005])
    with pytest.raises(GalcatError, match="the galaxies differ"):
        train(finished.folder, store, fewer, config)


def test_killed_inside_an_epoch_it_comes_to_the_same_bits(tmp_path, finished, store, split, config):
    process = start(tmp_path / "run", store, split, config)
    wait_for_step(process, tmp_path / "run", epoch=1, step=4)
    process.kill()
    process.communicate()
    run = Run.open(tmp_path / "run")
    assert run.status == "interrupted"
    assert len(run.history) == 1
    resumed = train(run.folder, store, split, config)
    assert resumed.weights.read_bytes() == finished.weights.read_bytes()
    assert resumed.digest == finished.digest
    exact = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
    assert resumed.history[exact].equals(finished.history[exact])


@horovod
@pytest.mark.horovod
def test_horovod_with_one_process_gives_the_same_bits(tmp_path, finished, store, split, config):
    run = train(tmp_path / "run", store, split, config, workers=1, horovod=True)
    assert run.weights.read_bytes() == finished.weights.read_bytes()
    assert run.digest == finished.digest


@horovod
@pytest.mark.horovod
def test_two_workers_stay_one_and_agree(tmp_path, store, split, config, monkeypatch):
    """Started from different weights they end with the same, and decide alike."""
    monkeypatch.setattr(fit, "WORKER", "tests.training.actors")
    launch = distributed.launch
    monkeypatch.setattr(distributed, "launch", lambda m, a, *rest: launch(m, ["fit", *a], *rest))
    run = train(tmp_path / "run", store, split, config, workers=2)
    with np.load(run.folder / "rank-0.npz") as one, np.load(run.folder / "rank-1.npz") as two:
        shared = [name for name in one.files if name != "dropout"]
        assert len(shared) == 14
        assert all(np.array_equal(one[name], two[name]) for name in shared)
        assert not np.array_equal(one["dropout"], two["dropout"])
    samples, p = run.samples, models.load(run)
    table = samples[samples["set"] == "validation"]
    pictures = Pictures(store, store.rows_of(table["id"]), ds18)
    p = p(ds18.normalise(pictures.take(np.arange(len(table))))).numpy()[:, 0]
    label = (table["label"] == "spiral").to_numpy()
    expected = np.average(-np.log(np.where(label, p, 1 - p)), weights=table["weight"])
    assert run.report["val_loss"] == pytest.approx(expected, rel=1e-5)
    assert run.history["learning_rate"].max() == pytest.approx(2 * config.train.learning_rate)


@horovod
@pytest.mark.horovod
def test_a_worker_killed_in_training_ends_it_and_it_goes_on(tmp_path, store, split, config):
    process = start(tmp_path / "run", store, split, config, workers=2)
    wait_for_step(process, tmp_path / "run", epoch=0, step=2)
    workers = psutil.Process(process.pid).children()
    assert len(workers) == 2
    with pytest.raises(GalcatError, match=f"is being trained by process {process.pid}"):
        train(tmp_path / "run", store, split, config, workers=2)
    os.kill(max(worker.pid for worker in workers), signal.SIGKILL)
    told = process.communicate(timeout=60)[1]
    assert "worker 1 of 2 was killed by SIGKILL" in told
    assert not any(worker.is_running() for worker in workers)
    run = train(tmp_path / "run", store, split, config, workers=2)
    assert run.finished
    assert len(run.history) == 2


def test_two_workers_learn_what_one_learns(tmp_path, store, split, config, monkeypatch):
    """Without dropout, half the batch on twice the workers is the same training but for rounding."""
    import keras

    monkeypatch.setattr(ds18.layers, "Dropout", lambda rate, seed, name: keras.layers.Identity())
    calm = {"scale_learning_rate": False, "learning_rate": 1e-4, "epochs": 1}
    one = config.replace(train={**calm, "batch_size": 8})
    single = train(tmp_path / "one", store, split, one)
    from galcat_core.training import loop

    begun = tmp_path / "two"
    monkeypatch.setattr(distributed, "launch", lambda *_: None)
    with pytest.raises(GalcatError, match="ended without a report"):
        train(begun, store, split, config.replace(train={**calm, "batch_size": 4}), workers=2)
    learnt = _by_hand(loop, Run.open(begun), store)
    kept = models.load(single).get_weights()
    moved = [np.abs(a - b).max() for a, b in zip(kept, learnt, strict=True)]
    assert max(moved) < 2e-5


def _by_hand(loop, run: Run, store: CutoutStore) -> list[np.ndarray]:
    """Play both workers in one process: each step takes the mean of their gradients."""
    import keras
    import tensorflow as tf

    settings = run.config.train
    pair = [distributed.Workers(rank, 2) for rank in range(2)]
    model, optimizer = loop._network(run, pair[0])
    sources = [loop._batches(run, worker, store)[0] for worker in pair]
    feeds = [s.training(0, settings.seed, run.config.augment) for s in sources]
    counts = sources[0].plan(loop.shuffled(len(sources[0].labels), settings.seed, 0)).counts
    variables = [v.value for v in model.trainable_variables]
    for count, *shares in zip(counts, *feeds, strict=True):
        total = [0.0] * len(variables)
        for images, label, weight in shares:
            with tf.GradientTape() as tape:
                p = model(images, training=True)
                loss = tf.reduce_sum(
                    weight * keras.losses.binary_crossentropy(label[:, None], p)
                ) * (2 / count)
            found = tape.gradient(loss, variables)
            total = [a + b / 2 for a, b in zip(total, found, strict=True)]
        optimizer.learning_rate.assign(settings.learning_rate)
        optimizer.apply(total, model.trainable_variables)
    return model.get_weights()


def test_fine_tuning_of_the_dense_layers_leaves_the_rest(tmp_path, finished, store, split, config):
    settings = config.replace(train={"layers": "dense", "fine_tune_epochs": 1, "limit": 8})
    run = train(tmp_path / "run", store, split, settings, parent=finished)
    assert run.info["parent"]["digest"] == finished.digest
    assert run.history["learning_rate"].tolist() == pytest.approx([3e-4])
    old, new = models.load(finished).get_weights(), models.load(run).get_weights()
    same = [np.array_equal(a, b) for a, b in zip(old, new, strict=True)]
    assert same == [True] * 8 + [False] * 4


def test_a_store_that_moved_or_changed_is_told(
    tmp_path, make_store, make_table, make_split, config
):
    from galcat_core.training import loop

    table = make_table(12)
    split = make_split(table, {"train": 8, "validation": 4})
    store = make_store(tmp_path / "store", table)
    run = train(tmp_path / "run", store, split, config)
    assert loop.open_store(run).digest == store.digest
    store.path.rename(tmp_path / "moved")
    with pytest.raises(GalcatError, match=r"learns from .*moved or gone.*name the store"):
        loop.open_store(run)
    moved = CutoutStore.open(tmp_path / "moved")
    assert train(run.folder, moved, split, config).digest == run.digest
    assert loop.open_store(run).digest == store.digest
    other = make_store(tmp_path / "other", pd.DataFrame(table[::-1]))
    with pytest.raises(GalcatError, match="the pictures differ"):
        train(run.folder, other, split, config)
    (tmp_path / "moved").rename(tmp_path / "away")
    (tmp_path / "other").rename(tmp_path / "moved")
    with pytest.raises(GalcatError, match="begun with other pictures"):
        loop.open_store(run)


def test_a_damaged_checkpoint_and_a_diverged_loss_are_told(tmp_path, store, split, config):
    wild = config.replace(train={"learning_rate": 1e30, "epochs": 3})
    with pytest.raises(GalcatError, match=r"the loss is (nan|inf).*lower train\.learning_rate"):
        train(tmp_path / "wild", store, split, wild)
    run = tmp_path / "cut"
    run.mkdir()
    (run / ".lock").touch()
    begun = fit._begin
    with pytest.MonkeyPatch.context() as patch:

        def begin_and_break(*args):
            made = begun(*args)
            (made.folder / "checkpoint.npz").write_bytes(b"PK cut short")
            return made

        patch.setattr(fit, "_begin", begin_and_break)
        with pytest.raises(GalcatError, match=r"checkpoint\.npz: damaged.*delete it"):
            train(run, store, split, config)
