"""The server's process: Voila with galcat's pages, template and rules. Settings come in on stdin.

It ends when its stdin ends, so it never outlives the process that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import json
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import tornado.ioloop
import tornado.web
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_core.utils import ensure_async, run_sync
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets, bind_unix_socket
from traitlets.config import Config
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.tornado.handler import TornadoVoilaHandler

from galcat_app.menu import PAGES
from galcat_app.state import reports

TEMPLATE = "galcat"
TEMPLATES = Path(__file__).resolve().parent / "share" / "jupyter"
PORTS_TRIED = 50
# What the pages need of JupyterLab; every other extension would be loaded for nothing.
EXTENSIONS = [
    "anywidget",
    "@jupyter-widgets/jupyterlab-manager",
    "@voila-dashboards/widgets-manager8",
]
PREHEATED = ("home", "explore", "pairs", "training")  # in the order in which they are looked at
REFILL_S = 4.0  # a page that opens has the machine for itself so long; then the next kernel starts
IDLE_S = 600  # a kernel without a page is ended after this time
# The browser itself refuses what would go to another host. Voila's scripts stand in the page, and
# panels' code comes as blobs.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'"
)


class OwnPython(KernelSpecManager):
    """Kernels run in the Python that galcat is installed in, whatever kernels the machine has."""

    def find_kernel_specs(self) -> dict[str, str]:
        return {"python3": str(TEMPLATES)}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, *get_kernel_dict()["argv"][1:]]
        return KernelSpec(resource_dir=str(TEMPLATES), **{**get_kernel_dict(), "argv": argv})

    def get_all_specs(self) -> dict[str, Any]:
        spec = self.get_kernel_spec("python3").to_dict()
        return {"python3": {"resource_dir": str(TEMPLATES), "spec": spec}}


class EndKernel(VoilaShutdownKernelHandler):
    """Ends a page's kernel when its tab closes.

    The browser's farewell carries no XSRF token, which Voila would refuse: kernels would pile up.
    It needs none: a kernel's id is a secret, and the request must come from a page of this server.
    """

    def check_xsrf_cookie(self) -> None:
        origin = self.request.headers.get("Origin", "")
        if origin.partition("://")[2] != self.request.host:
            raise tornado.web.HTTPError(403, "this must come from a page of galcat")


class PageHandler(TornadoVoilaHandler):
    """A page; kernels that died while they waited for it are passed over."""

    async def get(self, path: str | None = None) -> None:
        if self.current_user is not None:
            # it is known who asks: kernels need no token in their environment
            self.request.uri, self.request.query = self.request.path, ""
            if self.voila_configuration.preheat_kernel:
                await self._kernel_waits()
        await super().get(path)

    async def _kernel_waits(self) -> None:
        """Have a kernel that waits for this page: one that starts now fails aloud, never in silence."""
        manager = self.kernel_manager
        waiting = manager._pools.setdefault(self.notebook_path, [])
        for task in [task for task in waiting if task.done()]:
            if task.exception() or not await self._alive(task.result()["kernel_id"]):
                with contextlib.suppress(ValueError):  # another visitor has taken it meanwhile
                    waiting.remove(task)
        manager.fill_if_needed(delay=0, notebook_name=self.notebook_path)
        if waiting:
            await asyncio.wait(waiting[:1])

    async def _alive(self, kernel_id: str) -> bool:
        if kernel_id not in self.kernel_manager:
            return False
        return await ensure_async(self.kernel_manager.is_alive(kernel_id))


class ReportHandler(JupyterHandler):
    """An evaluation report of the project, shown apart from galcat's pages (see `state.reports`)."""

    @tornado.web.authenticated
    def get(self, path: str) -> None:
        page = reports.read_report(Path(os.environ["GALCAT_PROJECT"]), path)
        if page is None:
            raise tornado.web.HTTPError(404, "the project has no such report")
        self.set_header("Content-Security-Policy", reports.policy())
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")
        self.finish(page)


