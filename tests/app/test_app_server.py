"""The server: what it shows, to whom, and that it ends with whoever started it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import psutil
import pytest
from galcat_app import Server, serve
from galcat_app.server import pages_folder
from galcat_app.voila_server import OwnPython
from nbclient import NotebookClient

from galcat_core.errors import GalcatError


def _status(url: str, **headers: str) -> tuple[int, str]:
    """Return status and text of a page, errors included, redirects followed."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=30
        ) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")


@pytest.mark.parametrize(
    "path",
    [
        "voila/files/explore.ipynb",
        "voila/files/galcat_app/server.py",
        "voila/render/explore.ipynb",
        "voila/tree/",
        "voila/api/contents/",
        "voila/static/../../../../etc/passwd",
        "voila/templates/galcat/static/../../../../../server.py",
        "etc/passwd",
    ],
)
def test_nothing_but_the_pages_is_served(server: Server, path: str) -> None:
    status, text = _status(server.url + path)
    assert status >= 400
    assert "galcat_core" not in text
    assert "root:" not in text


def test_the_server_listens_on_this_machine_only(server: Server) -> None:
    process = psutil.Process(server.process.pid)
    listening = [c.laddr for c in process.net_connections("inet") if c.status == "LISTEN"]
    addresses = {address.ip for address in listening if address.port == server.port}
    assert addresses <= {"127.0.0.1", "::1"}
    assert addresses


def test_another_name_for_this_machine_is_refused(server: Server) -> None:
    assert _status(server.url + "explore", Host="rebound.example")[0] == 403


def test_a_kernel_is_ended_only_by_a_page_of_the_server(server: Server) -> None:
    url = f"{server.url}voila/api/shutdown/00000000-0000-0000-0000-000000000000"
    for origin, wanted in (("http://elsewhere.example", 403), (server.url.rstrip("/"), 404)):
        request = urllib.request.Request(url, data=b"", headers={"Origin": origin})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        assert refused.value.code == wanted
        refused.value.close()


def test_a_token_is_asked_for_and_stands_in_no_process_list(server: Server, project: Path) -> None:
    token = "s3cret-and-long-enough"
    said: list[str] = []
    with serve(project, port=server.port, token=token, say=said.append) as second:
        assert second.port > server.port  # the next free one
        assert said == [f"galcat shows survey at {second.url}"]
        assert token in second.url
        bare = f"http://localhost:{second.port}/explore"
        assert "cell-index" not in _status(bare)[1]
        assert _status(f"http://localhost:{second.port}/api/kernels/none")[0] in (403, 404)
        family = [psutil.Process(second.process.pid)]
        family += family[0].children(recursive=True)
        assert not any(token in " ".join(p.cmdline()) for p in family)
        assert not any(token in " ".join(p.environ().values()) for p in family)
        assert token not in second.log.read_text(errors="replace")
        for _ in range(2):  # the second comes from a kernel that was started after the first
            status, text = _status(f"{bare}?token={token}")
            assert status == 200
            assert "cell-index" in text
        family = psutil.Process(second.process.pid).children(recursive=True)
        assert family
        assert not any(token in " ".join(p.environ().values()) for p in family)


def test_what_cannot_be_served_is_told(project: Path) -> None:
    with pytest.raises(GalcatError, match="is a file; give the project's folder"):
        serve(project / "catalogue.parquet")
    with pytest.raises(GalcatError, match="port = 70000"):
        serve(project, port=70000)
    with pytest.raises(GalcatError, match="give a token"):
        serve(project, host="0.0.0.0")


def test_a_server_ends_with_the_process_that_started_it(project: Path) -> None:
    code = (
        "import sys, time; from galcat_app import serve; s = serve(sys.argv[1], port=0)\n"
        "print(s.process.pid, flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, str(project)], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    starter.stdout.readline()
    child = psutil.Process(int(starter.stdout.readline()))
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    end = time.monotonic() + 20
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
        time.sleep(0.1)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("starting", [True, False], ids=["while it starts", "while it serves"])
def test_galcat_app_leaves_nothing_behind_when_it_is_ended(
    project: Path, tmp_path: Path, starting: bool
) -> None:
    command = [sys.executable, "-m", "galcat_core.cli", "app", str(project), "--port", "0"]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert running.stdout is not None
    if starting:
        while not list(tmp_path.glob("galcat-app-*/server.log")):
            time.sleep(0.05)
    else:
        running.stdout.readline()  # the address
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 0
    running.stdout.close()
    assert list(tmp_path.glob("galcat-app-*")) == []


def test_kernels_run_in_this_python_whatever_the_machine_offers() -> None:
    specs = OwnPython()
    assert specs.get_kernel_spec("anything").argv[0] == sys.executable
    assert list(specs.get_all_specs()) == ["python3"]


def test_a_kernel_that_died_while_it_waited_is_passed_over(server: Server) -> None:
    _status(server.url + "explore")  # takes one kernel; the next is started behind it
    for process in psutil.Process(server.process.pid).children():
        process.kill()
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
    status, text = _status(server.url + "explore")
    assert status == 200
    kernel = re.search(r'"kernelId": "([0-9a-f-]+)"', text)
    assert kernel
    assert '"execution_state"' in _status(f"{server.url}api/kernels/{kernel[1]}")[1]
    assert "widget-view+json" in text


@pytest.mark.parametrize("name", ["survey", "nothing"])
def test_the_notebook_runs_from_top_to_bottom(project: Path, name: str) -> None:
    notebook = nbformat.read(pages_folder() / "explore.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    root = Path(__file__).resolve().parents[2]
    env = {
        **os.environ,
        "GALCAT_PROJECT": str(project.parent / name),
        "PYTHONPATH": os.pathsep.join([str(root), str(root / "app")]),
    }
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    client.execute(env=env)
    shown = notebook.cells[-1].outputs[-1]["data"]
    assert "application/vnd.jupyter.widget-view+json" in shown
    states = json.dumps(client.widget_state)
    assert ("does not exist" in states) == (name == "nothing")
