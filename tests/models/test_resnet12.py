"""The small residual network: its size, its seeds, what learns, and what it is shown."""

import keras
import numpy as np
import pytest

from galcat_core import models
from galcat_core.errors import GalcatError
from galcat_core.models.resnet12 import PARAMETERS, RESNET12

# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return models.network("resnet12").build(seed=4)


def test_shapes_and_size(model):
    assert model.count_params() == PARAMETERS
    assert model.input_shape == (None, 64, 64, 3)
    assert model.output_shape == (None, 1)
    assert model.get_layer(RESNET12.EMBEDDING_LAYER).output.shape == (None, 128)
    convolutions = [la for la in model.layers if isinstance(la, keras.layers.Conv2D)]
    assert sum("short" not in la.name for la in convolutions) == 11, "and a dense one: twelve"


def test_seed_decides_the_weights_and_the_dropout_seed_does_not(model):
    same, other = RESNET12.build(4, dropout_seed=9), RESNET12.build(5)
    assert all(map(np.array_equal, model.get_weights(), same.get_weights()))
    assert not np.array_equal(model.get_weights()[0], other.get_weights()[0])
    picture = np.random.default_rng(1).random((2, 64, 64, 3), np.float32)
    assert np.array_equal(model(picture, training=False), same(picture, training=False))


def test_what_learns():
    model = RESNET12.build()
    RESNET12.set_learning(model, "dense")
    assert {v.path.split("/")[-2] for v in model.trainable_variables} == {"probability"}
    picture = np.random.default_rng(1).random((4, 64, 64, 3), np.float32)
    before = model.get_layer("stem_norm").moving_mean.numpy()
    model(picture, training=True)
    assert np.array_equal(before, model.get_layer("stem_norm").moving_mean), "frozen is frozen"
    RESNET12.set_learning(model, "all")
    model(picture, training=True)
    assert not np.array_equal(before, model.get_layer("stem_norm").moving_mean)


def test_pictures_are_brought_to_one():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    prepared = np.asarray(RESNET12.prepare(pictures))
    assert prepared.shape == (3, 64, 64, 3)
    assert prepared.dtype == np.float32
    assert np.allclose(prepared * 255, RESNET12.resize(pictures))
    small = RESNET12.resize(pictures)
    assert np.allclose(RESNET12.normalise(small.astype(np.float32) / 255), prepared)


def test_it_has_no_weights_of_imagenet():
    with pytest.raises(GalcatError, match="begins at random"):
        RESNET12.pretrain(RESNET12.build(), "weights.h5")
