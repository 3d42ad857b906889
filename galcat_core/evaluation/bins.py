"""Metrics in bins of a number that each galaxy has: its magnitude, size, redshift, distance from the domain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.evaluation.measures import Scored, tidy

SENTINELS = (-9999.0, -999.0, -99.0, 99.0, 999.0, 9999.0)  # what surveys write for "not measured"


def binned(
    table: pd.DataFrame,
    scored: Scored,
    columns: list[str],
    count: int,
    figures: Callable[[Scored], dict[str, Any]],
) -> dict[str, Any]:
    """Return the figures in bins of equally many galaxies, for each column.

    Parameters
    ----------
    table : pandas.DataFrame, N rows
        Holds the columns.
    scored : Scored
        The same galaxies.
    columns : list of str
    count : int
        Bins; fewer where values repeat.
    figures : function
        Scored -> what is said of a bin.

    Returns
    -------
    dict
        For each column "missing" (galaxies without a value; 99, -9999 and the like are none) and
        "bins": a list, ascending, of "low" and "high" (its smallest and largest value), "median",
        and what `figures` says.

    Raises
    ------
    GalcatError
        A column holds no numbers, or they are all missing.
    """
    found = {}
    for name in columns:
        values = _numbers(table, name)
        there = np.flatnonzero(np.isfinite(values))
        if not len(there):
            raise GalcatError(f"bins: column '{name}' has no value for any judged galaxy; leave it")
        edges = np.unique(np.quantile(values[there], np.linspace(0, 1, count + 1)[1:-1]))
        place = np.searchsorted(edges, values[there], side="right")
        bins = []
        for number in np.unique(place):
            rows = there[place == number]
            here = {
                "low": tidy(values[rows].min()),
                "high": tidy(values[rows].max()),
                "median": tidy(np.median(values[rows])),
            }
            bins.append(here | figures(scored.take(rows)))
        found[name] = {"missing": int(len(values) - len(there)), "bins": bins}
    return found


def check_columns(columns: list[str], *tables: pd.DataFrame) -> None:
    """Refuse a column that none of the tables has.

    Raises
    ------
    GalcatError
        With the columns of numbers that there are.
    """
    there = {c: t[c] for t in tables for c in t.columns if c != "id"}
    for name in columns:
        if name not in there:
            numbers = [c for c, v in there.items() if pd.api.types.is_numeric_dtype(v)]
            raise GalcatError(
                f"bins: neither labels nor predictions have a column '{name}'; columns of numbers "
                f"are {listed(numbers, 30)}.{nearest(name, numbers)}"
            )


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as float64, NaN where it is missing."""
    if not pd.api.types.is_numeric_dtype(table[name]):
        raise GalcatError(f"bins: column '{name}' holds no numbers; name one that does")
    values = table[name].to_numpy(float, na_value=np.nan).copy()
    values[np.isin(values, SENTINELS)] = np.nan
    return values
