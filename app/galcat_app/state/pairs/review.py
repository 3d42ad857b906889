"""What is said of pairs by eye: kept in review.parquet of the project at every click, by any number of pages.

Each change holds the project's folder for a moment, reads what is there now, changes its rows, and
writes the file whole: nothing is lost by a kernel that dies or by a second page. What other pages wrote
is read with `fresh`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from galcat_app.state.pairs.changes import MARKS, SAID, Change, changed, checked, none, same
from galcat_app.state.pairs.matches import SIDES, Matches, rows_of
from galcat_core.errors import GalcatError
from galcat_core.files import in_turn
from galcat_core.records import Review

FILE = "review.parquet"
COLUMNS = ["left_survey", "left_id", "right_survey", "right_id", *SAID]


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

    def change(self, rows: np.ndarray, changes: dict[str, Any]) -> Change:
        """Write what is said of pairs, the same of all; what nothing is said of any more is forgotten.

        Parameters
        ----------
        rows : ndarray, (n,), int64
        changes : dict
            Marks (bool), `label`, `note` (text or None); "good" (bool): looked at, and all is well;
            "clear" (True): all that was said is forgotten.

        Returns
        -------
        Change
            Of those pairs alone of which something else was said before.

        Raises
        ------
        GalcatError
            A change is not legal, or the file cannot be read or written: then nothing is changed.
        """
        changes = checked(changes)
        with in_turn(self.project.path):
            table = self._read()
            before = self._told(table, rows)
            after = changed(before, changes)
            other = ~same(before, after) | (after["reviewed_at"].isna() != none(before))
            change = Change(
                rows[other], *(t[other].reset_index(drop=True) for t in (before, after))
            )
            if len(change.rows):
                self._put(table, change.rows, change.after)
        return change

    def repeat(self, change: Change) -> int:
        """Make a change once more, but for pairs of which something else is said now; return of how many."""
        with in_turn(self.project.path):
            table = self._read()
            now = self._told(table, change.rows)
            still = same(now, change.before) & (none(now) == none(change.before))
            if still.any():
                self._put(table, change.rows[still], change.after[still])
        return int(still.sum())

    def _told(self, table: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
        """Return what a table says of each pair, (n,): `SAID`; all false and None where nothing."""
        at = np.full(len(self.project.table), len(table))
        places = self._rows(table)
        at[places[places >= 0]] = np.flatnonzero(places >= 0)
        told = {}
        for name in SAID:
            nothing = False if name in MARKS else None
            told[name] = np.append(table[name].to_numpy(object), nothing)[at[rows]]
        return pd.DataFrame(told).astype(dict.fromkeys(MARKS, bool))

    def _put(self, table: pd.DataFrame, rows: np.ndarray, told: pd.DataFrame) -> None:
        """Write what is told of pairs into the file, instead of what stood there."""
        kept = table[~np.isin(self._rows(table), rows)]
        new = self._names(rows).assign(**{name: told[name].to_numpy() for name in SAID})
        new = new[told["reviewed_at"].notna().to_numpy()]
        parts = [part[COLUMNS] for part in (kept, new) if len(part)]
        made = pd.concat(parts, ignore_index=True) if parts else _empty()
        made = made.sort_values(["reviewed_at", "left_id"], key=_as_text, ignore_index=True)
        self._write(made)
        self._seen, self.problem = self._signature(), ""
        self._show(made)

    def _names(self, rows: np.ndarray) -> pd.DataFrame:
        named = {f"{side}_id": self.project.ids(side)[rows] for side in SIDES}
        named |= {f"{side}_survey": self.project.surveys[side] for side in SIDES}
        return pd.DataFrame(named)

    def _write(self, table: pd.DataFrame) -> None:
        try:
            Review(table).save(self.path)
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


def _as_text(column: pd.Series) -> pd.Series:
    return column.astype(str)
