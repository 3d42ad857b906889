"""Real Jupyter servers, each on a port of its own with settings of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

PATIENCE = 300  # seconds that a busy machine may take
PLACES = ("CONFIG", "DATA", "RUNTIME")


@contextmanager
def jupyter(
    folder: Path, command: Sequence[str], cwd: Path, own: dict[str, Any], base: str, asked: str
) -> Iterator[str]:
    """Run a server until it is no longer needed; yield its address.

    Parameters
    ----------
    folder : Path
        What it keeps, and its log.
    command : sequence of str
        Takes --port.
    cwd : Path
    own : dict
        Variables of its environment.
    base : str
        What stands behind host and port in its address.
    asked : str
        What answers there once it is up.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {f"JUPYTER_{name}_DIR": folder / name.lower() for name in PLACES}
    environment = {k: str(v) for k, v in {**os.environ, **places, **own}.items()}
    with (folder / "jupyter.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--port={port}"], cwd=cwd, env=environment, stdout=log, stderr=log
        )
    address, deadline = f"http://127.0.0.1:{port}{base}", time.monotonic() + PATIENCE
    try:
        while not _answers(f"{address}{asked}"):
            assert process.poll() is None, (folder / "jupyter.log").read_text()
            assert time.monotonic() < deadline, "the Jupyter server does not answer"
            time.sleep(0.2)
        yield address
    finally:
        started = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait()
        alive = psutil.wait_procs(started, timeout=30)[1]
    assert alive == []  # whatever the server started ends with it


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False
