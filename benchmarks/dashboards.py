"""The pages in a real browser: how soon they stand, with 10,000 and 200,000 galaxies; hover; selection; weight."""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from galcat_app import Server, serve
from galcat_app.menu import PAGES

from benchmarks.browser import chromium

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/app"))
from synthetic_projects import make_project

TURNS = 3
HOVERS = 40
HERE = ".g-here, .g-stage canvas, .g-notice-inside"  # the kernel's own part of a page
SETTLED_S = 3.0  # without work of the kernels
# how long from a move of the pointer to another galaxy's picture, seen from inside of the page
WATCH = """() => {
  const stage = document.querySelector(".g-stage"), tip = document.querySelector(".g-tip");
  window.hovers = []; let moved = 0, row = "";
  stage.addEventListener("pointermove", () => { moved = moved || performance.now(); }, true);
  new MutationObserver(() => {
    if (!moved || tip.hidden || tip.dataset.row === row || !tip.querySelector("img, .g-none")) return;
    row = tip.dataset.row; window.hovers.push(performance.now() - moved); moved = 0;
  }).observe(tip, { attributes: true, childList: true, subtree: true });
  window.forget = () => { moved = 0; };
}"""
# from letting go of the box to the gallery with the selected galaxies' pictures
SELECT = """() => {
  const title = document.querySelector(".g-gallery .g-title"); const before = title.textContent;
  window.selected = null;
  addEventListener("pointerup", () => {
    const begin = performance.now();
    const look = () => {
      const pictures = [...document.querySelectorAll(".g-gallery .g-cell img")];
      const whole = title.textContent !== before && pictures.length && pictures.every((i) => i.complete);
      if (whole) window.selected = performance.now() - begin;
      else requestAnimationFrame(look);
    };
    look();
  }, { once: true, capture: true });
}"""


def main(quick: bool = False) -> list[dict]:
    """Return the rows of the table."""
    load = os.getloadavg()[0]
    sizes = (1_000, 2_000) if quick else (10_000, 200_000)
    turns = 1 if quick else TURNS
    rows: list[dict] = []
    with tempfile.TemporaryDirectory(prefix="galcat-dashboards-") as folder, chromium() as browser:
        small = make_project(Path(folder) / "small", sizes[0], min(sizes[0], 200), size_px=64)
        large = make_project(Path(folder) / "large", sizes[1], 0, size_px=64)
        with served(small, preheat=True) as server:
            rows += _kernels(server)
            rows += [_first(browser, server, p, turns, 2.0, "kernel waiting") for p in PAGES]
            rows += _explore(browser, server, sizes[0])
        with served(small, preheat=False) as server:
            rows += [_first(browser, server, p, turns, 4.0, "cold") for p in PAGES]
        with served(large, preheat=True) as server:
            rows.append(_interactive(browser, server, sizes[1], turns, 6.0))
    note = f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after (2 would fill this machine)"
    rows.append(_row("load of the machine meanwhile", os.getloadavg()[0], None, "", note))
    return rows


def _row(what: str, value: float, most: float | None, unit: str, note: str = "") -> dict:
    wanted = f"<= {most:g}" if most is not None else None
    return {"what": what, "galcat": value, "wanted": wanted, "unit": unit, "note": note}


@contextlib.contextmanager
def served(project: Path, preheat: bool) -> Iterator[Server]:
    with serve(project, port=0, preheat=preheat, say=lambda _: None) as server:
        server.began = time.monotonic()
        if preheat:
            settle(server)
        yield server


def kernels(server: Server) -> list[psutil.Process]:
    """Return the server's kernels."""
    found = []
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ipykernel_launcher" in " ".join(process.cmdline()):
                found.append(process)
    return found


def settle(server: Server) -> None:
    """Wait until no kernel of the server has anything to do, and one waits for each page."""
    quiet, spent = time.monotonic(), -1.0
    while time.monotonic() - quiet < SETTLED_S or len(kernels(server)) < len(PAGES):
        now = sum(sum(p.cpu_times()[:2]) for p in kernels(server))
        if now - spent > 0.1:
            quiet, spent = time.monotonic(), now
        time.sleep(0.2)


