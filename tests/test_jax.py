"""Prediction and features on JAX, where there is no TensorFlow: the numbers that TensorFlow gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galcat_core import backend
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.images.shards import write_store
from galcat_core.images.store import CutoutStore
from galcat_core.inference.predicting import predict_and_embed
from galcat_core.records import Embedding, Predictions, Split
from galcat_core.runs import Run

# Keras 3.15 converts TensorFlow arrays in a way that NumPy 2 warns of
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn.t accept a copy keyword:DeprecationWarning"
)
needs_jax = pytest.mark.skipif(
    not backend.installed("jax"), reason="JAX is not installed: pip install 'galcat[jax]'"
)
ROOT = Path(__file__).resolve().parents[1]
COUNT = 40
# a machine where these are not installed
WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in {names} else PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""
MAIN = """
from galcat_core.cli import main
sys.exit(main(sys.argv[1:]))
"""
BOTH = """
from galcat_core.images.store import CutoutStore
from galcat_core.inference.predicting import predict_and_embed
predictions, embedding = predict_and_embed(sys.argv[1], CutoutStore.open(sys.argv[2]), batch_size=16)
predictions.save(sys.argv[3])
embedding.save(sys.argv[4])
assert sys.modules["keras"].config.backend() == "jax" and "tensorflow" not in sys.modules
"""
TENSORFLOW = ("tensorflow", "tensorflow_cpu", "horovod")
NETWORKS = {
    "ds18": {"network": "ds18", "epochs": 1},
    "backbone": {"network": "mobilenetv3small", "input_px": 48, "epochs": 1},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> CutoutStore:
    rng = np.random.default_rng(0)
    long = rng.random(COUNT) < 0.5
    y, x = np.mgrid[:60, :60] - 29.5
    thin = np.where(long, 0.4, 1.0)[:, None, None]
    light = 200 * np.exp(-0.5 * ((x / 8) ** 2 + (y / (8 * thin)) ** 2))
    images = light[..., None] + rng.normal(20, 6, (COUNT, 60, 60, 3))
    table = pd.DataFrame({"id": np.arange(COUNT), "label": np.where(long, "spiral", "elliptical")})
    folder = tmp_path_factory.mktemp("store") / "sdss"
    return write_store(folder, images.clip(0, 255).astype(np.uint8), table, survey="sdss")


@pytest.fixture(scope="module")
def ds18(store, tmp_path_factory) -> Run:
    return trained("ds18", store, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def backbone(store, tmp_path_factory) -> Run:
    return trained("backbone", store, tmp_path_factory.mktemp("runs"))


def trained(name: str, store: CutoutStore, folder: Path) -> Run:
    from galcat_core.training.fit import train

    sets = np.repeat(["train", "validation"], [28, 12])
    rows = store.table[["id", "label"]].assign(
        survey="sdss", set=sets, certain=True, group=np.arange(COUNT)
    )
    config = Config().replace(train={"batch_size": 14, **NETWORKS[name]})
    if name == "backbone":
        config = config.replace(train={"weights": str(pretrained(folder, store))})
    return train(folder / name, store, Split(rows), config)


def pretrained(folder: Path, store: CutoutStore) -> Path:
    """Write weights whose batch normalisations have seen pictures, so that features differ."""
    import keras

    from galcat_core import models

    base = keras.applications.MobileNetV3Small((48, 48, 3), include_top=False, weights=None)
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    base(models.network("mobilenetv3small", 48).prepare(store.images(np.arange(30))), training=True)
    base.save_weights(folder / "base.weights.h5")
    return folder / "base.weights.h5"


def python(script: str, *given: object, without: tuple[str, ...]) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(names=without) + script, *map(str, given)],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != backend.VARIABLE},
        capture_output=True,
        text=True,
    )


def assert_like_tensorflow(run: Run, store: CutoutStore, folder: Path) -> None:
    """Compare with what a process gives that has no TensorFlow."""
    expected, features = predict_and_embed(run, store, progress=False)
    assert np.ptp(expected.table["p_spiral"]) > 1e-3
    files = folder / "p.parquet", folder / "e.parquet"
    told = python(BOTH, run.folder, store.path, *files, without=TENSORFLOW)
    assert told.returncode == 0, told.stderr
    table = Predictions.load(files[0]).table
    for column in [name for name in table if name.startswith(("p_", "raw_"))]:
        assert np.abs(table[column] - expected.table[column]).max() < 1e-4
    found = Embedding.load(files[1]).features
    assert np.abs(found - features.features).max() < 1e-4


@needs_jax
def test_ds18_on_jax_gives_the_numbers_of_tensorflow(ds18, store, tmp_path):
    assert_like_tensorflow(ds18, store, tmp_path)


@needs_jax
@pytest.mark.slow
def test_a_backbone_on_jax_gives_the_numbers_of_tensorflow(backbone, store, tmp_path):
    assert_like_tensorflow(backbone, store, tmp_path)


@needs_jax
def test_jax_by_name_beside_tensorflow(ds18, store, tmp_path):
    given = [store.path, "--run", ds18.folder, "-o", tmp_path / "p.csv", "--backend", "jax"]
    told = python(MAIN, "predict", *given, without=("horovod",))
    assert told.returncode == 0, told.stderr
    expected = predict_and_embed(ds18, store, progress=False)[0].table["p_spiral"]
    assert np.abs(pd.read_csv(tmp_path / "p.csv")["p_spiral"] - expected).max() < 1e-4


@needs_jax
def test_without_tensorflow_training_is_refused_in_one_line(store, tmp_path):
    sets = store.table[["id", "label"]].assign(
        survey="sdss", set="train", certain=True, group=np.arange(COUNT)
    )
    Split(sets).save(tmp_path / "split.parquet")
    given = ["--split", tmp_path / "split.parquet", "-o", tmp_path / "run"]
    told = python(MAIN, "train", store.path, *given, without=TENSORFLOW)
    assert told.returncode == 2
    assert told.stderr.startswith("galcat train: the backend 'tensorflow' is not installed")
    assert told.stderr.count("\n") == 1


def test_a_backend_that_is_unknown_or_missing_or_too_late_is_told(monkeypatch):
    import keras

    assert backend.choose() == keras.config.backend()
    other = next(name for name in backend.BACKENDS if name != keras.config.backend())
    with pytest.raises(GalcatError, match="in this process already"):
        backend.choose(other)
    monkeypatch.setattr(backend, "_running", lambda: None)
    monkeypatch.setenv(backend.VARIABLE, "torch")
    with pytest.raises(GalcatError, match="no backend 'torch'; legal are tensorflow, jax"):
        backend.choose()
    monkeypatch.setattr(backend, "installed", lambda name: False)
    with pytest.raises(GalcatError, match=r"'jax' is not installed: pip install 'galcat\[jax\]'"):
        backend.choose("jax")
