"""A small residual network for small pictures: trains in minutes on two cores, ships in a megabyte."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from galcat_core.errors import GalcatError
from galcat_core.models.precision import computing_in
from galcat_core.models.resampling import resized

INPUT_SIZE = 64
EMBEDDING_LAYER = "embedding"
PARAMETERS = 678_505
STAGES = ()  # all layers learn from the beginning
BLOCKS = ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1))  # filters, stride
MOMENTUM = 0.95  # of the batch normalisations: trainings are short


def build(
    seed: int = 0, dropout_seed: int | None = None, precision: str = "float32"
) -> keras.Model:
    """Return the untrained network: residual blocks as in He et al. 2015 (arXiv:1512.03385).

    Parameters
    ----------
    seed : int
        Seed of the first weights: the same seed gives the same bits.
    dropout_seed : int, optional
        Seed of the dropout mask (default: `seed`).
    precision : str
        What the layers compute in (see `precision.computing_in`); the probability is float32.

    Returns
    -------
    keras.Model
        (N, 64, 64, 3) float32 pictures as `prepare` makes them -> (N, 1) probability of the
        positive class. The layer `EMBEDDING_LAYER` gives (N, 128) features.
    """
    seeds = iter(_seeds(seed, 32))
    dropout = _seeds(seed if dropout_seed is None else dropout_seed, 33)[32]

    def conv(x: Any, name: str, filters: int, size: int, stride: int = 1) -> Any:
        x = layers.Conv2D(
            filters,
            size,
            strides=stride,
            padding="same",
            use_bias=False,
            kernel_initializer=keras.initializers.HeNormal(seed=next(seeds)),
            name=f"{name}_conv",
        )(x)
        return layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm")(x)

    def block(x: Any, name: str, filters: int, stride: int) -> Any:
        way = layers.ReLU(name=f"{name}_relu1")(conv(x, f"{name}_1", filters, 3, stride))
        way = conv(way, f"{name}_2", filters, 3)
        if stride > 1:
            x = layers.AveragePooling2D(2, name=f"{name}_pool")(x)
        if x.shape[-1] != filters:
            x = conv(x, f"{name}_short", filters, 1)
        return layers.ReLU(name=f"{name}_relu2")(layers.Add(name=f"{name}_add")([way, x]))

    with computing_in(precision):
        pictures = keras.Input((INPUT_SIZE, INPUT_SIZE, 3), name="pictures")
        x = layers.ReLU(name="stem_relu")(conv(pictures, "stem", 24, 5, 2))  # 32 x 32
        for number, (filters, stride) in enumerate(BLOCKS, 1):
            x = block(x, f"block{number}", filters, stride)  # down to 8 x 8
        x = layers.GlobalAveragePooling2D(name=EMBEDDING_LAYER)(x)
        x = layers.Dropout(0.3, seed=dropout, name="dropout")(x)
        start = keras.initializers.GlorotUniform(seed=next(seeds))
        x = layers.Dense(
            1, activation="sigmoid", kernel_initializer=start, dtype="float32", name="probability"
        )(x)
    return keras.Model(pictures, x, name="resnet12")


def pretrain(model: keras.Model, weights: str) -> None:
    """Begin at random: there are no ImageNet weights of this network.

    Raises
    ------
    GalcatError
        A file of weights is named.
    """
    if weights not in ("imagenet", "none"):
        raise GalcatError(
            f"train.weights = '{weights}': resnet12 begins at random, weights of a base are for the "
            "keras.applications networks; to go on from a run of resnet12 name it with --from RUN"
        )


def set_learning(model: keras.Model, which: str | int = "all") -> None:
    """Choose the layers that learn: "all", "dense" (the last one), or all from a place on.

    Batch normalisations that do not learn keep their statistics, too.
    """
    for place, layer in enumerate(model.layers):
        if isinstance(which, int):
            layer.trainable = place >= which
        else:
            layer.trainable = which == "all" or isinstance(layer, layers.Dense)


def resize(images: Any) -> np.ndarray:
    """Bring pictures, (N, H, W, 3), uint8, to (N, 64, 64, 3), uint8 (see `resampling.resized`)."""
    return resized(images, INPUT_SIZE)


def normalise(images: Any) -> Any:
    """Bring brightness to 0 to 1; nothing else: harmonised pictures have one scale already.

    Parameters
    ----------
    images : array or tensor, (N, 64, 64, 3)
        uint8, or float32 between 0 and 1.

    Returns
    -------
    tensor of the backend, (N, 64, 64, 3), float32
    """
    images = ops.convert_to_tensor(images)
    scale = 255.0 if keras.backend.standardize_dtype(images.dtype) == "uint8" else 1.0
    return ops.cast(images, "float32") / scale


def prepare(images: Any) -> Any:
    """Turn stored pictures into the network's input: `resize`, then `normalise`; nothing random.

    Parameters
    ----------
    images : array_like, (N, H, W, 3), uint8

    Returns
    -------
    tensor of the backend, (N, 64, 64, 3), float32
    """
    return normalise(resize(images))


def _seeds(seed: int, count: int) -> list[int]:
    return [int(s) >> 1 for s in np.random.SeedSequence([seed, 12]).generate_state(count)]
