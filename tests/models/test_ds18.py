"""The DS18 network: its size, its seeds, and how pictures are prepared for it."""

import keras
import numpy as np
import pytest

from galcat_core import models, runs
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.models.ds18 import DS18, PARAMETERS

# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 201, (5, 92, 92, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return DS18.build(seed=4)


def test_parameters_are_those_of_the_paper(model):
    assert model.count_params() == 2_602_849 == PARAMETERS
    assert model.input_shape == (None, 69, 69, 3)
    assert model.output_shape == (None, 1)
    assert model.get_layer("flat").output.shape == (None, 36_992)
    assert model.get_layer(DS18.EMBEDDING_LAYER).output.shape == (None, 64)


def test_seed_decides_the_weights_and_the_dropout_seed_does_not(model):
    same, other = DS18.build(4, dropout_seed=9), DS18.build(5)
    assert all(map(np.array_equal, model.get_weights(), same.get_weights()))
    assert not np.array_equal(model.get_weights()[0], other.get_weights()[0])
    picture = np.ones((1, 69, 69, 3), np.float32)
    assert not np.array_equal(model(picture, training=True), same(picture, training=True))
    assert np.array_equal(model(picture), same(picture))


def test_dense_only_leaves_the_convolutions():
    model = DS18.build()
    DS18.set_learning(model, "dense")
    assert {v.path.split("/")[1] for v in model.trainable_variables} == {"embedding", "probability"}
    DS18.set_learning(model, "all")
    assert len(model.trainable_variables) == 12


def test_pixels_are_means_of_the_area_they_cover():
    pictures = np.random.default_rng(1).integers(0, 256, (2, 138, 138, 3), dtype=np.uint8)
    means = pictures.reshape(2, 69, 2, 69, 2, 3).mean((2, 4))
    assert np.array_equal(DS18.resize(pictures), np.round(means).astype(np.uint8))


def test_each_band_is_divided_by_its_maximum(pictures):
    dark = pictures.copy()
    dark[1, ..., 2] = 0
    prepared = DS18.prepare(dark).numpy()
    assert prepared.shape == (5, 69, 69, 3)
    assert prepared.dtype == np.float32
    assert prepared.min() >= 0
    assert np.array_equal(prepared.max((1, 2)), dark.any((1, 2)).astype(np.float32))


def test_a_picture_is_prepared_alike_alone_and_among_others(pictures):
    together = DS18.prepare(pictures).numpy()
    alone = np.concatenate([DS18.prepare(pictures[i : i + 1]) for i in range(len(pictures))])
    assert np.array_equal(together, alone)
    assert np.array_equal(together, DS18.normalise(DS18.resize(pictures)))


def test_small_pictures_are_enlarged_smoothly():
    ramp = np.broadcast_to(np.arange(0, 39 * 5, 5, dtype=np.uint8)[:, None], (1, 39, 39))
    enlarged = DS18.resize(np.repeat(ramp[..., None], 3, axis=-1))[0, :, 30, 0]
    assert enlarged.shape == (69,)
    steps = np.diff(enlarged.astype(int))
    assert steps.min() >= 0
    assert steps.max() <= 3  # 39 blocks would jump by 5


def test_a_picture_of_the_right_size_is_left_alone():
    picture = np.random.default_rng(2).integers(0, 256, (1, 69, 69, 3), dtype=np.uint8)
    assert np.array_equal(DS18.resize(picture), picture)


def test_load_gives_the_network_of_a_run(tmp_path, model):
    info = {"network": "ds18", "classes": ["a", "b"], "positive": "b", "store": {}}
    run = runs.create(tmp_path / "run", Config(), info)
    with pytest.raises(GalcatError, match="no weights yet"):
        models.load(run)
    model.save_weights(run.folder / "weights.weights.h5")
    picture = np.full((1, 69, 69, 3), 0.5, np.float32)
    assert np.array_equal(models.load(run.folder)(picture), model(picture))
    (run.folder / "weights.weights.h5").write_bytes(b"cut short")
    with pytest.raises(GalcatError, match="not the whole weights"):
        models.load(run)


def test_an_unknown_network_is_named_with_the_nearest():
    with pytest.raises(GalcatError, match=r"no network 'ds81'.*Did you mean 'ds18'"):
        models.network("ds81")
