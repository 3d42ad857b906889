"""The headless Chromium of tests that look at pages."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def launch(playwright: Any) -> Any:
    """Return a headless Chromium; GALCAT_CHROMIUM names another than the system's."""
    found = os.environ.get("GALCAT_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")
    if not found:
        pytest.skip("no Chromium on this machine: install one, or name it in GALCAT_CHROMIUM")
    return playwright.chromium.launch(executable_path=found, args=FLAGS)
