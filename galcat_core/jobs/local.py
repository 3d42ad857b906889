"""Jobs on this machine: a process that is detached from whoever starts it; the twin of `slurm`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

from galcat_core.errors import GalcatError
from galcat_core.jobs import lease
from galcat_core.jobs.job import Attempt, Job, State, Submission

HEAD = "galcat_core.jobs.head"


def submit(job: Job, submission: Submission) -> None:
    """Start the job's head, in a session of its own; return when it holds the job.

    Raises
    ------
    GalcatError
        It did not come up: its last words.
    """
    command = [sys.executable, "-m", HEAD, str(job.folder), str(submission.number), "--detach"]
    with submission.log.open("ab") as log:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode
    if code:
        lines = submission.log.read_text(errors="replace").split("\n")
        told = next((line for line in reversed(lines) if line.strip()), f"exit code {code}")
        raise GalcatError(f"{job.id} did not start: {told}")


def state(job: Job, submission: Submission, attempt: Attempt | None) -> State | None:
    """Return the state as far as processes show it; None where the job's files have the last word."""
    if attempt is None or attempt.end:
        return None
    process = attempt.process
    alive = process.alive()
    if alive is None and lease.is_held(job.folder):
        return State("running", "by its last sign of life", process.host)
    return State("running", nodes=process.host) if alive else None


def cancel(job: Job, submission: Submission, attempt: Attempt | None) -> None:
    """Ask the job's head to end, which ends all others."""
    process = attempt.process if attempt else None
    if process and process.alive() is None:
        raise GalcatError(f"{job.id} runs on {process.host}: cancel it there")
    if process and process.alive():
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
