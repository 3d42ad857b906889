"""The notebooks of all pages run in a real JupyterLab, in a real Chromium."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from galcat_app.menu import PAGES
from galcat_app.server import pages_folder
from jupyter_servers import PATIENCE, jupyter
from visits import SHOWS

pytestmark = pytest.mark.browser
pytest.importorskip("jupyterlab", reason="JupyterLab is not installed (extra lab)")


@pytest.fixture
def lab(project: Path, tmp_path: Path) -> Iterator[str]:
    """Address of a JupyterLab over a folder that holds copies of the notebooks."""
    for page in PAGES:
        shutil.copy(pages_folder() / f"{page}.ipynb", tmp_path)
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    command += ["--IdentityProvider.token="]
    with jupyter(tmp_path, command, tmp_path, {"GALCAT_PROJECT": project}, "/lab", "") as address:
        yield address


def test_every_notebook_shows_its_page_in_jupyterlab(lab: str, chromium: Any) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    for name in PAGES:
        page.goto(f"{lab}/tree/{name}.ipynb?reset")  # without the notebook before
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        # what is run before the kernel is there is forgotten
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.locator(f".jp-OutputArea {SHOWS[name]}").first.wait_for()
        there = page.locator(".jp-OutputArea .g-bar .g-page")
        assert there.all_inner_texts() == list(PAGES.values())
        links = there.evaluate_all("(all) => all.map((a) => a.getAttribute('href'))")
        assert links == [f"{other}.ipynb" for other in PAGES]
    context.close()
