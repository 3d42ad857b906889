"""Thresholds for a wanted purity or completeness, against a search by hand."""

from __future__ import annotations

import numpy as np
import pytest

from galcat_core.errors import GalcatError
from galcat_core.evaluation.thresholds import choose
from galcat_core.sections import Evaluate

FEW = Evaluate(bootstrap=200)


def by_hand(probability: np.ndarray, truth: np.ndarray) -> list[tuple[float, float, float]]:
    """Return (threshold, purity, completeness) of every possible threshold."""
    found = []
    for threshold in np.unique(probability):
        chosen = probability >= threshold
        found.append((threshold, truth[chosen].mean(), truth[chosen].sum() / truth.sum()))
    return found


@pytest.mark.parametrize("wanted", [0.7, 0.9, 0.95])
def test_purity_is_reached_with_the_most_complete_sample(case, wanted):
    predictions, labels, probability, truth = case
    found = choose(predictions, labels, purity=wanted, settings=FEW)
    best = max((c, t, p) for t, p, c in by_hand(probability, truth) if p >= wanted)
    assert found["expected"]["completeness"]["value"] == pytest.approx(best[0])
    assert found["expected"]["threshold"] == pytest.approx(best[1])
    assert found["expected"]["chosen"] == (probability >= best[1]).sum()


def test_completeness_is_reached_with_the_purest_sample_at_the_highest_threshold(case):
    predictions, labels, probability, truth = case
    found = choose(predictions, labels, completeness=0.9, settings=FEW)
    highest = max(t for t, _, c in by_hand(probability, truth) if c >= 0.9)
    assert found["expected"]["threshold"] == pytest.approx(highest)


def test_the_other_class_is_chosen_by_its_own_probability(case):
    predictions, labels, probability, truth = case
    found = choose(predictions, labels, purity=0.9, name="elliptical", settings=FEW)
    best = max((c, t) for t, p, c in by_hand(1 - probability, ~truth) if p >= 0.9)
    assert found["expected"]["threshold"] == pytest.approx(best[1])
    assert found["of_class"] == (~truth).sum()


def test_sure_is_stricter_and_holds_on_other_galaxies(predictions_of, labels_of):
    """Of many samples of labels, the sure threshold's true purity is nearly always as wanted."""
    rng = np.random.default_rng(2)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        truth = rng.random(count) < 0.5
        return 1 / (1 + np.exp(-rng.normal(np.where(truth, 1.6, -1.6), 1))), truth

    much, is_spiral = draw(200_000)
    held = []
    for _ in range(40):
        probability, truth = draw(400)
        found = choose(predictions_of(probability), labels_of(truth), purity=0.9, settings=FEW)
        assert found["sure"]["threshold"] >= found["expected"]["threshold"]
        assert found["sure"]["purity"]["low"] >= 0.9
        held.append(is_spiral[much >= found["sure"]["threshold"]].mean() >= 0.895)
    assert np.mean(held) > 0.85


def test_own_threshold_is_the_predictions(predictions_of, labels_of):
    rng = np.random.default_rng(3)
    truth = rng.random(300) < 0.5
    probability = np.clip(rng.normal(np.where(truth, 0.7, 0.3), 0.2), 0, 1)
    predictions = predictions_of(probability)
    predictions.meta["threshold"] = 0.37
    found = choose(predictions, labels_of(truth), purity=0.9, settings=FEW)
    chosen = probability >= 0.37
    assert found["own"]["threshold"] == 0.37 and found["own"]["chosen"] == chosen.sum()
    assert found["own"]["purity"]["value"] == pytest.approx(truth[chosen].mean())


def test_what_no_threshold_reaches_is_null_with_the_reason(predictions_of, labels_of):
    truth = np.arange(40) % 2 == 0
    found = choose(predictions_of(np.full(40, 0.7)), labels_of(truth), purity=0.9, settings=FEW)
    assert found["expected"] is None and found["sure"] is None
    assert found["reason"].startswith("no threshold reaches a purity of 0.9; 0.5")
    found = choose(
        predictions_of(np.where(truth, 0.9, 0.1)), labels_of(truth), purity=0.95, settings=FEW
    )
    assert found["expected"]["purity"] == {
        "value": 1.0,
        "low": pytest.approx(0.8316, abs=1e-3),
        "high": 1.0,
    }
    assert found["sure"] is None and "too few labels" in found["reason"]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({}, "either --purity P or --completeness C"),
        ({"purity": 0.9, "completeness": 0.9}, "either --purity P"),
        ({"purity": 95.0}, "purity 95: above 0 and at most 1"),
        ({"purity": 0.9, "name": "spirl"}, "Did you mean 'spiral'"),
    ],
)
def test_what_is_not_legal_is_told(case, wanted, told):
    predictions, labels, *_ = case
    with pytest.raises(GalcatError, match=told) as caught:
        choose(predictions, labels, **wanted)
    assert "\n" not in str(caught.value)
