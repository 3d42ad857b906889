"""Curves behind the figures: scored galaxies -> ROC, calibration and coverage points, JSON types."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtri

from galcat_core.evaluation.measures import Scored, bin_of, resamplings, tidy
from galcat_core.sections import Evaluate

AT_MOST = 1000  # points of a ROC curve kept
BAND_AT = np.linspace(0.0, 1.0, 201)
BAND_WEIGHTS = 50_000_000  # resamplings times galaxies behind the band: a second or two


def roc(scored: Scored, settings: Evaluate) -> dict:
    """Return the ROC curve, its bootstrap band and the operating point.

    Returns
    -------
    dict
        "false_positive_rate", "true_positive_rate", "threshold" (lists; the first threshold, above
        every probability, is null), "band" {"false_positive_rate", "low", "high"} and "operating"
        {"false_positive_rate", "true_positive_rate"} at the configured threshold. Corners only, at
        most 1,000 of them.
    """
    false, true, thresholds = _steps(scored)
    corner = np.r_[True, (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0), True]
    thresholds = thresholds[corner]
    false, true = false[corner] / false[-1], true[corner] / true[-1]
    if len(false) > AT_MOST:
        along = (false - false[0]) + (true - true[0])
        kept = np.unique(np.searchsorted(along, np.linspace(0, along[-1], AT_MOST)))
        false, true, thresholds = false[kept], true[kept], thresholds[kept]
    positive, said = scored.truth == scored.positive, scored.said == scored.positive
    return {
        "false_positive_rate": _list(false),
        "true_positive_rate": _list(true),
        "threshold": [None if np.isinf(t) else tidy(t) for t in thresholds],
        "operating": {
            "false_positive_rate": tidy(said[~positive].mean()),
            "true_positive_rate": tidy(said[positive].mean()),
        },
        "band": _band(scored, settings),
    }


def _steps(scored: Scored) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts of false and true positives from each distinct probability up, and these."""
    order = np.argsort(-scored.probability, kind="stable")
    positive = (scored.truth == scored.positive)[order]
    ends = np.flatnonzero(np.diff(scored.probability[order], append=-np.inf))
    true, false = np.cumsum(positive)[ends], np.cumsum(~positive)[ends]
    thresholds = np.r_[np.inf, scored.probability[order][ends]]
    return np.r_[0, false], np.r_[0, true], thresholds


def _band(scored: Scored, settings: Evaluate) -> dict:
    """Return the pointwise interval of the true positive rate on a grid of false positive rates."""
    drawn = [
        np.interp(BAND_AT, np.r_[0, false] / false[-1], np.r_[0, true] / true[-1])
        for true, false in _drawn(scored, settings)
    ]
    return _interval("false_positive_rate", BAND_AT, drawn, settings)


