"""Predictions + labels -> one dictionary of JSON types: metrics, intervals, confusion, curves."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.evaluation import curves
from galcat_core.evaluation.bins import binned, check_columns
from galcat_core.evaluation.measures import MEASURES, Scored, covered, with_intervals
from galcat_core.records import Predictions
from galcat_core.sections import Evaluate
from galcat_core.tables import check_ids

SUBSETS = {"certain": ("certain", "uncertain"), "out_of_domain": ("out_of_domain", "in_domain")}


def evaluate(
    predictions: Predictions, labels: pd.DataFrame, settings: Evaluate | None = None
) -> dict[str, Any]:
    """Judge predictions by labels.

    Parameters
    ----------
    predictions : Predictions
    labels : pandas.DataFrame
        `id`, `label` (a class name, or None where there is none) and, if known, `certain` (bool:
        the label passes the thresholds) and the columns of `settings.bin_by`; a Catalog's or a
        Split's table will do.
    settings : Evaluate, optional
        `config.evaluate`.

    Returns
    -------
    dict
        JSON types; "..." stands for the keys of the line named before:

        - "n", "classes" ({class: count}, by true class), "positive", "threshold" (that was used),
          "run" (list)
        - "metrics": {measure of `MEASURES`: {"value", "low", "high", "note"}}; null with the reason
          where a measure is not defined
        - "confusion": {"classes", "rows": "true", "columns": "predicted", "counts"}
        - "left_out" (what could not be judged and why), "bootstrap" (how intervals were made)
        - "roc" (see `curves.roc`), "precision_recall" (see `curves.precision_recall`)
        - "calibration": the reliability diagram of `p_CLASS` (see `curves.calibration`)
        - "raw": null, or before calibration {"threshold": 0.5, "metrics": ..., "calibration": ...}
          of `raw_p_CLASS`: beside "metrics" and "calibration" the before and after
        - "calibrated_by": list of {"survey", "method"} of the runs' calibrations, empty if none
        - "coverage": {"fraction", "n", "least_confidence", "accuracy", "f1"} of the surest, 1% to
          100% (see `curves.coverage`), with "accuracy_low", "accuracy_high", "f1_low", "f1_high"
        - "bins": {column of `settings.bin_by`: {"missing", "bins": [{"low", "high", "median", "n",
          "classes", "metrics", "confusion"}, ...]}} (see `bins.binned`)
        - "subsets": where `certain` tells two kinds apart {"certain": {"n", "classes", "metrics",
          "confusion"}, "uncertain": ...}; where some are `out_of_domain` also {"in_domain": ...,
          "out_of_domain": ...}

    Raises
    ------
    GalcatError
        A column is missing, ids of two kinds, no galaxy in common, labels of one class only, or
        a probability that is none.

    Notes
    -----
    With two classes the positive one is predicted from the threshold on, which is
    `settings.threshold` or, if that is 0, the predictions' own; with more the most probable one.
    Precision, recall, F1, false positive rate, ROC, log-loss, Brier score and calibration are those
    of the positive class against the rest. In a subset of one class what does not exist is null
    with its reason.
    """
    settings = settings or Evaluate()
    settings = dataclasses.replace(settings, threshold=settings.threshold or predictions.threshold)
    check_columns(settings.bin_by, labels, predictions.table)
    table, left_out = join(predictions, labels, settings.bin_by)
    scored = _score(table, predictions, settings)
    present = np.unique(scored.truth)
    if len(present) < 2:
        only = predictions.classes[present[0]]
        raise GalcatError(
            f"labels: all {len(table)} labelled galaxies with a prediction are '{only}'; galaxies "
            f"of at least two of {listed(predictions.classes)} are wanted: label some of the others"
        )
    if not (scored.truth == scored.positive).any():
        raise GalcatError(
            f"labels: no labelled galaxy with a prediction is '{predictions.positive}', the "
            "positive class; label some, or predict with another positive class"
        )

    def figures(part: Scored) -> dict[str, Any]:
        return _figures(part, predictions.classes, settings)

    confidence = _confidence(table, predictions, settings)
    return {
        **figures(scored),
        "positive": predictions.positive,
        "threshold": settings.threshold,
        "run": sorted(set(predictions.table["run"].astype(str))),
        "left_out": left_out,
        "bootstrap": {
            "resamplings": settings.bootstrap,
            "confidence": settings.confidence,
            "seed": settings.seed,
            "stratified": "by true class: the count of each class is kept in every resampling",
            "interval": "percentile",
        },
        "roc": curves.roc(scored, settings),
        "precision_recall": curves.precision_recall(scored, settings),
        "calibration": curves.calibration(scored, settings),
        "raw": _raw(table, predictions, settings),
        "calibrated_by": predictions.meta.get("calibration", []),
        "coverage": _coverage(scored, confidence, settings),
        "bins": binned(table, scored, settings.bin_by, settings.bin_count, figures),
        "subsets": _subsets(table, scored, figures),
    }


def _raw(
    table: pd.DataFrame, predictions: Predictions, settings: Evaluate
) -> dict[str, Any] | None:
    """Return metrics and reliability of the probabilities before calibration, if there are such."""
    if f"raw_p_{predictions.positive}" not in table:
        return None
    uncorrected = dataclasses.replace(settings, threshold=0.5)
    scored = _score(table, predictions, uncorrected, "raw_p_")
    return {
        "threshold": 0.5,
        "metrics": with_intervals(scored, uncorrected),
        "calibration": curves.calibration(scored, uncorrected),
    }


def _coverage(scored: Scored, confidence: np.ndarray, settings: Evaluate) -> dict[str, Any]:
    """Return accuracy and F1 against the fraction kept, with their intervals."""
    found = curves.coverage(scored, confidence)
    order = np.argsort(-confidence, kind="stable")
    return found | covered(scored, order, np.array(found["n"]), settings)


def join(
    predictions: Predictions, labels: pd.DataFrame, columns: Sequence[str] = ()
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Put the labels beside the predictions, by id.

    Parameters
    ----------
    predictions : Predictions
    labels : pandas.DataFrame
        As for `evaluate`.
    columns : sequence of str
        What else of the labels is kept, where it is there.

    Returns
    -------
    table : pandas.DataFrame
        The predictions that have a label of one of their classes, sorted by id, with `label` and,
        if the labels have it, `certain`.
    left_out : dict
        "predictions_without_label", "labels_without_prediction" and "labels_of_other_classes"
        ({class: count}).

    Raises
    ------
    GalcatError
        As `evaluate` does.
    """
    wanted = _checked(labels, columns)
    theirs, ours = wanted["id"], predictions.table["id"]
    if (theirs.dtype == np.int64) != (ours.dtype == np.int64):
        raise GalcatError(
            f"labels: ids such as {theirs.iloc[0]!r} and the predictions' ids such as "
            f"{ours.iloc[0]!r} are of two kinds, integers and names; give labels by the same ids"
        )
    of_ours = wanted["label"].isin(predictions.classes)
    other = wanted.loc[~of_ours, "label"].value_counts().sort_index()
    theirs_too = [name for name in wanted.columns if name != "id"]
    mine = predictions.table.drop(columns=["label", "certain", *theirs_too], errors="ignore")
    table = mine.merge(wanted[of_ours], on="id", how="inner").sort_values("id", ignore_index=True)
    if table.empty:
        raise GalcatError(
            f"labels: none of {len(wanted)} labelled galaxies ({listed(sorted(set(wanted.label)))}) "
            f"has a prediction of the classes {listed(predictions.classes)}; give the labels of "
            "the galaxies that were predicted"
        )
    probability = table[[f"p_{name}" for name in predictions.classes]].to_numpy(float)
    if not ((probability >= 0) & (probability <= 1)).all():
        raise GalcatError(
            "predictions: a probability is missing or not from 0 to 1; predict again with a whole run"
        )
    return table, {
        "predictions_without_label": int((~ours.isin(wanted["id"])).sum()),
        "labels_without_prediction": int((~theirs[of_ours].isin(ours)).sum()),
        "labels_of_other_classes": {str(name): int(count) for name, count in other.items()},
    }


