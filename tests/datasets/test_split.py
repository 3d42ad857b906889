"""No galaxy, nor its twin, nor its double stands on two sides, whatever the sky looks like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galcat_core.catalogs.crossmatch import crossmatch
from galcat_core.catalogs.read import read_catalog
from galcat_core.catalogs.select import label
from galcat_core.catalogs.sphere import separation_arcsec
from galcat_core.datasets.split import split, without
from galcat_core.errors import GalcatError
from galcat_core.records import Catalog, Pairs, Split
from galcat_core.sections import Match, Select, Splitting

ARCSEC = 1 / 3600


def catalog(survey: str, **columns: object) -> Catalog:
    table = pd.DataFrame(columns)
    missing = {n: np.nan for n in ("ra_deg", "dec_deg") if n not in table}
    return Catalog(table.assign(**missing), None, {"survey": survey})


def random_sky(seed: int) -> tuple[dict[str, Catalog], Pairs]:
    """Two surveys of a crowded field: chains of doubles, shared twins, half of the labels missing."""
    draw = np.random.default_rng(seed)
    n = int(draw.integers(300, 500))
    field = draw.choice([4.0, 6.0, 10.0]) * n**0.5 / 2 * ARCSEC  # mean distance of neighbours
    surveys = {}
    for survey, first in (("sdss", 587722981736579107), ("des", 1000)):
        names = draw.choice(["spiral", "elliptical", None], n, p=[0.3, 0.3, 0.4])
        surveys[survey] = catalog(
            survey,
            id=first + draw.permutation(n),
            ra_deg=(360 + draw.uniform(-field, field, n)) % 360,
            dec_deg=draw.uniform(-field, field, n),
            label=names if survey == "sdss" else None,
            certain=draw.random(n) < 0.3,
        )
    pairs = crossmatch(surveys["sdss"], surveys["des"], Match(radius_arcsec=1.5))
    return surveys, pairs


def tied(surveys: dict[str, Catalog], pairs: Pairs, arcsec: float) -> list[tuple]:
    """Everything that must not be torn apart, found the slow way."""
    ties = [
        (("sdss", left), ("des", right))
        for left, right in pairs.table[["left_id", "right_id"]].itertuples(index=False)
    ]
    rows = [(s, *row) for s, c in surveys.items() for row in c.table.iloc[:, :3].to_numpy(object)]
    keys = [(s, i) for s, i, _, _ in rows]
    ra, dec = (np.array([row[k] for row in rows], float) for k in (2, 3))
    for place, key in enumerate(keys):
        near = separation_arcsec(ra[place], dec[place], ra, dec) <= arcsec
        ties += [(key, keys[other]) for other in np.flatnonzero(near) if other > place]
    return ties


@pytest.mark.parametrize("seed", range(12))
def test_nothing_that_belongs_together_is_torn_apart(seed: int) -> None:
    surveys, pairs = random_sky(seed)
    found = split(surveys, pairs, Splitting(seed=seed)).table
    assert len(found) == sum(map(len, surveys.values()))
    of = found.set_index(["survey", "id"])[["set", "group"]].T.to_dict("list")
    ties = tied(surveys, pairs, 2.0)
    assert len(ties) > len(pairs)
    for one, other in ties:
        assert of[one] == of[other]
    # and groups are no larger than the ties make them
    component = {key: {key} for key in of}
    for one, other in ties:
        if component[one] is not component[other]:
            joined = component[one] | component[other]
            for key in joined:
                component[key] = joined
    assert len({id(c) for c in component.values()}) == found["group"].nunique()


@pytest.mark.parametrize("seed", range(4))
def test_every_tested_galaxy_has_a_label(seed: int) -> None:
    surveys, pairs = random_sky(seed)
    found = split(surveys, pairs, Splitting(seed=1)).table
    used = found["set"] != "unlabelled"
    assert found.loc[used, "label"].notna().all()
    assert found.loc[~used, "label"].isna().all()
    assert (found["survey"][used] == "des").any()
    assert not found.loc[~used, "certain"].any()


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    surveys, pairs = random_sky(seed)
    shuffled = {
        survey: Catalog(c.table.sample(frac=1, random_state=seed), None, c.meta)
        for survey, c in surveys.items()
    }
    turned = Pairs(pairs.table[::-1], None, pairs.meta)
    one, two = split(surveys, pairs, Splitting()), split(shuffled, turned, Splitting())
    pd.testing.assert_frame_equal(one.table, two.table)
    other = split(surveys, pairs, Splitting(seed=2)).table
    assert (other["set"] != one.table["set"]).any()
    assert (other["group"] == one.table["group"]).all()


def apart(n: int, **columns: object) -> Catalog:
    """Galaxies far from each other."""
    return catalog("sdss", id=np.arange(n), ra_deg=np.arange(n) * 0.01, dec_deg=0.0, **columns)


def classes(n: int) -> list[str]:
    return ["spiral", "elliptical"] * (n // 2)


def test_a_chain_of_doubles_is_one_galaxy() -> None:
    ra = np.r_[np.arange(40) * 1.9 * ARCSEC, 10 + np.arange(60)]
    chain = catalog("sdss", id=np.arange(100), ra_deg=ra, dec_deg=0.0, label=classes(100))
    found = split({"sdss": chain}, None, Splitting()).table
    assert found["group"][:40].nunique() == 1
    assert found["set"][:40].nunique() == 1
    assert found["group"].nunique() == 61
    loose = split({"sdss": chain}, None, Splitting(duplicate_arcsec=1.8)).table
    assert loose["group"].nunique() == 100


def test_doubles_are_seen_across_the_seam_and_at_the_pole() -> None:
    ra = np.r_[0.0, 360 - ARCSEC, 10.0, 190.0, 50 + np.arange(36)]
    dec = np.r_[0.0, 0.0, 90 - 0.5 * ARCSEC, 90 - 0.5 * ARCSEC, np.zeros(36)]
    sky = catalog("sdss", id=np.arange(40), ra_deg=ra, dec_deg=dec, label=classes(40))
    group = split({"sdss": sky}, None, Splitting()).table["group"]
    assert group[0] == group[1]
    assert group[2] == group[3]
    assert group.nunique() == 38


def test_left_objects_with_one_twin_are_tied_though_it_is_not_here() -> None:
    table = pd.DataFrame({"left_id": [0, 1, 2], "right_id": [7, 7, 8], "ambiguous": False})
    pairs = Pairs(
        table.assign(separation_arcsec=0.1), None, {"left_survey": "sdss", "right_survey": "des"}
    )
    des = catalog("des", id=[8], ra_deg=100.0, dec_deg=50.0)
    found = split({"sdss": apart(60, label=classes(60)), "des": des}, pairs, Splitting()).table
    assert found["group"][0] == found["group"][1] != found["group"][2]
    assert found["has_twin"].tolist() == [False, False, True] + [False] * 57 + [True]


def test_a_twin_takes_the_label_of_the_nearest() -> None:
    sdss = catalog(
        "sdss",
        id=np.arange(40),
        ra_deg=np.r_[0.0, 1.5 * ARCSEC, 1 + np.arange(38)],
        dec_deg=0.0,
        label=classes(40),
        certain=[False, True] * 20,
    )
    table = pd.DataFrame({"left_id": [0, 1], "right_id": [5, 5], "ambiguous": True})
    pairs = Pairs(
        table.assign(separation_arcsec=[0.6, 0.5]),
        None,
        {"left_survey": "sdss", "right_survey": "des"},
    )
    des = catalog("des", id=[5, 6], ra_deg=[1.0 * ARCSEC, 200.0], dec_deg=0.0)
    found = split({"sdss": sdss, "des": des}, pairs, Splitting()).rows("des")
    assert found["label"].tolist() == ["elliptical", None]
    assert found["certain"].tolist() == [True, False]
    assert found["set"].tolist()[1] == "unlabelled"


@pytest.mark.parametrize(("validation", "test"), [(0.15, 0.25), (0.0, 0.5), (0.1, 0.0), (0.3, 0.3)])
def test_fractions_hold_for_each_class_and_kind(validation: float, test: float) -> None:
    n = 2000
    draw = np.random.default_rng(3)
    names = draw.choice(["spiral", "elliptical", "merger"], n, p=[0.6, 0.3, 0.1])
    sdss = apart(n, label=names, certain=draw.random(n) < 0.2)
    table = pd.DataFrame({"left_id": np.arange(0, n, 3)})
    table = table.assign(right_id=table["left_id"], separation_arcsec=0.0, ambiguous=False)
    pairs = Pairs(table, None, {"left_survey": "sdss", "right_survey": "des"})
    des = catalog("des", id=table["left_id"])
    settings = Splitting(validation=validation, test=test)
    found = split({"sdss": sdss, "des": des}, pairs, settings).rows("sdss")
    wanted = {"train": 1 - validation - test, "validation": validation, "test": test}
    for _, kind in found.groupby(["label", "certain", "has_twin"]):
        for name, share in wanted.items():
            assert abs((kind["set"] == name).sum() - share * len(kind)) <= 2
    for name, share in wanted.items():
        if share == 0:
            assert not (found["set"] == name).any()


def test_a_table_of_pictures_without_positions() -> None:
    names = [f"NGC {i}.jpg" for i in range(40)]
    found = split({"pictures": catalog("x", id=names, label=classes(40))}, None, Splitting()).table
    assert found["group"].nunique() == 40
    assert found["certain"].all()
    assert set(found["set"]) == {"train", "validation", "test"}
    assert sorted(found["id"]) == sorted(names)
    assert not found["has_twin"].any()


def test_some_pictures_have_positions() -> None:
    ra = [10.0, 10.0] + [np.nan] * 38
    sky = catalog("x", id=np.arange(40), ra_deg=ra, dec_deg=ra, label=classes(40))
    group = split({"x": sky}, None, Splitting()).table["group"]
    assert group[0] == group[1]
    assert group.nunique() == 39


def test_the_paper_s_test_sets(tmp_path: Path) -> None:
    surveys, pairs = random_sky(1)
    made = split(surveys, pairs, Splitting())
    made.save(tmp_path / "s.parquet")
    found = Split.load(tmp_path / "s.parquet")
    pd.testing.assert_frame_equal(found.table, made.table)
    tested = found.table[found.table["set"] == "test"]
    sure = found.high_probability("sdss")
    assert len(sure) > 0
    assert sure["certain"].all()
    assert sure.index.equals(tested.index[tested["certain"] & (tested["survey"] == "sdss")])
    twins = found.full_overlap("sdss")["id"]
    matched = pairs.table.set_index("left_id")["right_id"]
    assert set(matched[twins]) <= set(found.full_overlap("des")["id"])
    assert len(twins) > 0
    sizes = found.meta["sizes"]
    assert sum(sum(counts.values()) for counts in sizes.values()) == len(found)


def few(n: int) -> Catalog:
    return apart(20 + n, label=["spiral"] * 20 + ["elliptical"] * n)


@pytest.mark.parametrize(
    ("catalogs", "settings", "told"),
    [
        ({"x": apart(9, label="spiral")}, {}, "all 9 labels are 'spiral'; two classes or more"),
        ({"x": apart(9)}, {}, "no galaxy has a label"),
        ({"x": few(2)}, {}, "class 'elliptical' has only 2 galaxies, too few"),
        ({"x": few(9)}, {"validation": 0.5, "test": 0.5}, "leave nothing to train on"),
        ({}, {}, "no catalogue was given"),
        (
            {"x": few(9), "y": catalog("y", id=["a"], label="spiral")},
            {},
            "integers in x, names in y",
        ),
    ],
)
def test_what_cannot_be_split_is_told_in_one_line(catalogs, settings: dict, told: str) -> None:
    with pytest.raises(GalcatError) as error:
        split(catalogs, None, Splitting(**settings))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("surveys", "ids", "told"),
    [
        (("sdss", "hsc"), [0], "the pairs' right side is hsc, the catalogues are of sdss, des"),
        (("sdss", "des"), [5000], "none of the 1 pairs has both its galaxies in the catalogues"),
    ],
)
def test_pairs_of_other_catalogues(surveys: tuple, ids: list, told: str) -> None:
    table = pd.DataFrame(
        {"left_id": ids, "right_id": ids, "separation_arcsec": 0.0, "ambiguous": False}
    )
    pairs = Pairs(table, None, {"left_survey": surveys[0], "right_survey": surveys[1]})
    catalogs = {"sdss": apart(40, label=classes(40)), "des": catalog("des", id=[0, 1])}
    with pytest.raises(GalcatError) as error:
        split(catalogs, pairs, Splitting())
    assert told in str(error.value)


@pytest.mark.parametrize("n", [3, 4, 5, 10])
def test_small_classes_are_in_every_set(n: int) -> None:
    found = split({"x": few(n)}, None, Splitting()).table
    for _, members in found.groupby("label"):
        assert set(members["set"]) == {"train", "validation", "test"}


@pytest.mark.real
def test_real_twins_stay_together(real_data: Path) -> None:
    folder = real_data / "catalogs"
    sdss, des, votes = (
        read_catalog(folder / f"{name}.csv.gz")
        for name in ("sdss_des_overlap", "des_dr1_objects", "galaxy_zoo1_votes")
    )
    pairs = crossmatch(sdss, des, Match())
    found = split({"sdss": label(sdss, votes, Select()), "des": des}, pairs, Splitting())
    side = found.table.set_index(["survey", "id"])["set"]
    left = side.loc["sdss"].loc[pairs.table["left_id"]].to_numpy()
    right = side.loc["des"].loc[pairs.table["right_id"]].to_numpy()
    np.testing.assert_array_equal(left, right)
    assert len(found.high_probability("sdss")) > 250
    assert len(found.full_overlap("des")) > 4000


def test_without_takes_out_by_id_and_by_position() -> None:
    table = pd.DataFrame(
        {
            "id": np.arange(5) + 587_000_000_000_000_000,
            "ra_deg": [0.0, 10.0, 359.9999, 20.0, np.nan],
            "dec_deg": [0.0, 0.0, 0.0, 89.9, np.nan],
        }
    )
    catalog = Catalog(table, meta={"survey": "sdss"})
    by_id = pd.DataFrame({"SDSS_OBJID": table["id"][[4]], "votes": [3]})
    close = pd.DataFrame({"ra_deg": [0.0002, np.nan], "dec_deg": [0.0, 1.0]})
    kept, rejects = without(catalog, [by_id, close], radius_arcsec=2.0)
    assert kept.ids.tolist() == table["id"][[1, 3]].tolist()
    assert rejects["id"].tolist() == table["id"][[0, 2, 4]].tolist()
    with pytest.raises(GalcatError, match="none is left"):
        without(catalog, [table], radius_arcsec=2.0)
