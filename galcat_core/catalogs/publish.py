"""Catalog, Predictions, Projection and Clusters -> the Catalogue that is published as FITS, VOTable, Parquet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.records import Catalog, Catalogue, Clusters, Predictions, Projection, Record


def publish(
    catalog: Catalog,
    predictions: Predictions,
    projection: Projection | None = None,
    clusters: Clusters | None = None,
    columns: Sequence[str] = (),
) -> Catalogue:
    """Join what is known of each predicted galaxy into one table, sorted by id.

    Parameters
    ----------
    catalog : Catalog
        Positions; rows without a prediction are left out and counted.
    predictions : Predictions
        One row in the result for each.
    projection : Projection, optional
        Map coordinates.
    clusters : Clusters, optional
    columns : sequence of str
        Columns of the catalogue to carry over (magnitudes, say).

    Returns
    -------
    Catalogue
        `id`, `survey`, `ra_deg`, `dec_deg`, the carried columns, `p_CLASS`, `predicted`, what else
        the predictions hold, map coordinates (NaN where a galaxy is not on the map), `cluster` (-1
        for none), `flags`, `run`. Units, UCDs and descriptions come with it when it is saved.

    Raises
    ------
    GalcatError
        A predicted galaxy is not in the catalogue, a carried column does not exist, or projection or
        clusters are of other galaxies.
    """
    table = predictions.table.sort_values("id", ignore_index=True)
    placed = _placed(catalog, table["id"], columns)
    probabilities = [f"p_{name}" for name in predictions.classes]
    last = ["flags", "run"]
    if "flags" not in table:
        table["flags"] = np.int32(0)
    more = [c for c in table if c not in {"id", "predicted", *probabilities, *last, *placed}]
    parts = [placed, table[[*probabilities, "predicted", *more]]]
    counts = {"without_prediction": int(len(catalog) - len(table))}
    if projection is not None:
        parts.append(_joined(projection, table["id"], "map").astype(float))
        counts["not_on_map"] = int(parts[-1].isna().any(axis=1).sum())
    if clusters is not None:
        found = _joined(clusters, table["id"], "clusters")
        counts["without_cluster"] = int(found["cluster"].isna().sum())
        parts.append(found[["cluster"]].fillna(-1).astype(np.int32))
    result = pd.concat([*parts, table[last]], axis=1)
    meta = {
        "survey": catalog.survey,
        "classes": predictions.classes,
        "positive": predictions.positive,
        "runs": sorted(table["run"].astype(str).unique()),
        "left_out": counts,
    }
    return Catalogue(result, None, meta)


def _placed(catalog: Catalog, ids: pd.Series, columns: Sequence[str]) -> pd.DataFrame:
    """Return id, survey, position and carried columns of the galaxies in the order of `ids`."""
    for name in columns:
        if name not in catalog.table:
            raise GalcatError(
                f"publish: the catalogue has no column '{name}'; there are "
                f"{listed(catalog.table.columns, 60)}.{nearest(name, catalog.table.columns)}"
            )
    at = pd.Index(catalog.ids).get_indexer(ids)
    lost = ids[at < 0]
    if len(lost):
        raise GalcatError(
            f"publish: {len(lost)} predicted galaxies are not in the catalogue (first "
            f"{lost.iloc[0]}); give the catalogue that their pictures were cut from"
        )
    carried = [c for c in columns if c not in ("id", "ra_deg", "dec_deg")]
    placed = catalog.table.iloc[at][["id", "ra_deg", "dec_deg", *carried]].reset_index(drop=True)
    placed.insert(1, "survey", catalog.survey)
    return placed


def _joined(record: Record, ids: pd.Series, what: str) -> pd.DataFrame:
    """Return the record's columns (without id and run) in the order of `ids`, NaN where it has none."""
    found = record.table.set_index("id").drop(columns=["run"], errors="ignore").reindex(ids)
    if found.isna().all(axis=None):
        raise GalcatError(
            f"publish: the {what} holds none of the {len(ids)} predicted galaxies; give the {what} "
            "made of the same pictures"
        )
    return found.reset_index(drop=True)
