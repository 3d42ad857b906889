"""The Pairs page in a real Chromium before a real Voila: pictures, order, filters, keys, stretch, an empty folder."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from galcat_app import Server, serve
from galcat_app.state.pairs.page import PairsState
from pairs_visits import listed, narrow
from PIL import Image
from synthetic_projects import is_picture_of
from visits import Visit

from galcat_core.images.store import CutoutStore

pytestmark = pytest.mark.browser

N = 300


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
def test_nothing_lies_over_anything_else(visit: Visit, width: int) -> None:
    before = visit.page.viewport_size
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
    visit.page.set_viewport_size(before)
