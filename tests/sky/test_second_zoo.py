"""Simulated answers on disk, edge-on and bar: a tree of questions that follows the truth."""

import numpy as np
import pandas as pd
import pytest

from galcat_core.catalogs.agreement import labels_of
from galcat_core.sky.population import draw_galaxies
from galcat_core.sky.questions import TREE, second_zoo
from galcat_core.training.ds19_published import AGREEMENT, FEWEST_VOTES, QUESTIONS


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    """3,000 galaxies as the population has them, some of them invisible to SDSS."""
    table = draw_galaxies(np.random.default_rng(3), 3000)
    table["sdss_id"] = np.arange(3000) * (np.arange(3000) % 10 > 0)
    return table.assign(visibility=np.random.default_rng(4).uniform(0.2, 1, 3000))


@pytest.fixture(scope="module")
def votes(truth) -> pd.DataFrame:
    return second_zoo(truth, 1)


def test_each_question_is_asked_of_those_whose_answers_led_to_it(votes, truth):
    assert votes["id"].tolist() == truth.loc[truth["sdss_id"] != 0, "sdss_id"].tolist()
    asked = {
        q: votes[[f"{q}_{a}_count" for a in answers]].sum(axis=1) for q, answers in TREE.items()
    }
    assert asked["t01_smooth_or_features"].between(16, 70).all()
    disk = votes["t01_smooth_or_features_a02_features_or_disk_count"]
    assert (asked["t02_edgeon"] == disk).all()
    assert (asked["t03_bar"] == votes["t02_edgeon_a05_no_count"]).all()


def test_robust_answers_are_those_of_the_truth(votes, truth):
    known = truth.set_index("sdss_id")
    found = {
        name: labels_of(votes, question.votes, FEWEST_VOTES, AGREEMENT)
        for name, question in QUESTIONS.items()
    }
    told = {
        name: known.loc[rows["id"]].assign(said=rows["label"].to_numpy())
        for name, rows in found.items()
    }
    q1, q2, q3 = (told[name] for name in ("q1", "q2", "q3"))
    assert (q1[q1["said"] == "featured"]["morphology"] == "spiral").mean() > 0.9
    assert not (q1[q1["morphology"] == "elliptical"]["said"] == "featured").any()
    assert q2[q2["said"] == "edge_on"]["inclination_deg"].min() > 70
    assert q2[q2["said"] == "face_on"]["inclination_deg"].fillna(0).max() < 78
    assert q3[q3["said"] == "bar"]["bar"].astype(bool).all()
    # as in the paper, bars are rare
    assert 0.03 < (q3["said"] == "bar").mean() < 0.3


def test_equal_seeds_give_equal_votes_and_others_do_not(votes, truth):
    assert second_zoo(truth, 1).equals(votes)
    assert not second_zoo(truth, 2).equals(votes)
