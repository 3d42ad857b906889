"""A run's network at work: rows of a store in, probabilities and features of one pass out, batch by batch."""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    import keras

    from galcat_core.images.store import CutoutStore
    from galcat_core.runs import Run

Item = TypeVar("Item")
AHEAD = 3  # batches read and prepared before the network asks for them


@dataclass(frozen=True)
class Outputs:
    """What the network gives for each picture.

    Attributes
    ----------
    probability : ndarray, (N, C), float32
        Of each class, in the run's order.
    features : ndarray, (N, D), float32
        Of the embedding layer.
    """

    probability: np.ndarray
    features: np.ndarray

    def take(self, rows: np.ndarray) -> Outputs:
        """Return the outputs of some rows, in the order asked."""
        return Outputs(self.probability[rows], self.features[rows])


def joined(parts: Iterable[Outputs]) -> Outputs:
    """Return the outputs of several batches as one."""
    parts = list(parts)
    return Outputs(
        np.concatenate([part.probability for part in parts]),
        np.concatenate([part.features for part in parts]),
    )


class Network:
    """A run's network with two outputs, traced once for batches of one size.

    Parameters
    ----------
    run : Run
        Finished.
    batch : int
        Pictures in a batch. A smaller one is filled up with black: the same numbers come out as for
        a whole one, and nothing is traced again.
    """

    def __init__(self, run: Run, batch: int) -> None:
        from galcat_core import models  # first, since it chooses Keras's backend

        # isort: split
        import keras

        self.batch = batch
        self.module = models.of(run)
        model = models.load(run)
        outputs = [model.outputs[0], model.get_layer(self.module.EMBEDDING_LAYER).output]
        size = self.module.INPUT_SIZE
        compiled = {"tensorflow": _on_tensorflow, "jax": _on_jax}[keras.config.backend()]
        self._forward = compiled(keras.Model(model.inputs[0], outputs), (batch, size, size, 3))

    def outputs(self, store: CutoutStore, rows: np.ndarray, view: int = 0) -> Iterator[Outputs]:
        """Yield the outputs of each batch of rows, (n,), in order, the pictures turned as `seen`.

        A thread reads and prepares batches while the network works on earlier ones, so that at most
        `AHEAD` + 2 batches of pictures are in memory.
        """
        with closing(ahead(self.prepared(store, rows, view), AHEAD)) as batches:
            for count, images in batches:
                probability, features = (found[:count] for found in self._forward(images))
                yield Outputs(both_classes(probability), features)

    def prepared(
        self, store: CutoutStore, rows: np.ndarray, view: int = 0
    ) -> Iterator[tuple[int, Any]]:
        """Yield the network's input of each batch of rows, and how many of its pictures are real."""
        for start in range(0, len(rows), self.batch):
            images = seen(store.images(rows[start : start + self.batch]), view)
            count = len(images)
            if count < self.batch:
                blank = np.zeros((self.batch - count, *images.shape[1:]), np.uint8)
                images = np.concatenate([images, blank])
            yield count, self.module.prepare(images)


def _on_tensorflow(model: keras.Model, shape: tuple[int, ...]) -> Callable[[Any], list[np.ndarray]]:
    import tensorflow as tf

    @tf.function(
        input_signature=[tf.TensorSpec(shape, tf.float32)],
        autograph=False,  # nothing to translate, and no file left in /tmp by a killed process
    )
    def forward(images: tf.Tensor) -> list[tf.Tensor]:
        return model(images, training=False)

    # traced here, once: TensorFlow would warn of a process that predicts with several networks
    traced = forward.get_concrete_function()
    return lambda images: [found.numpy() for found in traced(tf.convert_to_tensor(images))]


def _on_jax(model: keras.Model, shape: tuple[int, ...]) -> Callable[[Any], list[np.ndarray]]:
    import jax

    weights = [[v.value for v in model.trainable_variables]]
    weights += [[v.value for v in model.non_trainable_variables]]

    @jax.jit
    def forward(images: Any, learnt: list, fixed: list) -> Any:
        # accelerators would multiply in fewer digits than processors do
        with jax.default_matmul_precision("float32"):
            return model.stateless_call(learnt, fixed, images, training=False)[0]

    return lambda images: [np.asarray(found) for found in forward(images, *weights)]


VIEWS = 8  # the pictures as they are, turned by quarters, and all that mirrored


def seen(images: np.ndarray, view: int) -> np.ndarray:
    """Return pictures (N, H, W, 3) in one of `VIEWS`: turned by view % 4 quarters, mirrored from 4 on."""
    if view >= 4:
        images = images[:, :, ::-1]
    return np.ascontiguousarray(np.rot90(images, view % 4, axes=(1, 2))) if view else images


def both_classes(probability: np.ndarray) -> np.ndarray:
    """Return the probability of each class, (N, C), where the network gives the second's alone."""
    if probability.shape[1] > 1:
        return probability
    # the difference in float64, so that the rounded two add up to one as well as they can
    return np.hstack([(1 - probability.astype(np.float64)).astype(np.float32), probability])


@functools.lru_cache(maxsize=2)
def network_of(folder: Path, digest: str, batch: int) -> Network:
    """Return the network of a finished run, kept for the next call.

    Parameters
    ----------
    folder : Path
        Of the run.
    digest : str
        Of the run: another one is another network.
    batch : int
    """
    from galcat_core.runs import Run

    return Network(Run(folder), batch)


def ahead(items: Iterable[Item], depth: int) -> Iterator[Item]:
    """Yield items that a thread fetches up to `depth` ahead; its errors come through as they are."""
    fetched: queue.Queue = queue.Queue(depth)
    stop = threading.Event()
    thread = threading.Thread(target=_fetch, args=(items, fetched, stop), daemon=True)
    thread.start()
    try:
        while True:
            found = fetched.get()
            if isinstance(found, _End):
                if found.error is not None:
                    raise found.error
                return
            yield found
    finally:
        stop.set()
        thread.join()


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def _fetch(items: Iterable[Any], fetched: queue.Queue, stop: threading.Event) -> None:
    def put(item: Any) -> bool:
        while not stop.is_set():
            try:
                fetched.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    try:
        for item in items:
            if not put(item):
                return
    except BaseException as error:  # handed to the thread that asked, which raises it
        put(_End(error))
    else:
        put(_End(None))
