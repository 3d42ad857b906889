"""Positions -> a map of the sky: east to the left, north up, the circle of right ascension cut where nothing is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STRIPE = 2.5  # a footprint longer than so many times its height is drawn higher than it is
HEIGHT = 0.8  # of its length, then


@dataclass(frozen=True, eq=False)
class Sky:
    """A map of the sky.

    Attributes
    ----------
    places : ndarray, (N, 2), float64
        (x, y) in the unit square; NaN where a pair has no position.
    ra, dec : tuple of float
        Degrees at 0 and degrees for each unit of x (of y); right ascension beyond 360 turns round.
    stretched : bool
        Whether a degree is longer in declination than along the circle, as for a narrow stripe.
    """

    places: np.ndarray
    ra: tuple[float, float]
    dec: tuple[float, float]
    stretched: bool


def sky_map(ra_deg: np.ndarray, dec_deg: np.ndarray) -> Sky:
    """Return the map of positions, (N,) each; NaN for none."""
    known = np.isfinite(ra_deg) & np.isfinite(dec_deg)
    if not known.any():
        return Sky(np.full((len(ra_deg), 2), np.nan), (0.0, -1.0), (0.0, 1.0), False)
    start = _cut(ra_deg[known])
    along = (ra_deg - start) % 360
    wide, low, high = along[known].max(), dec_deg[known].min(), dec_deg[known].max()
    squeeze = max(np.cos(np.radians((low + high) / 2)), 0.05)
    tall = high - low
    unit_ra, unit_dec = max(wide * squeeze, tall) / squeeze or 1.0, max(wide * squeeze, tall) or 1.0
    stretched = bool(wide * squeeze > STRIPE * tall > 0 or tall > STRIPE * wide * squeeze > 0)
    if stretched:
        unit_ra = wide if wide * squeeze > tall else wide / HEIGHT
        unit_dec = tall if tall > wide * squeeze else tall / HEIGHT
    x = 0.5 + (wide / 2 - along) / unit_ra  # east, larger right ascension, to the left
    y = 0.5 + (dec_deg - (low + high) / 2) / unit_dec
    places = np.where(known[:, None], np.stack([x, y], axis=1), np.nan)
    return Sky(
        places,
        (float(start + wide / 2 + 0.5 * unit_ra), -float(unit_ra)),
        (float((low + high) / 2 - 0.5 * unit_dec), float(unit_dec)),
        stretched,
    )


def _cut(ra_deg: np.ndarray) -> float:
    """Return the right ascension from which the circle is unrolled: behind the widest gap."""
    turned = np.sort(ra_deg % 360)
    gaps = np.diff(turned, append=turned[0] + 360)
    return float(turned[(int(np.argmax(gaps)) + 1) % len(turned)])
