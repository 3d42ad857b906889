"""Predictions + labels -> the threshold that gives a wanted purity or completeness of a class, with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.evaluation.measures import resamplings, tidy
from galcat_core.evaluation.metrics import join
from galcat_core.records import Predictions
from galcat_core.sections import Evaluate

WHAT = {
    "purity": "share of the chosen galaxies that are of the class",
    "completeness": "share of the galaxies of the class that are chosen",
}


def choose(
    predictions: Predictions,
    labels: pd.DataFrame,
    *,
    purity: float | None = None,
    completeness: float | None = None,
    name: str | None = None,
    settings: Evaluate | None = None,
) -> dict[str, Any]:
    """Choose the probability of a class from which galaxies are taken for a sample of it.

    Parameters
    ----------
    predictions : Predictions
    labels : pandas.DataFrame
        `id`, `label`, as for `metrics.evaluate`; their mix of classes should be that of the sample.
    purity, completeness : float, optional
        What is wanted, above 0 and at most 1; one of the two.
    name : str, optional
        The class (default: the positive one).
    settings : Evaluate, optional
        `bootstrap`, `confidence` and `seed` count here.

    Returns
    -------
    dict
        "class", "wanted" {"purity" or "completeness": value}, "n" (labelled galaxies), "of_class",
        "prevalence", and three choices "own" (the predictions' own threshold), "expected" (reaches
        what is wanted on these galaxies, and has most of the other) and "sure" (does so at the
        lower end of the interval too); each "threshold", "chosen" (galaxies), "purity" and
        "completeness" {"value", "low", "high"}, or null where no threshold does. "reason" tells
        why, else it is null.

    Raises
    ------
    GalcatError
        Neither or both are wanted, a value is not legal, there is no such class, or no galaxy with
        a label has a prediction.

    Notes
    -----
    Purity is precision, completeness recall. Purity does not rise with every step of the threshold:
    the most complete sample that reaches it is taken. The intervals are percentiles of the bootstrap stratified
    by class, at each threshold by itself; "expected" was chosen on the galaxies that it is measured
    on, which flatters it a little, "sure" is the one to rely on.
    """
    settings = settings or Evaluate()
    wanted = _wanted(purity, completeness)
    name = _class(predictions, name)
    table, _ = join(predictions, labels)
    truth = (table["label"] == name).to_numpy()
    if not truth.any() or truth.all():
        only = "no" if not truth.any() else "every"
        raise GalcatError(
            f"threshold: {only} labelled galaxy with a prediction is '{name}'; give labels of this "
            "class and of others"
        )
    probability = table[f"p_{name}"].to_numpy(float)
    curve = _curve(probability, truth, settings)
    measure = next(iter(wanted))
    expected = _first(curve, measure, wanted[measure], "value")
    sure = _first(curve, measure, wanted[measure], "low")
    own = _own(predictions, name)
    return {
        "class": name,
        "wanted": wanted,
        "n": len(truth),
        "of_class": int(truth.sum()),
        "prevalence": tidy(truth.mean()),
        "confidence": settings.confidence,
        "own": _at(curve, int(np.searchsorted(-curve["threshold"], -own, side="right")) - 1, own),
        "expected": _at(curve, expected),
        "sure": _at(curve, sure),
        "reason": _reason(curve, measure, wanted[measure], expected, sure),
    }


def _wanted(purity: float | None, completeness: float | None) -> dict[str, float]:
    given = {"purity": purity, "completeness": completeness}
    wanted = {key: float(value) for key, value in given.items() if value is not None}
    if len(wanted) != 1:
        raise GalcatError("threshold: say what is wanted, either --purity P or --completeness C")
    [(key, value)] = wanted.items()
    if not 0 < value <= 1:
        raise GalcatError(f"threshold: {key} {value:g}: above 0 and at most 1 is legal, as 0.95")
    return wanted


def _class(predictions: Predictions, name: str | None) -> str:
    name = name or predictions.positive
    if name not in predictions.classes:
        raise GalcatError(
            f"threshold: there is no class '{name}'; the classes are {listed(predictions.classes)}."
            f"{nearest(name, predictions.classes)}"
        )
    return name


def _own(predictions: Predictions, name: str) -> float:
    """Return the probability of a class from which it is predicted."""
    if len(predictions.classes) > 2 or name == predictions.positive:
        return predictions.threshold
    return 1 - predictions.threshold


def _curve(probability: np.ndarray, truth: np.ndarray, settings: Evaluate) -> dict[str, Any]:
    """Return purity and completeness, with intervals, at each distinct probability downwards."""
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.diff(probability[order], append=-np.inf))
    real = truth[order].astype(float)
    true = np.cumsum(real)[ends]
    curve: dict[str, Any] = {
        "threshold": probability[order][ends],
        "chosen": ends + 1,
        "purity": {"value": true / (ends + 1)},
        "completeness": {"value": true / truth.sum()},
    }
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in WHAT}
    times = int(np.clip(50_000_000 // len(truth), 50, settings.bootstrap))
    for weights in resamplings(truth, times, settings.seed):
        ranked = weights[:, order]
        true, chosen = (np.cumsum(w, axis=1)[:, ends] for w in (ranked * real, ranked))
        drawn["purity"].append(np.divide(true, chosen, out=np.zeros_like(true), where=chosen > 0))
        drawn["completeness"].append(true / truth.sum())
    tail = (1 - settings.confidence) / 2
    for name, blocks in drawn.items():
        curve[name]["low"], curve[name]["high"] = np.quantile(
            np.concatenate(blocks), [tail, 1 - tail], axis=0
        )
    _widen(curve, settings.confidence)
    return curve


def _widen(curve: dict[str, Any], confidence: float) -> None:
    """Where all chosen galaxies are right the bootstrap knows no doubt: take Clopper & Pearson's."""
    pure = curve["purity"]["value"] == 1
    exact = ((1 - confidence) / 2) ** (1 / curve["chosen"])
    curve["purity"]["low"] = np.where(pure, exact, curve["purity"]["low"])


def _first(curve: dict[str, Any], measure: str, wanted: float, end: str) -> int | None:
    """Return the place of the best threshold that reaches what is wanted.

    For a purity the most complete, and of equally complete ones the purest; for a completeness the
    highest.
    """
    places = np.flatnonzero(curve[measure][end] >= wanted - 1e-12)
    if not len(places):
        return None
    if measure == "purity":
        complete = curve["completeness"]["value"][places]
        places = places[complete == complete[-1]]
    return int(places[0])


def _at(
    curve: dict[str, Any], place: int | None, threshold: float | None = None
) -> dict[str, Any] | None:
    if place is None or place < 0:
        return None
    found = {
        "threshold": tidy(curve["threshold"][place] if threshold is None else threshold),
        "chosen": int(curve["chosen"][place]),
    }
    for name in WHAT:
        found[name] = {end: tidy(values[place]) for end, values in curve[name].items()}
    return found


def _reason(
    curve: dict[str, Any], measure: str, wanted: float, expected: int | None, sure: int | None
) -> str | None:
    """Return why a choice is not there."""
    if sure is not None:
        return None
    end = "value" if expected is None else "low"
    most = float(curve[measure][end].max())
    told = "no threshold reaches" if expected is None else "too few labels to be sure of"
    return f"{told} a {measure} of {wanted:g}; {most:.3f} is the most that these labels give"
