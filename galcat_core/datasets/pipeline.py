"""Store rows and labels -> tf.data batches (pictures, label, weight), cut for workers, augmented only for training."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import tensorflow as tf

from galcat_core.datasets import missing
from galcat_core.progress import track
from galcat_core.sections import Augment

if TYPE_CHECKING:
    from galcat_core.images.store import CutoutStore
    from galcat_core.models import Network

AHEAD = 4  # batches made before they are asked for
READ_ROWS = 256  # pictures read and resized at once
DRAWS = 13  # random numbers that one augmented picture takes (see `augmented`)


@dataclass(frozen=True)
class Plan:
    """Which samples one worker sees in each step of an epoch.

    The epoch is cut into steps of nearly equal size, at most batch_size x workers; the samples of a
    step are dealt to the workers in turn. So a step of all workers together sees the same samples
    however many workers share them, every worker has the same number of steps, and each sample is
    seen exactly once. Where the cards do not come out even a worker's batch ends in a blank of -1.

    Attributes
    ----------
    index : ndarray, (steps, batch), int64
        Samples of this worker; -1 for a blank.
    counts : ndarray, (steps,), int64
        Samples of all workers in each step.
    """

    index: np.ndarray
    counts: np.ndarray


def plan(order: np.ndarray, batch_size: int, rank: int = 0, size: int = 1) -> Plan:
    """Cut samples in a given order into the steps of one worker (see `Plan`).

    Parameters
    ----------
    order : ndarray, (n,), int64
        Samples in the order of the epoch, the same for all workers.
    batch_size : int
        Most samples a step and worker.
    rank, size : int
        This worker's number, and how many there are.
    """
    steps = max(1, math.ceil(len(order) / (batch_size * size)))
    parts = np.array_split(np.asarray(order, np.int64), steps)
    width = math.ceil(len(parts[0]) / size)
    index = np.full((steps, width), -1, np.int64)
    for step, part in enumerate(parts):
        mine = part[rank::size]
        index[step, : len(mine)] = mine
    return Plan(index, np.array([len(part) for part in parts], np.int64))


def shuffled(n: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order of n samples in an epoch, (n,), int64; the same on every worker."""
    return np.random.default_rng([seed, 1, epoch]).permutation(n)


