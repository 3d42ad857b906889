"""Start the training of a checked form, or go on with a run that no job made, as a job."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from galcat_app.state.training.form import Checked
from galcat_app.state.training.inputs import Finder
from galcat_app.state.training.listing import LOCAL
from galcat_core import jobs
from galcat_core.errors import GalcatError
from galcat_core.runs import Run
from galcat_core.stages.jobs import start_train


def start_checked(checked: Checked, finder: Finder) -> jobs.Job:
    """Start a training as `galcat train ... --on PLACE` does, into a folder that is new.

    Raises
    ------
    GalcatError
        The folder is there by now, or the place does not take the job.
    """
    told = checked.values
    with _reserved(finder.path / checked.out):
        return start_train(
            told["store"],
            told["split"],
            checked.out,
            checked.config,
            checked.place.name,
            nodes=checked.shape.nodes,
            tasks_per_node=checked.shape.tasks_per_node,
            places=finder.places_file(),
            parent=told["parent"] or None,
            project=finder.path,
        )


def go_on_with(run: Run, finder: Finder) -> jobs.Job:
    """Go on with an interrupted run on this machine, with the settings and inputs that it tells.

    Raises
    ------
    GalcatError
        Its folder does not tell them, they are gone, or it is being trained.
    """
    info = run.info
    if not (info.get("split") or {}).get("path"):
        raise GalcatError(
            f"{run.name} was not begun with a file of sets: go on with it where it was begun"
        )
    inputs = {
        name: os.path.relpath(os.path.normpath(run.folder / info[name]["path"]), finder.path)
        for name in ("store", "split", "parent")
        if info.get(name)
    }
    return start_train(
        inputs["store"],
        inputs["split"],
        os.path.relpath(run.folder, finder.path),
        run.config,
        LOCAL,
        workers=info["workers"],
        parent=inputs.get("parent"),
        project=finder.path,
    )


@contextlib.contextmanager
def _reserved(folder: Path) -> Iterator[None]:
    """Make a run's folder, which only one can; take it away again if nothing was started in it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except FileExistsError as error:
        raise GalcatError(
            f"Nothing was started: {folder.parent.name}/{folder.name} is there already; name another"
        ) from error
    except OSError as error:
        raise GalcatError(
            f"Nothing was started: {folder} cannot be made ({error.strerror})"
        ) from error
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise
