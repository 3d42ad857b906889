"""Figures of an evaluation: what `evaluate` returned -> confusion, ROC, probabilities, coverage, ..."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter, StrMethodFormatter
from scipy.ndimage import gaussian_filter1d

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
    series_of,
    style,
)

Result = dict[str, Any]
CORNERS = {0.02: 0.005, 0.05: 0.01, 0.1: 0.02, 0.2: 0.05, 0.3: 0.1}  # part enlarged: its ticks


def confusion(result: Result, title: str = "") -> Figure:
    """Draw the confusion matrix: counts, and the share of each true class.

    Parameters
    ----------
    result : dict
        What `evaluate` returned.
    title : str
        Said above; the accuracy with its interval, if empty.
    """
    counts = np.array(result["confusion"]["counts"])
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = result["confusion"]["classes"]
    with style():
        made = figure(SINGLE, SINGLE)
        axes = made.add_subplot()
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1.15)
        for (row, column), count in np.ndenumerate(counts):
            ink = PAPER if share[row, column] > 0.55 else INK
            axes.text(column, row - 0.06, f"{count:,}", color=ink, ha="center", size=15)
            axes.text(
                column, row + 0.14, f"{share[row, column]:.1%}", color=ink, ha="center", size=10
            )
        ticks = range(len(names))
        axes.set_xticks(ticks, names)
        axes.set_yticks(ticks, names, rotation=90, va="center")
        axes.tick_params(which="both", length=0)
        axes.minorticks_off()
        axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color=PAPER, linewidth=2)
        axes.tick_params(which="minor", length=0)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="Predicted class", ylabel="True class")
        axes.set_title(title or f"Accuracy {interval(result, 'accuracy')}")
    return made


def interval(result: Result, name: str) -> str:
    """Return "0.917 [0.913, 0.922]" for a measure, or a dash where it is not defined."""
    found = result["metrics"][name]
    if found["value"] is None:
        return "\N{EN DASH}"
    value, low, high = (f"{found[key]:.3f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def roc(results: Result | dict[str, Result], title: str = "") -> Figure:
    """Draw ROC curves with their bands, the operating points, and the top-left corner enlarged.

    Parameters
    ----------
    results : dict
        One result of `evaluate`, or several by name (a transfer table's rows: one figure).
    title : str
        Said above.
    """
    results = _named(results)
    with style():
        made = figure(SINGLE * 1.25, SINGLE * 1.3 + 0.22 * len(results))
        axes = made.add_subplot()
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.7, linestyle=(0, (1, 2)))
        _draw_roc(axes, results)
        reach = _corner(results)
        if reach is not None:
            inset = axes.inset_axes((0.31, 0.12, 0.54, 0.54))
            _draw_roc(inset, results)
            inset.set(xlim=(-0.02 * reach, reach), ylim=(1 - reach, 1 + 0.02 * reach))
            inset.yaxis.tick_right()  # the lines that lead to it come from the left
            inset.yaxis.set_ticks_position("both")
            inset.tick_params(axis="y", labelleft=False, labelright=True)
            inset.tick_params(labelsize=8)
            inset.set_facecolor(PAPER)
            _few_ticks(inset, reach)
            axes.indicate_inset_zoom(inset, edgecolor=SOFT, linewidth=0.6, alpha=1)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.set(xlabel="False positive rate", ylabel="True positive rate")
        axes.set_title(title or _roc_title(next(iter(results.values()))))
        made.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1)
    return made


def _roc_title(result: Result) -> str:
    return f"Positive: {result['positive']}; marker: threshold {result['threshold']:g}"


def _few_ticks(inset: Axes, reach: float) -> None:
    for axis in (inset.xaxis, inset.yaxis):
        axis.set_major_locator(MultipleLocator(CORNERS[reach]))
        axis.set_major_formatter(StrMethodFormatter("{x:.3f}" if reach < 0.05 else "{x:.2f}"))


def _named(results: Result | dict[str, Result]) -> dict[str, Result]:
    return {"": results} if "metrics" in results else results


def look_of(index: int, count: int) -> dict[str, object]:
    """Return colour and dashes of one line of `count`: blue where it is alone."""
    return series_of(index) if count > 1 else {"color": color_of(1), "linestyle": "-"}


def shade(count: int) -> float:
    """Return how opaque each of `count` bands is that lie on each other."""
    return 0.16 if count < 3 else 0.1


def _draw_roc(axes: Axes, results: dict[str, Result]) -> None:
    for index, (name, result) in enumerate(results.items()):
        curve, look = result["roc"], look_of(index, len(results))
        color = look["color"]
        band, point = curve["band"], curve["operating"]
        axes.fill_between(
            band["false_positive_rate"],
            band["low"],
            band["high"],
            color=color,
            alpha=shade(len(results)),
            linewidth=0,
        )
        axes.plot(
            curve["false_positive_rate"],
            curve["true_positive_rate"],
            **look,
            label=f"{name + ':  ' if name else ''}AUC {interval(result, 'roc_auc')}",
        )
        axes.plot(
            point["false_positive_rate"],
            point["true_positive_rate"],
            MARKERS[index % len(MARKERS)],
            color=color,
            markersize=5,
            markeredgecolor=PAPER,
            markeredgewidth=0.6,
        )


def _corner(results: dict[str, Result]) -> float | None:
    """Return how much of the corner to enlarge: the least that holds a curve's bend, or None."""
    needed = 1.0
    for result in results.values():
        false = np.array(result["roc"]["false_positive_rate"])
        true = np.array(result["roc"]["true_positive_rate"])
        needed = min(needed, np.maximum(false, 1 - true).min())
    return next((reach for reach in CORNERS if 2.2 * needed <= reach), None)


def probabilities(table: pd.DataFrame, positive: str, threshold: float = 0.5) -> Figure:
    """Draw how the probability of the positive class spreads in each true class.

    Parameters
    ----------
    table : pandas.DataFrame
        `label` and `p_POSITIVE`, as `metrics.join` returns them.
    positive : str
        The positive class.
    threshold : float
        Marked, with the share of each class on its wrong side.
    """
    names = sorted(table["label"].unique(), key=lambda name: (name == positive, name))
    with style():
        made = figure(SINGLE * 1.25, 0.95 + 0.85 * len(names))
        axes = made.add_subplot()
        for place, name in enumerate(names):
            values = table.loc[table["label"] == name, f"p_{positive}"].to_numpy(float)
            _violin(axes, values, place, color_of(place))
            wrong = np.mean((values >= threshold) != (name == positive))
            axes.annotate(
                f"{len(values):,} galaxies, {wrong:.1%} on this side",
                (0.0 if name == positive else 1.0, place + 0.17),
                ha="left" if name == positive else "right",
                color=SOFT,
                size=8.5,
            )
        axes.axvline(threshold, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
        axes.set_yticks(range(len(names)), names, rotation=90, va="center")
        axes.tick_params(axis="y", which="both", length=0)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.5, len(names) - 0.38))
        axes.set(xlabel=f"Predicted probability of {quoted(positive)}", ylabel="True class")
        axes.set_title(r"Width $\propto \sqrt{\mathrm{density}}$; box: middle half, dot: median")
    return made


