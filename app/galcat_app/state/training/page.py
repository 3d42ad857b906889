"""The state of the Training page: the form of a new training, all trainings, the one that is looked at."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import traitlets

from galcat_app.state.folder import DEMO, Notice
from galcat_app.state.training.checks import check
from galcat_app.state.training.course import Course, course
from galcat_app.state.training.drafting import Drafting
from galcat_app.state.training.form import Draft
from galcat_app.state.training.galaxies import count
from galcat_app.state.training.inputs import Finder, Inputs
from galcat_app.state.training.listing import LOCAL, Lister, Training
from galcat_app.state.training.log import Log, sources, tail
from galcat_app.state.training.results import Results, results
from galcat_app.state.training.starts import go_on_with, start_checked
from galcat_core import jobs
from galcat_core.errors import GalcatError, listed
from galcat_core.runs import Run

INPUTS_SECONDS = 6.0  # between two looks at what may be chosen
FIRST = "first"  # selected before anything was: the newest live training, else the form
FORM = ""


@dataclass(frozen=True)
class Shown:
    """The project, as the pages' frame asks for it."""

    path: Path
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Detail:
    """What is shown of one training."""

    training: Training
    course: Course | None
    log: Log
    logs: tuple[str, ...]
    log_of: str
    results: Results


@dataclass(frozen=True)
class Look:
    """What was seen at one look at the files."""

    trainings: tuple[Training, ...]
    inputs: Inputs
    detail: Detail | None
    selected: str


