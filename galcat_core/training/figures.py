"""The figures of a training: a row of the history, what stands beside the bar, the report that ends a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from galcat_core import runs
from galcat_core.errors import GalcatError
from galcat_core.provenance import digest
from galcat_core.training.distributed import Workers
from galcat_core.training.schedule import Progress

if TYPE_CHECKING:
    import keras

    from galcat_core.runs import Run


def row_of(
    progress: Progress, check: np.ndarray, rate: float, speed: float, seconds: float
) -> dict[str, float]:
    """Return a row of the history from the sums (loss, weight, right, pictures)."""
    train = progress.totals
    return {
        "epoch": progress.epoch + 1,
        "stage": progress.stage + 1,
        "loss": float(train[0] / train[1]),
        "accuracy": float(train[2] / train[3]),
        **validated(check),
        "learning_rate": rate,
        "images_per_second": round(speed, 2),
        "seconds": round(seconds, 3),
    }


def in_short(sums: list[float] | np.ndarray, prefix: str = "") -> str:
    """Return loss and accuracy as they stand beside the bar."""
    return f"{prefix}loss {sums[0] / sums[1]:.4f} {prefix}accuracy {sums[2] / sums[3]:.4f}"


def validated(check: np.ndarray) -> dict[str, float]:
    """Return `val_loss` and `val_accuracy` from the sums (loss, weight, right, pictures)."""
    return {
        "val_loss": float(check[0] / check[1]),
        "val_accuracy": float(check[2] / check[3]),
    }


def finish(run: Run, workers: Workers, model: keras.Model, progress: Progress, why: str) -> None:
    """Check that the workers agree and write the report, which ends the run."""
    total = float(sum(np.abs(weight).sum(dtype=np.float64) for weight in model.get_weights()))
    if not workers.same(total):
        raise GalcatError(f"{run.folder}: the workers' weights differ at the end; train it anew")
    if not workers.first:
        return
    # 0: no epoch was better than the parent, of which no training loss is known
    began = {"loss": None, "accuracy": None, **progress.began_with}
    best = progress.history[progress.best_epoch - 1] if progress.best_epoch else began
    report = {
        "best_epoch": progress.best_epoch,
        "epochs": progress.epoch,
        "ended": why,
        **{k: best[k] for k in ("loss", "accuracy", "val_loss", "val_accuracy")},
        "seconds": round(sum(row["seconds"] for row in progress.history), 3),
        "workers": workers.size,
        "weights": digest(run.weights),
    }
    runs.seal(run, report["weights"])
    runs.write_json(run.folder / "report.json", report)
