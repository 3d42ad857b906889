"""The tutorials run from top to bottom, lead to each other, and keep no output in the repository."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NAMES = ["quickstart", "own_cutouts", "crossmatch", "transfer_learning", "embeddings", "publishing"]
NOTEBOOKS = [ROOT / f"notebooks/{name}.ipynb" for name in NAMES]
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
LINK = re.compile(r"\]\(([^)#]+)\)")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what lies beside the notebooks; they share the survey that the first one makes."""
    folder = tmp_path_factory.mktemp("notebooks")
    shutil.copy(ROOT / "notebooks/survey.toml", folder)
    return folder


@pytest.fixture(scope="module")
def kernel(desk: Path) -> Iterator[AsyncKernelManager]:
    """One kernel for all: TensorFlow starts once. It forgets all names before each notebook."""
    search = os.pathsep.join([str(ROOT), str(ROOT / "app"), os.environ.get("PYTHONPATH", "")])
    resources = {"metadata": {"path": str(desk)}}
    first = NotebookClient(nbformat.v4.new_notebook(), kernel_name="python3", resources=resources)
    first.execute(env={**os.environ, "PYTHONPATH": search}, cleanup_kc=False)
    first.kc.stop_channels()
    yield first.km
    run_sync(first.km.shutdown_kernel)(now=True)


def _told(path: Path) -> list[str]:
    return [cell.source for cell in _read(path).cells if cell.cell_type == "markdown"]


def _read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@each
def test_notebook_runs_from_top_to_bottom(path: Path, kernel: AsyncKernelManager) -> None:
    notebook = _read(path)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset_selective -f ."))
    client = NotebookClient(notebook, km=kernel, timeout=1500)
    try:
        client.execute()
    finally:
        client.kc.stop_channels()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    figures = [
        output for output in outputs if "Figure" in output.get("data", {}).get("text/plain", "")
    ]
    assert len(pictures) >= 4
    assert len(figures) == len(pictures)  # none is told of instead of shown
    said = [output.text for output in outputs if output.output_type == "stream"]
    assert not any("Warning" in text or "WARNING" in text for text in said)


def test_every_notebook_is_run() -> None:
    assert sorted(NOTEBOOKS) == sorted((ROOT / "notebooks").glob("*.ipynb"))


@each
def test_notebook_keeps_no_output(path: Path) -> None:
    notebook = _read(path)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"


@each
def test_notebook_has_a_title_and_leads_on(path: Path) -> None:
    told = _told(path)
    assert re.match(r"# \S.+\n\n\S", told[0])
    assert sum(text.count("\n# ") for text in told) == 0
    assert "## Where to go next" in told[-1]
    links = [link for text in told for link in LINK.findall(text) if "://" not in link]
    missing = [link for link in links if not (path.parent / link).is_file()]
    assert missing == []
    assert path.name not in links


def test_all_notebooks_are_linked_from_the_first_and_from_the_readme() -> None:
    first = "".join(_told(NOTEBOOKS[0]))
    readme = (ROOT / "README.md").read_text()
    for path in NOTEBOOKS:
        assert f"(notebooks/{path.name})" in readme
        assert path == NOTEBOOKS[0] or f"({path.name})" in first


@each
def test_notebook_tells_verbs_that_there_are(path: Path) -> None:
    from galcat_core.cli import VERBS

    verbs = {verb for text in _told(path) for verb in re.findall(r"^    galcat (\w+)", text, re.M)}
    assert verbs
    assert verbs <= set(VERBS)
