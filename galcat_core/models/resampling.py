"""Pictures of any size -> a network's size: numpy alone, so that every backend sees the same pixels."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np


def resized(images: Any, size: int) -> np.ndarray:
    """Bring pictures to a size, each pixel the mean of the area that it covers.

    Smaller pictures are enlarged bilinearly. The result is rounded to whole numbers, so that a
    picture kept resized as uint8 is the very picture that was not kept.

    Parameters
    ----------
    images : array_like, (N, H, W, 3), uint8
    size : int
        Pixels.

    Returns
    -------
    ndarray, (N, size, size, 3), uint8
        The pictures themselves where they have the size already.
    """
    images = np.asarray(images)
    count, height, width = images.shape[:3]
    if (height, width) == (size, size):
        return images
    (row, row_share), (column, column_share) = _taps(height, size), _taps(width, size)
    place = (column[..., None] * 3 + np.arange(3)).reshape(len(column), -1)  # of each channel
    column_share = np.repeat(column_share, 3, axis=1)
    made = np.empty((count, size, size, 3), np.uint8)
    for number, image in enumerate(images):  # one by one, since one fits the processor's cache
        flat = image.reshape(height, width * 3)
        rows = sum(flat[i] * share[:, None] for i, share in zip(row, row_share, strict=True))
        whole = sum(
            np.take(rows, i, axis=1) * share for i, share in zip(place, column_share, strict=True)
        )
        made[number] = np.rint(whole).reshape(size, size, 3)
    return made


def _taps(source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the source pixels that each target pixel takes from, and their shares: (k, target)."""
    share = shares(source, target)
    most = (share > 0).sum(axis=1).max()
    index = np.sort(np.argsort(-share, axis=1, kind="stable")[:, :most], axis=1)
    return index.T, np.take_along_axis(share, index, axis=1).T


@functools.lru_cache(maxsize=32)
def shares(source: int, target: int) -> np.ndarray:
    """Return how much each source pixel gives to each target pixel, (target, source), float32.

    The rows add up to one. Fewer pixels: the part of a target pixel that each source pixel covers.
    More pixels: linear between the two source pixels whose centres are nearest.
    """
    step = source / target
    if source >= target:
        first = np.arange(target)[:, None] * step
        left, right = np.maximum(first, np.arange(source)), first + step
        covered = np.minimum(right, np.arange(source) + 1) - left
        return (np.maximum(covered, 0) / step).astype(np.float32)
    centre = ((np.arange(target) + 0.5) * step - 0.5).clip(0, source - 1)
    return np.maximum(1 - np.abs(centre[:, None] - np.arange(source)), 0).astype(np.float32)
