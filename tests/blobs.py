"""Pictures that a network can learn to tell apart in seconds."""

from __future__ import annotations

import numpy as np


def blobs(count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures (count, size, size, 3) of round and of long blobs, and which are long."""
    rng = np.random.default_rng(seed)
    long = rng.random(count) < 0.5
    angle = rng.uniform(0, np.pi, count)[:, None, None]
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    wide = rng.uniform(3, 6, count)[:, None, None]
    thin = np.where(long, 0.45, 1.0)[:, None, None]
    light = 200 * np.exp(-0.5 * ((u / wide) ** 2 + (v / (wide * thin)) ** 2))
    noisy = light[..., None] + rng.normal(20, 6, (count, size, size, 3))
    return noisy.clip(0, 255).astype(np.uint8), long
