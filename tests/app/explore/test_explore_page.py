"""The Explore page in a real Chromium before a real Voila: load, hover, select, click, export, notices."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from galcat_app import Server, serve
from galcat_app.state.explore.page import ExploreState
from matplotlib.path import Path as Outline
from synthetic_projects import FIRST_DES, is_picture_of
from visits import Visit, colour_at, lasso, lonely

from galcat_core.images.store import CutoutStore
from galcat_core.tables import read_table

pytestmark = pytest.mark.browser


def test_the_page_loads_from_this_host_alone(visit: Visit, server: Server) -> None:
    page = visit.page
    assert {host for host in visit.hosts if host} == {f"localhost:{server.port}"}
    assert page.title() == "Explore · survey · galcat"
    assert page.locator(".g-counts").inner_text().split()[:2] == ["400", "galaxies"]
    assert page.locator(".g-gallery .g-title").inner_text().split() == ["All", "galaxies", "400"]
    assert page.locator(".g-skeleton").count() == 0
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("text=Traceback").count() == 0


def test_hover_shows_the_picture_of_the_galaxy_under_the_pointer(
    visit: Visit, state: ExploreState, project: Path
) -> None:
    stores = {s: CutoutStore.open(project / "cutouts" / s) for s in ("des", "sdss")}
    rows = [lonely(state, range(0, 30))[0], *lonely(state, range(31, 396))[:3]]
    for row, (x, y) in zip(rows, visit.screen(state.positions[rows]), strict=True):
        visit.page.mouse.move(x, y)
        visit.page.wait_for_selector(f'.g-tip[data-row="{row}"][data-state="whole"]')
        identity = FIRST_DES + 3 * row
        assert visit.page.locator(".g-tip strong").inner_text() == str(identity)
        assert is_picture_of(visit.image(".g-tip img"), stores["des"], identity)
        pictures = state.pictures.of(row)
        assert visit.page.locator(".g-tip img").count() == len(pictures)
        if len(pictures) == 2:
            twin = visit.image(".g-tip figure:nth-of-type(2) img")
            assert is_picture_of(twin, stores["sdss"], int(pictures[1].id))
    visit.page.mouse.move(5, 5)
    visit.page.wait_for_selector(".g-tip", state="hidden")


def test_a_galaxy_without_picture_says_why_on_hover(visit: Visit, state: ExploreState) -> None:
    row = 397  # has a place on the map but no picture
    ((x, y),) = visit.screen(state.positions[[row]])
    visit.page.mouse.move(x, y)
    visit.page.wait_for_selector(".g-tip .g-none")
    assert visit.page.locator(".g-tip .g-none").inner_text() == "no tile covers it"


def test_a_lasso_selects_exactly_what_it_encloses(
    visit: Visit, state: ExploreState, project: Path
) -> None:
    path = lasso(visit)
    inside = np.flatnonzero(Outline(path).contains_points(visit.screen(state.positions)))
    visit.tool("lasso")
    visit.drag(path)
    assert visit.selected() == len(inside) > 20
    visit.page.get_by_text("Export", exact=True).click()
    visit.page.get_by_label("File name").fill("mine")
    visit.page.get_by_role("button", name="Parquet").click()
    visit.page.wait_for_selector(".g-said.g-shown")
    said = visit.page.locator(".g-said").inner_text()
    assert said == f"{len(inside)} galaxies written to exports/mine.parquet"
    written = read_table(project / "exports/mine.parquet")[0]
    assert written["id"].tolist() == (FIRST_DES + 3 * inside).tolist()


def test_a_selection_stays_when_the_map_is_zoomed_and_grows_with_shift(
    visit: Visit, state: ExploreState
) -> None:
    page = visit.page
    visit.tool("box")
    places = visit.screen(state.positions)
    box = visit.box
    low = np.array([box["x"] + 0.55 * box["width"], box["y"] + 0.35 * box["height"]])
    corner = low + np.array([180, 200])
    inside = ((places >= low) & (places <= corner)).all(axis=1)
    visit.drag(np.array([low, low + 60, corner]))
    assert visit.selected() == inside.sum() > 10
    before = visit.view()
    page.mouse.move(*low)
    page.mouse.wheel(0, -400)
    assert visit.view()[0] > 1.5 * before[0]
    assert visit.selected() == inside.sum()
    places = visit.screen(
        state.positions
    )  # draw on the zoomed map: points out of sight count as well
    more = np.array([box["x"] + 30, box["y"] + 30]), low
    added = ((places >= more[0]) & (places <= more[1])).all(axis=1) & ~inside
    visit.drag(np.array([more[0], more[0] + 50, more[1]]), "Shift")
    assert visit.selected(int(inside.sum() + added.sum())) == inside.sum() + added.sum()
    visit.drag(np.array([more[0], more[0] + 50, more[1]]), "Alt")
    page.wait_for_function(
        "(n) => Number(document.querySelector('.g-stage').dataset.selected) === n",
        arg=int(inside.sum()),
    )
    page.locator(".g-stage").press("Escape")
    page.wait_for_selector(".g-title:has-text('All galaxies')")


def test_the_gallery_shows_the_selected_galaxies_page_by_page(
    visit: Visit, state: ExploreState, project: Path
) -> None:
    page = visit.page
    path = lasso(visit)
    inside = np.flatnonzero(Outline(path).contains_points(visit.screen(state.positions)))
    visit.tool("lasso")
    visit.drag(path)
    page.wait_for_selector(f".g-gallery .g-count:has-text('{len(inside)}')")
    p = state.project.table["p_spiral"].to_numpy()
    wanted = [str(FIRST_DES + 3 * row) for row in inside[np.argsort(-p[inside], kind="stable")]]
    seen: list[str] = []
    while True:
        cells = page.locator(".g-cell")
        first = cells.first.get_attribute("data-id")
        seen += cells.evaluate_all("(all) => all.map((cell) => cell.dataset.id)")
        if page.get_by_label("Next page").is_disabled():
            break
        page.get_by_label("Next page").click()
        page.wait_for_function(
            "(id) => document.querySelector('.g-cell').dataset.id !== id", arg=first
        )
    assert seen == wanted
    shown = visit.image(".g-cell img")
    identity = int(page.locator(".g-cell:has(img)").first.get_attribute("data-id"))
    assert is_picture_of(shown, CutoutStore.open(project / "cutouts/des"), identity)
    page.locator(".g-gallery [data-key=table]").check()
    row = page.locator(".g-table tbody tr").first
    assert row.locator("th").inner_text() == page.locator(".g-body").get_attribute("data-first")


def test_a_click_opens_the_card_with_all_columns_and_the_twin(
    visit: Visit, state: ExploreState, project: Path
) -> None:
    row = lonely(state, range(0, 30))[0]
    ((x, y),) = visit.screen(state.positions[[row]])
    visit.page.mouse.click(x, y)
    visit.page.wait_for_selector(f".g-card .g-title:has-text('{FIRST_DES + 3 * row}')")
    assert visit.page.locator(".g-card .g-survey").all_inner_texts() == ["DES", "SDSS"]
    shown = visit.image(".g-card .g-figure:nth-of-type(2) img")
    twin = state.pictures.of(row)[1]
    assert is_picture_of(shown, CutoutStore.open(project / "cutouts/sdss"), int(twin.id))
    visit.page.locator(".g-columns summary").click()
    names = visit.page.locator(".g-columns th").all_inner_texts()
    assert names == list(state.project.table.columns)
    visit.page.get_by_label("Close this galaxy").click()
    visit.page.wait_for_selector(".g-card.g-empty")


def test_colours_and_maps_can_be_switched(visit: Visit, state: ExploreState) -> None:
    page = visit.page
    row = lonely(state, range(31, 396))[0]
    ((x, y),) = visit.screen(state.positions[[row]])
    before = colour_at(visit, x, y)
    page.get_by_label("Colour by").select_option("cluster")
    page.wait_for_selector(".g-entry")
    names = [text.split()[0] for text in page.locator(".g-entry").all_inner_texts()]
    assert names == ["0", "1"]
    visit.view()
    assert np.abs(np.subtract(colour_at(visit, x, y), before)).max() > 30
    page.get_by_label("Colour by").select_option("MAG_AUTO_G")
    page.wait_for_selector(".g-ramp")
    visit.tool("umap")
    page.wait_for_timeout(100)
    other = ExploreState(state.path)
    other.choose_method("umap")
    ((x, y),) = visit.screen(other.positions[[row]])
    page.mouse.move(x, y)
    page.wait_for_selector('.g-tip[data-state="whole"]')
    told = int(page.locator(".g-tip").get_attribute("data-row"))
    assert np.linalg.norm(other.positions[told] - other.positions[row]) < 0.02


def test_a_galaxy_is_found_by_its_id_even_out_of_sight(visit: Visit, state: ExploreState) -> None:
    page = visit.page
    page.mouse.move(visit.box["x"] + 60, visit.box["y"] + 60)
    page.mouse.wheel(0, -1500)
    row = 123
    page.get_by_label("Find a galaxy by its id or its coordinates").fill(str(FIRST_DES + 3 * row))
    page.keyboard.press("Enter")
    page.wait_for_selector(f".g-card .g-title:has-text('{FIRST_DES + 3 * row}')")
    ((x, y),) = visit.screen(state.positions[[row]])
    box = visit.box
    assert box["x"] < x < box["x"] + box["width"]
    assert box["y"] < y < box["y"] + box["height"]
    page.get_by_label("Find a galaxy by its id or its coordinates").fill("77")
    page.keyboard.press("Enter")
    page.wait_for_selector(".g-said.g-error.g-shown")
    assert "no galaxy here has the id 77" in page.locator(".g-said").inner_text()


def test_dark_and_light_are_kept(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("Switch to dark").click()
    page.wait_for_selector("html[data-galcat-theme=dark]", state="attached")
    assert (
        page.locator(".g-stage").evaluate("(e) => getComputedStyle(e).backgroundColor")
        == "rgb(17, 19, 24)"
    )
    page.reload()
    visit.shows_map()
    assert page.locator("html").get_attribute("data-galcat-theme") == "dark"
    page.get_by_label("Switch to light").click()


def test_the_map_can_be_worked_with_the_keyboard(visit: Visit, state: ExploreState) -> None:
    stage, before = visit.page.locator(".g-stage"), visit.view()
    stage.focus()
    stage.press("+")
    stage.press("ArrowLeft")
    after = visit.view()
    assert after[0] == pytest.approx(1.4 * before[0])
    stage.press("0")
    assert visit.view() == pytest.approx(before)
    stage.press("l")
    assert visit.page.locator(".g-map [data-key=lasso]").is_checked()
    stage.press("Shift+ArrowUp")  # points at a galaxy in the middle, then at the next one above it
    tip = visit.page.locator(".g-tip[data-state=whole]:visible")
    first = int(tip.get_attribute("data-row"))
    stage.press("Shift+ArrowUp")
    visit.page.wait_for_selector(f".g-tip[data-state=whole]:not([data-row='{first}']):visible")
    row = int(tip.get_attribute("data-row"))
    offset = state.positions[row] - state.positions[first]
    assert offset[1] >= abs(offset[0]) > 0
    assert (
        visit.page.locator(".g-map [role=status]").inner_text().startswith(f"{FIRST_DES + 3 * row}")
    )
    stage.press("Enter")
    visit.page.wait_for_selector(f".g-card .g-title:has-text('{FIRST_DES + 3 * row}')")
    stage.press("Escape")
    visit.page.wait_for_selector(".g-tip", state="hidden")


def test_an_empty_project_says_what_to_do_and_fills_by_itself(
    chromium: Any, project: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    with serve(folder, port=0, say=lambda _: None, preheat=False) as server:
        visit = Visit(chromium, server.url)
        visit.page.wait_for_selector(".g-notice h2:has-text('still empty')")
        assert f"galcat demo -o {folder}" in visit.page.locator(".g-command").inner_text()
        (folder / "catalogue.parquet").write_bytes(b"PAR1 half of it")
        visit.page.wait_for_selector(".g-notice h2:has-text('cannot be read')")
        assert "Traceback" not in visit.page.content()
        shutil.copy(project / "catalogue.parquet", folder)
        visit.page.wait_for_selector(".g-stage[data-view]")
        visit.page.wait_for_selector(".g-remarks p:has-text('galcat cutouts')")
        assert (
            visit.page.locator(".g-cell .g-none").first.inner_text()
            == "no pictures in this project"
        )
        assert visit.errors == []
        visit.context.close()


def _kernels(server: Server) -> set[int]:
    found = set()
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ended just now
            if "ipykernel_launcher" in " ".join(process.cmdline()):
                found.add(process.pid)
    return found


def test_two_tabs_do_not_disturb_each_other_and_end_their_kernels(
    visit: Visit, chromium: Any, server: Server
) -> None:
    other = Visit(chromium, server.url).shows_map()
    before = _kernels(server)  # those of both tabs, and some that wait for the next
    visit.tool("lasso")
    visit.drag(lasso(visit))
    assert visit.selected() > 20
    assert other.page.locator(".g-stage").get_attribute("data-selected") == "0"
    other.page.goto("about:blank")
    end = time.monotonic() + 300
    while len(_kernels(server) & before) >= len(before) and time.monotonic() < end:
        other.page.wait_for_timeout(100)
    assert len(_kernels(server) & before) == len(before) - 1
    assert other.errors == []
    other.context.close()
