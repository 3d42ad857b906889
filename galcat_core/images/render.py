"""Calibrated stamps of three bands in, colour pictures out: one recipe for every survey.

Flux comes in nanomaggies/arcsec^2, so that a galaxy has the same numbers in every survey. Sky is taken
off, holes are mended, and brightness is bent by an asinh that scales with the galaxy's own surface
brightness: SDSS and DES pictures of a galaxy then look alike, but for seeing and noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np

from galcat_core.errors import GalcatError
from galcat_core.images.stamps import BAD, GOOD, OUTSIDE
from galcat_core.images.store import Flag

if TYPE_CHECKING:
    from galcat_core.sections import Cutouts

ABSENT = 3  # state of a pixel whose band the tile does not have
SWEEPS = 100  # over the pixels of a hole, until the membrane across it has settled
SKY_RADIUS = 0.46  # of the width: beyond it lie the corners that the sky is measured in


@dataclass(frozen=True)
class Composed:
    """Pictures and what is wrong with them.

    Attributes
    ----------
    images : ndarray, (N, H, W, 3), uint8
    flags : ndarray, (N,), int64
        See `galcat_core.images.store.Flag`.
    masked_fraction, edge_fraction : ndarray, (N,), float32
        Part of the picture that was filled in for bad pixels; that lies outside the tile.
    """

    images: np.ndarray
    flags: np.ndarray
    masked_fraction: np.ndarray
    edge_fraction: np.ndarray


def compose(flux: np.ndarray, state: np.ndarray, config: Cutouts) -> Composed:
    """Render stamps.

    Parameters
    ----------
    flux : ndarray, (N, H, W, 3), float32
        Red, green and blue channel, nanomaggies/arcsec^2; read where `state` is GOOD.
    state : ndarray, (N, H, W, 3), uint8
        GOOD, OUTSIDE, BAD (see `galcat_core.images.stamps`) or ABSENT.
    config : Cutouts

    Raises
    ------
    GalcatError
        `channel_scale` is not three numbers.
    """
    check_channels(config)
    good = state == GOOD
    missing = ~_center(good).any(axis=(1, 2))  # (N, 3): a band unseen at the centre is no band
    blank = missing.all(axis=1)
    outside, bad = (_in_a_band(state == kind) for kind in (OUTSIDE, BAD))
    scale = np.asarray(config.channel_scale, np.float32)
    sky, noise = _sky(flux, good)
    light = np.where(good, flux - sky[:, None, None], 0) * scale
    _fill(light, np.maximum(noise * scale, 1e-12), good, bad, missing)
    images = STRETCHES[config.stretch](light, _mean_noise(noise * scale, missing), config)
    flags = np.where(outside.any(axis=(1, 2)), Flag.EDGE, 0)
    flags |= np.where(bad.any(axis=(1, 2)), Flag.MASKED, 0)
    flags |= np.where(missing.any(axis=1) & ~blank, Flag.BAND_MISSING, 0)
    flags |= np.where(blank, Flag.BLANK, 0)
    return Composed(
        images,
        flags.astype(np.int64),
        bad.mean(axis=(1, 2), dtype=np.float32),
        outside.mean(axis=(1, 2), dtype=np.float32),
    )


def _in_a_band(where: np.ndarray) -> np.ndarray:
    """Return the pixels where any of the three bands is true, (N, H, W); faster than any(axis=-1)."""
    return where[..., 0] | where[..., 1] | where[..., 2]


def check_channels(config: Cutouts) -> None:
    """Refuse `channel_scale` unless it is three numbers."""
    if len(config.channel_scale) != 3:
        raise GalcatError(
            f"cutouts.channel_scale = {config.channel_scale}: three numbers are wanted, for red, green "
            "and blue"
        )


def _center(stamps: np.ndarray) -> np.ndarray:
    """Return the middle of stamps, a quarter of their width on a side."""
    size = stamps.shape[1]
    part = slice(size * 3 // 8, size - size * 3 // 8)
    return stamps[:, part, part]


def _sky(flux: np.ndarray, good: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sky and noise of each band, (N, 3): clipped median and deviation of the corners."""
    radius = np.hypot(*(np.indices(flux.shape[1:3]) - (flux.shape[1] - 1) / 2))
    corners = radius > SKY_RADIUS * flux.shape[1]
    return _clipped(flux, good, corners)


