"""Working on the Explore page in a real Chromium: similar galaxies, labels, kept selections, threshold."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from galcat_app import serve
from galcat_app.state.explore.page import ExploreState
from PIL import Image
from synthetic_projects import FIRST_DES, is_picture_of
from visits import Visit, lasso, lonely

from galcat_core.images.store import CutoutStore
from galcat_core.records import Split
from galcat_core.tables import read_table

pytestmark = pytest.mark.browser
FIND = "Find a galaxy by its id or its coordinates"


@pytest.fixture(scope="module")
def worked(embedded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a run, features and votes, to write into."""
    folder = tmp_path_factory.mktemp("worked") / "survey"
    shutil.copytree(embedded, folder, ignore=shutil.ignore_patterns("labels", "selections"))
    table = read_table(folder / "catalogue.parquet")[0]
    sets = np.resize(["train", "test", "unlabelled", "unlabelled"], len(table))
    label = np.where(table["p_spiral"] > 0.3, "spiral", "elliptical").astype(object)
    label[sets == "unlabelled"] = None
    rows = {"survey": "des", "id": table["id"], "set": sets, "label": label, "certain": True}
    Split(pd.DataFrame({**rows, "group": np.arange(len(table))})).save(folder / "split.parquet")
    return folder


@pytest.fixture(scope="module")
def tab(chromium: Any, worked: Path) -> Iterator[Visit]:
    with serve(worked, port=0, say=lambda _: None, preheat=False) as server:
        opened = Visit(chromium, server.url, reduced_motion="reduce").shows_map()
        yield opened
        opened.context.close()


@pytest.fixture
def work(tab: Visit) -> Iterator[Visit]:
    """The tab that the tests share; what they select goes, what they keep stays."""
    yield tab
    errors, tab.errors = tab.errors, []
    if tab.page.get_by_label("Close this galaxy").count():
        tab.page.get_by_label("Close this galaxy").click()
        tab.page.wait_for_selector(".g-card.g-empty")
    tab.page.locator(".g-stage").press("Escape")
    tab.page.wait_for_selector(".g-title:has-text('All galaxies')")
    assert errors == []


@pytest.fixture(scope="module")
def state(worked: Path) -> ExploreState:
    return ExploreState(worked)


def _ids(work: Visit, where: str = ".g-gallery .g-cell") -> list[str]:
    return work.page.locator(where).evaluate_all("(all) => all.map((cell) => cell.dataset.id)")


def _said(work: Visit, text: str) -> None:
    work.page.wait_for_selector(f".g-said.g-shown:has-text('{text}')")


def _look_at(work: Visit, row: int) -> None:
    work.page.get_by_label(FIND).fill(str(FIRST_DES + 3 * row))
    work.page.keyboard.press("Enter")
    work.page.wait_for_selector(f".g-card .g-title:has-text('{FIRST_DES + 3 * row}')")


def test_coordinates_find_the_nearest_galaxy_with_its_separation(
    work: Visit, state: ExploreState
) -> None:
    ra, dec = state.project.table.loc[123, ["ra_deg", "dec_deg"]]
    work.page.get_by_label(FIND).fill(f"{ra:.6f} {dec + 2 / 3600:.6f}")
    work.page.keyboard.press("Enter")
    work.page.wait_for_selector(f".g-card .g-title:has-text('{FIRST_DES + 3 * 123}')")
    _said(work, "The nearest galaxy is 2.00″ away")
    assert "2.00″" in work.page.locator(".g-card dl").inner_text()
    work.page.get_by_label(FIND).fill("400 +10")
    work.page.keyboard.press("Enter")
    _said(work, "400 +10 is not on the sky")


def test_the_card_leads_to_sky_viewers_at_the_place(work: Visit, state: ExploreState) -> None:
    _look_at(work, 7)
    links = work.page.locator(".g-links a")
    assert links.all_inner_texts() == ["Legacy Survey", "SDSS", "Aladin"]
    for link in links.all():
        assert f"{state.project.table['ra_deg'][7]:.6f}" in link.get_attribute("href")
        assert f"{state.project.table['dec_deg'][7]:.6f}" in link.get_attribute("href")
        assert link.get_attribute("href").startswith("https://")
        assert "noopener" in link.get_attribute("rel")


def test_the_nearest_neighbours_stand_on_the_card_and_open_theirs(
    work: Visit, state: ExploreState, worked: Path
) -> None:
    _look_at(work, 7)
    work.page.wait_for_selector(".g-near img")
    rows = [
        int(cell.get_attribute("data-row")) for cell in work.page.locator(".g-near .g-cell").all()
    ]
    assert rows == state.neighbours(7).rows.tolist()
    identity = FIRST_DES + 3 * rows[0]
    store = CutoutStore.open(worked / "cutouts/des")
    assert is_picture_of(work.image(".g-near img"), store, identity)
    work.page.locator(".g-near .g-cell").first.click()
    work.page.wait_for_selector(f".g-card .g-title:has-text('{identity}')")


