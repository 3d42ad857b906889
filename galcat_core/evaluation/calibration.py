"""Probabilities and labels -> a survey's calibration, its method chosen by cross-validation, kept with the run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.evaluation.calibration_methods import METHODS, applied, fitted, logs
from galcat_core.evaluation.measures import bin_of, tidy
from galcat_core.files import read_if_there, write_text
from galcat_core.sections import Calibrate

FILE = "calibration.json"  # in a run's folder
FEWEST = 5  # labelled galaxies of each class
FOR_A_CURVE = 100  # of each class, for a free curve to be tried
BINS = 10


@dataclass(frozen=True)
class Calibration:
    """How one survey's probabilities are corrected, and what it was fitted on.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    slope : float
        Factor on the logarithm of the probabilities: 1 / temperature.
    bias : list of float
        Added to the logarithms, one a class, the first 0.
    knots : list of [list of float, list of float]
        Isotonic: raw and calibrated values between which is interpolated, one pair a class; with
        two classes one pair, of the second class.
    threshold : float
        Calibrated probability from which the positive class is predicted.
    told : dict
        "labels" ({class: count}), "source", "settings", "log_loss" (cross-validated, by method),
        "before" and "after" ("log_loss", "brier", "ece"; after: of galaxies that the calibration
        was not fitted on, by cross-validation), "reason" (why there is none, or null).
    """

    method: str = "none"
    slope: float = 1.0
    bias: list[float] = field(default_factory=list)
    knots: list[list[list[float]]] = field(default_factory=list)
    threshold: float = 0.5
    told: dict[str, Any] = field(default_factory=dict)

    def apply(self, probability: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities.

        Parameters
        ----------
        probability : ndarray, (N, C), float

        Returns
        -------
        ndarray, (N, C), float32
            Rows add up to 1; as they were where the method is "none".
        """
        return applied(self.method, self.slope, self.bias, self.knots, probability)


@dataclass(frozen=True)
class Calibrations:
    """The calibrations of a run, by survey, as `calibration.json` in its folder holds them.

    Attributes
    ----------
    classes : list of str
        In the order of the network's outputs.
    positive, survey : str
        The run's.
    surveys : dict of str to Calibration
    """

    classes: list[str]
    positive: str
    survey: str
    surveys: dict[str, Calibration]

    @classmethod
    def load(cls, folder: str | Path) -> Calibrations | None:
        """Return the calibrations in a run's folder, None if there are none.

        Raises
        ------
        GalcatError
            The file is broken.
        """

        def read(path: Path) -> Calibrations:
            values = json.loads(path.read_text())
            made = {name: Calibration(**found) for name, found in values.pop("surveys").items()}
            return cls(**values, surveys=made)

        mend = "remove it and make it anew with galcat calibrate"
        return read_if_there(Path(folder) / FILE, read, mend)

    def save(self, folder: str | Path) -> Path:
        """Write the file whole; the same calibrations give the same bytes."""
        path = Path(folder) / FILE
        write_text(path, json.dumps(asdict(self), sort_keys=True, indent=1) + "\n")
        return path

    def with_survey(self, name: str, calibration: Calibration) -> Calibrations:
        """Return these with one survey's calibration added or replaced."""
        surveys = self.surveys | {name: calibration}
        return Calibrations(self.classes, self.positive, self.survey, surveys)

    def of(self, survey: str, wanted: str | None = None) -> tuple[str, Calibration]:
        """Return the calibration for a survey's pictures, and the survey that it was fitted on.

        The rule: the survey's own, where one was fitted; otherwise that of the survey which the run
        learnt from.

        Parameters
        ----------
        survey : str
            Of the pictures.
        wanted : str, optional
            Take that survey's calibration, or "none".

        Raises
        ------
        GalcatError
            There is none of the survey that is wanted.
        """
        if wanted == "none":
            return "none", Calibration()
        if wanted is not None and wanted not in self.surveys:
            there = [*self.surveys, "none"]
            raise GalcatError(
                f"there is no calibration for '{wanted}'; there are {listed(there)}."
                f"{nearest(wanted, there)} Fit one with galcat calibrate"
            )
        for name in (wanted, survey, self.survey):
            if name in self.surveys:
                return name, self.surveys[name]
        return "none", Calibration()


