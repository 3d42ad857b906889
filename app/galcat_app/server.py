"""Serve the pages of a project folder: starts Voila in a process of its own, waits until it answers."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import webbrowser
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import galcat_core
from galcat_app.menu import pages_folder
from galcat_core.errors import GalcatError

HERE = Path(__file__).resolve().parent
START_WITHIN_S = 60.0
STOP_WITHIN_S = 10.0


class Server:
    """A running server; stop it, or wait until it ends.

    Attributes
    ----------
    url : str
        The address to open.
    port : int
    log : Path
        What the server and its kernels say.
    """

    def __init__(self, process: subprocess.Popen, url: str, port: int, scratch: Any) -> None:
        self.process = process
        self.url = url
        self.port = port
        self.log = Path(scratch.name) / "server.log"
        self._scratch = scratch

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def wait(self) -> None:
        """Wait in the foreground until the server ends or Ctrl-C is pressed, then stop it."""
        with contextlib.suppress(KeyboardInterrupt):
            self.process.wait()
        self.stop()

    def stop(self) -> None:
        """Stop the server and the kernels of all its pages."""
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()  # the server ends itself when its input ends
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def run(project: str | Path, **options: Any) -> None:
    """Serve as `serve` does until Ctrl-C or SIGTERM, while it starts too; either way nothing is left behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            serve(project, **options).wait()
    finally:
        signal.signal(signal.SIGTERM, before)


def _print(text: str) -> None:
    print(text, flush=True)  # who reads a log of it wants the address now


def serve(
    project: str | Path,
    port: int = 8866,
    open_browser: bool = False,
    token: str | None = None,
    host: str = "localhost",
    say: Any = _print,
    base_url: str = "/",
    socket: str | Path | None = None,
    preheat: bool = True,
) -> Server:
    """Serve the pages of a project folder and return when they can be opened.

    The server lives as long as this process, or until `stop`. `run` keeps it in the
    foreground.

    Parameters
    ----------
    project : path
        The project folder; it need not hold anything yet.
    port : int
        First port to try; the next free one is taken. 0 lets the system choose.
    open_browser : bool
    token : str, optional
        Whoever opens the pages must give it. It is handed to the server through a pipe: it stands
        neither in a file nor in the list of processes.
    host : str
        Address to listen on. Any but this machine itself needs a token.
    say : callable
        Takes the line with the address.
    base_url : str
        What stands before the pages' names, as "/user/ada/galcat/" behind a proxy (see
        `galcat_app.hub`).
    socket : path, optional
        Listen on this Unix socket, which only this user can open, and on no port.
    preheat : bool
        Keep a kernel waiting for each page, which then opens in a second or two less; each takes
        some 150 MB.

    Returns
    -------
    Server

    Raises
    ------
    GalcatError
        The project is a file, the port is not legal or none is free, or the server does not start.
    """
    project = Path(project).expanduser().resolve()
    _check(project, port, token, host)
    settings = {
        "project": str(project),
        "host": host,
        "port": port,
        "token": token or "",
        "pages": str(pages_folder()),
        "base_url": f"/{base_url.strip('/')}/".replace("//", "/"),
        "socket": str(socket or ""),
        "preheat": preheat,
    }
    scratch = tempfile.TemporaryDirectory(prefix="galcat-app-")
    process = _start(settings, Path(scratch.name) / "server.log")
    try:
        found = _first_answer(process, Path(scratch.name) / "server.log")
    except BaseException:  # Ctrl-C, too
        process.kill()
        process.wait()
        scratch.cleanup()
        raise
    shown = host if host not in ("", "0.0.0.0", "::") else "localhost"
    site = "" if socket else f"http://{shown}:{found}"
    url = f"{site}{settings['base_url']}" + (f"?token={quote(token)}" if token else "")
    say(f"galcat shows {project.name} at {url}")
    if open_browser:
        webbrowser.open(url)
    return Server(process, url, found, scratch)


def _check(project: Path, port: int, token: str | None, host: str) -> None:
    if project.exists() and not project.is_dir():
        raise GalcatError(f"{project} is a file; give the project's folder")
    if not 0 <= port <= 65535:
        raise GalcatError(f"port = {port}: from 0 to 65535 is legal")
    if not token and not _is_loopback(host):
        raise GalcatError(
            f"host = {host!r} can be reached from other machines: give a token, or use localhost"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _start(settings: dict[str, Any], log: Path) -> subprocess.Popen:
    """Start the server process; its settings go in through a pipe that stays open as its lifeline."""
    roots = [str(HERE.parent), str(Path(galcat_core.__file__).resolve().parents[1])]
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([*roots, *([inherited] if inherited else [])])
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "galcat_app.voila_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C reaches the parent, which ends the server in order
        )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(settings).encode() + b"\n")
        process.stdin.flush()
    return process


def _first_answer(process: subprocess.Popen, log: Path) -> int:
    """Return the port that the server tells when it listens."""
    end = time.monotonic() + START_WITHIN_S
    assert process.stdout is not None
    while time.monotonic() < end:
        ready = select.select([process.stdout], [], [], 0.2)[0]
        line = process.stdout.readline() if ready else b""
        if line.startswith(b"{"):
            return int(json.loads(line)["port"])
        if process.poll() is not None:
            break
    lines = log.read_text(errors="replace").strip().splitlines()
    raise GalcatError(f"the server did not start: {lines[-1] if lines else 'it said nothing'}")
