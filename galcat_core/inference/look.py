"""One run looks at rows of a store: probabilities raw and calibrated, features, dropout passes, distance, in one go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import ThreadpoolController

from galcat_core.embeddings import domain
from galcat_core.embeddings.appearance import appearance
from galcat_core.embeddings.domain import Domain
from galcat_core.errors import GalcatError
from galcat_core.evaluation import calibration
from galcat_core.evaluation.calibration import Calibration, Calibrations
from galcat_core.inference.dropout import thinned_of
from galcat_core.inference.network import VIEWS, Network, network_of
from galcat_core.provenance import digest

if TYPE_CHECKING:
    from galcat_core.images.store import CutoutStore
    from galcat_core.runs import Run

LOOKED_AT = 64  # pictures described at a time: they stay in the processor's cache
# pictures in one part: seconds to a minute of work, and enough parts for many workers; by the number
# of galaxies alone, so that another number of workers goes on with the same parts
PART_ROWS, PARTS, LEAST_BATCHES = 4096, 256, 8


@dataclass(frozen=True)
class Size:
    """How the work is cut and what is looked at: parts of another size are other parts.

    Attributes
    ----------
    batch : int
        Pictures the network sees at once.
    part_rows : int
        Pictures in a part, rounded up to whole batches.
    features : bool
        Keep the features, not the probabilities alone.
    turned : bool
        See each picture in all `VIEWS` (test-time augmentation), not only as it is.
    passes : int
        Passes with dropout.
    seed : int
        Of the dropouts.
    calibration : str or None
        Whose calibration is taken (see `Calibrations.of`).
    percentile : float
        Of the known galaxies: what lies further out is out of the domain.
    """

    batch: int
    part_rows: int = PART_ROWS
    features: bool = False
    turned: bool = False
    passes: int = 0
    seed: int = 1
    calibration: str | None = None
    percentile: float = 99.0

    def __post_init__(self) -> None:
        for name, least in (("part_rows", 1), ("passes", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise GalcatError(f"{name} = {getattr(self, name)}: at least {least} is legal")
        if not 0 < self.percentile < 100:
            raise GalcatError(f"percentile {self.percentile:g}: above 0 and below 100 is legal")
        object.__setattr__(self, "part_rows", -(-self.part_rows // self.batch) * self.batch)

    @classmethod
    def of(cls, count: int, batch: int, part_rows: int | None = None, **looks: Any) -> Size:
        """Return how the work on `count` pictures is cut; see the class."""
        batch = min(batch, count)
        rows = min(PART_ROWS, max(LEAST_BATCHES * batch, count // PARTS))
        return cls(batch, rows if part_rows is None else part_rows, **looks)

    @property
    def looks(self) -> int:
        """How often a picture goes through the network."""
        return (VIEWS if self.turned else 1) + self.passes


@dataclass(frozen=True)
class Found:
    """What one run says of N galaxies; what was not asked for has no columns.

    Attributes
    ----------
    raw : ndarray, (N, C), float32
        The network's probability of each class, the mean over the views.
    calibrated : ndarray, (N, C), float32
        The mean of the views' calibrated probabilities; as `raw` without a calibration.
    features : ndarray, (N, D), float32
        Of the embedding layer, of the picture as it is.
    sampled : ndarray, (N, C or 0), float32
        Mean of the calibrated probabilities over the passes with dropout.
    entropy : ndarray, (N, 1 or 0), float32
        Mean over the passes of the entropy of the calibrated probabilities, nats.
    distance : ndarray, (N, 1 or 0), float32
        Percentile of the distance from the training galaxies (see `embeddings.domain`).
    """

    raw: np.ndarray
    calibrated: np.ndarray
    features: np.ndarray
    sampled: np.ndarray
    entropy: np.ndarray
    distance: np.ndarray

    def take(self, rows: np.ndarray) -> Found:
        """Return what is found of some rows, in the order asked."""
        return Found(**{name: value[rows] for name, value in vars(self).items()})

    @classmethod
    def joined(cls, parts: list[Found]) -> Found:
        """Return what several parts hold as one."""
        return cls(**{k: np.concatenate([getattr(p, k) for p in parts]) for k in vars(parts[0])})


def look(
    run: Run,
    store: CutoutStore,
    rows: np.ndarray,
    size: Size,
    tell: Callable[[int], Any] = lambda count: None,
) -> Found:
    """Let a run look at rows of a store, (n,), in order.

    `tell` hears how many pictures went through the network.
    """
    network = network_of(run.folder, run.digest, size.batch)
    fitted = calibration_of(run, store.survey, size.calibration)[1]
    raw, features = _seen(network, store, rows, 0, tell)
    views, calibrated = [raw], [fitted.apply(raw)]
    for view in range(1, VIEWS if size.turned else 1):
        views.append(_seen(network, store, rows, view, tell)[0])
        calibrated.append(fitted.apply(views[-1]))
    nothing = np.zeros((len(rows), 0), np.float32)
    sampled, entropy = nothing, nothing
    if size.passes:
        sampled, entropy = _sampled(run, network, store, rows, size, fitted, tell)
    known, distance = Domain.load(run.folder), nothing
    if known is not None:
        # sums come out otherwise, in their last bits, when numpy parts them among more threads
        with _libraries().limit(limits=1, user_api="blas"):
            far = known.distance(features, appearance_of(store, rows))
        distance = known.percentile(far)[:, None]
    kept = features if size.features else nothing
    return Found(mean_of(views), mean_of(calibrated), kept, sampled, entropy, distance)


@cache
def _libraries() -> ThreadpoolController:
    """Return what numpy computes with; looked for once, since that takes milliseconds."""
    return ThreadpoolController()


def _seen(
    network: Network, store: CutoutStore, rows: np.ndarray, view: int, tell: Callable[[int], Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (n, C) and features (n, D) of the pictures in one view."""
    probability, features = [], []
    for part in network.outputs(store, rows, view):
        probability.append(part.probability)
        features.append(part.features)
        tell(len(part.features))
    return np.concatenate(probability), np.concatenate(features)


