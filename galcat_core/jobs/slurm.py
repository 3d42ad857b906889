"""Jobs on a cluster run by Slurm, which does the queueing; the twin of `local`.

Slurm's commands are called as they are. Two launcher libraries were judged by running them on a Slurm
of two nodes without accounting. What submitit (1.5.4) runs is a pickle, of a command line too, and it
says UNKNOWN of a job that runs, since it asks sacct alone. psij-python (0.9.11) takes no option without
a value (--requeue), and a running job is QUEUED to it until it next asks, 30 s later. Both would leave
requeueing, the signal before the time limit and the launcher that died to be done here.
"""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextvars import ContextVar

from galcat_core.errors import GalcatError
from galcat_core.jobs import slurm_commands
from galcat_core.jobs.job import KILLED, Attempt, Job, State, Submission
from galcat_core.jobs.slurm_commands import Word

HEAD = "galcat_core.jobs.head"
ENDS_WITH_KEEPER = True  # the job, for who started it
SHAPE = "GALCAT_SRUN"  # "nodes tasks_per_node interface": workers are started by srun
STEP = "galcat"  # what the workers that srun starts are called in Slurm
TALK = "GALCAT_TALK"  # how they meet, if the place says so
SWEEP_SECONDS = 60.0  # for Slurm to end workers that were left over
# Slurm's reasons for which a job waits forever
NEVER = (
    "PartitionConfig",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
    "BadConstraints",
    "InvalidAccount",
    "InvalidQOS",
    "AccountNotAllowed",
    "QOSNotAllowed",
    "AssocMaxWallDurationPerJobLimit",
    "AssocMaxNodePerJobLimit",
)
_seen: ContextVar[dict[str, Word] | None] = ContextVar("seen", default=None)


def submit(job: Job, submission: Submission) -> None:
    """Hand the job in.

    Raises
    ------
    GalcatError
        Slurm refuses it: its words, and what is legal where that can be told.
    """
    place = job.place.settings
    seconds = _seconds(place.time)
    if seconds is not None and seconds <= place.signal_seconds:
        raise GalcatError(
            f"time = '{place.time}' is not more than signal_seconds = {place.signal_seconds}: the "
            "job would go back into the queue as soon as it runs; give it more time"
        )
    submission.script.write_text(script(job, submission))
    submission.keep_id(slurm_commands.submit(submission.script, place.partition))


def state(job: Job, submission: Submission, attempt: Attempt | None) -> State | None:
    """Return Slurm's word on the job; None where the job's own end is the last word."""
    try:
        number = submission.id or slurm_commands.number_of(submission.name)
        if not number:
            return None
        if not submission.id:  # whoever handed it in was killed before it could write the number
            submission.keep_id(number)
        word = (_seen.get() or {}).get(number) or slurm_commands.word_of(number)
    except slurm_commands.Unreachable as error:
        return State("unknown", str(error))
    if word is None:
        return State("interrupted", "Slurm has forgotten it and it left no end")
    if word.queued:
        return State("queued", _told(word, number))
    if word.alive:
        end = attempt.end if attempt and attempt.info["restarts"] == word.restarts else None
        if end is None or end.name == KILLED:
            return State("running", nodes=word.nodes)
        again = end.name == "requeued"  # this moment
        return State("queued", f"{end.reason}, it is being requeued") if again else None
    if word.state == "COMPLETED":  # its head ends with 0 only after a good end
        return State("finished")
    if word.state == "CANCELLED":
        return State("cancelled")
    return State("interrupted", f"{_ended(word)}; galcat jobs resume goes on")


def cancel(job: Job, submission: Submission, attempt: Attempt | None) -> None:
    """Take the job out of the queue, or end it."""
    number = submission.id or slurm_commands.number_of(submission.name)
    if number:
        slurm_commands.cancel(number)


def environment(job: Job) -> dict[str, str]:
    """Return what the job's command is told of the place: how its workers are spread."""
    shape, place = job.shape, job.place.settings
    spread = f"{shape.nodes} {shape.tasks_per_node} {place.interface}".strip()
    return {SHAPE: spread, TALK: place.talk}


def taken_away(attempt: Attempt) -> str:
    """Tell why Slurm is ending the job; nothing if it is not."""
    try:
        word = slurm_commands.word_of(attempt.info["slurm_job"])
    except GalcatError:
        return ""
    if word is None or word.state in ("RUNNING", "CONFIGURING"):
        return ""
    return f"Slurm takes it away ({word.state})"


def queue_again(job: Job, attempt: Attempt) -> str:
    """Put the running job back into the queue, which ends this process; return why that cannot be."""
    times, most = attempt.info["restarts"], job.place.settings.requeues
    if times >= most:
        return f"it has been requeued {times} times, and requeues = {most}"
    try:
        slurm_commands.requeue(attempt.info["slurm_job"])
    except GalcatError as error:
        return str(error)
    return ""


