"""Labels by the larger vote, certain by the paper's thresholds, and the cuts for unlabelled galaxies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galcat_core.catalogs.read import read_catalog
from galcat_core.catalogs.select import label, unlabelled, unlabelled_with_rejects
from galcat_core.errors import GalcatError
from galcat_core.records import Catalog, Pairs
from galcat_core.sections import Select


def catalog(n: int, **columns: object) -> Catalog:
    return Catalog(pd.DataFrame({"id": np.arange(n), "ra_deg": 1.0, "dec_deg": 2.0, **columns}))


CASES = [  # P_EL_DEBIASED, P_CS_DEBIASED, NVOTE, label, certain
    (0.010, 0.985, 20, "spiral", True),
    (0.010, 0.984, 20, "spiral", False),
    (0.926, 0.050, 20, "elliptical", True),
    (0.925, 0.050, 20, "elliptical", False),
    (0.990, 0.000, 5, "elliptical", True),
    (0.990, 0.000, 4, "elliptical", False),
    (0.300, 0.310, 20, "spiral", False),
    (0.400, 0.400, 20, None, False),
    (np.nan, 0.99, 20, None, False),
]


def votes() -> Catalog:
    elliptical, spiral, n, _, _ = zip(*CASES, strict=True)
    return catalog(len(CASES), P_EL_DEBIASED=elliptical, P_CS_DEBIASED=spiral, NVOTE=n)


def test_thresholds_and_ties() -> None:
    galaxies = catalog(len(CASES) + 1)
    found = label(galaxies, votes(), Select())
    assert found.table["label"].tolist() == [case[3] for case in CASES] + [None]
    assert found.table["certain"].tolist() == [case[4] for case in CASES] + [False]
    counts = {"spiral": 3, "elliptical": 4, "tie": 1, "no votes": 2, "certain": 3}
    assert found.meta["labels"] == counts


def test_votes_are_joined_by_id_whatever_the_order() -> None:
    order = np.random.default_rng(1).permutation(len(CASES))
    shuffled = Catalog(votes().table.iloc[order])
    one, two = (label(catalog(len(CASES)), v, Select()) for v in (votes(), shuffled))
    pd.testing.assert_frame_equal(one.table, two.table)


def test_votes_may_stand_in_the_catalogue() -> None:
    assert label(votes(), None, Select()).table["label"][0] == "spiral"


def test_thresholds_are_settings() -> None:
    easy = Select(spiral_min=0.3, elliptical_min=0.9, min_votes=0)
    certain = label(votes(), None, easy).table["certain"].tolist()
    assert certain == [True, True, True, True, True, True, True, False, False]


def test_votes_of_other_galaxies() -> None:
    strangers = Catalog(votes().table.assign(id=lambda t: t["id"] + 1000))
    with pytest.raises(GalcatError) as error:
        label(catalog(3), strangers, Select())
    assert "none of the 3 galaxies has votes (ids such as 0 against 1000)" in str(error.value)


def test_a_missing_vote_column() -> None:
    with pytest.raises(GalcatError, match="column 'P_EL_DEBIASED' is missing"):
        label(catalog(3), catalog(3, P_CS_DEBIASED=1.0), Select())


GOOD = {
    "MAG_AUTO_G": 17.0,
    "WAVG_SPREAD_MODEL_I": 0.01,
    "WAVG_SPREADERR_MODEL_I": 0.0001,
    **{
        f"{name}_{b}": v
        for b in "GRI"
        for name, v in (("IMAFLAGS_ISO", 0), ("FLAGS", 3), ("NEPOCHS", 1))
    },
}
BAD = [
    ("MAG_AUTO_G", 18.0, "MAG_AUTO_G not < 18"),
    ("MAG_AUTO_G", np.nan, "MAG_AUTO_G not < 18"),
    ("WAVG_SPREAD_MODEL_I", np.nan, "WAVG_SPREAD_MODEL_I not measured"),
    ("WAVG_SPREAD_MODEL_I", 0.0046, "WAVG_SPREAD_MODEL_I +3 errors not > 0.005"),
    ("WAVG_SPREADERR_MODEL_I", 0.0095, "WAVG_SPREAD_MODEL_I -1 errors not > 0.001"),
    ("IMAFLAGS_ISO_R", 1, "IMAFLAGS_ISO_R not 0"),
    ("FLAGS_I", 4, "FLAGS_I not < 4"),
    ("NEPOCHS_G", 0, "NEPOCHS_G not >= 1"),
]


def des() -> Catalog:
    """A DES galaxy that passes every cut, and one for each way to fail."""
    table = pd.DataFrame([GOOD] * (len(BAD) + 1))
    for row, (name, value, _) in enumerate(BAD, 1):
        table[name] = table[name].astype(float)
        table.loc[row, name] = value
    return Catalog(table.assign(id=np.arange(len(table)) + 100, ra_deg=0.0, dec_deg=0.0))


def test_each_cut_removes_what_it_should() -> None:
    found, rejects = unlabelled_with_rejects(des(), None, Select())
    assert found.ids.tolist() == [100]
    assert rejects["reason"].tolist() == [reason for _, _, reason in BAD]
    assert rejects["id"].tolist() == list(range(101, 101 + len(BAD)))
    removed = {name: n for name, n in found.meta["cuts"].items() if n}
    assert removed["MAG_AUTO_G not < 18"] == 2
    assert sum(removed.values()) == len(BAD)


def test_galaxies_with_a_twin_are_left_out() -> None:
    twice = Catalog(pd.concat([des().table[:1], des().table[:1].assign(id=7)], ignore_index=True))
    pairs = Pairs(
        pd.DataFrame(
            {"left_id": [1], "right_id": [7], "separation_arcsec": 0.1, "ambiguous": False}
        )
    )
    found = unlabelled(twice, pairs, Select())
    assert found.ids.tolist() == [100]
    assert found.meta["cuts"]["has a twin with votes"] == 1


def test_cuts_are_settings() -> None:
    loose = Select(
        mag_limit_g=19.0,
        spread_plus_3_err=0.0,
        spread_plus_1_err=0.0,
        spread_minus_1_err=0.0,
        flag_bands=["g"],
        min_epochs=0,
    )
    assert unlabelled(des(), None, loose).ids.tolist() == [100, 101, 104, 105, 106, 107, 108]


def test_nothing_left_tells_which_cut_took_it() -> None:
    with pytest.raises(GalcatError) as error:
        unlabelled(des(), None, Select(mag_limit_g=10.0))
    assert "MAG_AUTO_G not < 10 removed 9" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_column_is_told() -> None:
    with pytest.raises(GalcatError, match="no column 'MAG_AUTO_G'"):
        unlabelled(Catalog(des().table.drop(columns="MAG_AUTO_G")), None, Select())


@pytest.mark.real
def test_real_votes_make_the_published_labels(real_data: Path) -> None:
    folder = real_data / "catalogs"
    certain = read_catalog(folder / "sdss_high_certainty_labels.csv.gz")
    table = pd.read_csv(folder / "galaxy_zoo1_votes.csv.gz")
    found = label(
        read_catalog(folder / "sdss_des_overlap.csv.gz"),
        read_catalog(folder / "galaxy_zoo1_votes.csv.gz"),
        Select(),
    ).table
    published = certain.table.set_index("id")["label"]
    both = found[found["certain"] & found["id"].isin(published.index)]
    assert len(both) > 1000
    assert (both["label"] == published.loc[both["id"]].to_numpy()).all()
    # every published high-probability galaxy of the overlap is certain, and no other but one
    pairs = pd.read_csv(folder / "expected_high_probability_pairs.csv.gz")
    expected = set(pairs["SDSS_OBJID"]) & set(found["id"])
    assert expected <= set(found.loc[found["certain"], "id"])
    assert len(table) == 16984


@pytest.mark.real
def test_real_des_galaxies_pass_the_paper_s_cuts(real_data: Path) -> None:
    des_real = read_catalog(real_data / "catalogs" / "des_dr1_objects.csv.gz")
    found, rejects = unlabelled_with_rejects(des_real, None, Select())
    raw = pd.read_csv(real_data / "catalogs" / "des_dr1_objects.csv.gz")
    spread, error = raw["WAVG_SPREAD_MODEL_I"], raw["WAVG_SPREADERR_MODEL_I"]
    keep = (raw["MAG_AUTO_G"] < 18) & (spread > -1)
    keep &= (spread + 3 * error > 0.005) & (spread + error > 0.003) & (spread - error > 0.001)
    for band in "GRI":
        keep &= (raw[f"IMAFLAGS_ISO_{band}"] == 0) & (raw[f"FLAGS_{band}"] < 4)
        keep &= raw[f"NEPOCHS_{band}"] > 0
    assert found.ids.tolist() == raw.loc[keep, "COADD_OBJECT_ID"].tolist()
    assert len(found) + len(rejects) == len(raw)
