"""Every measure against scikit-learn's definition, intervals, what is left out, and bad labels."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as peer
from sklearn.calibration import calibration_curve

from galcat_core.errors import GalcatError
from galcat_core.evaluation import measures
from galcat_core.evaluation.metrics import evaluate, join, summary, to_json, to_text
from galcat_core.records import Predictions
from galcat_core.sections import Evaluate


def values(result: dict) -> dict[str, float]:
    return {name: found["value"] for name, found in result["metrics"].items()}


def peers(truth: np.ndarray, probability: np.ndarray, threshold: float) -> dict[str, float]:
    said = probability >= threshold
    negative, false = np.sum(~truth), np.sum(~truth & said)
    return {
        "accuracy": peer.accuracy_score(truth, said),
        "precision": peer.precision_score(truth, said),
        "recall": peer.recall_score(truth, said),
        "f1": peer.f1_score(truth, said),
        "false_positive_rate": false / negative,
        "roc_auc": peer.roc_auc_score(truth, probability),
        "average_precision": peer.average_precision_score(truth, probability),
        "brier": peer.brier_score_loss(truth, probability),
    }


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.83])
def test_measures_are_those_of_scikit_learn(case, threshold):
    predictions, labels, probability, truth = case
    result = evaluate(predictions, labels, Evaluate(threshold=threshold, bootstrap=20))
    found = values(result)
    for name, expected in peers(truth, probability, threshold).items():
        assert found[name] == pytest.approx(expected, abs=1e-11), name
    matrix = peer.confusion_matrix(truth, probability >= threshold)
    assert result["confusion"]["counts"] == matrix.tolist()
    assert result["classes"] == {"elliptical": int((~truth).sum()), "spiral": int(truth.sum())}


def test_calibration_error_is_that_of_the_reliability_diagram(case):
    predictions, labels, probability, truth = case
    result = evaluate(predictions, labels, Evaluate(bins=8, bootstrap=20))
    fraction, mean = calibration_curve(truth, probability, n_bins=8)
    count = np.array(result["calibration"]["count"])
    assert np.allclose(result["calibration"]["fraction_positive"], fraction)
    assert np.allclose(result["calibration"]["mean_probability"], mean)
    assert values(result)["ece"] == pytest.approx(np.abs(fraction - mean) @ count / 700)


def test_roc_curve_is_that_of_scikit_learn(case):
    predictions, labels, probability, truth = case
    curve = evaluate(predictions, labels, Evaluate(bootstrap=20))["roc"]
    false, true, _ = peer.roc_curve(truth, probability)
    assert np.allclose(curve["false_positive_rate"], false)
    assert np.allclose(curve["true_positive_rate"], true)
    assert curve["threshold"][0] is None and curve["threshold"][-1] == probability.min()
    band = curve["band"]
    inside = np.interp(band["false_positive_rate"], false, true)
    assert np.mean((np.array(band["low"]) <= inside) & (inside <= band["high"])) > 0.95


def test_a_long_roc_curve_is_thinned_without_losing_area(predictions_of, labels_of):
    rng = np.random.default_rng(1)
    truth = rng.random(30_000) < 0.5
    probability = 1 / (1 + np.exp(-rng.normal(np.where(truth, 0.5, -0.5), 1)))
    settings = Evaluate(bootstrap=10)
    result = evaluate(predictions_of(probability), labels_of(truth), settings)
    curve = result["roc"]
    assert len(curve["threshold"]) <= 1000
    area = np.trapezoid(curve["true_positive_rate"], curve["false_positive_rate"])
    assert area == pytest.approx(values(result)["roc_auc"], abs=1e-3)


def test_weights_are_repetitions(case):
    """A resampling's measures are scikit-learn's of the galaxies repeated."""
    _, _, probability, truth = case
    scored = measures.Scored(
        truth.astype(int), (probability >= 0.5).astype(int), probability, 1, 10
    )
    weights = next(measures.resamplings(truth, 3, seed=5))
    found = measures.measure(scored, weights)
    for row, times in enumerate(weights.astype(int)):
        again = np.repeat(np.arange(len(truth)), times)
        assert truth[again].sum() == truth.sum()  # stratified
        for name, expected in peers(truth[again], probability[again], 0.5).items():
            assert found[name][row] == pytest.approx(expected, abs=1e-11), name


def test_intervals_have_the_known_width_and_hold_the_truth(predictions_of, labels_of):
    """Accuracy's interval is as wide as the binomial's; over many samples it covers as it says."""
    rng = np.random.default_rng(3)
    settings = Evaluate(bootstrap=400, confidence=0.9)
    covered, widths = [], []
    for _ in range(120):
        truth = np.arange(300) < 150
        right = rng.random(300) < 0.8
        probability = np.where(truth == right, 0.9, 0.1)
        found = evaluate(predictions_of(probability), labels_of(truth), settings)["metrics"]
        low, high = found["accuracy"]["low"], found["accuracy"]["high"]
        covered.append(low <= 0.8 <= high)
        widths.append(high - low)
    expected = 2 * stats.norm.ppf(0.95) * np.sqrt(0.8 * 0.2 / 300)
    assert np.mean(widths) == pytest.approx(expected, rel=0.05)
    assert 0.82 <= np.mean(covered) <= 0.97


def test_all_right_gets_the_exact_interval_and_says_so(predictions_of, labels_of):
    truth = np.arange(60) < 25
    found = evaluate(predictions_of(np.where(truth, 0.99, 0.01)), labels_of(truth))["metrics"]
    exact = stats.binomtest(60, 60).proportion_ci(0.95, "exact")
    assert found["accuracy"]["low"] == pytest.approx(exact.low)
    assert found["accuracy"]["high"] == 1.0
    assert "Clopper-Pearson" in found["accuracy"]["note"]
    assert found["false_positive_rate"]["high"] == pytest.approx(1 - 0.025 ** (1 / 35))
    assert found["roc_auc"] == {
        "value": 1.0,
        "low": 1.0,
        "high": 1.0,
        "note": "all resamplings agree: the interval is too narrow",
    }


def test_a_class_of_one_galaxy_gets_exact_intervals_where_resampling_knows_nothing(
    predictions_of, labels_of
):
    """The one elliptical is called a spiral in every resampling, the eleven spirals never otherwise."""
    truth = np.arange(12) > 0
    found = evaluate(predictions_of(np.full(12, 0.9)), labels_of(truth))["metrics"]
    exact = stats.binomtest(11, 12).proportion_ci(0.95, "exact")
    for name in ("accuracy", "precision"):
        assert found[name]["value"] == pytest.approx(11 / 12)
        assert (found[name]["low"], found[name]["high"]) == pytest.approx((exact.low, exact.high))
        assert "in all resamplings 11 of 12: exact (Clopper-Pearson)" in found[name]["note"]
    assert found["false_positive_rate"]["low"] == pytest.approx(0.025)


def test_what_does_not_exist_is_null_with_its_reason(predictions_of, labels_of):
    truth = np.arange(40) < 20
    found = evaluate(predictions_of(np.linspace(0, 0.4, 40)), labels_of(truth))["metrics"]
    assert found["precision"]["value"] is None
    assert found["precision"]["note"] == "no galaxy is predicted positive"
    assert found["f1"]["value"] == 0.0 and found["recall"]["value"] == 0.0


def test_undefined_resamplings_are_counted(predictions_of, labels_of):
    probability = np.r_[0.9, np.full(29, 0.1)]
    found = evaluate(predictions_of(probability), labels_of(np.arange(30) < 10))["metrics"]
    note = found["precision"]["note"]
    assert "exact" in note  # one of one: the exact interval
    settings = Evaluate(bootstrap=200)
    truth = np.arange(30) < 10
    probability = np.r_[0.9, np.full(28, 0.1), 0.9]
    found = evaluate(predictions_of(probability), labels_of(truth), settings)["metrics"]
    assert found["precision"]["value"] == 0.5
    assert "undefined in" in found["precision"]["note"]


def test_same_bytes_again_and_other_bytes_for_another_seed(case):
    predictions, labels, *_ = case
    first = to_json(evaluate(predictions, labels, Evaluate(bootstrap=100)))
    shuffled = labels.sample(frac=1, random_state=0)
    assert to_json(evaluate(predictions, shuffled, Evaluate(bootstrap=100))) == first
    assert to_json(evaluate(predictions, labels, Evaluate(bootstrap=100, seed=2))) != first
    assert json.loads(first)["n"] == 700


def test_blocks_of_resamplings_do_not_change_the_draws_of_a_class(case, monkeypatch):
    _, _, probability, truth = case
    scored = measures.Scored(truth.astype(int), (probability > 0.5).astype(int), probability, 1, 10)
    monkeypatch.setattr(measures, "BLOCK", 700 * 7)
    found = measures.bootstrap(scored, Evaluate(bootstrap=25))
    assert {len(v) for v in found.values()} == {25}
    assert np.ptp(found["accuracy"]) > 0


def test_nothing_is_dropped_silently(case):
    predictions, labels, *_ = case
    changed = labels.copy()
    changed.loc[:4, "label"] = None  # ties: no label
    changed.loc[5:7, "label"] = "merger"
    strangers = pd.DataFrame({"id": [1, 2, 3], "label": "spiral"})
    changed = pd.concat([changed.iloc[:-20], strangers])
    result = evaluate(predictions, changed, Evaluate(bootstrap=10))
    assert result["n"] == 700 - 5 - 3 - 20
    assert result["left_out"] == {
        "predictions_without_label": 25,
        "labels_without_prediction": 3,
        "labels_of_other_classes": {"merger": 3},
    }
    text = to_text(result)
    assert "25 predictions without label" in text and "3 merger" in text


def test_certain_and_uncertain_labels_apart(case):
    predictions, labels, probability, truth = case
    certain = np.arange(700) % 3 == 0
    result = evaluate(predictions, labels.assign(certain=certain), Evaluate(bootstrap=50))
    part = result["subsets"]["certain"]
    expected = peers(truth[certain], probability[certain], 0.5)
    assert part["n"] == certain.sum()
    assert values(part)["roc_auc"] == pytest.approx(expected["roc_auc"])
    assert result["subsets"]["uncertain"]["n"] == 700 - certain.sum()
    one_sided = result_of_one_sided_subset(case)
    assert one_sided["metrics"]["roc_auc"]["value"] is None
    assert one_sided["metrics"]["roc_auc"]["note"] == "only one class is present"
    assert one_sided["metrics"]["accuracy"]["value"] is not None


def result_of_one_sided_subset(case) -> dict:
    predictions, labels, _, truth = case
    result = evaluate(predictions, labels.assign(certain=truth), Evaluate(bootstrap=10))
    return result["subsets"]["certain"]


def test_coverage_is_the_accuracy_of_the_surest(case):
    predictions, labels, probability, truth = case
    curve = evaluate(predictions, labels, Evaluate(bootstrap=10))["coverage"]
    half = curve["n"].index(350)
    surest = np.argsort(-np.abs(probability - 0.5), kind="stable")
    table, _ = join(predictions, labels)
    by_id = np.argsort(predictions.ids)
    surest = by_id[np.argsort(-np.abs(probability[by_id] - 0.5), kind="stable")][:350]
    assert list(table["id"]) == sorted(table["id"])
    said = probability >= 0.5
    assert curve["accuracy"][half] == pytest.approx((said == truth)[surest].mean())
    assert curve["f1"][half] == pytest.approx(peer.f1_score(truth[surest], said[surest]))
    assert curve["fraction"][-1] == 1.0 and len(curve["n"]) == 100


def test_three_classes():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 3, 300)
    logits = rng.normal(size=(300, 3)) + 2 * np.eye(3)[truth]
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = ["smooth", "spiral", "merger"]
    table = pd.DataFrame({"id": np.arange(300), "run": "r", "predicted": "spiral"})
    for index, name in enumerate(names):
        table[f"p_{name}"] = probability[:, index]
    predictions = Predictions(table, None, {"classes": names, "positive": "spiral"})
    labels = pd.DataFrame({"id": np.arange(300), "label": np.array(names)[truth]})
    result = evaluate(predictions, labels, Evaluate(bootstrap=10))
    said = probability.argmax(axis=1)
    found = values(result)
    assert found["accuracy"] == pytest.approx(peer.accuracy_score(truth, said))
    assert found["roc_auc"] == pytest.approx(peer.roc_auc_score(truth == 1, probability[:, 1]))
    assert found["precision"] == pytest.approx(peer.precision_score(truth == 1, said == 1))
    assert result["confusion"]["counts"] == peer.confusion_matrix(truth, said).tolist()


def test_summary_has_a_row_a_result(case):
    predictions, labels, *_ = case
    result = evaluate(predictions, labels, Evaluate(bootstrap=10))
    table = summary({"sdss": result, "des": result})
    assert list(table["name"]) == ["sdss", "des"]
    assert table["f1"][0] == values(result)["f1"]
    assert table["f1_low"][0] <= table["f1"][0] <= table["f1_high"][0]


def test_picture_names_as_ids(case):
    predictions, labels, *_ = case
    named = Predictions(
        predictions.table.assign(id=[f"{i}.jpg" for i in predictions.ids]), None, predictions.meta
    )
    result = evaluate(
        named, labels.assign(id=[f"{i}.jpg" for i in labels["id"]]), Evaluate(bootstrap=10)
    )
    assert result["n"] == 700
    with pytest.raises(GalcatError, match="two kinds, integers and names"):
        evaluate(named, labels)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.assign(label="spiral"), "are 'spiral'; galaxies of at least two of"),
        (lambda t: t.assign(label=None), "none of 700 rows has a label"),
        (lambda t: t.assign(label="sprial"), "none of 700 labelled galaxies .sprial. has"),
        (lambda t: t.assign(id=t["id"] + 10_000), "none of 700 labelled galaxies"),
        (lambda t: t.rename(columns={"label": "Label"}), "column 'label' is missing.*'Label'"),
        (lambda t: t.assign(id=t["id"].astype(float)), "read or written as floats"),
        (lambda t: pd.concat([t, t[:1]]), "stand more than once"),
    ],
)
def test_bad_labels_are_told_in_one_line(case, change, told):
    predictions, labels, *_ = case
    with pytest.raises(GalcatError, match=told) as caught:
        evaluate(predictions, change(labels))
    assert "\n" not in str(caught.value)


def test_a_probability_that_is_none_is_refused(case):
    predictions, labels, *_ = case
    broken = predictions.table.copy()
    broken.loc[3, "p_spiral"] = np.nan
    with pytest.raises(GalcatError, match="missing or not from 0 to 1"):
        evaluate(Predictions(broken, None, predictions.meta), labels)
