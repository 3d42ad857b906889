"""Positions on the sphere -> the nearest neighbour of each within a radius; arrays in, arrays out.

Positions become cells of a cube grid around the unit sphere, which knows neither poles nor a seam at
RA 0/360. Both sides are sorted by cell, so that looking up the cells that a circle touches walks
through memory in order; separations are computed for the few candidates only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

ARCSEC = np.pi / 180 / 3600
AXIS_BITS = np.array([42, 21, 0])  # where the three numbers of a cell stand in its int64 key
FINEST = 2.0**-19  # smallest cell on the cube [-1, 1]^3 that 21 bits can number
WIDE = 32.0  # cell in units of the radius: most circles touch one cell only
NARROW = 3.0  # the same where objects are crowded
CROWDED = 4.0  # right objects in a cell, on average over them, from which cells are made smaller
CHUNK = 1 << 17  # rows at once: what they need stays in the processor's cache
LOPSIDED = 4  # times as many rows on one side: drop those far from all of the other first


def separation_arcsec(
    ra_1_deg: np.ndarray, dec_1_deg: np.ndarray, ra_2_deg: np.ndarray, dec_2_deg: np.ndarray
) -> np.ndarray:
    """Return the angle between positions in arcsec, exact down to zero, at the poles and across RA 0.

    The haversine of differences taken in degrees, before anything is rounded to radians.
    """
    across = ra_2_deg - ra_1_deg
    across = across - 360.0 * np.rint(across / 360.0)
    half_ra = np.sin(np.radians(across) / 2)
    half_dec = np.sin(np.radians(dec_2_deg - dec_1_deg) / 2)
    cosines = np.cos(np.radians(dec_1_deg)) * np.cos(np.radians(dec_2_deg))
    haversine = half_dec * half_dec + cosines * (half_ra * half_ra)
    return 2 * np.arcsin(np.sqrt(np.minimum(haversine, 1.0))) / ARCSEC


def nearest_within(
    left_ra: np.ndarray,
    left_dec: np.ndarray,
    right_ra: np.ndarray,
    right_dec: np.ndarray,
    radius_arcsec: float,
    preference: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find for each left position the nearest right one within the radius; positions in degrees.

    Parameters
    ----------
    left_ra, left_dec : ndarray, (N,), float64
    right_ra, right_dec : ndarray, (M,), float64
    radius_arcsec : float
    preference : ndarray, (M,), int64, optional
        Of right objects at the same separation the one with the lowest is taken (default: the row).

    Returns
    -------
    row : ndarray, (N,), int64
        Row of the nearest right object, -1 for none.
    separation : ndarray, (N,), float64
        In arcsec; inf for none.
    several : ndarray, (N,), bool
        More than one right object lies within the radius.
    """
    left = Sky(left_ra, left_dec, np.arange(len(left_ra)))
    right = Sky(right_ra, right_dec, np.arange(len(right_ra)))
    found = Found(len(left), np.arange(len(right)) if preference is None else preference)
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        if len(right) > LOPSIDED * len(left):
            right = _near(right, left, radius_arcsec, threads)
        elif len(left) > LOPSIDED * len(right):
            left = _near(left, right, radius_arcsec, threads)
        cell = max(WIDE * radius_arcsec * ARCSEC, FINEST)
        both = _sorted(left, right, cell, radius_arcsec, threads)
        crowd = _crowd(both[1].key)
        if crowd <= CROWDED:
            _search(*both, radius_arcsec, found, threads)
        else:
            for radius, width in _rounds(radius_arcsec, cell, crowd):
                both = _sorted(left, right, width, radius, threads)
                _search(*both, radius, found, threads)
                left = left[found.count[left.row] < 2]
    return found.row, found.separation, found.count > 1


@dataclass
class Sky:
    """Positions in degrees, and the row of each in the catalogue that it came from; all (n,)."""

    ra: np.ndarray
    dec: np.ndarray
    row: np.ndarray

    def __len__(self) -> int:
        return len(self.ra)

    def __getitem__(self, which: np.ndarray | slice) -> Sky:
        return Sky(self.ra[which], self.dec[which], self.row[which])


@dataclass
class Cells:
    """Positions sorted by cell (see `_cells`)."""

    sky: Sky
    key: np.ndarray
    reach: np.ndarray


class Found:
    """The best right object of each left row so far, and how many lie within the radius."""

    def __init__(self, n: int, preference: np.ndarray) -> None:
        self.row = np.full(n, -1)
        self.separation = np.full(n, np.inf)
        self.count = np.zeros(n, np.int32)
        self.preference = preference


def _cells(sky: Sky, cell: float, radius_arcsec: float) -> tuple[np.ndarray, np.ndarray]:
    """Return each position's cell and towards which neighbours its circle reaches.

    Returns
    -------
    key : ndarray, (n,), int64
        The cell's three numbers along x, y, z, 21 bits each.
    reach : ndarray, (3, n), int8
        -1, 0 or 1 along each axis.
    """
    # a little more than the chord: rounding must not lose a cell
    chord = 1.001 * radius_arcsec * ARCSEC + 1e-12
    key = np.zeros(len(sky), np.int64)
    reach = np.empty((3, len(sky)), np.int8)
    for start in range(0, len(sky), CHUNK):
        part = slice(start, start + CHUNK)
        ra, dec = np.radians(sky.ra[part]), np.radians(sky.dec[part])
        cos_dec = np.cos(dec)
        for axis, x in enumerate((cos_dec * np.cos(ra), cos_dec * np.sin(ra), np.sin(dec))):
            own = ((x + 1) / cell).astype(np.int64)
            low = ((x + (1 - chord)) / cell).astype(np.int64)
            high = ((x + (1 + chord)) / cell).astype(np.int64)
            reach[axis, part] = (high - own) - (own - low)
            key[part] |= own << AXIS_BITS[axis]
    return key, reach


