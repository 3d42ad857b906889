"""How far a training has come, and what follows: learning rate, best epoch, when to stop."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any

from galcat_core.config import Train

LOWEST_RATE = 1e-8  # Khan et al. 2019, section 3: the floor of the halvings


@dataclass
class Progress:
    """All that a training knows besides weights and optimiser; a checkpoint holds it as JSON.

    Attributes
    ----------
    epoch, step : int
        Epochs finished, and steps finished in the one that runs.
    totals : list of float
        Sums over the steps of this epoch: weighted loss, weight, pictures right, pictures.
    seconds : float
        Time spent in this epoch before the last interruption.
    best_loss, best_epoch
        Lowest validation loss and its epoch (counted from 1; 0: none yet).
    waited, waited_at_rate : int
        Epochs since the best one; since the best one or the last halving.
    halvings : int
        How often the rate was halved.
    history : list of dict
        A row for each finished epoch (`runs.HISTORY`).
    """

    epoch: int = 0
    step: int = 0
    totals: list[float] = field(default_factory=lambda: [0.0] * 4)
    seconds: float = 0.0
    best_loss: float = math.inf
    best_epoch: int = 0
    waited: int = 0
    waited_at_rate: int = 0
    halvings: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def close_epoch(self, row: dict[str, Any], settings: Train) -> bool:
        """Count a finished epoch in; tell whether its validation loss is the best so far."""
        self.history.append(row)
        self.epoch, self.step, self.totals, self.seconds = self.epoch + 1, 0, [0.0] * 4, 0.0
        if row["val_loss"] < self.best_loss:
            self.best_loss, self.best_epoch = row["val_loss"], self.epoch
            self.waited = self.waited_at_rate = 0
            return True
        self.waited, self.waited_at_rate = self.waited + 1, self.waited_at_rate + 1
        if self.waited_at_rate >= settings.plateau_patience:
            self.halvings, self.waited_at_rate = self.halvings + 1, 0
        return False

    def ended(self, settings: Train, fine_tuning: bool = False) -> str:
        """Return why the training is over ("epochs", "early"), or "" if it goes on."""
        if self.waited >= settings.patience:
            return "early"
        return "epochs" if self.epoch >= most_epochs(settings, fine_tuning) else ""

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Progress:
        return cls(**json.loads(text))


def most_epochs(settings: Train, fine_tuning: bool = False) -> int:
    """Return the number of epochs after which a training ends at the latest."""
    return settings.fine_tune_epochs if fine_tuning else settings.epochs


def learning_rate(
    settings: Train,
    progress: Progress,
    steps: int,
    workers: int = 1,
    fine_tuning: bool = False,
) -> float:
    """Return the learning rate of the step that comes next.

    The rate of one worker climbs linearly, over the warm-up, to that of all workers together (Goyal
    et al. 2017, arXiv:1706.02677), and is halved on each plateau of the validation loss.

    Parameters
    ----------
    settings : Train
    progress : Progress
    steps : int
        Steps in an epoch.
    workers : int
    fine_tuning : bool
        The run starts from a parent's weights.
    """
    scale = workers if settings.scale_learning_rate else 1
    # a warm-up longer than the training would keep the rate from ever being reached
    warm_epochs = min(settings.warmup_epochs, most_epochs(settings, fine_tuning) / 2)
    done = progress.epoch * steps + progress.step + 1
    climbed = min(1.0, done / (warm_epochs * steps)) if warm_epochs > 0 else 1.0
    first = settings.learning_rate * (settings.fine_tune_rate if fine_tuning else 1.0)
    rate = first * (1 + (scale - 1) * climbed) * 0.5**progress.halvings
    return max(rate, min(first, LOWEST_RATE))
