"""The columns that pairs are listed, sorted and filtered by: separations, and all that both sides' tables hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from galcat_app.state.pairs.matches import SIDES, Matches, Source
from galcat_core.columns import notes_of
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.formats import ID_COLUMN

NUMBER, TEXT, YES, ID = "number", "text", "yes or no", "id"
MOST_CHOICES = 40  # distinct words from which on a text is searched instead of chosen
PAIR = "Pair"
REVIEW = "Review"


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes
    ----------
    key : str
        "separation_arcsec", "left.catalogue.petroRad_r", "right.predictions/des.p_spiral".
    name : str
        As shown: "SDSS petroRad_r".
    group : str
        Where it stands among the others: "Pair", "SDSS catalogue".
    kind : {"number", "text", "yes or no", "id"}
    note : str
        What it holds, where that is known.
    """

    key: str
    name: str
    group: str
    kind: str
    note: str = ""


def kind_of(values: pd.Series, name: str) -> str:
    """Return which kind of column this is."""
    if pd.api.types.is_bool_dtype(values):
        return YES
    # an integer that names something is compared digit for digit, never as a float
    if ID_COLUMN.fullmatch(name) and pd.api.types.is_integer_dtype(values):
        return ID
    return NUMBER if pd.api.types.is_numeric_dtype(values) else TEXT


