"""Prediction and features from a really trained tiny run: exact, deterministic, bounded, killable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from blobs import blobs

from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.images.shards import write_store
from galcat_core.images.store import CutoutStore
from galcat_core.inference.network import ahead
from galcat_core.inference.predicting import (
    check_recipe,
    embed,
    embed_to,
    predict,
    predict_and_embed,
    predict_to,
    run_label,
)
from galcat_core.provenance import Provenance
from galcat_core.records import Embedding, Predictions, Split
from galcat_core.runs import Run

# Keras 3.15 converts TensorFlow arrays in a way that NumPy 2 warns of
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn.t accept a copy keyword:DeprecationWarning"
)
ROOT = Path(__file__).resolve().parents[2]
COUNT = 150
RECIPE = {"stretch": "lupton", "size_px": 40, "bands": ["i", "r", "g"], "shard_rows": 64}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> CutoutStore:
    images, long = blobs(COUNT, 40, seed=1)
    ids = 2**60 + np.random.default_rng(0).permutation(COUNT)
    label = np.where(long, "spiral", "elliptical")
    table = pd.DataFrame({"id": ids, "label": label, "flags": np.arange(COUNT) % 4})
    folder = tmp_path_factory.mktemp("store") / "sdss"
    return write_store(folder, images, table, survey="sdss", settings=RECIPE, shard_rows=64)


@pytest.fixture(scope="module")
def run(store, tmp_path_factory) -> Run:
    from galcat_core.training.fit import train

    sets = np.array(["train"] * 60 + ["validation"] * 20 + ["test"] * (COUNT - 80))
    rows = store.table[["id", "label"]].assign(
        survey="sdss", set=sets, certain=True, group=np.arange(COUNT)
    )
    config = Config().replace(train={"epochs": 2, "batch_size": 20})
    folder = tmp_path_factory.mktemp("runs") / "baseline"
    return train(folder, store, Split(rows), config)


@pytest.fixture(scope="module")
def predictions(run, store) -> Predictions:
    return predict(run, store, progress=False)


def parquet(record, path: Path) -> bytes:
    record.save(path)
    return path.read_bytes()


def test_probabilities_are_the_networks_own(run, store, predictions):
    """Against Keras' own predict on all pictures, prepared at once."""
    from galcat_core import models

    network = models.network(run.network)
    prepared = network.prepare(store.images(np.arange(COUNT))).numpy()
    expected = models.load(run).predict(prepared, verbose=0)[:, 0]
    table = predictions.table
    assert np.allclose(predictions.raw("spiral"), expected, atol=1e-6)
    for kind in ("p", "raw_p"):
        assert np.allclose(table[f"{kind}_spiral"] + table[f"{kind}_elliptical"], 1, atol=1e-6)
    assert np.ptp(expected) > 0.01  # it has learnt to tell something apart
    assert ((table["p_spiral"] >= 0.5) == (table["predicted"] == "spiral")).all()


def test_rows_carry_id_flags_and_run(run, store, predictions):
    table = predictions.table
    columns = ["p_elliptical", "p_spiral", "raw_p_elliptical", "raw_p_spiral"]
    columns += ["predicted", "domain_distance", "out_of_domain"]
    assert list(table.columns) == ["id", *columns, "flags", "run"]
    assert (table["id"].to_numpy() == store.ids).all() and table["id"].dtype == np.int64
    assert (table["flags"].to_numpy() == store.table["flags"].to_numpy()).all()
    assert set(table["run"]) == {f"baseline-{run.digest[:12]}"} == {run_label(run)}
    assert predictions.classes == ["elliptical", "spiral"] and predictions.positive == "spiral"
    assert predictions.meta["run_digest"] == run.digest


def test_embedding_is_the_layers_output_of_the_same_pass(run, store, predictions):
    import keras

    from galcat_core import models

    model = models.load(run)
    network = models.network(run.network)
    cut = keras.Model(model.inputs[0], model.get_layer(network.EMBEDDING_LAYER).output)
    images = network.prepare(store.images(np.arange(COUNT))).numpy()
    expected = cut.predict(images, verbose=0)
    told, embedding = predict_and_embed(run, store, progress=False)
    assert isinstance(embedding, Embedding) and embedding.features.shape == (COUNT, 64)
    assert np.allclose(embedding.features, expected, atol=1e-5)
    last = model.layers[-1]
    weights, bias = (w.numpy() for w in last.weights)
    logit = embedding.features @ weights + bias
    assert np.allclose(1 / (1 + np.exp(-logit[:, 0])), told.raw("spiral"), atol=1e-6)
    assert (told.table["p_spiral"] == predictions.table["p_spiral"]).all()


