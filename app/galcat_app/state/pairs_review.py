"""What is said of pairs by eye: kept in review.parquet of the project at every click, by any number of pages.

Each change holds the project's folder for a moment, reads what is there now, changes its one row, and
writes the file whole: nothing is lost by a kernel that dies or by a second page. What other pages wrote
is read with `fresh`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from galcat_app.state.matches import SIDES, Matches, rows_of
from galcat_core.errors import GalcatError, listed
from galcat_core.files import in_turn
from galcat_core.records import Review

FILE = "review.parquet"
MARKS = Review.MARKS
LONGEST_LABEL, LONGEST_NOTE = 64, 500
COLUMNS = [
    *("left_survey", "left_id", "right_survey", "right_id"),
    *(*MARKS, "label", "note", "reviewed_at"),
]


class Reviews:
    """The review of a project's pairs.

    Parameters
    ----------
    project : Matches

    Attributes
    ----------
    table : pandas.DataFrame
        All that was ever reviewed in the project, pairs that are gone included; as on disk.
    problem : str
        Why the file cannot be read; "" where it can.
    """

    def __init__(self, project: Matches) -> None:
        self.project = project
        self.path = project.path / FILE
        self.table = _empty()
        self.problem = ""
        self._seen: tuple | None = None
        self._places = np.empty(0, np.int64)
        self.fresh()

    # ---- reading --------------------------------------------------------------------------------

    def fresh(self) -> bool:
        """Read the file if it changed; return whether it had."""
        seen = self._signature()
        if seen == self._seen:
            return False
        self._seen, self.problem = seen, ""
        try:
            self._show(self._read())
        except GalcatError as error:
            self.problem = (
                f"{FILE} cannot be read ({error}): nothing can be flagged. Mend it, or move it away"
            )
        return True

    def _signature(self) -> tuple | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> pd.DataFrame:
        if not self.path.is_file():
            return _empty()
        table = Review.load(self.path).table
        for name in ("note", "reviewed_at"):
            if name not in table:
                table[name] = None
        return table

    def _show(self, table: pd.DataFrame) -> None:
        self.table = table
        self._places = self._rows(table)

    def _rows(self, table: pd.DataFrame) -> np.ndarray:
        """Return each reviewed pair's row among the project's pairs, (R,), int64; -1 for none."""
        left, right = (self.project.table[f"{side}_id"] for side in SIDES)
        rows = rows_of(left, table["left_id"])
        there = np.flatnonzero(rows >= 0)
        same = np.zeros(len(table), bool)
        theirs = right.iloc[rows[there]].astype(str).to_numpy()  # not of all: there may be many
        same[there] = theirs == table["right_id"].iloc[there].astype(str).to_numpy()
        return np.where(same, rows, -1)

    @property
    def gone(self) -> int:
        """How many reviewed pairs are not among the project's pairs (any more)."""
        return int((self._places < 0).sum())

    def of(self, row: int) -> dict[str, Any]:
        """Return what is said of a pair: the marks, `label`, `note`, `reviewed_at` (None: not reviewed)."""
        found = np.flatnonzero(self._places == row)
        if not len(found):
            return {**dict.fromkeys(MARKS, False), "label": None, "note": None, "reviewed_at": None}
        told = self.table.iloc[found[0]]
        return {**{name: bool(told[name]) for name in MARKS}, **{n: told[n] for n in COLUMNS[7:]}}

    def over_all(self, name: str) -> np.ndarray:
        """Return one thing said, over all pairs, (N,): bool for marks, "reviewed", "flagged"; else text."""
        there = self._places >= 0
        if name in ("label", "note"):
            found = np.full(len(self.project.table), None, object)
            found[self._places[there]] = self.table[name].to_numpy(object)[there]
            return found
        values = {
            "reviewed": lambda: np.ones(len(self.table), bool),
            "flagged": lambda: self.table[list(MARKS)].to_numpy(bool).any(axis=1),
        }.get(name, lambda: self.table[name].to_numpy(bool))()
        found = np.zeros(len(self.project.table), bool)
        found[self._places[there]] = values[there]
        return found

    @property
    def counts(self) -> dict[str, int]:
        """How many pairs were reviewed, flagged, relabelled."""
        table = self.table[self._places >= 0]
        return {
            "reviewed": len(table),
            "flagged": int(table[list(MARKS)].any(axis=1).sum()),
            "relabelled": int(table["label"].notna().sum()),
        }

    # ---- writing --------------------------------------------------------------------------------

    def change(self, row: int, changes: dict[str, Any]) -> None:
        """Write what is said of a pair; all that nothing is said of any more is forgotten.

        Parameters
        ----------
        row : int
        changes : dict
            Marks (bool), `label`, `note` (text or None), and "good" (bool): looked at, and all is well.

        Raises
        ------
        GalcatError
            A change is not legal, or the file cannot be read or written: then nothing is changed.
        """
        changes = _checked(changes)
        with in_turn(self.project.path):
            table = self._read()
            places = self._rows(table)
            said = _said(table, places, row)
            good = changes.pop("good", None)
            if good:
                said |= dict.fromkeys(MARKS, False)
            said |= changes
            kept = table[places != row]
            if good or any(said[name] for name in (*MARKS, "label", "note")):
                new = pd.DataFrame([{**self._names(row), **said, "reviewed_at": _now()}])
                kept = pd.concat([kept, new[COLUMNS]], ignore_index=True) if len(kept) else new
            self._write(kept[COLUMNS])
            self._seen, self.problem = self._signature(), ""
        self._show(self._read())

    def _names(self, row: int) -> dict[str, Any]:
        named = {f"{side}_survey": self.project.surveys[side] for side in SIDES}
        return named | {f"{side}_id": self.project.ids(side)[row] for side in SIDES}

    def _write(self, table: pd.DataFrame) -> None:
        try:
            Review(table.sort_values(["reviewed_at", "left_id"], key=_as_text)).save(self.path)
        except OSError as error:
            raise GalcatError(f"{self.path} cannot be written ({error.strerror})") from error

    def record(self) -> Review:
        """Return the whole review, with the separation of pairs that are still there.

        Raises
        ------
        GalcatError
            Nothing was reviewed yet.
        """
        if not len(self.table):
            raise GalcatError("nothing is flagged yet; flag a pair, then export")
        table = self.table.copy()
        there = self._places >= 0
        separation = np.full(len(table), np.nan)
        known = self.project.table["separation_arcsec"].to_numpy(float)
        separation[there] = known[self._places[there]]
        return Review(table.assign(separation_arcsec=separation))


