"""The pages on a plain Jupyter server, as on Binder, and behind jupyter-server-proxy, as on a hub."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from galcat_app.hub import proxied
from galcat_app.menu import PAGES
from galcat_app.voila_server import IDLE_S
from jupyter_servers import PATIENCE, jupyter
from visits import Visit

ROOT = Path(__file__).resolve().parents[2]
BASE = "/user/ada/"  # where a hub puts a user's server
TOKEN = "of-the-jupyter-server"


@contextmanager
def _jupyter(folder: Path, cwd: Path, own: dict[str, Any], *options: str) -> Iterator[str]:
    """Run a Jupyter server with binder/start before it; yield its address."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "app"), os.environ.get("PYTHONPATH", "")])
    command = [str(ROOT / "binder/start"), sys.executable, "-m", "jupyter", "server"]
    command += ["--no-browser", "--allow-root", f"--ServerApp.base_url={BASE}"]
    command += [f"--IdentityProvider.token={TOKEN}", *options]
    with jupyter(folder, command, cwd, {"PYTHONPATH": path, **own}, BASE, "api") as address:
        yield address


@pytest.mark.browser
def test_pages_are_rendered_as_on_binder(project: Path, tmp_path: Path, chromium: Any) -> None:
    with _jupyter(tmp_path, ROOT, {"GALCAT_PROJECT": project}) as address:
        visit = Visit(chromium, f"{address}voila/render/app/explore.ipynb?token={TOKEN}")
        visit.shows_map()
        assert "400" in visit.page.locator(".g-header").inner_text()
        assert visit.page.locator("link[rel=icon]").get_attribute("href").startswith("data:")
        assert not visit.page.locator("text=import os").count()  # no code is shown
        assert visit.errors == []
        seen = visit.goes_to_every_page("explore")
        assert seen == [f"{address}voila/render/app/{page}.ipynb" for page in PAGES]
        assert visit.hosts - {""} == {address.split("/")[2]}
        # a Jupyter server refuses what Voila sends when a page is left, and culls the kernel later
        assert {error for error in visit.errors if "403 (Forbidden)" not in error} == set()
        assert len(visit.errors) < len(PAGES)
        visit.context.close()


@pytest.fixture(scope="module")
def hub(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Jupyter server that has galcat behind jupyter-server-proxy."""
    pytest.importorskip("jupyter_server_proxy", reason="jupyter-server-proxy is not installed")
    tmp_path = tmp_path_factory.mktemp("hub")
    config = {"ServerApp": {"jpserver_extensions": {"jupyter_server_proxy": True}}}
    there = importlib.metadata.entry_points(group="jupyter_serverproxy_servers")
    if "galcat" not in there.names:  # galcat was not installed again since it has this entry point
        config["ServerProxy"] = {"servers": {"galcat": proxied()}}
    (tmp_path / "config").mkdir()
    (tmp_path / "config/jupyter_server_config.json").write_text(json.dumps(config))
    with _jupyter(tmp_path, tmp_path, {"GALCAT_PROJECT": project}) as address:
        yield address


@pytest.mark.browser
def test_the_pages_work_behind_the_proxy(hub: str, tmp_path: Path, chromium: Any) -> None:
    visit = Visit(chromium, f"{hub}galcat/explore?token={TOKEN}").shows_map()
    assert visit.page.url.partition("?")[0] == f"{hub}galcat/explore"
    visit.page.get_by_label("Colour by").select_option("predicted")  # a round trip to the kernel
    visit.page.wait_for_selector(".g-legend:has-text('elliptical')")
    seen = visit.goes_to_every_page("explore")
    assert seen == [f"{hub}galcat/{page}" for page in PAGES]
    assert visit.hosts - {""} == {hub.split("/")[2]}
    assert visit.errors == []
    visit.context.close()


def test_nobody_gets_in_without_the_servers_token(hub: str) -> None:
    with urllib.request.urlopen(f"{hub}galcat/explore", timeout=60) as answer:
        assert answer.url.startswith(f"{hub}login")


def test_the_proxy_shows_a_tile_and_its_socket_is_the_users_alone(hub: str) -> None:
    asked = urllib.request.Request(f"{hub}server-proxy/servers-info")
    asked.add_header("Authorization", f"token {TOKEN}")
    with urllib.request.urlopen(asked, timeout=60) as answer:
        (told,) = json.load(answer)["server_processes"]
    assert told["launcher_entry"]["title"] == "galcat"
    assert told["new_browser_tab"]
    asked.full_url = f"{hub}galcat/nothing-here"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked, timeout=PATIENCE)  # starts it
    assert refused.value.code == 404
    refused.value.close()


def test_an_address_and_a_socket_are_served(project: Path, tmp_path: Path) -> None:
    from galcat_app import serve

    place = tmp_path / "galcat.sock"
    said: list[str] = []
    with serve(project, base_url="user/ada/galcat", socket=place, say=said.append) as server:
        assert server.url == "/user/ada/galcat/"
        assert said == ["galcat shows survey at /user/ada/galcat/"]
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        for path, wanted in (("/user/ada/galcat/", "302"), ("/explore", "404")):
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(str(place))
                line.sendall(f"GET {path} HTTP/1.1\r\nHost: hub.example\r\n\r\n".encode())
                assert line.recv(100).decode().split()[1] == wanted


def test_who_may_frame_the_pages_can_be_named(project: Path, monkeypatch: Any) -> None:
    from galcat_app import serve

    monkeypatch.setenv("GALCAT_FRAME_ANCESTORS", "https://hub.example")
    with (
        serve(project, port=0, say=lambda _: None) as server,
        urllib.request.urlopen(f"{server.url}explore", timeout=PATIENCE) as answer,
    ):
        policy = answer.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'self' https://hub.example")


def test_binder_starts_what_it_is_given(tmp_path: Path) -> None:
    told = subprocess.run(
        [ROOT / "binder/start", shutil.which("env")], capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "JUPYTER_PATH": "/elsewhere"}, cwd=tmp_path,
    ).stdout  # fmt: skip
    told = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    assert told["GALCAT_PROJECT"] == str(ROOT / "notebooks/survey")
    templates, kept = told["JUPYTER_PATH"].split(":")
    assert (Path(templates) / "voila/templates/galcat/conf.json").is_file()
    assert kept == "/elsewhere"
    config = Path(told["JUPYTER_CONFIG_PATH"])
    assert (config / "voila.json").is_file()
    culled = json.loads((config / "jupyter_server_config.json").read_text())["MappingKernelManager"]
    assert culled["cull_idle_timeout"] == IDLE_S  # as by galcat's own server
    assert not culled["cull_connected"]
