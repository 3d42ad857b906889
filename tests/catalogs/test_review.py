"""What was reviewed by eye counts in the next match and the next split, ids and labels exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import galcat

from galcat_core.catalogs.review import reviewed, without_bad_matches
from galcat_core.errors import GalcatError
from galcat_core.records import Catalog, Pairs, Review, Split
from galcat_core.tables import read_table

N = 40
SDSS, DES = 1_237_648_720_000_000_001, 9_007_199_254_740_993  # the second is no float
ARCSEC = 1 / 3600


def catalogs() -> dict[str, Catalog]:
    """N galaxies in SDSS with labels, their DES twins 0.5 arcsec north of them without."""
    ra = 30 + np.arange(N) * 0.01
    label = np.where(np.arange(N) % 2, "spiral", "elliptical")
    sdss = pd.DataFrame({"id": SDSS + np.arange(N), "ra_deg": ra, "dec_deg": 0.0, "label": label})
    des = pd.DataFrame({"id": DES + np.arange(N), "ra_deg": ra, "dec_deg": 0.5 * ARCSEC})
    return {
        "sdss": Catalog(sdss.assign(certain=False), None, {"survey": "sdss"}),
        "des": Catalog(des, None, {"survey": "des"}),
    }


def review(**rows: dict) -> Review:
    """Rows by number of the pair: review(_3={"bad_match": True})."""
    told = []
    for name, row in rows.items():
        k = int(name[1:])
        plain = {"left_survey": "sdss", "left_id": SDSS + k, "right_survey": "des"}
        plain |= {"right_id": DES + k, "label": None} | dict.fromkeys(Review.MARKS, False)
        told.append({**plain, "reviewed_at": f"2026-01-01T00:00:{k:02d}Z", **row})
    return Review(pd.DataFrame(told))


def pairs() -> Pairs:
    ids = {"left_id": SDSS + np.arange(N), "right_id": DES + np.arange(N)}
    table = pd.DataFrame({**ids, "separation_arcsec": 0.5, "ambiguous": False})
    return Pairs(table, None, {"left_survey": "sdss", "right_survey": "des"})


def test_bad_matches_are_taken_out_by_both_ids() -> None:
    told = review(_3={"bad_match": True}, _7={"bad_left_image": True})
    swapped = review(_5={"bad_match": True, "right_id": DES + 6})  # another pair than that of 5
    both = Review(pd.concat([told.table, swapped.table]))
    kept, rejects = without_bad_matches(pairs(), both)
    assert rejects["left_id"].tolist() == [SDSS + 3]
    assert len(kept) == N - 1
    assert kept.meta["bad_matches"] == 1


def test_bad_pictures_go_from_their_own_survey_only() -> None:
    told = review(_3={"bad_left_image": True}, _4={"bad_right_image": True})
    made, rejects = reviewed(catalogs(), told)
    assert sorted(rejects["id"]) == [DES + 4, SDSS + 3]
    assert SDSS + 3 not in made["sdss"].ids
    assert DES + 3 in made["des"].ids


def test_a_label_is_that_of_both_twins_and_certain_and_none_of_a_bad_match() -> None:
    told = review(_0={"label": "spiral"}, _2={"label": "spiral", "bad_match": True})
    made, _ = reviewed(catalogs(), told)
    for survey in ("sdss", "des"):
        table = made[survey].table
        assert (table["label"][0], bool(table["certain"][0])) == ("spiral", True)
    assert made["sdss"].table["label"][2] == "elliptical"
    assert made["des"].table["label"][2] is None
    assert made["sdss"].table["certain"].sum() == 1


def test_the_last_word_counts_for_a_galaxy_of_two_pairs() -> None:
    told = review(_1={"label": "merger"}, _2={"label": "ring", "left_id": SDSS + 1})
    turned = Review(told.table.iloc[::-1])
    for one in (told, turned):
        made, _ = reviewed(catalogs(), one)
        assert made["sdss"].table["label"][1] == "ring"


def test_a_review_of_other_galaxies_is_refused() -> None:
    told = review(_1={"left_id": 5, "right_id": 6})
    with pytest.raises(GalcatError, match=r"none of its 1 pairs \(des, sdss\) has a galaxy"):
        reviewed(catalogs(), told)
    with pytest.raises(GalcatError, match="none is left"):
        reviewed(catalogs(), review(**{f"_{k}": {"bad_left_image": True} for k in range(N)}))


def test_marks_that_are_neither_yes_nor_no_are_told() -> None:
    with pytest.raises(GalcatError, match="bad_match = 'perhaps'; true or false"):
        review(_1={"bad_match": "perhaps"})


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".vot", ".fits"])
def test_a_review_comes_back_exactly_in_every_format(tmp_path: Path, suffix: str) -> None:
    told = review(_1={"bad_match": True}, _2={"label": "spiral"}, _3={"bad_right_image": True})
    told.save(tmp_path / f"review{suffix}")
    again = Review.load(tmp_path / f"review{suffix}")
    pd.testing.assert_frame_equal(again.table, told.table, check_dtype=False)
    assert again.table["right_id"].tolist() == [DES + 1, DES + 2, DES + 3]


def test_a_review_edited_in_a_spreadsheet_is_read(tmp_path: Path) -> None:
    head = (
        "left_survey,left_id,right_survey,right_id,bad_match,bad_left_image,bad_right_image,label"
    )
    rows = f"sdss,{SDSS},des,{DES},TRUE,0,,\nsdss,{SDSS + 1},des,{DES + 1},no,False,1,spiral"
    (tmp_path / "review.csv").write_text(f"{head}\n{rows}\n")
    table = Review.load(tmp_path / "review.csv").table
    assert table["bad_match"].tolist() == [True, False]
    assert table["bad_right_image"].tolist() == [False, True]
    assert table["label"].tolist() == [None, "spiral"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for survey, catalog in catalogs().items():
        catalog.save(tmp_path / f"{survey}.parquet")
    told = review(
        _3={"bad_match": True},
        _4={"bad_match": True, "label": "comet"},
        _5={"bad_left_image": True},
        _6={"label": "ring"},
        **{f"_{k}": {"label": "ring"} for k in range(20, 30)},
    )
    told.save(tmp_path / "review.csv")
    return tmp_path


def test_match_leaves_bad_matches_out_and_keeps_them_as_rejects(project: Path) -> None:
    p = project
    plain, better = p / "plain.parquet", p / "better.parquet"
    assert galcat("match", p / "sdss.parquet", p / "des.parquet", "-o", plain) == 0
    args = ("match", p / "sdss.parquet", p / "des.parquet", "-o", better)
    assert galcat(*args, "--review", p / "review.csv") == 0
    assert len(Pairs.load(plain)) == N
    kept = Pairs.load(better).table["left_id"]
    assert sorted(set(SDSS + np.arange(N)) - set(kept)) == [SDSS + 3, SDSS + 4]
    rejects = read_table(p / "better.rejects.csv")[0]
    assert rejects["right_id"].tolist() == [DES + 3, DES + 4]


@pytest.mark.parametrize("with_pairs", [True, False])
def test_split_reads_marks_and_labels(project: Path, with_pairs: bool) -> None:
    p = project
    pairs().save(p / "pairs.parquet")
    more = ("--pairs", p / "pairs.parquet") if with_pairs else ()
    args = ("split", p / "sdss.parquet", p / "des.parquet", "-o", p / "split.parquet", *more)
    assert galcat(*args, "--review", p / "review.csv") == 0
    table = Split.load(p / "split.parquet").table.set_index("id")
    assert SDSS + 5 not in table.index
    assert DES + 5 in table.index
    assert table.loc[[SDSS + 6, DES + 6], "label"].tolist() == ["ring", "ring"]
    assert table.loc[[SDSS + 6, DES + 6], "certain"].all()
    assert table.loc[SDSS + 4, "label"] == "elliptical"
    # near enough to stay on one side, but the label is not handed on
    assert table.loc[[DES + 3, DES + 4], "label"].isna().all()
    assert table.loc[DES + 3, "group"] == table.loc[SDSS + 3, "group"]
    assert table.loc[DES + 7, "label"] == table.loc[SDSS + 7, "label"] == "spiral"
    rejects = read_table(p / "split.rejects.csv")[0]
    assert rejects["id"].tolist() == [SDSS + 5]


def test_the_same_split_with_another_review_is_made_anew(project: Path) -> None:
    p = project
    args = ("split", p / "sdss.parquet", p / "des.parquet", "-o", p / "split.parquet")
    assert galcat(*args) == 0
    assert "ring" not in set(Split.load(p / "split.parquet").table["label"])
    assert galcat(*args, "--review", p / "review.csv") == 0
    assert "ring" in set(Split.load(p / "split.parquet").table["label"])


def test_a_table_that_is_no_review_is_one_line(
    project: Path, capsys: pytest.CaptureFixture
) -> None:
    p = project
    args = ("match", p / "sdss.parquet", p / "des.parquet", "-o", p / "pairs.parquet")
    assert galcat(*args, "--review", p / "sdss.parquet") == 2
    assert "holds Catalog, not Review" in capsys.readouterr().err
    assert galcat("match", "--help") == 0
    assert "--review TABLE" in capsys.readouterr().out