class Columns:
    """All columns of a project's pairs; the values of one are only put together when they are asked for.

    Parameters
    ----------
    project : Matches
    review : callable
        Returns, for a key "review.NAME", its values over all pairs, (N,), as they are now.
    """

    def __init__(self, project: Matches, review: dict[str, tuple[Column, Callable]]) -> None:
        self.project = project
        self._review = review
        self._series: dict[str, pd.Series] = {}
        self._ranks: dict[str, tuple[np.ndarray, list[str]]] = {}
        self._from: dict[str, tuple[Source, str]] = {}
        self._made: dict[str, Callable[[], pd.Series]] = {}
        self.all: dict[str, Column] = {}
        self._add_pair()
        self._add_sources()
        self.all |= {key: column for key, (column, _) in review.items()}

    # ---- which there are ----------------------------------------------------------------------

    def _add_pair(self) -> None:
        table, names = self.project.table, self.project.names
        shown = {f"{side}_id": f"{names[side]} id" for side in SIDES}
        shown |= {"separation_arcsec": "Separation (″)", "ambiguous": "Ambiguous"}
        shown |= {"size_arcsec": "Size (″)"}
        notes = notes_of(table.columns)
        first = ["separation_arcsec", *(c for c in table.columns if c != "separation_arcsec")]
        for name in first:
            note = notes[name].description if name in notes else ""
            self._add(name, shown.get(name, name), PAIR, kind_of(table[name], name), note)
            self._made[name] = lambda name=name: table[name]
        for key, name, note in (
            ("east_arcsec", "Offset east (″)", "how far east the right galaxy lies of the left"),
            ("north_arcsec", "Offset north (″)", "how far north the right galaxy lies of the left"),
        ):
            if all(np.isfinite(self.position(side)).any() for side in SIDES):
                self._add(key, name, PAIR, NUMBER, note)
                self._made[key] = lambda key=key: pd.Series(self._offset(key))
        for key, name, kind in (("label", "Label", TEXT), ("certain", "Certain label", YES)):
            if any(key in s.table for s in self._labelling()):
                self._add(key, name, PAIR, kind, "of the left galaxy, else of the right")
                self._made[key] = lambda key=key: self._first_known(key)
        if all(self.told(side) is not None for side in SIDES):
            self._add("agree", "Predictions agree", PAIR, YES, "the same class in both surveys")
            self._made["agree"] = self._agreement

    def _add_sources(self) -> None:
        for source in self.project.sources:
            survey = self.project.names[source.side]
            group = f"{survey} {source.name if source.kind != 'predictions' else 'predictions'}"
            told = f" · {source.name}" if source.kind == "predictions" else ""
            notes = notes_of(source.table.columns)
            for name in map(str, source.table.columns):
                if name in ("id", "survey"):
                    continue
                key = f"{source.side}.{source.kind}.{source.name}.{name}"
                note = notes[name].description if name in notes else ""
                kind = kind_of(source.table[name], name)
                self._add(key, f"{survey} {name}{told}", group, kind, note)
                self._from[key] = source, name

    def _add(self, key: str, name: str, group: str, kind: str, note: str) -> None:
        self.all[key] = Column(key, name, group, kind, note)

    def __getitem__(self, key: Any) -> Column:
        if not isinstance(key, str) or key not in self.all:
            raise GalcatError(
                f"there is no column '{str(key)[:64]}'; there are {listed(self.all, 6)}."
                f"{nearest(str(key)[:64], self.all)}"
            )
        return self.all[key]

    # ---- what is derived ------------------------------------------------------------------------

    def position(self, side: str) -> np.ndarray:
        """Return right ascension and declination of one side's galaxies in degrees, (N, 2); NaN for none."""
        found = np.full((len(self.project.table), 2), np.nan)
        for source in self.project.sources:
            if source.side != side or not {"ra_deg", "dec_deg"} <= set(source.table.columns):
                continue
            numbers = source.table[["ra_deg", "dec_deg"]].apply(pd.to_numeric, errors="coerce")
            there = (source.rows >= 0) & np.isnan(found).any(axis=1)
            found[there] = numbers.to_numpy(float)[source.rows[there]]
        odd = ~(np.isfinite(found).all(axis=1) & (np.abs(found[:, 1]) <= 90))
        found[odd] = np.nan
        return found

    def _offset(self, key: str) -> np.ndarray:
        left, right = (self.position(side) for side in SIDES)
        if key == "north_arcsec":
            return (right[:, 1] - left[:, 1]) * 3600
        east = (right[:, 0] - left[:, 0] + 180) % 360 - 180
        return east * np.cos(np.radians(left[:, 1])) * 3600

    def _labelling(self) -> list[Source]:
        """Return the sources that know labels: catalogues before splits, the left side before the right."""
        kinds = ("catalog", "split")
        return [s for side in SIDES for kind in kinds for s in self.project.of(kind, side)]

    def _first_known(self, name: str) -> pd.Series:
        """Return `label` or `certain` of the first source that has a label for the pair."""
        found = np.full(len(self.project.table), None, object)
        known = np.zeros(len(found), bool)
        for source in self._labelling():
            if "label" not in source.table:
                continue
            labels = _taken(source, "label")
            new = ~known & labels.notna().to_numpy()
            known |= new
            if name in source.table:
                found[new] = _taken(source, name).to_numpy(object)[new]
        return pd.Series(found)

    def told(self, side: str) -> Source | None:
        """Return the predictions that know most of one side's galaxies; of several the first."""
        there = self.project.of("predictions", side)
        return max(there, key=lambda source: int((source.rows >= 0).sum()), default=None)

    def _agreement(self) -> pd.Series:
        left, right = (_taken(self.told(side), "predicted") for side in SIDES)
        known = left.notna() & right.notna()
        return (left == right).astype(object).where(known, None)

    # ---- values ---------------------------------------------------------------------------------

    def series(self, key: str) -> pd.Series:
        """Return a column over all pairs, length N; missing is NaN, NA or None."""
        self[key]
        if key in self._review:
            return pd.Series(self._review[key][1]())
        if key not in self._series:
            made = _taken(*self._from[key]) if key in self._from else self._made[key]()
            self._series[key] = made.reset_index(drop=True)
        return self._series[key]

    def value(self, key: str, row: int) -> Any:
        """Return one cell."""
        if key in self._from and key not in self._series:
            source, name = self._from[key]
            at = source.rows[row]
            return source.table[name].iloc[at] if at >= 0 else None
        return self.series(key).iloc[row]

    def numbers(self, key: str) -> np.ndarray:
        """Return a column of numbers as float64, (N,); NaN where there is none."""
        if self[key].kind != NUMBER:
            raise GalcatError(f"{self[key].name} holds no numbers; choose a column that does")
        values = self.series(key).to_numpy(float, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan)

    def words(self, key: str) -> tuple[np.ndarray, list[str]]:
        """Return a column of text as places in a sorted list of words, (N,), -1 for none; and that list."""
        if key not in self._ranks or key in self._review:
            column, values = self[key], self.series(key)
            if column.kind == YES:
                known = values.notna().to_numpy()
                yes = values.eq(True).to_numpy()
                self._ranks[key] = np.where(known, yes.astype(np.int64), -1), ["no", "yes"]
            else:
                text = (
                    values.astype(object).where(values.notna(), None).map(str, na_action="ignore")
                )
                codes, words = pd.factorize(text, sort=True)
                self._ranks[key] = codes.astype(np.int64), [str(word) for word in words]
        return self._ranks[key]

    def order(self, key: str) -> np.ndarray:
        """Return what to sort by, (N,): ascending, exact for ids; the missing are masked out."""
        column = self[key]
        if column.kind == NUMBER:
            return np.ma.masked_invalid(self.numbers(key))
        values = self.series(key)
        if column.kind == ID and pd.api.types.is_integer_dtype(values):
            missing = values.isna().to_numpy()
            return np.ma.array(values.fillna(0).to_numpy(np.int64), mask=missing)
        codes = self.words(key)[0]
        return np.ma.array(codes, mask=codes < 0)

    def choices(self, key: str) -> list[str] | None:
        """Return the words that a column can be filtered by; None where there are too many."""
        if self[key].kind not in (TEXT, YES):
            return None
        words = self.words(key)[1]
        return words if len(words) <= MOST_CHOICES else None


def _taken(source: Source, name: str) -> pd.Series:
    """Return a source's column for each pair; missing where the source does not know the galaxy."""
    values = source.table[name]
    if not (source.rows < 0).any():
        return values.iloc[source.rows].reset_index(drop=True)
    if pd.api.types.is_integer_dtype(values):
        values = values.astype("Int64")  # never through floats: ids have 18 digits
    elif pd.api.types.is_bool_dtype(values):
        values = values.astype("boolean")
    index = pd.RangeIndex(len(values))
    wanted = np.where(source.rows >= 0, source.rows, len(values))
    return values.set_axis(index).reindex(wanted).reset_index(drop=True)
