"""Who looks like whom: an Embedding -> nearest neighbours of a galaxy; Clusters that no label has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from galcat_core.embeddings.features import components
from galcat_core.errors import GalcatError, listed
from galcat_core.records import Clusters, Embedding, Predictions
from galcat_core.sections import Project

METRICS = {
    "cosine": "1 - cosine of the angle between features",
    "euclidean": "length of the difference of features",
}


class Neighbors:
    """Exact search for the galaxies that look most like one, one product per question.

    Parameters
    ----------
    embedding : Embedding
    metric : str
        One of `METRICS`.

    Raises
    ------
    GalcatError
        There is no such metric.
    """

    def __init__(self, embedding: Embedding, metric: str = "cosine") -> None:
        if metric not in METRICS:
            raise GalcatError(f"metric '{metric}': legal are {listed(METRICS)}")
        self.metric = metric
        self.ids = embedding.ids
        self._rows = pd.Index(self.ids)
        features = embedding.features
        self._points = _unit(features) if metric == "cosine" else features
        self._squares = np.einsum("ij,ij->i", self._points, self._points)

    def nearest(self, query: int | str | np.ndarray, k: int = 12) -> pd.DataFrame:
        """Return the k galaxies nearest to a galaxy or to features, the nearest first.

        Parameters
        ----------
        query : int, str or ndarray, (D,)
            An id (that galaxy itself is left out), or features.
        k : int
            At most so many come back as there are.

        Returns
        -------
        pandas.DataFrame
            `id` and `distance` (float32; 0 is the same); equal distances in the embedding's order.

        Raises
        ------
        GalcatError
            The id is not in the embedding, or the features are not as many as its own.
        """
        _check_number(k)
        row, point = self._point(query)
        return self._nearest(point, [] if row is None else [row], k)

    def nearest_to_all(self, ids: Sequence[int | str] | np.ndarray, k: int = 12) -> pd.DataFrame:
        """Return the k galaxies nearest to the mean of several, which are left out themselves.

        The mean is that of the features as the metric compares them (of length 1 for "cosine").
        Everything else is as for `nearest`.

        Raises
        ------
        GalcatError
            No id is given, or one is not in the embedding.
        """
        _check_number(k)
        rows = self._rows.get_indexer(ids)
        if not len(rows) or (rows < 0).any():
            lost = np.asarray(ids)[rows < 0]
            told = f"galaxy {lost[0]} is not in" if len(lost) else "no galaxy is given of"
            raise GalcatError(f"{told} this embedding of {len(self.ids)}")
        point = self._points[rows].mean(axis=0)
        return self._nearest(_unit(point[None])[0] if self.metric == "cosine" else point, rows, k)

    def _nearest(
        self, point: np.ndarray, left_out: Sequence[int] | np.ndarray, k: int
    ) -> pd.DataFrame:
        squares = self._squares + point @ point - 2 * (self._points @ point)
        squares[left_out] = np.inf
        k = min(k, len(squares) - len(left_out))
        cut = np.partition(squares, k - 1)[k - 1] if k else -np.inf
        near = np.flatnonzero(squares <= cut)
        near = near[np.argsort(squares[near], kind="stable")][:k]
        squares = np.maximum(squares[near], 0)
        distance = squares / 2 if self.metric == "cosine" else np.sqrt(squares)
        return pd.DataFrame({"id": self.ids[near], "distance": distance.astype(np.float32)})

    def _point(self, query: int | str | np.ndarray) -> tuple[int | None, np.ndarray]:
        if np.ndim(query) == 0:
            row = int(self._rows.get_indexer([query])[0])
            if row < 0:
                raise GalcatError(
                    f"galaxy {query} is not in this embedding of {len(self.ids)}, with ids such as "
                    f"{listed(self.ids[:3])}"
                )
            return row, self._points[row]
        point = np.asarray(query, np.float32)
        if point.shape != self._points.shape[1:]:
            raise GalcatError(
                f"features of shape {point.shape}: {self._points.shape[1]} numbers are wanted, as "
                "many as the embedding has"
            )
        return None, _unit(point[None])[0] if self.metric == "cosine" else point


def nearest(
    embedding: Embedding, query: int | str | np.ndarray, k: int = 12, metric: str = "cosine"
) -> pd.DataFrame:
    """Return the k galaxies nearest to an id or to features (see `Neighbors.nearest`)."""
    return Neighbors(embedding, metric).nearest(query, k)


def _check_number(k: int) -> None:
    if k < 1:
        raise GalcatError(f"k = {k}: at least 1 neighbour is wanted")


def _unit(features: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(length, 1e-30)


def cluster(
    embedding: Embedding, settings: Project | None = None, predictions: Predictions | None = None
) -> Clusters:
    """Part all galaxies into clusters by their features alone, then compare with predicted classes.

    Parameters
    ----------
    embedding : Embedding
    settings : Project, optional
        `config.project`: clusters, cluster_method, pca, seed.
    predictions : Predictions, optional
        What the clusters are compared with; they have no part in finding them.

    Returns
    -------
    Clusters
        `id`, `cluster` (0 is the largest) and `margin` (float32, 0 between two clusters, 1 deep in
        one). `meta` holds "method", "sizes" and, with predictions, "agreement" (see `agreement`) and
        "without_prediction" (galaxies that it could not count).

    Raises
    ------
    GalcatError
        There are fewer galaxies than clusters, all have the same features, or the predictions are
        of other galaxies.

    Notes
    -----
    Khan et al. 2019 look at the most confident galaxies only, which nearly assumes the answer. Here
    every galaxy is parted, and the agreement is given for the confident and the other half as well.
    """
    settings = settings or Project()
    if len(embedding) < settings.clusters:
        raise GalcatError(
            f"{len(embedding)} galaxies cannot make {settings.clusters} clusters; give more "
            "galaxies, or ask for fewer clusters"
        )
    points = components(embedding, settings.pca).points
    labels, margin = METHODS[settings.cluster_method](points, settings)
    labels = _by_size(labels)
    table = pd.DataFrame({"id": embedding.ids, "cluster": labels, "margin": margin})
    meta: dict[str, Any] = {
        "method": settings.cluster_method,
        "run": sorted(set(embedding.table["run"].astype(str))),
        "sizes": np.bincount(labels).tolist(),
    }
    if predictions is not None:
        meta["agreement"] = agreement(table, predictions)
        compared = meta["agreement"]["all"]["n"]
        meta["without_prediction"] = len(table) - compared
    return Clusters(table, meta=meta)


def _kmeans(points: np.ndarray, settings: Project) -> tuple[np.ndarray, np.ndarray]:
    """The default: on a DS18 run of the simulated survey it gives the same two clusters for 2 to 50
    components, while a Gaussian mixture's change (its sizes from 1103/697 to 977/823).
    """
    from sklearn.cluster import KMeans

    fit = KMeans(settings.clusters, n_init=10, random_state=settings.seed).fit(points)
    distance = np.sort(fit.transform(points), axis=1)
    near, next_near = distance[:, 0], distance[:, 1]
    margin = (next_near - near) / np.maximum(next_near + near, 1e-30)
    return fit.labels_.astype(np.int64), margin.astype(np.float32)


def _gaussian_mixture(points: np.ndarray, settings: Project) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.mixture import GaussianMixture

    # a shared shape: with one of its own, a cluster of few galaxies has more numbers than galaxies
    fit = GaussianMixture(
        settings.clusters,
        covariance_type="tied",
        n_init=3,
        max_iter=500,
        reg_covar=1e-3,
        random_state=settings.seed,
    ).fit(points.astype(np.float64))
    chance = np.sort(fit.predict_proba(points.astype(np.float64)), axis=1)
    return (
        fit.predict(points.astype(np.float64)).astype(np.int64),
        (chance[:, -1] - chance[:, -2]).astype(np.float32),
    )


METHODS = {"kmeans": _kmeans, "gaussian_mixture": _gaussian_mixture}


def _by_size(labels: np.ndarray) -> np.ndarray:
    """Number clusters from the largest; equal ones by their first galaxy."""
    names, first, counts = np.unique(labels, return_index=True, return_counts=True)
    order = names[np.lexsort((first, -counts))]
    return np.argsort(order)[np.searchsorted(names, labels)]


def agreement(clusters: pd.DataFrame, predictions: Predictions) -> dict[str, Any]:
    """Compare clusters with predicted classes.

    Parameters
    ----------
    clusters : pandas.DataFrame
        `id` and `cluster`.
    predictions : Predictions

    Returns
    -------
    dict
        For "all", the "confident_half" and the "uncertain_half" (by the probability of the
        predicted class): "n", "adjusted_rand" (1 the same partition, 0 chance), "purity" (share
        of galaxies in the commonest class of their cluster), "purity_without_clusters" (what one
        cluster for all would have), "mutual_information" (adjusted, 1 the same, 0 chance) and
        "counts" ({cluster: {class: n}}).

    Raises
    ------
    GalcatError
        No galaxy has both.
    """
    columns = [f"p_{name}" for name in predictions.classes]
    table = clusters.merge(predictions.table[["id", "predicted", *columns]], on="id", how="inner")
    if table.empty:
        raise GalcatError(
            "the embedding and the predictions have no galaxy in common; give those of the same run"
        )
    order = np.argsort(-table[columns].to_numpy(float).max(axis=1), kind="stable")
    half = len(table) // 2
    parts = {
        "all": table,
        "confident_half": table.iloc[order[:half]],
        "uncertain_half": table.iloc[order[half:]],
    }
    return {name: _compare(part) for name, part in parts.items() if len(part)}


def _compare(table: pd.DataFrame) -> dict[str, Any]:
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    counts = pd.crosstab(table["cluster"], table["predicted"])
    said, found = table["predicted"], table["cluster"]
    figures = {
        "adjusted_rand": adjusted_rand_score(said, found),
        "mutual_information": adjusted_mutual_info_score(said, found),
        "purity": counts.max(axis=1).sum() / len(table),
        "purity_without_clusters": counts.sum(axis=0).max() / len(table),
    }
    return {
        "n": len(table),
        **{name: round(float(value), 6) for name, value in figures.items()},
        "counts": {str(c): {k: int(v) for k, v in row.items()} for c, row in counts.iterrows()},
    }