def draws(n: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what chance decides for each sample in an epoch, whichever worker or step sees it.

    Returns
    -------
    chance : ndarray, (n, DRAWS), float32
        Uniform in [0, 1).
    noise_key : ndarray, (n, 2), int32
        Key of the sample's pixel noise.
    """
    rng = np.random.default_rng([seed, 2, epoch])
    chance = rng.random((n, DRAWS), np.float32)
    return chance, rng.integers(0, 2**31 - 1, (n, 2), np.int32)


def looks(n: int, count: int, part: float, seed: int, epoch: int) -> np.ndarray:
    """Return in which rendering each sample is seen in an epoch, (n,), int64; 0 is its own.

    Parameters
    ----------
    n : int
        Samples.
    count : int
        Renderings in another survey's look that there are of each.
    part : float
        Part of the samples that is seen in one of them.
    """
    rng = np.random.default_rng([seed, 3, epoch])
    other = rng.random(n) < (part if count else 0.0)
    return np.where(other, rng.integers(1, max(count, 1) + 1, n), 0)


class Pictures:
    """Pictures of a store at the network's size, kept in memory as uint8 where they fit.

    Those that the network enlarges are kept as they are stored, and enlarged each time.

    Parameters
    ----------
    store : CutoutStore
    rows : ndarray, (n,), int64
        Rows of the store, in the order of the samples.
    network : Network
        Of `models.network`.
    keep : bool, optional
        Whether to read once and keep; default: when the pictures of all `copies` take less than
        half of the free memory. The batches are the same either way.
    copies : int
        Workers on this machine that each keep the pictures.
    quiet : bool
        Show no progress.
    renderings : sequence of CutoutStore
        The same galaxies in other surveys' looks (`CutoutStore.renderings`).

    Notes
    -----
    Sample i in rendering r is picture i + r * len(self); r = 0 is the store's own.
    """

    def __init__(
        self,
        store: CutoutStore,
        rows: np.ndarray,
        network: Network,
        keep: bool | None = None,
        copies: int = 1,
        quiet: bool = True,
        renderings: Sequence[CutoutStore] = (),
    ) -> None:
        self.rows, self.network = np.asarray(rows, np.int64), network
        self.renderings = len(renderings)
        self._sources = [(store, self.rows)]
        self._sources += [(other, other.rows_of(store.ids[self.rows])) for other in renderings]
        self._smaller = store.size_px < network.INPUT_SIZE
        size = min(store.size_px, network.INPUT_SIZE)
        if keep is None:
            needed = len(self._sources) * len(self.rows) * size * size * 3 * copies
            keep = needed < psutil.virtual_memory().available / 2
        self._kept = self._read_all(size, quiet) if keep else None
        if keep and not self._smaller:
            self._kept = tf.constant(self._kept)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: tf.Tensor) -> tf.Tensor:
        """Return pictures of samples, (b, size, size, 3), uint8; a graph op."""
        if self._kept is not None and not self._smaller:
            return tf.gather(self._kept, index)
        size = self.network.INPUT_SIZE
        images = tf.numpy_function(self._sized, [index], tf.uint8, stateful=False)
        images.set_shape((index.shape[0], size, size, 3))
        return images

    def _sized(self, index: np.ndarray) -> np.ndarray:
        if self._kept is not None:
            return self.network.resize(self._kept[index])
        rendering, sample = np.divmod(index, len(self))
        size = self._sources[0][0].size_px
        images = np.empty((len(index), size, size, 3), np.uint8)
        for number in np.unique(rendering):
            here = rendering == number
            store, rows = self._sources[number]
            images[here] = store.images(rows[sample[here]])
        return np.ascontiguousarray(self.network.resize(images))

    def _read_all(self, size: int, quiet: bool) -> np.ndarray:
        """Read all pictures, (r * n, size, size, 3), uint8; resized where the network shrinks them."""
        kept = np.empty((len(self._sources), len(self), size, size, 3), np.uint8)
        chunks = [
            (number, part)
            for number, (_, rows) in enumerate(self._sources)
            # shard after shard, each read once
            for part in np.array_split(np.argsort(rows, kind="stable"), -(-len(rows) // READ_ROWS))
        ]
        quiet = quiet or len(chunks) < 20
        for number, part in track(chunks, "reading pictures", unit="chunks", disable=quiet):
            store, rows = self._sources[number]
            images = store.images(rows[part])
            kept[number, part] = images if self._smaller else self.network.resize(images)
        return kept.reshape(-1, size, size, 3)


class Batches:
    """Samples (pictures, labels, weights) as tf.data, for one worker of several.

    Parameters
    ----------
    pictures : Pictures
        n pictures.
    labels : array_like, (n,)
        1 for the positive class, else 0.
    weights : array_like, (n,)
        Weight of each sample in the loss, above 0.
    batch_size : int
        Most samples a step and worker.
    rank, size : int
        This worker's number, and how many there are.
    threads : int
        Threads that read and augment; 0: one a core.
    """

    def __init__(
        self,
        pictures: Pictures,
        labels: Any,
        weights: Any,
        batch_size: int,
        rank: int = 0,
        size: int = 1,
        threads: int = 0,
    ) -> None:
        self.pictures = pictures
        self.labels = np.asarray(labels, np.float32)
        self.weights = np.asarray(weights, np.float32)
        self.batch_size, self.rank, self.size, self.threads = batch_size, rank, size, threads
        self._parallel = threads or os.cpu_count() or 1
        self._augmenting: dict[str, Any] = {}  # traced once, not once an epoch

    def plan(self, order: np.ndarray) -> Plan:
        """Cut an order of the samples into this worker's steps."""
        return plan(order, self.batch_size, self.rank, self.size)

    def validation(self) -> tf.data.Dataset:
        """Return every sample once, in order and as it is.

        Returns
        -------
        tf.data.Dataset of (pictures, label, weight)
            (b, size, size, 3) float32 as `network.prepare` makes them; (b,) float32; (b,) float32,
            0 for a blank, so that sums over all workers count each sample exactly once.
        """
        network = self.pictures.network

        def load(index: tf.Tensor, label: tf.Tensor, weight: tf.Tensor) -> tuple:
            return network.normalise(self.pictures.take(index)), label, weight

        return (
            self._dataset(self.plan(np.arange(len(self.labels))).index)
            .map(load, num_parallel_calls=self._parallel, deterministic=True)
            .prefetch(AHEAD)
        )

    def training(self, epoch: int, seed: int, augment: Augment, start: int = 0) -> tf.data.Dataset:
        """Return an epoch's batches, shuffled and augmented, from step `start` on.

        What a sample looks like depends on (seed, epoch, sample) only. Returns as `validation`.
        """
        n = len(self.labels)
        index = self.plan(shuffled(n, seed, epoch)).index[start:]
        chance, noise_key = draws(n, seed, epoch)
        look = looks(n, self.pictures.renderings, augment.renderings, seed, epoch)
        # drawn only where it is asked for: a training without it stays what it was, bit for bit
        lost = missing.draws(n, seed, epoch) if missing.wanted(augment) else ()
        chosen = [part[index] for part in (chance, noise_key, *lost)]
        dataset = self._dataset(index, *chosen, look=look)
        return dataset.map(
            self._augmenter(augment), num_parallel_calls=self._parallel, deterministic=True
        ).prefetch(AHEAD)

    def _augmenter(self, augment: Augment) -> Any:
        key = repr(augment)
        if key not in self._augmenting:

            @tf.function
            def load(index, label, weight, chance, noise_key, *lost):
                # (b,) (b,) (b,) (b, DRAWS) (b, 2), and what `missing.draws` returns
                images = self.pictures.take(index)
                images = augmented(images, chance, noise_key, augment)
                if lost:  # last of all: nothing blurs or brightens what is not there
                    images = missing.spoiled(images, *lost, augment)
                return self.pictures.network.normalise(images), label, weight

            self._augmenting[key] = load
        return self._augmenting[key]

    def _dataset(
        self, index: np.ndarray, *more: np.ndarray, look: np.ndarray | None = None
    ) -> tf.data.Dataset:
        blank = index < 0
        filled = np.where(blank, 0, index)  # a blank shows the first picture, with weight 0
        weight = np.where(blank, np.float32(0), self.weights[filled])
        shown = filled if look is None else filled + len(self.labels) * look[filled]
        parts = (shown, self.labels[filled], weight, *more)
        options = tf.data.Options()
        options.threading.private_threadpool_size = self.threads
        # its thread is waited for at the end of an epoch, for seconds where workers share a machine
        options.autotune.enabled = False
        return tf.data.Dataset.from_tensor_slices(parts).with_options(options)


def augmented(
    images: tf.Tensor, chance: tf.Tensor, noise_key: tf.Tensor, augment: Augment
) -> tf.Tensor:
    """Change pictures at random: geometry, blur, colour, stretch, noise; graph ops on the batch.

    Parameters
    ----------
    images : tf.Tensor, (b, H, W, 3), uint8
    chance : tf.Tensor, (b, DRAWS), float32
        Uniform numbers in [0, 1): rotation, zoom, shift x and y, flip x and y, blur, noise, gamma,
        red, green, blue, saturation.
    noise_key : tf.Tensor, (b, 2), int32
    augment : Augment

    Returns
    -------
    tf.Tensor, (b, H, W, 3), float32
        Between 0 and 1.
    """
    images = tf.cast(images, tf.float32) / 255.0
    images = _moved(images, chance[:, 0:6], augment)
    if augment.blur_px > 0:
        images = _blurred(images, chance[:, 6] * augment.blur_px, augment.blur_px)
    if augment.colour > 0:
        factor = 1 + augment.colour * (2 * chance[:, None, None, 9:13] - 1)  # (b, 1, 1, 4)
        images *= factor[..., :3]
        grey = tf.reduce_mean(images, axis=-1, keepdims=True)
        # dividing each band by its maximum undoes the line above, but not this one
        images = tf.maximum(grey + (images - grey) * factor[..., 3:], 0.0)
    if augment.gamma > 0:
        power = tf.exp(augment.gamma * (2 * chance[:, 8] - 1))
        images = tf.maximum(images, 0.0) ** power[:, None, None, None]
    if augment.noise > 0:
        shape = images.shape[1:]
        noise = tf.map_fn(
            lambda key: tf.random.stateless_normal(shape, key),
            noise_key,
            fn_output_signature=tf.float32,
        )
        images += noise * (chance[:, 7] * augment.noise)[:, None, None, None]
    return tf.clip_by_value(images, 0.0, 1.0)


def _moved(images: tf.Tensor, chance: tf.Tensor, augment: Augment) -> tf.Tensor:
    """Rotate, zoom, shift and mirror about the centre, in one bilinear resampling."""
    size = images.shape[1]
    centre = (size - 1) / 2
    low, high = (math.log(z) for z in augment.zoom)
    angle = math.radians(augment.rotation_deg) * (2 * chance[:, 0] - 1)
    scale = tf.exp(-(low + (high - low) * chance[:, 1]))  # input pixels an output pixel
    shift = augment.shift * size * (2 * chance[:, 2:4] - 1)  # (b, 2), x and y
    flip = tf.where(chance[:, 4:6] < (0.5 if augment.flip else 0.0), -1.0, 1.0)
    # input (x, y) = A @ (output (x, y) - centre) + centre + shift
    a0, a1 = scale * tf.cos(angle) * flip[:, 0], -scale * tf.sin(angle) * flip[:, 1]
    b0, b1 = scale * tf.sin(angle) * flip[:, 0], scale * tf.cos(angle) * flip[:, 1]
    a2 = centre + shift[:, 0] - (a0 + a1) * centre
    b2 = centre + shift[:, 1] - (b0 + b1) * centre
    zero = tf.zeros_like(a0)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1),
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=augment.fill.upper(),
    )


