"""The plan of a store: which rows stand in which shard, and which shards are made together.

It does not depend on the number of processes nor on what was made before, so that a resumed run gives
the same bytes as a whole one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from galcat_core.tables import check_ids


@dataclass(frozen=True)
class Unit:
    """Shards that one worker makes after one another: those of one tile, so that it is opened once.

    Attributes
    ----------
    first : int
        Number of the first shard.
    shards : tuple of DataFrame
        The planned rows of each shard.
    job : object
        What the maker needs beside the rows (picklable), such as the tile's files.
    """

    first: int
    shards: tuple[pd.DataFrame, ...]
    job: Any = None

    def numbered(self) -> Iterator[tuple[int, pd.DataFrame]]:
        return enumerate(self.shards, self.first)


def plan_shards(
    table: pd.DataFrame, shard_rows: int, groups: Sequence[Any] | None = None
) -> list[Unit]:
    """Cut a table into shards of at most `shard_rows` rows, and shards into units.

    Parameters
    ----------
    table : DataFrame
        Rows in the order of the store; rows of one group follow one another.
    shard_rows : int
    groups : sequence, (N,), optional
        The tile of each row. A group is never divided between units; small groups share one.
        Without it every shard is a unit. `job` of a unit is the list of its groups.
    """
    if len(table) == 0:
        return []
    if groups is None:
        return [
            Unit(number, (table.iloc[start : start + shard_rows],))
            for number, start in enumerate(range(0, len(table), shard_rows))
        ]
    units: list[Unit] = []
    first = 0
    for start, stop, names in _gathered(groups, shard_rows):
        cuts = range(start, stop, shard_rows)
        shards = tuple(table.iloc[cut : min(cut + shard_rows, stop)] for cut in cuts)
        units.append(Unit(first, shards, names))
        first += len(shards)
    return units


def _gathered(groups: Sequence[Any], rows: int) -> Iterator[tuple[int, int, list[Any]]]:
    """Yield (start, stop, names) of neighbouring groups that together fill a shard."""
    start, names = 0, []
    bounds = [i for i in range(len(groups)) if i == 0 or groups[i] != groups[i - 1]]
    for begin, end in zip(bounds, [*bounds[1:], len(groups)], strict=True):
        if names and end - start > rows:
            yield start, begin, names
            start, names = begin, []
        names = [*names, groups[begin]]
    if names:
        yield start, len(groups), names


STANDARD = {"ra_deg": np.nan, "dec_deg": np.nan, "width_arcsec": np.nan, "flags": 0}
STANDARD |= {"masked_fraction": np.float32(0)}


def standard_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the columns of a store first, the rest after them; ids checked.

    Columns of mixed types become text, since a Parquet column has one type.
    """
    table = table.reset_index(drop=True)
    table = table.assign(id=check_ids(table["id"], "cutouts"))
    for name, value in STANDARD.items():
        if name not in table:
            table[name] = value
    table["flags"] = table["flags"].astype(np.int64)
    for name in table.select_dtypes(object).columns:
        kinds = {type(value) for value in table[name].dropna()}
        if len(kinds) > 1:
            table[name] = table[name].where(table[name].isna(), table[name].astype(str))
    front = ["id", *STANDARD]
    return table[[*front, *(c for c in table.columns if c not in front)]]


def no_rejects() -> pd.DataFrame:
    """Return the rejects of a shard that has none."""
    return pd.DataFrame({"id": pd.Series([], dtype=object), "reason": pd.Series([], dtype=object)})


def plan_digest(units: Sequence[Unit], more: str) -> str:
    """Return the sha256 of the planned rows, their shards and whatever else they depend on."""
    total = hashlib.sha256(more.encode())
    for unit in units:
        for number, rows in unit.numbered():
            total.update(f"{number}\0{unit.job!r}\0{list(rows.columns)}\0".encode())
            total.update(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes())
    return total.hexdigest()
