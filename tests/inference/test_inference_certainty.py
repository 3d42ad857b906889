"""Calibration, ensembles, dropout passes, turned views and the domain of really trained tiny runs."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from blobs import blobs

from galcat_core.config import Config
from galcat_core.embeddings.domain import Domain
from galcat_core.errors import GalcatError
from galcat_core.evaluation import calibration
from galcat_core.evaluation.calibration import Calibration, Calibrations
from galcat_core.images.shards import write_store
from galcat_core.images.store import CutoutStore
from galcat_core.inference.calibrating import calibrate, settle
from galcat_core.inference.look import entropy_of
from galcat_core.inference.network import VIEWS, seen
from galcat_core.inference.predicting import embed, predict, predict_to
from galcat_core.models.ship import pack, pack_ensemble
from galcat_core.records import Predictions, Split
from galcat_core.runs import Run
from galcat_core.sections import Calibrate

# Keras 3.15 converts TensorFlow arrays in a way that NumPy 2 warns of
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn.t accept a copy keyword:DeprecationWarning"
)
ROOT = Path(__file__).resolve().parents[2]
COUNT = 110
RECIPE = {"stretch": "lupton", "size_px": 40, "shard_rows": 64}


def stored(folder: Path, count: int, seed: int, survey: str) -> CutoutStore:
    images, long = blobs(count, 40, seed)
    ids = 2**60 + 1000 * seed + np.arange(count)
    table = pd.DataFrame({"id": ids, "label": np.where(long, "spiral", "elliptical"), "flags": 0})
    return write_store(folder, images, table, survey=survey, settings=RECIPE, shard_rows=64)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> CutoutStore:
    return stored(tmp_path_factory.mktemp("store") / "sdss", COUNT, 1, "sdss")


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> CutoutStore:
    return stored(tmp_path_factory.mktemp("store") / "des", 60, 2, "des")


@pytest.fixture(scope="module")
def runs(store, tmp_path_factory) -> list[Run]:
    """Two runs of other seeds, trained for an epoch."""
    from galcat_core.training.fit import train

    sets = np.array(["train"] * 40 + ["validation"] * 40 + ["test"] * (COUNT - 80))
    rows = store.table[["id", "label"]].assign(
        survey="sdss", set=sets, certain=True, group=np.arange(COUNT)
    )
    folder, made = tmp_path_factory.mktemp("runs"), []
    for seed in (1, 2):
        config = Config().replace(
            train={"epochs": 1, "batch_size": 20, "seed": seed}, calibrate={"method": "platt"}
        )
        made.append(train(folder / f"seed{seed}", store, Split(rows), config))
    return made


@pytest.fixture(scope="module")
def plain(runs, store) -> list[Predictions]:
    return [predict(run, store, progress=False) for run in runs]


@pytest.fixture()
def copied(runs, tmp_path) -> Run:
    """The first run, to be changed."""
    shutil.copytree(runs[0].folder, tmp_path / "run")
    return Run(tmp_path / "run")


def test_training_ends_with_calibration_and_domain(runs, store, plain):
    run, told = runs[0], plain[0]
    [(survey, made)] = Calibrations.load(run.folder).surveys.items()
    assert survey == "sdss" and made.method == "platt"
    assert sum(made.told["labels"].values()) == 40
    assert made.told["source"] == "validation galaxies"
    raw = np.stack([told.raw(name) for name in told.classes], axis=1)
    expected = made.apply(raw.astype(np.float32))[:, 1]
    assert np.array_equal(told.table["p_spiral"], expected)
    assert told.meta["calibration"] == [{"survey": "sdss", "method": "platt"}]
    validation = told.table["id"].isin(run.samples.query("set == 'validation'")["id"])
    far = told.table.loc[validation, "domain_distance"]
    assert far.between(0, 100).all() and far.max() == 100 and far.min() == 0
    assert (told.table["out_of_domain"] == (told.table["domain_distance"] > 99)).all()


def test_a_second_look_at_a_settled_run_changes_nothing(runs, store):
    files = [runs[0].folder / name for name in ("calibration.json", "domain.npz")]
    before = [(file.stat().st_mtime_ns, file.read_bytes()) for file in files]
    settle(runs[0], store, Calibrate(), progress=False)
    assert [(file.stat().st_mtime_ns, file.read_bytes()) for file in files] == before


def test_a_run_without_both_predicts_as_ever(copied, runs, store, plain):
    """As before there were any, and the raw probabilities are the same bits."""
    for name in ("calibration.json", "domain.npz"):
        (copied.folder / name).unlink()
    old = predict(copied, store, progress=False)
    assert list(old.table) == ["id", "p_elliptical", "p_spiral", "predicted", "flags", "run"]
    assert set(old.meta) == {"classes", "positive", "survey", "run_digest", "store_digest"}
    assert np.array_equal(old.table["p_spiral"], plain[0].table["raw_p_spiral"])
    none = predict(runs[0], store, progress=False, calibration="none").table
    assert np.array_equal(none["p_spiral"], old.table["p_spiral"]) and "raw_p_spiral" not in none
    settle(copied, store, copied.config.calibrate, progress=False)  # what was missing is made
    for name in ("calibration.json", "domain.npz"):
        assert (copied.folder / name).read_bytes() == (runs[0].folder / name).read_bytes()


def test_few_validation_galaxies_give_the_reason(copied, store):
    for name in ("calibration.json", "domain.npz"):
        (copied.folder / name).unlink()
    samples = copied.samples
    few = samples[(samples["set"] == "train") | (samples["label"] == "spiral")]
    few.to_parquet(copied.folder / "samples.parquet")
    settle(copied, store, Calibrate(), progress=False)
    made = Calibrations.load(copied.folder).surveys["sdss"]
    assert made.method == "none" and "at least 5 labelled galaxies" in made.told["reason"]


def test_another_surveys_calibration_is_taken_for_its_pictures(copied, store, other):
    labels = other.table[["id", "label"]]
    before = predict(copied, other, progress=False)
    assert before.meta["calibration"][0]["survey"] == "sdss"
    settings = Calibrate(method="platt", threshold=0.6)
    calibrate(copied, other, labels, settings, source="labels.csv", progress=False)
    after = predict(copied, other, progress=False)
    assert after.meta["calibration"] == [{"survey": "des", "method": "platt"}]
    assert after.threshold == 0.6
    said = after.table["predicted"] == "spiral"
    assert np.array_equal(said, after.table["p_spiral"] >= 0.6)
    assert not np.allclose(after.table["p_spiral"], before.table["p_spiral"])
    assert np.array_equal(after.table["raw_p_spiral"], before.table["raw_p_spiral"])
    back = predict(copied, other, progress=False, calibration="sdss")
    assert np.array_equal(back.table["p_spiral"], before.table["p_spiral"])
    here = predict(copied, store, progress=False)
    assert here.meta["calibration"][0]["survey"] == "sdss"
    with pytest.raises(GalcatError, match="no calibration for 'dess'"):
        predict(copied, other, calibration="dess")


def test_labels_that_do_not_fit_are_told(copied, other):
    with pytest.raises(GalcatError, match="no galaxy with a label of elliptical, spiral"):
        calibrate(copied, other, pd.DataFrame({"id": [1, 2], "label": ["spiral"] * 2}))


def test_an_ensemble_is_the_mean_of_calibrated_probabilities(runs, store, plain, tmp_path):
    both = predict(runs, store, progress=False)
    expected = np.mean([told.table["p_spiral"] for told in plain], axis=0)
    assert np.allclose(both.table["p_spiral"], expected, atol=1e-7)
    members = [np.stack([t.probability(c) for c in t.classes], axis=1) for t in plain]
    total = entropy_of(np.mean(members, axis=0))
    aleatoric = np.mean([entropy_of(m) for m in members], axis=0)
    assert np.allclose(both.table["aleatoric"], aleatoric, atol=1e-6)
    assert np.allclose(both.table["epistemic"], total - aleatoric, atol=1e-6)
    assert (both.table["epistemic"] > 0).any() and (both.table["epistemic"] >= 0).all()
    assert both.table["run"].str.startswith("ensemble-").all() and len(both.meta["members"]) == 2
    made = predict_to(tmp_path / "e.parquet", runs, store, part_rows=64, progress=False)
    assert made.table.equals(both.table)
    assert not (tmp_path / "e.parquet.parts").exists()
    assert Predictions.load(tmp_path / "e.parquet").table.equals(both.table)


def test_runs_that_make_no_ensemble_are_refused(runs, store, copied):
    with pytest.raises(GalcatError, match="given twice"):
        predict([runs[0], runs[0].folder], store)
    with pytest.raises(GalcatError, match="no run is given"):
        predict([], store)
    info = json.loads((copied.folder / "run.json").read_text()) | {"classes": ["disk", "bar"]}
    (copied.folder / "run.json").write_text(json.dumps(info))
    (copied.folder / "DIGEST").write_text("other\n")
    with pytest.raises(GalcatError, match=r"tells disk, bar apart.*elliptical, spiral"):
        predict([runs[0], copied], store)


def test_dropout_passes_are_thinned_networks_the_same_each_time(runs, store, plain, tmp_path):
    ids = store.ids[:40]
    look = {"progress": False, "passes": 3, "seed": 5, "calibration": "none"}
    told = predict(runs[0], store, ids, **look)
    # the probabilities stay as they are
    assert np.array_equal(told.table["p_spiral"], plain[0].table["raw_p_spiral"][:40])
    assert (told.table["epistemic"] > 0).all() and (told.table["aleatoric"] > 0).all()
    total = told.table["epistemic"] + told.table["aleatoric"]
    assert (total <= np.log(2) + 1e-6).all()
    parts = predict_to(tmp_path / "d.parquet", runs[0], store, ids, part_rows=40, **look)
    assert parts.table.equals(told.table)
    few = predict(runs[0], store, ids[[30, 3]], **look)
    by_id = told.table.set_index("id").loc[few.ids]
    assert np.allclose(few.table["epistemic"], by_id["epistemic"], atol=1e-5)
    again = predict(runs[0], store, ids, **(look | {"seed": 6}))
    assert not np.allclose(again.table["epistemic"], told.table["epistemic"])


def test_a_pass_is_the_network_with_its_dropout_at_work(runs, store):
    """On average over many masks: Keras' own dropout, whose masks are others."""
    import keras

    from galcat_core import models
    from galcat_core.inference.dropout import Thinned
    from galcat_core.inference.network import network_of

    rows = np.arange(3)
    network = network_of(runs[0].folder, runs[0].digest, 3)
    [found] = Thinned(runs[0], 60, 1).outputs(network, store, rows)
    assert found.shape == (60, 3, 2)
    model = models.load(runs[0])
    images = models.of(runs[0]).prepare(store.images(rows))
    theirs = np.stack([keras.ops.convert_to_numpy(model(images, training=True)) for _ in range(60)])
    error = np.hypot(found[..., 1].std(axis=0), theirs[..., 0].std(axis=0)) / np.sqrt(60)
    assert (np.abs(found[..., 1].mean(axis=0) - theirs[..., 0].mean(axis=0)) < 5 * error).all()
    assert np.allclose(found[..., 1].std(axis=0), theirs[..., 0].std(axis=0), rtol=0.6)


