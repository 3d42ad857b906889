"""All trainings of a project, past and present: its jobs, and the runs that no job made; and their states."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galcat_app.state.training_inputs import Finder
from galcat_core import jobs
from galcat_core.errors import GalcatError
from galcat_core.jobs.folder import FOLDER
from galcat_core.jobs.job import Job, State
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
        "train", or what else the job does.
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
    def live(self) -> bool:
        return self.state.live

    @property
    def resumable(self) -> bool:
        """Whether it may be handed in again."""
        return not self.live and self.state.name != "finished"


class Lister:
    """Lists a project's trainings; what cannot have changed since the last look is not read again."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self.path = finder.path
        self._jobs: dict[Path, dict[str, Any]] = {}  # what job.json says never changes
        self._states: dict[Path, tuple[tuple, float, State]] = {}

    def look(self) -> tuple[list[Training], list[str]]:
        """Return the trainings, the newest first, and what cannot be read."""
        found, made, broken = [], set(), []
        there = self._there(broken)
        for job, state in self._states_of(there, broken):
            training = self._of_job(job, state)
            found.append(training)
            if job.out:
                made.add(job.out.resolve())
        for folder in self.finder.runs():
            if (self.path / folder).resolve() not in made:
                found.append(self._of_run(folder))
        return sorted(found, key=lambda t: (t.began, t.key), reverse=True), broken

    def forget(self, job: Job) -> None:
        """Look anew at a job that was just acted on."""
        self._states.pop(job.folder, None)

    def _there(self, broken: list[str]) -> list[Job]:
        """Return the jobs that can be read; a folder without job.json is a start that was killed."""
        found = []
        for file in sorted((self.path / FOLDER).glob("*/job.json")):
            job = Job(file.parent.absolute())
            try:
                if job.folder not in self._jobs:
                    told = dict(job.info, shape=job.shape, place=job.place)
                    told["began"] = time.mktime(time.strptime(told["created"], "%Y-%m-%d %H:%M:%S"))
                    self._jobs[job.folder] = told
                found.append(job)
            except (GalcatError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                broken.append(f"{FOLDER}/{job.id} cannot be read ({type(error).__name__}): {error}")
        return found

    def _states_of(self, there: list[Job], broken: list[str]) -> list[tuple[Job, State]]:
        """Return jobs with their states; batch systems are asked seldom, and once for all jobs."""
        stamps = {job.folder: _stamp(job) for job in there}
        asked = [job for job in there if not self._known(job, stamps[job.folder])]
        try:
            news = jobs.states(asked)
        except (GalcatError, OSError, ValueError, KeyError, TypeError):
            news = [(job, self._state(job)) for job in asked]  # one of them is broken: one by one
        for job, state in news:
            self._states[job.folder] = stamps[job.folder], time.monotonic(), state
        return [(job, self._states[job.folder][2]) for job in there]

    def _state(self, job: Job) -> State:
        try:
            return jobs.state(job)
        except (GalcatError, OSError, ValueError, KeyError, TypeError) as error:
            return State("interrupted", f"its files cannot be read: {error}")

    def _known(self, job: Job, stamp: tuple) -> bool:
        """Tell whether a job's state need not be asked for."""
        was, when, state = self._states.get(job.folder, (None, 0.0, State("unknown")))
        if was != stamp:
            return False
        if state.name in FINAL:
            return True
        local = self._jobs[job.folder]["place"].kind == LOCAL
        return not local and time.monotonic() - when < SCHEDULER_SECONDS

    def _of_job(self, job: Job, state: State) -> Training:
        told = self._jobs[job.folder]
        verb = told["command"][1] if told["command"][0] == "galcat" else told["command"][2]
        run = job.out if job.out and (job.out / "run.json").is_file() else None
        return Training(
            f"job:{job.id}",
            Path(told["out"]).name if told["out"] else job.id,
            verb,
            job,
            run,
            state,
            told["place"].name,
            told["place"].kind,
            told["shape"].workers,
            told["shape"].nodes,
            told["began"],
        )

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
