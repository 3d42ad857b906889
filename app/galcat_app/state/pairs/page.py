"""The state of the Pairs page: how the list is narrowed and sorted, which pair is looked at, what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import traitlets

from galcat_app.state import exports, palettes
from galcat_app.state.finding import Finder, angle_text
from galcat_app.state.folder import Notice
from galcat_app.state.following import Following
from galcat_app.state.pairs.columns import NUMBER, REVIEW, TEXT, YES, Column, Columns
from galcat_app.state.pairs.listing import SEPARATION
from galcat_app.state.pairs.matches import SIDES, Matches, open_matches, signature
from galcat_app.state.pairs.pictures import PairPictures
from galcat_app.state.pairs.review import FILE, Reviews
from galcat_app.state.pairs.saying import Saying
from galcat_app.state.pairs.sky import Sky, sky_map
from galcat_core.errors import GalcatError
from galcat_core.records import Pairs

BINS = 48
SHOWN_FIRST = (SEPARATION, "label", "ambiguous")
NOTHING = {
    "listed": "the list is empty; take a filter away, then export",
    "selected": "no pair is selected; select pairs of the list, then export",
}
MAGNITUDES = ("modelMag_r", "petroMag_r", "MAG_AUTO_R", "r")


class PairsState(Saying, Following):
    """Everything the Pairs page shows; the views observe it and call its methods.

    Parameters
    ----------
    path : str or Path
        The project folder.

    Attributes
    ----------
    histogram_of : str
        A column of numbers; the sky is coloured by it.

    See Also
    --------
    PairsList, SelectedPairs, Saying : the list, what is selected of it, and what is said of that.
    """

    histogram_of = traitlets.Unicode(SEPARATION)

    # ---- the project ------------------------------------------------------------------------

    def signature(self) -> tuple:
        return signature(self.path)

    def read(self) -> Matches | Notice:
        return open_matches(self.path)

    def refresh(self) -> bool:
        """Read the folder again if its files changed, else what other pages said of the pairs."""
        changed = super().refresh()
        if not changed:
            self.reread_review()
        return changed

    def show_nothing(self) -> None:
        self.focus = -1

    def show(self, project: Matches) -> None:
        self.reviews = Reviews(project)
        self.pictures = PairPictures(project)
        self.known = Columns(project, self._review_columns(project))
        self.positions = {side: self.known.position(side) for side in SIDES}
        self.sky = self._sky()
        self._finder: Finder | None = None
        self.histogram_of = SEPARATION
        self._start(project)
        self.columns = self.columns or self._first()

    def _review_columns(self, project: Matches) -> dict[str, tuple[Column, Any]]:
        names = project.names
        told = {
            "reviewed": ("Reviewed", YES),
            "flagged": ("Flagged", YES),
            "bad_match": ("Bad match", YES),
            "bad_left_image": (f"Bad {names['left']} image", YES),
            "bad_right_image": (f"Bad {names['right']} image", YES),
            "label": ("New label", TEXT),
            "note": ("Note", TEXT),
        }
        return {
            f"review.{key}": (
                Column(f"review.{key}", name, REVIEW, kind),
                lambda key=key: self.reviews.over_all(key),
            )
            for key, (name, kind) in told.items()
        }

    def _first(self) -> tuple[str, ...]:
        """Return the columns that the table has before any are chosen."""
        found = [key for key in SHOWN_FIRST if key in self.known.all]
        for side in SIDES:
            told = self.known.told(side)
            if told is not None:
                found.append(f"{side}.predictions.{told.name}.p_{told.meta['positive']}")
            names = [f"{side}.catalog.catalogue.{name}" for name in MAGNITUDES]
            found += [name for name in names if name in self.known.all][:1]
        return (*found, "review.flagged")

    def _sky(self) -> Sky:
        left, right = (self.positions[side] for side in SIDES)
        places = np.where(np.isfinite(left), left, right)
        return sky_map(places[:, 0], places[:, 1])

    @property
    def counts(self) -> list[tuple[str, str]]:
        """What the project holds, for the header: ("1,500", "pairs"), ..."""
        if self.project is None:
            return []
        said = self.reviews.counts
        found = [(self.size, "pair" if self.size == 1 else "pairs")]
        found += [(self.pictures.count(), "with pictures")]
        found += [(said["reviewed"], "reviewed"), (said["flagged"], "flagged")]
        return [(f"{number:,}", name) for number, name in found]

    @property
    def remarks(self) -> list[str]:
        """What is missing or broken beside the pairs."""
        found = [*self.project.remarks]
        if self.reviews.problem:
            found.append(self.reviews.problem)
        if self.reviews.gone:
            found.append(
                f"{self.reviews.gone:,} reviewed pairs are not among the pairs any more; {FILE} keeps them."
            )
        return found

    # ---- the histogram ----------------------------------------------------------------------

    def choose_histogram(self, key: Any) -> None:
        """Show another column's histogram."""
        if self.known[key].kind != NUMBER:
            raise GalcatError(f"{self.known[key].name} holds no numbers to count")
        self.histogram_of = key

    def histogram(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return edges (B + 1,), counts of all pairs and of those in the list, (B,) each."""
        values = self.known.numbers(self.histogram_of)
        known = np.isfinite(values)
        if not known.any():
            return np.array([0.0, 1.0]), np.zeros(1, int), np.zeros(1, int)
        low, high = values[known].min(), values[known].max()
        if low >= 0 and low < 0.2 * high:
            low = 0.0  # separations and the like begin at nothing
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges = np.linspace(low, high, BINS + 1)
        every = np.histogram(values[known], edges)[0]
        return edges, every, np.histogram(values[known & self.kept], edges)[0]

    def examples(self) -> np.ndarray:
        """Return for each bar of the histogram the listed pair nearest to its middle, (B,); -1: none."""
        edges, every, _ = self.histogram()
        found = np.full(len(every), -1)
        values = self.known.numbers(self.histogram_of)
        rows = np.flatnonzero(self.kept & np.isfinite(values))
        bars = np.clip(np.searchsorted(edges, values[rows], "right") - 1, 0, len(every) - 1)
        away = np.abs(values[rows] - (edges[bars] + edges[bars + 1]) / 2)
        order = np.lexsort((away, bars))
        there, first = np.unique(bars[order], return_index=True)
        found[there] = rows[order[first]]
        return found

    def sky_codes(self) -> np.ndarray:
        """Return each pair's colour on the sky by the histogram's column, (N,), uint8."""
        values = self.known.numbers(self.histogram_of)
        codes = np.full(self.size, palettes.MISSING, np.uint8)
        known = np.isfinite(values)
        if known.any():
            low, high = np.percentile(values[known], [1, 99])
            scaled = np.clip((values[known] - low) / ((high - low) or 1), 0, 1)
            codes[known] = np.rint(scaled * (palettes.RAMP - 1))
        return codes

    # ---- search and exports -------------------------------------------------------------------

    @property
    def finder(self) -> Finder:
        """Looks pairs up by an id of either survey, or by coordinates; row % size is the pair."""
        if self._finder is None:
            ids = [self.project.table[f"{side}_id"].astype(str) for side in SIDES]
            places = np.concatenate([self.positions[side] for side in SIDES])
            table = pd.DataFrame(places, columns=["ra_deg", "dec_deg"])
            self._finder = Finder(table.assign(id=pd.concat(ids, ignore_index=True)))
        return self._finder

    def search(self, text: Any) -> list[str]:
        """Return ids of either survey that begin with `text`."""
        return [] if self.project is None else list(dict.fromkeys(self.finder.suggest(str(text))))

    def find(self, text: Any) -> None:
        """Look at the pair with this id, or at the one nearest to these coordinates.

        Raises
        ------
        GalcatError
            No galaxy has the id, several begin with it, or the coordinates are not on the sky.
        """
        if not self.size:
            return
        found = self.finder.find(str(text))
        self.look_at(found.row % self.size)
        if found.separation_arcsec is not None:
            self.remark = f"The nearest pair is {angle_text(found.separation_arcsec)} away"

    def export(self, what: Any, kind: Any, name: Any) -> Path:
        """Write into exports/ what was "reviewed" (all of it), or the pairs that are "listed" or "selected" now.

        Either is read again by galcat: the one by --review of match and split, the others by --pairs.
        """
        if what == "reviewed":
            self.reviews.fresh()
            record = self.reviews.record()
        elif what in ("listed", "selected"):
            rows = np.sort(self.listed_rows) if what == "listed" else self.selected
            if not len(rows):
                raise GalcatError(NOTHING[what])
            record = Pairs(self.project.table.iloc[rows], None, dict(self.project.pairs.meta))
        else:
            raise GalcatError(
                f"'{str(what)[:40]}' cannot be exported; legal are reviewed, listed and selected"
            )
        path = exports.write(record, self.path, kind, name)
        told, option = path.relative_to(self.path), {"reviewed": "--review"}.get(what, "--pairs")
        self.remark = f"{len(record):,} pairs written to {told}; galcat split {option} reads them"
        return path