def test_dropouts_inside_branches_and_of_whole_branches():
    """No one place lies below all of them: the whole network works in each pass."""
    import keras
    from keras import layers

    from galcat_core.inference.dropout import cut, with_masks

    keras.utils.set_random_seed(1)
    pictures = keras.Input((4, 4, 3))
    way = layers.Conv2D(3, 3, padding="same", name="conv")(pictures)
    way = layers.Dropout(0.5, noise_shape=(None, 1, 1, 1), name="branch")(way)
    x = layers.GlobalAveragePooling2D()(layers.Add()([pictures, way]))
    model = keras.Model(pictures, layers.Dense(1, name="out")(layers.Dropout(0.3, name="head")(x)))
    below, above = cut(model)
    assert below is None
    masked = with_masks(above)
    images = np.random.default_rng(0).random((2, 4, 4, 3), np.float32)
    assert np.allclose(masked.predict_on_batch(images), model.predict_on_batch(images), atol=1e-6)
    branch = masked.get_layer("branch")
    assert tuple(branch.mask.shape) == (1, 1, 1, 1) and branch.keep == 0.5
    branch.mask.assign(np.zeros((1, 1, 1, 1)))
    weights, bias = (w.numpy() for w in model.get_layer("out").weights)
    expected = images.mean(axis=(1, 2)) @ weights + bias
    assert np.allclose(masked.predict_on_batch(images), expected, atol=1e-6)


