"""Pixels and bands that a survey has lost: a batch of whole pictures -> the same with holes, or without a band."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from galcat_core.sections import Augment

DRAWS = 5  # random numbers that decide what one picture loses (see `draws`)
BLOCKS, STARS = 4, 3  # rectangles, saturated stars in a picture that loses pixels to them
THICKEST = 16  # neighbouring rows or columns are lost together, up to this part of the width
SPIKE = 16.0  # a bleed trail is so many times as long as wide
CORE = 0.25  # radius of its star in half lengths of the trail
CENTRE = 3 / 8  # the galaxy's colour is measured inside of this margin, as `images.render` does


def wanted(augment: Augment) -> bool:
    """Tell whether training pictures are to lose anything."""
    return augment.missing_pixels > 0 or augment.missing_band_rate > 0


def draws(n: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what chance takes from each sample in an epoch, whichever worker or step sees it.

    A stream of its own: the other draws of a training stay what they are without it.

    Returns
    -------
    chance : ndarray, (n, DRAWS), float32
        Uniform in [0, 1): whether pixels are lost, how many, in which way; whether a band is lost,
        and which.
    key : ndarray, (n, 2), int32
        Of the places where pixels are lost.
    """
    rng = np.random.default_rng([seed, 5, epoch])
    chance = rng.random((n, DRAWS), np.float32)
    return chance, rng.integers(0, 2**31 - 1, (n, 2), np.int32)


def spoiled(images: tf.Tensor, chance: tf.Tensor, key: tf.Tensor, augment: Augment) -> tf.Tensor:
    """Take from pictures what chance says; graph ops on the batch.

    Parameters
    ----------
    images : tf.Tensor, (b, H, W, 3), float32
        Between 0 and 1.
    chance : tf.Tensor, (b, DRAWS), float32
    key : tf.Tensor, (b, 2), int32
        Both as `draws` makes them.
    augment : Augment
        `missing_pixels`, `missing_pixels_rate`, `missing_band_rate`, `missing_band_fill`.

    Returns
    -------
    tf.Tensor, (b, H, W, 3), float32
        Missing pixels are 0 in all bands.
    """
    if augment.missing_band_rate > 0:
        band = tf.cast(3 * chance[:, 4], tf.int32)
        without = FILLS[augment.missing_band_fill](images, band)
        loses = chance[:, 3] < augment.missing_band_rate
        images = tf.where(loses[:, None, None, None], without, images)
    if augment.missing_pixels > 0:
        part = augment.missing_pixels * chance[:, 1]
        part = tf.where(chance[:, 0] < augment.missing_pixels_rate, part, 0.0)
        kind = tf.cast(len(KINDS) * chance[:, 2], tf.int32)
        hole = holes(images.shape[1], images.shape[2], part, kind, key)
        images = tf.where(hole[..., None], 0.0, images)
    return images


