"""Processes of one work, started on this machine: each has cores and a log of its own, all end together.

`srun` is its twin on the nodes of a Slurm job. What each process is told in its environment, beside
its rank, is the business of who starts them.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NoReturn

from galcat_core.errors import GalcatError
from galcat_core.jobs import watching

LAUNCHER = "GALCAT_LAUNCHER"  # process id of who started a worker; the worker ends when it is gone
SRUN = "srun"  # in its place where Slurm starts and ends the workers
BOUND = "GALCAT_BOUND"  # a worker was given cores of its own
TERMINAL = "GALCAT_TERMINAL"  # for the progress of rank 0: a file, or the terminal's descriptor
RANK = "GALCAT_RANK"  # of a worker on this machine

Codes = Callable[[], "list[int | None]"]  # the workers' exit codes now, by rank (see `watching`)


def cores() -> list[int]:
    """Return the cores that this process may compute on; empty where the system cannot tell."""
    # a batch system may allow fewer cores than the machine has; macOS cannot tell
    allowed = getattr(os, "sched_getaffinity", None)
    return sorted(allowed(0)) if allowed else []


def threads_each(workers: int) -> int:
    """Return the threads for each of several workers on this machine."""
    count = len(cores()) or os.cpu_count() or 1
    return count if BOUND in os.environ else max(1, count // workers)


def cores_of(rank: int, workers: int) -> set[int]:
    """Return the cores that are a worker's own, none where there are too few or only one worker.

    A worker that wanders from core to core makes all others wait for it, at every step.
    """
    share = len(cores()) // workers
    return set(cores()[rank * share : (rank + 1) * share]) if workers > 1 else set()


def environment(threads: int) -> dict[str, str]:
    """Return this process's environment, with so many threads where the user says nothing else."""
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return dict.fromkeys(names, str(threads)) | dict(os.environ)


@contextlib.contextmanager
def started(
    module: str,
    arguments: Sequence[str],
    workers: int,
    logs: Path,
    told: Callable[[int], dict[str, str]],
    lock: IO | None = None,
    shares: int = 0,
) -> Iterator[Codes]:
    """Run `python -m module arguments` in processes; end those that still run when the block ends.

    What a worker says goes to `logs/rank-N.txt`; rank 0 may speak to the terminal (see `TERMINAL`).
    A process that is killed leaves none behind, if they call `end_with_launcher`.

    Parameters
    ----------
    module : str
    arguments : sequence of str
    workers : int
    logs : Path
        Folder of the logs.
    told : callable
        rank -> the whole environment of that worker.
    lock : open file, optional
        Handed down, so that its lock lasts until the last worker is gone.
    shares : int
        Parts that the cores are divided into, of which each worker has one; as many as workers,
        if not given.

    Yields
    ------
    callable
        Returns the workers' exit codes as they are now.
    """
    logs.mkdir(parents=True, exist_ok=True)
    terminal = os.dup(2)
    kept_open = [terminal] if lock is None else [terminal, lock.fileno()]
    processes: list[subprocess.Popen] = []
    try:
        for rank in range(workers):
            own = cores_of(rank, shares or workers)
            ours = {LAUNCHER: str(os.getpid()), RANK: str(rank)}
            ours |= {BOUND: "1"} if own else {}
            ours |= {TERMINAL: str(terminal)} if rank == 0 else {}
            with (logs / f"rank-{rank}.txt").open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", module, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=told(rank) | ours,
                    pass_fds=kept_open,
                    start_new_session=True,  # Ctrl-C comes to this process alone
                )
            processes.append(process)
            if own:
                with contextlib.suppress(OSError):  # it may have ended already
                    os.sched_setaffinity(process.pid, own)
        yield lambda: [process.poll() for process in processes]
    finally:
        _end(processes)
        os.close(terminal)


def _end(processes: list[subprocess.Popen]) -> None:
    """End whatever still runs: ask first, then kill."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + watching.GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_with_launcher() -> None:
    """Let this process, a worker, end when who started it is gone: it would work on for nobody."""
    launcher = os.environ.get(LAUNCHER)
    if launcher in (None, SRUN):  # Slurm ends its workers with the job
        return

    def watch() -> None:
        while os.getppid() == int(launcher):
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def talk_to_terminal() -> None:
    """Let rank 0's progress reach the terminal; its log keeps what libraries say."""
    terminal = os.environ.get(TERMINAL)
    by_srun = os.environ.get(LAUNCHER) == SRUN
    if terminal is None or (by_srun and os.environ["SLURM_PROCID"] != "0"):  # srun tells it to all
        return
    if terminal.isdigit():
        sys.stderr = os.fdopen(int(terminal), "w", buffering=1)
    else:
        sys.stderr = Path(terminal).open("a", buffering=1)  # noqa: SIM115 (it is the process's own)


def code_of(work: Callable[[], object]) -> int:
    """Do a worker's work; return the exit code of its process.

    0 when all is well, 2 after a GalcatError (its line is the last one in the log), 1 after another
    error.
    """
    try:
        work()
    except GalcatError as error:
        last_words(str(error))
        return 2
    except Exception as error:
        last_words(traceback.format_exc())
        last_words(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        return 1
    return 0


def leave(code: int) -> NoReturn:
    """End this process at once: nothing is waited for that is gone already, as other workers may be."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def last_words(text: str) -> None:
    """Say it to this worker's log, whatever `sys.stderr` is now."""
    with contextlib.suppress(OSError):
        os.write(2, f"{text.rstrip()}\n".encode())