class GalcatVoila(Voila):
    """Voila that serves galcat's pages and the project's reports, and nothing else: no folders, no files."""

    def init_handlers(self) -> list:
        kept = [h for h in super().init_handlers() if not self._serves_files(h[0])]
        pages = [
            (
                url_path_join(self.server_url, f"/{page}"),
                PageHandler,
                {
                    "notebook_path": f"{page}.ipynb",
                    "template_paths": self.template_paths,
                    "config": self.config,
                    "voila_configuration": self.voila_configuration,
                },
            )
            for page in PAGES
        ]
        end = (url_path_join(self.server_url, r"/voila/api/shutdown/(.*)"), EndKernel)
        first = (self.server_url, FirstPage)
        report = (url_path_join(self.server_url, r"/report/(.+)"), ReportHandler)
        return [end, first, report, *pages, *kept]

    def _serves_files(self, pattern: str) -> bool:
        closed = ("/voila/files/", "/voila/tree", "/voila/render/", "/voila/api/contents")
        return pattern == self.server_url or any(part in pattern for part in closed)

    async def heat(self) -> None:
        """Start a waiting kernel for each page in turn, so that the first page has the machine for itself."""
        manager, first = self.kernel_manager, next(iter(PAGES))
        notebooks = [
            f"{page}.ipynb" for page in sorted(PAGES, key=PREHEATED.index) if page != first
        ]
        for before, notebook in itertools.pairwise([f"{first}.ipynb", *notebooks]):
            with contextlib.suppress(Exception):  # it died; whoever wants its page starts another
                for waiting in list(manager._pools.get(before, [])):
                    await (await waiting)["task"]
            manager.fill_if_needed(delay=0, notebook_name=notebook)

    def listen(self) -> None:
        """Listen on the first free port, tell it on stdout, and serve until stdin ends."""
        self.app.add_transform(Gzip)
        server = HTTPServer(self.app)
        server.add_sockets(self._sockets())
        self.ioloop = tornado.ioloop.IOLoop.current()
        self.ioloop.add_handler(sys.stdin.fileno(), self._heard, self.ioloop.READ)
        if self.voila_configuration.preheat_kernel:
            self.ioloop.add_callback(self.heat)
        print(json.dumps({"port": self.port}), flush=True)
        os.dup2(
            sys.stderr.fileno(), sys.stdout.fileno()
        )  # nobody reads on: kernels write to the log
        try:
            self.ioloop.start()
        finally:
            server.stop()
            self.stop()

    def stop(self) -> None:
        """End all kernels at once: they hold nothing that is not on disk."""
        shutil.rmtree(self.connection_dir, ignore_errors=True)
        run_sync(self.kernel_manager.shutdown_all)(now=True)

    def _sockets(self) -> list[socket.socket]:
        if self.config.Galcat.socket:
            return [bind_unix_socket(self.config.Galcat.socket, mode=0o600)]
        for port in range(self.port, self.port + PORTS_TRIED) if self.port else [0]:
            try:
                found = bind_sockets(port, self.ip)
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
                continue
            self.port = found[0].getsockname()[1]
            return found
        print(f"no port from {self.port} to {self.port + PORTS_TRIED - 1} is free", file=sys.stderr)
        sys.exit(1)

    def _heard(self, descriptor: int, _events: int) -> None:
        if not os.read(descriptor, 1024):
            self.ioloop.remove_handler(descriptor)
            self.ioloop.stop()


class Gzip(tornado.web.GZipContentEncoding):
    """Answers packed quickly: most are files of Voila's, which a page waits for one after the other."""

    GZIP_LEVEL = 2


class FirstPage(tornado.web.RequestHandler):
    """Leads from the bare address to the first page, the token with it."""

    def get(self) -> None:
        query = f"?{self.request.query}" if self.request.query else ""
        self.redirect(next(iter(PAGES)) + query)


def _later() -> list[str]:
    return [rf".*\b{page}\.ipynb$" for page in list(PAGES)[1:]]


def config_of(settings: dict[str, Any]) -> Config:
    """Return Voila's configuration for the settings that `galcat_app.server.serve` sends."""
    # behind a proxy the browser names the proxy's host, and the socket is this user's alone
    local = settings["host"] in ("localhost", "127.0.0.1", "::1") and not settings["socket"]
    policy = f"{POLICY} {os.environ.get('GALCAT_FRAME_ANCESTORS', '')}".rstrip()
    return Config(
        {
            "Galcat": {"socket": settings["socket"]},
            "Voila": {
                "base_url": settings["base_url"],
                "ip": settings["host"],
                "port": settings["port"],
                "root_dir": settings["pages"],
                "token": settings["token"],
                "open_browser": False,
                "config_file_paths": [],
                # a page elsewhere must not reach this server under a name of its own (DNS rebinding)
                "tornado_settings": {
                    "allow_remote_access": not local,
                    "headers": {
                        "Content-Security-Policy": policy,
                        "Referrer-Policy": "no-referrer",
                    },
                },
            },
            "VoilaConfiguration": {
                "template": TEMPLATE,
                "allow_template_override": "NO",
                "allow_theme_override": "NO",
                "file_allowlist": [],
                "strip_sources": True,
                # what the template shows before the kernel is there
                "resources": {
                    "galcat": {"pages": PAGES, "project": Path(settings["project"]).name}
                },
                "show_tracebacks": False,
                "extension_allowlist": EXTENSIONS,
                "kernel_spec_manager_class": OwnPython,
                "preheat_kernel": settings["preheat"],
                "default_pool_size": 1,
            },
            # a kernel that was started again has lost its page: better none than an empty one
            "KernelManager": {"autorestart": False},
            # the other pages' kernels are started one after the other (`GalcatVoila.heat`)
            "VoilaKernelManager": {
                "preheat_denylist": [r".*checkpoint.*", *_later()],
                "fill_delay": REFILL_S,
            },
            "MappingKernelManager": {
                "cull_idle_timeout": IDLE_S,
                "cull_interval": 60,
                "cull_connected": False,
            },
            # a map of 200,000 galaxies is more than the default lets through at once
            "ZMQChannelsWebsocketConnection": {"limit_rate": False},
        }
    )


def main() -> None:
    """Read the settings from stdin and serve."""
    settings = json.loads(sys.stdin.buffer.raw.readline())
    os.environ["GALCAT_PROJECT"] = settings["project"]
    os.environ["GALCAT_SERVED"] = "1"
    paths = [str(TEMPLATES), os.environ.get("JUPYTER_PATH", "")]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(path for path in paths if path)
    server = GalcatVoila(config=config_of(settings))
    server.initialize([])
    server.start()


if __name__ == "__main__":
    main()
