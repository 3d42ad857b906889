"""What holds for each page, with data and without: nothing from another host, no barrier, the same header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from galcat_app import Server, serve
from galcat_app.menu import PAGES
from home_projects import make_whole
from visits import Visit

pytestmark = pytest.mark.browser
PROJECTS = ("whole", "empty")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    folder = tmp_path_factory.mktemp("projects")
    make_whole(folder / "whole")
    (folder / "empty").mkdir()
    running = {
        name: serve(folder / name, port=0, say=lambda _: None, preheat=False) for name in PROJECTS
    }
    yield running
    for server in running.values():
        server.stop()


@pytest.fixture(scope="module", params=[(p, q) for q in PROJECTS for p in PAGES], ids="-".join)
def shown(
    request: pytest.FixtureRequest, servers: dict[str, Server], chromium: Any
) -> Iterator[tuple[str, Server, Visit]]:
    """A page of a project, open."""
    page, project = request.param
    server = servers[project]
    visit = Visit(chromium, f"{server.url}{page}", color_scheme="light", reduced_motion="reduce")
    visit.page.wait_for_selector("#galcat-skeleton", state="detached")
    yield page, server, visit
    visit.context.close()


def test_not_one_request_goes_to_another_host(shown: tuple[str, Server, Visit]) -> None:
    _, server, visit = shown
    visit.page.wait_for_timeout(500)
    assert {host for host in visit.hosts if host} == {f"localhost:{server.port}"}
    assert visit.errors == []
    assert visit.page.locator("text=Traceback").count() == 0


def test_the_header_is_the_same_everywhere(shown: tuple[str, Server, Visit]) -> None:
    page, _, visit = shown
    assert visit.page.locator(".g-bar .g-page").all_inner_texts() == list(PAGES.values())
    assert visit.page.locator(".g-page[aria-current=page]").inner_text() == PAGES[page]
    assert visit.page.locator("h1").count() == 1
    assert visit.page.title().startswith(f"{PAGES[page]} · ")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out(shown: tuple[str, Server, Visit], theme: str) -> None:
    """No serious or critical violation of WCAG that axe-core finds."""
    _, _, visit = shown
    visit.page.emulate_media(color_scheme=theme)
    visit.page.wait_for_selector(f"html[data-galcat-theme={theme}]", state="attached")
    visit.page.wait_for_timeout(300)
    assert visit.barriers() == []


def test_the_page_fits_a_small_window(shown: tuple[str, Server, Visit]) -> None:
    """Nothing sticks out to the right of a window of 1024 pixels."""
    _, _, visit = shown
    visit.page.set_viewport_size({"width": 1024, "height": 768})
    visit.page.wait_for_timeout(300)
    scroller = visit.page.locator("#rendered_cells")
    assert scroller.evaluate("(e) => e.scrollWidth - e.clientWidth") == 0
    outside = """() => [...document.querySelectorAll("#rendered_cells *")].filter((e) => {
        const b = e.getBoundingClientRect(); const s = getComputedStyle(e);
        return b.width && b.right > innerWidth + 1 && s.position !== "fixed" && !e.closest(".g-unseen")
            && !e.closest(".g-sheet, .g-scroll, .g-body, .g-stage, pre, .g-counts"); }).map((e) => e.className)"""
    assert visit.page.evaluate(outside) == []
    visit.page.set_viewport_size({"width": 1280, "height": 860})


def test_two_sessions_have_kernels_of_their_own(servers: dict[str, Server], chromium: Any) -> None:
    first = Visit(chromium, f"{servers['whole'].url}home")
    second = Visit(chromium, f"{servers['whole'].url}home")
    kernels = []
    for visit in (first, second):
        visit.page.wait_for_selector("#galcat-skeleton", state="detached")
        config = visit.page.locator("#jupyter-config-data").text_content()
        kernels.append(config.split('"kernelId": "')[1].split('"')[0])
    assert len(set(kernels)) == 2
    first.page.goto("about:blank")
    second.page.wait_for_timeout(2500)  # it looks at the folder again meanwhile
    assert second.page.locator(".g-lost").is_hidden()
    assert second.errors == []
    for visit in (first, second):
        visit.context.close()


def test_the_projects_are_left_as_they_were(servers: dict[str, Server]) -> None:
    """Looking at an empty project writes nothing into it."""
    log = Path(servers["empty"].log)
    assert "Traceback" not in log.read_text(errors="replace")
