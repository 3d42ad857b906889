"""Features made ready for distances: an Embedding -> standardised principal components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galcat_core.errors import GalcatError
from galcat_core.records import Embedding


@dataclass(frozen=True)
class Components:
    """Principal components of standardised features.

    Attributes
    ----------
    points : ndarray, (N, P), float32
        In the order of the embedding, most telling component first; at least two columns.
    explained : float
        Share of the variance that they hold.
    constant : int
        Features that are the same for every galaxy (dead units), left out.
    """

    points: np.ndarray
    explained: float
    constant: int


def components(embedding: Embedding, most: int = 50) -> Components:
    """Standardise each feature and keep the first principal components.

    Parameters
    ----------
    embedding : Embedding
        (N, D) features.
    most : int
        Components kept; 0 keeps all.

    Raises
    ------
    GalcatError
        A feature is not a number, or all galaxies have the same features.

    Notes
    -----
    Signs are those of scikit-learn's `PCA`: the largest loading of a component is positive, so that
    equal features give equal maps.
    """
    from sklearn.decomposition import PCA

    features = embedding.features.astype(np.float64)
    if not np.isfinite(features).all():
        bad = int((~np.isfinite(features)).any(axis=1).sum())
        raise GalcatError(
            f"embedding: the features of {bad} galaxies are not numbers; embed them again with a "
            "whole run"
        )
    spread = features.std(axis=0)
    alive = spread > 1e-6 * max(float(np.abs(features).max()), 1e-30)
    if len(features) > 1 and not alive.any():
        raise GalcatError(
            f"embedding: all {len(features)} galaxies have the same features, so there is nothing "
            "to map; embed with a trained run, and pictures that differ"
        )
    if len(features) < 2:
        return Components(np.zeros((len(features), 2), np.float32), 1.0, 0)
    scaled = (features[:, alive] - features[:, alive].mean(axis=0)) / spread[alive]
    limit = min(scaled.shape)
    kept = min(most or limit, limit)
    fit = PCA(kept, svd_solver="covariance_eigh").fit(scaled)
    points = fit.transform(scaled).astype(np.float32)
    if kept == 1:
        points = np.column_stack([points, np.zeros(len(points), np.float32)])
    explained = float(fit.explained_variance_ratio_.sum())
    return Components(points, round(explained, 6), int((~alive).sum()))