def test_nothing_random_and_no_batch_size_matters(run, store, predictions, tmp_path):
    again = predict(run, store, progress=False)
    assert parquet(again, tmp_path / "a.parquet") == parquet(predictions, tmp_path / "b.parquet")
    for batch_size in (1, 7, 500):
        other = predict(run, store, batch_size=batch_size, progress=False)
        assert np.allclose(other.raw("spiral"), predictions.raw("spiral"), atol=1e-6)
        # a steep calibration enlarges the last digits
        assert np.allclose(other.table["p_spiral"], predictions.table["p_spiral"], atol=1e-4)


def test_ids_in_the_order_asked(run, store, predictions):
    asked = store.ids[[149, 3, 77, 0, 64]]
    some = predict(run, store, ids=asked, progress=False)
    assert (some.ids == asked).all()
    by_id = predictions.table.set_index("id").loc[asked]
    assert np.allclose(some.table["raw_p_spiral"], by_id["raw_p_spiral"], atol=1e-6)
    assert (some.table["flags"].to_numpy() == by_id["flags"].to_numpy()).all()
    turned = predict(run, store, ids=asked[::-1], progress=False)
    assert (turned.table["p_spiral"].to_numpy()[::-1] == some.table["p_spiral"].to_numpy()).all()


@pytest.mark.parametrize("workers", [1, 2])
def test_predict_to_writes_what_predict_gives(run, store, predictions, tmp_path, workers):
    provenance = Provenance("predict", {}, {}, "1")
    made = predict_to(
        tmp_path / "to.parquet",
        run,
        store,
        embedding=tmp_path / "features.parquet",
        part_rows=64,
        workers=workers,
        provenance=provenance,
        progress=False,
    )
    assert (made.table["p_spiral"] == predictions.table["p_spiral"]).all()
    assert not (tmp_path / "to.parquet.parts").exists()
    loaded = Predictions.load(tmp_path / "to.parquet")
    assert loaded.provenance == provenance and loaded.table.equals(predictions.table)
    features = Embedding.load(tmp_path / "features.parquet")
    assert (features.features == embed(run, store, progress=False).features).all()
    if workers == 1:
        embed_to(tmp_path / "alone.parquet", run, store, provenance=provenance, progress=False)
        both = [(tmp_path / f"{name}.parquet").read_bytes() for name in ("alone", "features")]
        assert both[0] == both[1]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}


def test_killed_at_any_moment_it_goes_on(run, store, tmp_path):
    """kill -9 after some parts: the rest is made in another process, and the bytes are the same."""
    whole, broken = tmp_path / "whole.parquet", tmp_path / "broken.parquet"
    predict_to(whole, run, store, batch_size=4, part_rows=4, progress=False)
    script = (
        "import sys\n"
        "from galcat_core.images.store import CutoutStore\n"
        "from galcat_core.inference.predicting import predict_to\n"
        "store = CutoutStore.open(sys.argv[2])\n"
        "predict_to(sys.argv[3], sys.argv[1], store, batch_size=4, part_rows=4)\n"
    )
    arguments = [sys.executable, "-c", script, str(run.folder), str(store.path), str(broken)]
    process = subprocess.Popen(
        arguments, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    parts = lambda: sorted((tmp_path / "broken.parquet.parts").glob("*/part-*.npz"))  # noqa: E731
    deadline = time.monotonic() + 300
    while len(parts()) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = len(parts())
    assert 3 <= kept < 38 and not broken.exists()
    predict_to(broken, run, store, batch_size=4, part_rows=4, progress=False)
    assert broken.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "broken.parquet.parts").exists()


def test_parts_of_an_earlier_start_are_used_and_those_of_other_work_are_not(
    run, store, tmp_path, monkeypatch
):
    from galcat_core.inference.plan import Plan

    made = []
    make = Plan.make

    def counted(plan, number, *more):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(number)
        make(plan, number, *more)

    monkeypatch.setattr(Plan, "make", counted)
    out = tmp_path / "p.parquet"
    with pytest.raises(KeyboardInterrupt):
        predict_to(out, run, store, batch_size=32, part_rows=32, progress=False)
    made.clear()
    with pytest.raises(KeyboardInterrupt):  # other galaxies: their own parts
        predict_to(out, run, store, store.ids[:140], batch_size=32, part_rows=32, progress=False)
    assert made == [0, 1]
    made.clear()
    monkeypatch.setattr(Plan, "make", lambda *a: (made.append(a[1]), make(*a)))
    predict_to(out, run, store, batch_size=32, part_rows=32, progress=False)
    assert made == [2, 3, 4]
    assert len(list((tmp_path / "p.parquet.parts").iterdir())) == 1  # the other work's stay


