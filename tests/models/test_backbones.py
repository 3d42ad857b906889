"""The keras.applications networks: places of the layers, Keras's own preprocessing, first weights."""

import keras
import numpy as np
import pytest

from galcat_core import models
from galcat_core.errors import GalcatError
from galcat_core.models import backbones, xception
from galcat_core.models.backbones import MOBILENETV3SMALL, Backbone
from galcat_core.models.resampling import resized, shares
from galcat_core.sections import Train
from galcat_core.training.start import OUR_OWN

# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = MOBILENETV3SMALL.at(32)
BACKBONES = [network for network in models.NETWORKS.values() if isinstance(network, Backbone)]


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def base() -> keras.Model:
    """A base whose weights are nobody else's."""
    made = keras.applications.MobileNetV3Small(
        input_shape=(32, 32, 3), include_top=False, weights=None
    )
    rng = np.random.default_rng(7)
    made.set_weights([rng.normal(0, 0.1, w.shape).astype(w.dtype) ** 2 for w in made.get_weights()])
    return made


def test_the_config_names_the_networks_that_there_are():
    assert Train.__dataclass_fields__["network"].metadata["choices"] == tuple(models.NETWORKS)
    ours = [name for name, network in models.NETWORKS.items() if network not in BACKBONES]
    assert tuple(ours) == OUR_OWN
    assert [network.name for network in BACKBONES] == [n for n in models.NETWORKS if n not in ours]


def test_xception_is_that_of_the_paper():
    model = xception.XCEPTION.build()
    assert model.count_params() == xception.PARAMETERS
    assert model.input_shape == (None, 299, 299, 3)
    assert model.output_shape == (None, 2)
    kinds = [type(layer).__name__ for layer in model.layers[132:]]
    assert kinds == ["GlobalAveragePooling2D", "Dense", "Dropout", "Dense", "Dense"]
    assert model.get_layer("hidden_dropout").rate == 0.7
    assert model.get_layer(xception.XCEPTION.EMBEDDING_LAYER).output.shape == (None, 1024)
    # counted as in keras.applications, so that the paper's indices name the paper's layers
    assert model.layers[2].name == "block1_conv1_bn"
    assert model.layers[40].name == "block5_sepconv2"
    assert xception.XCEPTION.STAGES == ((1, "dense", 1.0), (20, 40, 1.0), (20, 2, 1.0))


def test_xception_sees_pixels_from_minus_one_to_one():
    pixels = np.zeros((1, 71, 71, 3), np.uint8)
    pixels[0, 0, 0] = 255
    found = np.asarray(xception.XCEPTION.at(71).normalise(pixels))
    assert (found.min(), found.max()) == (-1.0, 1.0)


@pytest.mark.parametrize("network", BACKBONES, ids=lambda network: network.name)
def test_preprocessing_is_keras_own_for_bytes_and_for_fractions(network, pictures):
    expected = network.preprocess(pictures.astype(np.float32))
    assert np.allclose(network.normalise(pictures), expected, atol=1e-5)
    fractions = (pictures / 255).astype(np.float32)
    assert np.allclose(network.normalise(fractions), expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("network", BACKBONES, ids=lambda network: network.name)
def test_every_network_has_the_face(network):
    small = network.at(max(64, network.fewest_px))
    model = small.build(1)
    images = np.random.default_rng(0).integers(0, 256, (2, 50, 50, 3), dtype=np.uint8)
    found = np.asarray(model(small.prepare(images)))
    assert found.shape == (2, 2)
    assert np.allclose(found.sum(1), 1, atol=1e-6)
    learning = []
    for _, which, _ in small.STAGES:
        small.set_learning(model, which)
        learning.append(len(model.trainable_variables))
    small.set_learning(model, "all")
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    learning.append(len(model.trainable_variables))
    assert 2 * len(dense) == learning[0] < learning[1] < learning[2] <= learning[3]


def test_seed_decides_the_weights_and_the_dropout_seed_does_not(pictures):
    one, same, other = SMALL.build(4), SMALL.build(4, dropout_seed=9), SMALL.build(5)
    assert all(map(np.array_equal, one.get_weights(), same.get_weights()))
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])
    assert not np.array_equal(one.get_weights()[-2], other.get_weights()[-2])
    assert [layer.name for layer in one.layers] == [layer.name for layer in other.layers]
    ones = np.ones((1, 1024), np.float32)
    masks = [m.get_layer("hidden_dropout")(ones, training=True) for m in (one, same)]
    assert not np.array_equal(*masks)
    seen = SMALL.prepare(pictures)
    assert np.array_equal(one(seen), same(seen))


def test_dropouts_within_a_base_follow_the_dropout_seed():
    network = backbones.EFFICIENTNETV2B0.at(32)
    one, two = network.build(1, dropout_seed=1), network.build(1, dropout_seed=2)
    states = [
        {tuple(np.asarray(v.value)) for v in model.variables if "seed_generator" in v.path}
        for model in (one, two)
    ]
    assert len(states[0]) == 16
    assert not states[0] & states[1]
    assert all(map(np.array_equal, one.get_weights(), two.get_weights()))


def test_what_a_frozen_batch_normalisation_does_and_what_a_thawed_one_does(pictures):
    """Frozen: inference mode, whatever learns above it. Thawed: the batch's statistics."""
    model = SMALL.build(1)
    place = SMALL.thaw
    norms = [
        (i, layer)
        for i, layer in enumerate(model.layers)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    SMALL.set_learning(model, place)
    assert {layer.trainable for i, layer in norms if i < place} == {False}
    assert {layer.trainable for i, layer in norms if i >= place} == {True}
    before = [np.array(layer.moving_mean.value) for _, layer in norms]
    model(SMALL.prepare(pictures), training=True)
    moved = [
        not np.array_equal(old, layer.moving_mean.value)
        for old, (_, layer) in zip(before, norms, strict=True)
    ]
    assert moved == [i >= place for i, _ in norms]
    SMALL.set_learning(model, "dense")
    inside = keras.Model(model.inputs[0], model.get_layer("pooled").output)
    seen = SMALL.prepare(pictures)
    assert np.array_equal(inside(seen, training=True), inside(seen, training=False))


@pytest.mark.parametrize("suffix", ["_notop.h5", ".weights.h5", ".keras"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_file_gives_the_base_its_weights(tmp_path, base, suffix):
    path = tmp_path / f"mobilenet{suffix}"
    base.save_weights(path) if suffix == ".weights.h5" else base.save(path)
    model = SMALL.build(1)
    head = [w.copy() for w in model.get_weights()[-6:]]
    SMALL.pretrain(model, str(path))
    found = model.get_weights()
    assert len(found) == len(base.get_weights()) + 6
    assert all(map(np.array_equal, found[:-6], base.get_weights()))
    assert all(map(np.array_equal, found[-6:], head))


def test_a_file_of_another_base_or_none_is_told(tmp_path):
    model = SMALL.build(1)
    path = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(path)
    with pytest.raises(GalcatError, match=r"not the weights of mobilenetv3small's base") as told:
        SMALL.pretrain(model, str(path))
    assert "\n" not in str(told.value)
    (tmp_path / "cut.h5").write_bytes(b"cut short")
    with pytest.raises(GalcatError, match=r"cut\.h5: not the weights"):
        SMALL.pretrain(model, str(tmp_path / "cut.h5"))
    with pytest.raises(GalcatError, match=r"no such file; legal are imagenet, none"):
        SMALL.pretrain(model, str(tmp_path / "absent.h5"))


def test_ds18_begins_at_random():
    ds18 = models.network("ds18")
    model = ds18.build(1)
    ds18.pretrain(model, "imagenet")
    assert all(map(np.array_equal, model.get_weights(), ds18.build(1).get_weights()))
    with pytest.raises(GalcatError, match="ds18 begins at random"):
        ds18.pretrain(model, "some.h5")


def test_the_size_of_the_pictures_may_be_chosen_within_limits():
    assert models.network("xception", 96).INPUT_SIZE == 96
    assert models.network("ds18", 69) is models.network("ds18")
    with pytest.raises(GalcatError, match="xception takes pictures of 71 pixels or more"):
        models.network("xception", 70)
    with pytest.raises(GalcatError, match="ds18 sees pictures of 69 pixels only"):
        models.network("ds18", 96)


@pytest.mark.parametrize(("source", "target"), [(96, 69), (423, 299), (69, 69), (39, 69), (62, 96)])
def test_resampling_keeps_the_light_and_its_place(source, target):
    found = shares(source, target).astype(np.float64)
    assert found.shape == (target, source)
    assert np.allclose(found.sum(1), 1, atol=1e-6)
    assert (found >= 0).all()
    centres = found @ (np.arange(source) + 0.5) / source
    inner = slice(2, -2)
    assert np.allclose(centres[inner], ((np.arange(target) + 0.5) / target)[inner], atol=1e-3)
    if source >= target:
        assert np.allclose(found.sum(0), target / source, atol=1e-6)


def test_resampling_is_tensorflows():
    tf = pytest.importorskip("tensorflow")
    images = np.random.default_rng(3).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    for size, method in ((69, "area"), (150, "bilinear")):
        expected = tf.image.resize(images, [size, size], method).numpy()
        assert np.abs(resized(images, size) - expected).max() < 0.5 + 1e-3
