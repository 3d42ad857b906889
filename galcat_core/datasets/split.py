"""Catalogs and Pairs -> Split: no galaxy, nor its twin, nor its double, stands on two sides."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed
from galcat_core.records import Catalog, Pairs, Split
from galcat_core.sections import Splitting


def split(
    catalogs: dict[str, Catalog],
    pairs: Pairs | None,
    splitting: Splitting,
    mismatched: pd.DataFrame | None = None,
) -> Split:
    """Draw training, validation and test sets from the labelled galaxies of one or more surveys.

    Galaxies that are one belong to one group: twins in `pairs`, and positions within
    `duplicate_arcsec`, chains of them included. Whole groups are drawn, within each class in equal
    shares of certain and uncertain labels and of galaxies with and without a twin.

    Parameters
    ----------
    catalogs : dict of str to Catalog
        Survey -> objects. `label` and `certain` are taken where present; positions may be NaN.
    pairs : Pairs or None
        `meta["left_survey"]` and `meta["right_survey"]` name two of the catalogues (default: the
        first two).
    splitting : Splitting
    mismatched : pandas.DataFrame, optional
        `left_id`, `right_id` of pairs that are no pairs. They may lie close enough to stay on one
        side; but a label does not go from the one to the other.

    Returns
    -------
    Split
        Sorted by survey (in the order given) and id. A galaxy without a label gets that of its twin
        (the nearest), or else of its group; groups without any label are "unlabelled". `has_twin`
        tells whether a galaxy is in `pairs`. The same whatever the order of the rows.

    Raises
    ------
    GalcatError
        No labels, labels of one class, too few galaxies of a class, or fractions that leave nothing
        to train on.
    """
    if splitting.validation + splitting.test >= 1:
        raise GalcatError(
            f"validation = {splitting.validation:g} and test = {splitting.test:g} leave nothing to "
            "train on; their sum must be below 1"
        )
    rows = _rows(catalogs)
    links = _links(rows, catalogs, pairs)
    strange = np.zeros(len(rows), bool)
    if mismatched is not None:
        named = pd.concat([mismatched["left_id"], mismatched["right_id"]]).astype(str)
        strange = np.isin(rows["id"].astype(str), named)
    rows["group"] = _groups(rows, links, splitting.duplicate_arcsec)
    twins = links.loc[(links["left"] >= 0) & (links["right"] >= 0), ["left", "right"]]
    rows["has_twin"] = np.isin(np.arange(len(rows)), twins.to_numpy())
    _hand_on_labels(rows, links, strange)
    _check_classes(rows)
    rows["set"] = rows["group"].map(_draw(rows, splitting)).fillna("unlabelled")
    columns = ["survey", "id", "set", "label", "certain", "group", "has_twin"]
    meta = {"surveys": list(catalogs), "sizes": _sizes(rows)}
    return Split(rows[columns], None, meta)


def without(
    catalog: Catalog, others: Iterable[pd.DataFrame], radius_arcsec: float
) -> tuple[Catalog, pd.DataFrame]:
    """Take out of a catalogue the galaxies that other tables hold, so that no set can have them.

    Parameters
    ----------
    catalog : Catalog
    others : iterable of pandas.DataFrame
        Tables of galaxies kept for a later judgement: any column of integers or names whose values
        are ids of the catalogue counts, and positions (`ra_deg`, `dec_deg`) where there are some.
    radius_arcsec : float
        Positions closer than this are one galaxy.

    Returns
    -------
    kept : Catalog
    rejects : pandas.DataFrame
        `id` and `reason` of what was taken out.
    """
    out = np.zeros(len(catalog), bool)
    for other in others:
        for name in other.columns[other.dtypes.map(lambda kind: kind.kind in "iuO")]:
            out |= np.isin(catalog.ids.astype(str), other[name].dropna().astype(str).to_numpy())
        if {"ra_deg", "dec_deg"} <= set(other):
            out |= _near(catalog.table, other, radius_arcsec)
    rejects = pd.DataFrame(
        {"id": catalog.ids[out], "reason": "stands in a table to keep apart from"}
    )
    if out.all():
        raise GalcatError("split: every galaxy stands in a table to keep apart from; none is left")
    return Catalog(catalog.table[~out], catalog.provenance, catalog.meta), rejects


def _near(table: pd.DataFrame, other: pd.DataFrame, radius_arcsec: float) -> np.ndarray:
    """Tell which rows lie within a radius of any row of another table, (N,), bool."""
    from scipy.spatial import cKDTree

    here, there = _placed(table), _placed(other)
    near = np.zeros(len(table), bool)
    if len(here) and len(there):
        tree = cKDTree(_on_sphere(other.iloc[there]))
        distance, _ = tree.query(_on_sphere(table.iloc[here]))
        near[here] = distance <= _chord(radius_arcsec)
    return near


def _placed(table: pd.DataFrame) -> np.ndarray:
    """Return the places of rows that have a position, (K,), int64."""
    return np.flatnonzero(np.isfinite(table[["ra_deg", "dec_deg"]].to_numpy(float)).all(axis=1))


def _on_sphere(table: pd.DataFrame) -> np.ndarray:
    """Return unit vectors of positions, (N, 3)."""
    ra, dec = (np.radians(table[name].to_numpy(float)) for name in ("ra_deg", "dec_deg"))
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


def _chord(arcsec: float) -> float:
    """Return the distance of unit vectors an angle apart; the last digit is given away."""
    return 2 * np.sin(np.radians(arcsec / 3600) / 2) + 1e-15


def _rows(catalogs: dict[str, Catalog]) -> pd.DataFrame:
    """Return survey, id, position, label, certain of every object, sorted by survey and id."""
    if not catalogs:
        raise GalcatError("split: no catalogue was given; give at least one with labels")
    kinds = {survey: catalog.ids.dtype.kind for survey, catalog in catalogs.items()}
    if len(set(kinds.values())) > 1:
        raise GalcatError(
            "split: ids are "
            + listed(f"{'integers' if k == 'i' else 'names'} in {s}" for s, k in kinds.items())
            + "; give every survey the same kind of id"
        )
    parts = []
    for number, (survey, catalog) in enumerate(catalogs.items()):
        part = catalog.table[["id", "ra_deg", "dec_deg"]].assign(survey=survey, number=number)
        names = catalog.table.get("label", pd.Series(None, index=part.index, dtype=object))
        names = names.astype(object)
        part["label"] = names.where(names.notna() & (names != ""), None)
        # a label that came without votes is taken at its word
        sure = catalog.table.get("certain", pd.Series(True, index=part.index))
        part["certain"] = sure.eq(True).to_numpy(bool) & part["label"].notna()
        parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    return rows.sort_values(["number", "id"], ignore_index=True)


def _links(rows: pd.DataFrame, catalogs: dict[str, Catalog], pairs: Pairs | None) -> pd.DataFrame:
    """Return the pairs as `left`, `right` (places in `rows`, -1 where not in the catalogues)."""
    if pairs is None:
        return pd.DataFrame({"left": [-1], "right": [-1], "separation": [0.0], "right_id": [0]})[:0]
    surveys, found = list(catalogs), {}
    named = [pairs.meta.get(f"{side}_survey") for side in ("left", "right")]
    if named[0] == named[1]:  # matched without names ("unknown"): the catalogues' order tells
        named = [surveys[0], surveys[-1]]
    for side, survey in zip(("left", "right"), named, strict=True):
        if survey not in catalogs:
            raise GalcatError(
                f"split: the pairs' {side} side is {survey}, the catalogues are of "
                f"{listed(surveys)}; give the catalogues that were matched"
            )
        mine = rows.index[rows["survey"] == survey]
        place_of = pd.Index(rows["id"].to_numpy()[mine])
        at = place_of.get_indexer(pairs.table[f"{side}_id"])
        found[side] = np.r_[mine.to_numpy(), -1][at]  # -1 stays -1
    if not ((found["left"] >= 0) & (found["right"] >= 0)).any():
        raise GalcatError(
            f"split: none of the {len(pairs)} pairs has both its galaxies in the catalogues; give "
            "the catalogues that were matched"
        )
    return pd.DataFrame(
        {
            **found,
            "separation": pairs.table["separation_arcsec"].to_numpy(float),
            "right_id": pairs.table["right_id"].to_numpy(),
        }
    )


def _groups(rows: pd.DataFrame, links: pd.DataFrame, duplicate_arcsec: float) -> np.ndarray:
    """Return the number of each row's group, (N,), int64: connected components of all ties."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    twins = links[(links["left"] >= 0) & (links["right"] >= 0)]
    # left objects with the same right one are tied even where that one is in no catalogue
    sharing = links[links["left"] >= 0]
    first = sharing.groupby("right_id")["left"].transform("first")
    same_place = _same_place(rows, duplicate_arcsec)
    a = np.concatenate([twins["left"], sharing["left"], same_place[:, 0]]).astype(np.int64)
    b = np.concatenate([twins["right"], first, same_place[:, 1]]).astype(np.int64)
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(len(rows), len(rows)))
    _, component = connected_components(graph, directed=False)
    return pd.factorize(component)[0].astype(np.int64)


