"""The cross-validation of fine-tuning: a galaxy on one side, classes spread alike, differences in pairs."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import finetune
from galcat_core.config import Config
from galcat_core.records import Predictions


def test_folds_hold_each_galaxy_once_and_classes_alike():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"galaxy": np.r_[np.arange(50), 7, 7, 12]})
    table["label"] = np.where(table["galaxy"] % 5 < 3, "spiral", "elliptical")
    table["certain"] = table["galaxy"] % 2 == 0
    fold = finetune.parted(table, 5, seed=1)
    assert set(fold) == set(range(5))
    assert (table.assign(fold=fold).groupby("galaxy")["fold"].nunique() == 1).all()
    spirals = [(table["label"][fold == n] == "spiral").mean() for n in range(5)]
    assert max(spirals) - min(spirals) < 0.2
    assert np.array_equal(fold, finetune.parted(table, 5, seed=1))
    assert not np.array_equal(fold, finetune.parted(table, 5, seed=2))
    shuffled = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    assert (
        shuffled.assign(fold=finetune.parted(shuffled, 5, 1)).groupby("galaxy")["fold"].nunique()
        == 1
    ).all()


def test_the_pairs_are_galaxies_of_their_own(real_data):
    found = finetune.galaxies(real_data)
    pairs = pd.read_csv(real_data / "pairs" / "pairs.csv")
    assert len(found) == len(pairs)
    assert pd.Series(found).nunique() == pairs["SDSS_OBJID"].nunique()


def told_of(probability: np.ndarray) -> Predictions:
    ids = [f"{n:02d}.png" for n in range(len(probability))]
    table = pd.DataFrame({"id": ids, "p_elliptical": 1 - probability, "p_spiral": probability})
    said = np.where(probability >= 0.5, "spiral", "elliptical")
    meta = {"classes": ["elliptical", "spiral"], "positive": "spiral"}
    return Predictions(table.assign(predicted=said, run="r"), None, meta)


def test_figures_are_of_all_folds_and_their_gain_of_the_same_galaxies():
    truth = np.arange(40) % 2 == 0
    right = np.where(truth, 0.8, 0.2)
    worse = np.where(np.arange(40) < 10, 1 - right, right)
    labels = pd.DataFrame({"id": told_of(right).ids, "certain": np.arange(40) >= 10})
    labels["label"] = np.where(truth, "spiral", "elliptical")
    halves = [worse[20:], worse[:20]]  # as folds come: in another order
    parts = [told_of(np.r_[half]).table for half in halves]
    parts[0]["id"], parts[1]["id"] = labels["id"][20:].to_numpy(), labels["id"][:20].to_numpy()
    pooled = finetune.pooled([Predictions(part, None, told_of(right).meta) for part in parts])
    config = Config().replace(evaluate={"bootstrap": 200})
    rows = finetune.judged({"as it is": told_of(right), "fine-tuned": pooled}, labels, config)
    found = {(row["galaxies"], row["network"]): row for row in rows}
    assert found["all", "fine-tuned"]["accuracy"]["value"] == pytest.approx(0.75)
    gain, low, high = found["all", "fine-tuned"]["accuracy_gained"]
    assert gain == pytest.approx(-0.25)
    assert low < gain < high < 0
    assert found["certain", "fine-tuned"]["accuracy_gained"] == [0.0, 0.0, 0.0]
    assert found["certain", "fine-tuned"]["number"] == 30
    assert "| all | 40 | fine-tuned | 0.750" in finetune.markdown(rows)
