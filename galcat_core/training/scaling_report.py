"""Measured points of a scaling -> one dictionary: speeds, efficiencies, times to a loss, and what the MODEL expects."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from galcat_core.provenance import code_version
from galcat_core.training import khan2019_published as khan
from galcat_core.training.scaling import Course
from galcat_core.training.scaling_model import (
    COVERAGE,
    MODEL,
    Exchange,
    Model,
    Step,
    fit,
)

EXPECTED = (8, 16, 32, 64, 128, 256, 512)
EFFICIENCIES = (0.9, 0.8, 0.5)
ENOUGH, SCATTER = 3, 0.05  # times that tell their own scatter; what fewer are taken to scatter by


def report(
    course: Course,
    found: dict[int, list[dict[str, Any]]],
    target_loss: float | None = None,
    bandwidth_gb_s: float | None = None,
    latency_us: float | None = None,
    expected: Sequence[int] = EXPECTED,
) -> dict[str, Any]:
    """Return what was measured, what the model expects, and the published table (JSON types).

    Parameters
    ----------
    course : Course
    found : dict of int to list of dict
        Workers -> what each turn found (see `scaling_worker`).
    target_loss : float, optional
        Validation loss whose time is told (default: the lowest that all of them reach).
    bandwidth_gb_s, latency_us : float, optional
        Of another network (see `Model.with_network`).
    expected : sequence of int
        Workers for which the model is asked.
    """
    target = target_loss if target_loss is not None else _reached_by_all(found)
    first = next(iter(found.values()))[0]
    points = [_point(course, workers, turns, target) for workers, turns in sorted(found.items())]
    alone = next((p for p in points if p["workers"] == 1), None)
    for point in points:
        _compare(point, alone or points[0])
    model = _model(course, points, first["gradient_bytes"])
    given = {"bandwidth_gb_s": bandwidth_gb_s, "latency_us": latency_us}
    here = model
    if any(value is not None for value in given.values()):
        model = model.with_network(bandwidth_gb_s, latency_us)
    return {
        "galcat": code_version(),
        "scaling": course.kind,
        "batch": course.batch,
        "network": course.config.train.network,
        "precision": course.config.train.precision,
        "pictures": first["pictures"],
        "gradient_bytes": first["gradient_bytes"],
        "device": first["device"],
        "cores": first["cores"],
        "hosts": sorted({turn["host"] for turns in found.values() for turn in turns}),
        "turns": course.turns,
        "target_loss": target,
        "points": points,
        "khan2019": [_published(row) for row in khan.TABLE],
        "khan2019_model": _told(
            khan.model(), [row.gpus for row in khan.TABLE[1:]] + [128, 256, 512]
        ),
        "model": _told(model, expected)
        | given
        | {"assumptions": _assumptions(course, model, given)},
        # of the network that is here; the same, where no other one is asked for
        "model_here": _told(here, sorted(found)),
    }


def _reached_by_all(found: dict[int, list[dict[str, Any]]]) -> float:
    """Return the lowest validation loss that every training reached."""
    runs = [turn["epochs"] for turns in found.values() for turn in turns]
    return max(min(epoch["val_loss"] for epoch in epochs) for epochs in runs)


def seconds_to(target: float, epochs: Sequence[dict[str, Any]]) -> float | None:
    """Return when a validation loss was reached, by a straight line between epochs; None if it was not.

    The first epoch, in which TensorFlow compiles, counts as the median of the others.
    """
    usual = statistics.median(epoch["seconds"] for epoch in epochs[1:])
    now, before = 0.0, None
    for number, epoch in enumerate(epochs):
        took, loss = epoch["seconds"] if number else usual, epoch["val_loss"]
        if loss <= target:
            part = 1.0 if before is None else (before - target) / (before - loss)
            return now + part * took
        now, before = now + took, loss
    return None


def _point(
    course: Course, workers: int, turns: list[dict[str, Any]], target: float
) -> dict[str, Any]:
    """Return the figures of a number of workers; the first epochs, which compile, are not in them."""
    speeds = [epoch["images_per_second"] for turn in turns for epoch in turn["epochs"][1:]]
    batch, steps, pictures = (turns[0][key] for key in ("batch", "steps", "pictures"))
    wanted = course.batch_of(workers)
    # where the pictures do not come out even, steps are a little smaller than they should be
    seconds = [pictures / speed / steps * wanted / batch for speed in speeds]
    scatter = float(np.std(seconds, ddof=1)) if len(seconds) >= ENOUGH else 0.0
    middle = statistics.median(seconds)
    error = (scatter or SCATTER * middle) / np.sqrt(len(turns))
    reached = [seconds_to(target, turn["epochs"]) for turn in turns]
    return {
        "workers": workers,
        "batch": wanted,
        "images_per_second": _range(speeds),
        "step_seconds": _range(seconds),
        "step_seconds_error": float(error),
        "seconds_to_loss": None if None in reached else _range(reached),
        "val_loss": _range([min(e["val_loss"] for e in turn["epochs"]) for turn in turns]),
        "exchanges": _exchanges(turns),
    }


def _range(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def _exchanges(turns: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Return what adding up each number of bytes took, over all turns."""
    seconds: dict[int, list[float]] = {}
    for turn in turns:
        for one in turn["exchanges"]:
            seconds.setdefault(one["bytes"], []).extend(one["seconds"])
    return [
        {"bytes": size, **_range(each), "error": 1.25 * float(np.std(each)) / len(each) ** 0.5}
        for size, each in sorted(seconds.items())
    ]