def _same_place(rows: pd.DataFrame, duplicate_arcsec: float) -> np.ndarray:
    """Return places of rows within `duplicate_arcsec` of each other, (K, 2), int64."""
    from scipy.spatial import cKDTree

    placed = _placed(rows)
    if not len(placed):
        return np.empty((0, 2), np.int64)
    tree = cKDTree(_on_sphere(rows.iloc[placed]))
    close = tree.query_pairs(_chord(duplicate_arcsec), output_type="ndarray")
    return placed[close]


def _hand_on_labels(rows: pd.DataFrame, links: pd.DataFrame, strange: np.ndarray) -> None:
    """Give galaxies without a label that of their nearest twin, or else of their group (in place).

    Those that are `strange`, (N,), bool, to their neighbours take none from their group.
    """
    both = links[(links["left"] >= 0) & (links["right"] >= 0)]
    turned = both.rename(columns={"left": "right", "right": "left"})
    ties = pd.concat([both, turned])
    labelled = rows["label"].notna().to_numpy()
    ties = ties[labelled[ties["left"].to_numpy()] & ~labelled[ties["right"].to_numpy()]]
    nearest = ties.sort_values(["right", "separation", "left"]).drop_duplicates("right")
    _copy_labels(rows, nearest["left"].to_numpy(), nearest["right"].to_numpy())
    best = rows[rows["label"].notna()].sort_values("certain", ascending=False, kind="stable")
    best = best.reset_index().drop_duplicates("group").set_index("group")["index"]
    bare = rows["label"].isna() & rows["group"].isin(best.index) & ~strange
    bare = rows.index[bare].to_numpy()
    _copy_labels(rows, best.reindex(rows.loc[bare, "group"]).to_numpy(int), bare)


