"""The DS18 CNN (Dominguez Sanchez et al. 2018, 2019): pictures in, the positive class's probability out."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

INPUT_SIZE = 69
EMBEDDING_LAYER = "embedding"
PARAMETERS = 2_602_849


def build(seed: int = 0, dropout_seed: int | None = None) -> keras.Model:
    """Return the untrained network, section 3 of arXiv:1711.05744.

    Parameters
    ----------
    seed : int
        Seed of the first weights: the same seed gives the same bits.
    dropout_seed : int, optional
        Seed of the dropout masks (default: `seed`); workers that train together want different
        masks on the same weights.

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

    def dense(units: int, activation: str, number: int, name: str) -> layers.Layer:
        start = keras.initializers.GlorotUniform(seed=first[number])
        return layers.Dense(units, activation=activation, kernel_initializer=start, name=name)

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
            dense(1, "sigmoid", 5, "probability"),
        ],
        name="ds18",
    )


def set_learning(model: keras.Model, which: str = "all") -> None:
    """Choose the layers that learn: "all", or "dense" (the convolutions stay as they are)."""
    for layer in model.layers:
        layer.trainable = which == "all" or not isinstance(layer, layers.Conv2D)


def resize(images: Any) -> tf.Tensor:
    """Bring pictures to the network's size, each pixel the mean of the area that it covers.

    Smaller pictures are enlarged bilinearly. The result is rounded to whole numbers, so that a
    picture kept resized as uint8 is the very picture that was not kept.

    Parameters
    ----------
    images : array or tensor, (N, H, W, 3), uint8
        H and W known when the graph is built.

    Returns
    -------
    tf.Tensor, (N, 69, 69, 3), uint8
    """
    images = tf.convert_to_tensor(images)
    if images.shape[1:3] == (INPUT_SIZE, INPUT_SIZE):
        return images
    method = "area" if min(images.shape[1:3]) >= INPUT_SIZE else "bilinear"
    resized = tf.image.resize(images, [INPUT_SIZE, INPUT_SIZE], method)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)


def normalise(images: Any) -> tf.Tensor:
    """Divide each band of each picture by its maximum (arXiv:1807.00807, section 3.1).

    Parameters
    ----------
    images : array or tensor, (N, 69, 69, 3), uint8 or float32

    Returns
    -------
    tf.Tensor, (N, 69, 69, 3), float32
        A band without any light stays zero.
    """
    images = tf.cast(images, tf.float32)
    return tf.math.divide_no_nan(images, tf.reduce_max(images, axis=(1, 2), keepdims=True))


def prepare(images: Any) -> tf.Tensor:
    """Turn stored pictures into the network's input: `resize`, then `normalise`; nothing random.

    Parameters
    ----------
    images : array or tensor, (N, H, W, 3), uint8

    Returns
    -------
    tf.Tensor, (N, 69, 69, 3), float32
    """
    return normalise(resize(images))


def _seeds(seed: int, count: int) -> list[int]:
    return [int(s) >> 1 for s in np.random.SeedSequence([seed, 18]).generate_state(count)]
