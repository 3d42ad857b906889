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
from PIL import Image

from galcat_core import models, runs
from galcat_core.config import Config
from galcat_core.datasets.pipeline import Batches, Pictures, shuffled
from galcat_core.errors import GalcatError
from galcat_core.images.pictures import import_pictures
from galcat_core.images.store import CutoutStore
from galcat_core.inference import calibrating
from galcat_core.inference.predicting import predict
from galcat_core.models import network
from galcat_core.records import Split
from galcat_core.runs import Run
from galcat_core.sections import Harmonise
from galcat_core.training import checkpoint, distributed, fit
from galcat_core.training.fit import train

ROOT = Path(__file__).resolve().parents[2]
DS18 = network("ds18")
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
    """Train in a process of its own that writes checkpoints often."""
    split.save(folder.parent / "split.parquet")
    config.replace(train={"checkpoint_seconds": 0.0}).save(folder.parent / "config.toml")
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


def assert_validated_exactly(run: Run, store: CutoutStore) -> None:
    """Compare what was reported with the kept weights on all validation galaxies at once."""
    samples = run.samples
    table = samples[samples["set"] == "validation"]
    assert len(table) % 2 == 1  # does not come out even on two workers
    pictures = Pictures(store, store.rows_of(table["id"]), DS18)
    found = models.load(run)(DS18.normalise(pictures.take(np.arange(len(table)))))
    p, label = found.numpy()[:, 0], (table["label"] == "spiral").to_numpy()
    expected = np.average(-np.log(np.where(label, p, 1 - p)), weights=table["weight"])
    assert run.report["val_loss"] == pytest.approx(expected, rel=1e-5)
    assert run.report["val_accuracy"] == pytest.approx(np.mean((p >= 0.5) == label))


def test_the_weights_kept_are_those_that_were_validated(finished, store):
    assert_validated_exactly(finished, store)


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
@pytest.mark.slow
def test_two_workers_go_on_after_a_kill_and_stay_one(tmp_path, store, split, config, monkeypatch):
    """One is killed; begun again from weights that differ, both end with the same and decide alike."""
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

    launch = distributed.launch
    monkeypatch.setattr(fit, "WORKER", "tests.training.actors")
    monkeypatch.setattr(distributed, "launch", lambda m, a, *rest: launch(m, ["fit", *a], *rest))
    run = train(tmp_path / "run", store, split, config, workers=2)
    with np.load(run.folder / "rank-0.npz") as one, np.load(run.folder / "rank-1.npz") as two:
        shared = [name for name in one.files if name != "dropout"]
        assert len(shared) == 14  # 12 weights, history, best epoch
        assert all(np.array_equal(one[name], two[name]) for name in shared)
        assert not np.array_equal(one["dropout"], two["dropout"])
    assert_validated_exactly(run, store)
    assert run.history["epoch"].tolist() == [1, 2]
    assert run.history["learning_rate"].max() == pytest.approx(2 * config.train.learning_rate)


def test_the_mean_gradient_of_the_workers_is_that_of_one_with_all_pictures(finished, store):
    """Two workers with batches of 4 take the step that one takes with batches of 8."""
    import keras
    import tensorflow as tf

    samples, model = finished.samples, models.load(finished)
    table = samples[samples["set"] == "train"]
    pictures = Pictures(store, store.rows_of(table["id"]), DS18)
    variables = [v.value for v in model.trainable_variables]

    def gradients(batch_size: int, rank: int, size: int) -> list[np.ndarray]:
        labels = table["label"] == "spiral"
        source = Batches(pictures, labels, table["weight"], batch_size, rank, size)
        counts, found = source.plan(shuffled(len(table), 3, 0)).counts, []
        assert counts.tolist() == [8, 8, 7, 7, 7]
        feed = source.training(0, 3, finished.config.augment)
        for count, (images, label, weight) in zip(counts, feed, strict=True):
            with tf.GradientTape() as tape:
                losses = keras.losses.binary_crossentropy(label[:, None], model(images))
                loss = tf.reduce_sum(weight * losses) * (size / count)
            found.append(
                np.concatenate([g.numpy().ravel() for g in tape.gradient(loss, variables)])
            )
        return found

    alone, one, two = gradients(8, 0, 1), gradients(4, 0, 2), gradients(4, 1, 2)
    for expected, a, b in zip(alone, one, two, strict=True):
        assert np.linalg.norm((a + b) / 2 - expected) < 1e-3 * np.linalg.norm(expected)
        assert np.linalg.norm(a - expected) > 1e-1 * np.linalg.norm(expected)