def _checked(labels: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return id, label, certain and more of the rows that have a label, ids exact."""
    for name in ("id", "label"):
        if name not in labels.columns:
            raise GalcatError(
                f"labels: column '{name}' is missing; there are {listed(labels.columns)}."
                f"{nearest(name, labels.columns)}"
            )
    more = [name for name in dict.fromkeys(("certain", *columns)) if name in labels.columns]
    names = list(dict.fromkeys(("id", "label", *more)))
    table = labels[names].reset_index(drop=True)
    table = table.assign(id=check_ids(table["id"], "labels"))
    table = table[table["label"].notna()]
    if table.empty:
        raise GalcatError(f"labels: none of {len(labels)} rows has a label; fill the label column")
    return table.assign(label=table["label"].astype(str))


def _score(
    table: pd.DataFrame, predictions: Predictions, settings: Evaluate, prefix: str = "p_"
) -> Scored:
    classes = predictions.classes
    positive = classes.index(predictions.positive)
    probability = table[[f"{prefix}{name}" for name in classes]].to_numpy(float)
    said = predicted_index(probability, positive, settings.threshold)
    truth = table["label"].map({name: i for i, name in enumerate(classes)}).to_numpy(np.int64)
    return Scored(truth, said, probability[:, positive], positive, settings.bins)


def predicted_index(probability: np.ndarray, positive: int, threshold: float) -> np.ndarray:
    """Return the predicted class of each row of probabilities (N, C), (N,), int64."""
    if probability.shape[1] > 2:
        return probability.argmax(axis=1)
    return np.where(probability[:, positive] >= threshold, positive, 1 - positive)


def _confidence(table: pd.DataFrame, predictions: Predictions, settings: Evaluate) -> np.ndarray:
    if len(predictions.classes) > 2:
        return table[[f"p_{name}" for name in predictions.classes]].to_numpy(float).max(axis=1)
    probability = table[f"p_{predictions.positive}"].to_numpy(float)
    return curves.confidence_of(probability, settings.threshold)


def _figures(scored: Scored, classes: list[str], settings: Evaluate) -> dict[str, Any]:
    """Return n, class counts, metrics and confusion matrix of some galaxies."""
    counts = np.bincount(scored.truth, minlength=len(classes))
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(matrix, (scored.truth, scored.said), 1)
    return {
        "n": len(scored.truth),
        "classes": dict(zip(classes, counts.tolist(), strict=True)),
        "metrics": with_intervals(scored, settings),
        "confusion": {
            "classes": list(classes),
            "rows": "true",
            "columns": "predicted",
            "counts": matrix.tolist(),
        },
    }


def _subsets(
    table: pd.DataFrame, scored: Scored, figures: Callable[[Scored], dict[str, Any]]
) -> dict[str, Any]:
    """Return the figures of certain and uncertain labels, of galaxies in and out of the domain."""
    found = {}
    for column, (yes, no) in SUBSETS.items():
        if column in table.columns:
            these = table[column].eq(True).to_numpy()
            if these.any() and not these.all():
                found |= {yes: figures(scored.take(these)), no: figures(scored.take(~these))}
    return found


def summary(results: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return one row a result and one column a measure, plus `n`: the table to print or save.

    Parameters
    ----------
    results : dict of str to dict
        Name -> what `evaluate` returned.
    """
    rows = [
        {"name": name, "n": found["n"]}
        | {key: found["metrics"][key]["value"] for key in MEASURES}
        | {
            f"{key}_{end}": found["metrics"][key][end]
            for key in MEASURES
            for end in ("low", "high")
        }
        for name, found in results.items()
    ]
    return pd.DataFrame(rows)


def to_json(result: dict[str, Any]) -> str:
    """Return the JSON text of a result, an entry a line, the same bytes each time."""
    lines = []
    for key, value in result.items():
        text = json.dumps(value, allow_nan=False)
        if isinstance(value, dict) and value:
            inner = (
                f"  {json.dumps(k)}: {json.dumps(v, allow_nan=False)}" for k, v in value.items()
            )
            text = "{\n" + ",\n".join(inner) + "\n }"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def to_text(result: dict[str, Any]) -> str:
    """Return a result as lines for a terminal: each measure with its interval, and what was left out."""
    width = max(map(len, MEASURES))
    lines = [
        f"{result['n']} galaxies ({_counts(result['classes'])}), positive: {result['positive']}"
    ]
    for name, found in result["metrics"].items():
        label = name.replace("_", " ").ljust(width)
        if found["value"] is None:
            lines.append(f"  {label}  none: {found['note']}")
        else:
            value, low, high = (f"{found[key]:.4f}" for key in ("value", "low", "high"))
            lines.append(f"  {label}  {value}  [{low}, {high}]")
    for name in ("log_loss", "brier", "ece"):
        if result["raw"]:
            before = result["raw"]["metrics"][name]["value"]
            lines.append(
                f"  {name.replace('_', ' ').ljust(width)}  {before:.4f} before calibration"
            )
    left = result["left_out"]
    for key in ("predictions_without_label", "labels_without_prediction"):
        if left[key]:
            lines.append(f"  left out: {left[key]} {key.replace('_', ' ')}")
    if left["labels_of_other_classes"]:
        lines.append(
            f"  left out: labels of other classes ({_counts(left['labels_of_other_classes'])})"
        )
    return "\n".join(lines)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
