"""Which galaxies look alike: a project's features, loaded at the first question -> rows and distances."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet

import galcat_core
from galcat_app.state.folder import EMBEDDINGS, Project
from galcat_core.embeddings.neighbors import Neighbors
from galcat_core.errors import GalcatError
from galcat_core.records import Embedding

EMBED = "galcat embed cutouts/des --run RUN -o embeddings/RUN.parquet"
MOST_ALIKE = 1000
BOX = Path(galcat_core.__file__).parent / "models/shipped"  # the run where none is named


@dataclass(frozen=True, eq=False)
class Alike:
    """The galaxies most like something, the most alike first.

    Attributes
    ----------
    rows : ndarray, (n,), int64
        Catalogue rows.
    distances : ndarray, (n,), float32
        1 - cosine of the angle between features: 0 is the same.
    """

    rows: np.ndarray
    distances: np.ndarray


class Similar:
    """Similarity search in a project.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._ids = pd.Index(project.table["id"])
        self._neighbors: Neighbors | None = None
        self.file = _best_embedding(project.path, self._ids)
        self.run = ""

    @property
    def possible(self) -> bool:
        """Whether the project has features of its galaxies."""
        return self.file is not None

    def to_rows(self, rows: np.ndarray, number: int) -> Alike:
        """Return the galaxies most like one, or like the mean of several, these left out.

        Raises
        ------
        GalcatError
            None of them has features, or the project has none.
        """
        search = self._search()
        ids = self._ids[rows]
        known = ids[pd.Index(search.ids).get_indexer(ids) >= 0]
        if not len(known):
            what = f"galaxy {ids[0]} has" if len(ids) == 1 else "these galaxies have"
            raise GalcatError(f"{what} no features in {self.file}; embed them too: {EMBED}")
        return self._alike(search.nearest_to_all(known, self.to_checked_number(number)))

    def to_features(self, features: np.ndarray, number: int) -> Alike:
        """Return the galaxies most like what has these features, (D,)."""
        return self._alike(self._search().nearest(features, self.to_checked_number(number)))

    def _alike(self, found: pd.DataFrame) -> Alike:
        rows = self._ids.get_indexer(found["id"])
        return Alike(rows.astype(np.int64), found["distance"].to_numpy())

    @staticmethod
    def to_checked_number(number: object) -> int:
        """Return how many are wanted, or refuse what cannot be."""
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_ALIKE:
            raise GalcatError(f"from 1 to {MOST_ALIKE} similar galaxies can be looked for")
        return number

    def _search(self) -> Neighbors:
        if self._neighbors is None:
            if self.file is None:
                raise GalcatError(
                    f"this project has no features of its galaxies; make them: {EMBED}"
                )
            embedding = Embedding.load(self.file)
            shown = embedding.table["id"].isin(self._ids)
            self.run = str(embedding.table["run"].iloc[0])
            self._neighbors = Neighbors(
                embedding if shown.all() else Embedding(embedding.table[shown.to_numpy()])
            )
        return self._neighbors

    def run_folder(self) -> Path:
        """Return the folder of the run that made the features, to make those of a new picture.

        Raises
        ------
        GalcatError
            The run is no longer in the project.
        """
        self._search()
        name, _, digest = self.run.rpartition("-")
        for file in (*sorted(self._project.path.glob("*/*/DIGEST")), BOX / "DIGEST"):
            if file.parent.name == name and file.read_text().startswith(digest):
                return file.parent
        raise GalcatError(
            f"the run {self.run}, which made this project's features, is not in the project; without "
            "it a new picture cannot be compared with them"
        )


def _best_embedding(project: Path, ids: pd.Index) -> Path | None:
    """Return the file with features of the most galaxies shown; of equal ones the newest."""
    best, most = None, (0, 0)
    for file in sorted(project.glob(EMBEDDINGS)):
        try:
            known = pyarrow.parquet.read_table(file, columns=["id"])["id"].to_pandas()
            found = int(known.isin(ids).sum()), file.stat().st_mtime_ns
        except (OSError, ValueError, KeyError):  # pyarrow's errors are among them
            continue
        if found[0] and found > most:
            best, most = file, found
    return best
