"""Training speed: Horovod with one process against plain Keras, and two processes against one.

DS18 at 69 x 69 pixels on the same pictures in memory, batches of 30 as in the paper; two processes
in batches of 64 as well, since gradients are sent once a batch. The contestants are processes
that live through the whole measurement and take turns; who waits is stopped (SIGSTOP), so that it
takes nothing from who runs. The figures are medians over the turns, ratios those of each turn.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

if not __package__:  # run as a script, this very file would be what `import horovod` finds
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from galcat_core.errors import GalcatError
from galcat_core.jobs import crew
from galcat_core.jobs.crew import end_with_launcher
from galcat_core.training import distributed

BATCH, LARGER = 30, 64
SIDE = 96  # pixels of a stored picture
SIZES = {"alone": 1, "apart": 2}  # processes of those contestants that do not use Horovod


class Pictures:
    """Pictures and labels in memory, with the face of a store."""

    size_px = SIDE

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(1)
        self.pixels = rng.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
        self.labels = np.arange(count) % 2

    def images(self, rows: np.ndarray) -> np.ndarray:
        return self.pixels[rows]


def keras_epoch(count: int, batch: int) -> Callable[[], None]:
    """Return an epoch of plain Keras: compile and fit on prepared arrays."""
    import keras

    from galcat_core.models import network

    ds18 = network("ds18")
    source, model = Pictures(count), ds18.build(1)
    images = ds18.prepare(source.pixels).numpy()
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
    return lambda: model.fit(images, source.labels, batch_size=batch, verbose=0)


def galcat_epoch(
    count: int, batch: int, workers: distributed.Workers, augment: bool
) -> Callable[[], None]:
    """Return an epoch of galcat's training loop, from the pictures to the updated weights."""
    import keras
    import tensorflow as tf

    from galcat_core.datasets import pipeline
    from galcat_core.models import network
    from galcat_core.sections import Augment
    from galcat_core.training import steps

    tf.config.experimental.enable_op_determinism()
    ds18 = network("ds18")
    source, model = Pictures(count), ds18.build(1, workers.rank)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    learn, _ = steps.compiled(model, optimizer, workers)
    kept = pipeline.Pictures(source, np.arange(count), ds18)
    ones = np.ones(count)
    threads = crew.threads_each(workers.local_size)
    batches = pipeline.Batches(
        kept, source.labels, ones, batch, workers.rank, workers.size, threads
    )

    def epoch() -> None:
        feed = batches.training(0, 1, Augment()) if augment else batches.validation()
        share = tf.constant(1.0 / batch)
        for images, label, weight in feed:
            learn(images, label, weight, share, tf.constant(1e-3)).numpy()

    return epoch


def contestant(name: str, folder: Path, count: int, batch: int) -> None:
    """Wait for a turn, run an epoch, tell its seconds; until there are no more turns."""
    rank = int(os.environ.get("HOROVOD_RANK", 0))
    end_with_launcher()
    if name == "keras":
        epoch = keras_epoch(count, batch)
    else:
        workers = distributed.Workers(rank, SIZES.get(name, 1), SIZES.get(name, 1))
        if name not in SIZES:
            workers = distributed.join()
        epoch = galcat_epoch(count, batch, workers, augment=name == "augmented")
    epoch()  # traced, compiled, warm
    told = folder / f"{name}.{rank}.writing"
    told.write_text(str(os.getpid()))
    told.rename(folder / f"{name}.{rank}.pid")
    turn = 0
    while True:
        if (folder / "end").exists() or not folder.exists():
            os._exit(0)
        if not (folder / f"{name}.turn{turn}").exists():
            time.sleep(0.005)
            continue
        began = time.perf_counter()
        epoch()
        seconds = time.perf_counter() - began
        told.write_text(repr(seconds))
        told.rename(folder / f"{name}.{rank}.done{turn}")
        turn += 1