def _kernels(server: Server) -> list[dict]:
    there = kernels(server)
    memory = sum(p.memory_full_info().uss for p in there) / 2**20
    work = sum(sum(p.cpu_times()[:2]) for p in there)
    waited = time.monotonic() - server.began - SETTLED_S
    many = f"{len(there)} kernels, one for each page"
    return [
        _row("kernels that wait: memory of their own", memory, None, "MiB", many),
        _row("kernels that wait: processor time", work, None, "s", many),
        _row("kernels that wait: all there after", waited, None, "s", "one after the other"),
    ]


def _visit(browser: Any, url: str) -> tuple[Any, Any, float]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(120_000)
    page = context.new_page()
    begin = time.monotonic()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(HERE)
    return context, page, time.monotonic() - begin


def _first(browser: Any, server: Server, page: str, turns: int, most: float, how: str) -> dict:
    found = []
    for _ in range(turns):
        context, _, seconds = _visit(browser, f"{server.url}{page}")
        found.append(seconds)
        context.close()
        if how != "cold":
            settle(server)
    reach = f"median of {turns}, {min(found):.2f} to {max(found):.2f}"
    value = statistics.median(found)
    return _row(f"{PAGES[page]}: first widget, {how}", value, most, "s", reach)


def _interactive(browser: Any, server: Server, size: int, turns: int, most: float) -> dict:
    found = []
    for _ in range(turns):
        begin = time.monotonic()
        context, page, _ = _visit(browser, f"{server.url}explore")
        page.wait_for_selector(".g-stage[data-view]")
        page.wait_for_selector(".g-cell img")
        page.locator(".g-stage").press("+")  # it answers
        found.append(time.monotonic() - begin)
        context.close()
        settle(server)
    reach = f"median of {turns}, {min(found):.2f} to {max(found):.2f}; map, gallery, zoom"
    value = statistics.median(found)
    return _row(f"Explore: {size:,} galaxies, interactive", value, most, "s", reach)


def _explore(browser: Any, server: Server, size: int) -> list[dict]:
    rows = [_interactive(browser, server, size, 1 if size < 10_000 else TURNS, 4.0)]
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(120_000)
    page = context.new_page()
    weight = _Weight(context, page)
    page.goto(f"{server.url}explore")
    page.wait_for_selector(".g-stage[data-view]")
    page.wait_for_selector(".g-cell img")
    page.wait_for_timeout(1000)
    rows.append(_row("Explore: page weight", weight.megabytes, 4.0, "MB", weight.told))
    box = page.locator(".g-stage").bounding_box()
    page.evaluate(WATCH)
    for n in range(HOVERS):
        x = box["x"] + box["width"] * (0.2 + 0.6 * ((n * 0.618) % 1))
        y = box["y"] + box["height"] * (0.3 + 0.4 * ((n * 0.414) % 1))
        page.evaluate("window.forget()")
        page.mouse.move(x, y)
        page.wait_for_timeout(350)
    hovers = page.evaluate("window.hovers")
    told = f"{len(hovers)} galaxies, their pictures fetched and seen; slowest {max(hovers):.0f}"
    rows.append(_row("Explore: hover", statistics.median(hovers), 50, "ms", told))
    page.locator(".g-map [data-key=box]").check()
    page.evaluate(SELECT)
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.move(box["x"] + 0.52 * box["width"], box["y"] + box["height"] - 8, steps=4)
    page.mouse.up()
    page.wait_for_function("window.selected !== null")
    seconds = page.evaluate("window.selected") / 1000
    many = int(page.locator(".g-stage").get_attribute("data-selected"))
    rows.append(
        _row(f"Explore: {many:,} selected galaxies in the gallery", seconds, 0.5, "s", "by a box")
    )
    context.close()
    return rows


class _Weight:
    """What a page receives, packed as it comes: files and messages of the kernel."""

    def __init__(self, context: Any, page: Any) -> None:
        self.files = self.messages = 0
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._file)
        page.on("websocket", lambda s: s.on("framereceived", self._message))

    def _file(self, event: dict) -> None:
        self.files += int(event["encodedDataLength"])

    def _message(self, payload: str | bytes) -> None:
        self.messages += len(payload)

    @property
    def megabytes(self) -> float:
        return (self.files + self.messages) / 1e6

    @property
    def told(self) -> str:
        return (
            f"{self.files / 1e6:.2f} MB of files, {self.messages / 1e6:.2f} MB of messages, a gallery's "
            "thumbnails among them"
        )
