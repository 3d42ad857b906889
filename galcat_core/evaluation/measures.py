"""The figures of merit and their intervals: truth + probabilities -> values, bootstrapped at once.

Every measure is a function of integer weights, one a galaxy. All ones gives the value; the rows of
a matrix of multiplicities give a thousand resamplings in a few matrix products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from galcat_core.progress import bar
from galcat_core.sections import Evaluate

MEASURES = {
    "accuracy": "galaxies whose class is predicted rightly",
    "precision": "true positives among those predicted positive",
    "recall": "true positives among the positives",
    "f1": "harmonic mean of precision and recall",
    "false_positive_rate": "negatives that are predicted positive",
    "roc_auc": "chance that a positive scores above a negative",
    "average_precision": "area below precision against recall, in steps",
    "log_loss": "mean of -log of the probability given to what is true, positive or not, nats",
    "brier": "mean squared error of the probability",
    "ece": "expected calibration error: |mean probability - fraction positive| over equal bins",
}
PROPORTIONS = {  # measure -> which of the confusion sums it divides
    "accuracy": ("right", "all"),
    "precision": ("true_positive", "said_positive"),
    "recall": ("true_positive", "positive"),
    "false_positive_rate": ("false_positive", "negative"),
}
UNDEFINED = {
    "precision": "no galaxy is predicted positive",
    "recall": "no galaxy is of the positive class",
    "f1": "no galaxy is or is predicted positive",
    "false_positive_rate": "no galaxy is of the negative class",
    "roc_auc": "only one class is present",
    "average_precision": "no galaxy is of the positive class",
}
LEAST = 1e-7  # a probability of 0 for what is true counts as this: float32 resolves no less near 1
BLOCK = 4_000_000  # weights held at once: 32 MB; fixed, since the draws depend on it


@dataclass(frozen=True)
class Scored:
    """What is measured: each galaxy's true and predicted class and its positive probability.

    Attributes
    ----------
    truth, said : ndarray, (N,), int64
        Index of the true and of the predicted class.
    probability : ndarray, (N,), float64
        Probability of the positive class.
    positive : int
        Index of the positive class.
    bins : int
        Bins of the calibration error.
    """

    truth: np.ndarray
    said: np.ndarray
    probability: np.ndarray
    positive: int
    bins: int

    def take(self, keep: np.ndarray) -> Scored:
        """Return the galaxies that `keep` (mask or rows) names."""
        parts = (self.truth[keep], self.said[keep], self.probability[keep])
        return Scored(*parts, self.positive, self.bins)


def bin_of(probability: np.ndarray, bins: int) -> np.ndarray:
    """Return the bin of each probability, (N,), int64; an upper edge belongs to its bin."""
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probability)


def sums(scored: Scored, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return the counts behind the measures, each (B,), for weights (B, N)."""
    positive, said = scored.truth == scored.positive, scored.said == scored.positive
    columns = {
        "all": np.ones(len(positive)),
        "right": scored.truth == scored.said,
        "positive": positive,
        "negative": ~positive,
        "said_positive": said,
        "true_positive": positive & said,
        "false_positive": ~positive & said,
        "squares": (scored.probability - positive) ** 2,
        "logs": -np.log(np.maximum(np.abs(scored.probability - ~positive), LEAST)),
    }
    counted = weights @ np.column_stack(list(columns.values())).astype(float)
    return dict(zip(columns, counted.T, strict=True))


