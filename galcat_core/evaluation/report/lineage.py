"""What was trained on what: a run -> its history from the first ancestor on, in JSON types."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.evaluation.calibration import Calibrations
from galcat_core.runs import Run

SECTIONS = ("train", "augment")


@dataclass(frozen=True)
class Ancestry:
    """A run and those it started from.

    Attributes
    ----------
    runs : list of Run
        The first ancestor that is still there first, the run itself last.
    lost : str or None
        Name of the ancestor whose folder is not where it was, if there is one.
    """

    runs: list[Run]
    lost: str | None = None

    def learnt(self, survey: str | None, set_name: str = "train") -> set:
        """Return the ids of a survey that any of the runs has in a set of its samples."""
        found: set = set()
        for run in self.runs:
            kept = (run.folder / "samples.parquet").is_file()  # not in the box
            if kept and survey in (None, run.survey):
                table = run.samples
                found |= set(table.loc[table["set"] == set_name, "id"])
        return found

    def told(self) -> list[dict[str, Any]]:
        """Return what is to be said of each run, the first ancestor first."""
        return [_told(run) for run in self.runs]


def ancestry(run: Run) -> Ancestry:
    """Follow a run's parents as far as their folders are where they were.

    Raises
    ------
    GalcatError
        The run itself is not finished.
    """
    run.digest  # noqa: B018  tells of an unfinished run
    found = [run]
    while found[0].info.get("parent"):
        parent = found[0].info["parent"]
        try:
            opened = Run.open(found[0].folder / parent.get("path", ""))
            if opened.digest != parent["digest"]:
                return Ancestry(found, parent["name"])
        except GalcatError:
            return Ancestry(found, parent["name"])
        found.insert(0, opened)
    return Ancestry(found)


def _told(run: Run) -> dict[str, Any]:
    info, report = run.info, run.report
    store, samples = info.get("store") or {}, info.get("samples") or {}
    parent = info.get("parent") or {}
    return {
        "name": run.name,
        "digest": run.digest,
        "network": info["network"],
        "survey": info["survey"],
        "classes": info["classes"],
        "positive": info["positive"],
        "parent": parent.get("name"),
        "store": {
            "name": Path(store.get("path", "")).name,
            **{k: store.get(k) for k in ("digest", "size_px", "settings")},
        },
        "train": samples.get("train", {}),
        "validation": samples.get("validation", {}),
        "left_out": samples.get("left_out", {}),
        "rejected": samples.get("rejected", {}),
        "workers": info.get("workers", 1),
        "code": info.get("code", ""),
        "inputs": (info.get("provenance") or {}).get("inputs", {}),
        "result": {
            k: report.get(k)
            for k in (
                *("epochs", "best_epoch", "ended", "loss", "accuracy", "val_loss"),
                *("val_accuracy", "seconds"),
            )
        },
        "settings": {
            f"{section}.{item.name}": getattr(getattr(run.config, section), item.name)
            for section in SECTIONS
            for item in fields(getattr(run.config, section))
        },
        "changed": sorted(changed(run.config)),
        "calibration": _calibration(run),
        "history": _history(run.history),
    }


def changed(config: Config) -> dict[str, Any]:
    """Return the learning settings that are not galcat's defaults: {"train.epochs": 10, ...}."""
    default = Config()
    return {
        f"{section}.{item.name}": getattr(getattr(config, section), item.name)
        for section in SECTIONS
        for item in fields(getattr(config, section))
        if getattr(getattr(config, section), item.name)
        != getattr(getattr(default, section), item.name)
    }


def _calibration(run: Run) -> dict[str, Any] | None:
    """Return {survey: method} of the run's calibrations, or None where it has none."""
    found = Calibrations.load(run.folder)
    return found and {name: made.method for name, made in found.surveys.items()}


def _history(table: pd.DataFrame) -> list[dict[str, float]]:
    return table.astype(float).to_dict("records")
