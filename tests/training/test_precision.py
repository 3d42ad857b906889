"""Half precision and XLA: the losses of full precision, and the same bits after an interruption."""

import numpy as np
import pytest

from galcat_core import models
from galcat_core.runs import Run
from galcat_core.sections import Train
from galcat_core.training import checkpoint
from galcat_core.training.distributed import Workers
from galcat_core.training.fit import train
from galcat_core.training.steps import compiled, optimizer_for
from tests.training.tiny import NAME, TINY

# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(models.NETWORKS, NAME, TINY)


@pytest.fixture(scope="module")
def small(config):
    """Everything learns for one epoch, the head for another."""
    stages = {"stage_epochs": [1, 1], "stage_first_layer": [0, -1]}
    return config.replace(train={"network": NAME, "weights": "none", **stages})


@pytest.fixture(scope="module")
def full(tmp_path_factory, store, split, small) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(models.NETWORKS, NAME, TINY)
        return train(tmp_path_factory.mktemp("runs") / "full", store, split, small)


@pytest.mark.parametrize(
    ("settings", "near"),
    [
        ({"xla": True}, 0.03),  # which draws other dropout masks
        ({"precision": "mixed_float16"}, 0.03),
        ({"precision": "mixed_bfloat16"}, 0.1),
    ],
    ids=["xla", "float16", "bfloat16"],
)
def test_losses_are_near_those_of_full_precision(
    tmp_path, full, store, split, small, settings, near
):
    run = train(tmp_path / "run", store, split, small.replace(train=settings))
    for column in ("loss", "val_loss"):
        expected = full.history[column].to_numpy()
        assert np.abs(run.history[column].to_numpy() - expected).max() < near
        assert not np.array_equal(run.history[column], expected)  # the option did something
    assert all(weight.dtype == np.float32 for weight in models.load(run).get_weights())


def test_xla_measures_what_is_measured_without_it():
    rng = np.random.default_rng(0)
    images = rng.random((5, 32, 32, 3), np.float32)
    batch = images, np.float32([0, 1, 0, 1, 1]), np.float32([1, 2, 1, 1, 0])
    model = TINY.build(1)
    optimizer = optimizer_for(model, Train())
    plain, fused = (compiled(model, optimizer, Workers(), xla)[1](*batch) for xla in (False, True))
    assert np.allclose(plain, fused, rtol=1e-5)
    assert plain[1] == 5
    assert plain[3] == 4


def test_interrupted_in_half_precision_it_comes_to_the_same_bits(
    tmp_path, store, split, small, monkeypatch
):
    """The scale of the loss is kept with the optimiser."""
    settings = small.replace(train={"precision": "mixed_float16", "checkpoint_seconds": 0.0})
    whole = train(tmp_path / "whole", store, split, settings)
    saved, save = [], checkpoint.save

    def save_and_break(*given):
        save(*given)
        saved.append(given)
        if len(saved) == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_break)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "run", store, split, settings)
    resumed = train(tmp_path / "run", store, split, settings)
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()


@pytest.mark.parametrize("network", [models.network("ds18"), TINY], ids=["ds18", "tiny"])
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_layers_compute_in_half_precision_and_the_last_one_in_full(network, half):
    model = network.build(1, precision=f"mixed_{half}")
    layer = model.get_layer(network.EMBEDDING_LAYER)
    assert (layer.compute_dtype, layer.variable_dtype) == (half, "float32")
    pictures = np.random.default_rng(0).integers(0, 256, (2, 69, 69, 3), dtype=np.uint8)
    found = model(network.prepare(pictures))
    assert found.dtype.name == "float32"
    plain = network.build(1)
    assert plain.get_layer(network.EMBEDDING_LAYER).compute_dtype == "float32"
    assert np.allclose(found, plain(network.prepare(pictures)), atol=0.02)
