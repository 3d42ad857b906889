"""Prediction in parts: rows of a store -> files of what runs found that survive a kill, in one or more processes."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from galcat_core.files import whole
from galcat_core.images.store import CutoutStore
from galcat_core.inference import crew
from galcat_core.inference.look import Found, Size, fitted_digests
from galcat_core.inference.plan import ROWS, Plan
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
    crew.check(workers)
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
            crew.share(plans, min(workers, len(todo)), shown)
            return
        for plan, number in todo:
            plan.make(number, shown.update)
