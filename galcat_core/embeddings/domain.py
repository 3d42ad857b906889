"""What a run knows of its training galaxies -> how far others lie from them, as a percentile of held-out ones.

The distance is that of Mahalanobis (Lee et al. 2018, arXiv:1807.03888) with a covariance shrunk after
Ledoit & Wolf 2004, in two spaces: the network's embedding, and what the picture looks like
(`appearance`). The larger counts, each in units of what is usual. On the simulated survey the distance
to the k-th nearest training galaxy finds the same and takes more room (`benchmarks/domain.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galcat_core.errors import GalcatError
from galcat_core.files import read_if_there, whole

FILE = "domain.npz"  # in a run's folder
FEWEST = 20  # galaxies on either side
LEARNT = 2000  # training galaxies that are looked at, at most
COMPONENTS = 128  # directions kept one by one; the rest count together
USUAL = 0.95  # share of the known galaxies within the unit of a distance
STEPS = 1000  # of the percentiles
SPACES = ("features", "appearance")


@dataclass(frozen=True)
class Space:
    """Where the training galaxies lie in one space of D numbers.

    Attributes
    ----------
    centre, width : ndarray, (D,), float32
        Their mean and standard deviation.
    axes : ndarray, (D, K), float16
        Principal directions of the numbers divided by their width, each divided by the standard
        deviation along it after shrinkage.
    rest : ndarray, (), float32
        Standard deviation along all other directions.
    unit : ndarray, (), float32
        The distance that is 1.
    """

    centre: np.ndarray
    width: np.ndarray
    axes: np.ndarray
    rest: np.ndarray
    unit: np.ndarray

    def distance(self, values: np.ndarray) -> np.ndarray:
        """Return the distance of values (N, D) from the training galaxies', (N,), float32."""
        offset = (np.asarray(values, np.float32) - self.centre) / self.width
        axes = self.axes.astype(np.float32)
        # not offset @ axes, whose last bits hang on how many galaxies are asked at a time
        along = np.einsum("nd,dk->nk", offset, axes)
        squares = (along**2).sum(axis=1)
        if axes.shape[1] < len(self.centre):
            # what no axis spans: the length of the offset less its part along the axes
            inside = ((along / np.linalg.norm(axes, axis=0)) ** 2).sum(axis=1)
            squares += np.maximum((offset**2).sum(axis=1) - inside, 0) / self.rest**2
        return np.sqrt(squares) / self.unit


@dataclass(frozen=True)
class Domain:
    """A run's domain: its spaces, and how far known galaxies lie out.

    Attributes
    ----------
    spaces : dict of str to Space
        Keys as in `SPACES`.
    known : ndarray, (STEPS + 1,), float32
        Distances of held-out galaxies, ascending: their 0th to 100th percentile.
    """

    spaces: dict[str, Space]
    known: np.ndarray

    def distance(self, features: np.ndarray, appearance: np.ndarray) -> np.ndarray:
        """Return the distance of galaxies (N, D), (N, A) from the training galaxies, (N,), float32."""
        values = dict(zip(SPACES, (features, appearance), strict=True))
        return np.max([space.distance(values[name]) for name, space in self.spaces.items()], axis=0)

    def percentile(self, distance: np.ndarray) -> np.ndarray:
        """Return the percentage of the known galaxies that lie nearer, (N,), float32, 0 to 100."""
        steps = np.linspace(0, 100, len(self.known))
        return np.interp(distance, self.known, steps).astype(np.float32)

    def save(self, folder: str | Path) -> Path:
        """Write the file whole; the same domain gives the same bytes."""
        path = Path(folder) / FILE
        flat = {f"{s}.{k}": v for s, space in self.spaces.items() for k, v in vars(space).items()}
        with whole(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, known=self.known, **flat)
        return path

    @classmethod
    def load(cls, folder: str | Path) -> Domain | None:
        """Return the domain in a run's folder, None if there is none.

        Raises
        ------
        GalcatError
            The file is broken.
        """

        def read(path: Path) -> Domain:
            with path.open("rb") as stream, np.load(stream) as held:
                values = {name: held[name] for name in held}
            known, parts = values.pop("known"), {name: {} for name in SPACES}
            for name, value in values.items():
                space, _, key = name.partition(".")
                parts[space][key] = value
            return cls({name: Space(**part) for name, part in parts.items()}, known)

        mend = "remove it and run galcat train again, which makes it anew"
        return read_if_there(Path(folder) / FILE, read, mend)


def fit(training: dict[str, np.ndarray], known: dict[str, np.ndarray]) -> Domain:
    """Learn where training galaxies lie.

    Parameters
    ----------
    training : dict of str to ndarray, (N, D), float
        Of galaxies that the run learnt from, for each of `SPACES`.
    known : dict of str to ndarray, (M, D), float
        The same of galaxies that it did not learn from; units and percentiles are theirs.

    Raises
    ------
    GalcatError
        There are fewer than 20 of either.
    """
    counts = [len(part["features"]) for part in (training, known)]
    if min(counts) < FEWEST:
        raise GalcatError(
            f"domain: {counts[0]} galaxies learnt from and {counts[1]} others; at least {FEWEST} of "
            "each are wanted"
        )
    spaces = {name: _space(training[name], known[name]) for name in SPACES}
    nothing = Domain(spaces, np.zeros(2, np.float32))
    distance = nothing.distance(*(known[name] for name in SPACES))
    steps = np.quantile(distance, np.linspace(0, 1, STEPS + 1)).astype(np.float32)
    return Domain(spaces, steps)


def _space(training: np.ndarray, known: np.ndarray) -> Space:
    training = np.asarray(training, float)
    centre, width = training.mean(axis=0), training.std(axis=0)
    # a number that is always the same: another value is as far out as it is large
    width[width < 1e-6 * max(width.max(), 1e-6)] = max(width.max(), 1e-6)
    axes, rest = _axes((training - centre) / width)
    parts = [value.astype(np.float32) for value in (centre, width)]
    one = np.float32(1)
    made = Space(*parts, axes, np.float32(rest), one)
    unit = np.quantile(made.distance(known), USUAL)
    return Space(*parts, axes, np.float32(rest), np.float32(max(unit, 1e-6)))


def _axes(centred: np.ndarray) -> tuple[np.ndarray, float]:
    """Return scaled axes (D, K), float16, and the standard deviation along all other directions."""
    values, vectors = np.linalg.eigh(_shrunk(centred))
    order = np.argsort(-values, kind="stable")[:COMPONENTS]
    others = np.sort(values)[: len(values) - len(order)]
    largest = np.abs(vectors[:, order]).argmax(axis=0)
    sign = np.sign(vectors[largest, order])  # of two eigenvectors always the same one
    axes = vectors[:, order] * sign / np.sqrt(values[order])
    return axes.astype(np.float16), float(np.sqrt(others.mean() if len(others) else 1.0))


def _shrunk(centred: np.ndarray) -> np.ndarray:
    """Return the covariance (D, D), drawn towards a multiple of the identity (Ledoit & Wolf 2004)."""
    count, size = centred.shape
    covariance = centred.T @ centred / count
    target = np.trace(covariance) / size * np.eye(size)
    spread = ((covariance - target) ** 2).sum()
    squares = centred**2
    noise = (squares.T @ squares / count - covariance**2).sum() / count
    weight = min(1.0, max(noise / max(spread, 1e-12), 1e-3))  # never 0: it has to be inverted
    return (1 - weight) * covariance + weight * target
