"""Pairs of the list that are selected, without a browser: by clicks, ranges and keys; what is said of all of them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from galcat_app.state.pairs.page import PairsState
from galcat_app.state.pairs.review import FILE
from galcat_app.view.pairs import PairsPage
from synthetic_pairs import make_pairs_project

from galcat_core.errors import GalcatError
from galcat_core.records import Pairs, Review

N = 300
FAR = {"key": "separation_arcsec", "how": "between", "low": 0.3, "high": None}


@pytest.fixture
def state(own_twins: Path) -> PairsState:
    return PairsState(own_twins)


def rows(state: PairsState, *places: int) -> list[int]:
    """Rows of the pairs at some places of the list, sorted."""
    return sorted(state.listed_rows[[*places]].tolist())


def click(state: PairsState, place: int, how: str = "alone") -> None:
    state.select(int(state.listed_rows[place]), how)


# ---- selecting ------------------------------------------------------------------------------------


def test_clicks_select_as_in_a_file_manager(state: PairsState) -> None:
    click(state, 3)
    assert len(state.selected) == 0
    click(state, 5, "toggle")  # together with the one clicked before
    assert state.selected.tolist() == rows(state, 3, 5)
    click(state, 3, "toggle")
    assert state.selected.tolist() == rows(state, 5)
    click(state, 9, "range")  # from the one chosen last
    assert state.selected.tolist() == rows(state, *range(3, 10))
    click(state, 1, "range")
    assert state.selected.tolist() == rows(state, 1, 2, 3)
    click(state, 20, "toggle")
    click(state, 22, "add range")
    assert state.selected.tolist() == rows(state, 1, 2, 3, 20, 21, 22)
    click(state, 21)  # looks at a selected one
    assert len(state.selected) == 6
    assert state.focus == state.listed_rows[21]
    click(state, 7)
    assert len(state.selected) == 0


def test_the_pair_that_is_looked_at_is_ticked_wherever_it_is(state: PairsState) -> None:
    state.step(3)
    state.tick()
    assert state.selected.tolist() == rows(state, 3)
    state.step(2, keep=True)
    state.tick()
    assert state.selected.tolist() == rows(state, 3, 5)
    state.tick()
    assert state.selected.tolist() == rows(state, 3)


def test_a_tick_is_for_one_pair_and_the_first_click_takes_no_other_with_it(
    state: PairsState,
) -> None:
    click(state, 5, "toggle")  # nothing was clicked yet: the pair that is looked at stays out
    assert state.selected.tolist() == rows(state, 5)
    state.select_none()
    click(state, 8)
    click(state, 10, "tick")
    assert state.selected.tolist() == rows(state, 10)


def test_a_selection_outlives_pages_and_order_but_not_the_list(state: PairsState) -> None:
    click(state, 2)
    click(state, 100, "range")
    before = state.selected
    assert len(before) == 99
    state.turn_to(3)
    state.choose_sort("left_id", True)
    assert np.array_equal(state.selected, before)
    state.narrow(FAR)
    away = state.known.numbers("separation_arcsec")
    assert np.array_equal(state.selected, before[away[before] >= 0.3])
    state.clear()
    assert np.array_equal(state.selected, before[away[before] >= 0.3])  # it does not come back
    with pytest.raises(GalcatError, match="no longer in the list"):
        state.narrow(FAR)
        state.select(int(np.flatnonzero(away < 0.3)[0]), "toggle")


def test_keys_extend_the_selection_and_a_step_drops_it(state: PairsState) -> None:
    click(state, 10)
    state.extend(3)
    assert state.selected.tolist() == rows(state, *range(10, 14))
    state.extend(-5)
    assert state.selected.tolist() == rows(state, 8, 9, 10)
    state.step(1, keep=True)
    assert len(state.selected) == 3
    state.extend(-99)
    assert state.selected.tolist() == rows(state, *range(11))
    state.step(1)
    assert len(state.selected) == 0
    state.select_all()
    assert state.selected.tolist() == [*range(N)]


# ---- saying ---------------------------------------------------------------------------------------


def test_all_are_flagged_at_once_counted_and_taken_back_at_once(state: PairsState) -> None:
    state.say(7, {"label": "ring", "note": "mine"})
    state.say(8, {"bad_match": True})
    first = Review.load(state.path / FILE).table
    state.narrow(FAR)
    state.select_all()
    many = len(state.selected)
    state.clear()
    state.select(8, "tick")
    assert state.said_of(state.selected)["bad_match"] == 1
    state.say_all({"bad_match": True})
    assert state.remark == f"Bad match: {many:,} pairs; 1 was so before"
    assert state.said_of(state.selected)["bad_match"] == many + 1
    kept = Review.load(state.path / FILE).table
    ids = state.project.table["left_id"]
    assert set(kept.loc[kept["bad_match"], "left_id"]) == set(ids.iloc[state.selected])
    assert PairsState(state.path).reviews.counts["flagged"] == many + 1
    state.select_none()
    state.undo()
    assert len(state.selected) == many + 1  # what was selected then
    assert Review.load(state.path / FILE).table.equals(first)
    state.undo()
    state.undo()
    assert len(Review.load(state.path / FILE).table) == 0
    assert state.undoable == ""
    with pytest.raises(GalcatError, match="nothing to undo"):
        state.undo()


def test_what_was_taken_back_is_said_again_until_something_else_is(state: PairsState) -> None:
    state.say(3, {"bad_right_image": True, "note": "a star"})
    for row in (3, 4, 5):
        state.select(row, "tick")
    state.say_all({"label": "ring", "bad_right_image": False})
    last = Review.load(state.path / FILE).table
    state.undo()
    state.undo()
    assert (state.undoable, state.reviews.counts["reviewed"]) == ("", 0)
    state.select_none()
    state.redo()
    assert state.redoable == "Label ring: 3 pairs"
    assert (state.focus, state.reviews.of(3)["note"], len(state.selected)) == (3, "a star", 0)
    state.redo()
    assert state.remark == "Done again: Label ring: 3 pairs"
    assert Review.load(state.path / FILE).table.equals(last)
    assert state.selected.tolist() == [3, 4, 5]
    assert (state.undoable, state.redoable) == ("Label ring: 3 pairs", "")
    state.undo()
    PairsState(state.path).say(4, {"note": "elsewhere"})
    state.redo()
    assert state.remark == "Done again: Label ring: 3 pairs; 1 pair changed elsewhere since stays"
    assert (state.reviews.of(4)["label"], state.reviews.of(5)["label"]) == (None, "ring")
    state.undo()
    state.say(9, {"bad_match": True})  # from here on
    assert state.redoable == ""
    with pytest.raises(GalcatError, match="nothing to redo"):
        state.redo()


def test_labels_are_given_to_all_but_bad_matches_and_clearing_forgets_all(
    state: PairsState,
) -> None:
    state.say(3, {"bad_match": True})
    state.say(4, {"note": "a trail"})
    for row in range(1, 6):
        state.select(row, "tick")
    state.say_all({"label": "ring"})
    assert state.remark == "Label ring: 4 pairs; bad matches take no label: 1 pair"
    assert state.said_of(state.selected)["labels"] == {"ring": 4}
    assert state.reviews.of(4)["note"] == "a trail"
    state.say_all({"good": True})
    assert state.reviews.counts == {"reviewed": 5, "flagged": 0, "relabelled": 4}
    state.say_all({"clear": True})
    assert state.reviews.counts == {"reviewed": 0, "flagged": 0, "relabelled": 0}
    state.undo()
    assert state.reviews.of(4)["note"] == "a trail"
    state.undo()
    assert state.reviews.of(3)["bad_match"]


def test_a_key_is_said_of_all_selected_pairs_or_of_the_one_looked_at(state: PairsState) -> None:
    page = PairsPage(state.path)
    keys = page.card.receive
    state = page.state
    page.list.receive({"kind": "step", "by": 3})
    keys({"kind": "press", "name": "bad_match"})  # of the pair that the key before went to
    assert state.reviews.of(int(state.listed_rows[3]))["bad_match"]
    keys({"kind": "press", "name": "label", "label": "spiral"})
    assert "takes no label" in page.header.said["text"]
    page.list.receive({"kind": "select all"})
    keys({"kind": "press", "name": "bad_match"})  # one has it: now all
    assert state.reviews.counts["flagged"] == N
    keys({"kind": "press", "name": "bad_match"})  # all have it: now none
    assert state.reviews.counts["flagged"] == 0
    keys({"kind": "press", "name": "label", "label": "spiral"})
    assert state.reviews.counts["relabelled"] == N
    keys({"kind": "press", "name": "label", "label": "spiral"})
    keys({"kind": "press", "name": "good"})
    assert state.said_of(state.selected)["good"] == N
    keys({"kind": "press", "name": "good"})
    assert state.reviews.counts["reviewed"] == 0
    for name in ("note", None, [], {}):
        keys({"kind": "press", "name": name, "label": 3})
    assert "did not work" not in page.header.said["text"]
    assert state.reviews.counts["reviewed"] == 0


def test_good_is_counted_apart_from_flags_and_labels(state: PairsState) -> None:
    state.say(1, {"good": True})
    state.say(2, {"label": "ring"})
    state.say(3, {"bad_left_image": True})
    state.select_all()
    told = state.said_of(state.selected)
    assert (told["reviewed"], told["good"], told["bad_left_image"]) == (3, 1, 1)


def test_what_another_page_said_since_is_not_taken_back(state: PairsState) -> None:
    other = PairsState(state.path)
    for row in (1, 2, 3):
        state.select(row, "tick")
    state.say_all({"bad_match": True})
    other.reread_review()
    other.say(2, {"label": "ring", "bad_match": False})
    state.undo()
    assert state.remark == "Undone: Bad match: 3 pairs; 1 pair changed elsewhere since stays"
    assert state.reviews.of(2)["label"] == "ring"
    assert state.reviews.counts == {"reviewed": 1, "flagged": 0, "relabelled": 1}


def test_pairs_that_leave_the_list_leave_the_selection_and_come_back(state: PairsState) -> None:
    state.narrow({"key": "review.flagged", "how": "is", "words": ["no"]})
    for row in (1, 2, 3):
        state.select(row, "tick")
    state.say_all({"bad_match": True})
    assert len(state.listed_rows) == N - 3
    assert len(state.selected) == 0
    state.undo()
    assert state.selected.tolist() == [1, 2, 3]


def test_what_makes_no_sense_changes_nothing(state: PairsState) -> None:
    with pytest.raises(GalcatError, match="no pair is selected"):
        state.say_all({"bad_match": True})
    state.select_all()
    for changes in ({}, None, "x", {"bad_match": 1}, {"rm": True}, {"clear": "yes"}, {"label": 5}):
        with pytest.raises(GalcatError):
            state.say_all(changes)
    for row, how in ((1, "rm"), (1, None), (1, []), (N, "tick"), ("1", "tick"), (True, "range")):
        with pytest.raises(GalcatError):
            state.select(row, how)
    for by in (None, 0.5, True):
        with pytest.raises(GalcatError):
            state.extend(by)
    assert not (state.path / FILE).exists()
    assert state.undoable == ""
    (state.path / FILE).write_bytes(b"PAR1 half of it")
    with pytest.raises(GalcatError, match=FILE):
        state.say_all({"bad_match": True})
    assert (state.path / FILE).read_bytes() == b"PAR1 half of it"


def test_another_project_begins_without_a_selection(state: PairsState) -> None:
    state.select_all()
    state.say_all({"bad_match": True})
    (state.path / "galaxy_zoo.csv.gz").unlink()
    assert state.refresh()
    assert len(state.selected) == 0
    assert state.undoable == ""
    assert state.reviews.counts["flagged"] == N


def test_the_selected_pairs_are_exported_as_pairs(state: PairsState) -> None:
    with pytest.raises(GalcatError, match="no pair is selected"):
        state.export("selected", "csv", "some")
    for row in (9, 4, 200):
        state.select(row, "tick")
    path = state.export("selected", "parquet", "some")
    wanted = state.project.table["left_id"].iloc[[4, 9, 200]]
    assert Pairs.load(path).table["left_id"].tolist() == wanted.tolist()
    assert state.remark.startswith("3 pairs written to exports/some.parquet")


# ---- sent to the browser --------------------------------------------------------------------------


def test_a_page_is_told_its_own_selected_pairs_and_the_count_of_all(state: PairsState) -> None:
    page = PairsPage(state.path)
    sent: list[str] = []
    page.list.observe(lambda change: sent.append(change["name"]), ["pictures", "content"])
    page.list.receive({"kind": "select all"})
    told = page.list.selected
    assert told["count"] == page.card.selected == N
    assert told["here"] == page.state.page_rows().tolist()
    assert sent == []  # ticks alone
    page.list.receive({"kind": "say all", "changes": {"bad_match": True}})
    assert "pictures" not in sent
    assert page.list.selected["said"]["bad_match"] == N
    assert page.list.selected["undo"] == "Bad match: 300 pairs"
    assert page.header.said["text"] == "Bad match: 300 pairs"
    page.list.receive({"kind": "undo"})
    assert page.list.selected["undo"] == ""


def test_twelve_thousand_pairs_are_flagged_exactly_and_at_once(tmp_path: Path) -> None:
    state = PairsState(make_pairs_project(tmp_path / "many", 12_000, pictures=False))
    state.narrow({"key": "separation_arcsec", "how": "between", "low": 0.05, "high": None})
    state.select_all()
    wanted = np.flatnonzero(state.known.numbers("separation_arcsec") >= 0.05)
    assert 10_000 < len(wanted) < 12_000
    begin = time.process_time()
    state.say_all({"bad_match": True})
    spent = time.process_time() - begin
    assert np.array_equal(np.flatnonzero(state.reviews.over_all("bad_match")), wanted)
    assert len(Review.load(state.path / FILE)) == len(wanted)
    assert state.said_of(state.selected)["bad_match"] == len(wanted)
    assert spent < 0.3
