"""The Pairs page in a real Chromium before a real Voila: pictures, order, filters, sky, keys, flags, export."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import galcat
from galcat_app import Server, serve
from galcat_app.state.pairs import PairsState
from galcat_app.state.pairs_review import FILE
from matplotlib.path import Path as Outline
from PIL import Image
from synthetic_projects import is_picture_of
from visits import Visit

from galcat_core.images.store import CutoutStore
from galcat_core.records import Pairs, Review, Split

pytestmark = pytest.mark.browser

N = 300


@pytest.fixture(scope="module")
def pairs_server(twins: Path) -> Iterator[Server]:
    with serve(twins, port=0, say=lambda _: None) as running:
        yield running


def opened(chromium: Any, server: Server) -> Visit:
    visit = Visit(chromium, f"{server.url}pairs", reduced_motion="reduce")
    visit.page.wait_for_selector(".g-pair-cell img")
    visit.page.wait_for_selector(".g-pair-figures img")
    visit.page.wait_for_selector(".g-pair-sky .g-stage[data-view]")
    return visit


@pytest.fixture(scope="module")
def pairs_tab(chromium: Any, pairs_server: Server) -> Iterator[Visit]:
    visit = opened(chromium, pairs_server)
    yield visit
    visit.context.close()


@pytest.fixture
def visit(pairs_tab: Visit, twins: Path) -> Iterator[Visit]:
    """The one tab that most tests share, as it was when it opened."""
    yield pairs_tab
    page = pairs_tab.page
    errors, pairs_tab.errors = pairs_tab.errors, []
    page.evaluate("document.querySelectorAll('details[open]').forEach((d) => { d.open = false; })")
    page.locator(".g-pair-sky [data-key=pan]").check()
    page.locator(".g-pairs-list [data-key=pictures]").check()
    page.get_by_label("Sort by").select_option("separation_arcsec")
    for off in reversed(page.locator(".g-chip-off").all()):
        off.click()
    page.wait_for_selector(f".g-pairs-list .g-count:text-is('{N}')")
    page.locator(".g-pairs-list .g-body").press("Home")  # selects nothing, too
    page.wait_for_selector(f".g-pair-card .g-count:text-is('1 of {N}')")
    page.wait_for_selector(".g-selected-bar", state="hidden")
    assert errors == []


@pytest.fixture(scope="module")
def state(twins: Path) -> PairsState:
    return PairsState(twins)


def listed(visit: Visit) -> list[str]:
    """SDSS ids of the whole list, page by page."""
    page, found = visit.page, []
    page.locator(".g-pairs-list .g-body").press("Home")
    page.wait_for_selector("button[aria-label='Previous page']:disabled")
    while True:
        ids = page.locator(".g-pair-cell").evaluate_all(
            "(all) => all.map((cell) => cell.dataset.id)"
        )
        found += ids
        if page.get_by_label("Next page").is_disabled():
            return found
        page.get_by_label("Next page").click()
        page.wait_for_function(
            "(id) => document.querySelector('.g-pair-cell')?.dataset.id !== id", arg=ids[0]
        )


def narrow(visit: Visit, column: str, low: str = "", high: str = "") -> None:
    page = visit.page
    page.locator(".g-filter > summary").click()
    page.get_by_label("Column", exact=True).select_option(column)
    form = page.locator(".g-filter form")
    form.get_by_label("From").wait_for()
    form.get_by_label("From").fill(low)
    form.get_by_label("To").fill(high)
    form.get_by_role("button", name="Apply").click()


def test_the_page_loads_from_this_host_alone_and_links_leave_it_alone(
    visit: Visit, pairs_server: Server, state: PairsState
) -> None:
    page = visit.page
    assert {host for host in visit.hosts if host} == {f"localhost:{pairs_server.port}"}
    assert page.title() == "Pairs · twins · galcat"
    assert page.locator(".g-counts").inner_text().split()[:2] == [str(N), "pairs"]
    assert page.locator(".g-skeleton").count() == 0
    assert page.locator("img:not([alt])").count() == 0
    links = page.locator(".g-links a")
    assert links.count() == 3
    ra = state.positions["left"][state.listed_rows[0]][0]
    for link in links.all():
        assert f"{ra:.6f}" in link.get_attribute("href")
        assert link.get_attribute("rel") == "noopener noreferrer"
        assert link.get_attribute("target") == "_blank"


def test_the_right_pictures_stand_beside_each_other_at_one_scale(
    visit: Visit, twins: Path, state: PairsState
) -> None:
    page = visit.page
    stores = {
        "left": CutoutStore.open(twins / "cutouts/sdss"),
        "right": CutoutStore.open(twins / "cutouts/des"),
    }
    row = next(
        int(row)
        for row in state.listed_rows[1:24]
        if all(one.data for one in state.pictures.of(row)[0].values())
    )
    page.locator(f".g-pair-cell[data-row='{row}']").click()
    page.wait_for_selector(f".g-pair-figures[data-row='{row}'] img")
    for n, (side, store) in enumerate(stores.items(), 1):
        identity = int(state.project.ids(side)[row])
        figure = f".g-pair-figures .g-pair-frame:nth-child({n}) img"
        stored = store.images(store.rows_of([identity]))[0]
        assert np.array_equal(visit.image(figure), stored)  # every pixel, as it is stored
        small = f".g-pair-cell[data-row='{row}'] .g-pair-frame:nth-child({n}) img"
        assert is_picture_of(visit.image(small), store, identity)
    wide = [
        page.locator(f".g-pair-figures .g-pair-frame:nth-child({n}) img").bounding_box()["width"]
        for n in (1, 2)
    ]
    assert wide[0] / wide[1] == pytest.approx(16 / 24, rel=0.02)
    bars = page.locator(".g-pair-figures .g-scale")
    boxes = [bars.nth(n).bounding_box()["width"] for n in (0, 1)]
    assert bars.first.inner_text() == "5″"
    assert boxes[0] == pytest.approx(boxes[1], abs=0.6) == pytest.approx(wide[1] * 5 / 24, rel=0.03)


def test_sort_and_filter_by_any_column(visit: Visit, state: PairsState) -> None:
    page = visit.page
    key = "left.catalog.catalogue.modelMag_r"
    narrow(visit, key, "16.5", "17.25")
    page.wait_for_selector(".g-chip:has-text('modelMag_r')")
    page.get_by_label("Sort by").select_option(key)
    page.get_by_label("Smallest first; sort the other way").click()
    page.wait_for_selector("[aria-label='Largest first; sort the other way']")
    mag = state.known.numbers(key)
    rows = np.flatnonzero((mag >= 16.5) & (mag <= 17.25))
    wanted = rows[np.argsort(-mag[rows], kind="stable")]
    page.wait_for_selector(f".g-pairs-list .g-count:text-is('{len(wanted)} of {N}')")
    assert listed(visit) == [str(state.project.ids("left")[row]) for row in wanted]
    page.locator(".g-pairs-list [data-key=table]").check()
    head = page.locator("th[aria-sort=descending]")
    assert "modelMag_r" in head.inner_text()
    head.locator("button").click()
    page.wait_for_selector("th[aria-sort=ascending]:has-text('modelMag_r')")
    page.locator(".g-pairs-list [data-key=pictures]").check()


def test_a_range_that_makes_no_sense_is_one_line(visit: Visit) -> None:
    narrow(visit, "separation_arcsec", "2", "1")
    visit.page.wait_for_selector(".g-said.g-error.g-shown")
    assert "the smaller number first" in visit.page.locator(".g-said").inner_text()


def test_a_lasso_on_the_sky_lists_exactly_what_it_encloses(visit: Visit, state: PairsState) -> None:
    page, stage = visit.page, visit.box
    visit.page.locator(".g-pair-sky [data-key=lasso]").check()
    turn = np.linspace(0, 2 * np.pi, 31)[:-1]
    centre = np.array([stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2])
    path = np.round(
        centre + (70 + 20 * np.sin(3 * turn))[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    )
    inside = np.flatnonzero(Outline(path).contains_points(visit.screen(state.sky.places)))
    assert 10 < len(inside) < N - 10
    visit.drag(path)
    page.wait_for_selector(f".g-pairs-list .g-count:text-is('{len(inside)} of {N}')")
    wanted = inside[np.argsort(state.known.numbers("separation_arcsec")[inside], kind="stable")]
    assert listed(visit) == [str(state.project.ids("left")[row]) for row in wanted]
    assert page.locator(".g-histogram-plot").get_attribute("data-listed") == str(len(inside))
    page.locator(".g-pair-sky .g-stage").press("Escape")
    page.wait_for_selector(f".g-pairs-list .g-count:text-is('{N}')")


def test_a_pair_is_looked_at_by_a_click_on_the_sky(visit: Visit, state: PairsState) -> None:
    places = state.sky.places
    away = np.linalg.norm(places[:, None] - places[None], axis=2) + 9 * np.eye(N)
    row = int(away.min(axis=1).argmax())  # the loneliest
    ((x, y),) = visit.screen(places[[row]])
    visit.page.mouse.click(x, y)
    visit.page.wait_for_selector(f".g-pair-card[data-row='{row}']")
    visit.page.wait_for_selector(f".g-pair-cell.g-current[data-row='{row}']")


def test_what_is_pointed_at_on_the_sky_shows_both_its_pictures(
    visit: Visit, twins: Path, state: PairsState
) -> None:
    page, places = visit.page, state.sky.places
    away = np.linalg.norm(places[:, None] - places[None], axis=2) + 9 * np.eye(N)
    row = int(away.min(axis=1)[: N - 6].argmax())
    ((x, y),) = visit.screen(places[[row]])
    page.mouse.move(x, y)
    tip = f".g-tip[data-row='{row}'][data-state=whole]"
    page.wait_for_selector(tip)
    for n, (side, survey) in enumerate((("left", "sdss"), ("right", "des")), 1):
        shown = visit.image(f"{tip} figure:nth-of-type({n}) img")
        store = CutoutStore.open(twins / f"cutouts/{survey}")
        assert is_picture_of(shown, store, int(state.project.ids(side)[row]))
    wide = [page.locator(f"{tip} img").nth(n).bounding_box()["width"] for n in (0, 1)]
    assert wide[0] / wide[1] == pytest.approx(16 / 24, rel=0.02)
    told = page.locator(tip).inner_text()
    assert f"{state.project.table['separation_arcsec'][row]:.3f}″" in told
    assert str(state.known.series("label")[row]) in told
    page.mouse.move(2, 2)
    page.wait_for_selector(".g-tip", state="hidden")


def test_keys_point_on_the_sky_as_the_pointer_does(visit: Visit, state: PairsState) -> None:
    page, places, focus = visit.page, state.sky.places, int(state.listed_rows[0])
    stage = page.locator(".g-pair-sky .g-stage")
    stage.press("Shift+ArrowRight")  # it begins with the pair that is looked at
    page.wait_for_selector(f".g-tip[data-row='{focus}']:visible")
    offset = places - places[focus]
    ahead = (offset[:, 0] > 0) & (np.abs(offset[:, 1]) <= offset[:, 0])
    row = int(np.flatnonzero(ahead)[np.hypot(*offset[ahead].T).argmin()])
    stage.press("Shift+ArrowRight")
    page.wait_for_selector(f".g-tip[data-row='{row}'][data-state=whole]")
    told = page.locator(".g-pair-sky [role=status]").inner_text()
    assert f"{state.project.table['separation_arcsec'][row]:.3f} arcseconds" in told
    stage.press("Enter")
    page.wait_for_selector(f".g-pair-card[data-row='{row}']")
    stage.press("Escape")
    page.wait_for_selector(".g-tip", state="hidden")


def test_a_bar_of_the_histogram_shows_one_of_its_pairs(visit: Visit, state: PairsState) -> None:
    page, plot = visit.page, visit.page.locator(".g-histogram-plot")
    edges, _, listed = state.histogram()
    bar, box = int(listed.argmax()), plot.bounding_box()
    row = int(state.examples()[bar])
    page.mouse.move(box["x"] + (bar + 0.5) / len(listed) * box["width"], box["y"] + 20)
    tip = f".g-histogram .g-tip[data-row='{row}'][data-state=whole]"
    page.wait_for_selector(f"{tip}:visible")
    assert f"{listed[bar]} pairs" in page.locator(tip).inner_text()
    assert edges[bar] <= state.project.table["separation_arcsec"][row] <= edges[bar + 1]
    page.mouse.move(2, 2)
    page.wait_for_selector(".g-histogram .g-tip", state="hidden")
    plot.press("ArrowRight")  # the first bar that has a pair
    first = int(state.examples()[np.flatnonzero(listed)[0]])
    page.wait_for_selector(f".g-histogram .g-tip[data-row='{first}'][data-state=whole]")
    plot.press("ArrowRight")
    second = int(state.examples()[np.flatnonzero(listed)[1]])
    page.wait_for_selector(f".g-histogram .g-tip[data-row='{second}'][data-state=whole]")
    plot.press("Enter")
    page.wait_for_selector(f".g-pair-card[data-row='{second}']")
    plot.press("Escape")


def selected(visit: Visit, number: int) -> None:
    """Wait until so many pairs are selected, and those of the page are ticked."""
    if not number:
        visit.page.wait_for_selector(".g-selected-bar", state="hidden")
        return
    visit.page.wait_for_selector(f".g-selected-bar[data-count='{number}']:visible")
    words = f"{number:,} pair{'' if number == 1 else 's'} selected"
    assert visit.page.locator(".g-selected-count").inner_text() == words


def ticked(visit: Visit) -> list[int]:
    """Rows of the selected pairs on the page."""
    found = visit.page.locator("[data-tick]:checked").evaluate_all(
        "(all) => all.map((box) => Number(box.dataset.tick))"
    )
    return [*map(int, found)]


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
    page.locator(".g-pairs-list [data-key=table]").check()
    page.locator(f".g-thumbs[data-row='{rows[3]}']").click()
    page.locator(f"tr[data-row='{rows[5]}'] td").first.click(modifiers=["Shift"])
    selected(visit, 3)
    narrow(visit, "separation_arcsec", "0.2", "9")
    selected(visit, 0)  # what is not in the list is not selected
    count = int((state.known.numbers("separation_arcsec") >= 0.2).sum())
    page.get_by_label(f"Select all {count} pairs").check()
    selected(visit, count)
    page.keyboard.press("Escape")


def test_the_histogram_narrows_the_list_by_drag_and_by_numbers(
    visit: Visit, state: PairsState
) -> None:
    page = visit.page
    plot = page.locator(".g-histogram-plot").bounding_box()
    y = plot["y"] + plot["height"] / 2
    edges = state.histogram()[0]
    low, high = (float(f"{edges[-1] * part:.4g}") for part in (0.25, 0.5))
    visit.drag(np.array([[plot["x"] + plot["width"] * part, y] for part in (0.25, 0.3, 0.5)]))
    page.wait_for_selector(".g-chip:has-text('Separation')")
    shown = [
        float(page.locator(".g-histogram").get_by_label(name, exact=True).input_value())
        for name in ("From", "to")
    ]
    assert shown == pytest.approx([low, high], abs=edges[-1] / plot["width"] * 1.5)
    away = state.known.numbers("separation_arcsec")
    count = int(((away >= shown[0]) & (away <= shown[1])).sum())
    page.wait_for_selector(f".g-pairs-list .g-count:text-is('{count} of {N}')")
    less = float(f"{sum(shown) / 2:.3f}")
    page.locator(".g-histogram").get_by_label("to", exact=True).fill(str(less))
    page.keyboard.press("Enter")
    count = int(((away >= shown[0]) & (away <= less)).sum())
    page.wait_for_selector(f".g-pairs-list .g-count:text-is('{count} of {N}')")


def test_pairs_are_gone_through_with_the_keyboard(visit: Visit, state: PairsState) -> None:
    page, rows = visit.page, state.listed_rows

    def on(place: int) -> None:
        page.wait_for_selector(f".g-pair-card[data-row='{rows[place]}']")
        page.wait_for_selector(f".g-pair-cell.g-current[data-row='{rows[place]}']")

    on(0)
    page.locator(".g-pairs-list .g-body").focus()
    for key, place in (
        ("ArrowRight", 1),
        ("j", 2),
        ("k", 1),
        ("PageDown", 24),
        ("End", N - 1),
        ("ArrowLeft", N - 2),
        ("Home", 0),
        ("ArrowDown", 2),
        ("ArrowUp", 0),
    ):
        page.keyboard.press(key)
        on(place)


def test_the_stretch_is_done_in_the_browser(visit: Visit) -> None:
    page = visit.page
    cell = page.locator(".g-pair-figures .g-pair-picture").first

    def brightness() -> float:
        return float(
            np.asarray(Image.open(io.BytesIO(cell.screenshot())).convert("RGB"), float).mean()
        )

    before = brightness()
    page.get_by_role("button", name="Stretch").click()
    page.locator("[data-stretch=white]").fill("0.3")
    assert brightness() > 1.5 * before
    page.get_by_label("Inverted").check()
    assert brightness() > 120
    page.get_by_role("button", name="Reset").click()
    assert brightness() == pytest.approx(before, rel=0.02)
    page.get_by_role("button", name="Stretch").click()


def test_both_pictures_can_be_laid_over_each_other_and_enlarged(visit: Visit) -> None:
    page = visit.page
    before = page.locator(".g-pair-figures .g-pair-frame").first.bounding_box()["width"]
    page.get_by_label("Overlaid").check()
    page.locator(".g-fade input").fill("0.5")
    boxes = [page.locator(".g-pair-figures .g-pair-frame").nth(n).bounding_box() for n in (0, 1)]
    assert boxes[0] == boxes[1]
    page.get_by_label("Beside").check()
    page.keyboard.press("c")
    page.wait_for_selector(".g-pair-card.g-closer")
    assert (
        page.locator(".g-pair-figures .g-pair-frame").first.bounding_box()["width"] > 1.7 * before
    )
    page.keyboard.press("Escape")
    page.wait_for_selector(".g-pair-card:not(.g-closer)")


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
        page.get_by_label("Another label").fill("ring")
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
        page.get_by_role("button", name="Bad DES image").last.click()
        page.wait_for_selector("[data-all=bad_right_image][aria-pressed=true]:has-text('300')")
        page.locator(".g-selected-bar summary").click()
        page.get_by_label("Another label for the selected pairs").fill("ring")
        page.keyboard.press("Enter")
        page.wait_for_selector(
            ".g-said:has-text('Label ring: 297 pairs; bad matches take no label')"
        )
        page.keyboard.press("Control+z")
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


def test_an_empty_project_says_what_to_do_and_fills_by_itself(
    chromium: Any, twins: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    with serve(folder, port=0, say=lambda _: None) as server:
        visit = Visit(chromium, f"{server.url}pairs")
        page = visit.page
        page.wait_for_selector(".g-notice h2:has-text('still empty')")
        (folder / "pairs.parquet").write_bytes(b"PAR1 half of it")
        page.wait_for_selector(".g-notice h2:has-text('cannot be read')")
        shutil.copy(twins / "pairs.parquet", folder)
        page.wait_for_selector(".g-pair-cell")
        page.wait_for_selector(".g-remarks p:has-text('galcat cutouts')")
        assert (
            page.locator(".g-pair-cell .g-none").first.inner_text() == "no pictures in this project"
        )
        assert "Traceback" not in page.content()
        assert visit.errors == []
        visit.context.close()


@pytest.mark.parametrize("width", [1440, 1024])
def test_nothing_lies_over_anything_else(chromium: Any, pairs_server: Server, width: int) -> None:
    visit = opened(chromium, pairs_server)
    visit.page.set_viewport_size({"width": width, "height": 800})
    visit.page.wait_for_timeout(300)
    boxes = [
        visit.page.locator(f".{name}").bounding_box()
        for name in ("g-pairs-list", "g-pair-card", "g-pair-sky", "g-histogram")
    ]
    for n, one in enumerate(boxes):
        assert one["x"] >= 0
        assert one["x"] + one["width"] <= width
        for other in boxes[n + 1 :]:
            apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            assert (
                apart
                or one["y"] + one["height"] <= other["y"]
                or other["y"] + other["height"] <= one["y"]
            )
    over = visit.page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    assert not over
    visit.context.close()