def _violin(axes: Axes, values: np.ndarray, place: float, color: str) -> None:
    """Draw a violin that ends at 0 and 1, mirrored at both ends."""
    at, half = spread(values)
    axes.fill_between(
        at, place - half, place + half, color=color, alpha=0.35, edgecolor=color, linewidth=0.8
    )
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    axes.plot([low, high], [place, place], color=color, linewidth=4, solid_capstyle="butt")
    axes.plot(middle, place, "o", color=PAPER, markeredgecolor=color, markersize=4.5)


def spread(values: np.ndarray, reach: float = 0.36) -> tuple[np.ndarray, np.ndarray]:
    """Return the outline of half a violin: places in 0..1 and root densities up to `reach`, (256,)."""
    bins = 256
    width = max(0.012, 0.25 * len(values) ** (-1 / 3))  # few galaxies: no wiggles of one each
    counts = np.histogram(values, bins, (0, 1))[0].astype(float)
    density = gaussian_filter1d(counts, width * bins, mode="reflect")
    return (np.arange(bins) + 0.5) / bins, reach * np.sqrt(density / density.max())


def coverage(results: Result | dict[str, Result], title: str = "", stacked: bool = False) -> Figure:
    """Draw accuracy and F1 of the surest fraction against that fraction, all galaxies at the right.

    Parameters
    ----------
    results : dict
        One result of `evaluate`, or several by name.
    title : str
        Said above.
    stacked : bool
        One panel below the other, a column wide.
    """
    results = _named(results)
    with style():
        made = figure(SINGLE * 1.2, 5.4) if stacked else figure(DOUBLE, 2.9)
        shape = (2, 1) if stacked else (1, 2)
        left, right = made.subplots(*shape, sharex=True, sharey=True)
        for axes, key, label in ((left, "accuracy", "Accuracy"), (right, "f1", "F1 score")):
            for index, (name, result) in enumerate(results.items()):
                curve = result["coverage"]
                values = np.array([np.nan if v is None else v for v in curve[key]])
                look = look_of(index, len(results))
                axes.plot(curve["fraction"], values, **look, label=name)
                if f"{key}_low" in curve:
                    ends = [
                        [np.nan if v is None else v for v in curve[f"{key}_{end}"]]
                        for end in ("low", "high")
                    ]
                    axes.fill_between(
                        curve["fraction"],
                        *ends,
                        color=look["color"],
                        alpha=shade(len(results)),
                        linewidth=0,
                    )
                axes.plot(
                    curve["fraction"][-1],
                    values[-1],
                    MARKERS[index % len(MARKERS)],
                    color=look["color"],
                    markersize=4.5,
                )
            axes.axvline(0.5, color=SOFT, linewidth=0.7, linestyle=(0, (1, 2)))
            axes.grid(axis="y", color=FAINT, linewidth=0.5)
            axes.set(xlabel="Fraction kept, surest first", ylabel=label, xlim=(0, 1.02))
            axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        left.set_ylim(_coverage_limits(results))
        left.annotate(
            "confident half",
            (0.5, 0.03),
            (3, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            color=SOFT,
            size=8.5,
        )
        if len(results) > 1:
            made.legend(
                *left.get_legend_handles_labels(),
                loc="outside lower center",
                ncols=1 if stacked else 2,
            )
        if title:
            left.set_title(title)
    return made


def _coverage_limits(results: dict[str, Result]) -> tuple[float, float]:
    """Return limits that hold the curves from a tenth kept on; below, a handful of galaxies decide."""
    low = 1.0
    for result in results.values():
        curve = result["coverage"]
        kept = np.array(curve["fraction"]) >= 0.1
        for key in ("accuracy", "f1"):
            values = [v for v, k in zip(curve[key], kept, strict=True) if k and v is not None]
            low = min([low, *values])
    room = max(1 - low, 0.01)
    return max(low - 0.15 * room, 0.0), 1 + 0.08 * room


def reliability(result: Result, title: str = "") -> Figure:
    """Draw the reliability diagram above the histogram of probabilities.

    Error bars are Wilson intervals of the fraction of positives in each bin.
    """
    curve = result["calibration"]
    count = np.array(curve["count"])
    mean, fraction, low, high = (
        np.array([value for value in curve[key] if value is not None])
        for key in ("mean_probability", "fraction_positive", "low", "high")
    )
    with style():
        made = figure(SINGLE, SINGLE * 1.25)
        top, bottom = made.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
        top.plot([0, 1], [0, 1], color=SOFT, linewidth=0.7, linestyle=(0, (1, 2)))
        top.errorbar(
            mean,
            fraction,
            yerr=np.maximum([fraction - low, high - fraction], 0),
            fmt="o-",
            color=color_of(1),
            markersize=4,
            elinewidth=0.8,
            markeredgecolor=PAPER,
            markeredgewidth=0.5,
        )
        top.set(ylabel=f"Fraction that is {quoted(result['positive'])}", ylim=(-0.03, 1.03))
        top.set_title(title or f"Calibration error {interval(result, 'ece')}")
        bottom.stairs(count, curve["edges"], fill=True, color=color_of(1), alpha=0.35)
        bottom.set_yscale("log")
        bottom.set_ylim(0.5, 2.5 * count.max())
        bottom.set(
            xlabel=f"Predicted probability of {quoted(result['positive'])}", ylabel="Galaxies"
        )
        bottom.set_xlim(-0.03, 1.03)
        bottom.xaxis.set_major_locator(MultipleLocator(0.2))
    return made
