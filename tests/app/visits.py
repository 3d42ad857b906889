"""A browser's tab with the Explore page, and where galaxies are on its screen."""

from __future__ import annotations

import base64
import io
import json
import math
from typing import Any
from urllib.parse import urlparse

import numpy as np
import pytest
from galcat_app.menu import PAGES
from galcat_app.state.explore.page import ExploreState
from PIL import Image

GRAVE = ("serious", "critical")
PIXELS = """(image) => {
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
}"""

SHOWS = {  # what is there once a page shows a project
    "home": ".g-home .g-way",
    "explore": ".g-stage[data-view]",
    "pairs": ".g-pair-cell img",
    "training": ".g-form .g-fields",
}


class Visit:
    """A tab that remembers its errors and requests, and knows where galaxies are on its screen.

    A server's bare address is taken for that of its Explore page.
    """

    def __init__(self, chromium: Any, url: str, **options: Any) -> None:
        self.context = chromium.new_context(viewport={"width": 1280, "height": 860}, **options)
        self.context.set_default_timeout(300_000)  # a busy machine may take minutes
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlparse(request.url).netloc))
        self.page.on("websocket", lambda socket: self.hosts.add(urlparse(socket.url).netloc))
        self.page.goto(at(url, "explore") if urlparse(url).path == "/" else url)

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def goes_to_every_page(self, first: str) -> list[str]:
        """Go from a page to all others by the links of the header; return their addresses, in its order."""
        addresses = {}
        for name in (first, *(other for other in PAGES if other != first)):
            link = self.page.locator(".g-bar .g-page").get_by_text(PAGES[name], exact=True)
            if name != first:
                link.click()
            self.page.wait_for_selector(f".g-page[aria-current=page]:text-is('{PAGES[name]}')")
            self.page.wait_for_selector(SHOWS[name])
            addresses[name] = self.page.url.partition("?")[0]
        return [addresses[name] for name in PAGES]

    def shows_map(self) -> Visit:
        self.page.wait_for_selector(".g-stage[data-view]")
        self.page.wait_for_selector(".g-cell img, .g-table td")
        return self

    @property
    def box(self) -> dict[str, float]:
        return self.page.locator(".g-stage").bounding_box()

    def view(self) -> tuple[float, float, float]:
        """Scale and offset of the map once it stands still."""
        seen = None
        while seen != (seen := self.page.locator(".g-stage").get_attribute("data-view")):
            self.page.wait_for_timeout(250)
        return tuple(json.loads(seen))

    def screen(self, places: np.ndarray) -> np.ndarray:
        """Where places of the map are in the window, (n, 2)."""
        k, x, y = self.view()
        return np.stack(
            [self.box["x"] + x + places[:, 0] * k, self.box["y"] + y - places[:, 1] * k], 1
        )

    def tool(self, name: str) -> None:
        self.page.locator(f".g-map [data-key={name}]").check()

    def drag(self, path: np.ndarray, key: str | None = None) -> None:
        """Press at the first point, move through all, let go at the last."""
        if key:
            self.page.keyboard.down(key)
        self.page.mouse.move(*path[0])
        self.page.mouse.down()
        for point in path[1:]:
            self.page.mouse.move(*point)
        self.page.mouse.up()
        if key:
            self.page.keyboard.up(key)

    def selected(self, at_least: int = 1) -> int:
        self.page.wait_for_function(
            "(n) => Number(document.querySelector('.g-stage').dataset.selected) >= n", arg=at_least
        )
        return int(self.page.locator(".g-stage").get_attribute("data-selected"))

    def barriers(self) -> list[str]:
        """Serious and critical violations of WCAG that axe-core finds in the page as it is now."""
        axe = pytest.importorskip(
            "axe_playwright_python.sync_playwright", reason="axe is not installed"
        )
        return [
            f"{v['id']} ({v['impact']}): {node['target']} {node['failureSummary']}"
            for v in axe.Axe().run(self.page).response["violations"]
            if v["impact"] in GRAVE
            for node in v["nodes"]
        ]

    def image(self, selector: str) -> np.ndarray:
        """Pixels of a picture in the page, (H, W, 3), uint8."""
        self.page.wait_for_function("(s) => document.querySelector(s)?.complete", arg=selector)
        encoded = self.page.locator(selector).first.evaluate(PIXELS)
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))


def at(url: str, page: str) -> str:
    """Return the address of a page of a server, the token kept."""
    return urlparse(url)._replace(path=f"/{page}").geturl()


def lonely(state: ExploreState, rows: range) -> list[int]:
    """Return rows whose place on the map is far enough from all others to be pointed at."""
    places = state.positions
    away = np.linalg.norm(places[list(rows), None] - places[None], axis=2)
    away[np.arange(len(rows)), list(rows)] = np.nan
    return [row for row, d in zip(rows, np.nanmin(away, axis=1), strict=True) if d > 0.02]


def lasso(visit: Visit) -> np.ndarray:
    """Return a closed wavy path over the densest part of the map, (36, 2) in the window."""
    box, turn = visit.box, np.linspace(0, 2 * math.pi, 37)[:-1]
    radius = 120 + 45 * np.sin(3 * turn)
    centre = np.array([box["x"] + 0.66 * box["width"], box["y"] + 0.55 * box["height"]])
    return np.round(centre + radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1))


def colour_at(visit: Visit, x: float, y: float) -> list[int]:
    """Return red, green and blue of the map's canvas at a place of the window."""
    at = {"x": x - visit.box["x"], "y": y - visit.box["y"]}
    script = """({x, y}) => Array.from(document.querySelector(".g-stage canvas").getContext("2d")
        .getImageData(Math.round(x * devicePixelRatio), Math.round(y * devicePixelRatio), 1, 1).data)"""
    return visit.page.evaluate(script, at)[:3]
