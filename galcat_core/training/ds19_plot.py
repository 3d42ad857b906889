"""Figure 2 of Dominguez Sanchez et al. 2019: results of the five experiments -> a panel of ROC curves a question."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from galcat_core.evaluation.plots import Result
from galcat_core.evaluation.style import (
    DOUBLE,
    INK,
    MARKERS,
    PAPER,
    SINGLE,
    SOFT,
    figure,
    series_of,
    style,
)
from galcat_core.training.ds19_published import EXPERIMENTS, QUESTIONS


def roc_panels(results: dict[str, dict[str, Result]], table: pd.DataFrame) -> Figure:
    """Draw the ROC curves of each question, with the published working points.

    Parameters
    ----------
    results : dict of str to dict
        Question -> letter -> what `metrics.evaluate` returned.
    table : pandas.DataFrame
        What `training.ds19.experiments` returned, of all questions: its published figures are drawn as
        open symbols; the full symbols are the same threshold here.
    """
    with style():
        count = len(results)
        made = figure(SINGLE * 1.25 if count == 1 else DOUBLE, 4.4 if count == 1 else 3.5)
        panels = made.subplots(1, count, squeeze=False, sharey=True)[0]
        for axes, (name, found) in zip(panels, results.items(), strict=True):
            _panel(axes, found, table[table["question"] == name])
            axes.set_title(f"{name.upper()}: {QUESTIONS[name].title.lower()}")
        panels[0].set_ylabel("True positive rate")
        handles = panels[0].get_legend_handles_labels()
        made.legend(*handles, loc="outside lower center", ncols=1 if count == 1 else 2)
    return made


def _panel(axes: Axes, found: dict[str, Result], table: pd.DataFrame) -> None:
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.7, linestyle=(0, (1, 2)))
    rows = table.set_index("letter")
    for index, (letter, result) in enumerate(found.items()):
        curve, look = result["roc"], series_of(index)
        axes.plot(
            curve["false_positive_rate"],
            curve["true_positive_rate"],
            **look,
            label=f"({letter}) {EXPERIMENTS[letter][0]}",
        )
        point = curve["operating"]
        dot = {"markersize": 5, "zorder": 3, "clip_on": False, "linestyle": "none"}
        dot |= {"marker": MARKERS[index], "color": look["color"]}
        axes.plot(
            point["false_positive_rate"],
            point["true_positive_rate"],
            markeredgecolor=PAPER,
            markeredgewidth=0.5,
            **dot,
        )
        axes.plot(*published_point(rows.loc[letter]), markerfacecolor="none", **dot)
    areas = "\n".join(
        f"({letter}) {result['metrics']['roc_auc']['value']:.3f}"
        for letter, result in found.items()
    )
    box = {"facecolor": PAPER, "alpha": 0.75, "linewidth": 0, "pad": 1.5}
    axes.text(0.97, 0.04, f"AUC\n{areas}", ha="right", va="bottom", size=8, color=INK, bbox=box)
    axes.plot([], [], "o", color=SOFT, markerfacecolor="none", markersize=5, label="as published")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(0.2))
        axis.set_minor_locator(MultipleLocator(0.1))
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", xlabel="False positive rate")


def published_point(row: pd.Series) -> tuple[float, float]:
    """Return the published false and true positive rate.

    The paper prints the recall and the precision; with the numbers of galaxies these give the false
    positives.
    """
    true = row["published_tpr"] * row["published_npos"]
    false = true * (1 / row["published_precision"] - 1)
    negatives = row["published_ntest"] - row["published_npos"]
    return float(min(false / negatives, 1.0)), float(row["published_tpr"])