def test_another_number_of_workers_is_refused(finished, store):
    from galcat_core.training import loop

    with pytest.raises(GalcatError, match="begun with 1 workers, not 2"):
        loop.fit(finished, distributed.Workers(0, 2), store)


def test_fine_tuning_of_the_dense_layers_leaves_the_rest(tmp_path, finished, store, split, config):
    settings = config.replace(train={"layers": "dense", "fine_tune_epochs": 1, "limit": 8})
    run = train(tmp_path / "run", store, split, settings, parent=finished)
    assert run.info["parent"]["digest"] == finished.digest
    assert run.history["learning_rate"].tolist() == pytest.approx([3e-4])
    with np.load(run.folder / "checkpoint.npz") as last:  # whether or not they are kept
        same = [
            np.array_equal(old, last[f"model_{place}"])
            for place, old in enumerate(models.load(finished).variables)
            if not checkpoint.is_dropout_state(old)
        ]
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
    wild = config.replace(train={"learning_rate": 1e38, "epochs": 1})
    with pytest.raises(GalcatError, match=r"the loss is (nan|inf).*lower train\.learning_rate"):
        train(tmp_path / "wild", store, split, wild)
    run = tmp_path / "cut"
    run.mkdir()
    (run / ".lock").touch()
    begun = fit.begin
    with pytest.MonkeyPatch.context() as patch:

        def begin_and_break(*args):
            made = begun(*args)
            (made.folder / "checkpoint.npz").write_bytes(b"PK cut short")
            return made

        patch.setattr(fit, "begin", begin_and_break)
        with pytest.raises(GalcatError, match=r"checkpoint\.npz: damaged.*delete it"):
            train(run, store, split, config)


def test_a_run_learns_from_other_looks_and_says_so(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(4)
    for number in range(24):
        y, x = np.mgrid[:64, :64] - 31.5
        light = 180 * np.exp(-np.hypot(x / 9, y / (9 if number % 2 else 4)))[..., None]
        Image.fromarray((light + rng.uniform(4, 12, (64, 64, 3))).astype(np.uint8)).save(
            folder / f"{number:02d}.png"
        )
    names = [f"{n:02d}.png" for n in range(24)]
    label = ["elliptical" if n % 2 else "spiral" for n in range(24)]
    table = pd.DataFrame({"id": names, "file": names, "label": label})
    settings = Harmonise(size_px=48, renderings=2)
    store = import_pictures(folder, table, tmp_path / "store", settings=settings, survey="sdss")
    rows = table[["id", "label"]].assign(
        survey="sdss", set=["train"] * 16 + ["validation"] * 8, certain=True, group=range(24)
    )
    split = Split(rows)
    config = Config().replace(train={"epochs": 1, "batch_size": 8}, augment={"renderings": 0.9})
    run = train(tmp_path / "run", store, split, config)
    assert run.info["store"]["renderings"] == [other.digest for other in store.renderings]
    plain = train(tmp_path / "plain", store, split, config.replace(augment={"renderings": 0.0}))
    assert plain.info["store"]["renderings"] == []
    assert run.digest != plain.digest
    assert run.history["loss"].tolist() != plain.history["loss"].tolist()
    # the calibration sees the validation galaxies in all looks
    ids = run.samples.query("set == 'validation'")["id"].to_numpy()
    asked = {"progress": False, "any_recipe": True, "calibration": "none"}
    each = [
        predict(run, one, ids, **asked).table["p_spiral"].to_numpy()
        for one in (store, *store.renderings)
    ]
    own = np.stack([1 - each[0], each[0]], axis=1)
    asked.pop("calibration")
    seen = calibrating._in_looks(run, store, ids, own, asked)[:, 1]
    shown_in = np.argmin(np.abs(np.stack(each) - seen), axis=0)
    assert np.allclose(np.stack(each)[shown_in, np.arange(len(ids))], seen, atol=1e-6)
    assert len(set(shown_in)) > 1
    more = Harmonise(size_px=48, renderings=3)
    import_pictures(folder, table, tmp_path / "store", settings=more, survey="sdss")
    with pytest.raises(GalcatError, match="other surveys' looks differ"):
        train(tmp_path / "run", CutoutStore.open(tmp_path / "store"), split, config)
