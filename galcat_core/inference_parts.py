"""Prediction in parts: rows of a store -> files of what a run found that survive a kill, in one or more processes."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from galcat_core.errors import GalcatError
from galcat_core.files import whole
from galcat_core.images.store import CutoutStore
from galcat_core.inference_look import Found, Size, fitted_digests, look
from galcat_core.parts import parts_of
from galcat_core.progress import bar
from galcat_core.runs import Run
from galcat_core.workers import run_all, worker_count


@contextlib.contextmanager
def in_parts(
    path: str | Path,
    run: Run,
    store: CutoutStore,
    rows: np.ndarray,
    size: Size,
    workers: int = 1,
    progress: bool = True,
    title: str = "Predicting",
) -> Iterator[Found]:
    """Make the parts that are missing, yield what all hold; remove them when the block ends well.

    Parameters
    ----------
    path : str or Path
        The result that the block writes; parts lie in PATH.parts/.
    run : Run
        Finished.
    store : CutoutStore
    rows : ndarray, (N,), int64
        In the order of the result; the parts follow the store.
    size : Size
    workers : int
        Processes that share the parts.
    progress : bool
        Show a bar.
    title : str
        Of the bar.

    Yields
    ------
    Found
        In the order of `rows`.

    Raises
    ------
    GalcatError
        Another process makes the same file, a worker died, or the disk is full.
    """
    if workers < 1:
        raise GalcatError(f"workers = {workers}: at least 1 is legal")
    work = {
        "run": run.digest,
        "store": store.digest,
        "rows": hashlib.sha256(rows.tobytes()).hexdigest(),
        "size": asdict(size),
        "fitted": fitted_digests(run.folder),
    }
    by_place = np.argsort(rows, kind="stable")
    with parts_of(path, work) as folder:
        plan = _Plan(run.folder, store.path, store.digest, folder, size)
        _make_parts(plan, rows[by_place], workers, progress, title)
        yield plan.found(len(rows)).take(np.argsort(by_place, kind="stable"))


@dataclass(frozen=True)
class _Plan:
    """Where the parts come from and go to; small, since workers are sent it."""

    run: Path
    store: Path
    digest: str  # of the store: another one may have taken its place since
    folder: Path
    size: Size
    threads: int | None = None

    def part(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.npz"

    def rows_of(self, rows: np.ndarray, number: int) -> np.ndarray:
        return rows[number * self.size.part_rows : (number + 1) * self.size.part_rows]

    def numbers(self, count: int) -> range:
        return range(-(-count // self.size.part_rows))

    def found(self, count: int) -> Found:
        """Return what the parts hold, joined in their order."""
        parts = []
        for number in self.numbers(count):
            with np.load(self.part(number)) as part:
                parts.append(Found(**part))
        return Found.joined(parts)


def unit_of(looks: int) -> str:
    """Return what the bar counts."""
    return "galaxies" if looks == 1 else "looks"


def _make_parts(plan: _Plan, rows: np.ndarray, workers: int, progress: bool, title: str) -> None:
    """Make the parts that are not there yet, in this process or in several."""
    with whole(plan.folder / "rows.npy") as temporary:
        np.save(temporary, rows)
    todo = [n for n in plan.numbers(len(rows)) if not plan.part(n).is_file()]
    sizes = {n: len(plan.rows_of(rows, n)) for n in todo}
    looks = plan.size.looks
    with bar(len(rows) * looks, title, unit_of(looks), disable=not progress) as shown:
        shown.update((len(rows) - sum(sizes.values())) * looks)
        if workers == 1 or len(todo) < 2:
            for number in todo:
                _make_part(plan, number, shown.update)
            return

        def tick() -> None:
            """Move the bar by what stands on disk."""
            for number in [n for n in sizes if plan.part(n).is_file()]:
                shown.update(sizes.pop(number) * looks)

        threads = max(1, worker_count(None, 10**9) // workers)
        run_all(partial(_make_part, replace(plan, threads=threads)), todo, workers, tick)


def _make_part(plan: _Plan, number: int, tell: Callable[[int], Any] = lambda count: None) -> None:
    run = Run(plan.run)
    rows = np.load(plan.folder / "rows.npy", mmap_mode="r")
    rows = np.array(plan.rows_of(rows, number))
    found = look(run, _opened(plan.store, plan.digest), rows, plan.size, plan.threads, tell)
    with whole(plan.part(number)) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **vars(found))


@lru_cache(maxsize=1)
def _opened(path: Path, digest: str) -> CutoutStore:
    return CutoutStore.open(path)
