"""What is said of pairs: on disk at once, whoever else writes there, exported, and read back by galcat."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import galcat
from galcat_app.state.pairs.changes import MARKS
from galcat_app.state.pairs.page import PairsState
from galcat_app.state.pairs.review import FILE

from galcat_core.errors import GalcatError
from galcat_core.records import Pairs, Review, Split

N = 300


@pytest.fixture
def state(own_twins: Path) -> PairsState:
    return PairsState(own_twins)


def test_what_is_said_is_on_disk_at_once_and_comes_back(state: PairsState) -> None:
    state.say(3, {"bad_match": True})
    state.say(5, {"label": "ring", "note": " a faint   ring "})
    state.say(9, {"good": True})
    kept = Review.load(state.path / FILE).table.set_index("left_id")
    ids = state.project.table
    assert kept.loc[ids["left_id"][3], "bad_match"]
    assert kept.loc[ids["left_id"][3], "right_id"] == ids["right_id"][3]
    assert kept.loc[ids["left_id"][5], "note"] == "a faint ring"
    again = PairsState(state.path)
    assert again.reviews.of(5)["label"] == "ring"
    assert again.reviews.counts == {"reviewed": 3, "flagged": 1, "relabelled": 1}
    assert "ring" in again.classes
    again.narrow({"key": "review.flagged", "how": "is", "words": ["yes"]})
    assert again.listed_rows.tolist() == [3]
    again.say(3, {"bad_match": False})
    assert again.listed_rows.tolist() == []
    assert len(Review.load(state.path / FILE)) == 2  # nothing is said of it any more


def test_good_takes_all_marks_away_but_keeps_that_it_was_looked_at(state: PairsState) -> None:
    state.say(3, {"bad_left_image": True})
    state.say(3, {"good": True})
    said = state.reviews.of(3)
    assert not any(said[name] for name in MARKS)
    assert said["reviewed_at"] is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"bad_match": "yes"},
        {"label": "x" * 65},
        {"label": 5},
        {"note": ["a"]},
        {"rm": True},
        "bad",
        None,
        {"label": "a\x00b"},
    ],
)
def test_words_that_cannot_be_said_change_nothing(state: PairsState, changes: object) -> None:
    with pytest.raises(GalcatError):
        state.say(3, changes)
    assert not (state.path / FILE).exists()


def test_two_pages_at_once_lose_nothing(own_twins: Path) -> None:
    one, two = PairsState(own_twins), PairsState(own_twins)
    one.say(1, {"bad_match": True})
    two.say(2, {"label": "spiral"})
    two.say(1, {"note": "really"})
    one.reread_review()
    assert one.reviews.of(2)["label"] == "spiral"
    assert one.reviews.of(1)["bad_match"]
    assert one.reviews.of(1)["note"] == "really"


WRITER = """
import sys
from galcat_app.state.pairs.page import PairsState
state = PairsState(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for row in range(int(sys.argv[2]), int(sys.argv[3])):
    state.say(row, {"bad_match": True})
print("done", flush=True)
sys.stdin.readline()
"""


def test_processes_that_write_together_and_one_that_is_killed_lose_nothing(own_twins: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(own_twins), str(first), str(first + 15)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for first in (0, 100)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in started:
        assert process.stdout.readline() == "done\n"
        process.send_signal(signal.SIGKILL)  # no farewell: all is on disk already
        process.wait()
        process.stdin.close()
        process.stdout.close()
    state = PairsState(own_twins)
    flagged = np.flatnonzero(state.reviews.over_all("flagged"))
    assert flagged.tolist() == [*range(15), *range(100, 115)]


def test_a_broken_review_is_told_and_never_overwritten(own_twins: Path) -> None:
    (own_twins / FILE).write_bytes(b"PAR1 half of it")
    state = PairsState(own_twins)
    assert "cannot be read" in " ".join(state.remarks)
    with pytest.raises(GalcatError, match=FILE):
        state.say(1, {"bad_match": True})
    assert (own_twins / FILE).read_bytes() == b"PAR1 half of it"
    (own_twins / FILE).unlink()
    state.reread_review()
    assert state.remarks == []


def test_a_review_of_pairs_that_are_gone_is_kept(own_twins: Path) -> None:
    state = PairsState(own_twins)
    state.say(0, {"bad_match": True})
    state.say(N - 1, {"label": "ring"})
    pairs = Pairs.load(own_twins / "pairs.parquet")
    Pairs(pairs.table.iloc[: N // 2], None, pairs.meta).save(own_twins / "pairs.parquet")
    assert state.refresh()
    assert "1 reviewed pairs are not among the pairs" in " ".join(state.remarks)
    state.say(1, {"bad_match": True})
    assert len(Review.load(own_twins / FILE)) == 3


# ---- exports --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "suffix"), [("csv", ".csv"), ("votable", ".vot"), ("parquet", ".parquet")]
)
def test_an_exported_review_is_read_by_match_and_split(
    state: PairsState, kind: str, suffix: str
) -> None:
    ids = state.project.table
    state.say(3, {"bad_match": True})
    state.say(4, {"bad_right_image": True})
    state.say(5, {"label": "ring"})
    for row in range(20, 29):
        state.say(row, {"label": "ring"})
    path = state.export("reviewed", kind, "mine")
    assert path == state.path / f"exports/mine{suffix}"
    again = Review.load(path).table.set_index("left_id")
    assert set(again.index) == set(ids["left_id"].iloc[[3, 4, 5, *range(20, 29)]])
    assert again.loc[ids["left_id"][4], "right_id"] == ids["right_id"][4]
    p = state.path
    split = ("split", p / "catalogs/sdss.parquet", p / "catalogs/des.parquet")
    assert (
        galcat(*split, "--pairs", p / "pairs.parquet", "--review", path, "-o", p / "new.parquet")
        == 0
    )
    sets = Split.load(p / "new.parquet").table.set_index("id")
    assert sets.loc[ids["left_id"][5], "label"] == sets.loc[ids["right_id"][5], "label"] == "ring"
    assert ids["right_id"][4] not in sets.index
    assert ids["left_id"][4] in sets.index
    match = ("match", p / "catalogs/sdss.parquet", p / "catalogs/des.parquet")
    assert galcat(*match, "--review", path, "-o", p / "better.parquet") == 0
    better = set(Pairs.load(p / "better.parquet").table["left_id"])
    assert set(ids["left_id"]) - better == {ids["left_id"][3]}


def test_the_list_is_exported_as_pairs(state: PairsState) -> None:
    with pytest.raises(GalcatError, match="nothing is flagged yet"):
        state.export("reviewed", "csv", "x")
    state.narrow({"key": "separation_arcsec", "how": "between", "low": None, "high": 0.1})
    state.choose_sort("separation_arcsec", True)
    path = state.export("listed", "csv", "close")
    wanted = state.project.table[state.project.table["separation_arcsec"] <= 0.1]
    again = Pairs.load(path)
    assert again.table["right_id"].tolist() == wanted["right_id"].tolist()
    assert again.meta["left_survey"] == "sdss"
    assert "galcat split --pairs" in state.remark
    for what, kind, name in (
        ("all", "csv", "x"),
        ("listed", "exe", "x"),
        ("listed", "csv", "../x"),
        ("listed", [], None),
    ):
        with pytest.raises(GalcatError):
            state.export(what, kind, name)
