"""The networks, one a file with the same face, and how a trained one is loaded from its run.

A network is an object with the face of `face.Network`: `INPUT_SIZE`, `EMBEDDING_LAYER`, `STAGES`,
`build`, `pretrain`, `set_learning`, `resize`, `normalise` and `prepare`. They need Keras and numpy
only, whatever Keras's backend.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core import backend
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.quiet import quiet
from galcat_core.runs import Run

backend.choose()
with quiet():  # the first import of Keras and its backend, wherever models are asked for first
    from galcat_core.models import backbones, ds18, efficientnet_lite, resnet12, xception
    from galcat_core.models.face import Network

if TYPE_CHECKING:
    import keras


NETWORKS: dict[str, Network] = {
    "ds18": ds18.DS18,
    "resnet12": resnet12.RESNET12,
    "xception": xception.XCEPTION,
    "mobilenetv3small": backbones.MOBILENETV3SMALL,
    "mobilenetv3large": backbones.MOBILENETV3LARGE,
    "efficientnetlite0": efficientnet_lite.EFFICIENTNETLITE0,
    "efficientnetv2b0": backbones.EFFICIENTNETV2B0,
    "resnet50v2": backbones.RESNET50V2,
    "densenet121": backbones.DENSENET121,
}


def network(name: str, input_px: int = 0) -> Network:
    """Return a network.

    Parameters
    ----------
    name : str
        A key of `NETWORKS`.
    input_px : int
        Width and height of the pictures it shall see; 0: its own.

    Raises
    ------
    GalcatError
        There is no network of that name, or it does not take pictures of that size.
    """
    if name not in NETWORKS:
        raise GalcatError(
            f"there is no network '{name}'; legal are {listed(NETWORKS)}.{nearest(name, NETWORKS)}"
        )
    found = NETWORKS[name]
    if input_px in (0, found.INPUT_SIZE):
        return found
    if not hasattr(found, "at"):
        raise GalcatError(
            f"train.input_px = {input_px}: {name} sees pictures of {found.INPUT_SIZE} pixels only; "
            "give 0"
        )
    return found.at(input_px)


def of(run: Run) -> Network:
    """Return the network of a run, for pictures of the size that it learnt from."""
    return network(run.network, run.config.train.input_px)


def load(run: Run | str | Path) -> keras.Model:
    """Return a run's network with its best weights, ready to predict in float32.

    Raises
    ------
    GalcatError
        The folder holds no run, the run has no weights yet, or they do not fit the network.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    model = of(run).build()
    try:
        model.load_weights(run.weights)
    except (OSError, ValueError, KeyError) as error:
        raise GalcatError(
            f"{run.weights}: not the whole weights of {run.network} "
            f"({str(error).splitlines()[0][:100]}); train the run again"
        ) from error
    return model
