"""Pictures of catalogue rows as JPEG, in every survey that has one: own picture first, then the twin's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from galcat_app.state.folder import SURVEYS, Project
from galcat_app.state.jpegs import Jpegs
from galcat_core.images.store import CutoutStore


@dataclass(frozen=True)
class Picture:
    """One galaxy in one survey.

    Attributes
    ----------
    survey : str
        "DES" or "SDSS", as shown.
    id : str
        The object's id in that survey.
    jpeg : bytes
    width_arcsec : float or None
    """

    survey: str
    id: str
    jpeg: bytes
    width_arcsec: float | None


class Pictures:
    """The pictures of a project, by catalogue row; only what is asked for is ever read.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self._stores = project.stores
        self._ids = project.table["id"]
        self.twins = _twins(project)
        self.surveys = _own_surveys(project)
        self._rows = {survey: self._rows_in(survey) for survey in project.stores}
        self._widths = {survey: _widths(store) for survey, store in project.stores.items()}
        self._jpegs = Jpegs()

    @property
    def count(self) -> int:
        """How many rows have at least one picture."""
        if not self._rows:
            return 0
        return int(np.any([rows >= 0 for rows in self._rows.values()], axis=0).sum())

    def of(self, row: int) -> list[Picture]:
        """Return the row's pictures: that of its own survey, then its twin's; perhaps none."""
        own = self.surveys[row]
        order = sorted(self._rows, key=lambda survey: survey != own)
        return [self._picture(s, int(self._rows[s][row])) for s in order if self._rows[s][row] >= 0]

    def why_none(self, row: int) -> str:
        """Say why a row has no picture."""
        survey = self.surveys[row]
        if survey not in self._stores:
            return "no pictures in this project"
        rejects = self._stores[survey].rejects
        found = rejects.loc[rejects["id"] == self._ids.iloc[row], "reason"]
        return str(found.iloc[0]) if len(found) else "not among the cutouts"

    def _rows_in(self, survey: str) -> np.ndarray:
        """Return for each catalogue row its row in a survey's store, (N,), int64; -1 for none."""
        rows = np.full(len(self._ids), -1, np.int64)
        index = pd.Index(self._stores[survey].ids)
        own = self.surveys == survey
        rows[own] = index.get_indexer(self._ids[own])
        if survey in self.twins:
            twins = self.twins[survey]
            known = twins.notna().to_numpy() & ~own
            # never through floats: ids have 18 digits
            rows[known] = index.get_indexer(twins[known].to_numpy(index.dtype))
        return rows

    def _picture(self, survey: str, row: int) -> Picture:
        store = self._stores[survey]
        width = float(self._widths[survey][row])
        return Picture(
            SURVEYS.get(survey, survey),
            str(store.ids[row]),
            self._jpegs.of(store, row),
            width if np.isfinite(width) else None,
        )


def _widths(store: CutoutStore) -> np.ndarray:
    if "width_arcsec" not in store.table.columns:
        return np.full(len(store), np.nan)
    return store.table["width_arcsec"].to_numpy(float)


def _own_surveys(project: Project) -> np.ndarray:
    """Return each row's survey, (N,), str; where there is one store, all rows are looked for in it."""
    stores = list(project.stores)
    if "survey" in project.table.columns:
        named = project.table["survey"].fillna("").astype(str).to_numpy()
        if len(stores) != 1 or stores[0] in named:
            return named
    return np.full(len(project.table), stores[0] if stores else "des", object)


def _twins(project: Project) -> dict[str, pd.Series]:
    """Return for each survey the twin's id of each catalogue row (nullable), the closest of several."""
    if project.pairs is None:
        return {}
    own = _own_surveys(project)
    ids, twins = project.table["id"], {}
    surveys = [c for c in project.pairs.columns if c != "separation_arcsec"]
    nearest = project.pairs.sort_values("separation_arcsec", kind="stable")
    for survey, other in (surveys, surveys[::-1]):
        closest = nearest.drop_duplicates(other).set_index(other)[survey]
        here = np.flatnonzero(own == other)
        rows = closest.index.get_indexer(ids.iloc[here])
        found = pd.Series(pd.NA, index=ids.index, dtype=_nullable(closest))
        found.iloc[here[rows >= 0]] = closest.to_numpy()[rows[rows >= 0]]
        twins[survey] = found
    return twins


def _nullable(ids: pd.Series) -> str:
    return "Int64" if pd.api.types.is_integer_dtype(ids) else "string"
