"""Votes on a question: agreement as the papers define it, and labels where it is enough."""

import numpy as np
import pandas as pd
import pytest

from galcat_core.catalogs.agreement import agreement, labels_of
from galcat_core.errors import GalcatError
from galcat_core.training.ds19_published import AGREEMENT, QUESTIONS

Q2 = QUESTIONS["q2"].votes


def table(yes, no, ids=None) -> pd.DataFrame:
    """Return votes on the edge-on question."""
    ids = np.arange(len(yes)) + 2**59 if ids is None else ids
    return pd.DataFrame(
        {"dr7objid": ids, "t02_edgeon_a04_yes_count": yes, "t02_edgeon_a05_no_count": no}
    )


def test_agreement_is_one_where_all_agree_and_zero_where_chance_rules():
    assert agreement([[7, 0], [0, 9], [4, 4], [0, 0]]).tolist() == [1, 1, 0, 0]
    assert agreement([[5, 5, 5]]).tolist() == pytest.approx([0], abs=1e-12)
    share = np.array([0.7, 0.25, 0.05])
    expected = 1 + (share * np.log(share)).sum() / np.log(3)
    assert agreement([[14, 5, 1]])[0] == pytest.approx(expected)
    assert expected > AGREEMENT  # three answers: about 0.7 for one of them is enough


def test_labels_are_of_enough_votes_and_enough_agreement():
    votes = table([5, 4, 9, 6, 0, 81, 80], [0, 0, 1, 4, 12, 19, 20])
    found = labels_of(votes, Q2, 5, AGREEMENT)
    assert found["id"].tolist() == [2**59 + k for k in (0, 2, 4)]
    assert found["label"].tolist() == ["edge_on", "edge_on", "face_on"]
    assert labels_of(votes, Q2, 4, 0.29)["id"].tolist() == [2**59 + k for k in (0, 1, 2, 4, 5)]


def test_answers_without_a_class_are_left_out():
    names = [f"{answer}_count" for answer in QUESTIONS["q1"].votes]
    votes = pd.DataFrame([[40, 1, 0], [0, 39, 1], [0, 1, 30]], columns=names).assign(
        OBJID=[3, 2, 1]
    )
    found = labels_of(votes, QUESTIONS["q1"].votes, 5, AGREEMENT)
    assert found[["id", "label"]].to_numpy().tolist() == [[2, "featured"], [3, "smooth"]]


def test_a_missing_column_is_named():
    with pytest.raises(GalcatError, match="no column 't02_edgeon_a05_no_count'"):
        labels_of(table([1], [1]).drop(columns="t02_edgeon_a05_no_count"), Q2, 5, 0.3)
    with pytest.raises(GalcatError, match="no column of ids"):
        labels_of(table([1], [1]).drop(columns="dr7objid"), Q2, 5, 0.3)
