"""A synthetic project, a real server that shows it, and tabs of a real headless Chromium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from galcat_app import Server, serve
from galcat_app.state.explore.page import ExploreState
from galcat_app.state.explore.similar import BOX
from synthetic_projects import make_project
from trainable import make_trainable
from visits import Visit

from galcat_core import jobs
from galcat_core.cli import main


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
def embedded(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with a run, the model in the box told to take pictures as they are, and its features."""
    folder = tmp_path_factory.mktemp("embedded") / "own"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("exports", "embeddings"))
    run = Path(shutil.copytree(BOX, folder / "runs/box"))
    told = json.loads((run / "run.json").read_text())
    told["store"]["settings"] = {"size_px": 48}
    (run / "run.json").write_text(json.dumps(told))
    words = ["embed", folder / "cutouts/des", "--run", run, "--any-recipe"]
    assert main([*map(str, words), "-o", str(folder / "embeddings/box.parquet")]) == 0
    return folder


@pytest.fixture(scope="session")
def trainable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project to train in; whoever changes it copies it (see `own`)."""
    return make_trainable(tmp_path_factory.mktemp("trainable") / "survey")


@pytest.fixture
def own(trainable: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it to write into; the jobs that still run there are ended."""
    folder = Path(shutil.copytree(trainable, tmp_path / "own"))
    yield folder
    for job in jobs.jobs_of(folder / "jobs"):
        if jobs.state(job).live:
            jobs.cancel(job)


@pytest.fixture(scope="session")
def server(project: Path) -> Iterator[Server]:
    with serve(project, port=0, say=lambda _: None) as running:
        yield running


@pytest.fixture(scope="session")
def tab(chromium: Any, server: Server) -> Iterator[Visit]:
    opened = Visit(chromium, server.url, reduced_motion="reduce").shows_map()
    yield opened
    opened.context.close()


@pytest.fixture
def visit(tab: Visit) -> Iterator[Visit]:
    """The one tab that most tests share (a kernel takes seconds to start), as it was when it opened."""
    yield tab
    errors, tab.errors = tab.errors, []
    tab.page.mouse.move(2, 2)
    tab.page.evaluate(
        "document.querySelectorAll('details[open]').forEach((d) => { d.open = false; })"
    )
    tab.page.locator(".g-map [data-key=pan]").check()
    tab.page.locator(".g-map [data-key=tsne]").check()
    tab.page.locator(".g-gallery [data-key=pictures]").check()
    tab.page.get_by_label("Colour by").select_option("p_spiral")
    tab.page.locator(".g-stage").press("Escape")
    tab.page.locator(".g-stage").press("0")
    close = tab.page.get_by_label("Close this galaxy")
    if close.count():
        close.click()
    tab.page.wait_for_selector(".g-title:has-text('All galaxies')")
    tab.page.wait_for_selector(".g-card.g-empty")
    tab.page.wait_for_selector(".g-ramp")
    assert errors == []


@pytest.fixture(scope="module")
def state(project: Path) -> ExploreState:
    return ExploreState(project)
