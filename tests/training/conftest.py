"""A tiny real store of spirals and ellipticals, its split, and settings that train in seconds."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galcat_core.config import Config
from galcat_core.images.shards import plan_shards, write_units
from galcat_core.images.store import CutoutStore
from galcat_core.records import Split


def draw(rng: np.random.Generator, label: str, size: int = 80) -> np.ndarray:
    """Return a picture, (size, size, 3), uint8: a smooth blob, or one with two arms."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    angle = rng.uniform(0, np.pi)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    r = np.hypot(u, v / rng.uniform(0.7, 1)) / size
    light = np.exp(-r / 0.09)
    if label in ("spiral", "featured"):
        arms = np.cos(2 * (np.arctan2(v, u) - 9 * r * rng.uniform(0.8, 1.2)))
        light = 0.5 * light + 0.5 * np.exp(-r / 0.2) * np.clip(arms, 0, 1)
    colour = np.array([1.0, 0.9, 0.8]) + rng.normal(0, 0.03, 3)
    picture = light[..., None] * colour * 200 + rng.normal(12, 5, (size, size, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


@contextlib.contextmanager
def make_pictures(_: object):
    """Open a maker for `write_units`: the pictures depend on the rows alone."""
    yield lambda rows: (
        np.stack([draw(np.random.default_rng(row.id), row.label) for row in rows.itertuples()]),
        rows,
        pd.DataFrame({"id": pd.Series([], dtype="int64"), "reason": pd.Series([], dtype=str)}),
    )


def store_of(folder: Path, table: pd.DataFrame, survey: str = "sdss") -> CutoutStore:
    """Write a store of drawn pictures."""
    rows = table.assign(ra_deg=table["id"] % 1000 / 10, dec_deg=1.0, width_arcsec=20.0)
    rows = rows.assign(flags=0, masked_fraction=0.0)
    return write_units(
        folder,
        plan_shards(rows, 32),
        make_pictures,
        survey=survey,
        size_px=80,
        settings={"stretch": "test"},
        workers=1,
    )


def table_of(count: int, first: int = 1000, classes=("elliptical", "spiral")) -> pd.DataFrame:
    """Return ids and labels, the classes in turn."""
    ids = np.arange(first, first + count, dtype=np.int64)
    return pd.DataFrame({"id": ids, "label": [classes[i % 2] for i in range(count)]})


def split_of(table: pd.DataFrame, sets: dict[str, int], survey: str = "sdss") -> Split:
    """Return the split of a table whose first rows are in the first set, and so on."""
    names = np.repeat(list(sets), list(sets.values()))
    group = [f"{survey}-{i}" for i in table["id"]]
    certain = [i % 3 > 0 for i in range(len(table))]
    return Split(table.assign(survey=survey, set=names, certain=certain, group=group))


@pytest.fixture(scope="session")
def make_table():
    return table_of


@pytest.fixture(scope="session")
def make_split():
    return split_of


@pytest.fixture(scope="session")
def make_store():
    return store_of


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> CutoutStore:
    """64 pictures of 80 x 80 pixels."""
    return store_of(tmp_path_factory.mktemp("stores") / "sdss", table_of(64))


@pytest.fixture(scope="session")
def split() -> Split:
    """37 galaxies to train on, 13 to validate on, 14 to test on: odd numbers for two workers."""
    return split_of(table_of(64), {"train": 37, "validation": 13, "test": 14})


@pytest.fixture(scope="session")
def config() -> Config:
    return Config.from_dict(
        {"train": {"epochs": 2, "batch_size": 4, "seed": 3}, "augment": {"noise": 0.02}}
    )
