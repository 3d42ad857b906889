"""What volunteers of a second Galaxy Zoo would answer: the truth of a sky -> votes on disk, edge-on and bar.

The columns are those of Galaxy Zoo 2 (Willett et al. 2013, MNRAS 435, 2835; Hart et al. 2016): a tree
of questions, each asked only of those whose answers led to it. They are drawn from the truth alone, with
a random generator of their own, so that nothing else of the sky changes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

TREE = {  # question: answers, as Galaxy Zoo 2 calls them
    "t01_smooth_or_features": ("a01_smooth", "a02_features_or_disk", "a03_star_or_artifact"),
    "t02_edgeon": ("a04_yes", "a05_no"),
    "t03_bar": ("a06_bar", "a07_no_bar"),
}


def second_zoo(truth: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Let volunteers answer three questions about each galaxy of the SDSS-like survey.

    Parameters
    ----------
    truth : pandas.DataFrame
        `truth.parquet` of a sky.
    seed : int
        Of the votes.

    Returns
    -------
    pandas.DataFrame
        `id` (SDSS) and for each answer of `TREE` `QUESTION_ANSWER_count` (int64).
    """
    table = truth[(truth["kind"] == "galaxy") & (truth["sdss_id"] != 0)].reset_index(drop=True)
    random = np.random.default_rng([seed, 6])
    volunteers = np.clip(np.round(random.normal(42, 8, len(table))), 16, 70).astype(np.int64)
    disk, edge_on, bar = (_unsteady(random, share) for share in _shares(table))
    first = np.stack([1 - disk, disk, np.full(len(table), 0.015)], axis=1)
    counts = {"t01_smooth_or_features": _asked(random, volunteers, first)}
    seen = counts["t01_smooth_or_features"][:, 1]  # those who see a disk go on
    counts["t02_edgeon"] = _asked(random, seen, np.stack([edge_on, 1 - edge_on], axis=1))
    face_on = counts["t02_edgeon"][:, 1]
    counts["t03_bar"] = _asked(random, face_on, np.stack([bar, 1 - bar], axis=1))
    named = {
        f"{question}_{answer}_count": counts[question][:, place]
        for question, answers in TREE.items()
        for place, answer in enumerate(answers)
    }
    return pd.DataFrame({"id": table["sdss_id"], **named})


def _shares(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the chances, (N,) each, that a volunteer sees a disk or features, an edge-on disk, a bar."""
    seen = table["visibility"].to_numpy(float)
    spiral = (table["morphology"] == "spiral").to_numpy()
    tilt = np.nan_to_num(table["inclination_deg"].to_numpy(float))
    cos_i = np.cos(np.radians(tilt))
    edge = np.where(tilt > 0, 1 / (1 + np.exp(-(tilt - 74) / 3.5)), 0.0)
    pitch = np.clip(np.nan_to_num(table["pitch_deg"].to_numpy(float)) / 16, 0.5, 1.2)
    arms = spiral * np.clip(1.3 * seen * pitch * table["arm_strength"].to_numpy(float) ** 0.4, 0, 1)
    flat = edge * np.where(spiral, 0.5 + 0.48 * seen, 0.3 + 0.4 * seen)
    disk = 1 - (1 - 0.97 * arms) * (1 - flat) * np.where(spiral, 0.92 - 0.4 * seen, 0.96)
    barred = table["bar"].eq(True).to_numpy()
    bar = np.where(barred, 0.15 + 0.82 * seen**0.7 * cos_i**0.5, 0.03 + 0.05 * (1 - seen))
    return disk, 0.02 + 0.96 * edge, bar


def _unsteady(random: np.random.Generator, share: np.ndarray) -> np.ndarray:
    """Return shares that differ a little from galaxy to galaxy, as people do, in 0.005..0.995."""
    odds = np.log(np.clip(share, 0.005, 0.995) / (1 - np.clip(share, 0.005, 0.995)))
    return np.clip(1 / (1 + np.exp(-(odds + random.normal(0, 0.35, len(share))))), 0.005, 0.995)


def _asked(random: np.random.Generator, volunteers: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return how many gave each answer, (N, answers), int64."""
    return random.multinomial(volunteers, share / share.sum(axis=1, keepdims=True))
