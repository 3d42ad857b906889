"""A training frozen in one file: weights, optimiser, dropout counters and progress; whole or absent."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from galcat_core import runs
from galcat_core.errors import GalcatError
from galcat_core.files import whole
from galcat_core.training.schedule import Progress

if TYPE_CHECKING:
    import keras

NAME = runs.CHECKPOINT


def save(folder: Path, model: keras.Model, optimizer: keras.Optimizer, progress: Progress) -> None:
    """Write the checkpoint; the one before stays until this one is whole."""
    arrays = {
        f"{kind}_{i}": np.asarray(variable.value)
        for kind, owner in (("model", model), ("optimizer", optimizer))
        for i, variable in enumerate(owner.variables)
    }
    with whole(folder / NAME) as temporary, temporary.open("wb") as stream:
        np.savez(stream, progress=np.array(progress.to_json()), **arrays)


def progress_of(folder: Path) -> Progress:
    """Return how far a training had come when its checkpoint was made; a new one without.

    Raises
    ------
    GalcatError
        The file is damaged.
    """
    if not (folder / NAME).is_file():
        return Progress()
    with _told(folder / NAME), np.load(folder / NAME) as found:
        return Progress.from_json(str(found["progress"]))


def load(folder: Path, model: keras.Model, optimizer: keras.Optimizer) -> Progress:
    """Bring model and optimiser to where the checkpoint was made; without one, leave them.

    Every worker has dropout masks of its own: of a dropout's state only the counter is taken, the
    seed stays this worker's.

    Returns
    -------
    Progress
        A new one where there is no checkpoint.

    Raises
    ------
    GalcatError
        The file is damaged or belongs to another network.
    """
    path = folder / NAME
    if not path.is_file():
        return Progress()
    with _told(path), np.load(path) as found:
        for kind, owner in (("model", model), ("optimizer", optimizer)):
            for i, variable in enumerate(owner.variables):
                value = found[f"{kind}_{i}"]
                if is_dropout_state(variable):
                    value = np.array([np.asarray(variable.value)[0], value[1]], value.dtype)
                variable.assign(value)
    return progress_of(folder)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell of a checkpoint that cannot be read in one line."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise GalcatError(
            f"{path}: damaged or of another network; delete it to begin this run anew"
        ) from error


def load_weights(model: keras.Model, path: Path) -> None:
    """Load the weights of a file; the dropouts keep the state that they have."""
    kept = [(v, np.array(v.value)) for v in model.variables if is_dropout_state(v)]
    model.load_weights(path)
    for variable, state in kept:
        variable.assign(state)


def is_dropout_state(variable: keras.Variable) -> bool:
    """Tell whether a variable is the (seed, counter) of a dropout layer."""
    return "seed_generator" in variable.path
