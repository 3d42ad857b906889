"""What is to be made of one run, part by part: which rows, from where, into which files; workers read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from galcat_core.files import whole
from galcat_core.images.store import CutoutStore
from galcat_core.inference.look import Found, Size, look
from galcat_core.runs import Run

ROWS = "rows.npy"  # in the folder of the parts: the rows of the store, in its order


@dataclass(frozen=True)
class Plan:
    """Where the parts of one run come from and go to; small, since workers read it.

    Attributes
    ----------
    run, store, folder : Path
        Of the run, of the store, of the parts.
    digest : str
        Of the store: another one may have taken its place since.
    count : int
        Rows of all parts.
    size : Size
    """

    run: Path
    store: Path
    folder: Path
    digest: str
    count: int
    size: Size

    @property
    def numbers(self) -> range:
        """Numbers of all parts."""
        return range(-(-self.count // self.size.part_rows))

    def part(self, number: int) -> Path:
        """Return the file of a part."""
        return self.folder / f"part-{number:06d}.npz"

    def rows_in(self, number: int) -> int:
        """Return how many rows a part has."""
        return min(self.size.part_rows, self.count - number * self.size.part_rows)

    def missing(self) -> list[int]:
        """Return the numbers of the parts that are not there yet."""
        there = set(self.folder.iterdir())  # one question to a shared disk, not thousands
        return [number for number in self.numbers if self.part(number) not in there]

    def make(self, number: int, tell: Callable[[int], Any] = lambda count: None) -> None:
        """Let the run look at the pictures of a part, and write it."""
        start = number * self.size.part_rows
        rows = np.load(self.folder / ROWS, mmap_mode="r")
        rows = np.array(rows[start : start + self.size.part_rows])
        found = look(Run(self.run), _opened(self.store, self.digest), rows, self.size, tell)
        with whole(self.part(number)) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **vars(found))

    def found(self) -> Found:
        """Return what the parts hold, joined in their order."""
        parts = []
        for number in self.numbers:
            with np.load(self.part(number)) as part:
                parts.append(Found(**part))
        return Found.joined(parts)

    def to_json(self) -> str:
        """Return what `from_json` reads."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read what `to_json` wrote."""
        told = json.loads(text)
        told |= {name: Path(told[name]) for name in ("run", "store", "folder")}
        return cls(**{**told, "size": Size(**told["size"])})


@lru_cache(maxsize=1)
def _opened(path: Path, digest: str) -> CutoutStore:
    return CutoutStore.open(path)
