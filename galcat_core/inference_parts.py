"""Prediction in parts: rows of a store -> files of what runs found that survive a kill, in one or more processes."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from galcat_core import inference_crew
from galcat_core.files import whole
from galcat_core.images.store import CutoutStore
from galcat_core.inference_look import Found, Size, fitted_digests, look
from galcat_core.parts import parts_of
from galcat_core.progress import bar
from galcat_core.runs import Run


@contextlib.contextmanager
def in_parts(
    path: str | Path,
    runs: Sequence[Run],
    store: CutoutStore,
    rows: np.ndarray,
    size: Size,
    workers: int = 1,
    progress: bool = True,
) -> Iterator[list[Found]]:
    """Make the parts that are missing, yield what all hold; remove them when the block ends well.

    Parameters
    ----------
    path : str or Path
        The result that the block writes; parts lie in PATH.parts/.
    runs : sequence of Run
        Finished.
    store : CutoutStore
    rows : ndarray, (N,), int64
        In the order of the result; the parts follow the store.
    size : Size
    workers : int
        Processes that share the parts, on the nodes of a Slurm job if this process is one.
    progress : bool
        Show a bar.

    Yields
    ------
    list of Found
        Of each run, in the order of `rows`.

    Raises
    ------
    GalcatError
        Another process makes the same file, no worker is left, or the disk is full.
    """
    inference_crew.check(workers)
    by_place = np.argsort(rows, kind="stable")
    with contextlib.ExitStack() as held:
        plans = []
        for run in runs:
            folder = held.enter_context(parts_of(path, _work(run, store, rows, size)))
            where = (path.absolute() for path in (run.folder, store.path, folder))
            plans.append(Plan(*where, store.digest, len(rows), size))
            with whole(folder / ROWS) as temporary:
                np.save(temporary, rows[by_place])
        _make_parts(plans, workers, progress)
        back = np.argsort(by_place, kind="stable")
        yield [plan.found().take(back) for plan in plans]


def _work(run: Run, store: CutoutStore, rows: np.ndarray, size: Size) -> dict[str, Any]:
    """Return what the parts of a run depend on; the number of workers is no part of it."""
    return {
        "run": run.digest,
        "store": store.digest,
        "rows": hashlib.sha256(rows.tobytes()).hexdigest(),
        "size": asdict(size),
        "fitted": fitted_digests(run.folder),
    }


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


def unit_of(looks: int) -> str:
    """Return what the bar counts."""
    return "galaxies" if looks == 1 else "looks"


def _make_parts(plans: Sequence[Plan], workers: int, progress: bool) -> None:
    """Make the parts that are not there yet, in this process or in several."""
    looks = plans[0].size.looks
    todo = [(plan, number) for plan in plans for number in plan.missing()]
    total, unit = looks * sum(plan.count for plan in plans), unit_of(looks * len(plans))
    with bar(total, "Predicting", unit, disable=not progress) as shown:
        shown.update(total - looks * sum(plan.rows_in(number) for plan, number in todo))
        if workers > 1 and len(todo) > 1:
            inference_crew.share(plans, min(workers, len(todo)), shown)
            return
        for plan, number in todo:
            plan.make(number, shown.update)


@lru_cache(maxsize=1)
def _opened(path: Path, digest: str) -> CutoutStore:
    return CutoutStore.open(path)