def sweep(attempt: Attempt) -> None:
    """End the workers that an attempt left running on the nodes of this job."""
    number, restarts = slurm_commands.job_here()
    if (attempt.info["slurm_job"], attempt.info["restarts"]) != (number, restarts):
        return  # Slurm has ended them with their job
    deadline = time.monotonic() + SWEEP_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(GalcatError):  # one that has ended this moment, a busy controller
            steps = slurm_commands.steps(number, STEP)
            if not steps:
                return
            for step in steps:
                slurm_commands.cancel(step)
        time.sleep(1.0)


@contextlib.contextmanager
def one_look() -> Iterator[None]:
    """Ask the queue once for all states that are asked for in the block."""
    seen = {}
    if slurm_commands.is_here():
        with contextlib.suppress(GalcatError):
            seen = slurm_commands.words()
    token = _seen.set(seen or None)
    try:
        yield
    finally:
        _seen.reset(token)


def script(job: Job, submission: Submission) -> str:
    """Return the batch script."""
    place, shape = job.place.settings, job.shape
    gpus = ":".join(part for part in ("gpu", place.gpu_type, str(place.gpus_per_node)) if part)
    options = {
        "job-name": submission.name,
        "partition": place.partition,
        "nodes": shape.nodes,
        "ntasks-per-node": shape.tasks_per_node,
        "gres": gpus if place.gpus_per_node else "",
        "cpus-per-task": place.cpus_per_task or "",
        "mem": place.memory_per_node,
        "time": place.time,
        "account": place.account,
        "qos": place.qos,
        "chdir": job.project,
        "output": submission.log,
        "open-mode": "append",
        # to this script alone, which hands it on; Slurm may send it up to a minute early
        "signal": f"B:USR1@{place.signal_seconds}",
    }
    lines = [f"#SBATCH --{key}={_quoted(value)}" for key, value in options.items() if value != ""]
    lines += ["#SBATCH --requeue", *(f"#SBATCH {option}" for option in place.sbatch)]
    modules = [f"module load {shlex.quote(name)}" for name in place.modules]
    head = [place.python or sys.executable, "-m", HEAD, str(job.folder), str(submission.number)]
    return "\n".join(
        ["#!/bin/bash -l", *lines, *modules, *place.commands, f"exec {shlex.join(head)}", ""]
    )


def _seconds(time: str) -> int | None:
    """Return the seconds of Slurm's "90", "90:30", "1:30:00", "2-12", "2-12:30"; None without a limit."""
    days, dash, rest = time.rpartition("-")
    parts = rest.split(":")
    if not all(part.isdigit() for part in [*parts, days or "0"]):
        return None  # "UNLIMITED"
    numbers = [int(part) for part in parts]
    if dash:
        hours, minutes, seconds = (*numbers, 0, 0)[:3]
    elif len(numbers) == 3:
        hours, minutes, seconds = numbers
    else:
        hours, minutes, seconds = 0, numbers[0], (*numbers, 0)[1]
    return 86400 * int(days or 0) + 3600 * hours + 60 * minutes + seconds


def _quoted(value: object) -> str:
    return f'"{value}"' if any(sign in str(value) for sign in " '\"") else str(value)


def _ended(word: Word) -> str:
    told = {
        "TIMEOUT": "its time was up",
        "NODE_FAIL": "a node failed",
        "OUT_OF_MEMORY": "its memory was full (memory_per_node)",
        "PREEMPTED": "it had to make room for another job",
    }
    if word.state in told:
        return told[word.state]
    if word.code < 0:
        return f"its batch script was killed by {signal.Signals(-word.code).name}"
    return f"Slurm ended it: {word.state}" + (f", {word.reason}" if word.reason else "")


def _told(word: Word, number: str) -> str:
    """Return why a job waits, in words for the reasons that are met most."""
    if word.reason.strip("()") in NEVER:
        return (
            f"{word.reason}: it will never start as it is, the partition does not give so many "
            "nodes, so much time or the like; cancel it and ask for less"
        )
    if "held" in word.reason.casefold():
        return (
            f"{word.reason}: Slurm holds it; once the reason is mended, scontrol release {number} "
            "lets it start, else cancel it"
        )
    told = {
        "Resources": "waits for free nodes",
        "Priority": "waits behind jobs of higher priority",
        "BeginTime": "was requeued, and waits for its next start",
        "ReqNodeNotAvail": "its nodes are down or reserved",
    }.get(word.reason.split(",")[0].strip("()"), word.reason)
    again = f"; requeued {word.restarts} times" if word.restarts else ""
    return f"{told}{again}"