def _empty() -> pd.DataFrame:
    table = pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
    return table.astype(
        dict.fromkeys(("left_id", "right_id"), np.int64) | dict.fromkeys(MARKS, bool)
    )


def _said(table: pd.DataFrame, places: np.ndarray, row: int) -> dict[str, Any]:
    found = np.flatnonzero(places == row)
    if not len(found):
        return {**dict.fromkeys(MARKS, False), "label": None, "note": None}
    told = table.iloc[found[0]]
    return {
        **{name: bool(told[name]) for name in MARKS},
        "label": told["label"],
        "note": told["note"],
    }


def _checked(changes: dict[str, Any]) -> dict[str, Any]:
    """Return changes as they may be written, or refuse what is none."""
    made = {}
    for name, value in changes.items():
        if name in (*MARKS, "good"):
            if not isinstance(value, bool):
                raise GalcatError(f"{name} is true or false, not {str(value)[:40]!r}")
            made[name] = value
        elif name in ("label", "note"):
            longest = LONGEST_LABEL if name == "label" else LONGEST_NOTE
            if value is not None and not (isinstance(value, str) and len(value) <= longest):
                raise GalcatError(f"a {name} is a text of up to {longest} letters")
            text = " ".join(value.split()) if value else ""
            if not text.isprintable():
                raise GalcatError(f"a {name} is made of letters, digits and signs that can be seen")
            made[name] = text or None
        else:
            legal = (*MARKS, "good", "label", "note")
            raise GalcatError(
                f"'{str(name)[:40]}' cannot be said of a pair; legal are {listed(legal)}"
            )
    return made


def _as_text(column: pd.Series) -> pd.Series:
    return column.astype(str)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
