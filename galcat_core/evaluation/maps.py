"""Figures of the embedding: a map with a value or a class for each galaxy -> coloured scatter."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galcat_core.errors import GalcatError, listed
from galcat_core.evaluation.style import (
    DOUBLE,
    PROBABILITY,
    SINGLE,
    SOFT,
    color_of,
    figure,
    quoted,
    style,
)
from galcat_core.records import Clusters, Predictions, Projection

METHODS = {"tsne": "t-SNE", "umap": "UMAP"}


def probability_map(
    projection: Projection, predictions: Predictions, method: str | None = None
) -> Figure:
    """Draw the map(s), each galaxy coloured by its probability of the positive class.

    Every galaxy is drawn, not the confident ones only; the least certain lie on top.

    Parameters
    ----------
    projection : Projection
    predictions : Predictions
    method : str, optional
        "tsne" or "umap"; all that the projection has, side by side, if not given.

    Raises
    ------
    GalcatError
        The projection lacks the method, or shares no galaxy with the predictions.
    """
    table = _joined(projection, predictions.table, "predictions")
    values = table[f"p_{predictions.positive}"].to_numpy(float)
    order = np.argsort(-np.abs(values - 0.5), kind="stable")
    with style():
        made, panels = _panels(projection, method)
        for axes, name in panels:
            drawn = _scatter(axes, table.iloc[order], name, c=values[order], cmap=PROBABILITY)
            drawn.set_clim(0, 1)
        shown = made.colorbar(drawn, ax=[axes for axes, _ in panels], aspect=32, pad=0.015)
        shown.set_label(f"Predicted probability of {quoted(predictions.positive)}")
        shown.outline.set_linewidth(0.5)
        shown.ax.minorticks_off()
        panels[0][0].set_title(f"{len(table):,} galaxies")
    return made


def cluster_map(projection: Projection, clusters: Clusters, method: str | None = None) -> Figure:
    """Draw the map(s), each galaxy coloured by its cluster; parameters as `probability_map`."""
    table = _joined(projection, clusters.table, "clusters")
    named = table["cluster"].to_numpy()
    # a fixed shuffle, so that no cluster covers the others
    order = np.random.default_rng(0).permutation(len(table))
    with style():
        made, panels = _panels(projection, method)
        made.set_figheight(made.get_figheight() + 0.5)
        colors = np.array([_cluster_color(c) for c in named])
        for axes, name in panels:
            _scatter(axes, table.iloc[order], name, c=colors[order])
        for cluster in np.unique(named):
            axes.plot(
                [],
                [],
                "o",
                color=_cluster_color(cluster),
                markersize=5,
                label=f"{'none' if cluster < 0 else f'cluster {cluster}'}: "
                f"{(named == cluster).sum():,}",
            )
        made.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
        panels[0][0].set_title(f"{len(table):,} galaxies")
    return made


def _cluster_color(cluster: int) -> str:
    return SOFT if cluster < 0 else color_of(cluster + 2)  # the first two colours mean classes


def _joined(projection: Projection, table: pd.DataFrame, what: str) -> pd.DataFrame:
    both = projection.table.merge(table, on="id", how="inner")
    if both.empty:
        raise GalcatError(
            f"the map and the {what} have no galaxy in common; give those of the same embedding"
        )
    return both


def _panels(projection: Projection, method: str | None) -> tuple[Figure, list[tuple[Axes, str]]]:
    there = [name for name in METHODS if f"{name}_x" in projection.table.columns]
    wanted = there if method is None else [method]
    if not wanted or set(wanted) - set(there):
        raise GalcatError(
            f"the projection has no map '{method}'; it has {listed(there) or 'none'}: "
            "project with that method"
        )
    width = SINGLE * 1.25 if len(wanted) == 1 else DOUBLE
    made = figure(width, SINGLE if len(wanted) == 2 else SINGLE * 1.15, "compressed")
    return made, list(zip(made.subplots(1, len(wanted), squeeze=False)[0], wanted, strict=True))


def _scatter(axes: Axes, table: pd.DataFrame, name: str, **colors):
    size = np.clip(9000 / max(len(table), 1), 0.6, 14)
    drawn = axes.scatter(
        table[f"{name}_x"],
        table[f"{name}_y"],
        s=size,
        linewidths=0,
        alpha=0.85,
        rasterized=True,  # a million dots would make a PDF of a hundred megabytes
        **colors,
    )
    axes.set(xticks=[], yticks=[], xlabel=f"{METHODS[name]} 1", ylabel=f"{METHODS[name]} 2")
    axes.minorticks_off()
    axes.set_box_aspect(1)
    return drawn