def test_turned_views_are_averaged(runs, store, plain, tmp_path):
    images = store.images(np.arange(5))
    views = [seen(images, view) for view in range(VIEWS)]
    assert views[0] is images
    assert len({view.tobytes() for view in views}) == 8
    assert all((np.sort(v, axis=None) == np.sort(images, axis=None)).all() for v in views)
    ids = store.ids[:16]
    told = predict(runs[0], store, ids, progress=False, turned=True)
    single = []
    for view in range(VIEWS):
        turned = write_store(
            tmp_path / f"view{view}",
            seen(store.images(np.arange(16)), view),
            store.table.head(16),
            survey="sdss",
            settings=RECIPE,
        )
        single.append(predict(runs[0], turned, progress=False).table["p_spiral"])
    assert np.allclose(told.table["p_spiral"], np.mean(single, axis=0), atol=1e-6)
    expected = plain[0].table["domain_distance"][:16]
    assert np.allclose(told.table["domain_distance"], expected, atol=1e-3)
    assert predict(runs[0], store, ids, progress=False, turned=True).table.equals(told.table)


def test_all_of_it_at_once_survives_a_kill(runs, store, tmp_path):
    script = (
        "import sys\n"
        "from galcat_core.images.store import CutoutStore\n"
        "from galcat_core.inference.predicting import predict_to\n"
        "store = CutoutStore.open(sys.argv[1])\n"
        "size = dict(batch_size=4, part_rows=4, turned=True, passes=1)\n"
        "predict_to(sys.argv[2], sys.argv[3:], store, store.ids[:20], **size)\n"
    )
    broken, whole = tmp_path / "broken.parquet", tmp_path / "whole.parquet"
    folders = [str(run.folder) for run in runs]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(store.path), str(broken), *folders],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    parts = lambda: list((tmp_path / "broken.parquet.parts").glob("*/part-*.npz"))  # noqa: E731
    deadline = time.monotonic() + 300
    while len(parts()) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(parts()) >= 2 and not broken.exists()
    size = {"batch_size": 4, "part_rows": 4, "turned": True, "passes": 1, "progress": False}
    predict_to(broken, runs, store, store.ids[:20], **size)
    predict_to(whole, runs, store, store.ids[:20], **size)
    assert broken.read_bytes() == whole.read_bytes()


