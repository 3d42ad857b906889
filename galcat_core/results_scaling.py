"""Tables of a scaling for the terminal: what was measured, what the MODEL expects, and the published table."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from galcat_core.training.scaling_report import bent


def scaling_tables(told: dict[str, Any]) -> list[Table]:
    """Return the tables of what `training.scaling_report.report` told."""
    tables = [_measured(told), _published(told)]
    if told["model"]["source"]:
        tables.insert(1, _expected(told))
    else:
        tables[0].caption = f"MODEL: {bent(told['model'])}"
    return tables


def _measured(told: dict[str, Any]) -> Table:
    how = "each worker" if told["scaling"] == "weak" else "all workers together"
    title = (
        f"Measured: {told['network']}, {told['scaling']} scaling, batch of {told['batch']} for {how}, "
        f"median (range) of {told['turns']} turn{'s' * (told['turns'] > 1)}"
    )
    names = ("workers", "images a second", "ideal", "speed-up", "efficiency", "ms a step")
    table = _table(title, *names, f"s to a validation loss of {told['target_loss']:.3g}")
    for point in told["points"]:
        reached = point["seconds_to_loss"]
        table.add_row(
            str(point["workers"]),
            _range(point["images_per_second"], 1),
            f"{point['ideal_images_per_second']:,.1f}",
            f"{point['speed_up']['median']:.2f}",
            _range(point["efficiency"], 2),
            _range({k: 1e3 * v for k, v in point["step_seconds"].items()}, 1),
            _range(reached, 1) if reached else "not reached",
        )
    return table


def _expected(told: dict[str, Any]) -> Table:
    model, published = told["model"], {row["workers"]: row for row in told["khan2019"]}
    theirs = {row["workers"]: row for row in told["khan2019_model"]["expected"]}
    title = f"MODEL, not measured: what to expect ({model['interval']:.0%} interval)"
    names = ("workers", "images a second", "efficiency", "ms a step: computing", "waiting")
    table = _table(title, *names, "communicating", "Khan et al. 2019: efficiency", "their MODEL")
    for row in model["expected"]:
        parts = [
            f"{1e3 * row[f'{k}_seconds']:,.1f}" for k in ("computing", "waiting", "communicating")
        ]
        count = row["workers"]
        there = f"{published[count]['efficiency']:.2f}" if count in published else ""
        known = f"{theirs[count]['efficiency']['value']:.2f}" if count in theirs else ""
        speed, efficiency = _range(row["images_per_second"]), _range(row["efficiency"], 2)
        table.add_row(str(count), speed, efficiency, *parts, there, known, style="italic")
    table.caption = f"{bent(model)}. MODEL: {'; '.join(model['assumptions'])}"
    table.caption_justify = "left"
    return table


def _published(told: dict[str, Any]) -> Table:
    title = "Published: Khan et al. 2019 (arXiv:1812.02183), Xception on NVIDIA K80, weak scaling, batch of 16"
    names = (
        "GPUs",
        "s an epoch, stages 1 / 2 / 3",
        "images a second",
        "efficiency",
        "whole training",
    )
    table = _table(title, *names, "validation accuracy")
    for row in told["khan2019"]:
        table.add_row(
            str(row["workers"]),
            " / ".join(map(str, row["epoch_seconds"])),
            f"{row['images_per_second']:,.0f}",
            f"{row['efficiency']:.2f}",
            f"{row['minutes']} min",
            f"{row['accuracy']:.4f}",
        )
    return table


def _table(title: str, *names: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(name, justify="right")
    return table


def _range(value: dict[str, float], digits: int = 0) -> str:
    middle = value["median"] if "median" in value else value["value"]
    return f"{middle:,.{digits}f} ({value['low']:,.{digits}f}-{value['high']:,.{digits}f})"
