"""The state of the Explore page: which map, which colours, what is selected, which galaxy is looked at."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import traitlets

from galcat_app.state import selection
from galcat_app.state.explore import colours, sample
from galcat_app.state.explore.asking import Asking
from galcat_app.state.explore.keeping import Keeping
from galcat_app.state.explore.kept import Selections
from galcat_app.state.explore.labels import Labels
from galcat_app.state.explore.listing import Listing
from galcat_app.state.explore.pictures import Pictures
from galcat_app.state.explore.similar import Similar
from galcat_app.state.finding import Finder, angle_text
from galcat_app.state.folder import Notice, Project, open_project, signature
from galcat_app.state.following import Following
from galcat_core.errors import GalcatError, listed, nearest

NO_ROWS = np.empty(0, np.int64)


class ExploreState(Listing, Asking, Keeping, Following):
    """Everything the Explore page shows; the views observe it and call its methods.

    Parameters
    ----------
    path : str or Path
        The project folder.

    Attributes
    ----------
    project : Project or None
    method : str
        The map shown ("tsne").
    colour_by : str
        One of `colour_choices`.
    selected : ndarray, (n,), int64
        Selected catalogue rows, sorted; empty for none.
    focus : int
        The row whose card is shown; -1 for none.
    found : Found or None
        What was found last by search.
    sampled : str
        The class whose probabilities the threshold panel shows.
    """

    method = traitlets.Unicode("")
    colour_by = traitlets.Unicode("")
    selected = traitlets.Any(NO_ROWS)
    focus = traitlets.Int(-1)
    found = traitlets.Any(None, allow_none=True)
    sampled = traitlets.Unicode("")

    # ---- the project ------------------------------------------------------------------------

    def signature(self) -> tuple:
        return signature(self.path)

    def read(self) -> Project | Notice:
        return open_project(self.path)

    def show_nothing(self) -> None:
        self.selected, self.focus = NO_ROWS, -1

    def show(self, project: Project) -> None:
        self.project = project
        self.pictures, self.finder = Pictures(project), Finder(project.table)
        self.stop_upload()
        self.similar, self.selections = Similar(project), Selections(project)
        self.labels, self.kept = Labels(project), self.selections.listed()
        if self.labels.remark:
            remarks = (*project.remarks, self.labels.remark)
            self.project = dataclasses.replace(project, remarks=remarks)
        self._choices: dict[str, str] = {}
        self._columns: dict[str, np.ndarray] = {}
        self._positions: dict[str, np.ndarray] = {}
        self._colourings: dict[str, colours.Colouring] = {}
        self.selected, self.focus, self.query, self.found = NO_ROWS, -1, None, None
        if self.method not in project.methods:
            self.method = next(iter(project.methods))
        if self.colour_by not in self.colour_choices:
            self.colour_by = next(iter(self.colour_choices), "")
        known = sample.classes(project)
        if self.sampled not in known:
            self.sampled = known[0] if known else ""
        self.show_from_the_beginning()

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

    @property
    def colour_choices(self) -> dict[str, str]:
        """What the map can be coloured by: key -> name."""
        if not self._choices:
            self._choices = colours.choices(self.project, self.labels)
        return self._choices

    def colouring(self) -> colours.Colouring | None:
        """Return how the map is coloured now."""
        if not self.colour_by:
            return None
        if self.colour_by not in self._colourings:
            self.choose_colour(self.colour_by)
        return self._colourings[self.colour_by]

    def labels_changed(self) -> None:
        """Colour anew by what is known of the galaxies."""
        self._choices = {}
        self._colourings.pop(colours.KNOWN, None)
        if self.colour_by not in self.colour_choices:
            self.colour_by = next(iter(self.colour_choices), "")
        self.labelled += 1

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
        self._colourings[key] = colours.colouring(
            self.project, key, self.labels, self.colour_choices
        )
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

    def choose_sampled(self, name: str) -> None:
        """Show the probabilities of another class in the threshold panel."""
        sample.probability(self.project, name)
        self.sampled = name

    def pick_sample(self, name: str, step: object, above: object = True) -> None:
        """Select the galaxies at or above a threshold of a class, or those below it."""
        rows = sample.rows_above(self.project, name, step)
        if not above:
            p = sample.probability(self.project, name)
            rows = np.setdiff1d(np.flatnonzero(np.isfinite(p)), rows)
        self.select(rows)

    def clear(self) -> None:
        """Select nothing."""
        self._set_selected(NO_ROWS)

    def _set_selected(self, rows: np.ndarray) -> None:
        if not np.array_equal(rows, self.selected):
            with self.hold_trait_notifications():
                self.page = 0
                self.forget_query()
                self.selected = rows

    def checked(self, rows: Any) -> np.ndarray:
        """Return rows as int64, (n,), or refuse what are no rows of the catalogue."""
        return selection.checked_rows(rows, self.size)

    # ---- one galaxy -------------------------------------------------------------------------

    def look_at(self, row: Any) -> None:
        """Show a row's card; -1 closes it."""
        self.focus = -1 if row == -1 else int(self.checked([row])[0])

    def search(self, text: str) -> list[str]:
        """Return ids that begin with `text` (see `Finder.suggest`)."""
        return self.finder.suggest(text) if self.project is not None else []

    def find(self, text: str) -> None:
        """Show the card of the galaxy with this id, or of the one nearest to these coordinates."""
        if self.project is None:
            return
        found = self.finder.find(text)
        with self.hold_trait_notifications():
            self.found = found
            self.look_at(found.row)
        if found.separation_arcsec is not None:
            away = angle_text(found.separation_arcsec)
            self.remark = f"The nearest galaxy is {away} away: {self.value('id', found.row)}"
