"""Jobs of any other batch system (PBS, LSF): a script made from your template, your commands; a twin of `slurm`.

The system's own requeueing is its own matter: a job that it starts again goes on, as every job does.
"""

from __future__ import annotations

import shlex
import shutil
import string
import subprocess
import sys
from pathlib import Path

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.jobs.job import KILLED, Attempt, Job, State, Submission

HEAD = "galcat_core.jobs.head"
ENDS_WITH_KEEPER = True  # the job, for who started it
PATIENCE_SECONDS = 60


def submit(job: Job, submission: Submission) -> None:
    """Write the script and hand it in.

    Raises
    ------
    GalcatError
        The template cannot be used, or the batch system refuses: its words.
    """
    submission.script.write_text(script(job, submission))
    said = _run(job, "submit", str(submission.script)).stdout.split()
    if not said:
        raise GalcatError(f"'{_command(job, 'submit')}' printed no number of a job")
    submission.keep_id(said[-1])


def state(job: Job, submission: Submission, attempt: Attempt | None) -> State | None:
    """Return the batch system's word on the job; None where the job's own end is the last word."""
    if not submission.id or (attempt and attempt.end and attempt.end.name != KILLED):
        return None
    try:
        _run(job, "alive", submission.id)
    except Refused:
        return None
    except GalcatError as error:
        return State("unknown", str(error))
    return State("running", nodes=attempt.process.host) if attempt else State("queued")


def cancel(job: Job, submission: Submission, attempt: Attempt | None) -> None:
    """End the job."""
    if submission.id:
        _run(job, "cancel", submission.id)


def environment(job: Job) -> dict[str, str]:
    """Return what the job's command is told of the place."""
    return {}


def taken_away(attempt: Attempt) -> str:
    """Tell why the place is ending the job: only the batch system knows."""
    return ""


def queue_again(job: Job, attempt: Attempt) -> str:
    """Put the job back into the queue; return why that cannot be."""
    return "this batch system is not asked for it"


def sweep(attempt: Attempt) -> None:
    """End what an attempt left running elsewhere: the job has one node."""


def script(job: Job, submission: Submission) -> str:
    """Return the batch script: the template, filled in."""
    place = job.place.settings
    path = job.project / Path(place.template).expanduser()
    if not place.template or not path.is_file():
        raise GalcatError(
            f"template = '{place.template}': no such file; galcat places --kind pbs (or lsf) -o "
            "places.toml writes one to begin with"
        )
    head = [place.python or sys.executable, "-m", HEAD, str(job.folder), str(submission.number)]
    words = {
        "name": submission.name,
        "log": shlex.quote(str(submission.log)),
        "project": shlex.quote(str(job.project)),
        "tasks_per_node": job.shape.tasks_per_node,
        "command": f"exec {shlex.join(head)}",
    }
    try:
        made = string.Template(path.read_text()).substitute(words)
    except KeyError as error:
        name = str(error.args[0])
        raise GalcatError(
            f"{path}: there is no ${name}; legal are ${listed(words).replace(', ', ', $')}, and $$ "
            f"for a dollar sign.{nearest(name, words)}"
        ) from error
    except ValueError as error:
        raise GalcatError(f"{path}: {error}; write $$ for a dollar sign") from error
    if words["command"] not in made:
        raise GalcatError(f"{path}: has no $command in it, which runs the job")
    return made


class Refused(GalcatError):
    """The command ended badly."""


def _command(job: Job, which: str) -> str:
    command = getattr(job.place.settings, which)
    if not command:
        raise GalcatError(f"place '{job.place.name}' has no '{which}': a command, see CLUSTER.md")
    return command


def _run(job: Job, which: str, argument: str) -> subprocess.CompletedProcess:
    """Run one of the place's commands on a script or a job's number."""
    words = [*shlex.split(_command(job, which)), argument]
    if shutil.which(words[0]) is None:
        raise GalcatError(f"{which} = '{words[0]} ...': there is no such command on this machine")
    try:
        ended = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise GalcatError(f"{words[0]} has not answered for {PATIENCE_SECONDS} s") from error
    if ended.returncode:
        told = " ".join(ended.stderr.split()) or f"exit code {ended.returncode}"
        raise Refused(f"{words[0]}: {told}")
    return ended
