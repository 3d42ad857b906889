"""The jobs of a project as the first page shows them: state, how far, last words; and the one that makes a project."""

from __future__ import annotations

import re
import shlex
import time
from dataclasses import dataclass, replace
from pathlib import Path

from galcat_app.state.inventory import shortly
from galcat_core import jobs
from galcat_core.demo import check_place
from galcat_core.errors import GalcatError, listed
from galcat_core.jobs.job import WHEN

SHOWN = 6  # the newest so many
TAIL_BYTES = 1 << 18
LINES = 12  # of a log, shown on demand
STEP = re.compile(r"^\[(\d+)/(\d+)\] (.+)$")  # what `galcat demo` says before each of its steps
PERCENT = re.compile(r"(\d+)%\|")  # of a progress bar
BAR = re.compile(r"\|[^|]*\|")
SIZES = {  # of the simulated survey -> arguments of `galcat demo`, and what is said of it
    "quick": (["--quick"], "a small sky and few epochs: a few minutes on two cores"),
    "whole": ([], "1,500 galaxies in both surveys and a network worth its name: about 10 minutes"),
}


@dataclass(frozen=True)
class Work:
    """One job.

    Attributes
    ----------
    id, state, reason, command, place, created : str
    live : bool
    step, steps : int
        Of a demonstration; 0 for other jobs.
    doing : str
        The name of the step.
    fraction : float or None
        Of what it is doing, by its progress bar.
    said : str
        The last line of its log.
    log : tuple of str
        The last lines.
    """

    id: str
    state: str
    reason: str
    command: str
    place: str
    created: str
    live: bool
    step: int = 0
    steps: int = 0
    doing: str = ""
    fraction: float | None = None
    said: str = ""
    log: tuple[str, ...] = ()

    @property
    def is_demo(self) -> bool:
        return self.command.startswith("galcat demo ")

    @property
    def can_go_on(self) -> bool:
        return self.state in ("failed", "cancelled", "interrupted")


def of_project(path: Path) -> list[Work]:
    """Return the newest jobs, the newest first; one whose files are broken is told, and hides no other."""
    whole, broken = jobs.look(path / "jobs")
    newest = whole[::-1][:SHOWN] + [*broken][:SHOWN]
    found = [_broken(job, broken[job]) if job in broken else _work(job) for job in newest]
    found = [replace(work, reason=shortly(work.reason, path)) for work in found]
    return sorted(found, key=lambda work: work.created, reverse=True)[:SHOWN]


def _work(job: jobs.Job) -> Work:
    try:
        return work_of(job)
    except (GalcatError, OSError, KeyError, TypeError, ValueError) as error:
        return _broken(job, str(error))


def _broken(job: jobs.Job, why: str) -> Work:
    file = job.folder / "job.json"
    made = time.localtime(file.stat().st_mtime if file.is_file() else None)
    return Work(job.id, "unreadable", why, "", "", time.strftime(WHEN, made), live=False)


def work_of(job: jobs.Job) -> Work:
    """Return what is known of a job now."""
    state, info = jobs.state(job), job.info
    lines = tail(job)
    step, steps, doing = _step(lines)
    said = lines[-1] if lines else ""
    percent = PERCENT.search(said)
    return Work(
        job.id,
        state.name,
        state.reason,
        shlex.join(job.command),
        job.place.name,
        info["created"],
        state.live,
        step,
        steps,
        doing,
        int(percent[1]) / 100 if percent else None,
        BAR.sub("", said),
        tuple(BAR.sub("", line) for line in lines[-LINES:]),
    )


def tail(job: jobs.Job) -> list[str]:
    """Return the last lines of a job's newest log, as a terminal would show them."""
    logs = [attempt.log for attempt in job.attempts]
    logs = [log for log in logs if log.is_file()] or [s.log for s in job.submissions]
    if not logs or not logs[-1].is_file():
        return []
    with logs[-1].open("rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - TAIL_BYTES))
        text = stream.read().decode(errors="replace")
    shown = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return [line for line in shown if line.strip()]


def _step(lines: list[str]) -> tuple[int, int, str]:
    for line in reversed(lines):
        if told := STEP.match(line):
            return int(told[1]), int(told[2]), told[3]
    return 0, 0, ""


def start_demo(path: Path, size: object) -> jobs.Job:
    """Start the simulated survey in a project folder, as a job of this machine.

    Raises
    ------
    GalcatError
        The size is unknown, a job makes it already, or something of somebody's own is in the folder.
    """
    if not isinstance(size, str) or size not in SIZES:
        raise GalcatError(f"there is no survey of size {size!r}; there are {listed(SIZES)}")
    check_place(path)
    command = ["galcat", "demo", "-o", ".", "--no-app", *SIZES[size][0]]
    return jobs.start(command, jobs.named("local"), out=".", project=path)


def find(path: Path, name: object) -> jobs.Job:
    """Return a job of the project by its name, whatever a browser sent."""
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name):
        raise GalcatError("a job is named as train-1 is")
    if name not in {job.id for job in jobs.jobs_of(path / "jobs")}:
        raise GalcatError(f"there is no job {name} in this project")
    return jobs.Job.open(path / "jobs" / name)
