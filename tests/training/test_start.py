"""What a run begins with: pretrained weights kept in the run, and one line where they cannot be had."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from galcat_core import models, runs
from galcat_core.errors import GalcatError
from galcat_core.training.fit import train
from tests.training.tiny import NAME, TINY

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"network": NAME, "input_px": 32, "epochs": 1, "limit": 8, "layers": "dense"}

# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(models.NETWORKS, NAME, TINY)


@pytest.fixture(scope="module")
def base() -> keras.Model:
    made = TINY.application(False, None, (32, 32, 3))
    rng = np.random.default_rng(1)
    made.set_weights([np.abs(rng.normal(0, 0.3, w.shape)) for w in made.get_weights()])
    return made


def test_a_run_keeps_the_weights_of_a_file_and_its_digest(tmp_path, base, store, split, config):
    base.save_weights(tmp_path / "base.weights.h5")
    given = config.replace(train={**SMALL, "weights": str(tmp_path / "base.weights.h5")})
    run = train(tmp_path / "run", store, split, given)
    assert run.config.train.weights == "base.weights.h5"  # no path: folders move
    assert run.info["start"]["weights"] == "base.weights.h5"
    assert len(run.info["start"]["digest"]) == 64
    # one epoch of the head alone: the base is the file's
    trained = models.load(run).get_weights()[: len(base.get_weights())]
    assert all(map(np.array_equal, trained, base.get_weights()))

    (tmp_path / "base.weights.h5").rename(tmp_path / "moved")  # what began needs it no more
    assert train(run.folder, store, split, given).digest == run.digest
    rng = np.random.default_rng(2)
    base.set_weights([np.abs(rng.normal(0, 0.3, w.shape)) for w in base.get_weights()])
    base.save_weights(tmp_path / "base.weights.h5")
    with pytest.raises(GalcatError, match="the first weights differ"):
        train(run.folder, store, split, given)


def test_without_weights_it_begins_at_random(tmp_path, store, split, config):
    run = train(tmp_path / "run", store, split, config.replace(train={**SMALL, "weights": "none"}))
    assert run.info["start"] is None
    assert not (run.folder / runs.START).exists()


def test_a_file_that_is_not_there_begins_nothing(tmp_path, store, split, config):
    given = config.replace(train={**SMALL, "weights": str(tmp_path / "absent.h5")})
    with pytest.raises(GalcatError, match=r"absent\.h5': no such file; legal are imagenet, none"):
        train(tmp_path / "run", store, split, given)
    assert not (tmp_path / "run").exists()


def test_without_network_and_file_one_line_says_what_to_do(tmp_path, store, split):
    """Keras's cache is empty and every host is out of reach."""
    split.save(tmp_path / "split.parquet")
    given = [store.path, "--split", tmp_path / "split.parquet", "-o", tmp_path / "run"]
    nowhere = {f"{kind}_proxy": "http://127.0.0.1:9" for kind in ("http", "https")}
    environment = {k: v for k, v in os.environ.items() if k.lower() != "no_proxy"}
    found = subprocess.run(
        [sys.executable, "-m", "galcat_core.cli", "train", *given, "--network", "MobileNetV3Small"],
        cwd=ROOT,
        env={**environment, **nowhere, "KERAS_HOME": str(tmp_path / "keras")},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 2
    assert found.stdout == ""
    last = found.stderr.strip().splitlines()[-1]
    assert last.startswith("galcat train: the ImageNet weights of mobilenetv3small are not in")
    assert "--weights FILE" in last and "--weights none" in last
    assert not (tmp_path / "run" / "run.json").exists()
