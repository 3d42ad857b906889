"""Two runs of the same make -> whether weights and metrics are the same, number by number; no TensorFlow."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import h5py
import numpy as np

from galcat_core.errors import GalcatError
from galcat_core.evaluation.calibration import Calibrations
from galcat_core.inference.calibrating import VALIDATION
from galcat_core.runs import Run

METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
# Several workers add their gradients in an order that the network between them may change: the last
# bits differ, and a training carries them on. Of one worker's nothing may differ.
TOLERANCE = {"weights": 1e-3, "metrics": 1e-3}


@dataclass(frozen=True)
class Sameness:
    """How a run compares with its repetition.

    Attributes
    ----------
    workers : int
        Of both.
    exact : bool
        All weights and all figures of all epochs are the same, bit for bit.
    weights : float
        Norm of the difference of the weights, over the norm of the first's.
    changed, total : int
        How many weights differ, and how many there are.
    metrics : dict of str to [float, float]
        Best epoch and what was reported of it: what it was, what it is.
    epochs : int
        Epochs of which a figure differs (the number of epochs, where that differs).
    calibration : bool or None
        The calibration on validation galaxies is the same; None where one of them has been made
        anew since.
    computed_on : dict of str to [str, str]
        What computed: the versions, processors and cores that differ.
    """

    workers: int
    exact: bool
    weights: float
    changed: int
    total: int
    metrics: dict[str, list[float]]
    epochs: int
    calibration: bool | None
    computed_on: dict[str, list[str | None]]

    @property
    def same(self) -> bool:
        """The same bit for bit with one worker, within `TOLERANCE` with several."""
        if self.workers == 1 or self.exact:
            return self.exact
        apart = [abs(a - b) for name, (a, b) in self.metrics.items() if name in METRICS]
        return self.weights <= TOLERANCE["weights"] and max(apart) <= TOLERANCE["metrics"]

    def verdict(self) -> str:
        """Return one line: the same or not, and in what not."""
        if self.exact:
            return f"the same, bit for bit: {self.total:,} weights and the figures of every epoch"
        told = (
            f"{self.changed:,} of {self.total:,} weights differ, by {self.weights:.1e} of their norm; "
            f"val_loss was {self.metrics['val_loss'][0]:.6g}, is {self.metrics['val_loss'][1]:.6g}"
        )
        if self.same:
            bounds = (
                f"{TOLERANCE['weights']:g} of the weights' norm, {TOLERANCE['metrics']:g} of each"
            )
            return f"the same within the tolerance for {self.workers} workers ({bounds} metric): {told}"
        since = "; ".join(f"{k} was {a}, is {b}" for k, (a, b) in self.computed_on.items())
        return f"not the same: {told}" + (f" ({since})" if since else "")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON types."""
        return {**asdict(self), "same": self.same, "tolerance": TOLERANCE}


def compare(run: Run, again: Run) -> Sameness:
    """Compare the weights, the figures and the calibration of two finished runs of the same make.

    Raises
    ------
    GalcatError
        They are of different networks.
    """
    one, two = weights_of(run), weights_of(again)
    if {k: v.shape for k, v in one.items()} != {k: v.shape for k, v in two.items()}:
        raise GalcatError(
            f"{again.folder} is of another network than {run.folder}; compare like runs"
        )
    changed = sum(_changed(one[name], two[name]) for name in one)
    norm = np.sqrt(sum(float((v.astype(float) ** 2).sum()) for v in one.values()))
    apart = np.sqrt(sum(float(((one[n].astype(float) - two[n]) ** 2).sum()) for n in one))
    epochs = _epochs_apart(run, again)
    reports = run.report, again.report
    # of a parent's weights that were kept no training loss is known
    names = [n for n in ("best_epoch", *METRICS) if None not in (r[n] for r in reports)]
    return Sameness(
        workers=run.info["workers"],
        exact=not changed and not epochs,
        weights=float(apart / norm) if norm else float(apart > 0),
        changed=changed,
        total=sum(v.size for v in one.values()),
        metrics={name: [each[name] for each in reports] for name in names},
        epochs=epochs,
        calibration=_same_calibration(run, again),
        computed_on=_computed_otherwise(run, again),
    )


def weights_of(run: Run) -> dict[str, np.ndarray]:
    """Return the best weights by their place in the file; counters of dropouts are no weights."""
    found: dict[str, np.ndarray] = {}

    def keep(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and "seed_generator" not in name:
            found[name] = np.asarray(item[()])

    with h5py.File(run.weights) as file:
        file.visititems(keep)
    return found


def _changed(one: np.ndarray, two: np.ndarray) -> int:
    """Count the numbers whose bytes differ: no rounding, and NaN is NaN."""
    bytes_of = (np.ascontiguousarray(v).reshape(-1).view(np.uint8) for v in (one, two))
    first, second = (v.reshape(one.size, -1) for v in bytes_of)
    if first.shape != second.shape:  # of another precision
        return one.size
    return int((first != second).any(axis=1).sum())


def _epochs_apart(run: Run, again: Run) -> int:
    columns = ["epoch", "stage", *METRICS, "learning_rate"]
    one, two = (each.history.reindex(columns=columns) for each in (run, again))
    if len(one) != len(two):
        return abs(len(one) - len(two))
    differ = (one != two) & ~(one.isna() & two.isna())
    return int(differ.any(axis=1).sum())


def _same_calibration(run: Run, again: Run) -> bool | None:
    found = []
    for each in (run, again):
        made = Calibrations.load(each.folder)
        own = made and made.surveys.get(each.survey)
        if own is None or own.told.get("source") not in ("", VALIDATION):
            return None
        found.append(own)
    return found[0] == found[1]


def _computed_otherwise(run: Run, again: Run) -> dict[str, list[str | None]]:
    was, now = (
        {"galcat": r.info["code"], **(r.info.get("computed_on") or {})} for r in (run, again)
    )
    return {k: [was.get(k), now.get(k)] for k in {**was, **now} if was.get(k) != now.get(k)}
