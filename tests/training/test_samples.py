"""Which galaxies a run learns from: labels, classes, limits, weights, and what is wrong with them."""

import numpy as np
import pandas as pd
import pytest

from galcat_core.errors import GalcatError
from galcat_core.images.store import Flag
from galcat_core.sections import Train
from galcat_core.training.samples import choose


class Shelf:
    """Ids, flags and a name: all of a store that the choice looks at."""

    survey, path = "sdss", "cutouts/sdss"

    def __init__(self, ids, flags=0) -> None:
        self.table = pd.DataFrame({"id": ids, "flags": flags})
        self.ids = self.table["id"].to_numpy()

    def __len__(self) -> int:
        return len(self.table)


@pytest.fixture
def table(make_table):
    return make_table(64)


@pytest.fixture
def shelf(table) -> Shelf:
    return Shelf(table["id"])


def test_training_and_validation_galaxies_are_taken_and_no_test_galaxy(shelf, split):
    samples = choose(shelf, split, Train())
    assert samples.classes == ["elliptical", "spiral"]
    assert samples.table.groupby("set").size().to_dict() == {"train": 37, "validation": 13}
    test = split.rows("sdss", "test")["id"]
    assert not samples.table["id"].isin(test).any()
    assert samples.summary()["train"] == {"elliptical": 19, "spiral": 18}


def test_weights_make_the_classes_count_the_same(shelf, split):
    table = choose(shelf, split, Train()).table
    train = table[table["set"] == "train"]
    sums = train.groupby("label")["weight"].sum()
    assert sums["spiral"] == pytest.approx(sums["elliptical"])
    assert train["weight"].mean() == pytest.approx(1)
    assert (choose(shelf, split, Train(class_weights=False)).table["weight"] == 1).all()


def test_the_choice_does_not_depend_on_the_order_of_the_rows(shelf, split):
    shuffled = type(split)(split.table.sample(frac=1, random_state=1))
    for settings in (Train(), Train(limit=10)):
        one, two = choose(shelf, split, settings), choose(shelf, shuffled, settings)
        assert one.digest == two.digest
        assert one.table.equals(two.table)


def test_only_certain_galaxies_where_asked(shelf, split):
    samples = choose(shelf, split, Train(certain_only=True))
    certain = split.rows(certain=True)["id"]
    assert samples.table["id"].isin(certain).all()
    assert samples.left_out["uncertain"] == 50 - len(samples.table)


def test_a_limit_keeps_the_classes_shares_and_nests(shelf, split):
    few, more = (choose(shelf, split, Train(limit=n, seed=5)).table for n in (8, 16))
    train = few[few["set"] == "train"]
    assert train["label"].value_counts().to_dict() == {"elliptical": 4, "spiral": 4}
    assert (more["set"] == "train").sum() == 16
    assert set(train["id"]) <= set(more["id"])
    assert (few["set"] == "validation").sum() == 13  # no fewer than 50 where there are not so many
    other = choose(shelf, split, Train(limit=8, seed=6)).table
    assert set(other["id"]) != set(few["id"])


def test_any_two_classes_and_any_positive(make_table, make_split):
    table = make_table(20, classes=("smooth", "featured"))
    split = make_split(table, {"train": 12, "validation": 8})
    shelf = Shelf(table["id"])
    assert choose(shelf, split, Train()).classes == ["featured", "smooth"]
    assert choose(shelf, split, Train(positive="featured")).classes == ["smooth", "featured"]
    with pytest.raises(GalcatError, match=r"train\.positive = 'feature'.*Did you mean 'featured'"):
        choose(shelf, split, Train(positive="feature"))


def test_galaxies_without_a_picture_are_kept_with_their_reason(table, split):
    flags = np.where(table["id"] == 1010, Flag.BLANK | Flag.EDGE, 0)
    samples = choose(Shelf(table["id"][3:], flags[3:]), split, Train())
    reasons = samples.rejects.set_index("id")["reason"].to_dict()
    without = "no picture in the store"
    assert reasons == {1000: without, 1001: without, 1002: without, 1010: "blank picture"}
    assert len(samples.table) == 46
    assert samples.summary()["rejected"] == {without: 3, "blank picture": 1}


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["spiral"] * 20, "have only the class 'spiral'"),
        (["a", "b", "c", "d"] * 5, r"have 4 classes \(a, b, c, d\)"),
        ([None] * 20, "has a label"),
        (["spiral", "elliptical"] * 6 + ["ring"] * 8, "label ring, which none to train on has"),
        (["spiral", "elliptical"] * 6 + [None] * 8, "left to validate on"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(make_table, make_split, labels, told):
    table = make_table(20).assign(label=labels)
    split = make_split(table, {"train": 12, "validation": 8})
    with pytest.raises(GalcatError, match=told):
        choose(Shelf(table["id"]), split, Train())


def test_a_wrong_survey_and_a_wrong_store_are_told(shelf, split):
    with pytest.raises(GalcatError, match="no galaxy of survey 'des'; it has sdss"):
        choose(shelf, split, Train(), survey="des")
    with pytest.raises(GalcatError, match="none of the 50 labelled galaxies has a picture"):
        choose(Shelf(["a.jpg", "b.jpg"]), split, Train())