def _compare(point: dict[str, Any], first: dict[str, Any]) -> None:
    """Add speed-up and efficiency, against one worker (or the fewest that were measured)."""
    ratio = {
        k: v / first["images_per_second"]["median"] for k, v in point["images_per_second"].items()
    }
    times = point["workers"] / first["workers"]
    point["speed_up"] = {key: value * first["workers"] for key, value in ratio.items()}
    point["efficiency"] = {key: value / times for key, value in ratio.items()}
    point["ideal_images_per_second"] = first["images_per_second"]["median"] * times


def _model(course: Course, points: list[dict[str, Any]], count: int) -> Model:
    steps = [
        Step(p["workers"], p["batch"], p["step_seconds"]["median"], p["step_seconds_error"])
        for p in points
    ]
    exchanges = [
        Exchange(p["workers"], one["bytes"], one["median"], one["error"])
        for p in points
        for one in p["exchanges"]
    ]
    return fit(steps, count, course.batch_of, exchanges)


def _told(model: Model, workers: Sequence[int]) -> dict[str, Any]:
    """Return a model as JSON types."""

    def row(count: int) -> dict[str, Any]:
        parts = model.costs
        waiting = parts.waiting if count > 1 else 0.0
        return {
            "workers": count,
            "images_per_second": asdict(model.speed(count)),
            "efficiency": asdict(model.efficiency(count)),
            "step_seconds": asdict(model.step(count)),
            "computing_seconds": parts.computing(model.batch(count)),
            "waiting_seconds": waiting,
            "communicating_seconds": parts.communicating(count, model.bytes),
        }

    curve = sorted(
        {*np.unique(np.round(2 ** np.arange(0, 9.01, 0.25)).astype(int)).tolist(), *workers}
    )
    return {
        "label": MODEL,
        "source": model.source,
        "interval": COVERAGE,
        "costs": asdict(model.costs),
        "bend": model.bend(),
        "bend_interval": model.bend_interval(),
        "efficiency_below": {str(value): model.falls_below(value) for value in EFFICIENCIES},
        "expected": [row(count) for count in workers],
        "curve": [row(count) for count in curve],
    }


SOURCES = {
    "steps": "communication is fitted to the measured steps",
    "allreduce": "communication is what adding up the gradient alone took; with more workers its "
    "latency grows with their logarithm, and the bytes of each at most twofold",
    "network": "communication is that of the network that was given",
    "": "nothing is known of communication: measure two numbers of workers, or give --bandwidth-gb-s "
    "and --latency-us",
}


def _assumptions(course: Course, model: Model, given: dict[str, float | None]) -> list[str]:
    """Return what the model takes for granted, a sentence each."""
    same = (
        f"each worker computes on {course.batch} pictures a step, however many there are (weak scaling)"
        if course.kind == "weak"
        else f"all workers together compute on {course.batch} pictures a step (strong scaling)"
    )
    units = {"bandwidth_gb_s": "GB/s", "latency_us": "microseconds a message"}
    network = [f"{given[key]:g} {unit}" for key, unit in units.items() if given[key] is not None]
    return [
        "each worker is like those that were measured",
        same,
        SOURCES[model.source] + (f" ({', '.join(network)})" if network else ""),
        "waiting for the others costs as much with many workers as it does with the measured ones",
        "all pictures come from memory; validation and checkpoints are not in it",
    ]


def _published(row: khan.Row) -> dict[str, Any]:
    return {
        "workers": row.gpus,
        "images_per_second": row.images_per_second,
        "efficiency": row.efficiency,
        "epoch_seconds": list(row.epoch_seconds),
        "minutes": row.minutes,
        "accuracy": row.accuracy,
    }


def table(told: dict[str, Any]) -> pd.DataFrame:
    """Return one row for each number of workers, measured, of the MODEL, and published; for CSV."""
    rows = []

    def add(kind: str, row: dict[str, Any]) -> None:
        flat: dict[str, Any] = {"kind": kind, "workers": row["workers"]}
        for name in ("images_per_second", "efficiency", "step_seconds", "seconds_to_loss"):
            value = row.get(name)
            if isinstance(value, dict):
                middle = value["median"] if "median" in value else value["value"]
                flat |= {name: middle, f"{name}_low": value["low"], f"{name}_high": value["high"]}
            elif value is not None:
                flat[name] = value
        rows.append(flat)

    for point in told["points"]:
        add("measured", point)
    for row in told["model"]["expected"] if told["model"]["source"] else []:
        add(MODEL, row)
    for row in told["khan2019"]:
        add(khan.NAME, row)
    for row in told["khan2019_model"]["expected"]:
        add(f"{MODEL} of {khan.NAME}", row)
    return pd.DataFrame(rows)


def bent(model: dict[str, Any]) -> str:
    """Return in a sentence where the curve of a model bends."""
    if not model["source"]:
        return SOURCES[""]
    below = [
        f"{float(k):.0%} from {n} workers on" for k, n in model["efficiency_below"].items() if n
    ]
    fall = f"efficiency falls below {', '.join(below)}" if below else "efficiency stays above 90%"
    low, high = model["bend_interval"]
    if low is None:
        return f"{fall}; they compute longer than they wait and communicate, even 65,536 of them"
    when = f"from {model['bend']:,} workers on" if model["bend"] else "with no number of workers"
    spread = f"{model['interval']:.0%} interval {low:,} to {f'{high:,}' if high else 'never'}"
    return f"{fall}; {when} ({spread}) they wait and communicate longer than they compute"
