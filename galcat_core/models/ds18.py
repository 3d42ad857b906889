"""The DS18 CNN (Dominguez Sanchez et al. 2018, 2019): pictures in, the positive class's probability out."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from galcat_core.models.face import Network, dense, seeds
from galcat_core.models.precision import computing_in

PARAMETERS = 2_602_849


class _DS18(Network):
    """As in the paper it begins at random."""

    name = "ds18"
    INPUT_SIZE = 69

    def build(
        self, seed: int = 0, dropout_seed: int | None = None, precision: str = "float32"
    ) -> keras.Model:
        """Return the untrained network, section 3 of arXiv:1711.05744 (see `Network.build`).

        Returns
        -------
        keras.Model
            (N, 69, 69, 3) float32 pictures as `prepare` makes them -> (N, 1) probability of the
            positive class. 2,602,849 parameters. The layer `EMBEDDING_LAYER` gives (N, 64) features.
        """
        first = seeds(seed, 18, 6)
        drop = seeds(seed if dropout_seed is None else dropout_seed, 18, 11)[6:]

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

        with computing_in(precision):
            return keras.Sequential(
                [
                    keras.Input((self.INPUT_SIZE, self.INPUT_SIZE, 3), name="pictures"),
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
                    dense(64, "relu", first[4], self.EMBEDDING_LAYER),
                    layers.Dropout(0.5, seed=drop[4], name="dropout5"),
                    dense(1, "sigmoid", first[5], "probability", dtype="float32"),
                ],
                name=self.name,
            )

    def normalise(self, images: Any) -> Any:
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


DS18 = _DS18()
