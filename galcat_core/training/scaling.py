"""A short standard training with 1, 2, ... N workers, measured: store + split + settings -> points in a folder.

A point is a run of a few epochs by so many workers; each is measured in several turns, whose order is
turned each time, in case the machine warms up or gets busy. A point that is measured is kept.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galcat_core import runs
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.files import write_text
from galcat_core.jobs import crew, watching
from galcat_core.jobs.surroundings import LOGS
from galcat_core.runs import Run
from galcat_core.training import distributed, fit, srun, start
from galcat_core.training.samples import choose
from galcat_core.training.scaling_worker import POINT

if TYPE_CHECKING:
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Split

WORKER = "galcat_core.training.scaling_worker"
ASKED = "asked.json"  # in the folder of the points: what they are points of
# weak: each worker's batch stays, as in Khan et al. 2019; strong: that of all workers together
KINDS = ("weak", "strong")
LEAST_EPOCHS = 2  # the first one compiles, and is not counted


@dataclass(frozen=True)
class Course:
    """What is measured.

    Attributes
    ----------
    folder : Path
        Of all points.
    workers : tuple of int
        Ascending.
    kind : str
        Of `KINDS`.
    batch : int
        `train.batch_size`: pictures a step of each worker (weak), or of all together (strong).
    turns : int
    config : Config
    limit : int
        Pictures learnt from; 0: all of the split.
    shares : int
        Parts that the cores of a machine are divided into, so that a worker has as many alone as in
        company; 0 where the place decides.
    """

    folder: Path
    workers: tuple[int, ...]
    kind: str
    batch: int
    turns: int
    config: Config
    limit: int
    shares: int

    def batch_of(self, workers: float) -> float:
        """Return the pictures a step of each of so many workers."""
        return self.batch if self.kind == "weak" else self.batch / workers

    def point(self, workers: int, turn: int) -> Path:
        """Return the folder of a point's run."""
        return self.folder / f"{workers}-workers-turn-{turn + 1}"

    def order(self) -> list[tuple[int, int]]:
        """Return workers and turn of all points, in the order in which they are measured."""
        return [
            (count, turn)
            for turn in range(self.turns)
            for count in self.workers[:: 1 if turn % 2 == 0 else -1]
        ]

    def settings(self, workers: int) -> Config:
        """Return the settings of a training by so many workers."""
        epochs = self.config.train.epochs
        return self.config.replace(
            train={
                "batch_size": int(self.batch_of(workers)),
                "limit": self.limit,
                "patience": epochs,  # all epochs are measured
                "plateau_patience": epochs,
                "checkpoint_seconds": 1e9,
            }
        )


def check(workers: Sequence[int], turns: int, kind: str, config: Config, here: bool) -> None:
    """Refuse what cannot be measured.

    Parameters
    ----------
    workers : sequence of int
    turns : int
    kind : str
    config : Config
    here : bool
        Whether the workers are to run on this machine.

    Raises
    ------
    GalcatError
        Saying what is wrong, and how it is mended.
    """
    if min(workers) < 1 or turns < 1:
        raise GalcatError("--workers and --turns: at least 1 is wanted")
    if len(set(workers)) < len(workers):
        raise GalcatError(f"--workers {' '.join(map(str, workers))}: give each number once")
    if config.train.epochs < LEAST_EPOCHS:
        raise GalcatError(
            f"--epochs {config.train.epochs}: the first epoch compiles and is not counted, so that "
            f"at least {LEAST_EPOCHS} are wanted"
        )
    batch = config.train.batch_size
    odd = [count for count in workers if kind == "strong" and batch % count]
    if odd:
        raise GalcatError(
            f"--batch-size {batch} cannot be shared alike by {odd[0]} workers; give a multiple of "
            f"{math.lcm(*workers)}"
        )
    distributed.check(max(workers))
    most, what = places_here()
    if here and max(workers) > most:
        raise GalcatError(
            f"--workers {max(workers)}: this machine has {most} {what}, and workers that share one "
            f"measure nothing; ask for {most} at most, or for a cluster with --on"
        )


def places_here() -> tuple[int, str]:
    """Return how many workers this machine has room for, and of what: one a GPU, else one a core."""
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    if gpus:
        return gpus, "GPUs"
    return len(crew.cores()) or os.cpu_count() or 1, "cores"


