"""The face of a network, and what all of them have in common: what learns, what they see, first weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from galcat_core.errors import GalcatError
from galcat_core.models.resampling import resized


class Network:
    """A network: how it is built, what it begins with, which layers learn, what it is shown.

    Attributes
    ----------
    name : str
        Its key in `models.NETWORKS`.
    INPUT_SIZE : int
        Width and height of the pictures it sees, in pixels.
    EMBEDDING_LAYER : str
        The layer whose output are the features.
    STAGES : tuple of (epochs, layers, factor on the rate)
        How it is thawed by itself when it was pretrained; empty: all layers learn from the beginning.
    """

    name: str
    INPUT_SIZE: int
    EMBEDDING_LAYER = "embedding"
    STAGES: tuple[tuple[int, str | int, float], ...] = ()

    def build(
        self, seed: int = 0, dropout_seed: int | None = None, precision: str = "float32"
    ) -> keras.Model:
        """Return the network with random weights; its last output is the positive class's probability.

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
            (N, INPUT_SIZE, INPUT_SIZE, 3) float32 pictures as `prepare` makes them -> probability.
        """
        raise NotImplementedError

    def pretrain(self, model: keras.Model, weights: str) -> None:
        """Give a built network the weights that it begins with; here it begins at random.

        Parameters
        ----------
        model : keras.Model
            Of `build`.
        weights : str
            "imagenet", "none", or a file: a network without ImageNet weights takes the first two alike.

        Raises
        ------
        GalcatError
            A file of weights is named.
        """
        if weights not in ("imagenet", "none"):
            raise GalcatError(
                f"train.weights = '{weights}': {self.name} begins at random, weights of a base are "
                f"for the keras.applications networks; to go on from a run of {self.name} name it "
                "with --from RUN"
            )

    def set_learning(self, model: keras.Model, which: str | int = "all") -> None:
        """Choose the layers that learn: "all", "dense" (the dense ones alone), or all from a place on.

        Batch normalisation in a layer that does not learn is in inference mode, whatever learns
        above it: its statistics stay those of the pictures that it was trained on. In one that
        learns it takes the statistics of the batch, and moves the kept ones towards them.
        """
        for place, layer in enumerate(model.layers):
            if isinstance(which, int):
                layer.trainable = place >= which
            else:
                layer.trainable = which == "all" or isinstance(layer, layers.Dense)

    def resize(self, images: Any) -> np.ndarray:
        """Bring pictures, (N, H, W, 3), uint8, to INPUT_SIZE, uint8 (see `resampling.resized`)."""
        return resized(images, self.INPUT_SIZE)

    def normalise(self, images: Any) -> Any:
        """Turn resized pictures into the network's input.

        Parameters
        ----------
        images : array or tensor, (N, INPUT_SIZE, INPUT_SIZE, 3)
            uint8, or float32 between 0 and 1.

        Returns
        -------
        tensor of the backend, (N, INPUT_SIZE, INPUT_SIZE, 3), float32
        """
        raise NotImplementedError

    def prepare(self, images: Any) -> Any:
        """Turn stored pictures into the network's input: `resize`, then `normalise`; nothing random.

        Parameters
        ----------
        images : array_like, (N, H, W, 3), uint8

        Returns
        -------
        tensor of the backend, (N, INPUT_SIZE, INPUT_SIZE, 3), float32
        """
        return self.normalise(self.resize(images))


def dense(units: int, activation: str, seed: int, name: str, **more: Any) -> layers.Layer:
    """Return a dense layer whose first weights are those of a seed."""
    start = keras.initializers.GlorotUniform(seed=seed)
    return layers.Dense(units, activation=activation, kernel_initializer=start, name=name, **more)


def seeds(seed: int, network: int, count: int) -> list[int]:
    """Return the seeds of a network's layers; `network` keeps those of different networks apart."""
    return [int(s) >> 1 for s in np.random.SeedSequence([seed, network]).generate_state(count)]
