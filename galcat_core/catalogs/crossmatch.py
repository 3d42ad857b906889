"""Two Catalogs and a radius -> Pairs: the nearest right object of each left one, anywhere on the sky."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galcat_core.catalogs.sphere import nearest_within
from galcat_core.errors import GalcatError
from galcat_core.records import Catalog, Pairs
from galcat_core.sections import Match


def crossmatch(left: Catalog, right: Catalog, match: Match) -> Pairs:
    """Find the nearest right object within the radius for each left object.

    Parameters
    ----------
    left, right : Catalog
        Rows without a valid position are refused.
    match : Match
        `radius_arcsec`; `one_to_one`: of several left objects with the same right one, keep the
        closest.

    Returns
    -------
    Pairs
        In the order of the left rows. Of right objects at the same separation the one with the
        smallest id is taken. `ambiguous`: more than one right object lies within the radius, or
        several left objects share the right one (told before `one_to_one` drops any). `size_arcsec`,
        where either side has one: the mean of the twins' sizes, so that both are cut out equally
        wide. `meta`: the surveys, the settings, how many left rows are "unmatched", and how many
        `one_to_one` "dropped".

    Raises
    ------
    GalcatError
        No pair within the radius, a radius that is not legal, or a row without a valid position.
    """
    if not 0 <= match.radius_arcsec <= 3600:
        raise GalcatError(f"radius_arcsec = {match.radius_arcsec!r}: from 0.0 to 3600.0 is legal")
    sides = [*_coordinates(left, "left"), *_coordinates(right, "right")]
    row, separation, several = nearest_within(*sides, match.radius_arcsec, _ordinal(right.ids))
    mine = np.flatnonzero(row >= 0)
    if not len(mine):
        raise GalcatError(_nothing_found(left, right, match.radius_arcsec))
    theirs = row[mine]
    shared = np.bincount(theirs, minlength=len(right))[theirs] > 1
    table = pd.DataFrame(
        {
            "left_id": left.ids[mine],
            "right_id": right.ids[theirs],
            "separation_arcsec": separation[mine],
            "ambiguous": several[mine] | shared,
        }
    )
    if "size_arcsec" in left.table or "size_arcsec" in right.table:
        table["size_arcsec"] = _mean_size(left.table.iloc[mine], right.table.iloc[theirs])
    if match.one_to_one:
        table = table.iloc[_closest_of_each(theirs, table)]
    meta = {
        "left_survey": left.survey,
        "right_survey": right.survey,
        "radius_arcsec": match.radius_arcsec,
        "one_to_one": match.one_to_one,
        "left_rows": len(left),
        "right_rows": len(right),
        "unmatched": int(len(left) - len(mine)),
        "dropped": int(len(mine) - len(table)),
        "ambiguous": int(table["ambiguous"].sum()),
    }
    return Pairs(table, None, meta)


def _coordinates(catalog: Catalog, side: str) -> tuple[np.ndarray, np.ndarray]:
    ra, dec = (catalog.table[name].to_numpy(float) for name in ("ra_deg", "dec_deg"))
    bad = ~((ra >= 0) & (ra <= 360) & (dec >= -90) & (dec <= 90))
    if bad.any():
        raise GalcatError(
            f"{int(bad.sum())} rows of the {side} catalogue have no valid position (first id "
            f"{catalog.ids[bad][0]}); ra 0..360 and dec -90..90 degrees are legal: leave them out"
        )
    return ra, dec


def _ordinal(ids: np.ndarray) -> np.ndarray:
    """Return int64 ids as they are, and names as their place in the alphabet."""
    return ids if ids.dtype == np.int64 else np.unique(ids, return_inverse=True)[1]


def _mean_size(left: pd.DataFrame, right: pd.DataFrame) -> np.ndarray:
    """Return the mean of both sides' sizes, or the one that is known, (N,), arcsec."""
    both = [t["size_arcsec"].to_numpy(float) for t in (left, right) if "size_arcsec" in t]
    total = np.sum([np.nan_to_num(size) for size in both], axis=0)
    known = np.sum([~np.isnan(size) for size in both], axis=0)
    return np.divide(total, known, out=np.full(len(total), np.nan), where=known > 0)


def _closest_of_each(theirs: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    """Return the places of the closest pair of each right row; the smallest left id where equal."""
    order = np.lexsort([_ordinal(table["left_id"].to_numpy()), table["separation_arcsec"], theirs])
    return np.sort(order[np.diff(theirs[order], prepend=-1) != 0])


def _nothing_found(left: Catalog, right: Catalog, radius_arcsec: float) -> str:
    def covered(catalog: Catalog) -> str:
        if not len(catalog):
            return "nothing (it has no rows)"
        low, high = (catalog.table[["ra_deg", "dec_deg"]].agg(f) for f in ("min", "max"))
        return (
            f"ra {low['ra_deg']:.3f}..{high['ra_deg']:.3f}, "
            f"dec {low['dec_deg']:.3f}..{high['dec_deg']:.3f}"
        )

    return (
        f"no pair within {radius_arcsec:g} arcsec: left covers {covered(left)}, right "
        f"{covered(right)} (degrees); give catalogues that overlap, or a larger radius"
    )