def limit_of(pictures: int, batch: int, workers: Sequence[int], kind: str) -> int:
    """Return how many pictures are learnt from, so that all steps are of whole batches.

    Raises
    ------
    GalcatError
        There are fewer than the workers take in one step.
    """
    step = batch * (math.lcm(*workers) if kind == "weak" else 1)
    most = batch * (max(workers) if kind == "weak" else 1)
    if pictures < most:
        raise GalcatError(
            f"{pictures} pictures to learn from, and {max(workers)} workers take {most} in one step; "
            "give more pictures, or a smaller --batch-size"
        )
    return pictures // step * step if pictures >= step else pictures


def begin(course: Course, asked: dict[str, Any], force: bool = False) -> None:
    """Begin the folder of the points, or find those that were measured before with the same settings.

    Raises
    ------
    GalcatError
        It holds points of other settings.
    """
    file = course.folder / ASKED
    if force:
        file.unlink(missing_ok=True)
        for point in course.folder.glob("*-workers-turn-*"):
            shutil.rmtree(point)
    if file.is_file():
        was = json.loads(file.read_text())
        differ = [f"{k} was {was.get(k)!r}, is {v!r}" for k, v in asked.items() if was.get(k) != v]
        if differ:
            raise GalcatError(
                f"{course.folder} holds other measurements ({'; '.join(differ[:3])}); name another "
                "folder with -o, or measure all anew with --force"
            )
    write_text(file, json.dumps(asked, indent=1, sort_keys=True) + "\n")


def prepare(course: Course, workers: int, turn: int, store: CutoutStore, split: Split) -> Run:
    """Write what the workers of a point need; whatever an earlier, unfinished start left is removed."""
    folder, config = course.point(workers, turn), course.settings(workers)
    if (folder / "run.json").is_file() and Run(folder).status == "running":
        raise GalcatError(f"{folder} is being measured by another process; wait for it, or stop it")
    shutil.rmtree(folder, ignore_errors=True)
    samples = choose(store, split, config.train, store.survey)
    info = fit.info_of(folder, store, samples, config, workers, store.survey, None, None)
    info |= {"split": None, "start": start.begins_with(folder, config, None)}
    info["computed_on"].pop("threads")  # as many as each worker is given
    return fit.begin(folder, config, info, samples, None, None)


def measure(run: Run, shares: int = 0) -> None:
    """Let the workers of a point train, here or on the nodes of the Slurm job that this process is.

    Raises
    ------
    GalcatError
        A worker died: which, and why.
    """
    workers, logs = run.info["workers"], Path(os.environ.get(LOGS) or run.folder / "logs")
    module, arguments = WORKER, [str(run.folder)]
    with runs.locked(run.folder) as lock:
        if srun.within():
            srun.launch(module, arguments, workers, logs, lock)
        elif workers > 1:
            distributed.launch(module, arguments, workers, logs, lock, shares)
        else:  # as a training with one worker is: without Horovod
            told = crew.environment(crew.threads_each(shares or 1))
            started = crew.started(module, arguments, 1, logs, lambda rank: told, lock, shares)
            with started as codes:
                watching.wait(codes, logs)
    if not (run.folder / POINT).is_file():
        raise GalcatError(f"{run.folder}: the workers ended without a result; see {logs}")
    for name in ("weights.weights.h5", runs.CHECKPOINT, runs.START):
        (run.folder / name).unlink(missing_ok=True)  # nobody will predict with it


def measured(course: Course, workers: int, turn: int) -> dict[str, Any] | None:
    """Return what was found at a point (see `scaling_worker`); None if it is not measured yet."""
    file = course.point(workers, turn) / POINT
    return json.loads(file.read_text()) if file.is_file() else None


def each(course: Course, make: Callable[[int, int], None], say: Callable[[str], None]) -> None:
    """Measure the points that are missing, in order."""
    order = course.order()
    for number, (workers, turn) in enumerate(order, 1):
        where = f"[{number}/{len(order)}] {workers} worker{'s' * (workers > 1)}, turn {turn + 1}"
        if measured(course, workers, turn) is None:
            say(where)
            make(workers, turn)
            continue
        say(f"{where}: measured before")
