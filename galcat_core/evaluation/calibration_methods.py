"""The ways to correct probabilities, none, temperature, Platt, isotonic: fitted on labels, and applied."""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression, minimize

METHODS = ("none", "temperature", "platt", "isotonic")  # the simplest first
LEAST = 1e-7  # probability below which the logarithm is not taken: what float32 resolves near 1


def fitted(
    method: str, probability: np.ndarray, truth: np.ndarray, weight: np.ndarray
) -> tuple[str, float, list[float], list]:
    """Fit one of `METHODS`.

    Parameters
    ----------
    method : str
    probability : ndarray, (N, C), float
    truth : ndarray, (N,), int
        Index of the true class.
    weight : ndarray, (N,), float
        Of each galaxy.

    Returns
    -------
    tuple of str, float, list of float, list
        The method, slope, bias and knots of a `calibration.Calibration`.
    """
    classes = probability.shape[1]
    if method == "none":
        return method, 1.0, [0.0] * classes, []
    if method == "isotonic":
        which = [1] if classes == 2 else range(classes)
        knots = [_isotonic(probability[:, c], truth == c, weight) for c in which]
        return method, 1.0, [0.0] * classes, knots
    slope, bias = _scaled(probability, truth, weight, shift=method == "platt")
    return method, slope, bias, []


def applied(
    method: str, slope: float, bias: list[float], knots: list, probability: np.ndarray
) -> np.ndarray:
    """Return the probabilities, (N, C), float32, that a fitted method makes of others."""
    if method == "none":
        return probability
    if method == "isotonic":
        return _interpolated(probability, knots).astype(np.float32)
    return _softmax(slope * logs(probability) + np.array(bias)).astype(np.float32)


def logs(probability: np.ndarray) -> np.ndarray:
    """Return the logarithms, (N, C); of two classes the smaller may be below what float32 keeps."""
    return np.log(np.clip(np.asarray(probability, float), LEAST, 1.0))


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _scaled(
    probability: np.ndarray, truth: np.ndarray, weight: np.ndarray, shift: bool
) -> tuple[float, list[float]]:
    """Return slope and biases of the least cross-entropy with Platt's smoothed targets."""
    given, classes = logs(probability), probability.shape[1]
    counts = np.bincount(truth, minlength=classes)
    target = np.repeat(1 / (counts[truth, None] + classes), classes, axis=1)
    target[np.arange(len(truth)), truth] *= counts[truth] + 1
    scale = weight / weight.sum()

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        bias = np.r_[0.0, x[1:]] if shift else np.zeros(classes)
        made = _softmax(x[0] * given + bias)
        off = scale[:, None] * (made - target)
        value = -(scale[:, None] * target * np.log(np.maximum(made, 1e-300))).sum()
        slope = np.array([(off * given).sum()])
        return value, np.r_[slope, off.sum(axis=0)[1:]] if shift else slope

    start = np.r_[1.0, np.zeros(classes - 1)] if shift else np.ones(1)
    limits = [(1e-3, 1e3)] + [(-100.0, 100.0)] * (len(start) - 1)
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=limits, options={"ftol": 1e-14}
    ).x
    bias = [0.0, *map(_short, found[1:])] if shift else [0.0] * classes
    return _short(found[0]), bias


def _isotonic(raw: np.ndarray, is_class: np.ndarray, weight: np.ndarray) -> list[list[float]]:
    """Return the centres of the blocks of isotonic regression: raw and calibrated, ascending."""
    order = np.argsort(raw, kind="stable")
    raw, is_class, weight = raw[order], is_class[order].astype(float), weight[order]
    # equal raw values are one point
    starts = np.flatnonzero(np.diff(raw, prepend=-np.inf))
    mass = np.add.reduceat(weight, starts)
    share = np.add.reduceat(weight * is_class, starts) / mass
    blocks = isotonic_regression(share, weights=mass).blocks[:-1]
    total = np.add.reduceat(mass, blocks)
    x = np.add.reduceat(mass * raw[starts], blocks) / total
    y = np.add.reduceat(mass * share, blocks) / total
    least = 1 / (len(raw) + 2)  # no certainty from a limited number of galaxies
    return [[_short(v) for v in x], [_short(v) for v in np.clip(y, least, 1 - least)]]


def _interpolated(probability: np.ndarray, knots: list) -> np.ndarray:
    ended = [[[0.0, *x, 1.0], [0.0, *y, 1.0]] for x, y in knots]
    if probability.shape[1] == 2:
        second = np.interp(probability[:, 1], *ended[0])
        return np.stack([1 - second, second], axis=1)
    each = [np.interp(p, *k) for p, k in zip(probability.T, ended, strict=True)]
    made = np.maximum(np.stack(each, axis=1), LEAST)
    return made / made.sum(axis=1, keepdims=True)


def _short(value: float) -> float:
    """Round to 9 digits: an optimiser's last ones differ between machines."""
    return float(f"{value:.9g}")
