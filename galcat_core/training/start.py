"""What a run begins with: its parent's weights, ImageNet's, those of a file, or none; kept in the run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from galcat_core import runs
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.files import whole
from galcat_core.provenance import digest
from galcat_core.runs import Run

NO_FILE = ("imagenet", "none")
OUR_OWN = ("ds18", "resnet12")  # networks of which there are no ImageNet weights


def told(weights: str) -> str:
    """Return how a run names its first weights: a file by its name, since folders move."""
    return weights if weights in NO_FILE else Path(weights).name


def of_parent(config: Config, parent: Run | None) -> Config:
    """Return the settings with the network of the parent, whose weights fit no other.

    Raises
    ------
    GalcatError
        Another network is asked for.
    """
    if parent is None:
        return config
    asked = config.train.network
    if asked not in (Config().train.network, parent.network):
        raise GalcatError(
            f"train.network = '{asked}': {parent.folder} is of the network {parent.network}, and its "
            "weights fit no other; leave the network out, or begin without a parent"
        )
    same = {"network": parent.network, "input_px": parent.config.train.input_px}
    return config.replace(train=same)


def begins_with(folder: Path, config: Config, parent: Run | None) -> dict[str, Any] | None:
    """Return what `run.json` says of the first weights.

    Parameters
    ----------
    folder : Path
        Of the run; where it was begun before, its own weights need not be found again.
    config : Config
        With `train.weights` as the user gave it.
    parent : Run or None
        Whose weights count instead.

    Returns
    -------
    dict or None
        `weights` (imagenet, or the file's name) and `digest` (of the file); None where a run begins
        at random or from a parent.

    Raises
    ------
    GalcatError
        There is no such file.
    """
    weights = config.train.weights
    if parent is not None or weights == "none":
        return None
    if weights == "imagenet":
        return None if config.train.network in OUR_OWN else {"weights": weights, "digest": None}
    path = Path(weights)
    if path.is_file():
        return {"weights": path.name, "digest": digest(path)}
    if (folder / "run.json").is_file():
        begun = Run(folder).info.get("start")
        if begun and begun["weights"] == path.name:
            return begun
    raise GalcatError(
        f"train.weights = '{weights}': no such file; legal are imagenet, none, and a file of the "
        "network's base without its top (.h5, .weights.h5, .keras)"
    )


def write(folder: Path, config: Config, parent: Run | None, repeats: Run | None = None) -> None:
    """Write the weights that a run begins with, if it does not begin at random.

    Parameters
    ----------
    folder : Path
        Of the run.
    config : Config
    parent : Run or None
        Whose weights they are.
    repeats : Run, optional
        The run that is trained again: where there is no parent, it kept what it began with.

    Raises
    ------
    GalcatError
        They cannot be had, or are of another network.
    """
    if parent is not None:
        with whole(folder / runs.START) as temporary:
            shutil.copyfile(parent.weights, temporary)
        return
    if repeats is not None:
        if began_with_weights(repeats):
            with whole(folder / runs.START) as temporary:
                shutil.copyfile(kept(repeats), temporary)
        return
    settings = config.train
    if settings.input_px:
        from galcat_core import models

        models.network(settings.network, settings.input_px)  # tells of a size that it cannot see
    if settings.weights == "none" or (
        settings.weights == "imagenet" and settings.network in OUR_OWN
    ):
        return
    from galcat_core import models

    network = models.network(settings.network, settings.input_px)
    model = network.build(settings.seed)
    network.pretrain(model, settings.weights)
    with whole(folder / runs.START) as temporary:
        model.save_weights(temporary)


def began_with_weights(run: Run) -> bool:
    """Tell whether a run began with a parent's weights or pretrained ones, not at random."""
    return bool(run.info.get("parent") or run.info.get("start"))


def kept(run: Run) -> Path:
    """Return the file of the weights that a run began with, which its own folder keeps.

    Raises
    ------
    GalcatError
        It is not there.
    """
    path = run.folder / runs.START
    if not path.is_file():
        raise GalcatError(
            f"{path}: gone, and the run began with these weights; put the file back, or train anew "
            "with galcat train"
        )
    return path


def parent_of(run: Run, here: Path) -> dict[str, Any] | None:
    """Return what `run.json` says of a run's parent, the path as seen from another run folder."""
    told = run.info.get("parent")
    if not told or "path" not in told:
        return told
    return {**told, "path": os.path.relpath((run.folder / told["path"]).resolve(), here)}
