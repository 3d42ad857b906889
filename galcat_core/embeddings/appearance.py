"""Pictures -> a few numbers that tell what they look like, whatever a network makes of them.

A network that parts spirals from ellipticals need not see what is neither: to its features a star,
empty sky or a galaxy drowned in noise may look like a galaxy. The light in rings, its scatter, its
lopsidedness, its roughness and its colour tell them apart.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np

RINGS = (0.0, 0.08, 0.16, 0.25, 0.35, 0.5, 0.7, 1.0, 2.0)  # edges, in half widths of the picture
ACROSS = 32  # pixels across that are looked at: every third of 96
LEAST = 0.01  # brightness that counts as none, of full brightness


def appearance(images: np.ndarray) -> np.ndarray:
    """Return what pictures look like.

    Parameters
    ----------
    images : ndarray, (N, H, W, 3), uint8

    Returns
    -------
    ndarray, (N, 23), float32
        Logarithms of: mean brightness in 8 rings, its scatter in each; the difference to the
        picture turned by half; that between neighbours along x and along y; the largest brightness;
        the mean of red, green and blue.
    """
    step = max(1, round(images.shape[1] / ACROSS))
    images = images[:, ::step, ::step]
    count, height, width, _ = images.shape
    colours = [images[..., band].astype(np.float32) / 255 for band in range(3)]
    grey = sum(colours) / 3
    rings = _rings(height, width)
    flat = grey.reshape(count, -1)
    mean = flat @ rings
    scatter = np.sqrt(np.maximum((flat**2) @ rings - mean**2, 0))
    changes = [np.abs(grey - grey[:, ::-1, ::-1]), *(np.abs(np.diff(grey, axis=a)) for a in (2, 1))]
    single = [change.mean(axis=(1, 2)) for change in changes]
    single += [flat.max(axis=1), *(colour.mean(axis=(1, 2)) for colour in colours)]
    return np.log(np.concatenate([mean, scatter, np.stack(single, axis=1)], axis=1) + LEAST)


@functools.lru_cache(maxsize=8)
def _rings(height: int, width: int) -> np.ndarray:
    """Return the weight of each pixel in each ring's mean, (H * W, R), float32."""
    y, x = np.mgrid[:height, :width]
    radius = np.hypot((y - (height - 1) / 2) / (height / 2), (x - (width - 1) / 2) / (width / 2))
    inside = [(radius >= low) & (radius < high) for low, high in itertools.pairwise(RINGS)]
    weight = np.stack(inside, axis=-1).reshape(height * width, -1).astype(np.float32)
    return weight / np.maximum(weight.sum(axis=0), 1)
