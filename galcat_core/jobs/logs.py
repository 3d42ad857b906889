"""What a job says, attempt after attempt, as far as it has said it or until it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from galcat_core.errors import GalcatError
from galcat_core.jobs.control import pause_seconds, state
from galcat_core.jobs.job import Job

READ_SECONDS = 0.5  # between two looks into the logs


def follow(job: Job, rank: int | None = None, following: bool = False) -> Iterator[bytes]:
    """Yield a job's log in pieces, of all its attempts; or that of one worker.

    Parameters
    ----------
    job : Job
    rank : int, optional
        A worker's number: what its libraries and errors say.
    following : bool
        Go on until the job is no longer live.

    Raises
    ------
    GalcatError
        The job has fewer workers, or there is no log of that worker.
    """
    workers = job.shape.workers
    if rank is not None and not 0 <= rank < workers:
        raise GalcatError(f"{job.id} has workers 0 to {workers - 1}, none of number {rank}")
    read: dict[Path, int] = {}
    began = look = time.monotonic()
    live = following
    while True:
        if live and time.monotonic() >= look:
            live = state(job).live  # first: what is said before the end is not missed
            look = time.monotonic() + pause_seconds(time.monotonic() - began)
        for path in files(job, rank):
            with path.open("rb") as stream:
                stream.seek(read.get(path, 0))
                text = stream.read()
            if text:
                read[path] = read.get(path, 0) + len(text)
                yield text
        if not live:
            break
        time.sleep(READ_SECONDS)
    if not read and rank is not None:
        raise GalcatError(
            f"worker {rank} of {job.id} has said nothing of its own; galcat jobs log {job.id} "
            "shows what the job says"
        )


def files(job: Job, rank: int | None = None) -> list[Path]:
    """Return the logs that there are, in the order of their making: the job's, or those of one worker."""
    found = []
    for submission in job.submissions:
        if rank is None:
            found.append(submission.log)
        attempts = [a for a in job.attempts if a.info["submission"] == submission.number]
        found += [a.log if rank is None else a.rank_log(rank) for a in attempts]
    return [path for path in found if path.is_file()]
