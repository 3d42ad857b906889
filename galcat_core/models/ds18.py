"""The DS18 CNN (Dominguez Sanchez et al. 2018, 2019): pictures in, the positive class's probability out."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from galcat_core.errors import GalcatError
from galcat_core.models.precision import computing_in
from galcat_core.models.resampling import resized

INPUT_SIZE = 69
EMBEDDING_LAYER = "embedding"
PARAMETERS = 2_602_849
STAGES = ()  # all layers learn from the beginning


def build(
    seed: int = 0, dropout_seed: int | None = None, precision: str = "float32"
) -> keras.Model:
    """Return the untrained network, section 3 of arXiv:1711.05744.

    Parameters
    ----------
    seed : int
        Seed of the first weights: the same seed gives the same bits.
    dropout_seed : int, optional
        Seed of the dropout masks (default: `seed`); workers that train together want different
        masks on the same weights.
    precision : str
        What the layers compute in (see `precision.computing_in`); the probability is float32.

    Returns
    -------
    keras.Model
        (N, 69, 69, 3) float32 pictures as `prepare` makes them -> (N, 1) probability of the
        positive class. 2,602,849 parameters. The layer `EMBEDDING_LAYER` gives (N, 64) features.
    """
    first = _seeds(seed, 6)
    drop = _seeds(seed if dropout_seed is None else dropout_seed, 11)[6:]

    def conv(filters: int, size: int, number: int) -> layers.Layer:
        start = keras.initializers.GlorotUniform(seed=first[number])
        return layers.Conv2D(
            filters,
            size,
            padding="same",
            activation="relu",
            kernel_initializer=start,
            name=f"conv{number + 1}",
        )

    def dense(units: int, activation: str, number: int, name: str, **more: Any) -> layers.Layer:
        start = keras.initializers.GlorotUniform(seed=first[number])
        return layers.Dense(
            units, activation=activation, kernel_initializer=start, name=name, **more
        )

    with computing_in(precision):
        return keras.Sequential(
            [
                keras.Input((INPUT_SIZE, INPUT_SIZE, 3), name="pictures"),
                conv(32, 6, 0),  # 69 x 69
                layers.Dropout(0.5, seed=drop[0], name="dropout1"),
                conv(64, 5, 1),
                layers.MaxPooling2D(2, name="pool1"),  # 34 x 34
                layers.Dropout(0.25, seed=drop[1], name="dropout2"),
                conv(128, 2, 2),
                layers.MaxPooling2D(2, name="pool2"),  # 17 x 17
                layers.Dropout(0.25, seed=drop[2], name="dropout3"),
                conv(128, 3, 3),
                layers.Dropout(0.25, seed=drop[3], name="dropout4"),
                layers.Flatten(name="flat"),  # 36,992
                dense(64, "relu", 4, EMBEDDING_LAYER),
                layers.Dropout(0.5, seed=drop[4], name="dropout5"),
                dense(1, "sigmoid", 5, "probability", dtype="float32"),
            ],
            name="ds18",
        )


def pretrain(model: keras.Model, weights: str) -> None:
    """Begin at random, as the paper does: there are no ImageNet weights of this network.

    Raises
    ------
    GalcatError
        A file of weights is named.
    """
    if weights not in ("imagenet", "none"):
        raise GalcatError(
            f"train.weights = '{weights}': ds18 begins at random, weights of a base are for the "
            "keras.applications networks; to go on from a run of ds18 name it with --from RUN"
        )


def set_learning(model: keras.Model, which: str | int = "all") -> None:
    """Choose the layers that learn: "all", "dense" (not the convolutions), or all from a place on."""
    for place, layer in enumerate(model.layers):
        if isinstance(which, int):
            layer.trainable = place >= which
        else:
            layer.trainable = which == "all" or not isinstance(layer, layers.Conv2D)


def resize(images: Any) -> np.ndarray:
    """Bring pictures, (N, H, W, 3), uint8, to (N, 69, 69, 3), uint8 (see `resampling.resized`)."""
    return resized(images, INPUT_SIZE)


def normalise(images: Any) -> Any:
    """Divide each band of each picture by its maximum (arXiv:1807.00807, section 3.1).

    Parameters
    ----------
    images : array or tensor, (N, 69, 69, 3)
        uint8, or float32 between 0 and 1.

    Returns
    -------
    tensor of the backend, (N, 69, 69, 3), float32
        A band without any light stays zero.
    """
    images = ops.cast(images, "float32")
    return ops.divide_no_nan(images, ops.max(images, axis=(1, 2), keepdims=True))


def prepare(images: Any) -> Any:
    """Turn stored pictures into the network's input: `resize`, then `normalise`; nothing random.

    Parameters
    ----------
    images : array_like, (N, H, W, 3), uint8

    Returns
    -------
    tensor of the backend, (N, 69, 69, 3), float32
    """
    return normalise(resize(images))


def _seeds(seed: int, count: int) -> list[int]:
    return [int(s) >> 1 for s in np.random.SeedSequence([seed, 18]).generate_state(count)]
