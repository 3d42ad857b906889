"""A set of predictions with known truth: overlapping scores, ties, ids out of order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from galcat_core.records import Predictions

CLASSES = ["elliptical", "spiral"]


def _predictions_of(probability: np.ndarray, ids: np.ndarray | None = None) -> Predictions:
    ids = np.arange(len(probability)) if ids is None else ids
    table = pd.DataFrame(
        {
            "id": ids,
            "p_elliptical": 1 - probability,
            "p_spiral": probability,
            "predicted": np.where(probability >= 0.5, "spiral", "elliptical"),
            "run": "baseline-0123456789ab",
        }
    )
    return Predictions(table, None, {"classes": CLASSES, "positive": "spiral"})


def _labels_of(truth: np.ndarray, ids: np.ndarray | None = None) -> pd.DataFrame:
    ids = np.arange(len(truth)) if ids is None else ids
    return pd.DataFrame({"id": ids, "label": np.where(truth, "spiral", "elliptical")})


@pytest.fixture(scope="session")
def predictions_of() -> Callable[..., Predictions]:
    """Function: probability of a spiral (N,)[, ids] -> Predictions."""
    return _predictions_of


@pytest.fixture(scope="session")
def labels_of() -> Callable[..., pd.DataFrame]:
    """Function: whether it is a spiral (N,)[, ids] -> labels."""
    return _labels_of


@pytest.fixture(scope="session")
def case() -> tuple[Predictions, pd.DataFrame, np.ndarray, np.ndarray]:
    """Predictions, labels, probability (N,), truth (N,) of 700 galaxies; a fifth of scores tied."""
    rng = np.random.default_rng(7)
    truth = rng.random(700) < 0.4
    probability = 1 / (1 + np.exp(-rng.normal(np.where(truth, 1.2, -1.2), 1.5)))
    probability[::5] = np.round(probability[::5], 1)
    ids = 2**60 + rng.permutation(700)
    return _predictions_of(probability, ids), _labels_of(truth, ids), probability, truth
