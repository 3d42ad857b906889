"""How a training scales with its workers: what `training.scaling_report` tells -> one figure of four panels.

Full symbols and solid lines are measured; everything hatched, shaded or dashed is the MODEL, and says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    NullFormatter,
    NullLocator,
    PercentFormatter,
)

from galcat_core.evaluation.style import (
    DASHES,
    DOUBLE,
    INK,
    MARKERS,
    PAPER,
    SERIES,
    SOFT,
    figure,
    rendered,
    style,
)
from galcat_core.files import whole

OURS, THEIRS = SERIES[0], SERIES[1]
PARTS = {"computing": SERIES[2], "waiting": SERIES[3], "communicating": SERIES[4]}
TICKS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def scaling(told: dict[str, Any]) -> Figure:
    """Draw speed, efficiency, what a step is made of, and the time to a validation loss.

    Parameters
    ----------
    told : dict
        What `training.scaling_report.report` returned.
    """
    with style():
        made = figure(DOUBLE, 6.3)
        (speed, efficiency), (parts, time) = made.subplots(2, 2)
        _speed(speed, told)
        _efficiency(efficiency, told)
        _parts(parts, told)
        _time(time, told)
        made.suptitle(_title(told), x=0.01, ha="left", fontsize=11)
        named = dict(zip(*reversed(speed.get_legend_handles_labels()), strict=True))
        order = sorted(named, key=lambda name: (name == "Ideal", "Khan" in name, "MODEL" in name))
        handles = [named[name] for name in order]
        made.legend(handles, order, loc="outside lower center", ncols=3, columnspacing=1.4)
    return made


def save(made: Figure, path: str | Path) -> list[Path]:
    """Write PATH.png and PATH.svg, whole, the same bytes each time; return them."""
    files = [Path(path).with_suffix(f".{kind}") for kind in ("png", "svg")]
    for file in files:
        with whole(file) as temporary:
            temporary.write_bytes(rendered(made, file.suffix[1:]))
    return files


def _title(told: dict[str, Any]) -> str:
    how = "each worker" if told["scaling"] == "weak" else "all workers together"
    batch = f"batch of {told['batch']} for {how}"
    cores = told["cores"]
    each = f", {cores} core{'s' * (cores > 1)} each" if cores else ""
    return f"{told['network']}, {told['scaling']} scaling, {batch}; {_device(told)}{each}"


def _device(told: dict[str, Any]) -> str:
    return " ".join(
        told["device"].replace("(R)", "").replace("(TM)", "").replace("CPU", "").split()
    )


def _workers(axes: Axes, most: float) -> None:
    """Let an axis count workers, in powers of two."""
    axes.set_xscale("log", base=2)
    axes.set_xlim(0.8, most * 1.25)
    axes.xaxis.set_major_locator(FixedLocator([t for t in TICKS if t <= most]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("Workers")


def _most(told: dict[str, Any]) -> float:
    rows = [*told["points"], *told["khan2019"], *_curve(told["model"])]
    return max(row["workers"] for row in rows)


def _curve(model: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the model's curve; nothing where it knows of no communication."""
    return model["curve"] if model["source"] else []


def _bars(axes: Axes, told: dict[str, Any], key: str, label: str | None = None) -> None:
    """Draw the measured points with their ranges."""
    rows = [row for row in told["points"] if row[key]]
    middle = np.array([row[key]["median"] for row in rows])
    ends = np.array([[row[key]["low"], row[key]["high"]] for row in rows]).T
    axes.errorbar(
        [row["workers"] for row in rows],
        middle,
        np.abs(ends - middle) if len(rows) else None,
        color=OURS,
        marker=MARKERS[0],
        markersize=4.5,
        markeredgecolor=PAPER,
        markeredgewidth=0.5,
        linewidth=1.3,
        elinewidth=0.9,
        capsize=2,
        zorder=4,
        label=label,
    )


