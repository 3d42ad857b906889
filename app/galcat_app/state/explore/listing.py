"""In which order the galaxies are gone through: the selection or all, sorted, page by page."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from galcat_core.errors import GalcatError, listed

ALIKE = "alike"
SORTS = {
    ALIKE: "Most alike",
    "surest": "Most probable",
    "other": "Least probable",
    "unsure": "Least certain",
    "catalogue": "Catalogue order",
    "id": "By id",
}
WITHOUT_PROBABILITY = ("catalogue", "id")


class Listing(traitlets.HasTraits):
    """The part of `ExploreState` that gallery and table show.

    Attributes
    ----------
    sort, page
        Order and page of the gallery.
    """

    sort = traitlets.Unicode("surest")
    page = traitlets.Int(0)
    page_size = traitlets.Int(24)

    def show_from_the_beginning(self) -> None:
        """Begin with a project: its first page, in the order chosen before where it has that."""
        self._order: tuple[Any, np.ndarray] | None = None
        self.page = 0
        if self.sort not in self.sorts:
            self.sort = next(iter(self.sorts))

    @property
    def sorts(self) -> dict[str, str]:
        """The orders that there are: key -> name."""
        known = SORTS if self.project.positive is not None else WITHOUT_PROBABILITY
        return {key: SORTS[key] for key in known if key != ALIKE or self.query is not None}

    @property
    def listed_rows(self) -> np.ndarray:
        """Rows that gallery and table go through: the selection, or all; sorted as chosen."""
        now = (self.project, self.selected, self.sort)
        if self._order is None or any(a is not b for a, b in zip(self._order[0], now, strict=True)):
            rows = self.selected if len(self.selected) else np.arange(self.size)
            self._order = now, rows[np.argsort(self._sort_values(rows), kind="stable")]
        return self._order[1]

    def _sort_values(self, rows: np.ndarray) -> np.ndarray:
        table, project = self.project.table, self.project
        if self.sort == ALIKE:
            ranks = np.full(self.size, self.size)
            ranks[self.query.rows] = np.arange(len(self.query.rows))
            return ranks[rows]
        if self.sort == "catalogue":
            return rows
        if self.sort == "id":
            return table["id"].to_numpy()[rows]
        p = table[f"p_{project.positive}"].to_numpy(float)[rows]
        return {"surest": -p, "other": p, "unsure": np.abs(p - 0.5)}[self.sort]

    def choose_sort(self, sort: str) -> None:
        """Sort gallery and table otherwise, and go to their first page."""
        if sort not in self.sorts:
            raise GalcatError(f"the gallery has no order '{sort}'; there are {listed(self.sorts)}")
        with self.hold_trait_notifications():
            self.page = 0
            self.sort = sort

    @property
    def pages(self) -> int:
        """How many pages the gallery has."""
        return max(1, -(-len(self.listed_rows) // self.page_size))

    def turn_to(self, page: Any) -> None:
        """Go to a page of the gallery, the nearest that there is."""
        if isinstance(page, bool) or not isinstance(page, int):
            raise GalcatError("a page is a whole number")
        self.page = min(max(page, 0), self.pages - 1)

    def page_rows(self) -> np.ndarray:
        """Return the rows on the current page, in order."""
        start = self.page * self.page_size
        return self.listed_rows[start : start + self.page_size]
