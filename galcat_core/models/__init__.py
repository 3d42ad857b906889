"""The networks, one a file with the same face, and how a trained one is loaded from its run.

A network's module holds `INPUT_SIZE`, `EMBEDDING_LAYER`, `build`, `set_learning`, `resize`,
`normalise` and `prepare`.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.quiet import quiet
from galcat_core.runs import Run

with quiet():  # the first import of TensorFlow, wherever models are asked for first
    from galcat_core.models import ds18

if TYPE_CHECKING:
    import keras

NETWORKS: dict[str, ModuleType] = {"ds18": ds18}


def network(name: str) -> ModuleType:
    """Return the module of a network.

    Raises
    ------
    GalcatError
        There is no network of that name.
    """
    if name not in NETWORKS:
        raise GalcatError(
            f"there is no network '{name}'; legal are {listed(NETWORKS)}.{nearest(name, NETWORKS)}"
        )
    return NETWORKS[name]


def load(run: Run | str | Path) -> keras.Model:
    """Return a run's network with its best weights, ready to predict.

    Raises
    ------
    GalcatError
        The folder holds no run, the run has no weights yet, or they do not fit the network.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    model = network(run.network).build()
    try:
        model.load_weights(run.weights)
    except (OSError, ValueError, KeyError) as error:
        raise GalcatError(
            f"{run.weights}: not the whole weights of {run.network} "
            f"({str(error).splitlines()[0][:100]}); train the run again"
        ) from error
    return model