def test_strange_pictures_are_out_of_the_domain(runs, tmp_path):
    good, _ = blobs(40, 40, 7)
    blank = np.random.default_rng(1).normal(20, 6, (10, 40, 40, 3)).clip(0, 255).astype(np.uint8)
    streaked = good[:10].copy()
    streaked[:, 18:22] = 255
    images = np.concatenate([good, blank, streaked])
    table = pd.DataFrame({"id": np.arange(60)})
    odd = write_store(tmp_path / "odd", images, table, survey="sdss", settings=RECIPE)
    flagged = predict(runs[0], odd, progress=False).table["out_of_domain"].to_numpy()
    assert flagged[40:].all()
    assert flagged[:40].mean() < 0.3
    fewer = predict(runs[0], odd, progress=False, percentile=50.0).table["out_of_domain"]
    assert fewer.sum() > flagged.sum()
    with pytest.raises(GalcatError, match="percentile 100: above 0 and below 100"):
        predict(runs[0], odd, percentile=100.0)


def test_the_packed_model_keeps_both(runs, store, plain, tmp_path):
    packed = pack(runs[0], tmp_path / "packed")
    told = predict(packed, store, progress=False)
    assert list(told.table) == list(plain[0].table)
    assert np.abs(told.table["p_spiral"] - plain[0].table["p_spiral"]).max() < 0.02
    assert Domain.load(packed.folder) is not None


def test_a_packed_ensemble_predicts_as_its_members_together(runs, store, tmp_path):
    packed = pack_ensemble(runs, tmp_path / "packed")
    told = predict(packed.folder, store, store.ids[:20], progress=False)
    assert len(told.meta["members"]) == 2
    together = predict([packed], store, store.ids[:20], progress=False)
    assert together.table.equals(told.table)
    unpacked = predict(runs, store, store.ids[:20], progress=False)
    assert np.abs(told.table["p_spiral"] - unpacked.table["p_spiral"]).max() < 0.02
    assert embed(packed, store, store.ids[:5], progress=False).features.shape == (5, 64)
    again = pack_ensemble(runs[:1], tmp_path / "packed")  # a single one in its place
    assert "members" not in predict(again, store, store.ids[:5], progress=False).meta
    assert not (again.folder / "member2").exists()


@pytest.mark.parametrize("what", [{"passes": -1}, {"passes": 1, "seed": -1}])
def test_what_cannot_be_looked_at_is_told(runs, store, what):
    with pytest.raises(GalcatError, match="= -1: at least 0 is legal"):
        predict(runs[0], store, **what)


def test_calibrations_of_the_records_are_kept_apart(runs):
    found = Calibrations.load(runs[0].folder)
    more = found.with_survey("des", dataclasses.replace(Calibration(), threshold=0.3))
    assert set(more.surveys) == {"sdss", "des"} and set(found.surveys) == {"sdss"}
    assert calibration.digest_of(runs[0].folder) != calibration.digest_of(runs[1].folder)
