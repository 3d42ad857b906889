"""All trainings of a project, past and present: its jobs, and the runs that no job made; and their states."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galcat_app.state.inventory import shortly
from galcat_app.state.training.inputs import Finder
from galcat_core import jobs
from galcat_core.errors import GalcatError
from galcat_core.jobs.folder import FOLDER
from galcat_core.jobs.job import WHEN, Job, State
from galcat_core.runs import Run

SCHEDULER_SECONDS = 15.0  # between two questions to a batch system about a job that has not stirred
FINAL = ("finished", "failed", "cancelled")  # only a new start changes them
LIVE = ("queued", "running", "unknown")
LOCAL = "local"


@dataclass(frozen=True)
class Training:
    """One line of the list.

    Attributes
    ----------
    key : str
        "job:train-1", or "run:runs/sdss" of a run without a job.
    title : str
        What it makes, or the job's name.
    verb : str
        "train", or what else the job does; empty where that cannot be read.
    job : Job or None
    folder : Path or None
        Of the run, where there is one by now.
    state : State
    place : str
    kind : str
        Of the place.
    workers : int
    nodes : int
    began : float
        When it was made, seconds since 1970.
    """

    key: str
    title: str
    verb: str
    job: Job | None
    folder: Path | None
    state: State
    place: str
    kind: str
    workers: int
    nodes: int
    began: float

    @property
    def name(self) -> str:
        """The title, and what it does where that is no training."""
        return f"{self.verb}: {self.title}" if self.verb not in ("", "train") else self.title

    @property
    def live(self) -> bool:
        return self.state.live

    @property
    def resumable(self) -> bool:
        """Whether it may be handed in again."""
        return not self.live and self.state.name not in ("finished", "unreadable")


class Lister:
    """Lists a project's trainings; what cannot have changed since the last look is not read again."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self.path = finder.path
        self._states: dict[Path, tuple[tuple, float, State]] = {}

    def look(self) -> list[Training]:
        """Return the trainings, the newest first; a job that cannot be read is one of them, and hides none."""
        found, made = [], set()
        there, broken = self._there()
        for job, state in self._states_of(there):
            told = there[job]
            found.append(_of_job(job, told, state))
            if told["makes"]:
                made.add(told["makes"].resolve())
        found += [_of_broken(job, shortly(why, self.path)) for job, why in broken.items()]
        for folder in self.finder.runs():
            if (self.path / folder).resolve() not in made:
                found.append(self._of_run(folder))
        return sorted(found, key=lambda t: (t.began, t.key), reverse=True)

    def forget(self, job: Job) -> None:
        """Look anew at a job that was just acted on."""
        self._states.pop(job.folder, None)

    def _there(self) -> tuple[dict[Job, dict[str, Any]], dict[Job, str]]:
        """Return what the jobs say of themselves; and those that cannot be read, with why not."""
        found, broken = {}, {}
        for file in sorted((self.path / FOLDER).glob("*/job.json")):
            job = Job(file.parent.absolute())
            try:
                found[job] = self.finder.kept("job", file, _told_by)
            except (GalcatError, OSError) as error:
                broken[job] = str(error)
        return found, broken

    def _states_of(self, there: dict[Job, dict[str, Any]]) -> list[tuple[Job, State]]:
        """Return jobs with their states; batch systems are asked seldom, and once for all jobs."""
        stamps = {job.folder: _stamp(job) for job in there}
        asked = [job for job in there if not self._known(job, there[job], stamps[job.folder])]
        for job, state in jobs.states(asked):
            self._states[job.folder] = stamps[job.folder], time.monotonic(), state
        return [(job, self._states[job.folder][2]) for job in there]

    def _known(self, job: Job, told: dict[str, Any], stamp: tuple) -> bool:
        """Tell whether a job's state need not be asked for."""
        was, when, state = self._states.get(job.folder, (None, 0.0, State("unknown")))
        if was != stamp:
            return False
        if state.name in FINAL:
            return True
        return told["place"].kind != LOCAL and time.monotonic() - when < SCHEDULER_SECONDS

    def _of_run(self, folder: Path) -> Training:
        run = Run(self.path / folder)
        try:
            status, workers = (
                run.status,
                self.finder.kept("workers", run.folder / "run.json", _workers),
            )
            reason = "" if status != "interrupted" else "its process ended before it was done"
        except (GalcatError, OSError) as error:
            status, workers, reason = "failed", 1, str(error)
        began = (run.folder / "run.json").stat().st_mtime
        state = State(status, reason)
        key, name = (
            f"run:{folder}",
            str(folder.relative_to("runs")) if folder.parts[0] == "runs" else str(folder),
        )
        return Training(key, name, "train", None, run.folder, state, "", "", workers, 1, began)


def _told_by(file: Path) -> dict[str, Any]:
    """Return what a job.json says, its place and shape as objects."""
    job = Job(file.parent)
    job.check()
    info = job.info
    began = time.mktime(time.strptime(info["created"], WHEN))
    return {**info, "place": job.place, "shape": job.shape, "makes": job.out, "began": began}


def _of_job(job: Job, told: dict[str, Any], state: State) -> Training:
    makes: Path | None = told["makes"]
    return Training(
        f"job:{job.id}",
        makes.name if makes else job.id,
        _verb(told["command"]),
        job,
        makes if makes and (makes / "run.json").is_file() else None,
        state,
        told["place"].name,
        told["place"].kind,
        told["shape"].workers,
        told["shape"].nodes,
        told["began"],
    )


def _verb(command: list[str]) -> str:
    return command[1] if command[0] == "galcat" else command[1:3][-1]  # python -m MODULE


def _of_broken(job: Job, why: str) -> Training:
    file, state = job.folder / "job.json", State("unreadable", why)
    began = file.stat().st_mtime if file.is_file() else time.time()
    return Training(f"job:{job.id}", job.id, "", job, None, state, "", "", 1, 1, began)


def _workers(path: Path) -> int:
    workers = Run(path.parent).info.get("workers", 1)
    return workers if isinstance(workers, int) else 1


def _stamp(job: Job) -> tuple:
    """Return what changes when a job is handed in again, or begins or ends an attempt."""
    seen = []
    attempts = sorted((job.folder / "attempts").glob("*"))[-1:]
    for folder in (job.folder, job.folder / "attempts", *attempts):
        try:
            seen.append(folder.stat().st_mtime_ns)
        except OSError:
            seen.append(0)
    return tuple(seen)
