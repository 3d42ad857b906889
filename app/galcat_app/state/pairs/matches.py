"""A project folder as the page of pairs sees it: its pairs and all that is known of both their galaxies.

Every table but the pairs may be missing or broken; what is, is told in one remark, and the rest is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galcat_app.state.folder import PAIRS, SURVEYS, Notice, seen
from galcat_core.catalogs.surveys import ID_NAMES
from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore
from galcat_core.records import Pairs, Predictions, Split
from galcat_core.tables import FORMATS, check_ids, read_table

SIDES = ("left", "right")
CATALOGUE, SPLIT = "catalogue.parquet", "split.parquet"
PREDICTIONS = ("predictions/*.parquet", "*/predictions/*.parquet")
VOTES = ("galaxy_zoo*", "sky/galaxy_zoo*", "catalogs/galaxy_zoo*")
MATCH = "galcat match sdss.csv.gz des.csv.gz -o pairs.parquet --radius 1"
CUT = "galcat cutouts catalogs/{survey}.parquet --tiles tiles/{survey} --pairs pairs.parquet -o cutouts/{survey}"
# a bound that no project of galcat's comes near: a folder full of other things is not read to its end
MOST_TABLES = 40


@dataclass(frozen=True, eq=False)
class Source:
    """A table that knows something of one side's galaxies.

    Attributes
    ----------
    kind : {"catalog", "votes", "split", "predictions", "picture"}
    name : str
        As shown: "catalogue", "votes", the name of the predictions.
    side : {"left", "right"}
    table : pandas.DataFrame
    rows : ndarray, (N,), int64
        Row of the table for each pair; -1 for none.
    meta : dict
    """

    kind: str
    name: str
    side: str
    table: pd.DataFrame
    rows: np.ndarray
    meta: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Matches:
    """What a project folder holds for the page of pairs.

    Attributes
    ----------
    path : Path
    pairs : Pairs
    surveys : dict of str to str
        "left" and "right" -> the survey ("sdss"), as the files name it.
    sources : tuple of Source
    stores : dict of str to CutoutStore
        Pictures by side.
    remarks : tuple of str
        What is missing or broken beside the pairs, one line each.
    """

    path: Path
    pairs: Pairs
    surveys: dict[str, str]
    sources: tuple[Source, ...]
    stores: dict[str, CutoutStore]
    remarks: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        return self.pairs.table

    @property
    def names(self) -> dict[str, str]:
        """Side -> the survey's name as it is shown."""
        return {side: SURVEYS.get(name, name) for side, name in self.surveys.items()}

    def ids(self, side: str) -> np.ndarray:
        """Ids of one side's galaxies, (N,), int64 or str."""
        return self.table[f"{side}_id"].to_numpy()

    def of(self, kind: str, side: str) -> list[Source]:
        """Return the sources of one kind for one side."""
        return [s for s in self.sources if s.kind == kind and s.side == side]


def signature(path: Path) -> tuple:
    """Return what changes when the files that the page shows change: (name, time, size) of each."""
    return seen(_files(path))


def _files(path: Path) -> list[Path]:
    found = [path / PAIRS, path / CATALOGUE, path / SPLIT]
    for pattern in ("catalogs/*.parquet", "cutouts/*/index.parquet", *PREDICTIONS, *VOTES):
        found += sorted(path.glob(pattern))[:MOST_TABLES]
    return found


def open_matches(path: str | Path) -> Matches | Notice:
    """Read a project folder; whatever is wrong with it comes back as a notice or a remark."""
    path = Path(path).expanduser()
    if not path.is_dir() or not (path / PAIRS).is_file():
        return _nothing(path)
    try:
        pairs = Pairs.load(path / PAIRS)
        _check_separations(pairs)
    except GalcatError as error:
        return Notice(
            "The pairs cannot be read",
            f"{PAIRS} is damaged, or it is being written at this moment: then they appear here by "
            "themselves. Otherwise make it anew:",
            ((MATCH, "which galaxies of the two surveys are the same"),),
            "broken",
            str(error),
        )
    surveys = {
        side: str(pairs.meta.get(f"{side}_survey", name))
        for side, name in zip(SIDES, ("sdss", "des"), strict=True)
    }
    return _with_sources(path, pairs, surveys)


def _check_separations(pairs: Pairs) -> None:
    if not pd.api.types.is_numeric_dtype(pairs.table["separation_arcsec"]):
        raise GalcatError(f"{PAIRS}: separation_arcsec holds text; numbers are wanted")


def _nothing(path: Path) -> Notice:
    demo = (f"galcat demo -o {path}", "a whole project made from the simulated survey")
    if not path.is_dir() or not any(path.iterdir()):
        there = "This project is still empty" if path.is_dir() else "There is no such project"
        return Notice(
            there, "The quickest way to pairs of galaxies is the simulated survey:", (demo,)
        )
    return Notice(
        "There are no pairs yet",
        "Here the galaxies that two surveys have in common stand side by side. This command finds "
        "them, run in the project's folder; they then appear here by themselves:",
        ((MATCH, "which galaxies of the two surveys are the same"),),
    )