def test_only_one_at_a_time_makes_a_file(run, store, tmp_path):
    from galcat_core.parts import parts_of

    with (
        parts_of(tmp_path / "p.csv", {"a": 1}),
        pytest.raises(GalcatError, match="another galcat is making it"),
        parts_of(tmp_path / "p.csv", {"a": 1}),
    ):
        pass


def test_memory_is_bounded_by_batches(run, store, monkeypatch):
    """No more pictures are read than the network has asked for, but for a few batches."""
    from galcat_core.inference import network

    read, peak = [], []
    images = type(store).images
    monkeypatch.setattr(
        type(store), "images", lambda self, rows: (read.append(len(rows)), images(self, rows))[1]
    )
    loaded = network.network_of(run.folder, run.digest, 10)
    done = 0
    for part in loaded.outputs(store, np.arange(COUNT)):
        done += len(part.features)
        peak.append(sum(read) - done)
    assert done == COUNT and max(peak) <= 10 * (network.AHEAD + 2)


def test_a_reading_error_comes_through_and_the_thread_ends(run, store, tmp_path):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(store.path, broken)
    (broken / "shard-00001.npy").write_bytes(b"nothing")
    before = threading.active_count()
    with pytest.raises(GalcatError, match=r"shard-00001\.npy"):
        predict(run, CutoutStore.open(broken), progress=False)
    assert threading.active_count() == before


def test_ahead_stops_its_thread_when_the_reader_goes():
    taken = []
    found = ahead((taken.append(i) or i for i in range(10_000)), 2)
    assert next(found) == 0
    found.close()
    count = len(taken)
    assert count < 10
    time.sleep(0.3)
    assert len(taken) == count


def test_unfinished_missing_or_foreign_runs_are_refused(run, store, tmp_path):
    import shutil

    with pytest.raises(GalcatError, match="no such run folder"):
        predict(tmp_path / "none", store)
    unfinished = tmp_path / "unfinished"
    shutil.copytree(run.folder, unfinished)
    (unfinished / "DIGEST").unlink()
    (unfinished / "report.json").unlink()
    with pytest.raises(GalcatError, match="interrupted, not finished"):
        predict(unfinished, store)
    with pytest.raises(GalcatError, match="holds no run"):
        predict(store.path, store)


def test_pictures_of_another_recipe_are_refused_but_for_a_word(run, store, tmp_path):
    images = store.images(np.arange(20))
    table = store.table[["id"]].head(20)
    other = write_store(
        tmp_path / "other", images, table, survey="des", settings={**RECIPE, "stretch": "sigma"}
    )
    with pytest.raises(GalcatError, match="stretch was 'lupton', is 'sigma'") as caught:
        predict(run, other)
    assert "\n" not in str(caught.value)
    assert len(predict(run, other, any_recipe=True, progress=False)) == 20
    alike = write_store(
        tmp_path / "alike", images, table, survey="des", settings={**RECIPE, "shard_rows": 7}
    )
    check_recipe(run, alike)


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        ([5, 6], "2 ids have no picture here, first 5"),
        ([], "no id was given"),
        ([2**60, 2**60], "stand more than once"),
        ([1.5e18 + 0.0], "lost digits"),
    ],
)
def test_bad_ids_are_told_in_one_line(run, store, ids, told):
    with pytest.raises(GalcatError, match=told) as caught:
        predict(run, store, ids=ids)
    assert "\n" not in str(caught.value)


def test_bad_batch_size_and_place(run, store, tmp_path):
    with pytest.raises(GalcatError, match="batch size 0: at least 1"):
        predict(run, store, batch_size=0)
    with pytest.raises(GalcatError, match="cannot tell the table's format"):
        predict_to(tmp_path / "p.txt", run, store)
    (tmp_path / "p.csv").mkdir()
    with pytest.raises(GalcatError, match="is a folder"):
        predict_to(tmp_path / "p.csv", run, store)


def test_file_names_as_ids_and_csv(run, store, tmp_path):
    names = [f"{i:03d}.jpg" for i in range(20)]
    named = write_store(
        tmp_path / "named", store.images(np.arange(20)), pd.DataFrame({"id": names}), survey="mine"
    )
    predict_to(tmp_path / "p.csv", run, named, progress=False)
    table = pd.read_csv(tmp_path / "p.csv")
    assert list(table["id"]) == names and {"p_elliptical", "p_spiral"} <= set(table.columns)
