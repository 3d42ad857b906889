"""Writes a store shard by shard, slowly: something to kill."""

from __future__ import annotations

import contextlib
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from galcat_core.images.plan import no_rejects, plan_shards, standard_rows
from galcat_core.images.shards import write_units
from galcat_core.images.store import CutoutStore

ROWS, SHARD_ROWS, SIZE = 60, 10, 16


@contextlib.contextmanager
def opener(pause, job):
    """Yield a maker whose pictures follow from the ids; the last id of each shard is rejected."""

    def make(rows):
        time.sleep(pause)
        kept = rows.iloc[:-1]
        values = (kept["id"].to_numpy() % 251).astype(np.uint8)
        images = np.broadcast_to(values[:, None, None, None], (len(kept), SIZE, SIZE, 3))
        rejects = no_rejects()
        rejects.loc[0] = [rows["id"].iloc[-1], "last: of its shard"]
        return images, kept, rejects

    yield make


def build(folder: Path, workers: int = 1, pause: float = 0.0, size: int = ROWS) -> CutoutStore:
    """Write the store."""
    table = pd.DataFrame({"id": 10**18 + np.arange(size), "label": ["spiral", None] * (size // 2)})
    units = plan_shards(standard_rows(table), SHARD_ROWS)
    return write_units(
        folder, units, partial(opener, pause), survey="test", size_px=SIZE, settings={"pause": 0},
        workers=workers,
    )  # fmt: skip


def main() -> None:
    """Write the store that the command line asks for."""
    build(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
