"""The list of pairs: narrowed by columns and by what is drawn on the sky, sorted, gone through page by page."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from galcat_app.state import selection
from galcat_app.state.pairs.columns import Column, Columns
from galcat_app.state.pairs.filters import MOST_FILTERS, checked, combined
from galcat_app.state.pairs.matches import Matches
from galcat_app.state.pairs.sky import Sky
from galcat_core.errors import GalcatError

NO_ROWS = np.empty(0, np.int64)
SEPARATION = "separation_arcsec"
MOST_COLUMNS = 30


class PairsList(traitlets.HasTraits):
    """Which pairs are listed in which order, and which of them is looked at.

    Attributes
    ----------
    project : Matches or None
    filters : tuple of Filter
        What the list is narrowed down by, one for a column.
    drawn : ndarray or None
        Pairs inside what was drawn on the sky, sorted, (n,), int64; None: nothing is drawn.
    sort, descending
        The column that the list is sorted by (pairs without a value last), and which way.
    page : int
    focus : int
        The pair that is looked at; -1 for none.
    columns : tuple of str
        Columns of the table.
    reviewed : int
        Grows with each change of the review.
    known : Columns
    sky : Sky
    """

    project = traitlets.Any(None, allow_none=True)
    filters = traitlets.Tuple()
    drawn = traitlets.Any(None, allow_none=True)
    sort = traitlets.Unicode(SEPARATION)
    descending = traitlets.Bool(False)
    page = traitlets.Int(0)
    focus = traitlets.Int(-1)
    columns = traitlets.Tuple()
    reviewed = traitlets.Int(0)
    page_size = traitlets.Int(24)

    known: Columns
    sky: Sky

    def _start(self, project: Matches) -> None:
        """Begin with another project's pairs, all of them."""
        self._listed: tuple[Any, np.ndarray] | None = None
        self._kept: tuple[Any, np.ndarray] | None = None
        self._place = 0
        self.filters, self.drawn, self.page, self.focus = (), None, 0, -1
        if self.sort not in self.known.all:
            self.sort, self.descending = SEPARATION, False
        self.columns = tuple(key for key in self.columns if key in self.known.all)
        self.project = project
        if self.size:
            self.focus = int(self.listed_rows[0])

    @property
    def size(self) -> int:
        """Number of pairs."""
        return len(self.project.table) if self.project is not None else 0

    @property
    def kept(self) -> np.ndarray:
        """Which pairs are in the list, (N,), bool."""
        now = (self.project, self.filters, self._drawn_key(), self._review_key())
        if self._kept is None or self._kept[0] != now:
            mask = combined(self.filters, self.known, self.size)
            if self.drawn is not None:
                inside = np.zeros(self.size, bool)
                inside[self.drawn] = True
                mask &= inside
            self._kept = now, mask
        return self._kept[1]

    @property
    def listed_rows(self) -> np.ndarray:
        """Pairs of the list in its order, (n,), int64; those without a value to sort by come last."""
        now = (self.project, self.filters, self._drawn_key(), self._review_key())
        now = (*now, self.sort, self.descending)
        if self._listed is None or self._listed[0] != now:
            rows = np.flatnonzero(self.kept if self.project is not None else NO_ROWS)
            by = self.known.order(self.sort)[rows]
            missing = np.ma.getmaskarray(by)
            known, values = rows[~missing], np.ma.getdata(by)[~missing]
            if self.descending:  # equal ones stay in the order of the file
                order = len(values) - 1 - np.argsort(values[::-1], kind="stable")[::-1]
            else:
                order = np.argsort(values, kind="stable")
            self._listed = now, np.concatenate([known[order], rows[missing]])
        return self._listed[1]

    def _drawn_key(self) -> bytes | None:
        return None if self.drawn is None else self.drawn.tobytes()

    def _review_key(self) -> int:
        """The review counts only where the list depends on it."""
        keys = (self.sort, *(one.key for one in self.filters))
        return self.reviewed if any(key.startswith("review.") for key in keys) else 0

    def narrow(self, message: dict[str, Any]) -> None:
        """Set one column's condition (see `galcat_app.state.pairs.filters.checked`)."""
        one = checked(message, self.known)
        others = [other for other in self.filters if other.key != one.key]
        if len(others) >= MOST_FILTERS:
            raise GalcatError(f"{MOST_FILTERS} filters are set already; take one away first")
        self._relist(filters=(*others, one))

    def widen(self, key: Any) -> None:
        """Take one column's condition away."""
        self._relist(filters=tuple(one for one in self.filters if one.key != key))

    def clear(self) -> None:
        """List all pairs."""
        self._relist(filters=(), drawn=None)

    def draw(self, shape: Any, points: Any, mode: Any = "replace") -> None:
        """List only what lies inside a box or a lasso on the sky (see `galcat_app.state.selection`)."""
        rows = selection.rows_inside(self.sky.places, shape, points)
        old = NO_ROWS if self.drawn is None else self.drawn
        if mode == "remove" and self.drawn is None:
            old = np.arange(self.size)
        if not isinstance(mode, str):
            raise GalcatError("how to select is a word")
        self._relist(drawn=selection.combine(old, rows, mode))

    def wipe(self) -> None:
        """Forget what was drawn on the sky."""
        self._relist(drawn=None)

    def choose_sort(self, key: Any, descending: Any = False) -> None:
        """Sort the list otherwise."""
        if not isinstance(descending, bool):
            raise GalcatError("descending is true or false")
        self._relist(sort=self.known[key].key, descending=descending)

    def _relist(self, **changes: Any) -> None:
        """Change the list, and look at its first pair."""
        with self.hold_trait_notifications():
            for name, value in changes.items():
                setattr(self, name, value)
            rows = self.listed_rows
            self.page = self._place = 0
            self.focus = int(rows[0]) if len(rows) else -1

    def choose_columns(self, keys: Any) -> None:
        """Show other columns in the table."""
        if not isinstance(keys, list) or not 0 < len(keys) <= MOST_COLUMNS:
            raise GalcatError(f"the table shows from 1 to {MOST_COLUMNS} columns")
        self.columns = tuple(dict.fromkeys(self.known[key].key for key in keys))

    @property
    def table_columns(self) -> list[Column]:
        """Columns of the table: those chosen, and those that the list is sorted or narrowed by."""
        keys = (*self.columns, self.sort, *(one.key for one in self.filters))
        return [self.known[key] for key in dict.fromkeys(keys)]

    # ---- paging -----------------------------------------------------------------------------

    @property
    def pages(self) -> int:
        """How many pages the list has."""
        return max(1, -(-len(self.listed_rows) // self.page_size))

    def page_rows(self) -> np.ndarray:
        """Return the pairs on the current page, in order."""
        start = self.page * self.page_size
        return self.listed_rows[start : start + self.page_size]

    def turn_to(self, page: Any) -> None:
        """Go to a page, the nearest that there is, and look at its first pair."""
        with self.hold_trait_notifications():
            self.page = min(max(_whole(page, "a page"), 0), self.pages - 1)
            rows = self.page_rows()
            self._place = self.page * self.page_size
            self.focus = int(rows[0]) if len(rows) else -1

    def step(self, by: Any) -> None:
        """Look at the pair so many places further in the list; the page follows."""
        rows, by = self.listed_rows, _whole(by, "a step")
        if not len(rows):
            return
        at = self.place
        if at is None:  # it has just left the list: its place is that of the next one
            at, by = self._place, by - (by > 0)
        self._look_at_place(int(np.clip(at + by, 0, len(rows) - 1)))

    @property
    def place(self) -> int | None:
        """Where in the list the pair is that is looked at; None where it is not in it."""
        found = np.flatnonzero(self.listed_rows == self.focus)
        return int(found[0]) if len(found) else None

    def _look_at_place(self, at: int) -> None:
        with self.hold_trait_notifications():
            self._place = at
            self.focus = int(self.listed_rows[at])
            self.page = at // self.page_size

    def look_at(self, row: Any) -> None:
        """Look at a pair; where it is in the list, the list shows its page."""
        row = self.checked_row(row)
        self.focus = row
        at = self.place
        if at is not None:
            self._look_at_place(at)

    def checked_row(self, row: Any) -> int:
        row = _whole(row, "a row")
        if not 0 <= row < self.size:
            raise GalcatError(f"rows are whole numbers from 0 to {self.size - 1}")
        return row


def _whole(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**53:
        raise GalcatError(f"{what} is a whole number")
    return value
