"""Both pictures of a pair at one angular scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galcat_app.state.jpegs import Jpegs, encoded
from galcat_app.state.pairs.matches import SIDES, Matches, rows_of
from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore


@dataclass(frozen=True)
class Shown:
    """One galaxy's picture beside its twin's.

    Attributes
    ----------
    data : bytes or None
        The image file; None where there is no picture.
    why : str
        Why there is none.
    width_arcsec : float or None
        None where it is not known.
    share : float
        The picture's width as a part of the frame, which is as wide as the wider of the two.
    """

    data: bytes | None
    why: str
    width_arcsec: float | None
    share: float


class PairPictures:
    """The pictures of a project's pairs; only what is asked for is ever read.

    Parameters
    ----------
    project : Matches
    """

    def __init__(self, project: Matches) -> None:
        self.project = project
        self._rows = {
            side: rows_of(store.table["id"], project.table[f"{side}_id"])
            for side, store in project.stores.items()
        }
        self._jpegs = Jpegs()
        self._reasons: dict[str, dict[str, str]] = {}

    def count(self) -> int:
        """How many pairs have both pictures."""
        if len(self._rows) < 2:
            return 0
        return int(np.all([rows >= 0 for rows in self._rows.values()], axis=0).sum())

    def of(self, row: int, whole: bool = False) -> tuple[dict[str, Shown], float | None]:
        """Return both sides' pictures and the width of their frames in arcsec (None: not known).

        Parameters
        ----------
        row : int
        whole : bool
            Every pixel as it is stored (PNG), not a JPEG.
        """
        widths = {side: self._width(side, row) for side in SIDES}
        known = [width for width in widths.values() if width]
        frame = max(known, default=None)
        return {side: self._shown(side, row, widths[side], frame, whole) for side in SIDES}, frame

    def _width(self, side: str, row: int) -> float | None:
        at = self._at(side, row)
        if at < 0 or "width_arcsec" not in self.project.stores[side].table:
            return None
        width = float(self.project.stores[side].table["width_arcsec"].iloc[at])
        return width if np.isfinite(width) and width > 0 else None

    def _at(self, side: str, row: int) -> int:
        return int(self._rows[side][row]) if side in self._rows else -1

    def _shown(
        self, side: str, row: int, width: float | None, frame: float | None, whole: bool
    ) -> Shown:
        at = self._at(side, row)
        if at < 0:
            return Shown(None, self._why_none(side, row), None, 1.0)
        store = self.project.stores[side]
        try:
            data = encoded(store, at, "PNG") if whole else self._jpegs.of(store, at)
        except GalcatError:
            return Shown(None, "its file is missing or damaged", width, 1.0)
        return Shown(data, "", width, width / frame if width and frame else 1.0)

    def _why_none(self, side: str, row: int) -> str:
        if side not in self.project.stores:
            return "no pictures in this project"
        if side not in self._reasons:
            self._reasons[side] = _reasons(self.project.stores[side])
        return self._reasons[side].get(str(self.project.ids(side)[row]), "not among the cutouts")


def _reasons(store: CutoutStore) -> dict[str, str]:
    """Return why ids have no picture in a store."""
    try:
        table = store.rejects
        return dict(zip(table["id"].astype(str), table["reason"].astype(str), strict=True))
    except (GalcatError, KeyError):
        return {}