def _band(
    axes: Axes, model: dict[str, Any], key: str, look: dict, label: str | None = None
) -> None:
    """Draw a model's curve and interval."""
    rows = _curve(model)
    if not rows:
        return
    x = [row["workers"] for row in rows]
    low, high = ([row[key][end] for row in rows] for end in ("low", "high"))
    axes.fill_between(x, low, high, color=look["color"], alpha=0.16, linewidth=0)
    axes.plot(x, [row[key]["value"] for row in rows], linewidth=1.1, label=label, **look)


def _theirs(axes: Axes, told: dict[str, Any], key: str, label: str | None = None) -> None:
    rows = told["khan2019"]
    axes.plot(
        [row["workers"] for row in rows],
        [row[key] for row in rows],
        color=THEIRS,
        marker=MARKERS[1],
        markersize=4,
        markerfacecolor=PAPER,
        linestyle="none",
        zorder=3,
        label=label,
    )


def _turns(told: dict[str, Any]) -> str:
    return f"median and range of {told['turns']} turns" if told["turns"] > 1 else "one turn"


def _named(model: dict[str, Any]) -> str:
    given = {"bandwidth_gb_s": "GB/s", "latency_us": "\N{MICRO SIGN}s"}
    told = [f"{model[key]:g} {unit}" for key, unit in given.items() if model.get(key) is not None]
    return (
        f"MODEL, network of {', '.join(told)}"
        if told
        else f"MODEL, {model['interval']:.0%} interval"
    )


OUR_LOOK = {"color": OURS, "linestyle": DASHES[1]}
THEIR_LOOK = {"color": THEIRS, "linestyle": DASHES[2]}


def _speed(axes: Axes, told: dict[str, Any]) -> None:
    most = _most(told)
    first = told["points"][0]
    each = first["images_per_second"]["median"] / first["workers"]
    theirs = told["khan2019"][0]["images_per_second"]
    for start in (each, theirs):
        line = axes.plot([1, most], [start, start * most], color=SOFT, linewidth=0.7)[0]
    line.set_label("Ideal")
    _band(axes, told["model"], "images_per_second", OUR_LOOK, _named(told["model"]))
    _bars(axes, told, "images_per_second", f"Measured, {_turns(told)}")
    _theirs(axes, told, "images_per_second", "Khan et al. 2019, NVIDIA K80, Xception")
    _band(axes, told["khan2019_model"], "images_per_second", THEIR_LOOK, "MODEL of Khan et al.")
    axes.set_yscale("log")
    _workers(axes, most)
    axes.set_ylabel("Images a second")
    axes.set_title("Speed")
    bend = told["model"]["bend"]
    if bend and bend <= most and _curve(told["model"]):
        rows = _curve(told["model"])
        height = np.interp(
            bend, [r["workers"] for r in rows], [r["images_per_second"]["value"] for r in rows]
        )
        axes.plot([bend], [height], "o", markersize=9, markerfacecolor="none", color=INK, zorder=5)
        low, high = told["model"]["bend_interval"]
        spread = f"{low} to {high or 'never'}"
        axes.annotate(
            f"MODEL: from {bend} workers on ({spread}) they\nwait and communicate longer than they compute",
            (bend, height),
            xytext=(0.97, 0.06),
            textcoords="axes fraction",
            ha="right",
            fontsize=8,
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.6, "shrinkB": 5},
            bbox={"facecolor": PAPER, "alpha": 0.85, "linewidth": 0, "pad": 1.5},
            zorder=6,
        )


def _efficiency(axes: Axes, told: dict[str, Any]) -> None:
    axes.axhline(1, color=SOFT, linewidth=0.7)
    _band(axes, told["khan2019_model"], "efficiency", THEIR_LOOK)
    _band(axes, told["model"], "efficiency", OUR_LOOK)
    _bars(axes, told, "efficiency")
    _theirs(axes, told, "efficiency")
    _workers(axes, _most(told))
    highest = max(point["efficiency"]["high"] for point in told["points"])
    axes.set_ylim(0, max(1.14, 1.06 * highest))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel("Speed over ideal speed")
    axes.set_title("Efficiency")


