"""Selections kept under a name: one small table each in the project's selections/ folder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet

from galcat_app.state.exports import checked_name
from galcat_app.state.folder import CATALOGUE, Project
from galcat_core.errors import GalcatError
from galcat_core.files import in_turn
from galcat_core.provenance import Provenance, digests
from galcat_core.records import Catalog, Record
from galcat_core.tables import read_table

FOLDER = "selections"
POSITIONS = ("ra_deg", "dec_deg")


@dataclass(frozen=True)
class Kept:
    """A selection on disk: its name and how many galaxies it holds."""

    name: str
    count: int


class Selections:
    """The kept selections of a project; what another page keeps is seen at once.

    Each is a Catalog (`id`, `survey`, `ra_deg`, `dec_deg`), which galcat cutouts and match take; of a
    catalogue without positions a table of ids.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self.folder = project.path / FOLDER

    def listed(self) -> tuple[Kept, ...]:
        """Return what is kept, by name; broken files are left out."""
        found = []
        for file in sorted(self.folder.glob("[!.]*.parquet")):
            try:
                found.append(Kept(file.stem, pyarrow.parquet.read_metadata(file).num_rows))
            except (
                OSError,
                ValueError,
            ):  # it was removed just now, or is none; pyarrow's are among them
                continue
        return tuple(found)

    def keep(self, rows: np.ndarray, name: str) -> None:
        """Write a selection under a new name; it is on disk when this returns.

        Raises
        ------
        GalcatError
            Nothing is selected, the name is not legal or taken, or the folder cannot be written.
        """
        name = checked_name(name)
        if not len(rows):
            raise GalcatError("nothing is selected; draw a box or a lasso on the map, then keep it")
        columns = [c for c in ("id", "survey", *POSITIONS) if c in self._project.table]
        table = self._project.table.iloc[rows][columns].reset_index(drop=True)
        surveys = table["survey"].dropna().unique() if "survey" in table else []
        meta = {"survey": str(surveys[0])} if len(surveys) == 1 else {}
        made_by = Provenance("explore", digests(self._project.path / CATALOGUE), {"kept_as": name})
        kind = Catalog if set(POSITIONS) <= set(columns) else Record
        with in_turn(self.folder):
            if self._path(name).exists():
                raise GalcatError(
                    f"a selection '{name}' is kept already; choose another name, or remove it first"
                )
            kind(table, made_by, meta).save(self._path(name))

    def rows(self, name: str) -> tuple[np.ndarray, int]:
        """Return the rows of a kept selection, (n,) int64, and how many of it are not in the catalogue."""
        ids = self._read(name)["id"]
        at = pd.Index(self._project.table["id"]).get_indexer(ids)
        return np.sort(at[at >= 0]).astype(np.int64), int((at < 0).sum())

    def remove(self, name: str) -> None:
        """Remove a kept selection."""
        self._read(name)
        self._path(name).unlink(missing_ok=True)

    def _read(self, name: str) -> pd.DataFrame:
        path = self._path(checked_name(name))
        if not path.is_file():
            raise GalcatError(f"no selection '{name}' is kept here (any more)")
        return read_table(path)[0]

    def _path(self, name: str):
        return self.folder / f"{name}.parquet"
