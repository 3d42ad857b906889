"""What is known of the galaxies' classes: votes (the split), and labels given in the page, kept on disk."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from galcat_app.state.folder import SPLIT, Project
from galcat_core.errors import GalcatError
from galcat_core.files import in_turn
from galcat_core.records import Split
from galcat_core.tables import exact_ids, read_table, write_table

FILE = "labels/by_hand.csv"  # id, label, survey, made_at: galcat threshold --labels reads it
LEARNT = ("train", "validation")  # sets that judge nothing: networks learnt from them
LEGAL = re.compile(r"[^\W_][\w .+/()-]{0,39}")
SETS = list(Split.SETS)


class Labels:
    """The known classes of a project's galaxies, by catalogue row.

    Parameters
    ----------
    project : Project

    Attributes
    ----------
    names : ndarray, (N,), object
        The class, or None; labels given in the page before those of votes.
    own : ndarray, (N,), bool
        Given in the page (this one or another).
    sets : ndarray, (N,), object
        "train", "validation", "test" or "unlabelled" of the split, or None.
    remark : str
        What could not be read, or "".
    """

    def __init__(self, project: Project) -> None:
        self.file = project.path / FILE
        self._ids = pd.Index(project.table["id"])
        self._surveys = project.table.get("survey")
        self.remark = ""
        self._votes, self.sets = self._of_split(project)
        self._seen: tuple | None = None
        self._table = self._given_none()
        self.names, self.own = self._votes, np.zeros(len(self._ids), bool)
        try:
            self.refresh()
        except GalcatError as error:
            self.remark = str(error)

    def _of_split(self, project: Project) -> tuple[np.ndarray, np.ndarray]:
        """Return the label of each row by votes, and its set, (N,) object; None for none."""
        nothing = np.full(len(self._ids), None, object)
        votes = nothing
        if "label" in project.table:
            votes = _objects(project.table["label"])
        if not (project.path / SPLIT).is_file():
            return votes, nothing
        try:
            rows = Split.load(project.path / SPLIT).table
        except GalcatError as error:
            self.remark = f"Labels and sets of {SPLIT} are not shown: {error}"
            return votes, nothing
        known = set(rows["survey"])
        if self._surveys is not None and set(self._surveys.dropna()) & known:
            keys = pd.MultiIndex.from_frame(rows[["survey", "id"]])
            wanted = pd.MultiIndex.from_arrays([self._surveys.fillna(""), self._ids])
        else:
            rows = rows.drop_duplicates("id")
            keys, wanted = pd.Index(rows["id"]), self._ids
        at = keys.get_indexer(wanted)
        found = {c: np.where(at >= 0, _objects(rows[c])[at], None) for c in ("label", "set")}
        return np.where(pd.isna(found["label"]), votes, found["label"]), found["set"]

    def refresh(self) -> bool:
        """Read the labels given in pages again if they changed; return whether they had."""
        now = _signature(self.file)
        if now == self._seen:
            return False
        self._take(self._given(), now)
        return True

    def _take(self, table: pd.DataFrame, seen: tuple) -> None:
        at = self._ids.get_indexer(table["id"])
        self.names, self.own = self._votes.copy(), np.zeros(len(self._ids), bool)
        self.names[at[at >= 0]] = _objects(table["label"])[at >= 0]
        self.own[at[at >= 0]] = True
        self._table, self._seen = table, seen

    def _given_none(self) -> pd.DataFrame:
        return pd.DataFrame({"id": self._ids[:0], "label": [], "survey": [], "made_at": []})

    def _given(self) -> pd.DataFrame:
        """Return the table on disk."""
        if not self.file.is_file():
            return self._given_none()
        try:
            table = read_table(self.file)[0]
            if not {"id", "label"} <= set(table.columns):
                raise GalcatError("it has no columns id and label")
            return table.assign(id=exact_ids(table["id"], FILE)).drop_duplicates("id", keep="last")
        except GalcatError as error:
            raise GalcatError(
                f"{FILE} cannot be read ({error}): mend it, or move it away to begin anew"
            ) from error

    def give(self, rows: np.ndarray, label: str | None) -> int:
        """Label rows, or take the labels given in pages away (None); on disk when this returns.

        One page writes at a time, and first reads what others wrote, so that none loses what another
        has labelled.

        Returns
        -------
        int
            How many rows were labelled, or lost a label.

        Raises
        ------
        GalcatError
            The label is no name, or the file cannot be read or written.
        """
        if label is not None and not LEGAL.fullmatch(label):
            raise GalcatError(
                f"'{label[:40]}' is no label; use up to 40 letters, digits, blanks or . _ + / ( ) -, "
                "a letter or digit first"
            )
        with in_turn(self.file.parent):
            self.refresh()
            table = self._table
            touched = table["id"].isin(self._ids[rows])
            count = len(rows) if label is not None else int(touched.sum())
            kept = [table[~touched]]
            if label is not None:
                kept.append(self._new(rows, label))
            made = pd.concat([part for part in kept if len(part)] or kept[:1])
            made = made.sort_values("id", ignore_index=True)
            write_table(made, self.file)
            self._take(made, _signature(self.file))
        return count

    def _new(self, rows: np.ndarray, label: str) -> pd.DataFrame:
        surveys = None if self._surveys is None else self._surveys.iloc[rows].to_numpy()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        made = {"id": self._ids[rows], "label": label, "survey": surveys, "made_at": now}
        return pd.DataFrame(made).dropna(axis=1, how="all")

    def counts(self) -> dict[str, int]:
        """How many galaxies shown have each label given in pages."""
        return {str(k): int(v) for k, v in pd.Series(self.names[self.own]).value_counts().items()}

    @property
    def judges(self) -> np.ndarray:
        """Rows whose label may judge a network: known, and not learnt from, (N,), bool."""
        return ~pd.isna(self.names) & ~np.isin(self.sets.astype(str), LEARNT)


def _objects(column: pd.Series) -> np.ndarray:
    values = column.astype(object)
    return values.where(values.notna(), None).to_numpy(object)


def _signature(file: Path) -> tuple:
    try:
        status = file.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino
