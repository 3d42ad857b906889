"""Maps of galaxies: an Embedding -> Projection, (N, D) features to (N, 2) by t-SNE and UMAP."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from galcat_core.embeddings.features import components
from galcat_core.embeddings.graph import neighbor_graph
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.files import whole
from galcat_core.parts import parts_of
from galcat_core.progress import bar
from galcat_core.provenance import Provenance
from galcat_core.records import Embedding, Projection
from galcat_core.sections import Project

FEWEST = 5  # galaxies; below, the first two principal components are the map
EXAGGERATED, REFINED = 250, 500  # steps of t-SNE, the defaults of openTSNE
THREADS_FROM = 2000  # galaxies
TICK = 25  # steps between moves of the bar


def project_to(
    path: str | Path,
    embedding: Embedding,
    settings: Project | None = None,
    provenance: Provenance | None = None,
    progress: bool = True,
) -> Projection:
    """Draw the maps into a file; one that is finished is kept in PATH.parts/ until all are.

    Parameters and errors are those of `project`; also GalcatError where another process makes the
    same file.
    """
    settings = settings or Project()
    work = {
        "features": hashlib.sha256(embedding.features.tobytes()).hexdigest(),
        "settings": dataclasses.asdict(settings),
    }
    with parts_of(path, work) as folder:
        made = project(embedding, settings, progress, folder)
        made = dataclasses.replace(made, provenance=provenance)
        made.save(path)
    return made


def project(
    embedding: Embedding,
    settings: Project | None = None,
    progress: bool = True,
    folder: Path | None = None,
) -> Projection:
    """Map galaxies to the plane so that those with like features lie together.

    Both maps start from the first two principal components (so that far parts keep their places,
    Kobak & Linderman 2021, doi:10.1038/s41587-020-00809-z) and use the same exact neighbours.

    Parameters
    ----------
    embedding : Embedding
    settings : Project, optional
        `config.project`: methods, perplexity, neighbors, min_dist, pca, seed.
    progress : bool
        Show bars.
    folder : Path, optional
        Keeps finished maps; those that are there already are not drawn again.

    Returns
    -------
    Projection
        `id` and `METHOD_x`, `METHOD_y` (float32) for each method. `meta` holds the "settings" that
        were used and "notes" on what had to be reduced for few galaxies.

    Raises
    ------
    GalcatError
        A method is not one of `METHODS`, or the features cannot be mapped (see `components`).
    """
    settings = settings or Project()
    wanted = _checked(settings.methods)
    found = components(embedding, settings.pca)
    used, notes = _fitted(len(embedding), settings, wanted)
    if found.constant:
        notes.append(f"{found.constant} features are the same for every galaxy: left out")
    columns: dict[str, np.ndarray] = {"id": embedding.ids}
    few = len(embedding) < FEWEST
    graph = _Graph(found.points, used, progress)
    for name in wanted:
        points = found.points[:, :2] if few else _kept(folder, name, graph)
        columns[f"{name}_x"], columns[f"{name}_y"] = np.asarray(points, np.float32).T
    for note in notes if progress else ():
        print(note, file=sys.stderr)
    meta = {
        "run": sorted(set(embedding.table["run"].astype(str))),
        "settings": {**used, "explained_variance": found.explained},
        "notes": notes,
    }
    return Projection(pd.DataFrame(columns), meta=meta)


@dataclasses.dataclass
class _Graph:
    """The points, and their neighbours once a map has asked for them."""

    points: np.ndarray
    used: dict[str, Any]
    progress: bool

    @functools.cached_property
    def neighbors(self) -> tuple[np.ndarray, np.ndarray]:
        most = max(round(3 * self.used.get("perplexity", 0)), self.used.get("neighbors", 0))
        k = min(most, len(self.points) - 1)
        return neighbor_graph(self.points, k, self.used["seed"], self.progress)


def _kept(folder: Path | None, name: str, graph: _Graph) -> np.ndarray:
    """Return a map, drawn now or by an earlier start that was killed before the next one."""
    if folder is None:
        return METHODS[name](graph)
    file = folder / f"{name}.npy"
    if not file.is_file():
        with whole(file) as temporary:
            np.save(temporary, METHODS[name](graph))
    return np.load(file)


def _checked(methods: list[str]) -> list[str]:
    for name in methods:
        if name not in METHODS:
            raise GalcatError(
                f"project: there is no map '{name}'; legal are {listed(METHODS)}."
                f"{nearest(name, METHODS)}"
            )
    if not methods:
        raise GalcatError(f"project: no map is asked for; name one or more of {listed(METHODS)}")
    return list(dict.fromkeys(methods))


def _fitted(count: int, settings: Project, wanted: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the settings that so few galaxies allow, and what was changed."""
    used: dict[str, Any] = {"seed": settings.seed, "min_dist": settings.min_dist}
    notes = []
    if count < FEWEST:
        return used, [f"{count} galaxies are too few for a map: principal components are drawn"]
    if "tsne" in wanted:
        used["perplexity"] = min(settings.perplexity, (count - 1) / 3)
        if used["perplexity"] < settings.perplexity:
            notes.append(
                f"perplexity {settings.perplexity:g} needs {3 * settings.perplexity + 1:.0f} "
                f"galaxies, there are {count}: {used['perplexity']:.3g} is used"
            )
    if "umap" in wanted:
        used["neighbors"] = min(settings.neighbors, count - 1)
        if used["neighbors"] < settings.neighbors:
            notes.append(f"{settings.neighbors} neighbours asked: {used['neighbors']} are used")
    return used, notes


