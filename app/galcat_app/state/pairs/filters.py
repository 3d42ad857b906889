"""What a list of pairs is narrowed down by: one condition a column, checked as they come from the browser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from galcat_app.state.pairs.columns import ID, NUMBER, Columns
from galcat_core.errors import GalcatError, listed

MOST_FILTERS = 24
LONGEST = 200  # characters of a text that is searched for


@dataclass(frozen=True)
class Filter:
    """A condition on one column.

    Attributes
    ----------
    key : str
        The column.
    how : {"between", "is", "has", "missing", "known"}
    low, high : float or None
        For "between": both ends belong to it; None is no end.
    words : tuple of str
        For "is": any of these; for "has": the text that is searched for, whatever its case.
    """

    key: str
    how: str
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the condition as it stands on its button."""
        if self.how == "between":
            if self.low is None:
                return f"≤ {self.high:g}"
            return f"≥ {self.low:g}" if self.high is None else f"{self.low:g} to {self.high:g}"
        if self.how == "has":
            return f"contains {self.words[0]}"
        return listed(self.words, 3) if self.how == "is" else self.how


def checked(message: dict[str, Any], columns: Columns) -> Filter:
    """Return the condition that a browser asks for.

    Raises
    ------
    GalcatError
        There is no such column, or it cannot be asked so.
    """
    column = columns[message.get("key")]
    how = message.get("how")
    if how in ("missing", "known"):
        return Filter(column.key, how)
    if how == "between" and column.kind == NUMBER:
        return _between(column.key, column.name, message)
    if how == "is" and columns.choices(column.key) is not None:
        return _is(column.key, column.name, message, columns.choices(column.key))
    if how == "has" and column.kind != NUMBER:
        text = message.get("text")
        if not isinstance(text, str) or not 0 < len(text.strip()) <= LONGEST:
            raise GalcatError(f"{column.name}: write what is searched for, up to {LONGEST} letters")
        return Filter(column.key, how, words=(text.strip(),))
    legal = {NUMBER: "between, missing, known"}.get(column.kind, "is, has, missing, known")
    raise GalcatError(f"{column.name} cannot be filtered by '{str(how)[:40]}'; legal are {legal}")


def _between(key: str, name: str, message: dict[str, Any]) -> Filter:
    ends = [message.get("low"), message.get("high")]
    for end in ends:
        number = isinstance(end, int | float) and not isinstance(end, bool)
        if end is not None and not (number and math.isfinite(end)):
            raise GalcatError(f"{name}: {str(end)[:40]!r} is no number")
    low, high = (None if end is None else float(end) for end in ends)
    if low is None and high is None:
        raise GalcatError(f"{name}: give at least one end of the range")
    if low is not None and high is not None and low > high:
        raise GalcatError(f"{name}: from {low:g} to {high:g} is no range; the smaller number first")
    return Filter(key, "between", low, high)


def _is(key: str, name: str, message: dict[str, Any], legal: list[str]) -> Filter:
    words = message.get("words")
    if not isinstance(words, list) or not words or not set(map(str, words)) <= set(legal):
        raise GalcatError(f"{name}: choose at least one of {listed(legal)}")
    return Filter(key, "is", words=tuple(word for word in legal if word in words))


def passing(one: Filter, columns: Columns) -> np.ndarray:
    """Return which pairs pass a condition, (N,), bool; what is missing passes "missing" alone."""
    if columns[one.key].kind == NUMBER:
        values = columns.numbers(one.key)
        if one.how in ("missing", "known"):
            return np.isnan(values) == (one.how == "missing")
        low = -np.inf if one.low is None else one.low
        high = np.inf if one.high is None else one.high
        return (values >= low) & (values <= high)
    codes, words = columns.words(one.key)
    if one.how in ("missing", "known"):
        return (codes < 0) == (one.how == "missing")
    if one.how == "has":
        # ids are looked up from their beginning, as they are read
        text = one.words[0].casefold()
        test = str.startswith if columns[one.key].kind == ID else str.__contains__
        hits = [test(word.casefold(), text) for word in words]
    else:
        hits = [word in one.words for word in words]
    return np.array([*hits, False])[codes]


def combined(filters: tuple[Filter, ...], columns: Columns, size: int) -> np.ndarray:
    """Return which pairs pass all conditions, (N,), bool."""
    kept = np.ones(size, bool)
    for one in filters:
        kept &= passing(one, columns)
    return kept
