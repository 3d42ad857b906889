"""Jobs on this machine: a process that is detached from whoever starts it; the twin of `slurm`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

from galcat_core.errors import GalcatError
from galcat_core.jobs import lease, surroundings
from galcat_core.jobs.job import KILLED, Attempt, Job, State, Submission

HEAD = "galcat_core.jobs.head"
ENDS_WITH_KEEPER = False  # the job, for who started it


def submit(job: Job, submission: Submission) -> None:
    """Start the job's head, in a session of its own; return when it holds the job.

    Raises
    ------
    GalcatError
        It did not come up: its last words.
    """
    command = [sys.executable, "-m", HEAD, str(job.folder), str(submission.number), "--detach"]
    with submission.log.open("ab") as log:
        told = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        code = subprocess.run(command, env=surroundings.of_another(), **told).returncode
    if code:
        lines = submission.log.read_text(errors="replace").split("\n")
        told = next((line for line in reversed(lines) if line.strip()), f"exit code {code}")
        raise GalcatError(f"{job.id} did not start: {told}")


def state(job: Job, submission: Submission, attempt: Attempt | None) -> State | None:
    """Return the state as far as processes show it; None where the job's files have the last word."""
    if attempt is None or (attempt.end and attempt.end.name != KILLED):
        return None
    where = attempt.process.host
    alive = {process.alive() for process in (attempt.process, attempt.keeper)}
    if alive == {None} and lease.is_held(job.folder):
        return State("running", "by its last sign of life", where)
    return State("running", nodes=where) if True in alive else None


def cancel(job: Job, submission: Submission, attempt: Attempt | None) -> None:
    """Ask the job's head to end, which ends all others, and its keeper, which would start another."""
    for process in (attempt.keeper, attempt.process) if attempt else ():
        if process.alive() is None:
            raise GalcatError(f"{job.id} runs on {process.host}: cancel it there")
        if process.alive():
            with contextlib.suppress(ProcessLookupError):  # it has ended this moment
                os.kill(process.pid, signal.SIGTERM)


def environment(job: Job) -> dict[str, str]:
    """Return what the job's command is told of the place."""
    return {}


def taken_away(attempt: Attempt) -> str:
    """Tell why the place is ending the job: this machine never does."""
    return ""


def queue_again(job: Job, attempt: Attempt) -> str:
    """Put the job back into the queue; return why that cannot be: there is none."""
    return "this machine has no queue"


def sweep(attempt: Attempt) -> None:
    """End what an attempt left running elsewhere: there is no elsewhere."""
