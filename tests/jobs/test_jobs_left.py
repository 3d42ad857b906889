"""Jobs whose starter is gone: a notebook's kernel, a dashboard, a terminal, each real, each killed with all it has."""

import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from galcat_core import jobs
from galcat_core.cli import main as galcat

CODE = """
import os
from galcat_core import jobs
os.chdir({root!r})
program = ["python", "-m", "tests.jobs.programs", "twice", {mark!r}]
jobs.start(program, jobs.named("local"), folder={folder!r})
"""


def kill_all(pid: int) -> None:
    """Kill -9 a process and all that it started and that stayed with it, at once."""
    doomed = [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]
    for process in doomed:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(doomed)


@contextlib.contextmanager
def kernel(code: str, path: Path, until):
    """A notebook's kernel that runs the code; killed at the end of the block."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        reply = client.execute_interactive(code, timeout=120)
        assert reply["content"]["status"] == "ok", reply
        yield
    finally:
        kill_all(manager.provisioner.pid)
        manager.provisioner.process.wait()
        client.stop_channels()
        manager.cleanup_resources()


@contextlib.contextmanager
def dashboard(code: str, path: Path, until):
    """A page of Voila whose notebook runs the code, loaded; server and kernel are killed."""
    cell = {"cell_type": "code", "metadata": {}, "source": code, "outputs": []}
    about = {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    page = {"cells": [{**cell, "execution_count": None}], "metadata": about}
    (path / "page.ipynb").write_text(json.dumps({**page, "nbformat": 4, "nbformat_minor": 4}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "voila", "page.ipynb", "--no-browser", f"--port={port}"]
    log = (path / "voila.txt").open("wb")
    server = subprocess.Popen(command, cwd=path, stdout=log, stderr=log)

    def loaded() -> bool:
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://localhost:{port}/", timeout=120).status == 200
        assert server.poll() is None, (path / "voila.txt").read_text()
        return False

    try:
        until(loaded, "for the page")
        yield
    finally:
        kill_all(server.pid)
        server.wait()
        log.close()


@contextlib.contextmanager
def terminal(code: str, path: Path, until):
    """A shell on a terminal, as of an ssh session, that is hung up."""
    pid, line = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests run under nohup
        os.execv("/bin/sh", ["sh", "-c", f"{sys.executable} -c '{code}'; sleep 600"])
    try:
        yield
    finally:
        os.close(line)  # the kernel sends SIGHUP to all of the session
        os.waitpid(pid, 0)


@pytest.mark.parametrize("starter", [kernel, dashboard, terminal])
def test_a_job_outlives_its_starter_and_another_session_finds_it(
    starter, folder, tmp_path, until, monkeypatch, capsys
):
    root = Path.cwd()
    monkeypatch.setenv("PYTHONPATH", f"{root}:{os.environ.get('PYTHONPATH', '')}")
    words = {"root": str(root), "mark": str(tmp_path), "folder": str(folder)}
    code = CODE.format(**words).replace("'", '"')
    with starter(code, tmp_path, until):
        (pid,) = until(lambda: [int(p.name[4:]) for p in tmp_path.glob("pid-*")])
    time.sleep(1.0)  # whatever would take it down has done so
    (job,) = jobs.jobs_of(folder)
    assert psutil.pid_exists(pid)
    assert jobs.state(job).name == "running"
    assert galcat(["jobs", "--jobs", str(folder)]) == 0
    assert "programs-1  running" in capsys.readouterr().out
    # and so is it once its own end has come
    for process in (job.attempts[-1].keeper, job.attempts[-1].process):
        os.kill(process.pid, signal.SIGKILL)
    assert jobs.wait(job).name == "interrupted"
    assert galcat(["jobs", "resume", "1", "--jobs", str(folder)]) == 0
    assert jobs.wait(job) == jobs.State("finished")
