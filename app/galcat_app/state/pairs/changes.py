"""What can be said of pairs, as it comes from a browser, and what a change makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed
from galcat_core.records import Review

MARKS = Review.MARKS
SAID = [*MARKS, "label", "note", "reviewed_at"]
LONGEST_LABEL, LONGEST_NOTE = 64, 500


@dataclass(frozen=True, eq=False)
class Change:
    """What was said of some pairs before and after, so that it can be taken back.

    Attributes
    ----------
    rows : ndarray, (n,), int64
    before, after : pandas.DataFrame, (n,)
        The columns `SAID`; `reviewed_at` is None where nothing was said of a pair.
    """

    rows: np.ndarray
    before: pd.DataFrame
    after: pd.DataFrame

    @property
    def reversed(self) -> Change:
        """The change that takes this one back."""
        return Change(self.rows, self.after, self.before)


def changed(before: pd.DataFrame, changes: dict[str, Any]) -> pd.DataFrame:
    """Return what is told of pairs after a change; `reviewed_at` is None where nothing is said any more."""
    after = before.copy()
    good = changes.get("good") is True
    if good or changes.get("clear"):
        after[list(MARKS)] = False
    if changes.get("clear"):
        after[["label", "note"]] = None
    for name, value in changes.items():
        if name not in ("good", "clear"):
            after[name] = value
    after["label"], after["note"] = (after[name].astype(object) for name in ("label", "note"))
    said = after[list(MARKS)].any(axis=1) | after[["label", "note"]].notna().any(axis=1)
    after["reviewed_at"] = np.where(said | good, _now(), None)
    return after


def same(one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    """Return where two tables say the same of a pair, whenever it was said, (n,), bool."""
    both = [
        (one[name] == other[name]) | (one[name].isna() & other[name].isna()) for name in SAID[:-1]
    ]
    return np.all(both, axis=0)


def none(told: pd.DataFrame) -> np.ndarray:
    """Return of which pairs nothing is said, (n,), bool."""
    return told["reviewed_at"].isna().to_numpy()


def checked(changes: dict[str, Any]) -> dict[str, Any]:
    """Return changes as they may be written, or refuse what is none."""
    made = {}
    for name, value in changes.items():
        if name in (*MARKS, "good", "clear"):
            if not isinstance(value, bool):
                raise GalcatError(f"{name} is true or false, not {str(value)[:40]!r}")
            made[name] = value
        elif name in ("label", "note"):
            longest = LONGEST_LABEL if name == "label" else LONGEST_NOTE
            if value is not None and not (isinstance(value, str) and len(value) <= longest):
                raise GalcatError(f"a {name} is a text of up to {longest} letters")
            text = " ".join(value.split()) if value else ""
            if not text.isprintable():
                raise GalcatError(f"a {name} is made of letters, digits and signs that can be seen")
            made[name] = text or None
        else:
            legal = (*MARKS, "good", "clear", "label", "note")
            raise GalcatError(
                f"'{str(name)[:40]}' cannot be said of a pair; legal are {listed(legal)}"
            )
    return made


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
