"""A sample of one class: its probabilities and known labels -> what each threshold chooses, and how well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galcat_app.state.explore.labels import Labels
from galcat_app.state.folder import Project
from galcat_core.errors import GalcatError, listed

STEPS = 1000  # thresholds 0, 0.001, ... 1
BINS = 50


@dataclass(frozen=True, eq=False)
class Sample:
    """What galaxies at or above each of `STEPS` + 1 thresholds are.

    Attributes
    ----------
    name : str
        The class.
    chosen, judged, right : ndarray, (STEPS + 1,), int64
        Galaxies at or above the threshold; those of them whose class is known; those of the class.
    of_class : int
        Galaxies known to be of the class, with a probability.
    histogram : ndarray, (BINS,), int64
    total, missing, learnt : int
        Galaxies with a probability and without one; labelled ones that count for nothing, since
        networks learnt from them.
    """

    name: str
    chosen: np.ndarray
    judged: np.ndarray
    right: np.ndarray
    of_class: int
    histogram: np.ndarray
    total: int
    missing: int
    learnt: int


def sample(project: Project, labels: Labels, name: str) -> Sample:
    """Reckon a sample of class `name` at every threshold, exactly, over all galaxies."""
    p = probability(project, name)
    known = np.isfinite(p)
    judged = labels.judges & known
    truth = judged & (labels.names == name)
    given = known & np.array([label is not None for label in labels.names], bool)
    return Sample(
        name,
        _at_or_above(p[known]),
        _at_or_above(p[judged]),
        _at_or_above(p[truth]),
        int(truth.sum()),
        np.histogram(p[known], BINS, (0, 1))[0],
        int(known.sum()),
        int((~known).sum()),
        int((given & ~judged).sum()),
    )


def rows_above(project: Project, name: str, step: object) -> np.ndarray:
    """Return the rows whose probability of a class is at least `step` / `STEPS`."""
    if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step <= STEPS:
        raise GalcatError(f"a threshold is a whole number of thousandths, from 0 to {STEPS}")
    return np.flatnonzero(probability(project, name) >= step / STEPS)


def classes(project: Project) -> list[str]:
    """Return the classes that have a probability, the positive one first."""
    found = [name for name in project.classes if f"p_{name}" in project.table.columns]
    return sorted(found, key=lambda name: name != project.positive)


def probability(project: Project, name: str) -> np.ndarray:
    """Return the probability of a class, (N,), float64, NaN where there is none."""
    if name not in classes(project):
        raise GalcatError(
            f"there is no probability of '{name}'; there are {listed(classes(project))}"
        )
    return project.table[f"p_{name}"].to_numpy(float)


def _at_or_above(p: np.ndarray) -> np.ndarray:
    """Return how many values are at or above each threshold, (STEPS + 1,), int64."""
    p = np.sort(p)
    return len(p) - np.searchsorted(p, np.arange(STEPS + 1) / STEPS, side="left")
