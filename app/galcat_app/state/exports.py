"""Write selected rows of the catalogue into the project's exports/ folder: CSV, VOTable or Parquet."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from galcat_app.state.folder import CATALOGUE, Project
from galcat_core.errors import GalcatError, listed
from galcat_core.provenance import Provenance, digests
from galcat_core.records import Record

FOLDER = "exports"
FORMATS = {"csv": ".csv", "votable": ".vot", "parquet": ".parquet"}


def export(project: Project, rows: np.ndarray, kind: str, name: str = "selection") -> Path:
    """Write rows with all their columns, in catalogue order, and return the file.

    A file that is already there is kept: the new one is called NAME-2, NAME-3, ...

    Parameters
    ----------
    project : Project
    rows : ndarray, (n,), int64
        Catalogue rows, sorted.
    kind : {"csv", "votable", "parquet"}
    name : str
        The file's name without suffix: letters, digits, "-", "_" and "." only.

    Raises
    ------
    GalcatError
        Nothing is selected, the kind or name is not legal, or the file cannot be written.
    """
    if not len(rows):
        raise GalcatError("nothing is selected; draw a box or a lasso on the map, then export")
    table = project.table.iloc[rows].reset_index(drop=True)
    provenance = Provenance(
        "explore",
        digests(project.path / CATALOGUE),
        {"selected": len(rows), "of": len(project.table)},
    )
    return write(Record(table, provenance, dict(project.meta)), project.path, kind, name)


def write(record: Record, project: Path, kind: str, name: str) -> Path:
    """Write a record into a project's exports/ folder under a name that is free, and return the file.

    Raises
    ------
    GalcatError
        The kind or name is not legal, or the file cannot be written.
    """
    if not isinstance(kind, str) or kind not in FORMATS:
        raise GalcatError(
            f"a selection cannot be written as '{str(kind)[:40]}'; legal are {listed(FORMATS)}"
        )
    path = _free(project / FOLDER, checked_name(name), FORMATS[kind])
    record.save(path)
    return path


def checked_name(name: object) -> str:
    """Return a name that a file can have here, or refuse it."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", name):
        raise GalcatError(
            f"'{str(name)[:64]}' is no name for a file here; use up to 64 letters, digits, '-', '_' or '.'"
        )
    return name


def _free(folder: Path, name: str, suffix: str) -> Path:
    path, number = folder / f"{name}{suffix}", 2
    while path.exists():
        path, number = folder / f"{name}-{number}{suffix}", number + 1
    return path
