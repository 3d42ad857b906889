"""Worker processes: a function over items, several at a time; deaths are told, orphans end themselves."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from galcat_core.errors import GalcatError

WORTH_A_WORKER = 600  # pictures; starting a process takes as long as making some hundreds


def worker_count(asked: int | None, pictures: int) -> int:
    """Return how many processes to use: as asked, or as many as there are cores and work for."""
    if asked is not None:
        if asked < 1:
            raise GalcatError(f"workers = {asked}: at least 1 is legal")
        return asked
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
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
        waiting = {pool.submit(function, item) for item in items}
        while waiting:
            done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            tick()
    except BrokenProcessPool as error:
        raise GalcatError(
            "a worker process died (out of memory, killed, or a script that starts without "
            "`if __name__ == '__main__':`); run the same again, with workers=1 if it repeats"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