def _touched(key: np.ndarray, reach: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (rows, keys) of the cells that the circles touch: own cells first, then up to 7 more."""
    yield np.arange(len(key)), key
    beyond = np.flatnonzero(reach.any(axis=0))
    key, reach = key[beyond], reach[:, beyond].astype(np.int64)
    for corner in range(1, 8):
        axes = [axis for axis in range(3) if corner >> axis & 1]
        rows = np.flatnonzero((reach[axes] != 0).all(axis=0))
        step = sum(reach[axis, rows] << AXIS_BITS[axis] for axis in axes)
        yield beyond[rows], key[rows] + step


def _near(many: Sky, few: Sky, radius_arcsec: float, threads: ThreadPoolExecutor) -> Sky:
    """Return those of `many` whose cell a circle around one of `few` touches, and a few others."""
    cell = max(WIDE * radius_arcsec * ARCSEC, FINEST)
    bits = int(np.clip(np.log2(16 * len(few) + 1), 16, 26))
    touched = np.zeros(1 << bits, bool)

    def slot(key: np.ndarray) -> np.ndarray:  # Fibonacci hashing; sharing a slot is harmless
        return (key.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits)

    for _, keys in _touched(*_cells(few, cell, radius_arcsec)):
        touched[slot(keys)] = True

    def kept(start: int) -> np.ndarray:
        key, _ = _cells(many[start : start + CHUNK], cell, radius_arcsec)
        return start + np.flatnonzero(touched[slot(key)])

    return many[np.concatenate(list(threads.map(kept, range(0, len(many), CHUNK))))]


def _sorted(
    left: Sky, right: Sky, cell: float, radius_arcsec: float, threads: ThreadPoolExecutor
) -> list[Cells]:
    def in_cells(sky: Sky) -> Cells:
        key, reach = _cells(sky, cell, radius_arcsec)
        order = np.argsort(key)
        return Cells(sky[order], key[order], reach[:, order])

    return list(threads.map(in_cells, (left, right)))


def _crowd(key: np.ndarray) -> float:
    """Return how many objects stand in a cell, on average over the objects."""
    counts = np.diff(np.flatnonzero(np.r_[True, key[1:] != key[:-1], True]))
    return float((counts.astype(float) ** 2).sum() / max(len(key), 1))


def _rounds(radius_arcsec: float, cell: float, crowd: float) -> list[tuple[float, float]]:
    """Return the radii (arcsec) and cells (radians) to search with, one after the other.

    Where many objects lie within the radius, smaller circles go first: a left object that has two
    neighbours in one is done, so no round looks at many candidates of one object.
    """
    radius = radius_arcsec * ARCSEC
    cell = max(cell * np.sqrt(CROWDED / crowd), FINEST)
    rounds = []
    while cell < NARROW * radius:
        rounds.append((cell / NARROW / ARCSEC, cell))
        cell *= 2
    return [*rounds, (radius_arcsec, cell if not rounds else max(NARROW * radius, FINEST))]


def _search(
    left: Cells, right: Cells, radius_arcsec: float, found: Found, threads: ThreadPoolExecutor
) -> None:
    """Put the nearest right object within the radius of each left one into `found`."""
    right_key = np.append(right.key, -1)  # no cell has this number: looking past the end is safe

    def part(start: int) -> None:
        sky = left.sky[start : start + CHUNK]
        row = np.zeros(len(sky), np.int64)
        separation = np.full(len(sky), np.inf)
        count = np.zeros(len(sky), np.int32)
        for mine, key in _touched(left.key[start:][:CHUNK], left.reach[:, start:][:, :CHUNK]):
            theirs = np.searchsorted(right.key, key)
            while True:  # the first object of each cell, then the second, ...
                inside = right_key[theirs] == key
                mine, theirs, key = mine[inside], theirs[inside], key[inside]
                if not len(mine):
                    break
                apart = separation_arcsec(
                    sky.ra[mine], sky.dec[mine], right.sky.ra[theirs], right.sky.dec[theirs]
                )
                near = apart <= radius_arcsec
                m, apart, r = mine[near], apart[near], right.sky.row[theirs[near]]
                count[m] += 1
                prefer = found.preference
                better = (apart < separation[m]) | (
                    (apart == separation[m]) & (prefer[r] < prefer[row[m]])
                )
                row[m[better]], separation[m[better]] = r[better], apart[better]
                theirs = theirs + 1
        hit = count > 0
        found.count[sky.row] = count
        found.row[sky.row[hit]], found.separation[sky.row[hit]] = row[hit], separation[hit]

    list(threads.map(part, range(0, len(left.sky), CHUNK)))
