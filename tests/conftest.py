"""What every test may ask for: the real survey data beside the checkout, and one browser for all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import browsers
import pytest

REAL_DATA = Path(
    os.environ.get("GALCAT_REAL_DATA", "")
    or Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real SDSS, DES and Galaxy Zoo data; the test is skipped where there is none."""
    if not (REAL_DATA / "README.md").is_file():
        pytest.skip("no real survey data here: set GALCAT_REAL_DATA to its folder")
    return REAL_DATA


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """A headless Chromium (see `browsers.launch`), the one of the whole session.

    Playwright's event loop runs in this thread while it is there: a second one cannot be started.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = browsers.launch(playwright)
        yield browser
        browser.close()