def digest_of(folder: str | Path) -> str | None:
    """Return the sha256 of a run's calibration file, None if there is none."""
    path = Path(folder) / FILE
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def fit(
    probability: np.ndarray,
    truth: np.ndarray,
    classes: Sequence[str],
    settings: Calibrate | None = None,
    source: str = "",
) -> Calibration:
    """Fit a calibration on labelled galaxies that the network did not learn from.

    Parameters
    ----------
    probability : ndarray, (N, C), float
        The network's own.
    truth : ndarray, (N,), int
        Index of the true class.
    classes : sequence of str, C
    settings : Calibrate, optional
        `config.calibrate`.
    source : str
        What the labels are, kept in the file.

    Returns
    -------
    Calibration

    Raises
    ------
    GalcatError
        Fewer than 5 labelled galaxies of a class, or a probability that is none.

    Notes
    -----
    "temperature" multiplies the log-odds by one number (Guo et al. 2017, arXiv:1706.04599);
    "platt" adds another, which moves the threshold (Platt 1999, with his smoothed targets, so that
    classes that are told apart without error do not give infinite odds); "isotonic" is the
    monotone curve through the centres of the blocks of isotonic regression (Zadrozny & Elkan 2002;
    Oron & Flournoy 2017), with straight lines from the outer centres to 0 and 1, so that the order
    of the galaxies is kept, also of those from another survey that lie beyond. "auto" takes
    them by cross-validated log-loss, from the simplest on: a method replaces a simpler one that it
    beats by more than the standard error of the difference, and isotonic is tried from 100 galaxies
    of each class on. With class_mix = "balanced" each class
    weighs the same.
    """
    settings = settings or Calibrate()
    probability, truth = np.asarray(probability, float), np.asarray(truth, np.int64)
    counts = np.bincount(truth, minlength=len(classes))
    labels = dict(zip(map(str, classes), counts.tolist(), strict=True))
    if counts.min() < FEWEST:
        raise GalcatError(
            f"calibration: at least {FEWEST} labelled galaxies of each class are wanted, there are "
            f"{listed(f'{n} {name}' for name, n in labels.items())}; label more of them"
        )
    if not (np.isfinite(probability) & (probability >= 0) & (probability <= 1)).all():
        raise GalcatError(
            "calibration: a probability is missing or not from 0 to 1; predict again with a whole run"
        )
    weight = np.ones(len(truth))
    if settings.class_mix == "balanced":
        weight = len(truth) / (len(classes) * counts[truth])
    methods = [m for m in METHODS if m != "isotonic" or counts.min() >= FOR_A_CURVE]
    methods = methods if settings.method in ("auto", *methods) else [*methods, settings.method]
    held_out = _held_out(probability, truth, weight, methods, settings)
    losses = {name: _losses(found, truth) for name, found in held_out.items()}
    method = _best(losses, weight) if settings.method == "auto" else settings.method
    told = {
        "labels": labels,
        "source": source,
        "settings": asdict(settings),
        "log_loss": {name: tidy(np.average(loss, weights=weight)) for name, loss in losses.items()},
        "before": scores(probability, truth, weight),
        "after": scores(held_out[method], truth, weight),
        "reason": None,
    }
    made = fitted(method, probability, truth, weight)
    return Calibration(*made, settings.threshold, told)


def without(
    classes: Sequence[str], truth: np.ndarray, reason: str, settings: Calibrate
) -> Calibration:
    """Return the calibration "none", with the reason why there is no other."""
    counts = np.bincount(truth, minlength=len(classes)).tolist()
    told = {
        "labels": dict(zip(map(str, classes), counts, strict=True)),
        "source": "",
        "settings": asdict(settings),
        "log_loss": {},
        "before": None,
        "after": None,
        "reason": reason,
    }
    return Calibration(threshold=settings.threshold, told=told)


def scores(
    probability: np.ndarray, truth: np.ndarray, weight: np.ndarray | None = None
) -> dict[str, float]:
    """Return "log_loss" (nats), "brier" and "ece" (10 equal bins) of the last class's probability.

    With more than two classes Brier score and calibration error are means over the classes.
    """
    weight = np.ones(len(truth)) if weight is None else weight
    is_class = np.eye(probability.shape[1])[truth]
    which = slice(1, 2) if probability.shape[1] == 2 else slice(None)
    off = (probability - is_class)[:, which]
    bins = [bin_of(column, BINS) for column in probability[:, which].T]
    gaps = [
        np.abs(np.bincount(b, weight * gap, BINS)).sum() for b, gap in zip(bins, off.T, strict=True)
    ]
    return {
        "log_loss": tidy(np.average(_losses(probability, truth), weights=weight)),
        "brier": tidy(np.average((off**2).mean(axis=1), weights=weight)),
        "ece": tidy(np.mean(gaps) / weight.sum()),
    }


def _held_out(
    probability: np.ndarray,
    truth: np.ndarray,
    weight: np.ndarray,
    methods: Sequence[str],
    settings: Calibrate,
) -> dict[str, np.ndarray]:
    """Return each method's probabilities of galaxies that it was not fitted on, (N, C) each."""
    fold = _folds(truth, settings)
    found = {name: np.array(probability, float) for name in methods}
    for number in range(fold.max() + 1):
        out, used = fold == number, fold != number
        for name in methods[1:]:
            made = fitted(name, probability[used], truth[used], weight[used])
            found[name][out] = Calibration(*made).apply(probability[out])
    return found


def _folds(truth: np.ndarray, settings: Calibrate) -> np.ndarray:
    """Return the part of each galaxy, (N,): every class is spread evenly over the parts."""
    random = np.random.default_rng(settings.seed)
    fold = np.empty(len(truth), np.int64)
    parts = min(settings.folds, np.bincount(truth).min())
    for name in np.unique(truth):
        members = random.permutation(np.flatnonzero(truth == name))
        fold[members] = np.arange(len(members)) % parts
    return fold


def _best(losses: dict[str, np.ndarray], weight: np.ndarray) -> str:
    """Return the method of the least loss; a simpler one that it does not clearly beat stays."""
    best, *others = losses
    for name in others:
        gain = weight * (losses[best] - losses[name])
        if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)):
            best = name
    return best


def _losses(probability: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return -logs(probability)[np.arange(len(truth)), truth]
