"""The first page in a real Chromium before a real Voila: a whole project, an empty one, a job, a dead kernel."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import psutil
import pytest
from galcat_app import Server, serve
from home_projects import make_whole, write_catalogue
from visits import Visit, at

from galcat_core import jobs

pytestmark = pytest.mark.browser
TOKEN = "s3cret-and-long-enough"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whole(tmp_path_factory.mktemp("projects") / "survey")


@pytest.fixture(scope="module")
def guarded(whole: Path) -> Iterator[Server]:
    with serve(whole, port=0, token=TOKEN, say=lambda _: None) as running:
        yield running


def opened(chromium: Any, server: Server) -> Visit:
    return here(Visit(chromium, at(server.url, "home")))


def here(visit: Visit) -> Visit:
    """Wait until the page stands and its empty boxes are gone."""
    visit.page.wait_for_selector(".g-here")
    visit.page.wait_for_selector("#galcat-skeleton", state="detached")
    return visit


def test_the_first_page_shows_what_there_is_and_leads_on(guarded: Server, chromium: Any) -> None:
    visit = opened(chromium, guarded)
    page = visit.page
    page.goto(guarded.url)  # the bare address leads to it, the token with it
    here(visit)
    assert urlparse(page.url).path == "/home"
    assert page.title() == "Home · survey · galcat"
    counts = page.locator(".g-way-count strong").all_inner_texts()
    assert counts == ["60", "30", "426", "2", "400", "400"]
    assert page.locator(".g-strip img").count() == 24
    assert page.locator(".g-home-best .g-big").inner_text().split() == ["93.0%", "right"]
    told = page.locator(".g-reports a").all_text_contents()
    assert {text.removesuffix(" (opens in a new tab)") for text in told} == {
        "SDSS & DES <compared>",
        "A second one",
    }
    painted = """() => { const c = document.querySelector(".g-mini");
        return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v > 0); }"""
    page.wait_for_function(painted)
    for link in page.locator(".g-bar a, .g-reports a, .g-go, .g-way a").all():
        assert parse_qs(urlparse(link.get_attribute("href")).query) == {"token": [TOKEN]}
    with visit.context.expect_page() as tab:
        page.locator(".g-reports a").last.click()
    tab.value.wait_for_load_state()
    assert tab.value.locator("h1").count() == 1
    page.get_by_role("link", name="Open Explore").click()
    visit.shows_map()
    page.locator(".g-bar .g-page", has_text="Home").click()
    here(visit)
    assert {host for host in visit.hosts if host} == {f"localhost:{guarded.port}"}
    assert visit.errors == []
    visit.context.close()


def test_a_page_whose_kernel_died_says_so(guarded: Server, chromium: Any) -> None:
    visit = opened(chromium, guarded)
    visit.page.wait_for_timeout(500)
    for process in psutil.Process(guarded.process.pid).children(recursive=True):
        process.kill()
    visit.page.wait_for_selector(".g-lost:not([hidden])")
    assert "reload" in visit.page.locator(".g-lost").inner_text()
    visit.page.locator(".g-lost").get_by_role("button", name="Reload").click()
    visit.page.wait_for_selector(".g-lost", state="hidden")
    here(visit)
    visit.context.close()


def test_an_empty_folder_is_filled_from_the_page(chromium: Any, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with serve(folder, port=0, say=lambda _: None) as server:
        visit = opened(chromium, server)
        page = visit.page
        assert page.locator(".g-headline").inner_text() == "Begin with a simulated survey"
        page.get_by_role("button", name="Start the simulated survey").click()
        page.wait_for_selector(".g-demo[data-state=running]")
        page.wait_for_selector(".g-doing:has-text('Step 1 of 5')")
        assert visit.errors == []
        visit.context.close()  # the tab is closed: the job goes on
        again = opened(chromium, server)
        again.page.wait_for_selector(".g-demo[data-state=running]")
        again.page.get_by_role("button", name="Stop").click()
        again.page.wait_for_selector(".g-demo[data-state=cancelled]")
        assert again.page.get_by_role("button", name="Go on").is_enabled()
        again.context.close()
    (job,) = jobs.jobs_of(folder / "jobs")
    assert jobs.state(job).name == "cancelled"


def test_the_page_follows_the_folder_and_tells_what_is_broken(
    chromium: Any, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    with serve(folder, port=0, say=lambda _: None) as server:
        visit = opened(chromium, server)
        write_catalogue(folder / "catalogs/sdss.parquet", "sdss", 70)
        visit.page.wait_for_selector(".g-headline:has-text('Match the two surveys')")
        assert visit.page.locator(".g-way li[data-state=next]").inner_text().startswith("2\nPairs")
        shutil.copytree(whole / "cutouts", folder / "cutouts")
        (folder / "cutouts/sdss/store.json").write_text("{")
        visit.page.wait_for_selector(".g-remarks p:has-text('cutouts/sdss cannot be read')")
        assert visit.page.locator(".g-broken th").inner_text() == "cutouts/sdss/"
        assert "Traceback" not in visit.page.content()
        visit.context.close()
