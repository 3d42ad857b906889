"""All figures of an evaluation in one folder: result + predictions + labels -> PNG and PDF files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from galcat_core.evaluation import galleries, maps, metrics, plots, style
from galcat_core.files import write_text
from galcat_core.records import Clusters, Predictions, Projection


def draw(
    folder: str | Path,
    result: dict[str, Any],
    predictions: Predictions,
    labels: pd.DataFrame,
    store: Any = None,
    projection: Projection | None = None,
    clusters: Clusters | None = None,
) -> list[Path]:
    """Write `metrics.json` and every figure that the input allows.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there.
    result : dict
        What `metrics.evaluate(predictions, labels)` returned.
    predictions, labels
        What it was made of.
    store : CutoutStore, optional
        Adds the galleries.
    projection : Projection, optional
        Adds the map coloured by probability.
    clusters : Clusters, optional
        With `projection`, adds the map coloured by cluster.

    Returns
    -------
    list of Path
        The files, `metrics.json` first.
    """
    folder = Path(folder)
    write_text(folder / "metrics.json", metrics.to_json(result))
    table, _ = metrics.join(predictions, labels)
    drawn = {
        "confusion": plots.confusion(result),
        "roc": plots.roc(result),
        "probabilities": plots.probabilities(table, predictions.positive, result["threshold"]),
        "coverage": plots.coverage(result),
        "reliability": plots.reliability(result),
    }
    if store is not None:
        drawn |= _galleries(store, table, predictions)
    if projection is not None:
        drawn["map_probability"] = maps.probability_map(projection, predictions)
        if clusters is not None:
            drawn["map_cluster"] = maps.cluster_map(projection, clusters)
    files = [folder / "metrics.json"]
    for name, made in drawn.items():
        files += style.save(made, folder / name)
    return files


def _galleries(store: Any, table: pd.DataFrame, predictions: Predictions) -> dict[str, Any]:
    """Return the figures of the choices that have galaxies with a picture in the store."""
    pictured = table[table["id"].isin(list(store.ids))]
    return {
        f"gallery_{name}": galleries.gallery(
            store, pictured, ids, predictions, name.replace("_", " ").capitalize()
        )
        for name, ids in galleries.picks(pictured, predictions).items()
        if ids
    }
