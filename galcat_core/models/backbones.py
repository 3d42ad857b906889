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
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from galcat_core.errors import GalcatError
from galcat_core.models.face import Network, dense, seeds
from galcat_core.models.precision import computing_in

UNITS, DROPOUT = 1024, 0.7  # Khan et al. 2019, section 3
SEEDS = 2019  # of the layers, apart from other networks'


@dataclass(frozen=True)
class Backbone(Network):
    """A network of keras.applications without its top, and the head of Khan et al. 2019 on it.

    Attributes
    ----------
    name : str
        Its key in `models.NETWORKS`.
    application : callable
        Of keras.applications.
    preprocess : callable
        Keras's own for it: pictures between 0 and 255 -> what the base expects.
    thaw : int
        First layer that learns in the second stage: of a block about a third of the way up.
    INPUT_SIZE : int
        Pixels, Keras's own; another size by `at`.
    fewest_px : int
        Smallest pictures that the base takes.
    """

    name: str
    application: Callable[..., keras.Model]
    preprocess: Callable[[Any], Any]
    thaw: int
    INPUT_SIZE: int = 224
    fewest_px: int = 32

    @classmethod
    def named(cls, application: str, family: str, thaw: int, **more: int) -> Backbone:
        """Return the network of a class of keras.applications and of the module with its preprocessing."""
        held = keras.applications
        preprocess = getattr(held, family).preprocess_input
        return cls(application.lower(), getattr(held, application), preprocess, thaw, **more)

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
        ReLU, softmax 2 (arXiv:1812.02183, section 3). Parameters as of `Network.build`.

        Returns
        -------
        keras.Model
            (N, INPUT_SIZE, INPUT_SIZE, 3) float32 pictures as `prepare` makes them -> (N, 2)
            probabilities of both classes. The layer `EMBEDDING_LAYER` gives (N, 1024) features.
        """
        first = seeds(seed, SEEDS, 4)
        drop = seeds(seed if dropout_seed is None else dropout_seed, SEEDS, 5)[4]
        with computing_in(precision), _default_seeds(first[0]):
            base = self._base(None)
            x = layers.GlobalAveragePooling2D(name="pooled")(base.output)
            x = self._head(x, first, drop)
            x = dense(2, "softmax", first[3], "probability", dtype="float32")(x)
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

    def _head(self, x: Any, first: list[int], drop: int) -> Any:
        """Return what stands between the pooled features and the probability: Khan et al. 2019's."""
        x = dense(UNITS, "relu", first[1], "hidden")(x)
        x = layers.Dropout(DROPOUT, seed=drop, name="hidden_dropout")(x)
        return dense(UNITS, "relu", first[2], self.EMBEDDING_LAYER)(x)

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
            seed = seeds(dropout_seed + place, SEEDS, 1)[0]
            layer.seed_generator.state.assign(np.array([seed, state[1]], state.dtype))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", re.sub(r"(?<=\d)D$", "d", name)).lower()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


MOBILENETV3SMALL = Backbone.named("MobileNetV3Small", "mobilenet_v3", thaw=50)
MOBILENETV3LARGE = Backbone.named("MobileNetV3Large", "mobilenet_v3", thaw=59)
EFFICIENTNETV2B0 = Backbone.named("EfficientNetV2B0", "efficientnet_v2", thaw=76)
RESNET50V2 = Backbone.named("ResNet50V2", "resnet_v2", thaw=86)
DENSENET121 = Backbone.named("DenseNet121", "densenet", thaw=141)
