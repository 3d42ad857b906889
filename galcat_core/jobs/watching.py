"""Workers that were started, here or by srun, are watched: which one began the trouble, told in one line."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from galcat_core.errors import GalcatError, WorkKilled

GRACE_SECONDS = 5.0  # between asking a worker to end and killing it


def wait(
    codes_now: Callable[[], list[int | None]],
    logs: Path,
    what: str = "training",
    mend: str = "the same command goes on from the last checkpoint",
) -> None:
    """Return when all workers have ended well.

    Parameters
    ----------
    codes_now : callable
        Returns the workers' exit codes, by rank: None of one that runs, -9 of one that was killed
        by signal 9.
    logs : Path
        Folder of their logs, `rank-N.txt`.
    what, mend : str
        What stops when one has ended badly, and what to do then.

    Raises
    ------
    GalcatError
        One has ended badly: which, and why; `WorkKilled` where it was killed.
    """
    while True:
        codes = codes_now()
        if all(code == 0 for code in codes):
            return
        if any(codes):
            break
        time.sleep(0.1)
    # the one that began it may be a moment behind the ones that it took down
    deadline = time.monotonic() + GRACE_SECONDS
    while None in codes and time.monotonic() < deadline:
        if not all(_is_victim(rank, code, logs) for rank, code in enumerate(codes) if code):
            break
        time.sleep(0.1)
        codes = codes_now()
    raise failure(codes, logs, what, mend)


def _is_victim(rank: int, code: int, logs: Path) -> bool:
    """Tell whether a worker failed because Horovod lost another one."""
    return code == 1 and "horovod" in last_line(logs / f"rank-{rank}.txt").lower()


def failure(codes: list[int | None], logs: Path, what: str, mend: str) -> GalcatError:
    """Return the error that tells of the worker that failed first: it takes the others down with it."""
    last = {rank: last_line(logs / f"rank-{rank}.txt") for rank, code in enumerate(codes) if code}

    def guilt(rank: int) -> tuple:
        return codes[rank] > 0, codes[rank] != 2, _is_victim(rank, codes[rank], logs), rank

    rank = min(last, key=guilt)
    if codes[rank] == 2:  # a GalcatError, told by the worker
        return GalcatError(last[rank])
    log = logs / f"rank-{rank}.txt"
    of = f"worker {rank} of {len(codes)} {fate(codes[rank], last[rank])}"
    error = WorkKilled if codes[rank] < 0 else GalcatError
    return error(f"{what} stopped: {of}; see {log}; {mend}")


def fate(code: int, last: str) -> str:
    """Tell how a worker ended, from its exit code and the last line of its log."""
    if code < 0:
        why = f"was killed by {signal.Signals(-code).name}"
        return why + (" (is the memory full?)" if -code == signal.SIGKILL else "")
    return f"failed ({last[:200] or f'exit code {code}'})"


def last_line(log: Path) -> str:
    """Return the last words of a log; none where it is not there (yet, on a shared disk)."""
    if not log.is_file():
        return ""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
