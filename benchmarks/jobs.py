"""What jobs cost: a checkpoint, as a share of training; the way from submitting to the first step.

Checkpoints: one process trains DS18 and takes its steps in turns, one that counts as a training with
checkpoints, one that counts as a training without, so that whatever else the machine does hits both.
First step: `galcat train` at the command line, the same `--on local` and, where Slurm is installed,
`--on slurm` of two nodes on this machine, each until its first step is in a checkpoint, in turns.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galcat_core import jobs
from galcat_core.config import Config
from galcat_core.images.shards import write_store
from galcat_core.records import Split
from galcat_core.training import checkpoint

BATCH = 30
SETTINGS = {"epochs": 50, "patience": 50, "batch_size": BATCH, "checkpoint_seconds": 0.0}
PLACES = '[cluster]\nkind = "slurm"\ntime = "30"\n'


def main(quick: bool = False) -> list[dict[str, Any]]:
    """Measure and return the rows."""
    with tempfile.TemporaryDirectory(prefix="galcat-jobs-") as folder:
        rows = checkpoints(Path(folder), 3.0 if quick else 60.0, 2 if quick else 3)
        return rows + first_steps(Path(folder), 1 if quick else 3)


def checkpoints(folder: Path, interval_seconds: float, count: int) -> list[dict[str, Any]]:
    """Train with and without checkpoints, a step each in turn; return the row."""
    import keras

    from galcat_core.training.distributed import Workers
    from galcat_core.training.schedule import Progress

    model, optimizer, steps = _ds18(Workers())
    next(steps)  # traced, compiled, warm
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    costs, spent = [], 0.0  # spent: by the training with checkpoints since its last one
    while len(costs) < count:
        # first is each in turn
        for arm in list(seconds)[:: 1 if len(seconds["with"]) % 2 else -1]:
            began = time.perf_counter()
            next(steps)
            seconds[arm].append(time.perf_counter() - began)
        spent += seconds["with"][-1]
        if spent > interval_seconds:
            began, spent = time.perf_counter(), 0.0
            checkpoint.save(folder, model, optimizer, Progress())
            costs.append(time.perf_counter() - began)
    speeds = {}
    for arm, taken in seconds.items():
        whole = len(taken) * statistics.median(taken) + (sum(costs) if arm == "with" else 0.0)
        speeds[arm] = BATCH * len(taken) / whole
    size = (folder / checkpoint.NAME).stat().st_size / 2**20
    one, keras_version = statistics.median(costs), keras.__version__
    (folder / checkpoint.NAME).unlink()
    return [
        {
            "what": f"train with a checkpoint every {interval_seconds:.0f} s, against none",
            "galcat": speeds["with"],
            "peer": speeds["without"],
            "ratio": speeds["with"] / speeds["without"],
            "wanted": ">= 0.98",
            "unit": "pictures/s",
            "note": f"DS18, 69 x 69, batch {BATCH}, Keras {keras_version}; steps in turns, at their median; "
            f"{count} checkpoints of {size:.0f} MiB, {one:.2f} s each "
            f"({100 * one / interval_seconds:.2f}% of {interval_seconds:.0f} s)",
        }
    ]


def _ds18(workers: Any) -> tuple[Any, Any, Iterator[None]]:
    """Return a network, its optimiser, and its training: each next() learns from a batch."""
    import keras
    import tensorflow as tf

    from galcat_core.models import network
    from galcat_core.training import steps

    tf.config.experimental.enable_op_determinism()
    ds18 = network("ds18")
    model, optimizer = ds18.build(1), keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    learn, _ = steps.compiled(model, optimizer, workers)
    images = ds18.prepare(np.random.default_rng(1).integers(0, 256, (BATCH, 96, 96, 3), np.uint8))
    label = tf.constant(np.arange(BATCH) % 2, tf.float32)
    weight, share, rate = tf.ones(BATCH), tf.constant(1.0 / BATCH), tf.constant(1e-3)

    def training() -> Iterator[None]:
        while True:
            learn(images, label, weight, share, rate).numpy()
            yield

    return model, optimizer, training()


def first_steps(folder: Path, turns: int) -> list[dict[str, Any]]:
    """Return the rows of the way to the first step."""
    _project(folder)
    with _slurm() as why_not, contextlib.chdir(folder):
        contestants = {"directly": [], "local": ["--on", "local"]}
        if not why_not:
            contestants["slurm"] = ["--on", "cluster", "--nodes", "2", "--places", "places.toml"]
        told: dict[str, list[float]] = {name: [] for name in contestants}
        for turn in range(turns):
            for name in list(contestants)[:: 1 if turn % 2 else -1]:
                told[name].append(_first_step(f"runs/{name}{turn}", contestants[name]))
    print(f"  Slurm: {why_not or 'a real one, of two nodes on this machine'}", flush=True)
    notes = {
        "local": "from the command's start to the first step in a checkpoint",
        "slurm": "the same; two nodes of one core each, all on this machine; Horovod's start, too",
    }
    return [
        {
            "what": f"submit to first step, --on {name}, against galcat train directly",
            "galcat": statistics.median(told[name]),
            "peer": statistics.median(told["directly"]),
            "ratio": statistics.median(told[name]) / statistics.median(told["directly"]),
            "unit": "s",
            "note": f"{notes[name]}; {turns} turns, {min(told[name]):.1f} to {max(told[name]):.1f} s",
        }
        for name in told
        if name != "directly"
    ]


def _project(folder: Path) -> None:
    count = 256
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (count, 96, 96, 3), np.uint8)
    label = np.where(np.arange(count) % 2, "spiral", "elliptical")
    table = pd.DataFrame({"id": np.arange(count), "label": label})
    write_store(folder / "store", images, table, survey="sdss")
    sets = np.repeat(["train", "validation", "test"], [192, 32, 32])
    rows = table.assign(survey="sdss", set=sets, certain=True, group=np.arange(count))
    Split(rows).save(folder / "split.parquet")
    Config().replace(train=SETTINGS).save(folder / "config.toml")
    (folder / "places.toml").write_text(PLACES)


def _first_step(run: str, words: list[str]) -> float:
    """Return the seconds from the command's start to the first step; end the training."""
    inputs = ["store", "--split", "split.parquet", "-o", run, "--config", "config.toml"]
    command = [sys.executable, "-m", "galcat_core.cli", "train", *inputs, *words]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (Path(run) / checkpoint.NAME).is_file():
            if process.poll():
                raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}")
            time.sleep(0.02)
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()
        for job in jobs.jobs_of():
            if jobs.state(job).live:
                jobs.cancel(job)


@contextlib.contextmanager
def _slurm() -> Iterator[str]:
    """Have a Slurm, the installation's own or one for the moment; yield why there is none."""
    from tests.jobs.cluster import cluster, why_not

    if os.environ.get("SLURM_CONF") or not why_not():
        with contextlib.nullcontext() if os.environ.get("SLURM_CONF") else cluster():
            yield ""
    else:
        yield why_not()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    for found in main(parser.parse_args().quick):
        print(found)
