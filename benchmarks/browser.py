"""The headless Chromium that the dashboards are measured and photographed in."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Any

from galcat_core.errors import GalcatError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser; GALCAT_CHROMIUM names another than the system's."""
    from playwright.sync_api import sync_playwright

    found = os.environ.get("GALCAT_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")
    if not found:
        raise GalcatError("no Chromium on this machine: install one, or name it in GALCAT_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()