def measure(scored: Scored, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return every measure for each row of weights; NaN where it is not defined.

    Parameters
    ----------
    scored : Scored
    weights : ndarray, (B, N), float64, optional
        How often each galaxy counts; once, if not given.

    Returns
    -------
    dict of str to ndarray, (B,), float64
        Keys as in `MEASURES`.
    """
    if weights is None:
        weights = np.ones((1, len(scored.truth)))
    count = sums(scored, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {name: count[a] / count[b] for name, (a, b) in PROPORTIONS.items()}
        found["f1"] = 2 * count["true_positive"] / (count["said_positive"] + count["positive"])
        found["roc_auc"], found["average_precision"] = _ranked(scored, weights)
        found["log_loss"] = count["logs"] / count["all"]
        found["brier"] = count["squares"] / count["all"]
        found["ece"] = _calibration_error(scored, weights) / count["all"]
    return {name: found[name] for name in MEASURES}


def _ranked(scored: Scored, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ROC AUC and average precision, (B,) each; equal probabilities are one step."""
    order = np.argsort(-scored.probability, kind="stable")
    starts = np.flatnonzero(np.diff(scored.probability[order], prepend=np.inf))
    positive = (scored.truth == scored.positive)[order]
    ranked = weights[:, order]
    true = np.add.reduceat(ranked * positive, starts, axis=1)
    false = np.add.reduceat(ranked * ~positive, starts, axis=1)
    true_above, false_above = np.cumsum(true, axis=1), np.cumsum(false, axis=1)
    positives, negatives = true_above[:, -1], false_above[:, -1]
    beaten = negatives[:, None] - false_above + false / 2
    area = (true * beaten).sum(axis=1) / (positives * negatives)
    said = true_above + false_above
    precision = np.divide(true_above, said, out=np.zeros_like(said), where=said > 0)
    return area, (true * precision).sum(axis=1) / positives


def _calibration_error(scored: Scored, weights: np.ndarray) -> np.ndarray:
    gap = scored.probability - (scored.truth == scored.positive)
    columns = np.zeros((len(gap), scored.bins))
    columns[np.arange(len(gap)), bin_of(scored.probability, scored.bins)] = gap
    return np.abs(weights @ columns).sum(axis=1)


def resamplings(truth: np.ndarray, times: int, seed: int) -> Iterator[np.ndarray]:
    """Yield blocks of weights, (b, N), float64: each class is drawn anew with replacement.

    Stratified by true class: the number of galaxies of each class stays what it is, so that every
    resampling has all classes and the intervals hold for this mix of classes.
    """
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // max(1, len(truth)))
    members = [np.flatnonzero(truth == name) for name in np.unique(truth)]
    for start in range(0, times, rows):
        block = min(rows, times - start)
        weights = np.zeros((block, len(truth)))
        for member in members:
            drawn = rng.integers(0, len(member), (block, len(member)))
            drawn += np.arange(block)[:, None] * len(member)
            counts = np.bincount(drawn.ravel(), minlength=block * len(member))
            weights[:, member] = counts.reshape(block, len(member))
        yield weights


def bootstrap(scored: Scored, settings: Evaluate) -> dict[str, np.ndarray]:
    """Return every measure of every resampling, (settings.bootstrap,) each; bar for big sets."""
    blocks = []
    small = settings.bootstrap * len(scored.truth) < 10 * BLOCK
    with bar(settings.bootstrap, "Bootstrap", "resamplings", disable=small) as shown:
        for weights in resamplings(scored.truth, settings.bootstrap, settings.seed):
            blocks.append(measure(scored, weights))
            shown.update(len(weights))
    return {name: np.concatenate([block[name] for block in blocks]) for name in MEASURES}


def covered(
    scored: Scored, order: np.ndarray, kept: np.ndarray, settings: Evaluate
) -> dict[str, list[float | None]]:
    """Return the intervals of accuracy and F1 of the first galaxies of an order.

    Parameters
    ----------
    scored : Scored
    order : ndarray, (N,), int
        The galaxies, surest first.
    kept : ndarray, (K,), int
        How many of them are kept.
    settings : Evaluate

    Returns
    -------
    dict of str to list, (K,)
        "accuracy_low", "accuracy_high", "f1_low", "f1_high"; null where F1 is not defined.
    """
    scored = scored.take(order)
    positive, said = scored.truth == scored.positive, scored.said == scored.positive
    columns = (np.ones(len(said)), scored.truth == scored.said, positive & said, positive, said)
    drawn: dict[str, list[np.ndarray]] = {"accuracy": [], "f1": []}
    times = int(np.clip(50 * BLOCK // (4 * len(order)), 50, settings.bootstrap))
    for weights in resamplings(scored.truth, times, settings.seed):
        sums = [np.cumsum(weights * column, axis=1)[:, kept - 1] for column in columns]
        n, right, true, real, told = sums
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn["accuracy"].append(right / n)
            drawn["f1"].append(2 * true / (real + told))
    tail = (1 - settings.confidence) / 2
    found = {}
    for name, blocks in drawn.items():
        values = np.ma.masked_invalid(np.concatenate(blocks))
        for end, at in (("low", tail), ("high", 1 - tail)):
            found[f"{name}_{end}"] = [_quantile(column, at) for column in values.T]
    return found


def _quantile(values: np.ma.MaskedArray, at: float) -> float | None:
    kept = values.compressed()
    return tidy(np.quantile(kept, at)) if len(kept) else None


def with_intervals(scored: Scored, settings: Evaluate) -> dict[str, dict]:
    """Return {measure: {"value", "low", "high", "note"}}; null with the reason where undefined.

    Percentile intervals of the stratified bootstrap, with two exceptions that the note tells: a
    proportion on which all resamplings agree, such as 0 or 1, gets the exact interval of Clopper
    and Pearson (1934); the calibration error, which resampling inflates, is moved by its bias.
    """
    values, drawn, count = measure(scored), bootstrap(scored, settings), sums(scored, _once(scored))
    found = {}
    for name in MEASURES:
        value = float(values[name][0])
        if np.isnan(value):
            found[name] = {"value": None, "low": None, "high": None, "note": UNDEFINED[name]}
        elif name in PROPORTIONS and (value in (0.0, 1.0) or _agree(drawn[name])):
            hits, trials = (round(float(count[of][0])) for of in PROPORTIONS[name])
            found[name] = _exact(hits, trials, settings.confidence)
        else:
            found[name] = _percentiles(name, value, drawn[name], settings.confidence)
    return found


def _once(scored: Scored) -> np.ndarray:
    return np.ones((1, len(scored.truth)))


def _agree(drawn: np.ndarray) -> bool:
    return bool(np.ptp(drawn[~np.isnan(drawn)]) == 0)


def _percentiles(name: str, value: float, drawn: np.ndarray, confidence: float) -> dict:
    kept = drawn[~np.isnan(drawn)]
    notes = []
    if len(kept) < len(drawn):
        notes.append(f"undefined in {len(drawn) - len(kept)} of {len(drawn)} resamplings")
    if name == "ece":
        kept = kept - (kept.mean() - value)
        notes.append("moved by the bootstrap's bias")
    if _agree(kept):
        notes.append("all resamplings agree: the interval is too narrow")
    tail = (1 - confidence) / 2
    low, high = np.quantile(kept, [tail, 1 - tail])
    low = max(0.0, float(low))
    return {
        "value": tidy(value),
        "low": tidy(low),
        "high": tidy(float(high)),
        "note": "; ".join(notes) or None,
    }


def _exact(hits: int, trials: int, confidence: float) -> dict:
    """Return the interval of Clopper and Pearson."""
    tail, misses = (1 - confidence) / 2, trials - hits
    low = betaincinv(hits, misses + 1, tail) if hits else 0.0
    high = betaincinv(hits + 1, misses, 1 - tail) if misses else 1.0
    told = "all or none" if 0 in (hits, misses) else f"in all resamplings {hits}"
    note = f"{told} of {trials}: exact (Clopper-Pearson) interval"
    return {"value": tidy(hits / trials), "low": tidy(low), "high": tidy(high), "note": note}


def tidy(value: float) -> float:
    """Round to 12 digits: sums may differ beyond them with the number of threads."""
    return round(float(value), 12)
