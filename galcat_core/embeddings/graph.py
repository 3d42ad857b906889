"""The neighbours of every galaxy, on which both maps are built: points -> rows and distances."""

from __future__ import annotations

import numpy as np

from galcat_core.progress import track

EXACT_UP_TO = 200_000  # points; beyond, the search is approximate (pynndescent)
BLOCK = 32_000_000  # distances held at once: 128 MB


def neighbor_graph(
    points: np.ndarray, k: int, seed: int = 1, progress: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest neighbours of every point by Euclidean distance, itself left out.

    Parameters
    ----------
    points : ndarray, (N, P), float32
    k : int
        Less than N.
    seed : int
        Of the approximate search that more than `EXACT_UP_TO` points get.
    progress : bool
        Show a bar.

    Returns
    -------
    index : ndarray, (N, k), int64
        Rows of the neighbours, the nearest first.
    distance : ndarray, (N, k), float32
    """
    if len(points) > EXACT_UP_TO:
        return _approximate(points, k, seed)
    block = max(1, BLOCK // len(points))
    squares = np.einsum("ij,ij->i", points, points)
    parts = []
    starts = range(0, len(points), block)
    for start in track(
        starts, "Neighbours", unit="blocks", disable=not progress or len(starts) < 3
    ):
        here = points[start : start + block]
        found = squares[None, :] - 2 * (here @ points.T)
        found[np.arange(len(here)), np.arange(start, start + len(here))] = np.inf
        near = np.argpartition(found, k - 1, axis=1)[:, :k] if k < len(points) - 1 else None
        if near is None:
            near = np.argsort(found, axis=1, kind="stable")[:, :k]
        parts.append(_sorted_by_distance(points, start, near))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))  # type: ignore[return-value]


def _sorted_by_distance(
    points: np.ndarray, start: int, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Measure again by differences, which the product of squares blurs for close points; sort."""
    here = points[start : start + len(near)]
    distance = np.empty(near.shape, np.float32)
    for column in range(near.shape[1]):
        distance[:, column] = np.linalg.norm(here - points[near[:, column]], axis=1)
    order = np.lexsort((near, distance), axis=1)
    return np.take_along_axis(near, order, 1), np.take_along_axis(distance, order, 1)


def _approximate(points: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from pynndescent import NNDescent

    found = NNDescent(points, n_neighbors=k + 1, random_state=seed, n_jobs=1)
    index, distance = found.neighbor_graph
    return index[:, 1:].astype(np.int64), distance[:, 1:]
