"""galcat behind JupyterHub or in JupyterLab: what jupyter-server-proxy asks for, and what it starts.

It finds `proxied` by the entry point in pyproject.toml: then JupyterLab's launcher has a tile, and
`BASE_URL/galcat/` leads to the pages. HUB.md tells how a hub is set up.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from galcat_app.server import run
from galcat_core.errors import GalcatError

NAME = "galcat"
ICON = Path(__file__).resolve().parent / "share" / "galcat.svg"
START_WITHIN_S = 90
LOOK_SECONDS = 1.0  # between two looks whether the proxy lives


def proxied(name: str = NAME) -> dict[str, Any]:
    """Return how jupyter-server-proxy starts the pages and shows them.

    The pages listen on a Unix socket that only their user can open: on a machine that many share, a
    port of localhost would be open to all. They are told their whole address, so that links,
    websockets and kernels find their way through hub and proxy.

    Parameters
    ----------
    name : str
        Under which the proxy has them: the last part of their address.

    Returns
    -------
    dict
        See jupyter-server-proxy's documentation of server processes.
    """
    return {
        "command": [
            sys.executable,
            "-m",
            "galcat_app.hub",
            "--socket",
            "{unix_socket}",
            "--base-url",
            f"{{base_url}}{name}/",
        ],
        "unix_socket": True,
        "absolute_url": True,
        "timeout": START_WITHIN_S,
        "launcher_entry": {"title": name, "icon_path": str(ICON), "category": "Other"},
        "new_browser_tab": True,
    }


def main(arguments: list[str] | None = None) -> None:
    """Serve the project named in GALCAT_PROJECT, or the folder that this runs in, until it is ended."""
    parser = argparse.ArgumentParser(prog="galcat_app.hub", description=main.__doc__)
    parser.add_argument("--socket", required=True, help="Unix socket to listen on")
    parser.add_argument("--base-url", default="/", help="what stands before the pages' names")
    args = parser.parse_args(arguments)
    threading.Thread(target=_end_without, args=[os.getppid()], daemon=True).start()
    try:
        run(os.environ.get("GALCAT_PROJECT", "."), base_url=args.base_url, socket=args.socket)
    except GalcatError as error:
        sys.exit(f"galcat: {error}")


def _end_without(proxy: int) -> None:
    """End this process when the proxy that started it is gone: it may have had no time to say so."""
    while os.getppid() == proxy:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
