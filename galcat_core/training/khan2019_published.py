"""How the training of Khan et al. 2019 (Phys. Lett. B 795, 248; arXiv:1812.02183) scaled: their table, as steps."""

from __future__ import annotations

from dataclasses import dataclass

from galcat_core.training.scaling_model import LEAST_ERROR, Model, Step, fit

NAME = "Khan et al. 2019"
PICTURES, BATCH = 36_620, 16  # learnt from; a GPU, in the table of scaling
# Xception without its top 20,861,480, dense 2048 x 1024, 1024 x 1024, 1024 x 2 and their biases; float32
GRADIENT_BYTES = 4 * (20_861_480 + 2_098_176 + 1_049_600 + 2_050)
STAGES = ("head alone", "from layer 40", "from layer 2")


@dataclass(frozen=True)
class Row:
    """A row of their table.

    Attributes
    ----------
    gpus : int
        NVIDIA K80 (each of its two chips counts), one worker on each; rate 1e-4 times their number.
    epoch_seconds : tuple of int
        In each of `STAGES`.
    epochs : tuple of int
    minutes : int
        Of the whole training.
    accuracy : float
        On the validation galaxies.
    """

    gpus: int
    epoch_seconds: tuple[int, int, int]
    epochs: tuple[int, int, int]
    minutes: int
    accuracy: float

    @property
    def images_per_second(self) -> float:
        """Of all GPUs, in the last stage, where nearly all layers learn."""
        return PICTURES / self.epoch_seconds[-1]

    @property
    def efficiency(self) -> float:
        """In the last stage, against one GPU."""
        return TABLE[0].epoch_seconds[-1] / (self.gpus * self.epoch_seconds[-1])


TABLE = (
    Row(1, (410, 922, 1626), (1, 11, 4), 284, 0.9979),
    Row(8, (64, 124, 214), (1, 6, 8), 42, 0.9979),
    Row(16, (35, 63, 109), (1, 4, 17), 36, 0.9980),
    Row(32, (20, 31, 53), (1, 6, 12), 14, 0.9990),
    Row(64, (13, 15, 27), (1, 5, 15), 8, 0.9990),
)


def model() -> Model:
    """Return the model fitted to the last stage of their table."""
    steps = []
    for row in TABLE:
        count = PICTURES / (BATCH * row.gpus)  # steps in an epoch
        seconds = row.epoch_seconds[-1] / count
        rounded = 0.29 / count  # the table's seconds are whole
        steps.append(Step(row.gpus, BATCH, seconds, max(rounded, 2 * LEAST_ERROR * seconds)))
    return fit(steps, GRADIENT_BYTES, lambda workers: BATCH)