def _tsne(graph: _Graph) -> np.ndarray:
    """Return the t-SNE map, (N, 2); the same for any number of threads."""
    import openTSNE
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    points, used = graph.points, graph.used
    index, distance = graph.neighbors
    # threads cost more than they give for few galaxies; the map is the same either way
    jobs = -1 if len(points) >= THREADS_FROM else 1
    k = min(max(round(3 * used["perplexity"]), 1), index.shape[1])
    near = PrecomputedNeighbors(index[:, :k], distance[:, :k].astype(np.float64))
    affinities = openTSNE.affinity.PerplexityBasedNN(
        knn_index=near, perplexity=used["perplexity"], n_jobs=jobs
    )
    start = openTSNE.initialization.rescale(points[:, :2].astype(np.float64))
    with bar(EXAGGERATED + REFINED, "t-SNE", "steps", disable=not graph.progress) as shown:
        callback = _Tick(shown)
        fit = openTSNE.TSNE(
            perplexity=used["perplexity"],
            early_exaggeration_iter=EXAGGERATED,
            n_iter=REFINED,
            n_jobs=jobs,
            random_state=used["seed"],
            callbacks=callback,
            callbacks_every_iters=TICK,
        ).fit(affinities=affinities, initialization=start)
    return np.asarray(fit)


class _Tick:
    """Moves the bar every `TICK` steps of t-SNE."""

    def __init__(self, shown: Any) -> None:
        self.shown = shown

    def __call__(self, iteration: int, error: float, embedding: np.ndarray) -> bool:
        self.shown.update(TICK)
        return False  # go on


def _umap(graph: _Graph) -> np.ndarray:
    """Return the UMAP map, (N, 2); one thread, since several would not give equal bytes."""
    points, used = graph.points, graph.used
    k = used["neighbors"] - 1  # UMAP counts the galaxy itself
    itself = np.arange(len(points))[:, None]
    index = np.hstack([itself, graph.neighbors[0][:, :k]]).astype(np.int32)
    distance = np.hstack([np.zeros_like(itself, np.float32), graph.neighbors[1][:, :k]])
    umap = import_umap()
    with warnings.catch_warnings():
        # there is no search index: the map is not asked to place new galaxies
        warnings.filterwarnings("ignore", message="precomputed_knn\\[2\\]", category=UserWarning)
        fit = umap.UMAP(
            n_neighbors=used["neighbors"],
            min_dist=used["min_dist"],
            init="pca",
            random_state=used["seed"],
            n_jobs=1,
            precomputed_knn=(index, distance, None),
            tqdm_kwds=_tqdm_settings(graph.progress),
        ).fit(points)
    return fit.embedding_


def _tqdm_settings(progress: bool) -> dict[str, Any]:
    quiet_log = not sys.stderr.isatty()
    return {
        "desc": "UMAP",
        "unit": " steps",
        "disable": not progress,
        "file": sys.stderr,
        "mininterval": 10.0 if quiet_log else 0.2,
        "ascii": quiet_log,
        "bar_format": None,
    }


METHODS = {"tsne": _tsne, "umap": _umap}


def import_umap() -> ModuleType:
    """Import umap without TensorFlow: 4 s instead of 17 s.

    `umap/__init__.py` imports its neural variant where TensorFlow is installed, and does without
    where that fails; here it is made to fail at once, and can be imported by itself afterwards.
    """
    if "umap" in sys.modules:
        return sys.modules["umap"]
    with _unimportable("umap.parametric_umap"), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Tensorflow not installed", category=ImportWarning
        )
        import umap
    return umap


@contextlib.contextmanager
def _unimportable(name: str) -> Iterator[None]:
    sys.modules[name] = None  # type: ignore[assignment]  # documented: an import then fails
    try:
        yield
    finally:
        del sys.modules[name]
