"""Pairs that are selected and flagged in a real Chromium, one or many at once, and read back by galcat."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command_line import galcat
from galcat_app import serve
from galcat_app.state.pairs.page import PairsState
from galcat_app.state.pairs.review import FILE
from pairs_visits import narrow, opened, selected, ticked
from visits import Visit

from galcat_core.records import Pairs, Review, Split

pytestmark = pytest.mark.browser

N = 300


def test_pairs_are_selected_as_in_a_file_manager(visit: Visit, state: PairsState) -> None:
    page, rows = visit.page, state.listed_rows.tolist()
    cell = [page.locator(f".g-pair-cell[data-row='{row}']") for row in rows[:24]]
    cell[2].click()
    selected(visit, 0)
    cell[4].click(modifiers=["Control"])
    selected(visit, 2)
    assert ticked(visit) == [rows[2], rows[4]]
    cell[7].click(modifiers=["Shift"])
    selected(visit, 4)
    assert ticked(visit) == rows[4:8]
    page.locator(f"[data-tick='{rows[0]}']").click()
    selected(visit, 5)
    page.get_by_label("Next page").click()
    page.wait_for_selector(f".g-pair-cell[data-row='{rows[24]}']")
    selected(visit, 5)
    assert ticked(visit) == []
    page.locator(f".g-pair-cell[data-row='{rows[26]}']").click(modifiers=["Control", "Shift"])
    selected(visit, 27)  # from the pair ticked last, on the page before
    page.get_by_role("button", name="Select all 300").click()
    selected(visit, N)
    page.get_by_label("Select no pair").first.click()
    selected(visit, 0)


def test_pairs_are_selected_with_the_keyboard(visit: Visit, state: PairsState) -> None:
    page, rows = visit.page, state.listed_rows.tolist()
    page.locator(f".g-pair-cell[data-row='{rows[1]}']").click()
    for key, number in (
        ("Shift+ArrowRight", 2),
        ("Shift+ArrowDown", 4),
        ("Shift+ArrowLeft", 3),
        ("Control+ArrowRight", 3),
        ("Control+ArrowRight", 3),
        ("Space", 4),
        ("Space", 3),
        ("ArrowRight", 0),
        ("Control+a", N),
        ("Escape", 0),
    ):
        page.keyboard.press(key)
        selected(visit, number)
    page.locator(f".g-pair-cell[data-row='{rows[0]}']").click()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "Space", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)  # faster than the kernel answers
    page.wait_for_selector(f".g-pair-card[data-row='{rows[1]}']")
    selected(visit, 0)
    for key in ("Space", *["Control+ArrowRight"] * 3, "Space"):
        page.keyboard.press(key)
    selected(visit, 2)
    assert ticked(visit) == [rows[1], rows[4]]
    page.keyboard.press("Escape")
    page.locator(".g-pairs-list [data-key=table]").check()
    page.locator(f".g-thumbs[data-row='{rows[3]}']").click()
    page.locator(f"tr[data-row='{rows[5]}'] td").first.click(modifiers=["Shift"])
    selected(visit, 3)
    narrow(visit, "separation_arcsec", "0.2", "9")
    selected(visit, 0)  # what is not in the list is not selected
    count = int((state.known.numbers("separation_arcsec") >= 0.2).sum())
    page.get_by_label(f"Select all {count} pairs").check()
    selected(visit, count)
    page.locator(".g-selected-bar summary").click()
    assert visit.barriers() == []
    page.locator(".g-selected-bar summary").click()
    page.keyboard.press("Escape")


def test_flags_and_labels_outlive_the_page_and_are_read_back(
    chromium: Any, twins: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(twins, tmp_path / "own"))
    state = PairsState(folder)
    rows = state.listed_rows
    with serve(folder, port=0, say=lambda _: None) as server:
        visit, other = opened(chromium, server), None
        page = visit.page
        page.keyboard.press("x")
        page.wait_for_selector("[data-say=bad_match][aria-pressed=true]")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(f".g-pair-card[data-row='{rows[1]}']")
        page.get_by_label("Another label", exact=True).fill("ring")
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-label=ring][aria-pressed=true]")
        page.get_by_role("button", name="Next pair").click()
        page.wait_for_selector(f".g-pair-card[data-row='{rows[2]}']")
        page.get_by_role("button", name="Bad DES image").click()
        page.wait_for_selector("[data-say=bad_right_image][aria-pressed=true]")
        page.get_by_role("textbox", name="Note").fill("a trail")
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-saved='a trail']")
        page.wait_for_selector(".g-counts:has-text('2 flagged')")
        page.wait_for_function("document.querySelectorAll('.g-mark-bad').length === 2")
        page.reload()
        page.wait_for_selector(f".g-pair-cell[data-row='{rows[0]}'] .g-mark-bad")
        page.wait_for_selector("[data-say=bad_match][aria-pressed=true]")
        assert "ring" in page.locator(f".g-pair-cell[data-row='{rows[1]}']").inner_text()
        other = opened(chromium, server)  # a second page at the same time
        other.page.keyboard.press("End")
        other.page.wait_for_selector(f".g-pair-card[data-row='{rows[-1]}']")
        other.page.keyboard.press("g")
        other.page.wait_for_selector(".g-counts:has-text('4 reviewed')")
        page.get_by_text("Export", exact=True).click()
        page.get_by_label("File name in exports/").fill("seen")
        page.get_by_role("button", name="CSV").click()
        page.wait_for_selector(".g-said.g-shown:has-text('exports/seen.csv')")
        assert visit.errors == other.errors == []
        visit.context.close()
        other.context.close()
    assert len(Review.load(folder / FILE)) == 4
    _read_back(folder, state.project.table.iloc[rows[[0, 1, 2]]])


def test_all_selected_pairs_are_flagged_at_once_and_it_is_taken_back(
    chromium: Any, twins: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(twins, tmp_path / "own"))
    rows = PairsState(folder).listed_rows
    with serve(folder, port=0, say=lambda _: None) as server:
        visit = opened(chromium, server)
        page = visit.page
        page.locator(f".g-pair-cell[data-row='{rows[2]}']").click(modifiers=["Shift"])
        selected(visit, 3)
        page.keyboard.press("x")
        page.wait_for_selector("[data-all=bad_match][aria-pressed=true]")
        page.wait_for_selector(".g-counts:has-text('3 flagged')")
        page.keyboard.press("Control+a")
        selected(visit, N)
        page.wait_for_selector("[data-all=bad_match][aria-pressed=mixed]:has-text('3')")
        page.locator("[data-all=bad_right_image]").click()
        page.wait_for_selector("[data-all=bad_right_image][aria-pressed=true]:has-text('300')")
        page.locator(".g-selected-bar summary").click()
        page.get_by_label("Another label for the selected pairs").fill("ring")
        page.keyboard.press("Enter")
        page.wait_for_selector(
            ".g-said:has-text('Label ring: 297 pairs; bad matches take no label')"
        )
        page.keyboard.press("Control+z")
        page.wait_for_selector(".g-said:has-text('Undone: Label ring: 297 pairs')")
        page.keyboard.press("Control+Shift+z")
        page.wait_for_selector(".g-said:has-text('Done again: Label ring: 297 pairs')")
        page.keyboard.press("Control+z")
        page.wait_for_selector(".g-said:has-text('Undone: Label ring: 297 pairs')")
        page.get_by_role("button", name="Redo").click()
        page.wait_for_selector(".g-said:has-text('Done again: Label ring: 297 pairs')")
        assert page.get_by_role("button", name="Redo").is_disabled()
        page.get_by_role("button", name="Undo").click()
        page.wait_for_selector(".g-said:has-text('Undone: Label ring: 297 pairs')")
        page.get_by_role("button", name="Undo").click()
        page.wait_for_selector("[data-all=bad_right_image][aria-pressed=false]")
        page.wait_for_selector(".g-counts:has-text('3 flagged')")
        selected(visit, N)
        page.keyboard.press("Escape")
        narrow(visit, "separation_arcsec", "0.4", "9")
        page.wait_for_selector(".g-chip")
        page.keyboard.press("Control+a")
        page.keyboard.press("s")
        page.wait_for_selector(".g-said:has-text('Label spiral')")
        assert visit.errors == []
        visit.context.close()
    kept = Review.load(folder / FILE).table
    pairs = PairsState(folder).project.table
    assert set(kept.loc[kept["bad_match"], "left_id"]) == set(pairs["left_id"].iloc[rows[:3]])
    far = set(pairs.loc[pairs["separation_arcsec"] >= 0.4, "left_id"])
    assert set(kept.loc[kept["label"] == "spiral", "left_id"]) == far
    args = ("match", folder / "catalogs/sdss.parquet", folder / "catalogs/des.parquet")
    assert galcat(*args, "--review", folder / FILE, "-o", folder / "better.parquet") == 0
    left = set(Pairs.load(folder / "better.parquet").table["left_id"])
    assert set(pairs["left_id"]) - left == set(pairs["left_id"].iloc[rows[:3]])


def _read_back(folder: Path, pairs: pd.DataFrame) -> None:
    """galcat's own verbs read the exported table, with exact ids."""
    (bad, ring, blurred), seen = pairs.to_dict("records"), folder / "exports/seen.csv"
    table = Review.load(seen).table.set_index("left_id")
    assert table.loc[bad["left_id"], "bad_match"]
    assert table.loc[ring["left_id"], "label"] == "ring"
    assert table.loc[blurred["left_id"], ["right_id", "note"]].tolist() == [
        blurred["right_id"],
        "a trail",
    ]
    catalogs = [folder / f"catalogs/{survey}.parquet" for survey in ("sdss", "des")]
    assert galcat("match", *catalogs, "--review", seen, "-o", folder / "better.parquet") == 0
    assert bad["left_id"] not in set(Pairs.load(folder / "better.parquet").table["left_id"])
    # one ring alone cannot be split: the label is given to more of them by hand
    more = Review.load(seen)
    others = Pairs.load(folder / "better.parquet").table.iloc[20:30][["left_id", "right_id"]]
    others = others.assign(
        left_survey="sdss", right_survey="des", label="ring", **dict.fromkeys(Review.MARKS, False)
    )
    both = pd.concat([more.table, others[~others["left_id"].isin(more.table["left_id"])]])
    Review(both).save(folder / "more.csv")
    args = (
        "split",
        *catalogs,
        "--pairs",
        folder / "pairs.parquet",
        "--review",
        folder / "more.csv",
    )
    assert galcat(*args, "-o", folder / "new.parquet") == 0
    sets = Split.load(folder / "new.parquet").table.set_index("id")
    assert sets.loc[[ring["left_id"], ring["right_id"]], "label"].tolist() == ["ring", "ring"]
    assert blurred["right_id"] not in sets.index
    assert blurred["left_id"] in sets.index