@numba.njit(cache=True, nogil=True)
def _clipped(flux, good, corners):
    n, height, width, bands = flux.shape
    sky = np.zeros((n, bands), np.float32)
    noise = np.zeros((n, bands), np.float32)
    for k in range(n):
        for c in range(bands):
            values = np.empty(height * width, np.float32)
            count = 0
            for where in range(2):  # the corners; all of the stamp where they are not known
                if count >= 30:
                    break
                count = 0
                for i in range(height):
                    for j in range(i % 2, width, 2):  # every other pixel tells enough
                        if good[k, i, j, c] and (corners[i, j] or where == 1):
                            values[count] = flux[k, i, j, c]
                            count += 1
            if count == 0:
                continue
            found = np.sort(values[:count])
            low, high = 0, count
            for _ in range(8):
                # neighbours are brighter than sky: the faint side tells the noise
                middle = found[(low + high) // 2]
                spread = (middle - found[low + int(0.1587 * (high - low))]) * 1.0
                new = np.searchsorted(found, middle + 2.5 * spread, side="right")
                new_low = np.searchsorted(found, middle - 4.0 * spread)
                if (new == high and new_low == low) or new - new_low < 10:
                    break
                low, high = new_low, new
            sky[k, c] = found[(low + high) // 2]
            noise[k, c] = found[(low + high) // 2] - found[low + int(0.1587 * (high - low))]
    return sky, noise


def _fill(
    light: np.ndarray, noise: np.ndarray, good: np.ndarray, bad: np.ndarray, missing: np.ndarray
) -> None:
    """Mend bad pixels and missing bands in place; what nothing is known of stays sky, 0."""
    for k in np.flatnonzero(bad.any(axis=(1, 2))):
        _mend(light[k], good[k] | missing[k], bad[k], noise[k])
    for k in np.flatnonzero(missing.any(axis=1) & ~missing.all(axis=1)):
        light[k][..., missing[k]] = light[k][..., ~missing[k]].mean(axis=-1, keepdims=True)
        light[k] *= _colour(light[k], missing[k])


def _colour(light: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return factors of the channels, (3,), that tint the one missing of three as galaxies are.

    The mean of two bands has the light's shape but not the outer band's level: half the step between
    the other two is carried on.
    """
    factor = np.ones(3, np.float32)
    if missing.sum() == 1 and not missing[1]:
        outer = int(np.flatnonzero(missing)[0])
        total = _center(light[None])[0].sum(axis=(0, 1))
        if total[1] > 0 and total[2 - outer] > 0:
            wanted = total[1] * np.sqrt(total[1] / total[2 - outer])
            factor[outer] = np.clip(wanted / total[outer], 0.5, 2.0)
    return factor


def _mend(light: np.ndarray, known: np.ndarray, bad: np.ndarray, noise: np.ndarray) -> None:
    """Fill the holes of one picture: what other bands show there, brought to the level of the rim.

    Parameters
    ----------
    light : ndarray, (H, W, 3), float32
    known : ndarray, (H, W, 3), bool
    bad : ndarray, (H, W), bool
        Where a band has a hole.
    noise : ndarray, (3,)
    """
    total = light[known.all(axis=-1)].clip(min=0).sum(axis=0)  # the galaxy's colour
    for c in range(light.shape[-1]):
        hole = bad & ~known[..., c]
        others = [o for o in range(light.shape[-1]) if o != c and total[o] > 0 and total[c] > 0]
        seen = known[..., others]
        guess = (light[..., others] * seen * (total[c] / total[others])).sum(axis=-1)
        guess /= np.maximum(seen.sum(axis=-1), 1)
        backed = hole & seen.any(axis=-1)
        if backed.any():
            apart = np.where(hole, 0, light[..., c] - guess)
            _span(apart, *np.nonzero(hole))
            light[backed, c] = (guess + apart)[backed]
        if (hole & ~backed).any():
            # bent, since galaxies fade exponentially and a membrane is straight
            plane = np.arcsinh(light[..., c] / noise[c])
            _span(plane, *np.nonzero(hole & ~backed))
            light[hole & ~backed, c] = (noise[c] * np.sinh(plane))[hole & ~backed]


@numba.njit(cache=True, nogil=True)
def _span(values, rows, cols):
    """Span holes by a membrane fixed at their rims: each pixel becomes the mean of its neighbours."""
    height, width = values.shape
    for _ in range(SWEEPS):
        for k in range(len(rows)):
            i, j = rows[k], cols[k]
            total, count = np.float32(0.0), 0
            for di, dj in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                if 0 <= i + di < height and 0 <= j + dj < width:
                    total += values[i + di, j + dj]
                    count += 1
            # a step further than the mean settles the membrane much sooner
            values[i, j] += np.float32(1.7) * (total / count - values[i, j])


def _mean_noise(noise: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return the noise of the mean of the bands that are there, (N,)."""
    seen = np.maximum((~missing).sum(axis=1), 1)
    return np.sqrt((noise**2 * ~missing).sum(axis=1)) / seen


def lupton(light: np.ndarray, noise: np.ndarray, config: Cutouts) -> np.ndarray:
    """Bend intensity by an asinh and keep the colours (Lupton et al. 2004, PASP 116, 133).

    Intensity is shown as asinh(I / soft) / asinh(white / soft): white lies at `config.white` times
    the galaxy's mean surface brightness around its centre; `soft` is the white level over
    `config.contrast`, but at least `config.noise_floor` times the noise, so that sky stays dark.
    Colours fade to grey where they drown in the noise, and to white where a channel is full.

    Parameters
    ----------
    light : ndarray, (N, H, W, 3)
        Sky-subtracted flux, channels scaled.
    noise : ndarray, (N,)
        Of the mean of the channels.
    """
    noise = np.maximum(noise, 1e-12)
    center = _center(light).mean(axis=(1, 2, 3))
    white = config.white * np.maximum(center, noise)
    soft = np.maximum(white / config.contrast, config.noise_floor * noise)
    return _bend(light, white, soft, config.colour_floor * noise, config.pedestal)


@numba.njit(cache=True, nogil=True)
def _bend(light, white, soft, grey, pedestal):
    images = np.empty(light.shape, np.uint8)
    n, height, width, _ = light.shape
    for k in range(n):
        full = np.arcsinh(white[k] / soft[k])
        for i in range(height):
            for j in range(width):
                r, g, b = light[k, i, j]
                shown = max(np.arcsinh((r + g + b) / (3 * soft[k])) / full + pedestal, 0)
                r, g, b = max(r, 0) + grey[k], max(g, 0) + grey[k], max(b, 0) + grey[k]
                factor = 3 * shown / max(r + g + b, 1e-20)
                peak = max(factor * max(r, g, b), 1)
                for c, channel in enumerate((r, g, b)):
                    bright = 1 - (1 - factor * channel / peak) / peak
                    images[k, i, j, c] = int(255 * bright + 0.5)
    return images


def sigma(light: np.ndarray, noise: np.ndarray, config: Cutouts) -> np.ndarray:
    """Show each band from m - s to m + 5 s, of the fainter half of its pixels (Khan et al. 2019)."""
    flat = light.reshape(len(light), -1, light.shape[-1])
    faint = np.sort(flat, axis=1)[:, : flat.shape[1] // 2]
    m, s = faint.mean(axis=1), faint.std(axis=1)
    low, high = (m - s)[:, None, None], (m + 5 * s)[:, None, None]
    return _to_bytes((light - low) / np.maximum(high - low, 1e-12))


STRETCHES = {"lupton": lupton, "sigma": sigma}


def _to_bytes(bright: np.ndarray) -> np.ndarray:
    return (np.clip(bright, 0, 1) * 255 + 0.5).astype(np.uint8)