def _blurred(images: tf.Tensor, sigma: tf.Tensor, largest: float) -> tf.Tensor:
    """Convolve each picture with a Gaussian of its own sigma (b,), in pixels, the sum kept."""
    radius = min(math.ceil(3 * largest), images.shape[1] - 1)
    x = tf.range(-radius, radius + 1, dtype=tf.float32)
    kernel = tf.exp(-0.5 * (x[:, None] / tf.maximum(sigma, 1e-3)) ** 2)  # (k, b)
    kernel = tf.repeat(kernel / tf.reduce_sum(kernel, axis=0), 3, axis=1)  # (k, b * 3)
    height, width = images.shape[1:3]
    # each picture's bands become channels of one picture, so that each has its own kernel
    planes = tf.reshape(tf.transpose(images, (1, 2, 0, 3)), (1, height, width, -1))
    edge = [[0, 0], [radius, radius], [radius, radius], [0, 0]]
    planes = tf.pad(planes, edge, "REFLECT")
    planes = tf.nn.depthwise_conv2d(planes, kernel[:, None, :, None], [1] * 4, "VALID")
    planes = tf.nn.depthwise_conv2d(planes, kernel[None, :, :, None], [1] * 4, "VALID")
    return tf.transpose(tf.reshape(planes, (height, width, -1, 3)), (2, 0, 1, 3))
