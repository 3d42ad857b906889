"""What an evaluation says of certainty: before and after calibration, bins, coverage, domain."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import log_loss

from galcat_core.errors import GalcatError
from galcat_core.evaluation.metrics import evaluate, to_json, to_text
from galcat_core.records import Predictions
from galcat_core.results import bins_tables, probability_table
from galcat_core.sections import Evaluate

FEW = Evaluate(bootstrap=50)


@pytest.fixture()
def calibrated(case) -> Predictions:
    """The case's probabilities as calibrated ones, with raw ones that are too sure."""
    predictions, _, probability, _ = case
    raw = probability**3 / (probability**3 + (1 - probability) ** 3)
    table = predictions.table.assign(raw_p_spiral=raw, raw_p_elliptical=1 - raw)
    told = [{"survey": "sdss", "method": "temperature"}]
    meta = {**predictions.meta, "threshold": 0.4, "calibration": told}
    return Predictions(table, None, meta)


def test_before_and_after_stand_side_by_side(case, calibrated):
    _, labels, probability, truth = case
    result = evaluate(calibrated, labels, FEW)
    raw = result["raw"]["metrics"]
    assert raw["ece"]["value"] > result["metrics"]["ece"]["value"]
    assert raw["roc_auc"]["value"] == pytest.approx(result["metrics"]["roc_auc"]["value"])
    expected = log_loss(truth, np.clip(probability, 1e-7, 1 - 1e-7))
    assert result["metrics"]["log_loss"]["value"] == pytest.approx(expected)
    assert sum(result["raw"]["calibration"]["count"]) == len(truth)
    assert raw["brier"]["low"] < raw["brier"]["value"] < raw["brier"]["high"]
    assert "before calibration" in to_text(result)
    json.loads(to_json(result))
    table = probability_table({"test": result}, "t")
    assert table.row_count == 2


def test_uncalibrated_predictions_have_no_before(case):
    predictions, labels, *_ = case
    result = evaluate(predictions, labels, FEW)
    assert result["raw"] is None and result["calibrated_by"] == []
    assert probability_table({"test": result}, "t") is None


def test_threshold_is_the_predictions_own_unless_said(case, calibrated):
    _, labels, probability, truth = case
    own = evaluate(calibrated, labels, FEW)
    assert own["threshold"] == 0.4
    assert own["metrics"]["accuracy"]["value"] == pytest.approx(
        np.mean((probability >= 0.4) == truth)
    )
    assert evaluate(calibrated, labels, Evaluate(threshold=0.7, bootstrap=20))["threshold"] == 0.7


def test_bins_have_equal_counts_and_the_measures_of_their_galaxies(case):
    predictions, labels, probability, truth = case
    magnitude = np.random.default_rng(1).normal(18, 1, len(truth)).round(2)
    magnitude[:70] = 99.0  # not measured
    labels = labels.assign(mag_r=magnitude)
    settings = Evaluate(bootstrap=20, bin_by=["mag_r"], bin_count=3)
    result = evaluate(predictions, labels, settings)
    found = result["bins"]["mag_r"]
    assert found["missing"] == 70 and sum(part["n"] for part in found["bins"]) == 630
    assert max(part["n"] for part in found["bins"]) - min(p["n"] for p in found["bins"]) < 12
    for part in found["bins"]:
        here = (magnitude >= part["low"]) & (magnitude <= part["high"])
        assert part["n"] == here.sum()
        right = (probability[here] >= 0.5) == truth[here]
        assert part["metrics"]["accuracy"]["value"] == pytest.approx(right.mean())
    assert len(bins_tables(result)) == 1 and bins_tables(result)[0].row_count == 3
    json.loads(to_json(result))


def test_bins_of_a_column_of_the_predictions(case):
    predictions, labels, *_ = case
    table = predictions.table.assign(epistemic=np.linspace(0, 1, 700))
    settings = Evaluate(bootstrap=10, bin_by=["epistemic"], bin_count=2)
    found = evaluate(Predictions(table, None, predictions.meta), labels, settings)["bins"]
    assert len(found["epistemic"]["bins"]) == 2


@pytest.mark.parametrize(
    ("column", "told"),
    [("mag_i", "Did you mean 'mag_r'"), ("survey", "holds no numbers"), ("empty", "no value")],
)
def test_bins_that_cannot_be_made_are_told(case, column, told):
    predictions, labels, *_ = case
    labels = labels.assign(mag_r=18.0, survey="sdss", empty=-9999.0)
    with pytest.raises(GalcatError, match=told) as caught:
        evaluate(predictions, labels, Evaluate(bootstrap=10, bin_by=[column]))
    assert "\n" not in str(caught.value)


def test_coverage_has_intervals_that_narrow(case):
    predictions, labels, *_ = case
    curve = evaluate(predictions, labels, Evaluate(bootstrap=300))["coverage"]
    low, high = np.array(curve["accuracy_low"]), np.array(curve["accuracy_high"])
    accuracy = np.array(curve["accuracy"])
    assert ((low <= accuracy + 1e-9) & (accuracy <= high + 1e-9)).all()
    width = high - low
    assert width[-1] == pytest.approx(
        2 * 1.96 * np.sqrt(accuracy[-1] * (1 - accuracy[-1]) / 700), rel=0.3
    )
    assert len(curve["f1_low"]) == len(curve["f1"])


def test_galaxies_out_of_the_domain_are_judged_apart(case):
    predictions, labels, probability, truth = case
    odd = np.arange(700) % 7 == 0
    table = predictions.table.assign(out_of_domain=odd)
    parts = evaluate(Predictions(table, None, predictions.meta), labels, FEW)["subsets"]
    assert parts["out_of_domain"]["n"] == odd.sum() and parts["in_domain"]["n"] == (~odd).sum()
    right = ((probability >= 0.5) == truth)[odd].mean()
    assert parts["out_of_domain"]["metrics"]["accuracy"]["value"] == pytest.approx(right)
