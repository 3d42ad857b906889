"""What was reviewed by eye -> better Pairs and Catalogs: bad matches go, bad pictures go, labels change."""

from __future__ import annotations

import pandas as pd

from galcat_core.errors import GalcatError, listed
from galcat_core.records import Catalog, Pairs, Review

SIDES = ("left", "right")


def without_bad_matches(pairs: Pairs, review: Review) -> tuple[Pairs, pd.DataFrame]:
    """Take the pairs out that were flagged as bad matches.

    Parameters
    ----------
    pairs : Pairs
    review : Review

    Returns
    -------
    kept : Pairs
        `meta["bad_matches"]` counts what was taken out.
    rejects : pandas.DataFrame
        The pairs taken out, with `reason`.

    Raises
    ------
    GalcatError
        No pair is left.
    """
    bad = _keys(pairs.table).isin(_keys(review.table[review.table["bad_match"]]))
    if bad.all() and len(pairs):
        raise GalcatError("review: every pair is flagged as a bad match; none is left")
    rejects = pairs.table[bad].assign(reason="flagged as a bad match in the review")
    meta = {**pairs.meta, "bad_matches": int(bad.sum())}
    return Pairs(pairs.table[~bad], pairs.provenance, meta), rejects.reset_index(drop=True)


def _keys(table: pd.DataFrame) -> pd.Index:
    """Return what names a pair; as text, since ids may be numbers here and names there."""
    return pd.MultiIndex.from_arrays([table[f"{side}_id"].astype(str) for side in SIDES])


def reviewed(
    catalogs: dict[str, Catalog], review: Review
) -> tuple[dict[str, Catalog], pd.DataFrame]:
    """Take galaxies with bad pictures out of their survey's catalogue, and correct labels.

    A label given to a good match is that of both its galaxies, and certain; where a galaxy was
    labelled in several pairs, the last word counts.

    Parameters
    ----------
    catalogs : dict of str to Catalog
        Survey -> objects.
    review : Review

    Returns
    -------
    catalogs : dict of str to Catalog
    rejects : pandas.DataFrame
        `id` and `reason` of what was taken out.

    Raises
    ------
    GalcatError
        No galaxy of the review is in the catalogues, or a catalogue would be empty.
    """
    surveys = _surveys(catalogs, review)
    made, rejects, met = dict(catalogs), [], 0
    for side in SIDES:
        for survey in surveys[side].unique():
            if survey not in made:
                continue
            rows = review.table[surveys[side] == survey]
            catalog = made[survey]
            met += int(rows[f"{side}_id"].astype(str).isin(catalog.table["id"].astype(str)).sum())
            catalog = _relabelled(catalog, rows, side)
            made[survey], out = _with_good_pictures(catalog, rows, side)
            rejects.append(out)
    if len(review) and not met:
        named = listed(sorted(set(surveys["left"]) | set(surveys["right"])))
        raise GalcatError(
            f"review: none of its {len(review)} pairs ({named}) has a galaxy in the catalogues "
            f"({listed(catalogs)}); give the review of the surveys that are split"
        )
    return made, pd.concat(rejects, ignore_index=True) if rejects else _rejects([])


def _surveys(catalogs: dict[str, Catalog], review: Review) -> dict[str, pd.Series]:
    """Return the survey of each side; where a pair's two have one name, the catalogues' order tells."""
    left, right = (review.table[f"{side}_survey"] for side in SIDES)
    nameless = (left == right) | left.isna() | right.isna()
    names = list(catalogs)
    return {"left": left.mask(nameless, names[0]), "right": right.mask(nameless, names[-1])}


def _relabelled(catalog: Catalog, rows: pd.DataFrame, side: str) -> Catalog:
    given = rows[rows["label"].notna() & ~rows["bad_match"]]
    if "reviewed_at" in given:
        given = given.sort_values("reviewed_at", kind="stable", na_position="first")
    labels = dict(zip(given[f"{side}_id"].astype(str), given["label"], strict=True))
    new = catalog.table["id"].astype(str).map(labels)
    if not new.notna().any():
        return catalog
    table = catalog.table.copy()
    old = table.get("label", pd.Series(None, index=table.index, dtype=object)).astype(object)
    sure = table.get("certain", old.notna())
    label = new.astype(object).where(new.notna(), old)
    table["label"] = label.where(label.notna(), None)
    table["certain"] = sure.eq(True) | new.notna()
    return Catalog(table, catalog.provenance, catalog.meta)


def _with_good_pictures(
    catalog: Catalog, rows: pd.DataFrame, side: str
) -> tuple[Catalog, pd.DataFrame]:
    bad = rows.loc[rows[f"bad_{side}_image"], f"{side}_id"].astype(str)
    out = catalog.table["id"].astype(str).isin(bad)
    if out.all():
        raise GalcatError(
            f"review: every galaxy of {catalog.survey} is flagged for its picture; none is left"
        )
    return (
        Catalog(catalog.table[~out], catalog.provenance, catalog.meta),
        _rejects(catalog.table.loc[out, "id"]),
    )


def _rejects(ids: pd.Series | list) -> pd.DataFrame:
    return pd.DataFrame({"id": ids, "reason": "its picture is flagged as bad in the review"})
