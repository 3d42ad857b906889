"""A run's network with fixed dropout masks: prepared pictures in, one probability a pass out (Monte Carlo dropout).

Gal & Ghahramani 2016 (arXiv:1506.02142): a network predicts with its dropouts at work, many times.
All pictures of a pass see one mask (as in BatchBALD, arXiv:1906.08158), so that a pass is one
thinned network, and a galaxy's numbers depend on no other galaxy, no batch and no part.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from galcat_core.errors import GalcatError
from galcat_core.inference.network import AHEAD, Network, ahead, both_classes
from galcat_core.runs import Run

if TYPE_CHECKING:
    import keras

    from galcat_core.images.store import CutoutStore


class Thinned:
    """A network cut at its first dropout: below it works once, above it once a pass.

    Parameters
    ----------
    run : Run
        Finished.
    passes : int
    seed : int
        The masks of a pass depend on (seed, pass, layer) only.

    Raises
    ------
    GalcatError
        The network has no dropout.
    """

    def __init__(self, run: Run, passes: int, seed: int) -> None:
        from galcat_core import models  # first, since it imports TensorFlow quietly

        below, above = cut(models.load(run))
        self._below, self._above = below, with_masks(above)
        self._masked = [layer for layer in self._above.layers if hasattr(layer, "keep")]
        if not self._masked:
            raise GalcatError(
                f"{run.folder}: the network {run.network} has no dropout; leave out "
                "--dropout-passes, or give several runs: --run RUN --run RUN"
            )
        self._masks = [
            [_mask(layer, [seed, number, place]) for place, layer in enumerate(self._masked)]
            for number in range(passes)
        ]

    def outputs(
        self, network: Network, store: CutoutStore, rows: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Yield the probabilities of each batch of rows, (passes, b, C), float32."""
        with closing(ahead(network.prepared(store, rows), AHEAD)) as batches:
            for count, images in batches:
                below = images if self._below is None else self._below.predict_on_batch(images)
                yield np.stack([self._pass(masks, below)[:count] for masks in self._masks])

    def _pass(self, masks: list[np.ndarray], below: Any) -> np.ndarray:
        for layer, mask in zip(self._masked, masks, strict=True):
            layer.mask.assign(mask)
        return both_classes(np.asarray(self._above.predict_on_batch(below)))


def cut(model: keras.Model) -> tuple[keras.Model | None, keras.Model]:
    """Return what lies below the first dropout, and the rest; all is rest where ways lead past it."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            try:
                above = keras.Model(layer.input, model.outputs[0])
            except ValueError:  # the output hangs on more than this layer's input
                break
            return keras.Model(model.inputs[0], layer.input), above
    return None, keras.Model(model.inputs[0], model.outputs[0])


def with_masks(model: keras.Model) -> keras.Model:
    """Return the model with its weights, each dropout a product with a mask that stays."""
    import keras

    class Masked(keras.layers.Layer):
        def __init__(self, like: keras.layers.Dropout) -> None:
            super().__init__(trainable=False, name=like.name, dtype=like.dtype_policy)
            self.keep, self.alike = 1.0 - like.rate, like.noise_shape

        def build(self, shape: tuple) -> None:
            # a dropout of whole channels or branches has a mask of 1 along the rest
            sides = [s if n is None else n for s, n in zip(shape, self.alike or shape, strict=True)]
            self.mask = self.add_weight(
                shape=(1, *sides[1:]), initializer="ones", trainable=False, name="mask"
            )

        def call(self, inputs: Any) -> Any:
            return inputs * keras.ops.cast(self.mask, inputs.dtype)

    def swapped(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.layers.Dropout):
            return Masked(layer)
        return layer.__class__.from_config(layer.get_config())

    made = keras.models.clone_model(model, clone_function=swapped)
    for old in model.layers:
        if old.weights and not isinstance(old, keras.layers.Dropout):
            made.get_layer(old.name).set_weights(old.get_weights())
    return made


def _mask(layer: Any, seed: list[int]) -> np.ndarray:
    """Return 0 for what is dropped and 1 / share kept for the rest, (1, ...), float32."""
    shape = tuple(layer.mask.shape)
    kept = np.random.default_rng(seed).random(shape) < layer.keep
    return (kept / layer.keep).astype(np.float32)


@functools.lru_cache(maxsize=2)
def thinned_of(folder: Path, digest: str, passes: int, seed: int) -> Thinned:
    """Return the thinned networks of a finished run, kept for the next call (see `Thinned`)."""
    return Thinned(Run(folder), passes, seed)