def _with_sources(path: Path, pairs: Pairs, surveys: dict[str, str]) -> Matches:
    remarks: list[str] = []
    ids = {side: pairs.table[f"{side}_id"] for side in SIDES}
    stores = _stores(path, surveys, remarks)
    sources: list[Source] = []

    def add(kind: str, name: str, side: str, table: pd.DataFrame, meta: dict) -> None:
        rows = rows_of(table["id"], ids[side])
        if (rows >= 0).any():
            sources.append(Source(kind, name, side, table, rows, meta))

    for side, survey in surveys.items():
        for table, meta in _catalogs(path, survey, remarks):
            add("catalog", "catalogue", side, table, meta)
    for name, table, meta in _votes(path, remarks):
        for side in SIDES:
            add("votes", name, side, table, meta)
    for side, survey in surveys.items():
        for table, meta in _split(path, survey, remarks if side == "left" else []):
            add("split", "split", side, table, meta)
    for name, table, meta in _predictions(path, remarks):
        told = meta.get("survey")
        for side in [s for s in SIDES if surveys[s] == told] or SIDES:
            add("predictions", name, side, table, meta)
    for side, store in stores.items():
        add("picture", "picture", side, store.table, {})
    if len(pairs) and not any(s.kind == "catalog" for s in sources):
        remarks.append(
            "No catalogue of these galaxies in catalogs/: magnitudes, labels and most columns are "
            "missing. galcat select makes them."
        )
    return Matches(path, pairs, surveys, tuple(sources), stores, tuple(remarks))


def rows_of(known: pd.Series, wanted: pd.Series) -> np.ndarray:
    """Return the row of each wanted id, (N,), int64; -1 for none. Ids are never compared as floats."""
    if known.dtype != wanted.dtype:
        known, wanted = known.astype(str), wanted.astype(str)
    return pd.Index(known).get_indexer(wanted.to_numpy())


def _catalogs(path: Path, survey: str, remarks: list[str]) -> list[tuple[pd.DataFrame, dict]]:
    """Return the survey's catalogue and, where that is missing, the published one."""
    file = path / "catalogs" / f"{survey}.parquet"
    if not file.is_file():
        file = path / CATALOGUE
    if not file.is_file():
        return []
    try:
        table, meta = read_table(file)
        table["id"] = check_ids(table["id"], file.name)
    except KeyError:
        remarks.append(f"{file.name} is left out: it has no column 'id'")
        return []
    except GalcatError as error:
        remarks.append(f"{file.relative_to(path)} is left out: {error}")
        return []
    return [(table, meta)]


def _votes(path: Path, remarks: list[str]) -> list[tuple[str, pd.DataFrame, dict]]:
    for file in sorted(f for pattern in VOTES for f in path.glob(pattern)):
        if not file.name.lower().endswith(tuple(FORMATS)):
            continue
        try:
            table, meta = read_table(file)
            lower = {name.lower(): name for name in table.columns}
            column = next((lower[name] for name in ID_NAMES if name in lower), None)
            if column is None:
                raise GalcatError("it has no column of ids")
            table = table.rename(columns={column: "id"})
            return [("votes", table.assign(id=check_ids(table["id"], file.name)), meta)]
        except GalcatError as error:
            remarks.append(f"{file.relative_to(path)} is left out: {error}")
    return []


def _split(path: Path, survey: str, remarks: list[str]) -> list[tuple[pd.DataFrame, dict]]:
    if not (path / SPLIT).is_file():
        return []
    try:
        rows = Split.load(path / SPLIT).rows(survey)
    except GalcatError as error:
        remarks.append(f"{SPLIT} is left out: {error}")
        return []
    return [(rows[["id", "set", "label", "certain", "group"]].reset_index(drop=True), {})]


def _predictions(path: Path, remarks: list[str]) -> list[tuple[str, pd.DataFrame, dict]]:
    found = []
    for file in [f for pattern in PREDICTIONS for f in sorted(path.glob(pattern))][:MOST_TABLES]:
        above = file.parent.parent
        name = file.stem if above == path else f"{above.name}/{file.stem}"
        try:
            told = Predictions.load(file)
            found.append(
                (
                    name,
                    told.table,
                    {**told.meta, "classes": told.classes, "positive": told.positive},
                )
            )
        except GalcatError as error:
            remarks.append(f"{file.relative_to(path)} is left out: {error}")
    return found


def _stores(path: Path, surveys: dict[str, str], remarks: list[str]) -> dict[str, CutoutStore]:
    stores, unread = {}, set()
    for folder in sorted(file.parent for file in path.glob("cutouts/*/store.json")):
        try:
            store = CutoutStore.open(folder)
        except GalcatError as error:
            remarks.append(f"No pictures from {folder.name}: {error}")
            unread.add(folder.name)
            continue
        for side in [s for s in SIDES if surveys[s] == store.survey and s not in stores]:
            stores[side] = store
    lacking = [s for side, s in surveys.items() if side not in stores and s not in unread]
    if lacking:
        named = " or ".join(SURVEYS.get(survey, survey) for survey in lacking)
        remarks.append(
            f"No pictures of {named} yet. Make them with {CUT.format(survey=lacking[0])}"
        )
    return stores