def test_a_picture_opens_at_full_size_and_closes_by_escape(
    work: Visit, state: ExploreState
) -> None:
    _look_at(work, lonely(state, range(0, 30))[0])
    work.page.get_by_label("DES picture at full size").click()
    large = work.page.locator("dialog[open] img")
    assert large.count() == 2
    assert large.first.bounding_box()["width"] > 400
    work.page.keyboard.press("Escape")
    work.page.wait_for_selector("dialog[open]", state="detached")


def test_the_most_alike_are_selected_from_the_card(work: Visit, state: ExploreState) -> None:
    _look_at(work, 44)
    work.page.get_by_role("button", name="Select the 48 most alike").click()
    work.page.wait_for_selector(".g-asked:has-text('Most like galaxy')")
    wanted = state.similar.to_rows(np.array([44]), 48).rows
    assert _ids(work) == [str(FIRST_DES + 3 * row) for row in wanted[:24]]
    assert work.selected(48) == 48
    work.page.get_by_label("Clear the selection").click()
    work.page.wait_for_selector(".g-asked", state="hidden")


def test_a_picture_of_ones_own_finds_its_like_while_the_page_stays_awake(
    work: Visit, state: ExploreState, worked: Path, tmp_path: Path
) -> None:
    page, row = work.page, 200
    store = CutoutStore.open(worked / "cutouts/des")
    picture = store.images(store.rows_of([FIRST_DES + 3 * row]))[0]
    Image.fromarray(picture).save(tmp_path / "mine.png")
    page.get_by_text("Similar", exact=True).click()
    page.get_by_label("Like a picture of yours").set_input_files(tmp_path / "mine.png")
    page.wait_for_selector(".g-asked:has-text('Finding the like of mine.png')")
    _look_at(work, 44)  # the kernel answers while the network works
    assert page.locator(".g-working").count() == 1
    page.wait_for_selector(".g-asked:has-text('Most like the picture mine.png')")
    nearest = int(page.locator(".g-gallery .g-cell").first.get_attribute("data-id"))
    assert np.array_equal(store.images(store.rows_of([nearest]))[0], picture)
    (tmp_path / "text.png").write_text("no picture")
    page.get_by_text("Similar", exact=True).click()
    page.get_by_label("Like a picture of yours").set_input_files(tmp_path / "text.png")
    _said(work, "no picture that can be read")
    (tmp_path / "large.png").write_bytes(bytes(8_100_000))
    page.get_by_text("Similar", exact=True).click()
    page.get_by_label("Like a picture of yours").set_input_files(tmp_path / "large.png")
    page.wait_for_selector(".g-wrong:has-text('up to 8 MB')")
    page.keyboard.press("Escape")


def test_a_selection_is_labelled_and_the_map_can_show_it(
    work: Visit, state: ExploreState, worked: Path
) -> None:
    page = work.page
    work.tool("lasso")
    work.drag(lasso(work))
    number = work.selected(5)
    page.get_by_text("Label", exact=True).first.click()
    page.get_by_label("Another label").fill("odd one")
    page.keyboard.press("Enter")
    _said(work, f"{number} galaxies labelled odd one")
    table = read_table(worked / "labels/by_hand.csv")[0]
    assert (table["label"] == "odd one").sum() == number
    page.wait_for_selector(".g-badge:has-text('odd one')")
    page.get_by_label("Colour by").select_option("known")
    page.wait_for_selector(f".g-entry:has-text('odd one') >> text={number}")
    page.get_by_text("Label", exact=True).first.click()
    page.get_by_text("Take my labels away").click()
    page.wait_for_selector(".g-entry:has-text('odd one')", state="detached")
    assert "odd one" not in set(read_table(worked / "labels/by_hand.csv")[0]["label"])
    page.get_by_label("Colour by").select_option("p_spiral")


def test_a_galaxy_is_labelled_on_its_card_by_keyboard(work: Visit, worked: Path) -> None:
    _look_at(work, 62)  # of the unlabelled
    choice = work.page.locator(".g-choice:has-text('spiral')")
    choice.focus()
    choice.press("Enter")
    pressed = work.page.locator(".g-choice[aria-pressed=true]")
    pressed.wait_for()
    assert pressed.inner_text() == "spiral"
    table = read_table(worked / "labels/by_hand.csv")[0]
    assert table.loc[table["id"] == FIRST_DES + 186, "label"].tolist() == ["spiral"]
    assert work.page.evaluate("document.activeElement.textContent") == "spiral"
    work.page.keyboard.press("Enter")
    work.page.wait_for_selector(".g-from:has-text('by you')", state="detached")


