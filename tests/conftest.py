"""What every test may ask for: the real survey data, where it lies beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

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
