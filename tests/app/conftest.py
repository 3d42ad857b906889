"""A synthetic project, a real server that shows it, and a real headless Chromium that looks at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from galcat_app import Server, serve
from synthetic_projects import make_project

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 400 galaxies; whoever changes it, exports aside, copies it (see `own_project`)."""
    return make_project(tmp_path_factory.mktemp("projects") / "survey", 400, 30, size_px=48)


@pytest.fixture
def own_project(project: Path, tmp_path: Path) -> Path:
    """A copy of the project to write into."""
    return Path(
        shutil.copytree(project, tmp_path / "own", ignore=shutil.ignore_patterns("exports"))
    )


@pytest.fixture(scope="session")
def server(project: Path) -> Iterator[Server]:
    with serve(project, port=0, say=lambda _: None) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """A headless Chromium; GALCAT_CHROMIUM names another than the system's."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get("GALCAT_CHROMIUM") or next(
        filter(None, map(shutil.which, CHROMIUMS)), ""
    )
    if not found:
        pytest.skip("no Chromium on this machine: install one, or name it in GALCAT_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()
