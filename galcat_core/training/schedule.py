"""How far a training has come, and what follows: stages, learning rate, best epoch, when to stop."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from galcat_core.errors import GalcatError
from galcat_core.sections import Train

LOWEST_RATE = 1e-8  # Khan et al. 2019, section 3: the floor of the halvings


@dataclass(frozen=True)
class Stage:
    """A part of a training in which the same layers learn.

    Attributes
    ----------
    epochs : int
        Most epochs.
    layers : str or int
        Which learn: "all", "dense", or all from this place in the network on.
    rate : float
        Factor on the learning rate.
    """

    epochs: int
    layers: str | int = "all"
    rate: float = 1.0


def stages(
    settings: Train, own: Sequence[tuple[int, str | int, float]] = (), fine_tuning: bool = False
) -> list[Stage]:
    """Return the stages of a training.

    Parameters
    ----------
    settings : Train
        `stage_epochs`, `stage_first_layer` and `stage_rate` where they are given; all stages
        together have `epochs` at the most.
    own : sequence of (epochs, layers, rate)
        The network's own: for pretrained weights, as long as all layers may learn.
    fine_tuning : bool
        The run starts from a parent's weights: one stage.

    Raises
    ------
    GalcatError
        The stages' settings do not fit together.
    """
    if fine_tuning:
        return [Stage(settings.fine_tune_epochs, settings.layers, settings.fine_tune_rate)]
    if settings.stage_epochs:
        return _asked(settings)
    if not own or settings.weights == "none" or settings.layers != "all":
        return [Stage(settings.epochs, settings.layers)]
    left, found = settings.epochs, []
    for epochs, layers, rate in own:
        found.append(Stage(min(epochs, left), layers, rate))
        left -= found[-1].epochs
    return [stage for stage in found if stage.epochs]


def _asked(settings: Train) -> list[Stage]:
    epochs, first = settings.stage_epochs, settings.stage_first_layer
    rate = settings.stage_rate or [1.0] * len(epochs)
    if not len(epochs) == len(first) == len(rate):
        raise GalcatError(
            f"train.stage_epochs, stage_first_layer and stage_rate are of {len(epochs)}, "
            f"{len(first)} and {len(rate)} stages; give as many of each (stage_rate may be empty)"
        )
    if min(epochs) < 1 or min(first) < -1 or not min(rate) > 0:
        raise GalcatError(
            "train.stage_epochs are at least 1, stage_first_layer at least -1 (the dense layers "
            "alone), stage_rate above 0"
        )
    if sum(epochs) > settings.epochs:
        raise GalcatError(
            f"train.stage_epochs are {sum(epochs)} epochs together, train.epochs = "
            f"{settings.epochs} is the most; raise it"
        )
    layers = ["dense" if place < 0 else place for place in first]
    return [Stage(*stage) for stage in zip(epochs, layers, rate, strict=True)]


@dataclass
class Progress:
    """All that a training knows besides weights and optimiser; a checkpoint holds it as JSON.

    Attributes
    ----------
    epoch, step : int
        Epochs finished, and steps finished in the one that runs.
    stage, stage_epoch : int
        Stages finished, and epochs finished in the one that runs.
    totals : list of float
        Sums over the steps of this epoch: weighted loss, weight, pictures right, pictures.
    seconds : float
        Time spent in this epoch before the last interruption.
    best_loss, best_epoch
        Lowest validation loss of all and its epoch (counted from 1; 0: none yet, or none better than
        what the run began with).
    began_with : dict
        Validation loss and accuracy of the parent's weights, where the run began with them.
    stage_loss : float
        Lowest validation loss of this stage.
    waited, waited_at_rate : int
        Epochs since the stage's best one; since the best one or the last halving.
    halvings : int
        How often the rate was halved in this stage.
    history : list of dict
        A row for each finished epoch (`runs.HISTORY`).
    """

    epoch: int = 0
    step: int = 0
    stage: int = 0
    stage_epoch: int = 0
    totals: list[float] = field(default_factory=lambda: [0.0] * 4)
    seconds: float = 0.0
    best_loss: float = math.inf
    best_epoch: int = 0
    began_with: dict[str, float] = field(default_factory=dict)
    stage_loss: float = math.inf
    waited: int = 0
    waited_at_rate: int = 0
    halvings: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def close_epoch(self, row: dict[str, Any], settings: Train) -> bool:
        """Count a finished epoch in; tell whether its validation loss is the best of all so far."""
        self.history.append(row)
        self.epoch, self.stage_epoch = self.epoch + 1, self.stage_epoch + 1
        self.step, self.totals, self.seconds = 0, [0.0] * 4, 0.0
        if row["val_loss"] < self.stage_loss:
            self.stage_loss = row["val_loss"]
            self.waited = self.waited_at_rate = 0
        else:
            self.waited, self.waited_at_rate = self.waited + 1, self.waited_at_rate + 1
            if self.waited_at_rate >= settings.plateau_patience:
                self.halvings, self.waited_at_rate = self.halvings + 1, 0
        if row["val_loss"] < self.best_loss:
            self.best_loss, self.best_epoch = row["val_loss"], self.epoch
            return True
        return False

    def next_stage(self) -> None:
        """Begin the stage after this one: it waits, and halves, for itself."""
        self.stage, self.stage_epoch, self.stage_loss = self.stage + 1, 0, math.inf
        self.waited = self.waited_at_rate = self.halvings = 0

    def ended(self, stage: Stage, settings: Train) -> str:
        """Return why the stage is over ("epochs", "early"), or "" if it goes on."""
        if self.waited >= settings.patience:
            return "early"
        return "epochs" if self.stage_epoch >= stage.epochs else ""

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Progress:
        return cls(**json.loads(text))


def learning_rate(
    settings: Train, stage: Stage, progress: Progress, steps: int, workers: int = 1
) -> float:
    """Return the learning rate of the step that comes next.

    In each stage the rate of one worker climbs linearly, over the warm-up, to that of all workers
    together (Goyal et al. 2017, arXiv:1706.02677). Then it is halved on each plateau of the
    validation loss, or falls to nothing along a cosine (Loshchilov & Hutter 2017, arXiv:1608.03983).

    Parameters
    ----------
    settings : Train
    stage : Stage
        The one that runs.
    progress : Progress
    steps : int
        Steps in an epoch.
    workers : int
    """
    scale = workers if settings.scale_learning_rate else 1
    # a warm-up longer than the stage would keep the rate from ever being reached
    warm_epochs = min(settings.warmup_epochs, stage.epochs / 2)
    done = progress.stage_epoch * steps + progress.step + 1
    climbed = min(1.0, done / (warm_epochs * steps)) if warm_epochs > 0 else 1.0
    first = settings.learning_rate * stage.rate
    if settings.schedule == "cosine":
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, (done - 1) / (stage.epochs * steps))))
    else:
        fall = 0.5**progress.halvings
    rate = first * (1 + (scale - 1) * climbed) * fall
    return max(rate, min(first, LOWEST_RATE))
