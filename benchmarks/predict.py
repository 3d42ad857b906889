"""Prediction end to end through the store, against the bare network on the same pictures in memory."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROUNDS = 3
BATCH = 64


def main(quick: bool = False) -> list[dict[str, Any]]:
    """Measure; return one row a comparison.

    Parameters
    ----------
    quick : bool
        Fewer pictures: the fixed costs weigh more, the ratio comes out lower.
    """
    count = 1024 if quick else 8192
    with tempfile.TemporaryDirectory() as folder:
        store, run = _prepare(Path(folder), count)
        rows = [_against_network(Path(folder), store, run, 1 if quick else ROUNDS)]
        rows.append(_new_process(Path(folder), store, run, rows[0]))
        rows.append(_two_workers(Path(folder), store, run, rows[0]))
    return rows


def _prepare(folder: Path, count: int) -> tuple[Any, Any]:
    """Return a store of pictures, and a run that has learnt a little from the first of them."""
    from galcat_core.config import Config
    from galcat_core.images.shards import write_store
    from galcat_core.records import Split
    from galcat_core.training.fit import train

    rng = np.random.default_rng(1)
    long = rng.random(count) < 0.5
    y, x = np.mgrid[:96, :96] - 47.5
    thin = np.where(long, 0.4, 1.0)[:, None, None]
    light = 200 * np.exp(-0.5 * ((x / 12) ** 2 + (y / (12 * thin)) ** 2))
    noise = rng.integers(0, 40, (64, 96, 96, 3), np.uint8)
    images = np.empty((count, 96, 96, 3), np.uint8)
    for place in range(count):
        images[place] = light[place, ..., None].astype(np.uint8) + noise[place % 64]
    label = np.where(long, "spiral", "elliptical")
    table = pd.DataFrame({"id": np.arange(count), "label": label})
    store = write_store(folder / "store", images, table, survey="sdss")
    sets = np.full(count, "test", object)
    sets[:60], sets[60:90] = "train", "validation"
    rows = table.assign(survey="sdss", set=sets, certain=True, group=np.arange(count))
    config = Config().replace(train={"epochs": 1})
    return store, train(folder / "run", store, Split(rows), config)


def _bare(store: Any, run: Any) -> Callable[[], np.ndarray]:
    """Return the network alone at work on prepared float32 pictures that are in memory."""
    import tensorflow as tf

    from galcat_core import models

    module, model = models.network(run.network), models.load(run)
    starts = range(0, len(store), 256)
    images = np.concatenate(
        [module.prepare(store.images(slice(s, min(s + 256, len(store))))).numpy() for s in starts]
    )
    forward = tf.function(lambda batch: model(batch, training=False))

    def work() -> np.ndarray:
        parts = [forward(images[s : s + BATCH]).numpy() for s in range(0, len(images), BATCH)]
        return np.concatenate(parts)[:, 0]

    forward(images[:BATCH])  # traced before the clock runs
    return work


def _against_network(folder: Path, store: Any, run: Any, rounds: int) -> dict[str, Any]:
    from galcat_core.images.store import CutoutStore
    from galcat_core.inference.network import network_of
    from galcat_core.inference.predicting import predict_to

    bare = _bare(store, run)
    walls: dict[str, list[float]] = {"bare": [], "galcat": []}
    cpus: dict[str, list[float]] = {"bare": [], "galcat": []}
    for number in range(rounds):  # in turn, since other work on the machine comes and goes
        with _clock(walls["bare"], cpus["bare"]):
            expected = bare()
        network_of.cache_clear()  # the network is built and traced inside the measured time
        with _clock(walls["galcat"], cpus["galcat"]):
            opened = CutoutStore.open(store.path)
            made = predict_to(folder / f"{number}.parquet", run, opened, batch_size=BATCH)
        if not np.allclose(made.raw("spiral"), expected, atol=1e-6):
            raise RuntimeError("galcat and the bare network do not agree")
    galcat, peer = (len(store) / statistics.median(walls[name]) for name in ("galcat", "bare"))
    work = statistics.median(b / g for b, g in zip(cpus["bare"], cpus["galcat"], strict=True))
    return {
        "what": f"predict {len(store)} pictures, store to file",
        "galcat": galcat,
        "peer": peer,
        "ratio": galcat / peer,
        "unit": "pictures/s",
        "wanted": ">= 0.9",
        "note": "peer: the network alone on prepared float32 pictures in memory; "
        f"by processor time {work:.2f}",
    }


@contextlib.contextmanager
def _clock(walls: list[float], cpus: list[float]) -> Iterator[None]:
    began, busy = time.perf_counter(), time.process_time()
    yield
    walls.append(time.perf_counter() - began)
    cpus.append(time.process_time() - busy)


def _new_process(folder: Path, store: Any, run: Any, first: dict[str, Any]) -> dict[str, Any]:
    """Time a process of its own, with the import of TensorFlow."""
    script = (
        "import sys\n"
        "from galcat_core.images.store import CutoutStore\n"
        "from galcat_core.inference.predicting import predict_to\n"
        f"predict_to(sys.argv[1], sys.argv[2], CutoutStore.open(sys.argv[3]), batch_size={BATCH})\n"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    places = [str(folder / "process.parquet"), str(run.folder), str(store.path)]
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", script, *places], check=True, env=env)
    seconds = time.perf_counter() - began
    return first | {
        "what": f"the same in a new process, imports included ({seconds:.0f} s)",
        "galcat": len(store) / seconds,
        "ratio": len(store) / seconds / first["peer"],
        "wanted": "",
        "note": "for information",
    }


def _two_workers(folder: Path, store: Any, run: Any, first: dict[str, Any]) -> dict[str, Any]:
    from galcat_core.inference.predicting import predict_to

    began = time.perf_counter()
    predict_to(folder / "two.parquet", run, store, batch_size=BATCH, workers=2, part_rows=512)
    rate = len(store) / (time.perf_counter() - began)
    return first | {
        "what": "the same shared by 2 processes",
        "galcat": rate,
        "peer": first["galcat"],
        "ratio": rate / first["galcat"],
        "wanted": "",
        "note": "for information; peer: one process; 2 starts of TensorFlow included",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print(json.dumps(main(parser.parse_args().quick), indent=1))
