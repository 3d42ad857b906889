"""A project that a network learns from in seconds; runs as training writes them, jobs that begin at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from galcat_core import jobs, runs
from galcat_core.config import Config
from galcat_core.training.schedule import Progress
from tests.training.conftest import split_of, store_of, table_of

ROOT = Path(__file__).resolve().parents[2]
SETS = {"train": 37, "validation": 13, "test": 14}


def make_trainable(folder: Path) -> Path:
    """Write cutouts/sdss and split.parquet of 64 galaxies into a folder, and return it."""
    store_of(folder / "cutouts/sdss", table_of(64))
    split_of(table_of(64), SETS).save(folder / "split.parquet")
    return folder


def start_program(folder: Path, *program: str, out: str | None = None) -> jobs.Job:
    """Start a real job of another program than training, which takes no seconds to begin."""
    place = jobs.load()["local"]
    command = ["python", "-m", "tests.jobs.programs", *program]
    made = folder / out if out else None
    return jobs.start(command, place, out=made, project=ROOT, folder=folder / "jobs")


def write_run(folder: Path, report: dict | None = None, epochs: int = 3, stages: int = 1) -> Path:
    """Write the files of a run, as training writes them."""
    folder.mkdir(parents=True)
    Config().replace(train={"epochs": 8, "batch_size": 4}).save(folder / "config.toml")
    counts = {
        "train": {"elliptical": 19, "spiral": 18},
        "validation": {"elliptical": 7, "spiral": 6},
    }
    info = {
        "classes": ["elliptical", "spiral"],
        "positive": "spiral",
        "survey": "sdss",
        "network": "ds18",
        "workers": 1,
        "store": {"path": "../../cutouts/sdss", "digest": "d"},
        "split": {"path": "../../split.parquet"},
        "samples": {**counts, "digest": "d"},
        "parent": None,
    }
    runs.write_json(folder / "run.json", info)
    lines = [",".join(runs.HISTORY)]
    for n in range(1, epochs + 1):
        stage = 1 + (n - 1) * stages // epochs
        lines.append(f"{n},{stage},{1 / n},0.5,{abs(n - 2) + 0.5},0.6,0.001,40.0,10.0")
    (folder / "history.csv").write_text("\n".join(lines) + "\n")
    np.savez(folder / runs.CHECKPOINT, progress=np.array(Progress(epoch=epochs).to_json()))
    if report:
        runs.write_json(folder / "report.json", report)
        (folder / "DIGEST").write_text("0" * 64)
    return folder


FINISHED = {"best_epoch": 2, "epochs": 3, "ended": "early", "val_accuracy": 0.875, "val_loss": 0.5}


def apart(do: Callable[[], None]) -> None:
    """Do it in a thread without an event loop; the browser of other tests has one in this thread."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(do).result()