def _drawn(scored: Scored, settings: Evaluate) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the counts of true and of false positives from each distinct probability up, of resamplings."""
    order = np.argsort(-scored.probability, kind="stable")
    positive = (scored.truth == scored.positive)[order]
    ends = np.flatnonzero(np.diff(scored.probability[order], append=-np.inf))
    times = int(np.clip(BAND_WEIGHTS // len(order), 50, settings.bootstrap))
    for weights in resamplings(scored.truth, times, settings.seed):
        true = np.cumsum(weights[:, order] * positive, axis=1)[:, ends]
        false = np.cumsum(weights[:, order] * ~positive, axis=1)[:, ends]
        yield from zip(true, false, strict=True)


def _interval(name: str, at: np.ndarray, drawn: list[np.ndarray], settings: Evaluate) -> dict:
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return {name: _list(at), "low": _list(low), "high": _list(high), "resamplings": len(drawn)}


def precision_recall(scored: Scored, settings: Evaluate) -> dict:
    """Return precision against recall, its bootstrap band and the operating point.

    Returns
    -------
    dict
        "recall", "precision", "threshold" (lists from the highest threshold down, at most 1,000
        points), "prevalence" (share of positives), "operating" {"recall", "precision"} (precision
        null where nothing is predicted positive) and "band" {"recall", "low", "high"}: of the
        highest threshold that reaches that recall.
    """
    false, true, thresholds = (values[1:] for values in _steps(scored))
    recall, precision = true / true[-1], true / (true + false)
    if len(true) > AT_MOST:
        along = np.cumsum(np.hypot(np.diff(recall, prepend=0), np.diff(precision, prepend=1)))
        kept = np.unique(np.searchsorted(along, np.linspace(along[0], along[-1], AT_MOST)))
        recall, precision, thresholds = recall[kept], precision[kept], thresholds[kept]
    positive, said = scored.truth == scored.positive, scored.said == scored.positive
    return {
        "recall": _list(recall),
        "precision": _list(precision),
        "threshold": _list(thresholds),
        "prevalence": tidy(positive.mean()),
        "operating": {
            "recall": tidy(said[positive].mean()),
            "precision": tidy(positive[said].mean()) if said.any() else None,
        },
        "band": _precision_band(scored, settings),
    }


def _precision_band(scored: Scored, settings: Evaluate) -> dict:
    """Return the pointwise interval of the precision on a grid of recalls."""
    drawn = []
    for true, false in _drawn(scored, settings):
        at = np.searchsorted(true / true[-1], BAND_AT[1:] - 1e-12)
        drawn.append(true[at] / (true[at] + false[at]))
    return _interval("recall", BAND_AT[1:], drawn, settings)


def calibration(scored: Scored, settings: Evaluate) -> dict:
    """Return the reliability diagram.

    Returns
    -------
    dict
        "edges" of the bins and for each "count", "mean_probability", "fraction_positive" and its
        Wilson interval "low", "high"; null where a bin is empty.
    """
    bins = bin_of(scored.probability, scored.bins)
    count = np.bincount(bins, minlength=scored.bins)
    mean = np.bincount(bins, scored.probability, scored.bins)
    fraction = np.bincount(bins, scored.truth == scored.positive, scored.bins)
    filled = np.maximum(count, 1)
    low, high = wilson(fraction / filled, filled, settings.confidence)
    return {
        "edges": _list(np.linspace(0, 1, scored.bins + 1)),
        "count": count.tolist(),
        "mean_probability": _list_or_null(mean / filled, count),
        "fraction_positive": _list_or_null(fraction / filled, count),
        "low": _list_or_null(low, count),
        "high": _list_or_null(high, count),
    }


def wilson(
    fraction: np.ndarray, count: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of Wilson (1927) of fractions of `count` trials, two arrays (N,)."""
    z = ndtri((1 + confidence) / 2)
    centre = (fraction + z**2 / (2 * count)) / (1 + z**2 / count)
    half = (
        z / (1 + z**2 / count) * np.sqrt(fraction * (1 - fraction) / count + z**2 / (4 * count**2))
    )
    return centre - half, centre + half


def confidence_of(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Return how far a probability lies from the threshold, 0 at it, 1 at certainty, (N,)."""
    above = (probability - threshold) / max(1 - threshold, 1e-12)
    below = (threshold - probability) / max(threshold, 1e-12)
    return np.where(probability >= threshold, above, below)


def coverage(scored: Scored, confidence: np.ndarray) -> dict:
    """Return accuracy and F1 of the surest fraction, for 1% to 100% of the galaxies.

    Khan et al. 2019 quote figures for the most confident half only; the whole curve shows what
    that leaves out. Equal confidences stay in the order of the table (by id).
    """
    order = np.argsort(-confidence, kind="stable")
    positive, said = (x[order] == scored.positive for x in (scored.truth, scored.said))
    right = np.cumsum(scored.truth[order] == scored.said[order])
    true, either = np.cumsum(positive & said), np.cumsum(positive) + np.cumsum(said)
    kept = np.unique(np.ceil(np.arange(1, 101) / 100 * len(order)).astype(int))
    f1 = 2 * true[kept - 1] / np.maximum(either[kept - 1], 1)
    return {
        "fraction": _list(kept / len(order)),
        "n": kept.tolist(),
        "least_confidence": _list(confidence[order][kept - 1]),
        "accuracy": _list(right[kept - 1] / kept),
        "f1": _list_or_null(f1, either[kept - 1]),
    }


def _list(values: np.ndarray) -> list[float]:
    return [tidy(value) for value in values]


def _list_or_null(values: np.ndarray, count: np.ndarray) -> list[float | None]:
    return [tidy(value) if n else None for value, n in zip(values, count, strict=True)]