def holes(height: int, width: int, part: tf.Tensor, kind: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Return which pixels are missing.

    Every kind gives each pixel a place in the order in which they are lost; the first ones are, so
    that the number of missing pixels is exact.

    Parameters
    ----------
    height, width : int
    part : tf.Tensor, (b,), float32
        Of the pixels, 0 to 1; rounded to whole pixels.
    kind : tf.Tensor, (b,), int32
        Place in `KINDS`.
    key : tf.Tensor, (b, 2), int32

    Returns
    -------
    tf.Tensor, (b, height, width), bool
    """
    y, x = tf.meshgrid(
        tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32), indexing="ij"
    )

    def one(of: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
        count, which, seed = of

        def lost() -> tf.Tensor:
            branches = [lambda make=make: make(y, x, seed) for make in KINDS.values()]
            late = tf.switch_case(which, branches)
            place = tf.math.invert_permutation(tf.argsort(tf.reshape(late, [-1]), stable=True))
            return tf.reshape(place < count, (height, width))

        # most pictures of an epoch lose nothing, and sorting takes a millisecond
        return tf.cond(count > 0, lost, lambda: tf.zeros((height, width), tf.bool))

    count = tf.cast(tf.round(part * (height * width)), tf.int32)
    return tf.map_fn(one, (count, kind, key), fn_output_signature=tf.bool)


def _uniform(seed: tf.Tensor, *shape: int) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, seed)


def _lines(across: tf.Tensor, along: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Lose whole lines in groups; the last one from its beginning up to somewhere."""
    count = int(max(across.shape))
    thick = tf.floor(1 + _uniform(seed) * (count / THICKEST))
    late = tf.gather(_uniform(seed + 1, count), tf.cast(across // thick, tf.int32))
    # below the step between two draws: decides inside a group only
    return late + 1e-5 * (across % thick + along / count) / count


def _rows(y: tf.Tensor, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return _lines(y, x, seed)


def _columns(y: tf.Tensor, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return _lines(x, y, seed)


def _blocks(y: tf.Tensor, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Lose rectangles of several shapes, as where a chip or a tile ends or an exposure has a hole."""
    size = float(max(y.shape))
    centre = _uniform(seed, BLOCKS, 2, 1, 1) * size
    half = 0.3 + 0.7 * _uniform(seed + 1, BLOCKS, 2, 1, 1)
    distance = tf.abs(tf.stack([y, x]) - centre) / half
    return tf.reduce_min(tf.reduce_max(distance, axis=1), axis=0)


def _bleed(y: tf.Tensor, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Lose saturated stars and the columns that they run over into."""
    size = float(max(y.shape))
    centre = _uniform(seed, STARS, 2, 1, 1) * size
    dy, dx = y - centre[:, 0], x - centre[:, 1]  # (STARS, H, W)
    trail = tf.maximum(tf.abs(dy), SPIKE * tf.abs(dx))
    star = tf.sqrt(dy**2 + dx**2) / CORE
    return tf.reduce_min(tf.minimum(trail, star), axis=0)


def _scattered(y: tf.Tensor, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Lose pixels one by one: dead ones, cosmic rays."""
    return _uniform(seed, *y.shape)


KINDS = {
    "rows": _rows,
    "columns": _columns,
    "blocks": _blocks,
    "bleed": _bleed,
    "scattered": _scattered,
}


def rendered(images: tf.Tensor, band: tf.Tensor) -> tf.Tensor:
    """Show pictures without a band as `images.render` shows galaxies that a tile lacks a band of.

    The channel is the mean of the others; an outer one carries on half the step in colour between
    them (see `images.render._colour`).

    Parameters
    ----------
    images : tf.Tensor, (b, H, W, 3), float32
    band : tf.Tensor, (b,), int32
        Channel that is missing: 0 red, 1 green, 2 blue.
    """
    gone = tf.one_hot(band, 3)  # (b, 3)
    mean = tf.reduce_sum(images * (1 - gone)[:, None, None], axis=-1) / 2
    height, width = images.shape[1:3]
    top, left = int(height * CENTRE), int(width * CENTRE)
    middle = tf.reduce_sum(images[:, top : height - top, left : width - left], axis=(1, 2))
    inner, other = middle[:, 1], tf.reduce_sum(middle * tf.reverse(gone, [1]), axis=1)
    seen = tf.reduce_sum(mean[:, top : height - top, left : width - left], axis=(1, 2))
    known = (band != 1) & (inner > 0) & (other > 0)
    ratio = tf.math.divide_no_nan(inner, tf.where(known, other, 1.0))
    tint = tf.math.divide_no_nan(inner * tf.sqrt(ratio), seen)
    factor = tf.where(known, tf.clip_by_value(tint, 0.5, 2.0), 1.0)
    instead = tf.clip_by_value(mean * factor[:, None, None], 0.0, 1.0)[..., None]
    return tf.where(gone[:, None, None] > 0, instead, images)


def blank(images: tf.Tensor, band: tf.Tensor) -> tf.Tensor:
    """Show nothing in the channel of the missing band; parameters as `rendered`."""
    return images * (1 - tf.one_hot(band, 3))[:, None, None]


FILLS = {"rendered": rendered, "blank": blank}
