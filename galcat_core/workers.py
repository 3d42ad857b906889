"""Worker processes: a function over items, several at a time; deaths are told, orphans end themselves."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import psutil

from galcat_core.errors import GalcatError

WORTH_A_WORKER = 600  # pictures; starting a process takes as long as making some hundreds


def worker_count(asked: int | None, pictures: int, memory: int = 0) -> int:
    """Return how many processes to use: as asked, or as many as are worth it.

    Parameters
    ----------
    asked : int or None
        What the caller wants.
    pictures : int
        How many there are to make.
    memory : int
        Bytes that a process needs at most.

    Raises
    ------
    GalcatError
        `asked` is less than 1.
    """
    if asked is not None:
        if asked < 1:
            raise GalcatError(f"workers = {asked}: at least 1 is legal")
        return asked
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    if memory:
        cores = min(cores, int(0.8 * psutil.virtual_memory().available / memory))
    return max(1, min(cores, pictures // WORTH_A_WORKER))


def run_all(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    workers: int,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Call `function(item)` for every item, in `workers` processes (1: in this one).

    Parameters
    ----------
    function : callable
        A function of a module (it is pickled); its results stay where it put them (on disk).
    items : sequence
        Picklable; taken in order.
    workers : int
    tick : callable
        Called after each item, or about twice a second while processes work (to move a bar).

    Raises
    ------
    GalcatError
        A worker died (out of memory, killed). Errors of `function` come through as they are.
    """
    if workers == 1 or len(items) <= 1:
        for item in items:
            function(item)
            tick()
        return
    # not fork: TensorFlow, arrow and Jupyter have threads, and a forked child may hang on their locks
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(items)), context, _begin_worker)
    try:
        waiting = _submitted(pool, function, items)
        while waiting:
            done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            tick()
    except BrokenProcessPool as error:
        raise GalcatError(
            "a worker process died (killed, or out of memory); run the same again, it goes on from "
            "there; with fewer workers if it repeats"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submitted(
    pool: ProcessPoolExecutor, function: Callable[[Any], Any], items: Sequence[Any]
) -> set[Future]:
    """Start the processes and give them the items.

    A spawned process runs the caller's script once more, unless that is hidden from it: a script
    without `if __name__ == "__main__":` would start its work again in every worker.
    """
    main = sys.modules["__main__"].__dict__
    kept = {name: main[name] for name in ("__spec__", "__file__") if name in main}
    try:
        main.update(dict.fromkeys(kept))
        return {pool.submit(function, item) for item in items}
    finally:
        main.update(kept)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
