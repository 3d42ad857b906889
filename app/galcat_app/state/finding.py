"""Find a galaxy: an id, or coordinates in degrees or sexagesimal -> its row, and how far away it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from galcat_core.catalogs.read import degrees
from galcat_core.catalogs.sphere import separation_arcsec
from galcat_core.errors import GalcatError, listed

MOST_TYPED = 64
SUGGESTED = 8
_NUMBER = r"[+-]?\d+(?:\.\d*)?"
_TWO = re.compile(rf"({_NUMBER})\s*(?:,|\s|(?=[+-]))\s*({_NUMBER})")
# J100024.5+021206 and 100024.5+021206, as objects are named after their places
_NAMED = re.compile(
    r"J?(\d\d)(\d\d)(\d\d(?:\.\d*)?)([+-]\d\d)(\d\d)(\d\d(?:\.\d*)?)", re.IGNORECASE
)
_SIX = re.compile(r"(\d+ \d+ [\d.]+),? ([+-]?\d+ \d+ [\d.]+)")
_SIXTIETHS = re.compile(r"([\dhm:. ]+s?)[,\s]+([+-]?[\ddm:°'′\". ]+[s\"″]?)")


@dataclass(frozen=True)
class Found:
    """A galaxy that was asked for.

    Attributes
    ----------
    row : int
    separation_arcsec : float or None
        Its distance from the place that was typed; None where its id was.
    """

    row: int
    separation_arcsec: float | None = None


class Finder:
    """Looks galaxies up in a catalogue.

    Parameters
    ----------
    table : pandas.DataFrame
        `id`; `ra_deg` and `dec_deg` where there are positions.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table
        self._names: pd.Series | None = None

    @property
    def names(self) -> pd.Series:
        """The ids as text, (N,)."""
        if self._names is None:
            self._names = self._table["id"].astype(str)
        return self._names

    def suggest(self, text: str) -> list[str]:
        """Return ids that begin with `text` (an exact one first), at most `SUGGESTED`."""
        text = str(text).strip()[:MOST_TYPED]
        if not text:
            return []
        found = self.names[self.names.str.startswith(text)]
        return sorted(found.head(1000), key=lambda name: (len(name), name))[:SUGGESTED]

    def find(self, text: str) -> Found:
        """Return the galaxy with this id, or the one nearest to these coordinates.

        Raises
        ------
        GalcatError
            No galaxy has the id, several begin with it, or the coordinates are not on the sky.
        """
        text = str(text).strip()[:MOST_TYPED]
        exact = np.flatnonzero((self.names == text).to_numpy())
        if len(exact):
            return Found(int(exact[0]))
        place = place_of(text)
        if place is not None:
            return self.nearest(*place)
        close = self.suggest(text)
        if len(close) == 1:
            return Found(int(np.flatnonzero((self.names == close[0]).to_numpy())[0]))
        if close:
            raise GalcatError(f"several ids begin with {text}: choose one of {listed(close)}")
        raise GalcatError(
            f"no galaxy here has the id {text or '(nothing was typed)'}; type an id, or coordinates "
            "such as 35.2 -4.5 or 02:20:48 -04:30:00"
        )

    def nearest(self, ra_deg: float, dec_deg: float) -> Found:
        """Return the galaxy nearest to a place on the sky."""
        if not {"ra_deg", "dec_deg"} <= set(self._table.columns):
            raise GalcatError("this catalogue has no positions (ra_deg, dec_deg); search by id")
        ra, dec = (self._table[c].to_numpy(float) for c in ("ra_deg", "dec_deg"))
        away = separation_arcsec(ra_deg, dec_deg, ra, dec)
        if not np.isfinite(away).any():
            raise GalcatError("no galaxy of this catalogue has a position; search by id")
        row = int(np.nanargmin(away))
        return Found(row, float(away[row]))


def place_of(text: str) -> tuple[float, float] | None:
    """Return right ascension and declination in degrees, or None where the text is no coordinates.

    Two numbers are degrees ("35.2 -4.5", "35.2,-4.5"). Sexagesimal right ascension is in hours
    ("02:20:48 -04:30:00", "2h20m48s -4d30m0s", "02 20 48 -04 30 00", "J022048-043000").

    Raises
    ------
    GalcatError
        They are coordinates, but not on the sky.
    """
    text = text.replace("−", "-").strip()
    parts = _parts(text)
    if parts is None:
        return None
    angles = [degrees(pd.Series([part]), "", n == 0)[0][0] for n, part in enumerate(parts)]
    if not np.isfinite(angles).all():
        return None
    ra, dec = (float(angle) for angle in angles)
    if not (0 <= ra <= 360 and -90 <= dec <= 90):
        raise GalcatError(
            f"{text} is not on the sky: right ascension is from 0 to 360 degrees (0 to 24 hours), "
            "declination from -90 to 90"
        )
    return ra % 360.0, dec


def _parts(text: str) -> tuple[str, str] | None:
    if named := _NAMED.fullmatch(text):
        return ":".join(named.groups()[:3]), ":".join(named.groups()[3:])
    for pattern in (_TWO, _SIX, _SIXTIETHS):
        if found := pattern.fullmatch(text):
            return found[1].strip(), found[2].strip()
    return None


def angle_text(arcsec: float) -> str:
    """Return an angle in the unit that reads best: 2.31″, 4.2′, 1.52°."""
    if arcsec < 60:
        return f"{arcsec:.2f}″"
    return f"{arcsec / 60:.1f}′" if arcsec < 3600 else f"{arcsec / 3600:.2f}°"
