"""Calibrations on made-up probabilities whose true calibration is known, against scikit-learn's curves."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from galcat_core.errors import GalcatError
from galcat_core.evaluation import calibration
from galcat_core.evaluation.calibration import Calibration, Calibrations, fit, scores
from galcat_core.sections import Calibrate

CLASSES = ["elliptical", "spiral"]


def said(spiral: np.ndarray) -> np.ndarray:
    return np.stack([1 - spiral, spiral], axis=1)


def galaxies(count: int, seed: int, share: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Return the true probability of a spiral and whether it is one."""
    rng = np.random.default_rng(seed)
    true = expit(rng.normal(logit(share), 1.8, count))
    return true, (rng.random(count) < true).astype(int)


def test_temperature_is_found_and_undone():
    true, truth = galaxies(6000, 1)
    overconfident = said(expit(3 * logit(true)))
    made = fit(overconfident, truth, CLASSES)
    assert made.method == "temperature" and made.slope == pytest.approx(1 / 3, rel=0.08)
    fresh, labels = galaxies(20000, 2)
    before = said(expit(3 * logit(fresh)))
    after = made.apply(before)
    assert np.abs(after[:, 1] - fresh).max() < 0.03 and after.dtype == np.float32
    assert scores(after, labels)["ece"] < 0.02 < 0.1 < scores(before, labels)["ece"]


def test_a_shifted_threshold_wants_a_bias():
    true, truth = galaxies(4000, 3)
    made = fit(said(expit(1.5 * logit(true) - 2)), truth, CLASSES)
    assert made.method == "platt"
    fresh, _ = galaxies(4000, 4)
    assert np.abs(made.apply(said(expit(1.5 * logit(fresh) - 2)))[:, 1] - fresh).max() < 0.05


def test_a_bent_curve_wants_isotonic():
    true, truth = galaxies(8000, 5)
    bent = np.where(true > 0.5, 0.9 + 0.1 * true, 0.2 * true)
    made = fit(said(bent), truth, CLASSES)
    assert made.method == "isotonic"
    fresh, labels = galaxies(8000, 6)
    after = made.apply(said(np.where(fresh > 0.5, 0.9 + 0.1 * fresh, 0.2 * fresh)))
    assert scores(after, labels)["ece"] < 0.03


def test_what_is_calibrated_stays_as_it_is():
    true, truth = galaxies(3000, 7)
    raw = said(true).astype(np.float32)
    made = fit(raw, truth, CLASSES)
    assert made.method == "none"
    assert made.apply(raw) is raw


def test_few_labels_keep_to_simple_methods():
    true, truth = galaxies(60, 8)
    told = fit(said(expit(4 * logit(true) + 1)), truth, CLASSES).told
    assert set(told["log_loss"]) == {"none", "temperature", "platt"}
    forced = fit(said(true), truth, CLASSES, Calibrate(method="isotonic"))
    assert forced.method == "isotonic"


def test_isotonic_is_scikit_learns_at_the_blocks_and_keeps_the_order_between():
    true, truth = galaxies(500, 9)
    made = fit(said(true), truth, CLASSES, Calibrate(method="isotonic"))
    peer = IsotonicRegression(out_of_bounds="clip").fit(true, truth)
    x, y = made.knots[0]
    inner = slice(1, -1)
    assert np.allclose(peer.predict(x)[inner], y[inner], atol=1e-6)
    at = np.linspace(0, 1, 999)
    assert (np.diff(made.apply(said(at))[:, 1].astype(float)) > 0).all()  # no galaxies tied


def test_classes_told_apart_without_error_stay_finite():
    truth = np.arange(40) % 2
    made = fit(said(np.where(truth, 0.999, 0.001)), truth, CLASSES, Calibrate(method="platt"))
    after = made.apply(said(np.array([0.0, 0.001, 0.999, 1.0])))
    assert np.isfinite(after).all() and (after > 0).all() and after[2, 1] > 0.9


def test_balanced_mix_is_that_of_galaxies_drawn_alike():
    true, truth = galaxies(20000, 10, share=0.8)
    raw = said(true)
    made = fit(raw, truth, CLASSES, Calibrate(method="platt", class_mix="balanced"))
    odds = truth.mean() / (1 - truth.mean())
    expected = expit(logit(true) - np.log(odds))
    assert np.abs(made.apply(raw)[:, 1] - expected).max() < 0.04


def test_three_classes():
    rng = np.random.default_rng(11)
    logs = rng.normal(0, 1.5, (6000, 3))
    true = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    truth = (rng.random(6000)[:, None] > true.cumsum(axis=1)).sum(axis=1)
    raw = np.exp(2 * logs + [0, 1, -1])
    raw /= raw.sum(axis=1, keepdims=True)
    for method in ("platt", "isotonic"):
        made = fit(raw, truth, ["a", "b", "c"], Calibrate(method=method))
        after = made.apply(raw)
        assert np.allclose(after.sum(axis=1), 1, atol=1e-6)
        assert scores(after, truth)["log_loss"] < scores(raw, truth)["log_loss"] - 0.1
        if method == "platt":
            assert np.abs(after - true).max() < 0.06


def test_scores_are_held_out(tmp_path):
    true, truth = galaxies(300, 12)
    raw = said(expit(2 * logit(true)))
    told = fit(raw, truth, CLASSES, Calibrate(method="isotonic")).told
    fitted = fit(raw, truth, CLASSES, Calibrate(method="isotonic")).apply(raw)
    assert told["after"]["log_loss"] > scores(fitted, truth)["log_loss"]
    assert told["before"] == scores(raw, truth)


def test_file_survives_and_surveys_are_chosen_by_the_rule(tmp_path):
    true, truth = galaxies(400, 13)
    sdss = fit(said(expit(2 * logit(true))), truth, CLASSES, source="validation galaxies")
    des = fit(said(expit(logit(true) + 2)), truth, CLASSES, Calibrate(threshold=0.4))
    made = Calibrations(CLASSES, "spiral", "sdss", {"sdss": sdss}).with_survey("des", des)
    first = made.save(tmp_path).read_bytes()
    assert Calibrations.load(tmp_path) == made
    assert made.save(tmp_path).read_bytes() == first
    assert made.of("des") == ("des", des) and des.threshold == 0.4
    assert made.of("legacy") == ("sdss", sdss)
    assert made.of("des", "sdss") == ("sdss", sdss)
    assert made.of("des", "none") == ("none", Calibration())
    with pytest.raises(GalcatError, match=r"no calibration for .dse.;.*Did you mean .des."):
        made.of("des", "dse")


def test_no_file_and_a_broken_one(tmp_path):
    assert Calibrations.load(tmp_path) is None
    for text in ("{", "[]", json.dumps({"surveys": {"a": {"odd": 1}}})):
        (tmp_path / calibration.FILE).write_text(text)
        with pytest.raises(GalcatError, match="not a whole file") as caught:
            Calibrations.load(tmp_path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("probability", "truth", "told"),
    [
        (np.full(20, 0.5), np.r_[np.zeros(17), np.ones(3)], "at least 5 labelled galaxies of each"),
        (np.full(20, np.nan), np.arange(20) % 2, "not from 0 to 1"),
    ],
)
def test_what_cannot_be_fitted_is_told(probability, truth, told):
    with pytest.raises(GalcatError, match=told) as caught:
        fit(said(probability), truth, CLASSES)
    assert "\n" not in str(caught.value)