def _copy_labels(rows: pd.DataFrame, source: np.ndarray, target: np.ndarray) -> None:
    for name in ("label", "certain"):
        rows.loc[target, name] = rows[name].to_numpy()[source]


def _check_classes(rows: pd.DataFrame) -> None:
    classes = sorted(rows["label"].dropna().unique())
    if not classes:
        raise GalcatError(
            "split: no galaxy has a label; label the catalogue first (with votes), or give a table "
            "with a column 'label'"
        )
    if len(classes) == 1:
        raise GalcatError(
            f"split: all {int(rows['label'].notna().sum())} labels are '{classes[0]}'; two classes "
            "or more are needed to train and to judge a classifier"
        )


def _draw(rows: pd.DataFrame, splitting: Splitting) -> pd.Series:
    """Return group -> "train", "validation" or "test" for the groups with a label."""
    labelled = rows[rows["label"].notna()].sort_values("certain", ascending=False, kind="stable")
    groups = labelled.groupby("group").agg(
        label=("label", "first"), certain=("certain", "any"), twin=("has_twin", "any")
    )
    order = np.random.default_rng(splitting.seed).permutation(len(groups))
    groups = groups.iloc[order]
    drawn = []
    for name, members in groups.groupby("label"):
        # an evenly spaced draw from the groups laid out by kind takes an equal share of each kind
        laid_out = members.sort_values(["certain", "twin"], kind="stable").index.to_numpy()
        test = _evenly(len(laid_out), splitting.test)
        validation = np.zeros(len(laid_out), bool)
        left_over = np.flatnonzero(~test)
        share = splitting.validation * len(laid_out) / max(len(left_over), 1)
        validation[left_over[_evenly(len(left_over), min(share, 1.0))]] = True
        if (test | validation).all():
            raise GalcatError(
                f"split: class '{name}' has only {len(laid_out)} galaxies, too few for training, "
                "validation and test; label more, or make the fractions smaller"
            )
        sets = np.select([test, validation], ["test", "validation"], "train")
        drawn.append(pd.Series(sets, index=laid_out))
    return pd.concat(drawn)


def _evenly(n: int, share: float) -> np.ndarray:
    """Choose `share` of n places, evenly spaced and at least one (none for share 0), (n,), bool."""
    chosen = min(max(round(share * n), 1), n) if share > 0 else 0
    steps = np.arange(n + 1) * chosen // max(n, 1)
    return np.diff(steps) > 0


def _sizes(rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return survey -> set -> number of galaxies."""
    counts = rows.groupby(["survey", "set"]).size()
    return {
        survey: {name: int(counts.get((survey, name), 0)) for name in Split.SETS}
        for survey in dict.fromkeys(rows["survey"])
    }