class TrainingState(Drafting):
    """Everything the Training page shows; the views observe it and call its methods.

    What takes longer than a moment (`look`, `count`, `start`, `cancel`, `resume`, `go_on`) changes
    nothing here and may run in a thread of its own; `show`, `take` and the others are for the thread
    that owns the traits.

    Parameters
    ----------
    path : str or Path
        The project folder.

    Attributes
    ----------
    project : Shown or None
    notice : Notice or None
        What stands in the page while there is no project.
    remark : str
        The last thing to tell the user.
    trainings : tuple of Training
    selected : str
        Key of the training that is looked at; "" for the form.
    detail : Detail or None
    log_of : str
        Whose log is shown: "job", or a worker's number.
    """

    project = traitlets.Any(None, allow_none=True)
    notice = traitlets.Any(None, allow_none=True)
    remark = traitlets.Unicode("")
    trainings = traitlets.Any(())
    selected = traitlets.Unicode(FIRST)
    detail = traitlets.Any(None, allow_none=True)
    log_of = traitlets.Unicode("job")

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path).expanduser().absolute()
        self.finder = Finder(self.path)
        self.lister = Lister(self.finder)
        self.draft = Draft()
        self.inputs = Inputs()
        self._inputs_seen = -INPUTS_SECONDS
        self.refresh()

    # ---- the project ------------------------------------------------------------------------

    def stale(self) -> bool:
        """Tell whether the page must be reloaded: never, it looks by itself."""
        return False

    def refresh(self) -> bool:
        """Look whether there is a project now; return whether that changed."""
        there = self.path.is_dir()
        if there == (self.project is not None) and (there or self.notice is not None):
            return False
        if there:
            self.notice, self.project = None, Shown(self.path)
            self.show(self.look())
        else:
            self.project, self.notice = None, _no_project(self.path)
        return True

    @property
    def counts(self) -> list[tuple[str, str]]:
        """What the header tells: ("2", "running"), ("14", "trainings")."""
        live = sum(t.live for t in self.trainings)
        told = [(live, "running")] if live else []
        told.append((len(self.trainings), "training" if len(self.trainings) == 1 else "trainings"))
        return [(f"{number:,}", name) for number, name in told]

    # ---- looking ----------------------------------------------------------------------------

    def look(self) -> Look:
        """Read the project's files; nothing of the state is changed."""
        trainings = self.lister.look()
        inputs = self.inputs
        if time.monotonic() - self._inputs_seen > INPUTS_SECONDS:
            inputs, self._inputs_seen = self.finder.inputs(), time.monotonic()
        selected = self.selected
        if selected == FIRST:
            selected = next((t.key for t in trainings if t.live), FORM)
        chosen = _by_key(trainings, selected)
        detail = self._detail(chosen, inputs) if chosen else None
        return Look(tuple(trainings), inputs, detail, selected)

    def show(self, look: Look) -> None:
        """Show what was seen; a selection that was made meanwhile stands."""
        if self.selected in (FIRST, look.selected):
            self.selected, self.detail = look.selected, look.detail
        if look.inputs != self.inputs or self.checked is None:
            self.inputs = look.inputs
            self.check()
        remarks = (look.inputs.problem,) if look.inputs.problem else ()
        if self.project.remarks != remarks:
            self.project = Shown(self.path, remarks)
        self.trainings = look.trainings

    def begin(self) -> None:
        """Choose anew what is looked at first: the page may have been made long before it is seen."""
        if self.selected == FORM and not self.draft.texts:
            self.selected = FIRST

    @property
    def live(self) -> bool:
        """Whether anything runs or waits."""
        return any(t.live for t in self.trainings)

    def _detail(self, training: Training, inputs: Inputs) -> Detail:
        run = training.folder
        found = (
            course(self.finder, run, training.live) if run and training.verb == "train" else None
        )
        logs = sources(training.job, run)
        log_of = self.log_of if self.log_of in logs else next(iter(logs), "job")
        text = tail(logs[log_of], self.path) if logs else Log("", False, "")
        made = Results()
        if found and found.report and not found.problem:
            with contextlib.suppress(GalcatError, OSError, ValueError, KeyError, TypeError):
                made = results(self.finder, Run(run), inputs.stores)
        return Detail(training, found, text, tuple(logs), log_of, made)

    # ---- the list ---------------------------------------------------------------------------

    def training(self, key: Any) -> Training:
        """Return a training by its key.

        Raises
        ------
        GalcatError
            There is none of that key.
        """
        found = _by_key(self.trainings, key)
        if found is None:
            raise GalcatError("there is no such training here any more; choose one of the list")
        return found

    def select(self, key: Any) -> None:
        """Look at a training, or at the form."""
        if key != FORM:
            self.training(key)
        if key != self.selected:
            self.log_of, self.selected = "job", key

    def take_settings_of(self, key: Any) -> None:
        """Fill the form with the settings and inputs of a run, and look at it."""
        found = self.training(key)
        if found.folder is None:
            raise GalcatError(f"{found.title} has no run folder yet, which tells its settings")
        self.take_settings(Run.open(found.folder))
        self.selected = FORM

    def choose_log(self, name: Any) -> None:
        """Show another log of the training that is looked at."""
        if self.detail is None or name not in self.detail.logs:
            raise GalcatError("there is no such log; choose one of the list")
        self.log_of = name

    # ---- jobs -------------------------------------------------------------------------------

    def start(self) -> str:
        """Start the training of the form; return the key of its job.

        Raises
        ------
        GalcatError
            Something in the form is wrong, the run is there by now, or the place does not take it.
        """
        checked = check(self.draft, self.finder.inputs(), self.path)
        wrong = checked.errors or count(self.finder, checked).errors
        if wrong:
            raise GalcatError(f"Nothing was started: {next(iter(wrong.values()))}")
        return f"job:{start_checked(checked, self.finder).id}"

    def started(self, key: str) -> None:
        """Look at what was just started; the form forgets its name, which is taken now."""
        self.draft.inputs["name"] = ""
        self.check()
        self.log_of, self.selected = "job", key

    def cancel(self, key: Any) -> None:
        """End a training, and wait until it has ended."""
        found = self.training(key)
        if found.job is None:
            raise GalcatError(
                f"{found.title} was started in a terminal, not as a job: end it there, with Ctrl-C"
            )
        jobs.cancel(found.job)
        self.lister.forget(found.job)

    def resume(self, key: Any) -> str:
        """Hand a training in again, or go on with a run as a job; return the key of the job."""
        found = self.training(key)
        if found.job is not None:
            jobs.resume(found.job)
            self.lister.forget(found.job)
            return found.key
        return f"job:{go_on_with(Run.open(found.folder), self.finder).id}"

    def go_on(self, key: Any, step: Any) -> str:
        """Start a next step of a finished run as a job here; return the key of the job."""
        found = self.training(key)
        steps = {s.key: s for s in self.detail.results.steps} if self.detail else {}
        if self.detail is None or self.detail.training.key != found.key or step not in steps:
            raise GalcatError(f"there is no such step; there are {listed(steps)}")
        chosen = steps[step]
        if (self.path / chosen.out).exists():
            raise GalcatError(f"{chosen.out} is there already")
        places, _ = self.finder.places()
        job = jobs.start(
            chosen.words,
            places[LOCAL],
            nodes=1,
            tasks_per_node=1,
            out=chosen.out,
            project=self.path,
        )
        return f"job:{job.id}"


def _by_key(trainings: Any, key: Any) -> Training | None:
    return next((t for t in trainings if t.key == key), None)


def _no_project(path: Path) -> Notice:
    return Notice(
        "There is no such project",
        f"The folder {path} does not exist. Make it with a first project, or start the page with the "
        "folder of another one: galcat app FOLDER",
        ((DEMO[0].format(project=path), DEMO[1]),),
    )
