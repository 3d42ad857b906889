"""The notebooks of all pages run in a real JupyterLab, in a real Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from galcat_app.menu import PAGES
from galcat_app.server import pages_folder
from visits import SHOWS

pytestmark = pytest.mark.browser
pytest.importorskip("jupyterlab", reason="JupyterLab is not installed (extra lab)")

PATIENCE = 300  # seconds that a busy machine may take


@pytest.fixture
def lab(project: Path, tmp_path: Path) -> Iterator[str]:
    """Address of a JupyterLab over a folder that holds copies of the notebooks."""
    for page in PAGES:
        shutil.copy(pages_folder() / f"{page}.ipynb", tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"JUPYTER_CONFIG_DIR": tmp_path / "config", "JUPYTER_DATA_DIR": tmp_path / "data"}
    own |= {"JUPYTER_RUNTIME_DIR": tmp_path / "runtime", "GALCAT_PROJECT": project}
    environment = os.environ | {name: str(value) for name, value in own.items()}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--IdentityProvider.token="]
    with (tmp_path / "lab.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        address, deadline = f"http://127.0.0.1:{port}/lab", time.monotonic() + PATIENCE
        while not _answers(address):
            assert process.poll() is None, (tmp_path / "lab.log").read_text()
            assert time.monotonic() < deadline, "JupyterLab does not answer"
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False


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
        if os.environ.get("GALCAT_SHOTS"):
            page.screenshot(path=Path(os.environ["GALCAT_SHOTS"]) / f"lab-{name}.png")
    context.close()
