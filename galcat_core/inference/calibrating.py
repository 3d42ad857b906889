"""A finished run + labelled pictures -> its calibration and its domain, written beside its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from galcat_core.embeddings import domain
from galcat_core.embeddings.domain import Domain
from galcat_core.errors import GalcatError, listed
from galcat_core.evaluation import calibration
from galcat_core.evaluation.calibration import Calibration, Calibrations
from galcat_core.inference.look import appearance_of
from galcat_core.inference.predicting import embed, predict_and_embed
from galcat_core.sections import Calibrate

if TYPE_CHECKING:
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Embedding
    from galcat_core.runs import Run

VALIDATION = "validation galaxies"


def settle(run: Run, store: CutoutStore, settings: Calibrate, progress: bool = True) -> None:
    """Fit what a run that has just ended its training lacks: calibration and domain.

    Both rest on galaxies that no weight was learnt from: those the run was validated on. With few of
    them there is no calibration, and the file says why; with fewer than 20 there is no domain. What
    is there already stays. A run that learnt from other surveys' looks is calibrated for a mixture
    of them all: each galaxy is seen in one of them, drawn by the run's seed.

    Parameters
    ----------
    run : Run
        Finished.
    store : CutoutStore
        That it was trained on.
    settings : Calibrate
    progress : bool
        Show bars.
    """
    there = Calibrations.load(run.folder)
    calibrated = there is not None and run.survey in there.surveys
    learnt, held_out = (_of_set(run, name) for name in ("train", "validation"))
    enough = min(len(learnt), len(held_out)) >= domain.FEWEST
    known = not enough or Domain.load(run.folder) is not None
    if calibrated and known:
        return
    asked = {"progress": progress, "any_recipe": True}
    told, embedded = predict_and_embed(run, store, held_out["id"], calibration="none", **asked)
    if not calibrated:
        truth = _truth(held_out["label"], run.classes)
        probability = _probability(told.table, run.classes)
        if run.info["store"].get("renderings"):
            probability = _in_looks(run, store, held_out["id"].to_numpy(), probability, asked)
        try:
            made = calibration.fit(probability, truth, run.classes, settings, VALIDATION)
        except GalcatError as error:
            made = calibration.without(run.classes, truth, str(error), settings)
        _added(run, run.survey, made).save(run.folder)
    if not known:
        drawn = np.random.default_rng(run.config.train.seed).permutation(len(learnt))
        learnt = learnt.iloc[np.sort(drawn[: domain.LEARNT])]
        of_learnt = embed(run, store, learnt["id"], **asked)
        spaces = [_spaces(store, each) for each in (of_learnt, embedded)]
        domain.fit(*spaces).save(run.folder)


def _in_looks(
    run: Run, store: CutoutStore, ids: np.ndarray, own: np.ndarray, asked: dict[str, bool]
) -> np.ndarray:
    """Return probabilities, (N, C): of some galaxies the store's own look's, of the others another's."""
    found = own.copy()
    rng = np.random.default_rng([run.config.train.seed, 4])
    look = rng.integers(0, len(store.renderings) + 1, len(ids))
    for number, other in enumerate(store.renderings, 1):
        here = look == number
        if here.any():
            told, _ = predict_and_embed(run, other, ids[here], calibration="none", **asked)
            found[here] = _probability(told.table, run.classes)
    return found


def _of_set(run: Run, name: str) -> pd.DataFrame:
    samples = run.samples
    return samples[samples["set"] == name]


def _spaces(store: CutoutStore, embedding: Embedding) -> dict[str, np.ndarray]:
    rows = store.rows_of(embedding.ids)
    return {"features": embedding.features, "appearance": appearance_of(store, rows)}


def calibrate(
    run: Run,
    store: CutoutStore,
    labels: pd.DataFrame | None = None,
    settings: Calibrate | None = None,
    survey: str | None = None,
    source: str = VALIDATION,
    progress: bool = True,
    any_recipe: bool = False,
) -> Calibrations:
    """Fit a calibration for a survey on labelled galaxies, and keep it with the run.

    Parameters
    ----------
    run : Run
        Finished.
    store : CutoutStore
        Pictures of the labelled galaxies.
    labels : pandas.DataFrame, optional
        `id`, `label`; those that the run has learnt from are left out. Its own validation galaxies,
        if not given.
    settings : Calibrate, optional
        `config.calibrate`.
    survey : str, optional
        Whose pictures it is for (default: the store's).
    source : str
        Where the labels come from, kept in the file.
    progress, any_recipe
        As `predict`.

    Returns
    -------
    Calibrations
        Of the run, with the new one.

    Raises
    ------
    GalcatError
        Too few labels of a class, labels of other classes only, or no picture of any.
    """
    if labels is None:
        labels = _of_set(run, "validation")
    labels = labels[labels["label"].isin(run.classes) & labels["id"].isin(store.ids)]
    if store.survey == run.survey and (run.folder / "samples.parquet").is_file():
        labels = labels[~labels["id"].isin(_of_set(run, "train")["id"])]
    if not len(labels):
        raise GalcatError(
            f"calibration: no galaxy with a label of {listed(run.classes)} has a picture in "
            f"{store.path}, but for those that the run learnt from; give the store and the labels of "
            "the same other galaxies"
        )
    found = predict_and_embed(
        run, store, labels["id"], progress=progress, any_recipe=any_recipe, calibration="none"
    )
    truth = _truth(labels["label"], run.classes)
    probability = _probability(found[0].table, run.classes)
    made = calibration.fit(probability, truth, run.classes, settings or Calibrate(), source)
    calibrations = _added(run, survey or store.survey, made)
    calibrations.save(run.folder)
    return calibrations


def _added(run: Run, survey: str, made: Calibration) -> Calibrations:
    there = Calibrations.load(run.folder)
    there = there or Calibrations(run.classes, run.positive, run.survey, {})
    return there.with_survey(survey, made)


def _truth(labels: pd.Series, classes: list[str]) -> np.ndarray:
    return labels.map({name: i for i, name in enumerate(classes)}).to_numpy(np.int64)


def _probability(table: pd.DataFrame, classes: list[str]) -> np.ndarray:
    return table[[f"p_{name}" for name in classes]].to_numpy(float)
