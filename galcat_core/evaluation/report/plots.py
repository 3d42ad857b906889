"""Figures that show several test sets beside each other: results by name -> one figure of a report."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator

from galcat_core.evaluation.plots import Result, interval, look_of, shade, spread
from galcat_core.evaluation.style import (
    DOUBLE,
    FAINT,
    INK,
    MARKERS,
    PAPER,
    SINGLE,
    SOFT,
    color_of,
    figure,
    quoted,
    style,
)

COLUMNS = 3  # panels in a row across a page
ON_DARK = "#0b0f14"  # ink on a filled cell; a page that turns figures dark leaves it as it is
RAW = "#7d7d7d"


def _panels(count: int, columns: int, height: float, **shared) -> tuple[Figure, list[Axes]]:
    """Return a figure of `count` panels, `height` inches each, and those; call inside `style()`."""
    columns = min(columns, count)
    rows = -(-count // columns)
    width = SINGLE if columns == 1 else DOUBLE * (0.72 if columns == 2 else 1.0)
    made = figure(width, height * rows)
    panels = made.subplots(rows, columns, squeeze=False, **shared).ravel()
    for axes in panels[count:]:
        axes.set_visible(False)
    return made, list(panels[:count])


def precision_recall(results: dict[str, Result]) -> Figure:
    """Draw precision against recall with bands and operating points.

    Parameters
    ----------
    results : dict of str to dict
        Results of `evaluate` with "precision_recall" of `curves.precision_recall`.
    """
    with style():
        made = figure(SINGLE * 1.25, SINGLE * 1.3 + 0.22 * len(results))
        axes = made.add_subplot()
        lowest = 1.0
        for index, (name, result) in enumerate(results.items()):
            curve, look = result["precision_recall"], look_of(index, len(results))
            band, point = curve["band"], curve["operating"]
            axes.fill_between(
                band["recall"],
                band["low"],
                band["high"],
                color=look["color"],
                alpha=shade(len(results)),
                linewidth=0,
            )
            told = f"{name}:  AP {interval(result, 'average_precision')}"
            axes.plot(curve["recall"], curve["precision"], **look, label=told)
            if point["precision"] is not None:
                axes.plot(
                    point["recall"],
                    point["precision"],
                    MARKERS[index % len(MARKERS)],
                    color=look["color"],
                    markersize=5,
                    markeredgecolor=PAPER,
                    markeredgewidth=0.6,
                )
            axes.axhline(
                curve["prevalence"], color=look["color"], linewidth=0.7, linestyle=(0, (1, 2))
            )
            lowest = min(lowest, curve["prevalence"], *curve["precision"][len(band) :])
        axes.set(xlim=(-0.01, 1.01), ylim=(max(0.0, np.floor(lowest * 10) / 10 - 0.05), 1.01))
        axes.set(xlabel="Recall (completeness)", ylabel="Precision (purity)")
        axes.set_box_aspect(1)
        axes.set_title(f"{quoted(next(iter(results.values()))['positive'])} is positive")
        made.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1)
    return made


def violins(
    tables: dict[str, pd.DataFrame],
    classes: list[str],
    positive: str,
    thresholds: dict[str, float],
) -> Figure:
    """Draw a split violin for each test set: the positive class above, the others below.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Test set -> `label` and `p_POSITIVE`, as `metrics.join` returns them.
    classes : list of str
        In the order of their colours.
    positive : str
    thresholds : dict of str to float
        Of each set: marked, with the share of each class on its wrong side.
    """
    others = [name for name in classes if name != positive]
    negative = others[0] if len(others) == 1 else f"not {positive}"
    with style():
        made = figure(SINGLE * 1.45, 0.95 + 1.05 * len(tables))
        axes = made.add_subplot()
        for place, (name, table) in enumerate(tables.items()):
            threshold = thresholds[name]
            axes.plot(
                [threshold] * 2,
                [-place - 0.46, -place + 0.46],
                color=INK,
                linewidth=0.7,
                linestyle=(0, (4, 3)),
                zorder=1,
            )
            values = table[f"p_{positive}"].to_numpy(float)
            is_positive = (table["label"] == positive).to_numpy()
            for side, chosen, index in ((1, is_positive, 1), (-1, ~is_positive, 0)):
                if chosen.any():
                    _half_violin(axes, values[chosen], -place, side, color_of(index), threshold)
        axes.set_yticks([-place for place in range(len(tables))], list(tables))
        axes.tick_params(axis="y", which="both", length=0)
        axes.set(xlim=(-0.02, 1.02), ylim=(-len(tables) + 0.44, 0.62))
        axes.set(xlabel=f"Predicted probability of {quoted(positive)}")
        axes.annotate("wrong", (1.035, 0.7), color=SOFT, size=8.5, annotation_clip=False)
        for index, name in ((1, positive), (0, negative)):
            axes.fill_between([], [], color=color_of(index), alpha=0.45, label=f"truly {name}")
        made.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return made


def _half_violin(
    axes: Axes, values: np.ndarray, place: float, side: int, color: str, threshold: float
) -> None:
    at, half = spread(values, 0.42)
    axes.fill_between(
        at, place, place + side * half, color=color, alpha=0.4, edgecolor=color, linewidth=0.7
    )
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    level = place + side * 0.055
    axes.plot([low, high], [level, level], color=color, linewidth=3, solid_capstyle="butt")
    axes.plot(middle, level, "o", color=PAPER, markeredgecolor=color, markersize=4)
    wrong = np.mean((values >= threshold) != (side > 0))
    axes.annotate(
        f"{wrong:.1%} of {len(values):,}",
        (1.035, place + side * 0.2),
        va="center",
        color=SOFT,
        size=8.5,
        annotation_clip=False,
    )


def confusions(results: dict[str, Result], columns: int = COLUMNS) -> Figure:
    """Draw the confusion matrix of each test set: counts, and the share of each true class."""
    with style():
        made, panels = _panels(len(results), columns, 2.55)
        for axes, (name, result) in zip(panels, results.items(), strict=True):
            _matrix(axes, result)
            axes.set_title(f"{name}: {result['metrics']['accuracy']['value']:.1%} right")
    return made


def _matrix(axes: Axes, result: Result) -> None:
    counts = np.array(result["confusion"]["counts"])
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names, size = result["confusion"]["classes"], len(counts)
    for (row, column), count in np.ndenumerate(counts):
        part = share[row, column]
        corner = (column - 0.485, row - 0.485)
        axes.add_patch(_cell(corner, color_of(1), 0.05 + 0.67 * part))
        ink = ON_DARK if part > 0.8 else INK
        axes.text(column, row - 0.02, f"{count:,}", color=ink, ha="center", size=14)
        axes.text(column, row + 0.24, f"{part:.1%}", color=ink, ha="center", size=9.5)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
    axes.set_xticks(range(size), names)
    axes.set_yticks(range(size), names, rotation=90, va="center")
    axes.minorticks_off()
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="Predicted class", ylabel="True class")


def _cell(corner: tuple[float, float], color: str, alpha: float):
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 0.97, 0.97, facecolor=color, alpha=alpha, linewidth=0)


def reliabilities(
    results: dict[str, Result], raw: dict[str, Result | None], columns: int = COLUMNS
) -> Figure:
    """Draw the reliability diagram of each test set, calibrated and, where there is one, raw.

    Parameters
    ----------
    results : dict of str to dict
        Results of `evaluate`.
    raw : dict of str to (dict or None)
        Those of the probabilities before calibration, under the same names.
    columns : int
        Panels in a row.
    """
    with style():
        made, panels = _panels(len(results), columns, 3.0, sharex=True, sharey=True)
        for place, (axes, (name, result)) in enumerate(zip(panels, results.items(), strict=True)):
            axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.7, linestyle=(0, (1, 2)))
            _spread(axes, result)
            before = raw.get(name)
            told = f"ECE {_figure(result, 'ece')}"
            if before:
                _reliability(axes, before, RAW, "s--", "raw")
                told = f"ECE {_figure(before, 'ece')} raw, {_figure(result, 'ece')} calibrated"
            _reliability(axes, result, color_of(1), "o-", "calibrated")
            axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MultipleLocator(0.2))
                axis.set_minor_locator(MultipleLocator(0.1))
            axes.set_title(name, pad=17)
            axes.annotate(
                told,
                (0, 1),
                (0, 5),
                "axes fraction",
                textcoords="offset points",
                size=8,
                color=SOFT,
            )
            if place + columns >= len(results):
                axes.tick_params(labelbottom=True)
        made.get_layout_engine().set(wspace=0.06)
        made.supxlabel(f"Predicted probability of {quoted(_positive(results))}", size=10, color=INK)
        if any(raw.get(name) for name in results):
            longest = max(panels, key=lambda axes: len(axes.get_legend_handles_labels()[1]))
            # the corner that probabilities worth their name leave free
            panels[0].legend(*longest.get_legend_handles_labels(), loc="upper left", fontsize=8)
        made.supylabel(f"Fraction that is {quoted(_positive(results))}", size=10, color=INK)
    return made


def _positive(results: dict[str, Result]) -> str:
    return next(iter(results.values()))["positive"]


def _figure(result: Result, name: str) -> str:
    value = result["metrics"][name]["value"]
    return "\N{EN DASH}" if value is None else f"{value:.3f}"


def _spread(axes: Axes, result: Result, height: float = 0.16) -> None:
    """Draw how many galaxies each bin holds, the fullest `height` of the panel high."""
    curve = result["calibration"]
    edges, count = np.array(curve["edges"]), np.array(curve["count"])
    bars = height * count / max(count.max(), 1)
    axes.bar(edges[:-1], bars, np.diff(edges), align="edge", color=FAINT, linewidth=0, zorder=0)


def _reliability(axes: Axes, result: Result, color: str, line: str, label: str) -> None:
    curve = result["calibration"]
    mean, fraction, low, high = (
        np.array([value for value in curve[key] if value is not None])
        for key in ("mean_probability", "fraction_positive", "low", "high")
    )
    axes.errorbar(
        mean,
        fraction,
        yerr=np.maximum([fraction - low, high - fraction], 0),
        fmt=line,
        color=color,
        markersize=4,
        linewidth=1,
        elinewidth=0.8,
        markeredgecolor=PAPER,
        markeredgewidth=0.5,
        label=label,
    )


def binned(results: dict[str, Result], column: str, stacked: bool = False) -> Figure:
    """Draw accuracy and F1 in bins of a number that each galaxy has, with intervals.

    Parameters
    ----------
    results : dict of str to dict
        Results of `evaluate` with "bins" of that column.
    column : str
    stacked : bool
        One panel below the other.
    """
    with style():
        made = figure(SINGLE * 1.2, 5.2) if stacked else figure(DOUBLE, 2.9)
        panels = made.subplots(*((2, 1) if stacked else (1, 2)), sharex=True, sharey=True)
        for axes, key, label in zip(
            panels, ("accuracy", "f1"), ("Accuracy", "F1 score"), strict=True
        ):
            for index, (name, result) in enumerate(results.items()):
                bins = [b for b in result["bins"][column]["bins"] if b["metrics"][key]["value"]]
                value, low, high = (
                    np.array([b["metrics"][key][end] for b in bins])
                    for end in ("value", "low", "high")
                )
                axes.errorbar(
                    [b["median"] for b in bins],
                    value,
                    yerr=np.maximum([value - low, high - value], 0),
                    **look_of(index, len(results)),
                    marker=MARKERS[index % len(MARKERS)],
                    markersize=4,
                    elinewidth=0.8,
                    label=name,
                )
            axes.grid(axis="y", color=FAINT, linewidth=0.5)
            axes.set(xlabel=column, ylabel=label)
        if len(results) > 1:
            handles = panels[0].get_legend_handles_labels()
            made.legend(*handles, loc="outside lower center", ncols=1 if stacked else 2)
    return made


def learning(history: pd.DataFrame, best_epoch: int | None = None, stacked: bool = False) -> Figure:
    """Draw loss and accuracy of training and validation against the epoch.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns of `runs.HISTORY`, a row an epoch.
    best_epoch : int, optional
        Marked: the epoch whose weights were kept.
    stacked : bool
        One panel below the other.
    """
    with style():
        made = figure(SINGLE * 1.2, 4.9) if stacked else figure(DOUBLE, 2.7)
        panels = made.subplots(*((2, 1) if stacked else (1, 2)), sharex=True)
        for axes, key, name in zip(panels, ("loss", "accuracy"), ("Loss", "Accuracy"), strict=True):
            if best_epoch:
                axes.axvline(best_epoch, color=SOFT, linewidth=0.7, linestyle=(0, (1, 2)))
            for part, prefix, color, mark in (
                ("training", "", RAW, "s--"),
                ("validation", "val_", color_of(1), "o-"),
            ):
                axes.plot(
                    history["epoch"],
                    history[prefix + key],
                    mark,
                    color=color,
                    markersize=3.5,
                    label=part,
                )
            axes.grid(axis="y", color=FAINT, linewidth=0.5)
            axes.set(ylabel=name)
            axes.xaxis.set_minor_locator(MultipleLocator(1))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xmargin(0.04)
        if not stacked:
            panels[0].set_xlabel("Epoch")
        panels[1].set_xlabel("Epoch")
        made.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return made
