"""Small skies: one drawn once for all tests of the room, and the tables of a larger one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from galcat_core.sections import Simulate
from galcat_core.sky.catalogues import catalogues
from galcat_core.sky.simulate import simulate


@pytest.fixture(scope="session")
def small() -> Simulate:
    """Settings of the small sky."""
    return Simulate(overlap=26, unlabelled=10)


@pytest.fixture(scope="session")
def sky(tmp_path_factory: pytest.TempPathFactory, small: Simulate) -> Path:
    """Folder of a sky with 26 + 10 galaxies, drawn in this process."""
    folder = tmp_path_factory.mktemp("sky") / "small"
    simulate(folder, small, processes=1)
    return folder


@pytest.fixture(scope="session")
def tables() -> dict[str, pd.DataFrame]:
    """Tables of a sky with 900 + 200 galaxies, without its pictures."""
    return catalogues(Simulate(overlap=900, unlabelled=200))