def _parts(axes: Axes, told: dict[str, Any]) -> None:
    """Draw what a step is made of, by the model, beside the steps that were measured."""
    axes.set_title("What a step is made of, as fitted")
    model = told["model"]
    if not _curve(model):
        axes.text(
            0.5,
            0.5,
            "one number of workers\ntells nothing of it",
            ha="center",
            va="center",
            color=SOFT,
            transform=axes.transAxes,
        )
        axes.set(xticks=[], yticks=[])
        return
    here = [point["workers"] for point in told["points"]]
    beyond = [row["workers"] for row in model["expected"] if row["workers"] not in here]
    rows = {row["workers"]: row for row in model["curve"]}
    # the measured steps were made on the network that is here, whichever one is asked for
    rows |= {row["workers"]: row for row in told["model_here"]["curve"] if row["workers"] in here}
    shown = [*here, *beyond]
    place = np.arange(len(shown)) + np.array([0.0] * len(here) + [0.5] * len(beyond))
    bottom = np.zeros(len(shown))
    for name, color in PARTS.items():
        height = np.array([1e3 * rows[count][f"{name}_seconds"] for count in shown])
        axes.bar(
            place,
            height,
            0.72,
            bottom,
            color=color,
            alpha=0.9,
            linewidth=0,
            label=name.capitalize(),
        )
        bottom += height
    cover = axes.bar(
        place[len(here) :], bottom[len(here) :], 0.72, color="none", edgecolor=PAPER, linewidth=0
    )
    for bar in cover:
        bar.set_hatch("////")
    steps = np.array(
        [[1e3 * p["step_seconds"][k] for k in ("median", "low", "high")] for p in told["points"]]
    )
    error = np.abs(steps[:, 1:].T - steps[:, 0])
    axes.errorbar(
        place[: len(here)],
        steps[:, 0],
        error,
        color=INK,
        marker="o",
        markersize=3.5,
        linestyle="none",
        elinewidth=0.9,
        capsize=2,
        label="Measured",
    )
    axes.set_xticks(place, [str(count) for count in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, 1.52 * max(bottom.max(), steps.max()))
    if beyond:
        edge = (place[len(here) - 1] + place[len(here)]) / 2
        axes.axvline(edge, 0, 0.78, color=SOFT, linewidth=0.7, linestyle=(0, (1, 2)))
        axes.text(
            edge + 0.12, 0.72, "MODEL", transform=axes.get_xaxis_transform(), fontsize=8, color=SOFT
        )
    axes.set(xlabel="Workers", ylabel="Milliseconds a step")
    axes.legend(ncols=2, loc="upper left", handlelength=1.0, fontsize=8, columnspacing=1.0)


def _time(axes: Axes, told: dict[str, Any]) -> None:
    """Draw the time to a validation loss, and that of the published trainings."""
    rows = [row for row in told["points"] if row["seconds_to_loss"]]
    published = told["khan2019"]
    axes.plot(
        [row["workers"] for row in published],
        [row["minutes"] for row in published],
        color=THEIRS,
        marker=MARKERS[1],
        markersize=4,
        markerfacecolor=PAPER,
        linewidth=0.9,
    )
    most = max(row["workers"] for row in [*told["points"], *published])
    starts = [published[0]["minutes"]]
    if rows:
        middle = np.array([row["seconds_to_loss"]["median"] for row in rows]) / 60
        ends = (
            np.array([[row["seconds_to_loss"][k] for k in ("low", "high")] for row in rows]).T / 60
        )
        axes.errorbar(
            [row["workers"] for row in rows],
            middle,
            np.abs(ends - middle),
            color=OURS,
            marker=MARKERS[0],
            markersize=4.5,
            markeredgecolor=PAPER,
            markeredgewidth=0.5,
            elinewidth=0.9,
            capsize=2,
            zorder=4,
        )
        starts.append(middle[0] * rows[0]["workers"])
    for start in starts:
        axes.plot([1, most], [start, start / most], color=SOFT, linewidth=0.7, zorder=0)
    axes.set_yscale("log")
    _workers(axes, most)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("Minutes")
    axes.set_title(f"Time to a validation loss of {told['target_loss']:.3g}")
    axes.text(
        published[2]["workers"],
        published[2]["minutes"] * 1.5,
        "Khan et al.:\nthe whole training",
        color=THEIRS,
        fontsize=8,
        va="bottom",
    )
