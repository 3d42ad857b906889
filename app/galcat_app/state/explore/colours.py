"""Colour the map: a catalogue column -> one colour code a galaxy, its palette and its legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from galcat_app.state import palettes
from galcat_app.state.explore.labels import SETS, Labels
from galcat_app.state.folder import SURVEYS, Project
from galcat_core.errors import GalcatError, listed, nearest

UNCERTAINTY = "uncertainty"
KNOWN, SET = "known", "set"  # not of the catalogue: see `galcat_app.state.explore.labels`
MOST_CATEGORIES = 12
BINS = 40
NAMED = {
    "predicted": "Predicted class",
    "cluster": "Cluster",
    "survey": "Survey",
    "flags": "Picture flags",
    "label": "Label from votes",
    "run": "Run",
    UNCERTAINTY: "Uncertainty",
    KNOWN: "Known label",
    SET: "Set of the split",
}
MISSING_NAMES = {"cluster": "in no cluster", KNOWN: "without a label", SET: "in no set"}


@dataclass(frozen=True, eq=False)
class Colouring:
    """How the map is coloured.

    Attributes
    ----------
    key, label : str
    codes : ndarray, (N,), uint8
        Index into the palette; `palettes.MISSING` where there is no value.
    palette : dict
        "light" and "dark" -> list of hex colours.
    legend : dict
        For the page: type "ramp" (ends, histogram) or "categories" (names, counts); JSON types.
    """

    key: str
    label: str
    codes: np.ndarray
    palette: dict[str, list[str]]
    legend: dict[str, Any]


def choices(project: Project, labels: Labels) -> dict[str, str]:
    """Return what the map can be coloured by: key -> name, the useful ones first."""
    table, found = project.table, {}
    if project.positive is not None:
        found[f"p_{project.positive}"] = f"Probability: {project.positive}"
    for name in ("predicted", "cluster"):
        if name in table.columns:
            found[name] = NAMED[name]
    if project.positive is not None:
        found[UNCERTAINTY] = NAMED[UNCERTAINTY]
    for name, values in ((KNOWN, labels.names), (SET, labels.sets)):
        if not pd.isna(values).all():
            found[name] = NAMED[name]
    hidden = {"id"} | {f"{m}_{axis}" for m in project.methods for axis in "xy"}
    for name in table.columns:
        if name not in found and name not in hidden and _tells_apart(table[name]):
            found[name] = NAMED.get(name, name)
    return found


def _tells_apart(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        values = column.dropna()
        return len(values) > 0 and values.min() != values.max()
    return 1 < column.nunique() <= MOST_CATEGORIES


def colouring(
    project: Project, key: str, labels: Labels, named: dict[str, str] | None = None
) -> Colouring:
    """Return codes, palette and legend for one of `choices` (`named`, where they are at hand).

    Raises
    ------
    GalcatError
        The map cannot be coloured by `key`.
    """
    named = named or choices(project, labels)
    if key not in named:
        raise GalcatError(
            f"the map cannot be coloured by '{key}'; there are {listed(named)}.{nearest(key, named)}"
        )
    label = named[key]
    if key == UNCERTAINTY:
        return _ramp(key, label, uncertainty(project), (0.0, 1.0), palettes.SEQUENTIAL)
    if key == KNOWN:
        return _known(key, label, pd.Series(labels.names), project)
    if key == SET:
        return _categories(
            key, label, pd.Series(labels.sets), [s for s in SETS if s in labels.sets]
        )
    column = project.table[key]
    if key == f"p_{project.positive}":
        ends = _other_class(project), project.positive
        made = _ramp(key, label, _floats(column), (0.0, 1.0), palettes.DIVERGING)
        made.legend["ends"] = list(ends)
        return made
    if key in ("predicted", "label") and len(project.classes) == 2:
        return _classes(key, label, column, project)
    if _is_category(column):
        return _categories(key, label, column)
    values = _floats(column)
    low, high = np.nanpercentile(values, [1, 99]) if np.isfinite(values).any() else (0.0, 1.0)
    if low == high:
        low, high = np.nanmin(values), np.nanmax(values)
    return _ramp(key, label, values, (float(low), float(high)), palettes.SEQUENTIAL)


def uncertainty(project: Project) -> np.ndarray:
    """Return 1 where the class is a coin's toss and 0 where it is sure, (N,), float64."""
    p = _floats(project.table[f"p_{project.positive}"])
    return 1 - np.abs(2 * p - 1)


def _other_class(project: Project) -> str:
    others = [name for name in project.classes if name != project.positive]
    return others[0] if len(others) == 1 else f"not {project.positive}"


def _floats(column: pd.Series) -> np.ndarray:
    values = pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _is_category(column: pd.Series) -> bool:
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return True
    return pd.api.types.is_integer_dtype(column) and column.nunique() <= MOST_CATEGORIES


def _ramp(key: str, label: str, values: np.ndarray, span: tuple, stops: dict) -> Colouring:
    low, high = span
    known = np.isfinite(values)
    scaled = np.clip((values - low) / ((high - low) or 1), 0, 1)
    codes = np.full(len(values), palettes.MISSING, np.uint8)
    codes[known] = np.rint(scaled[known] * (palettes.RAMP - 1))
    counts = np.histogram(scaled[known], BINS, (0, 1))[0]
    legend = {
        "type": "ramp",
        "low": _short(low),
        "high": _short(high),
        "ends": [],
        "histogram": counts.tolist(),
        "missing": int((~known).sum()),
        "missing_name": "without a value",
    }
    return Colouring(key, label, codes, palettes.ramps(stops), legend)


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _classes(key: str, label: str, column: pd.Series, project: Project) -> Colouring:
    names = [_other_class(project), project.positive]
    codes = pd.Categorical(column, categories=names).codes
    return _coded(key, label, codes, names, palettes.class_pair())


def _known(key: str, label: str, column: pd.Series, project: Project) -> Colouring:
    """Classes that the network knows in their own colours, then what people call galaxies besides."""
    known = sorted(column.dropna().unique())
    pair = [_other_class(project), project.positive] if len(project.classes) == 2 else []
    more = [name for name in known if name not in pair]
    palette, others = palettes.class_pair() if pair else {}, palettes.categories(len(more))
    palette = {theme: [*palette.get(theme, ()), *others[theme]] for theme in palettes.THEMES}
    codes = pd.Categorical(column, categories=[*pair, *more]).codes
    return _coded(key, label, codes, [*pair, *more], palette)


def _categories(key: str, label: str, column: pd.Series, names: list | None = None) -> Colouring:
    names = names or sorted(column.dropna().unique())
    codes = pd.Categorical(column, categories=names).codes
    if key == "cluster" and -1 in names:  # -1 is "in no cluster", which is no colour
        codes = np.where(column.to_numpy() == -1, -1, codes - 1)
        names.remove(-1)
    if key == "survey":
        names = [SURVEYS.get(name, name) for name in names]
    return _coded(key, label, codes, names, palettes.categories(len(names)))


def _coded(key: str, label: str, codes: Any, names: list, palette: dict) -> Colouring:
    codes = np.asarray(codes, np.int64)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    entries = [
        {"name": str(name), "count": int(count)}
        for name, count in zip(names, counts[: len(names)], strict=True)
    ]
    codes = np.where(codes < 0, palettes.MISSING, codes).astype(np.uint8)
    legend = {
        "type": "categories",
        "entries": entries,
        "missing": int((codes == palettes.MISSING).sum()),
        "missing_name": MISSING_NAMES.get(key, "without a value"),
    }
    return Colouring(key, label, codes, palette, legend)