class Race:
    """Contestants by name, each of one or more processes."""

    def __init__(self, folder: Path, count: int, batch: int) -> None:
        self.folder, self.count, self.batch = folder, count, batch
        self.pids: dict[str, list[int]] = {}
        self.errors: list[Exception] = []
        self.threads: list[threading.Thread] = []

    def add(self, name: str, ranks: int, horovod: bool) -> None:
        """Start a contestant, let it warm up, stop it."""
        arguments = ["--contestant", name, str(self.folder), str(self.count), str(self.batch)]

        def run() -> None:
            try:
                if horovod:
                    logs = self.folder / f"{name}.logs"
                    distributed.launch("benchmarks.horovod", arguments, ranks, logs, None)
                else:
                    command = [sys.executable, "-m", "benchmarks.horovod", *arguments]
                    known = os.environ | {crew.LAUNCHER: str(os.getpid())}
                    subprocess.run(command, env=known, check=True, stderr=subprocess.DEVNULL)
            except (GalcatError, subprocess.CalledProcessError) as error:
                self.errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        self.threads.append(thread)
        self.pids[name] = []
        for rank in range(ranks):
            file = self.folder / f"{name}.{rank}.pid"
            self._wait_for(file)
            self.pids[name].append(int(file.read_text()))
        self._signal(name, signal.SIGSTOP)

    def turn(self, name: str, number: int) -> float:
        """Let a contestant run an epoch alone; return its pictures a second."""
        self._signal(name, signal.SIGCONT)
        (self.folder / f"{name}.turn{number}").touch()
        files = [
            self.folder / f"{name}.{rank}.done{number}" for rank in range(len(self.pids[name]))
        ]
        for file in files:
            self._wait_for(file)
        self._signal(name, signal.SIGSTOP)
        return self.count / max(float(file.read_text()) for file in files)

    def end(self) -> None:
        """Let all contestants go home."""
        for name in self.pids:
            self._signal(name, signal.SIGCONT)
        if self.folder.exists():
            (self.folder / "end").touch()
        for thread in self.threads:
            thread.join()

    def _signal(self, name: str, number: signal.Signals) -> None:
        for pid in self.pids[name]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _wait_for(self, file: Path) -> None:
        while not file.exists():
            if self.errors:
                raise self.errors[0]
            if not self.folder.exists():
                raise GalcatError(f"{self.folder}: taken away; measure again")
            time.sleep(0.005)


@contextlib.contextmanager
def limited_to(threads: int) -> Iterator[None]:
    """Give the processes that are started meanwhile so many threads each."""
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def measure(
    contestants: dict[str, tuple[int, bool]],
    threads: int,
    count: int,
    turns: int,
    batch: int = BATCH,
) -> dict[str, list[float]]:
    """Return the pictures a second of each contestant in each turn.

    Parameters
    ----------
    contestants : dict
        Name -> (processes, whether Horovod is used).
    threads : int
        Threads of each process.
    count : int
        Pictures in an epoch, shared by the processes of a contestant.
    turns : int
    batch : int
        Pictures a step and process.
    """
    # a kill (SIGTERM) goes through `finally` too: nobody is left behind stopped
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="galcat-race-") as folder, limited_to(threads):
        race = Race(Path(folder), count, batch)
        try:
            for name, (ranks, horovod) in contestants.items():
                race.add(name, ranks, horovod)
            speeds: dict[str, list[float]] = {name: [] for name in contestants}
            for number in range(turns):
                # first to run is each in turn, in case the machine warms up or gets busy
                order = list(contestants)[:: 1 if number % 2 else -1]
                for name in order:
                    speeds[name].append(race.turn(name, number))
            return speeds
        finally:
            race.end()


def row(what: str, ours: list[float], peer: list[float], wanted: str, note: str) -> dict:
    """Return a row of the table of benchmarks."""
    ratios = [a / b for a, b in zip(ours, peer, strict=True)]
    return {
        "what": what,
        "galcat": statistics.median(ours),
        "peer": statistics.median(peer),
        "ratio": statistics.median(ratios),
        "unit": "pictures/s",
        "wanted": wanted,
        "note": f"{note}; ratio of {len(ratios)} turns {min(ratios):.3f} to {max(ratios):.3f}",
    }


def main(quick: bool = False) -> list[dict]:
    """Measure and return the rows."""
    count, turns = (120, 2) if quick else (600, 7)
    cores = len(os.sched_getaffinity(0))
    one = measure(
        {"keras": (1, False), "horovod": (1, True), "augmented": (1, True)}, cores, count, turns
    )
    ahead = f"DS18, 69 x 69, batch {BATCH}"
    return [
        row(
            "train, Horovod with one process against Keras fit",
            one["horovod"],
            one["keras"],
            ">= 0.97",
            f"{ahead}, {cores} threads, no augmentation",
        ),
        row(
            "the same with galcat's augmentation",
            one["augmented"],
            one["keras"],
            "",
            f"{ahead}, {cores} threads; Keras augments nothing",
        ),
        *_two(count, turns, BATCH),
        *_two(count * LARGER // BATCH, turns, LARGER),
    ]


def _two(count: int, turns: int, batch: int) -> list[dict]:
    """Return the rows of two processes against one, each with one thread, in batches of one size."""
    told = measure(
        {"alone": (1, False), "pair": (2, True), "apart": (2, True)}, 1, count, turns, batch
    )
    alone, pair, apart = told["alone"], told["pair"], told["apart"]
    much = f"batch {batch} a process"
    return [
        row(
            f"train, 2 processes against 1, {much}",
            pair,
            alone,
            ">= 1.8",
            "DS18, 69 x 69, one thread each",
        ),
        row(
            f"2 processes that share the work and never talk, against 1, {much}",
            apart,
            alone,
            "",
            "what this machine's second core and its memory allow at best",
        ),
        row(
            f"train, 2 processes against 2 that never talk, {much}",
            pair,
            apart,
            "",
            "what Horovod costs",
        ),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    parser.add_argument("--contestant", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contestant:
        name, folder, count, batch = args.contestant
        contestant(name, Path(folder), int(count), int(batch))
    for found in main(args.quick):
        print(found)