def appearance_of(store: CutoutStore, rows: np.ndarray) -> np.ndarray:
    """Return what the pictures of rows (n,) look like, (n, A) (see `embeddings.appearance`)."""
    starts = range(0, len(rows), LOOKED_AT)
    return np.concatenate([appearance(store.images(rows[s : s + LOOKED_AT])) for s in starts])


def _sampled(
    run: Run,
    network: Network,
    store: CutoutStore,
    rows: np.ndarray,
    size: Size,
    fitted: Calibration,
    tell: Callable[[int], Any],
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean probability (n, C) and mean entropy (n, 1) of the passes with dropout."""
    thinned = thinned_of(run.folder, run.digest, size.passes, size.seed)
    means, entropies = [], []
    for batch in thinned.outputs(network, store, rows):  # (passes, b, C)
        found = np.stack([fitted.apply(one) for one in batch])
        means.append(found.mean(axis=0, dtype=float).astype(np.float32))
        entropies.append(entropy_of(found).mean(axis=0).astype(np.float32)[:, None])
        tell(batch.shape[0] * batch.shape[1])
    return np.concatenate(means), np.concatenate(entropies)


def calibration_of(run: Run, survey: str, wanted: str | None) -> tuple[str, Calibration]:
    """Return the calibration a run has for a survey's pictures, and whose it is ("none": nobody's).

    Raises
    ------
    GalcatError
        The one that is wanted is not there.
    """
    there = Calibrations.load(run.folder)
    if there is not None:
        return there.of(survey, wanted)
    if wanted not in (None, "none"):
        raise GalcatError(
            f"{run.folder} has no calibration for '{wanted}', nor any other; fit one with galcat "
            "calibrate"
        )
    return "none", Calibration()


def fitted_digests(folder: Path) -> dict[str, str]:
    """Return {name: sha256} of what was fitted to a run after its training, as far as it is there."""
    files = [folder / calibration.FILE, folder / domain.FILE]
    start = digest(folder)[:12]  # runs of an ensemble may have one name
    return {f"{file.name} of {start}": digest(file) for file in files if file.is_file()}


def entropy_of(probability: np.ndarray) -> np.ndarray:
    """Return the entropy over the last axis, (..., C) -> (...), float64, nats."""
    p = np.asarray(probability, float)
    return -(p * np.log(np.maximum(p, 1e-300))).sum(axis=-1)


def mean_of(views: list[np.ndarray]) -> np.ndarray:
    """Return the mean of arrays of float32; one alone stays as it is."""
    if len(views) == 1:
        return views[0]
    return np.mean(views, axis=0, dtype=float).astype(np.float32)
