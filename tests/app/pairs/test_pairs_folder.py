"""The Pairs page of folders in every state: without pairs, half written, broken, with one pair alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from galcat_app.state.folder import Notice
from galcat_app.state.pairs.matches import open_matches
from galcat_app.state.pairs.page import PairsState
from galcat_app.view import pairs_card, pairs_contents, pairs_where
from galcat_app.view.pairs import PairsPage

from galcat_core.records import Pairs

N = 300


@pytest.fixture
def state(own_twins: Path) -> PairsState:
    return PairsState(own_twins)


def test_a_folder_without_pairs_says_what_to_do(tmp_path: Path) -> None:
    assert "galcat demo" in _commands(open_matches(tmp_path / "nowhere"))
    assert "galcat demo" in _commands(open_matches(tmp_path))
    (tmp_path / "catalogs").mkdir()
    assert "galcat match" in _commands(open_matches(tmp_path))


def _commands(notice: object) -> str:
    assert isinstance(notice, Notice)
    return " | ".join(command for command, _ in notice.commands)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_half_written_pairs_are_a_message(own_twins: Path, kept: float) -> None:
    file = own_twins / "pairs.parquet"
    file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)])
    state = PairsState(own_twins)
    assert state.notice.kind == "broken"
    assert "pairs.parquet" in state.notice.detail


def test_pairs_alone_are_shown(own_twins: Path) -> None:
    for name in ("catalogs", "cutouts", "predictions"):
        shutil.rmtree(own_twins / name)
    (own_twins / "split.parquet").unlink()
    (own_twins / "galaxy_zoo.csv.gz").unlink()
    state = PairsState(own_twins)
    assert state.size == N
    told = " ".join(state.remarks)
    assert "galcat cutouts" in told
    assert "galcat select" in told
    assert pairs_card.card_content(state)["links"] == []
    assert pairs_where.sky_content(state)["placed"] == 0
    state.say(0, {"bad_match": True})
    assert pairs_contents.list_content(state)["cells"][0]["separation"].endswith("″")
    assert (
        pairs_contents.list_pictures(state)[str(state.focus)]["left"]["why"]
        == "no pictures in this project"
    )


@pytest.mark.parametrize(
    "file",
    [
        "catalogs/des.parquet",
        "split.parquet",
        "predictions/des_by_sdss.parquet",
        "galaxy_zoo.csv.gz",
        "cutouts/des/index.parquet",
    ],
)
def test_one_broken_table_is_a_remark_and_the_rest_is_shown(own_twins: Path, file: str) -> None:
    (own_twins / file).write_bytes(b"not a table at all")
    state = PairsState(own_twins)
    assert state.size == N
    assert sum(("left out" in remark) or ("No pictures" in remark) for remark in state.remarks) >= 1
    pairs_card.card_content(state)
    pairs_contents.list_content(state)


def test_a_missing_shard_is_told_at_its_pictures(own_twins: Path) -> None:
    for shard in (own_twins / "cutouts/des").glob("shard-*.npy"):
        shard.unlink()
    state = PairsState(own_twins)
    shown, _ = state.pictures.of(0)
    assert shown["right"].why == "its file is missing or damaged"
    assert shown["left"].data is not None


def test_no_pair_at_all_and_one_alone(own_twins: Path) -> None:
    pairs = Pairs.load(own_twins / "pairs.parquet")
    for number in (1, 0):
        Pairs(pairs.table.iloc[:number], None, pairs.meta).save(own_twins / "pairs.parquet")
        page = PairsPage(own_twins)
        assert page.state.size == number
        assert page.list.content["count"] == number
        assert page.card.content["row"] == (0 if number else -1)


def test_a_page_of_names_instead_of_numbers(tmp_path: Path) -> None:
    ids = [f"galaxy {k}" for k in range(9)]
    rows = pd.DataFrame({"left_id": ids, "right_id": [f"J{k}" for k in range(9)]})
    rows = rows.assign(separation_arcsec=0.5, ambiguous=False)
    Pairs(rows, None, {"left_survey": "mine", "right_survey": "yours"}).save(
        tmp_path / "pairs.parquet"
    )
    state = PairsState(tmp_path)
    state.find("galaxy 7")
    assert state.focus == 7
    state.say(7, {"bad_match": True})
    again = PairsState(tmp_path)
    assert again.reviews.of(7)["bad_match"]
    again.narrow({"key": "right_id", "how": "has", "text": "j7"})
    assert again.listed_rows.tolist() == [7]
