"""Votes on a question -> labels of the galaxies on whose answer enough volunteers agree."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed, nearest

IDS = ("id", "objid", "dr7objid", "dr8objid")


def agreement(counts: np.ndarray) -> np.ndarray:
    """Return how far volunteers agree, a(p) = 1 - H(p) / ln(answers).

    Parameters
    ----------
    counts : array_like, (N, answers)
        Votes for each answer.

    Returns
    -------
    ndarray, (N,), float64
        From 0 (all answers alike) to 1 (one answer); 0 where nobody voted. Dominguez Sanchez et al.
        2018, arXiv:1711.05744, section 3.
    """
    counts = np.asarray(counts, float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    found = 1 + (share * logs).sum(axis=1) / np.log(counts.shape[1])
    return np.where(counts.sum(axis=1) > 0, np.clip(found, 0, 1), 0.0)


def labels_of(
    votes: pd.DataFrame, answers: dict[str, str | None], fewest: int, least: float
) -> pd.DataFrame:
    """Label the galaxies whose volunteers agree.

    Parameters
    ----------
    votes : pandas.DataFrame
        An id column (one of `IDS`, in any case) and for each answer `ANSWER_count`.
    answers : dict of str to (str or None)
        Answer -> class; galaxies whose answer has none are left out.
    fewest : int
        Votes that a galaxy needs.
    least : float
        Agreement a(p) that it needs.

    Returns
    -------
    pandas.DataFrame
        `id`, `label`, `certain` (True), `agreement`, sorted by id.

    Raises
    ------
    GalcatError
        A column is missing.
    """
    named = {str(c).lower(): c for c in votes.columns}
    ids = next((named[c] for c in IDS if c in named), None)
    if ids is None:
        raise GalcatError(f"votes: no column of ids; one of {listed(IDS)} is wanted")
    columns = [f"{answer}_count" for answer in answers]
    for name in columns:
        if name not in votes:
            raise GalcatError(
                f"votes: no column '{name}', which Galaxy Zoo 2's tables have."
                f"{nearest(name, votes.columns)}"
            )
    counts = votes[columns].fillna(0).to_numpy(float)
    agreed = agreement(counts)
    label = np.array(list(answers.values()), object)[counts.argmax(axis=1)]
    kept = (counts.sum(axis=1) >= fewest) & (agreed >= least) & pd.notna(label)
    made = pd.DataFrame({"id": votes[ids], "label": label, "certain": True, "agreement": agreed})
    return made[kept].drop_duplicates("id").sort_values("id", ignore_index=True)
