"""What a new training may take in a project: cutout stores, splits, parent runs, places; found, never trusted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow.parquet

from galcat_app.state.folder import SURVEYS
from galcat_core import jobs
from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore, read_head
from galcat_core.jobs.places import Place
from galcat_core.records import Split
from galcat_core.runs import Run
from galcat_core.sections import Train
from galcat_core.training.samples import Samples, choose

PLACES = "places.toml"
DEEPEST = 3  # folders below the project's in which runs are looked for
WITHOUT_RUNS = ("cutouts", "exports", "jobs", "logs", "sky", "tiles")
MOST_TABLES = 200

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Choice:
    """One thing that may be chosen.

    Attributes
    ----------
    value : str
        Its path as seen from the project.
    label : str
    problem : str
        Why it cannot be chosen, or empty.
    """

    value: str
    label: str
    problem: str = ""


@dataclass(frozen=True)
class Inputs:
    """What there is to choose from, by value.

    Attributes
    ----------
    stores, splits, parents : dict of str to Choice
    places : dict of str to Place
    problem : str
        What is wrong with the file of places, or empty.
    """

    stores: dict[str, Choice] = field(default_factory=dict)
    splits: dict[str, Choice] = field(default_factory=dict)
    parents: dict[str, Choice] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    problem: str = ""


class Finder:
    """Looks through a project; a file that has not changed is not read again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[tuple[str, Path], tuple[tuple[int, int], Any]] = {}

    def inputs(self) -> Inputs:
        """Return what there is now."""
        places, problem = self.places()
        return Inputs(self._stores(), self._splits(), self._parents(), places, problem)

    def places(self) -> tuple[dict[str, Place], str]:
        """Return the places of the project's file, of one's own, and `local`; and what is wrong with them."""
        own = self.path / PLACES
        try:
            return jobs.load(own if own.is_file() else None), ""
        except GalcatError as error:
            return {"local": Place.from_dict("local", {})}, str(error)

    def places_file(self) -> Path | None:
        """Return the project's file of places, if it has one."""
        own = self.path / PLACES
        return own if own.is_file() else None

    def runs(self) -> list[Path]:
        """Return the folders of runs, as seen from the project."""
        return sorted(_folders_with("run.json", self.path, DEEPEST, WITHOUT_RUNS))

    def samples(self, store: str, split: str, settings: Train, parent: str) -> Samples:
        """Choose the galaxies that a training would learn from (see `training.samples.choose`)."""
        opened = self.kept("store", self.path / store / "index.parquet", _opened)
        drawn = self.kept("split", self.path / split, Split.load)
        return choose(
            opened, drawn, settings, parent=Run.open(self.path / parent) if parent else None
        )

    def kept(self, kind: str, path: Path, read: Callable[[Path], Kept]) -> Kept:
        """Return what `read` makes of a file; as it was, where the file is as it was."""
        try:
            status = path.stat()
        except OSError:
            return read(path)
        stamp = status.st_mtime_ns, status.st_size
        if self._kept.get((kind, path), (None,))[0] != stamp:
            self._kept[kind, path] = stamp, read(path)
        return self._kept[kind, path][1]

    def _stores(self) -> dict[str, Choice]:
        found = sorted(_folders_with("store.json", self.path, 2, ("jobs", "runs", "exports")))
        return {str(folder): self._store(folder) for folder in found}

    def _store(self, folder: Path) -> Choice:
        try:
            head = self.kept(
                "head", self.path / folder / "store.json", lambda p: read_head(p.parent)
            )
            survey = SURVEYS.get(head["survey"], head["survey"])
            index = self.path / folder / "index.parquet"
            if not index.is_file():
                return Choice(str(folder), f"{folder} (not finished)", "not finished")
            count = self.kept("rows", index, lambda p: pyarrow.parquet.read_metadata(p).num_rows)
        except (GalcatError, OSError, ValueError, KeyError) as error:
            return Choice(str(folder), f"{folder} (cannot be read)", _short(error))
        return Choice(str(folder), f"{folder} · {count:,} pictures of {survey}")

    def _splits(self) -> dict[str, Choice]:
        tables = [*self.path.glob("*.parquet"), *self.path.glob("*.csv")]
        tables += self.path.glob("split*/*.parquet")
        found = {}
        for path in sorted(tables)[:MOST_TABLES]:
            columns = self.kept("columns", path, _columns)
            if set(Split.required) <= set(columns):
                told = str(path.relative_to(self.path))
                found[told] = Choice(told, told)
        return found

    def _parents(self) -> dict[str, Choice]:
        found = {}
        for folder in self.runs():
            if (self.path / folder / "DIGEST").is_file():
                told = self.kept("parent", self.path / folder / "report.json", _parent)
                if told:
                    found[str(folder)] = Choice(str(folder), f"{folder} · {told}")
        return found


def _folders_with(
    name: str, root: Path, depth: int, without: tuple[str, ...], below: Path = Path()
) -> Iterator[Path]:
    """Yield folders that hold a file, as seen from the root; what lies inside them is theirs."""
    try:
        entries = [e for e in os.scandir(root / below) if e.is_dir() and not e.name.startswith(".")]
    except OSError:
        return
    for entry in entries:
        if entry.name in without:
            continue
        if (root / below / entry.name / name).is_file():
            yield below / entry.name
        elif depth > 1:
            yield from _folders_with(name, root, depth - 1, without, below / entry.name)


def _opened(index: Path) -> CutoutStore:
    return CutoutStore.open(index.parent)


def _columns(path: Path) -> list[str]:
    try:
        if path.suffix == ".parquet":
            return pyarrow.parquet.read_schema(path).names
        with path.open(errors="replace") as stream:
            return stream.readline(4096).strip().split(",")
    except (OSError, ValueError):
        return []


def _parent(report: Path) -> str:
    """Return what is told of a finished run; nothing of one that cannot be read."""
    try:
        run = Run.open(report.parent)
        accuracy = json.loads(report.read_text()).get("val_accuracy")
        network = run.network
    except (GalcatError, OSError, ValueError, KeyError):
        return ""
    known = isinstance(accuracy, float) and not pd.isna(accuracy)
    told = f", validation accuracy {accuracy:.3f}" if known else ""
    return f"{network}{told}"


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
