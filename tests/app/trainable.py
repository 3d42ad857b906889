"""A project that a network learns from in seconds: a store of drawn galaxies and its split."""

from __future__ import annotations

from pathlib import Path

from tests.training.conftest import split_of, store_of, table_of

SETS = {"train": 37, "validation": 13, "test": 14}


def make_trainable(folder: Path) -> Path:
    """Write cutouts/sdss and split.parquet of 64 galaxies into a folder, and return it."""
    store_of(folder / "cutouts/sdss", table_of(64))
    split_of(table_of(64), SETS).save(folder / "split.parquet")
    return folder
