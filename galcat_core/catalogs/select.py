"""Votes -> labels, and DES objects -> the galaxies worth labelling; thresholds and cuts of the paper."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.records import Catalog, Pairs
from galcat_core.sections import Select

SPIRAL, ELLIPTICAL = "spiral", "elliptical"
VOTES = ("p_el_debiased", "p_cs_debiased")


def label(catalog: Catalog, votes: Catalog | None, select: Select) -> Catalog:
    """Label galaxies by their larger debiased vote (Galaxy Zoo 1, table 2).

    Parameters
    ----------
    catalog : Catalog
    votes : Catalog or None
        Table with P_EL_DEBIASED, P_CS_DEBIASED and (if `min_votes` is to count) NVOTE, joined by id.
        None: the catalogue holds these columns itself.
    select : Select
        `spiral_min`, `elliptical_min`, `min_votes`.

    Returns
    -------
    Catalog
        All rows, with `label` ("spiral", "elliptical"; None for a tie or no votes) and `certain` (the
        vote passes its threshold and there are enough votes: Khan et al. 2019, section 2).
        `meta["labels"]` counts.

    Raises
    ------
    GalcatError
        A vote column is missing, or the tables have no id in common.
    """
    found = _votes_of(catalog, votes)
    elliptical, spiral = (found[name].to_numpy(float) for name in VOTES)
    enough = np.ones(len(catalog), bool)
    if "nvote" in found:
        enough = found["nvote"].to_numpy(float) >= select.min_votes
    names = np.select([spiral > elliptical, elliptical > spiral], [SPIRAL, ELLIPTICAL], "")
    passes = np.select(
        [names == SPIRAL, names == ELLIPTICAL],
        [spiral >= select.spiral_min, elliptical >= select.elliptical_min],
        False,
    )
    labels = np.where(names == "", None, names.astype(object))
    table = catalog.table.assign(label=labels, certain=passes & enough)
    none = table["label"].isna()
    counts = {
        SPIRAL: int((names == SPIRAL).sum()),
        ELLIPTICAL: int((names == ELLIPTICAL).sum()),
        "tie": int((none & found[list(VOTES)].notna().all(axis=1)).sum()),
        "no votes": int(found[list(VOTES)].isna().any(axis=1).sum()),
        "certain": int(table["certain"].sum()),
    }
    return Catalog(table, None, {**catalog.meta, "labels": counts})


def _votes_of(catalog: Catalog, votes: Catalog | None) -> pd.DataFrame:
    """Return the vote columns in lower case, one row for each galaxy of the catalogue."""
    source = catalog if votes is None else votes
    lower = {str(c).lower(): c for c in source.table.columns}
    for name in VOTES:
        if name not in lower:
            raise GalcatError(
                f"votes: column '{name.upper()}' is missing; there are {listed(lower.values(), 40)}; "
                f"give the Galaxy Zoo 1 table with debiased votes.{nearest(name, lower)}"
            )
    names = [lower[n] for n in (*VOTES, "nvote") if n in lower]
    found = source.table.set_index("id")[names].rename(columns=str.lower)
    found = found.reindex(catalog.table["id"]).reset_index(drop=True)
    if found["p_el_debiased"].isna().all():
        raise GalcatError(
            f"votes: none of the {len(catalog)} galaxies has votes (ids such as {catalog.ids[0]} "
            f"against {source.ids[0]}); give the votes of the same object ids"
        )
    return found


def unlabelled(des: Catalog, pairs: Pairs | None, select: Select) -> Catalog:
    """Select DES galaxies outside the overlap that deserve a label (Khan et al. 2019, section 2).

    Parameters
    ----------
    des : Catalog
        DES objects with MAG_AUTO_G, WAVG_SPREAD_MODEL_I, WAVG_SPREADERR_MODEL_I and, for each of
        `flag_bands`, IMAFLAGS_ISO, FLAGS and NEPOCHS.
    pairs : Pairs or None
        Objects in it (on either side) have a twin with votes and are left out.
    select : Select

    Returns
    -------
    Catalog
        `meta["cuts"]` tells how many rows each cut removed of those that were left.

    Raises
    ------
    GalcatError
        A column is missing, or no row is left.

    See Also
    --------
    unlabelled_with_rejects : returns the removed rows and the cut that removed each.
    """
    return unlabelled_with_rejects(des, pairs, select)[0]


def unlabelled_with_rejects(
    des: Catalog, pairs: Pairs | None, select: Select
) -> tuple[Catalog, pd.DataFrame]:
    """Select as `unlabelled`; beside it the removed rows with `reason`, the first cut they failed."""
    reason = pd.Series("", index=des.table.index)
    removed: dict[str, int] = {}
    for name, passes in _cuts(des, pairs, select).items():
        fails = ~passes & (reason == "").to_numpy()
        removed[name] = int(fails.sum())
        reason[fails] = name
    keep = (reason == "").to_numpy()
    if not keep.any():
        raise GalcatError(
            "no DES galaxy passes the cuts: "
            + listed([f"{name} removed {n}" for name, n in removed.items()], 20)
            + "; loosen [select] in the config"
        )
    rejects = des.table[~keep].assign(reason=reason[~keep]).reset_index(drop=True)
    return Catalog(des.table[keep], None, {**des.meta, "cuts": removed}), rejects


def _cuts(des: Catalog, pairs: Pairs | None, select: Select) -> dict[str, np.ndarray]:
    """Return each cut's name (as a reason to read) and which rows pass it; missing values fail."""
    spread = _column(des, "WAVG_SPREAD_MODEL_I")
    error = _column(des, "WAVG_SPREADERR_MODEL_I")
    cuts = {
        f"MAG_AUTO_G not < {select.mag_limit_g:g}": _column(des, "MAG_AUTO_G") < select.mag_limit_g,
        "WAVG_SPREAD_MODEL_I not measured": spread > -1,
    }
    for times, limit in (
        (3, select.spread_plus_3_err),
        (1, select.spread_plus_1_err),
        (-1, select.spread_minus_1_err),
    ):
        name = f"WAVG_SPREAD_MODEL_I {times:+d} errors not > {limit:g}"
        cuts[name] = spread + times * error > limit
    for band in select.flag_bands:
        band = band.upper()
        cuts[f"IMAFLAGS_ISO_{band} not 0"] = _column(des, f"IMAFLAGS_ISO_{band}") == 0
        cuts[f"FLAGS_{band} not < {select.flags_below}"] = (
            _column(des, f"FLAGS_{band}") < select.flags_below
        )
        cuts[f"NEPOCHS_{band} not >= {select.min_epochs}"] = (
            _column(des, f"NEPOCHS_{band}") >= select.min_epochs
        )
    if pairs is not None:
        twins = np.concatenate([pairs.table["left_id"], pairs.table["right_id"]])
        cuts["has a twin with votes"] = ~np.isin(des.ids, twins)
    return cuts


def _column(catalog: Catalog, name: str) -> np.ndarray:
    lower = {str(c).lower(): c for c in catalog.table.columns}
    if name.lower() not in lower:
        raise GalcatError(
            f"the DES catalogue has no column '{name}'; there are "
            f"{listed(catalog.table.columns, 60)}.{nearest(name, catalog.table.columns)}"
        )
    return catalog.table[lower[name.lower()]].to_numpy(float, na_value=np.nan)
