"""A project of pairs, a server that shows it, and one tab with the Pairs page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pairs_visits
import pytest
from galcat_app import Server, serve
from galcat_app.state.pairs.page import PairsState
from synthetic_pairs import make_pairs_project
from visits import Visit


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 300 pairs; whoever changes it copies it (see `own_twins`)."""
    return make_pairs_project(tmp_path_factory.mktemp("pairs") / "twins", 300)


@pytest.fixture
def own_twins(twins: Path, tmp_path: Path) -> Path:
    """A copy of the project of pairs to write into."""
    return Path(shutil.copytree(twins, tmp_path / "twins"))


@pytest.fixture(scope="session")
def pairs_server(twins: Path) -> Iterator[Server]:
    with serve(twins, port=0, say=lambda _: None) as running:
        yield running


@pytest.fixture(scope="session")
def pairs_tab(chromium: Any, pairs_server: Server) -> Iterator[Visit]:
    opened = pairs_visits.opened(chromium, pairs_server)
    yield opened
    opened.context.close()


@pytest.fixture
def visit(pairs_tab: Visit) -> Iterator[Visit]:
    """The one tab with the Pairs page that most of its tests share, as it was when it opened."""
    yield pairs_tab
    page = pairs_tab.page
    errors, pairs_tab.errors = pairs_tab.errors, []
    page.evaluate("document.querySelectorAll('details[open]').forEach((d) => { d.open = false; })")
    page.locator(".g-pair-sky [data-key=pan]").check()
    page.locator(".g-pairs-list [data-key=pictures]").check()
    page.get_by_label("Sort by").select_option("separation_arcsec")
    for off in reversed(page.locator(".g-chip-off").all()):
        off.click()
    page.wait_for_selector(".g-pairs-list .g-count:text-is('300')")
    page.locator(".g-pairs-list .g-body").press("Home")  # selects nothing, too
    page.wait_for_selector(".g-pair-card .g-count:text-is('1 of 300')")
    page.wait_for_selector(".g-selected-bar", state="hidden")
    assert errors == []


@pytest.fixture(scope="module")
def state(twins: Path) -> PairsState:
    return PairsState(twins)
