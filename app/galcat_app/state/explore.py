"""The state of the Explore page: which map, which colours, what is selected, which galaxy is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import traitlets

from galcat_app.state import colours, exports, selection
from galcat_app.state.folder import Notice, Project, open_project, signature
from galcat_app.state.pictures import Pictures
from galcat_core.errors import GalcatError, listed, nearest

NO_ROWS = np.empty(0, np.int64)
SUGGESTED = 8
SORTS = {
    "surest": "Most probable",
    "other": "Least probable",
    "unsure": "Least certain",
    "catalogue": "Catalogue order",
    "id": "By id",
}


class ExploreState(traitlets.HasTraits):
    """Everything the Explore page shows; the views observe it and call its methods.

    Parameters
    ----------
    path : str or Path
        The project folder.

    Attributes
    ----------
    project : Project or None
    notice : Notice or None
        What stands in the page while there is no project to show.
    method : str
        The map shown ("tsne").
    colour_by : str
        One of `colour_choices`.
    selected : ndarray, (n,), int64
        Selected catalogue rows, sorted; empty for none.
    focus : int
        The row whose card is shown; -1 for none.
    sort, page
        Order and page of the gallery.
    remark : str
        The last thing to tell the user; "" for nothing.
    """

    project = traitlets.Any(None, allow_none=True)
    notice = traitlets.Any(None, allow_none=True)
    method = traitlets.Unicode("")
    colour_by = traitlets.Unicode("")
    selected = traitlets.Any(NO_ROWS)
    focus = traitlets.Int(-1)
    sort = traitlets.Unicode("surest")
    page = traitlets.Int(0)
    remark = traitlets.Unicode("")
    page_size = traitlets.Int(24)

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
        self._seen: tuple | None = None
        self.refresh()

    # ---- the project ------------------------------------------------------------------------

    def stale(self) -> bool:
        """Tell whether the files changed since they were read."""
        return signature(self.path) != self._seen

    def refresh(self) -> bool:
        """Read the project folder again if its files changed; return whether they had."""
        if not self.stale():
            return False
        self._seen = signature(self.path)
        found = open_project(self.path)
        with self.hold_trait_notifications():
            if isinstance(found, Notice):
                self.project, self.notice = None, found
                self.selected, self.focus = NO_ROWS, -1
            else:
                self._show(found)
        return True

    def _show(self, project: Project) -> None:
        self.pictures = Pictures(project)
        self.colour_choices = colours.choices(project)
        self._names: pd.Series | None = None
        self._columns: dict[str, np.ndarray] = {}
        self._positions: dict[str, np.ndarray] = {}
        self._colourings: dict[str, colours.Colouring] = {}
        self._order: tuple[Any, np.ndarray] | None = None
        self.selected, self.focus, self.page = NO_ROWS, -1, 0
        if self.method not in project.methods:
            self.method = next(iter(project.methods))
        if self.colour_by not in self.colour_choices:
            self.colour_by = next(iter(self.colour_choices), "")
        self.sorts = dict(SORTS) if project.positive is not None else _without_probability()
        if self.sort not in self.sorts:
            self.sort = next(iter(self.sorts))
        self.notice, self.project = None, project

    @property
    def size(self) -> int:
        """Number of galaxies."""
        return len(self.project.table) if self.project is not None else 0

    @property
    def counts(self) -> list[tuple[str, str]]:
        """What the project holds, for the header: ("6,214", "galaxies"), ..."""
        if self.project is None:
            return []
        found = [(self.size, "galaxies"), (self.pictures.count, "with pictures")]
        if "predicted" in self.project.table.columns and len(self.project.classes) == 2:
            predicted = self.project.table["predicted"]
            found += [(int((predicted == name).sum()), name) for name in self.project.classes]
        return [(f"{number:,}", name) for number, name in found]

    # ---- the map ----------------------------------------------------------------------------

    def value(self, column: str, row: int) -> Any:
        """Return one cell of the catalogue."""
        if column not in self._columns:
            self._columns[column] = self.project.table[column].to_numpy()
        return self._columns[column][row]

    @property
    def positions(self) -> np.ndarray:
        """Places on the current map, (N, 2) (x, y), float64, scaled into the unit square; NaN: none."""
        if self.method not in self._positions:
            self._positions[self.method] = self._scaled()
        return self._positions[self.method]

    def _scaled(self) -> np.ndarray:
        table = self.project.table
        raw = np.stack([table[f"{self.method}_{axis}"].to_numpy(float) for axis in "xy"], axis=1)
        raw[~np.isfinite(raw).all(axis=1)] = np.nan
        low, high = np.nanmin(raw, axis=0), np.nanmax(raw, axis=0)
        width = (high - low).max() or 1.0
        return (raw - (low + high) / 2) / width + 0.5

    def colouring(self) -> colours.Colouring | None:
        """Return how the map is coloured now."""
        if self.colour_by and self.colour_by not in self._colourings:
            self._colourings[self.colour_by] = colours.colouring(self.project, self.colour_by)
        return self._colourings.get(self.colour_by)

    def choose_method(self, method: str) -> None:
        """Switch to another map."""
        if method not in self.project.methods:
            raise GalcatError(
                f"there is no map '{method}'; there are {listed(self.project.methods)}."
                f"{nearest(method, self.project.methods)}"
            )
        self.method = method

    def choose_colour(self, key: str) -> None:
        """Colour the map by another column."""
        self._colourings[key] = colours.colouring(self.project, key)
        self.colour_by = key

    # ---- the selection ----------------------------------------------------------------------

    def draw(self, shape: str, points: Any, mode: str = "replace") -> None:
        """Select what lies inside a box or a lasso (see `galcat_app.state.selection`)."""
        self.select(selection.rows_inside(self.positions, shape, points), mode)

    def select(self, rows: Any, mode: str = "replace") -> None:
        """Select rows, add them, or take them away."""
        self._set_selected(selection.combine(self.selected, self.checked(rows), mode))

    def pick(self, code: int, mode: str = "replace") -> None:
        """Select all galaxies of one entry of the legend."""
        shown = self.colouring()
        self.select(np.flatnonzero(shown.codes == code) if shown else NO_ROWS, mode)

    def clear(self) -> None:
        """Select nothing."""
        self._set_selected(NO_ROWS)

    def _set_selected(self, rows: np.ndarray) -> None:
        if not np.array_equal(rows, self.selected):
            with self.hold_trait_notifications():
                self.page = 0
                self.selected = rows

    def checked(self, rows: Any) -> np.ndarray:
        """Return rows as int64, (n,), or refuse what are no rows of the catalogue."""
        try:
            rows = np.asarray(rows, np.float64)
        except (TypeError, ValueError) as error:
            raise GalcatError("rows are whole numbers") from error
        if rows.ndim != 1 or not ((rows >= 0) & (rows < self.size) & (rows % 1 == 0)).all():
            raise GalcatError(f"rows are whole numbers from 0 to {self.size - 1}")
        return rows.astype(np.int64)

    # ---- the gallery ------------------------------------------------------------------------

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

    # ---- one galaxy -------------------------------------------------------------------------

    def look_at(self, row: Any) -> None:
        """Show a row's card; -1 closes it."""
        self.focus = -1 if row == -1 else int(self.checked([row])[0])

    def search(self, text: str) -> list[str]:
        """Return ids that begin with `text` (an exact one first), at most `SUGGESTED`."""
        text = str(text).strip()[:64]
        if not text or self.project is None:
            return []
        names = self._id_names()
        found = names[names.str.startswith(text)]
        return sorted(found.head(1000), key=lambda name: (len(name), name))[:SUGGESTED]

    def find(self, text: str) -> None:
        """Show the card of the galaxy with this id.

        Raises
        ------
        GalcatError
            No galaxy has the id, or several begin with it.
        """
        text = str(text).strip()[:64]
        names = self._id_names()
        exact = np.flatnonzero((names == text).to_numpy())
        close = self.search(text)
        if len(exact):
            self.look_at(int(exact[0]))
        elif len(close) == 1:
            self.look_at(int(np.flatnonzero((names == close[0]).to_numpy())[0]))
        elif close:
            raise GalcatError(f"several ids begin with {text}: choose one of {listed(close)}")
        else:
            raise GalcatError(f"no galaxy here has the id {text or '(nothing was typed)'}")

    def _id_names(self) -> pd.Series:
        if self._names is None:
            self._names = self.project.table["id"].astype(str)
        return self._names

    # ---- exports ----------------------------------------------------------------------------

    def export(self, kind: str, name: str = "selection") -> Path:
        """Write the selection into exports/ (see `galcat_app.state.exports.export`)."""
        path = exports.export(self.project, self.selected, kind, name)
        told = path.relative_to(self.project.path)
        self.remark = f"{len(self.selected):,} galaxies written to {told}"
        return path


def _without_probability() -> dict[str, str]:
    return {key: SORTS[key] for key in ("catalogue", "id")}
