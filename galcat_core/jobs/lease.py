"""A folder held by one process at a time, whichever machine of a shared disk the process runs on.

`flock` does this on one machine, but a shared disk may keep such locks to each machine, without a
word. Here the holder is a file that can be made only once, which every shared disk grants, with the
holder's identity in it; the holder touches it while it lives. A holder that was killed is told by its
process being gone, by Slurm, or by a file that nobody touches any more.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galcat_core.errors import GalcatError
from galcat_core.jobs import slurm_commands
from galcat_core.jobs.process import Process

BEAT_SECONDS = 5.0
# a shared disk may show another machine's touch a minute late (NFS: acregmax), a busy one later
QUIET_SECONDS = 150.0
PREFIX = ".held-"


@dataclass(frozen=True)
class Holder:
    """Who holds a folder, as its file says.

    Attributes
    ----------
    number : int
        Of the file: each holder that takes over from a dead one has the next.
    process : Process
    slurm_job : str
        Number of the Slurm job that it is part of, or empty.
    restarts : int
        How often that job had been requeued.
    since : str
        Date and time.
    """

    number: int
    process: Process
    slurm_job: str
    restarts: int
    since: str

    def told(self) -> str:
        """Return "process 12 on n1 (Slurm job 7) since 2026-01-01 12:00:00"."""
        job = f" (Slurm job {self.slurm_job})" if self.slurm_job else ""
        return f"process {self.process.pid} on {self.process.host}{job} since {self.since}"

    def alive(self) -> bool | None:
        """Tell whether it lives; None if only its next touch can tell."""
        alive = self.process.alive()
        if alive is not None or not self.slurm_job:
            return alive
        job, restarts = slurm_commands.job_here()
        if (job, restarts > self.restarts) == (self.slurm_job, True):
            return False  # this very job, before it was requeued
        with contextlib.suppress(GalcatError):
            word = slurm_commands.word_of(self.slurm_job)
            if word is not None:  # else it is another cluster's, or long gone
                return word.alive and word.restarts <= self.restarts
        return None


@contextlib.contextmanager
def held(folder: Path, what: str, quiet_seconds: float = QUIET_SECONDS) -> Iterator[None]:
    """Hold a folder; touch the holder's file until the block ends.

    If the file is taken away meanwhile (this machine slept, and another took over) the main thread is
    interrupted, as by Ctrl-C.

    Parameters
    ----------
    folder : Path
        There already.
    what : str
        What is done there, for the error: "being trained".
    quiet_seconds : float
        A holder of whom nothing else is known, and who has not touched its file for so long, is dead.

    Raises
    ------
    GalcatError
        Another process holds it: which, where, since when.
    """
    path = _take(folder, what, quiet_seconds)
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(path, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        path.unlink(missing_ok=True)


def holder(folder: Path) -> Holder | None:
    """Return who holds a folder as its files say, dead or alive; None if nobody does."""
    files = _files(folder)
    return _read(files[-1]) if files else None


def is_held(folder: Path) -> bool:
    """Tell whether a living process holds a folder, as far as can be seen without waiting."""
    files = _files(folder)
    found = _read(files[-1]) if files else None
    alive = found.alive() if found else None
    if alive is not None or not files:
        return bool(alive)
    touched = _touched(files[-1])
    return touched is not None and time.time() - touched / 1e9 < QUIET_SECONDS


def _read(path: Path) -> Holder | None:
    """Return who a file names; None for one that is gone, or that is being written."""
    try:
        values: dict[str, Any] = json.loads(path.read_text())
        return Holder(_number(path), Process.from_dict(values.pop("process")), **values)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _take(folder: Path, what: str, quiet_seconds: float) -> Path:
    while True:
        files = _files(folder)
        if files and not _is_dead(files[-1], quiet_seconds):
            found = _read(files[-1])
            raise GalcatError(
                f"{folder} is {what} by {found.told() if found else 'another process'}; wait for "
                "it, stop it, or name another folder with -o"
            )
        number = _number(files[-1]) + 1 if files else 1
        path = folder / f"{PREFIX}{number:06d}"
        if not _make(path):
            continue
        if _files(folder)[-1] != path:
            # it was taken over from the one judged dead here, and the file left free, meanwhile
            path.unlink(missing_ok=True)
            continue
        for older in files:
            older.unlink(missing_ok=True)
        return path


def _make(path: Path) -> bool:
    """Make the holder's file; only one process of all machines can."""
    job, restarts = slurm_commands.job_here()
    values = {
        "process": Process.of(os.getpid()).to_dict(),
        "slurm_job": job,
        "restarts": restarts,
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    try:
        with path.open("x") as stream:
            stream.write(json.dumps(values))
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        return False
    return True


def _is_dead(path: Path, quiet_seconds: float) -> bool:
    """Tell whether a file's holder is gone; watch the file where nothing else can tell."""
    found = _read(path)
    alive = found.alive() if found else None
    if alive is not None:
        return not alive
    if found:
        print(
            f"{path.parent} was held by {found.told()}: looking for a sign of life of it, for "
            f"{quiet_seconds:.0f} s at most",
            file=sys.stderr,
            flush=True,
        )
    first, deadline = _touched(path), time.monotonic() + quiet_seconds
    while time.monotonic() < deadline:
        time.sleep(min(1.0, quiet_seconds / 10))
        if _touched(path) is None:  # it has ended, and said so
            return True
        if _touched(path) != first:
            return False
    return True


def _touched(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _beat(path: Path, ended: threading.Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        try:
            os.utime(path)
        except FileNotFoundError:
            print(f"{path.parent}: another process took over, this one stops", file=sys.stderr)
            _interrupt()
            return
        except OSError:  # a shared disk that is away for a moment
            continue


def _interrupt() -> None:
    """Interrupt the main thread, in whatever it waits for."""
    ignored = signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None)  # as behind nohup and &
    number = signal.SIGTERM if ignored else signal.SIGINT
    signal.pthread_kill(threading.main_thread().ident, number)


def _files(folder: Path) -> list[Path]:
    found = [p for p in folder.glob(f"{PREFIX}*") if re.fullmatch(r"\d{6,}", p.name[len(PREFIX) :])]
    return sorted(found, key=_number)


def _number(path: Path) -> int:
    return int(path.name.removeprefix(PREFIX))
