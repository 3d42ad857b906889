"""Jobs of any other batch system (PBS, LSF): a script made from your template, your commands; a twin of `slurm`.

The system's own requeueing is its own matter: a job that it starts again goes on, as every job does.
"""

from __future__ import annotations

import re
import shlex
import shutil
import string
import sys
from pathlib import Path

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.jobs import surroundings
from galcat_core.jobs.asking import Said, ask
from galcat_core.jobs.job import KILLED, Attempt, Job, State, Submission
from galcat_core.jobs.places import COMMANDS, Script

HEAD = "galcat_core.jobs.head"
ENDS_WITH_KEEPER = True  # the job, for who started it


def submit(job: Job, submission: Submission) -> None:
    """Write the script and hand it in.

    Raises
    ------
    GalcatError
        The template cannot be used, or the batch system refuses: its words.
    """
    submission.script.write_text(script(job, submission))
    said = _run(job, "submit", str(submission.script))
    if said.code:
        raise GalcatError(f"the job was not accepted: {said.told}")
    found = re.search(job.place.settings.number or r"(\S+)\s*$", said.out)
    if not found:
        raise GalcatError(
            f"'{_setting(job, 'submit')}' told no number of a job, but: {said.told}; see number in "
            "the file of places. The job may have been accepted"
        )
    submission.keep_id(found[1])


def state(job: Job, submission: Submission, attempt: Attempt | None) -> State | None:
    """Return the batch system's word on the job; None where the job's own end is the last word.

    A batch system that says something else than of a job that lives, or of one that is gone, is not
    guessed at.
    """
    if not submission.id or (attempt and attempt.end and attempt.end.name != KILLED):
        return None
    try:
        said = _run(job, "state", submission.id)
        live, gone = _setting(job, "live"), _setting(job, "gone")
    except GalcatError as error:
        return State("unknown", str(error))
    whole = f"{said.out}\n{said.aside}"
    if re.search(live, whole, re.MULTILINE):
        return State("running", nodes=attempt.process.host) if attempt else State("queued")
    if re.search(gone, whole, re.MULTILINE):
        return None
    return State("unknown", f"{said.told} (neither live nor gone, by the file of places)")


def cancel(job: Job, submission: Submission, attempt: Attempt | None) -> None:
    """End the job."""
    if submission.id:
        said = _run(job, "cancel", submission.id)
        if said.code and state(job, submission, attempt) is not None:
            raise GalcatError(f"{job.id} cannot be cancelled: {said.told}")


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


def lack(settings: Script, project: Path) -> str:
    """Tell what a place lacks to take jobs from this machine; nothing if it does not."""
    if not (project / Path(settings.template).expanduser()).is_file():
        return f"there is no template '{settings.template}'"
    for key in (*COMMANDS, "live", "gone"):
        value = getattr(settings, key)
        if not value:
            return f"it has no '{key}'"
        if key in COMMANDS and shutil.which(shlex.split(value)[0]) is None:
            return f"{key} = '{value}': there is no such command on this machine"
    return ""


def _setting(job: Job, which: str) -> str:
    value = getattr(job.place.settings, which)
    if not value:
        raise GalcatError(
            f"place '{job.place.name}' has no '{which}': galcat places --kind pbs (or lsf) -o FILE "
            "shows one"
        )
    return value


def _run(job: Job, which: str, argument: str) -> Said:
    """Run one of the place's commands on a script or a job's number."""
    # it runs where a batch system puts what the script names no place for
    return ask(
        [*shlex.split(_setting(job, which)), argument], surroundings.of_another(), job.project
    )
