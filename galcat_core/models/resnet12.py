"""A small residual network for small pictures: trains in minutes on two cores, ships in a megabyte."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from galcat_core.models.face import Network, dense, seeds
from galcat_core.models.precision import computing_in

PARAMETERS = 678_505
BLOCKS = ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1))  # filters, stride
MOMENTUM = 0.95  # of the batch normalisations: trainings are short


class _ResNet12(Network):
    """It begins at random."""

    name = "resnet12"
    INPUT_SIZE = 64

    def build(
        self, seed: int = 0, dropout_seed: int | None = None, precision: str = "float32"
    ) -> keras.Model:
        """Return the untrained network: residual blocks as in He et al. 2015 (arXiv:1512.03385).

        Parameters as of `Network.build`.

        Returns
        -------
        keras.Model
            (N, 64, 64, 3) float32 pictures as `prepare` makes them -> (N, 1) probability of the
            positive class. The layer `EMBEDDING_LAYER` gives (N, 128) features.
        """
        first = iter(seeds(seed, 12, 32))
        drop = seeds(seed if dropout_seed is None else dropout_seed, 12, 33)[32]

        def conv(x: Any, name: str, filters: int, size: int, stride: int = 1) -> Any:
            x = layers.Conv2D(
                filters,
                size,
                strides=stride,
                padding="same",
                use_bias=False,
                kernel_initializer=keras.initializers.HeNormal(seed=next(first)),
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
            pictures = keras.Input((self.INPUT_SIZE, self.INPUT_SIZE, 3), name="pictures")
            x = layers.ReLU(name="stem_relu")(conv(pictures, "stem", 24, 5, 2))  # 32 x 32
            for number, (filters, stride) in enumerate(BLOCKS, 1):
                x = block(x, f"block{number}", filters, stride)  # down to 8 x 8
            x = layers.GlobalAveragePooling2D(name=self.EMBEDDING_LAYER)(x)
            x = layers.Dropout(0.3, seed=drop, name="dropout")(x)
            x = dense(1, "sigmoid", next(first), "probability", dtype="float32")(x)
        return keras.Model(pictures, x, name=self.name)

    def normalise(self, images: Any) -> Any:
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


RESNET12 = _ResNet12()
