"""Which pairs of the list are selected, so that one thing can be said of all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from galcat_app.state.pairs.listing import NO_ROWS, PairsList
from galcat_app.state.pairs.matches import Matches
from galcat_core.errors import GalcatError, listed

HOW = ("alone", "toggle", "tick", "range", "add range")


class SelectedPairs(PairsList):
    """The list with a selection, as file managers have it.

    A selected pair is always in the list: what a filter takes out of the list is no longer selected.

    Attributes
    ----------
    selected : ndarray, (n,), int64
        Selected pairs, sorted; empty for none. Pages and another order leave them as they are.
    """

    selected = traitlets.Any(NO_ROWS)

    def _start(self, project: Matches) -> None:
        self._anchor = -1  # where a range begins: the pair that was chosen last; -1 for none yet
        self._choose(NO_ROWS)
        super()._start(project)

    def select(self, row: Any, how: Any = "alone") -> None:
        """Look at a pair, and select it as a click does.

        Parameters
        ----------
        row : int
        how : {"alone", "toggle", "tick", "range", "add range"}
            A click drops the selection, but for one on a selected pair; with Ctrl it adds the pair or
            takes it away, beginning with the pair clicked before; a tick does so with this pair alone;
            with Shift it selects all from the pair chosen last, with Ctrl and Shift those as well.
        """
        if how not in HOW:
            raise GalcatError(f"a pair is not selected '{str(how)[:40]}'; legal are {listed(HOW)}")
        row = self.checked_row(row)
        if how != "alone" and not self.kept[row]:
            raise GalcatError("that pair is no longer in the list")
        with self.hold_trait_notifications():
            if how == "alone":
                self._choose(self.selected if row in self.selected else NO_ROWS)
            elif how in ("toggle", "tick"):
                first = self._chosen_before() if how == "toggle" else NO_ROWS
                self._choose(np.setxor1d(np.union1d(self.selected, first), row))
            else:
                old = self.selected if how == "add range" else NO_ROWS
                self._choose(np.union1d(old, self._range(row)))
            if "range" not in how:
                self._anchor = row
            self.look_at(row)

    def tick(self) -> None:
        """Select the pair that is looked at, or no longer; nothing where none is looked at."""
        if self.focus >= 0:
            self.select(self.focus, "tick")

    def _chosen_before(self) -> np.ndarray:
        """Return the pair that a click chose before the first one with Ctrl."""
        clicked = self._anchor >= 0 and self._anchor == self.focus and self.kept[self._anchor]
        return np.array([self._anchor]) if clicked and not len(self.selected) else NO_ROWS

    def _range(self, row: int) -> np.ndarray:
        """Return the pairs of the list from the one chosen last to this one, both included."""
        if self._anchor < 0 or not self.kept[self._anchor]:
            self._anchor = self.focus if self.focus >= 0 and self.kept[self.focus] else row
        ends = np.flatnonzero(np.isin(self.listed_rows, [self._anchor, row]))
        return self.listed_rows[ends.min() : ends.max() + 1]

    def select_all(self) -> None:
        """Select all pairs of the list, on all its pages."""
        self._choose(np.sort(self.listed_rows))

    def select_none(self) -> None:
        """Select no pair."""
        self._choose(NO_ROWS)

    def extend(self, by: Any) -> None:
        """Look at the pair so many places further, and select all from the pair chosen last to it."""
        with self.hold_trait_notifications():
            if self._anchor < 0:
                self._anchor = self.focus
            super().step(by)
            if self.focus >= 0:
                self.select(self.focus, "range")

    def step(self, by: Any, keep: Any = False) -> None:
        """Look at the pair so many places further; the selection is dropped unless it is to be kept."""
        with self.hold_trait_notifications():
            super().step(by)
            if keep is not True:
                self._choose(NO_ROWS)
                self._anchor = self.focus

    def _relist(self, **changes: Any) -> None:
        with self.hold_trait_notifications():
            super()._relist(**changes)
            self._forget_hidden()

    def _forget_hidden(self) -> None:
        """Select no pair that is not in the list."""
        self._choose(self.selected[self.kept[self.selected]])
        if self._anchor >= 0 and not self.kept[self._anchor]:
            self._anchor = -1

    def _choose(self, rows: np.ndarray) -> None:
        if not np.array_equal(rows, self.selected):
            self.selected = rows.astype(np.int64)
