"""Repeating on files: a finished run's folder -> the same training in a new folder, and how the two compare."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core.errors import GalcatError, listed
from galcat_core.runs import BOX
from galcat_core.stages.work import need, say

if TYPE_CHECKING:
    from galcat_core.training.sameness import Sameness

FILE = "repeat.json"  # in the new run's folder


def repeat(
    run: str | Path,
    out: str | Path,
    *,
    store: str | Path | None = None,
    split: str | Path | None = None,
    parent: str | Path | None = None,
    kept: bool = False,
) -> Sameness:
    """Train a run once more from what its folder tells; show, and write, whether it came to the same.

    Parameters
    ----------
    run : path
        Folder of a finished run.
    out : path
        Folder of the repetition: a run like any other, and `repeat.json` with the comparison.
    store, split, parent : path, optional
        New places of inputs that have moved.
    kept : bool
        Take the galaxies and the first weights that the run's folder keeps, whatever became of the
        split and the parent.

    Raises
    ------
    GalcatError
        As `training.repeat.inputs_of` and `training.repeat.repeat`; or the repetition did not come to
        the same.
    """
    from galcat_core.results import sameness_table, show
    from galcat_core.runs import Run, write_json
    from galcat_core.training import repeat as training
    from galcat_core.training.sameness import compare

    first = Run.open(need(run, "run", "give the folder that galcat train wrote"))
    places = (store, split, parent)
    inputs = training.inputs_of(first, *places, kept, known=(BOX,))
    told = f"{len(inputs.store)} pictures of {inputs.store.path}"
    told += f", {inputs.split.path}" if inputs.split.path else ""
    told += f", from {inputs.parent.folder}" if inputs.parent else ""
    say(f"{first.folder}: its inputs are what they were ({told})")
    if inputs.kept:
        say(f"{first.folder}: {listed(inputs.kept)} as the run itself keeps them")
    again = training.repeat(first, out, inputs)
    found = compare(first, again)
    path = os.path.relpath(first.folder.resolve(), again.folder.resolve())
    of = {"name": first.name, "digest": first.digest, "path": path}
    write_json(again.folder / FILE, {"of": of, "kept": inputs.kept, **found.to_dict()})
    show(sameness_table(found, first.name, again.name))
    if not found.same:
        raise GalcatError(f"{again.folder}: {found.verdict()}")
    say(f"{again.folder}: {found.verdict()}")
    return found
