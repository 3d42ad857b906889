"""Networks of keras.applications under one head: ImageNet's features below, two classes above."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import re
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers, ops

from galcat_core.errors import GalcatError
from galcat_core.models.precision import computing_in
from galcat_core.models.resampling import resized

FIRST_OF_HEAD = "pooled"  # name of the first layer above the base
UNITS, DROPOUT = 1024, 0.7  # Khan et al. 2019, section 3


@dataclass(frozen=True)
class Backbone:
    """A network of keras.applications without its top, and the head of Khan et al. 2019 on it.

    Attributes
    ----------
    name : str
        Its key in `models.NETWORKS`.
    application : callable
        Of keras.applications.
    preprocess : callable
        Keras's own for it: pictures between 0 and 255 -> what the base expects.
    INPUT_SIZE : int
        Pixels; another size by `at`.
    thaw : int
        First layer that learns in the second stage.
    fewest_px : int
        Smallest pictures that the base takes.
    """

    name: str
    application: Callable[..., keras.Model]
    preprocess: Callable[[Any], Any]
    INPUT_SIZE: int
    thaw: int
    fewest_px: int = 32

    EMBEDDING_LAYER: ClassVar[str] = "embedding"

    @property
    def STAGES(self) -> tuple[tuple[int, str | int, float], ...]:
        """Most epochs, layers that learn, factor on the rate: Khan et al. 2019, section 3."""
        return (1, "dense", 1.0), (20, self.thaw, 1.0), (20, 2, 1.0)

    def at(self, input_px: int) -> Backbone:
        """Return the same network for pictures of another size.

        Raises
        ------
        GalcatError
            The base does not take pictures so small.
        """
        if input_px < self.fewest_px:
            raise GalcatError(
                f"train.input_px = {input_px}: {self.name} takes pictures of {self.fewest_px} "
                f"pixels or more; 0 gives its own {self.INPUT_SIZE}"
            )
        return dataclasses.replace(self, INPUT_SIZE=input_px)

    def build(
        self, seed: int = 0, dropout_seed: int | None = None, precision: str = "float32"
    ) -> keras.Model:
        """Return the network with random weights; `pretrain` gives its base better ones.

        The base's layers come first and lie flat in the model, so that they have the places that
        they have in Keras; then global average pooling, Dense 1024 ReLU, Dropout 0.7, Dense 1024
        ReLU, softmax 2 (arXiv:1812.02183, section 3).

        Parameters
        ----------
        seed : int
            Seed of the first weights: the same seed gives the same bits.
        dropout_seed : int, optional
            Seed of the dropout masks (default: `seed`).
        precision : str
            What the layers compute in (see `precision.computing_in`); the probabilities are float32.

        Returns
        -------
        keras.Model
            (N, INPUT_SIZE, INPUT_SIZE, 3) float32 pictures as `prepare` makes them -> (N, 2)
            probabilities of both classes. The layer `EMBEDDING_LAYER` gives (N, 1024) features.
        """
        first = _seeds(seed, 4)
        drop = _seeds(seed if dropout_seed is None else dropout_seed, 5)[4]

        def dense(units: int, activation: str, number: int, name: str, **more: Any) -> layers.Layer:
            start = keras.initializers.GlorotUniform(seed=first[number])
            return layers.Dense(
                units, activation=activation, kernel_initializer=start, name=name, **more
            )

        with computing_in(precision), _default_seeds(first[0]):
            base = self._base(None)
            x = layers.GlobalAveragePooling2D(name=FIRST_OF_HEAD)(base.output)
            x = dense(UNITS, "relu", 1, "hidden")(x)
            x = layers.Dropout(DROPOUT, seed=drop, name="hidden_dropout")(x)
            x = dense(UNITS, "relu", 2, self.EMBEDDING_LAYER)(x)
            x = dense(2, "softmax", 3, "probability", dtype="float32")(x)
        model = keras.Model(base.input, x, name=self.name)
        _settle(model, drop)
        return model

    def pretrain(self, model: keras.Model, weights: str) -> None:
        """Give the base of a built network the weights that it begins with.

        Parameters
        ----------
        model : keras.Model
            Of `build`, with this INPUT_SIZE.
        weights : str
            "imagenet" (downloaded by Keras once and kept in its cache), "none" (random, as they
            are), or a file of the base without its top: `.h5`, `.weights.h5` or `.keras`.

        Raises
        ------
        GalcatError
            Keras has not the ImageNet weights and cannot get them, or the file is not of this base.
        """
        if weights == "none":
            return
        base = self._imagenet() if weights == "imagenet" else self._from_file(Path(weights))
        for source, layer in zip(base.layers, model.layers, strict=False):  # the head has no source
            layer.set_weights(source.get_weights())

    def set_learning(self, model: keras.Model, which: str | int = "all") -> None:
        """Choose the layers that learn: "all", "dense" (the head alone), or all from a place on.

        Batch normalisation in a layer that does not learn is in inference mode, whatever learns
        above it: its statistics stay those of the pictures that it was trained on. In one that
        learns it takes the statistics of the batch, and moves the kept ones towards them.
        """
        names = [layer.name for layer in model.layers]
        first = {"all": 0, "dense": names.index(FIRST_OF_HEAD)}.get(which, which)
        for place, layer in enumerate(model.layers):
            layer.trainable = place >= first

    def resize(self, images: Any) -> np.ndarray:
        """Bring pictures, (N, H, W, 3), uint8, to INPUT_SIZE (see `resampling.resized`)."""
        return resized(images, self.INPUT_SIZE)

    def normalise(self, images: Any) -> Any:
        """Bring pixels to the range that the base was trained with, as Keras does for it.

        Parameters
        ----------
        images : array or tensor, (N, INPUT_SIZE, INPUT_SIZE, 3)
            uint8, or float32 between 0 and 1.

        Returns
        -------
        tensor of the backend, (N, INPUT_SIZE, INPUT_SIZE, 3), float32
        """
        whole = keras.backend.standardize_dtype(images.dtype) == "uint8"
        return self.preprocess(ops.cast(images, "float32") * (1.0 if whole else 255.0))

    def prepare(self, images: Any) -> Any:
        """Turn stored pictures into the network's input: `resize`, then `normalise`."""
        return self.normalise(self.resize(images))

    def _base(self, weights: str | None) -> keras.Model:
        shape = (self.INPUT_SIZE, self.INPUT_SIZE, 3)
        return self.application(include_top=False, weights=weights, input_shape=shape)

    def _imagenet(self) -> keras.Model:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # Keras tells of the download
                return self._base("imagenet")
        except Exception as error:  # Keras raises no narrower one where it cannot download
            raise GalcatError(
                f"the ImageNet weights of {self.name} are not in Keras's cache and cannot be "
                f"downloaded ({_first_line(error)}); name a file of them with --weights FILE "
                "(Keras's file without top, copied from a machine with network), or begin at random "
                "with --weights none"
            ) from error

    def _from_file(self, path: Path) -> keras.Model:
        if not path.is_file():
            raise GalcatError(
                f"train.weights = '{path}': no such file; legal are imagenet, none, and a file of "
                f"{self.name}'s base without its top (.h5, .weights.h5, .keras)"
            )
        base = self._base(None)
        try:
            with warnings.catch_warnings():
                # Keras only warns of layers that it finds no weights for
                warnings.simplefilter("error", UserWarning)
                base.load_weights(path)
        except (OSError, ValueError, KeyError, UserWarning, zipfile.BadZipFile) as error:
            raise GalcatError(
                f"{path}: not the weights of {self.name}'s base without its top "
                f"({_first_line(error)}); take Keras's file whose name ends in notop, or save those "
                f"of keras.applications.{self.application.__name__}(include_top=False)"
            ) from error
        return base


