"""The test sets of a report: predictions + labels -> what was measured, before and after calibration."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from galcat_core.errors import GalcatError, listed
from galcat_core.evaluation import metrics
from galcat_core.evaluation.report.lineage import Ancestry
from galcat_core.records import Predictions
from galcat_core.sections import Evaluate


@dataclass(frozen=True)
class Judged:
    """One test set, judged.

    Attributes
    ----------
    name : str
    survey : str or None
    predictions : Predictions
        Of the galaxies that were judged.
    table : pandas.DataFrame
        Predictions with `label` (see `metrics.join`); `predicted` by the report's threshold.
    result : dict
        What `metrics.evaluate` returned.
    store : CutoutStore or None
        Its pictures.
    notes : list of str
        What a reader must know: galaxies left out, predictions of another run.
    inputs : dict
        Name of each input -> sha256.
    """

    name: str
    survey: str | None
    predictions: Predictions
    table: pd.DataFrame
    result: dict[str, Any]
    store: Any = None
    notes: list[str] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def raw(self) -> dict[str, Any] | None:
        """Metrics and reliability of the probabilities before calibration, where they are there."""
        return self.result.get("raw")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON types of the set."""
        return {
            "survey": self.survey,
            "inputs": self.inputs,
            "notes": self.notes,
            **self.result,
        }


def judge(
    name: str,
    predictions: Predictions,
    labels: pd.DataFrame,
    settings: Evaluate,
    ancestry: Ancestry,
    store: Any = None,
    inputs: dict[str, str] | None = None,
) -> Judged:
    """Judge one test set; galaxies that the run or an ancestor learnt from are left out, and told.

    Raises
    ------
    GalcatError
        All its galaxies were learnt from, or as `metrics.evaluate`.
    """
    survey = predictions.meta.get("survey")
    labels, notes = _never_learnt(name, labels, ancestry, survey, predictions)
    told = predictions.table["id"].isin(labels.loc[labels["label"].notna(), "id"])
    judged = dataclasses.replace(predictions, table=predictions.table[told])
    try:
        result = metrics.evaluate(judged, labels, settings)
    except GalcatError as error:
        raise GalcatError(f"test set '{name}': {error}") from error
    table, _ = metrics.join(judged, labels)
    table["predicted"] = _said(table, judged, result["threshold"])
    return Judged(name, survey, judged, table, result, store, notes, inputs or {})


def _never_learnt(
    name: str,
    labels: pd.DataFrame,
    ancestry: Ancestry,
    survey: str | None,
    predictions: Predictions,
) -> tuple[pd.DataFrame, list[str]]:
    """Leave out galaxies that were learnt from; tell of them, and of those that chose the epoch."""
    notes = []
    mine = f"{ancestry.runs[-1].name}-{ancestry.runs[-1].digest[:12]}"
    others = sorted(set(predictions.table["run"].astype(str)) - {mine})
    if others:
        notes.append(f"Predicted by {listed(others)}, not by the run of this report.")
    learnt = labels["id"].isin(ancestry.learnt(survey))
    if learnt.all() and len(labels):
        raise GalcatError(
            f"test set '{name}': the run learnt from all {len(labels)} of its galaxies; judge it on "
            "others (a split's test set: --split TABLE)"
        )
    if learnt.any():
        notes.append(f"{int(learnt.sum()):,} galaxies that the run learnt from are left out.")
        labels = labels[~learnt]
    checked = int(labels["id"].isin(ancestry.learnt(survey, "validation")).sum())
    if checked:
        notes.append(
            f"{checked:,} of its galaxies are in the run's validation set, which chose the best "
            "epoch: figures of a test set are a little lower."
        )
    return labels, notes


def _said(table: pd.DataFrame, predictions: Predictions, threshold: float) -> list[str]:
    """Return the class of each galaxy by the report's threshold."""
    classes = predictions.classes
    probability = table[[f"p_{name}" for name in classes]].to_numpy(float)
    said = metrics.predicted_index(probability, classes.index(predictions.positive), threshold)
    return [classes[i] for i in said]
