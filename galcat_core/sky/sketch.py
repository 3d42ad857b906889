"""Sketches of galaxies: ellipticals and spirals by formula, thousands in seconds, to measure a training with.

For a sky as telescopes see it there is `simulate`; these are to be learnt from in a few minutes, no more.
"""

from __future__ import annotations

import numpy as np

CLASSES = ("elliptical", "spiral")
AT_A_TIME = 128  # pictures; they stay in the processor's cache
SKY, NOISE = 14.0, 9.0  # of 255


def sketch(count: int, size_px: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures and their classes; the first are the same, however many are asked for.

    Returns
    -------
    images : ndarray, (count, size_px, size_px, 3), uint8
    label : ndarray, (count,), str
        Of `CLASSES`, in turn.
    """
    parts = []
    for first in range(0, count, AT_A_TIME):
        rng = np.random.default_rng([seed, first])
        parts.append(_drawn(rng, np.arange(first, first + AT_A_TIME) % 2 == 1, size_px))
    images = np.concatenate(parts)[:count]
    return images, np.array(CLASSES)[np.arange(count) % 2]


def _drawn(rng: np.random.Generator, spiral: np.ndarray, size_px: int) -> np.ndarray:
    """Draw galaxies (n,): de Vaucouleurs' law, or an exponential disk with logarithmic arms."""

    def draw(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, len(spiral)).astype(np.float32)[:, None, None]

    y, x = (np.mgrid[:size_px, :size_px].astype(np.float32) - (size_px - 1) / 2) / size_px
    angle, axis_ratio = draw(0, np.pi), draw(0.55, 1.0)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    r = np.hypot(u, v / axis_ratio) + 1e-3
    size = draw(0.06, 0.11)
    round_ones = np.exp(-7.67 * ((r / size) ** 0.25 - 1)) * 0.16
    winding, phase, depth = draw(3.0, 6.0), draw(0, 2 * np.pi), draw(0.25, 0.9)
    arms = 1 + depth * np.cos(
        2 * np.arctan2(v / axis_ratio, u) - winding * np.log(r / size) + phase
    )
    disks = np.exp(-r / size) * arms + 0.5 * np.exp(-r / (0.3 * size))
    light = np.where(spiral[:, None, None], disks, round_ones) * draw(80, 170)
    warm = np.where(spiral, 0.9, 1.0) + rng.normal(0, 0.06, len(spiral))
    colours = np.stack([warm, np.full(len(spiral), 0.92), 1.82 - warm], axis=1).astype(np.float32)
    images = light[..., None] * colours[:, None, None, :]
    images += rng.normal(SKY, NOISE, images.shape).astype(np.float32)
    return images.clip(0, 255).astype(np.uint8)