@contextlib.contextmanager
def _default_seeds(seed: int) -> Iterator[None]:
    """Let layers that were given no seed draw theirs from this one; Keras asks Python for them."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def _settle(model: keras.Model, dropout_seed: int) -> None:
    """Give the base's dropouts this worker's seed, and unnamed layers a name that every build gives.

    Keras counts unnamed layers through the whole process and writes their names into the file of
    weights, which shall be the same bytes for the same weights.
    """
    for place, layer in enumerate(model.layers):
        if re.fullmatch(re.escape(_snake(type(layer).__name__)) + r"(_\d+)?", layer.name):
            layer.name = f"{_snake(type(layer).__name__)}_at_{place}"
        if isinstance(layer, layers.Dropout) and layer.name != "hidden_dropout":
            state = np.asarray(layer.seed_generator.state.value)
            seed = _seeds(dropout_seed + place, 1)[0]
            layer.seed_generator.state.assign(np.array([seed, state[1]], state.dtype))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", re.sub(r"(?<=\d)D$", "d", name)).lower()


def _seeds(seed: int, count: int) -> list[int]:
    return [int(s) >> 1 for s in np.random.SeedSequence([seed, 2019]).generate_state(count)]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


applications = keras.applications
# Input sizes are Keras's own; `thaw` is the first layer of a block about a third of the way up.
MOBILENETV3SMALL = Backbone(
    "mobilenetv3small",
    applications.MobileNetV3Small,
    applications.mobilenet_v3.preprocess_input,
    INPUT_SIZE=224,
    thaw=50,
)
MOBILENETV3LARGE = Backbone(
    "mobilenetv3large",
    applications.MobileNetV3Large,
    applications.mobilenet_v3.preprocess_input,
    INPUT_SIZE=224,
    thaw=59,
)
EFFICIENTNETV2B0 = Backbone(
    "efficientnetv2b0",
    applications.EfficientNetV2B0,
    applications.efficientnet_v2.preprocess_input,
    INPUT_SIZE=224,
    thaw=76,
)
RESNET50V2 = Backbone(
    "resnet50v2",
    applications.ResNet50V2,
    applications.resnet_v2.preprocess_input,
    INPUT_SIZE=224,
    thaw=86,
)
DENSENET121 = Backbone(
    "densenet121",
    applications.DenseNet121,
    applications.densenet.preprocess_input,
    INPUT_SIZE=224,
    thaw=141,
)