def test_a_kept_selection_comes_back_in_another_page(
    work: Visit, chromium: Any, worked: Path
) -> None:
    page = work.page
    work.tool("lasso")
    work.drag(lasso(work))
    number = work.selected(5)
    page.get_by_text("Keep", exact=True).first.click()
    page.get_by_label("Name of the selection").fill("rim")
    page.keyboard.press("Enter")
    _said(work, f"{number} galaxies kept as rim")
    assert len(read_table(worked / "selections/rim.parquet")[0]) == number
    other = Visit(chromium, page.url, reduced_motion="reduce").shows_map()
    other.page.get_by_text("Keep", exact=True).first.click()
    other.page.get_by_title("Select rim").click()
    assert other.selected(number) == number
    other.page.get_by_text("Keep", exact=True).first.click()
    other.page.get_by_label("Remove rim").click()
    other.page.get_by_text("Remove?").click()
    other.page.wait_for_selector(".g-kept", state="hidden")
    assert not (worked / "selections/rim.parquet").exists()
    assert other.errors == []
    other.context.close()


def test_the_threshold_tells_purity_and_completeness_and_selects(
    work: Visit, state: ExploreState
) -> None:
    page = work.page
    page.locator(".g-threshold-head").click()
    page.get_by_label("at or above").fill("0.2")
    page.keyboard.press("Tab")
    p = state.project.table["p_spiral"].to_numpy()
    judged = state.labels.judges
    chosen, truth = p >= 0.2, state.labels.names == "spiral"
    purity = (chosen & judged & truth).sum() / (chosen & judged).sum()
    assert 0.5 < purity < 1
    numbers = page.locator(".g-numbers")
    page.wait_for_selector(f".g-numbers tr:has-text('Purity') >> text={purity:.3f}")
    assert f"{chosen.sum()}" in numbers.locator("tr", has_text="Chosen").inner_text()
    whole = (chosen & judged & truth).sum() / (judged & truth).sum()
    assert f"{whole:.3f}" in numbers.locator("tr", has_text="Completeness").inner_text()
    assert "networks learn from are left out" in page.locator(".g-threshold").inner_text()
    slider = page.get_by_label("Threshold", exact=True)
    slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext").startswith("0.201: ")
    page.get_by_role("button", name="Select them").click()
    assert work.selected(20) == (p >= 0.201).sum()
    page.locator(".g-threshold-head").click()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768)])
def test_nothing_overlaps(work: Visit, width: int, height: int) -> None:
    """Panels and the controls in them keep apart, with a card and the threshold open."""
    page = work.page
    page.set_viewport_size({"width": width, "height": height})
    _look_at(work, 7)
    page.locator(".g-threshold-head").click()
    page.wait_for_timeout(300)
    assert page.evaluate(OVERLAPS) == []
    for name in ("Label", "Keep", "Similar", "Export"):
        menu = page.locator(f".g-actions summary:text-is('{name}')")
        menu.click()
        page.wait_for_timeout(100)
        box = menu.locator("xpath=../div").bounding_box()
        assert 0 <= box["x"] <= width - box["width"]
        assert 0 <= box["y"] <= height - box["height"]
        menu.press("Escape")
    page.locator(".g-threshold-head").click()
    page.set_viewport_size({"width": 1280, "height": 860})


OVERLAPS = """() => {
  const groups = [".g-panel", ".g-bar > *", ".g-map > .g-toolbar > *", ".g-gallery > .g-toolbar > *",
    ".g-actions > *", ".g-gallery .g-foot > *", ".g-threshold-head > *", ".g-threshold-left > *",
    ".g-facts > *"];
  const found = [];
  for (const group of groups) {
    const all = [...document.querySelectorAll(group)].filter((e) => !e.matches(".g-unseen, .g-header"));
    const boxes = all.map((e) => [e, e.getBoundingClientRect()]).filter(([, b]) => b.width && b.height);
    for (const [i, [e, a]] of boxes.entries()) {
      if (a.right > innerWidth + 1 || a.left < -1) found.push([group, "out of sight", e.textContent]);
      for (const [f, b] of boxes.slice(i + 1)) {
        const across = a.left < b.right - 1 && b.left < a.right - 1;
        const down = a.top < b.bottom - 1 && b.top < a.bottom - 1;
        const within = e.contains(f) || f.contains(e);
        if (across && down && !within) found.push([group, e.textContent, f.textContent]);
      }
    }
  }
  return found;
}"""
