"""Embeddings with two known groups, as an untouched network's features would have them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from galcat_core.records import Embedding, Predictions


def _embedding_of(features: np.ndarray, ids: np.ndarray | None = None) -> Embedding:
    table = pd.DataFrame(
        features.astype(np.float32), columns=[f"feature_{i}" for i in range(features.shape[1])]
    )
    table.insert(0, "id", np.arange(len(table)) if ids is None else ids)
    return Embedding(table.assign(run="baseline-0123456789ab"))


@pytest.fixture(scope="session")
def embedding_of() -> Callable[..., Embedding]:
    """Function: features (N, D)[, ids] -> Embedding."""
    return _embedding_of


@pytest.fixture(scope="session")
def groups() -> tuple[Embedding, np.ndarray]:
    """Return features of 400 galaxies and the group of each; two of 24 features are dead."""
    rng = np.random.default_rng(5)
    group = rng.random(400) < 0.35
    centre = np.where(group, 1, -1)[:, None] * rng.normal(0, 1.2, 24)
    features = np.maximum(centre + rng.normal(0, 1, (400, 24)), 0)
    features[:, [3, 11]] = 0
    return _embedding_of(features, 2**60 + rng.permutation(400)), group


@pytest.fixture(scope="session")
def predicted(groups) -> Predictions:
    """Predictions that know the groups, but for the uncertain ones."""
    embedding, group = groups
    rng = np.random.default_rng(6)
    probability = np.clip(np.where(group, 0.85, 0.15) + rng.normal(0, 0.25, 400), 0.001, 0.999)
    table = pd.DataFrame(
        {
            "id": embedding.ids,
            "p_elliptical": 1 - probability,
            "p_spiral": probability,
            "predicted": np.where(probability >= 0.5, "spiral", "elliptical"),
            "run": "baseline-0123456789ab",
        }
    )
    return Predictions(table, None, {"classes": ["elliptical", "spiral"], "positive": "spiral"})
