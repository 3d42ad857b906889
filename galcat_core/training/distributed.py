"""The only home of Horovod: what workers do together, and how they are started, watched and stopped."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from galcat_core.errors import GalcatError
from galcat_core.training import ranks, watching
from galcat_core.training.ranks import BOUND, LAUNCHER, SRUN, TERMINAL


@dataclass(frozen=True)
class Workers:
    """The workers of one training, seen by one of them; alone, every method does nothing.

    Attributes
    ----------
    rank, size : int
        This worker's number, and how many there are.
    local_size : int
        How many are on this machine.
    hvd : module or None
        Horovod, where it is used.
    """

    rank: int = 0
    size: int = 1
    local_size: int = 1
    hvd: ModuleType | None = None

    @property
    def first(self) -> bool:
        """Whether this worker is the one that writes and talks."""
        return self.rank == 0

    def average(self, tensors: Sequence[Any]) -> list[Any]:
        """Return averages of tensors over the workers, the same on each of them."""
        if not self.hvd:
            return list(tensors)
        # as one message: told one by one they wake Horovod's thread, on a core that computes, for each
        return self.hvd.grouped_allreduce(list(tensors), op=self.hvd.Average) if tensors else []

    def sum(self, numbers: Any) -> Any:
        """Return the sum of a tensor over the workers, the same on each of them."""
        return self.hvd.allreduce(numbers, op=self.hvd.Sum) if self.hvd else numbers

    def spread(self, variables: Sequence[Any]) -> None:
        """Give Keras variables the values that they have on rank 0."""
        if self.hvd:
            # Horovod 0.28 knows TensorFlow's variables, not those that Keras 3 wraps around them
            self.hvd.broadcast_variables([v.value for v in variables], root_rank=0)

    def agree(self, number: float) -> float:
        """Return the number that rank 0 has, so that decisions on it are the same everywhere."""
        if not self.hvd:
            return number
        import tensorflow as tf

        return float(self.hvd.broadcast(tf.constant(number, tf.float64), root_rank=0))

    def gather(self, number: float) -> list[float]:
        """Return the number that each worker has, by rank, the same list on each of them."""
        if not self.hvd:
            return [number]
        import tensorflow as tf

        return self.hvd.allgather(tf.constant([number], tf.float64)).numpy().tolist()

    def same(self, number: float) -> bool:
        """Tell whether all workers have the same number."""
        found = self.gather(number)
        return all(other == found[0] for other in found)

    def leave(self) -> None:
        """Part from the others, all at once; a worker that left early would look like a dead one."""
        if self.hvd:
            self.same(0.0)
            self.hvd.shutdown()


def join() -> Workers:
    """Become one of the workers that `launch`, srun or `horovodrun` started, and meet the others."""
    if os.environ.get(LAUNCHER) == SRUN:
        os.environ.update(ranks.of_slurm())
    import horovod.tensorflow as hvd
    import tensorflow as tf

    hvd.init()
    devices = tf.config.list_physical_devices("GPU")
    if devices:
        tf.config.set_visible_devices(devices[hvd.local_rank() % len(devices)], "GPU")
    return Workers(hvd.rank(), hvd.size(), hvd.local_size(), hvd)


def has_horovod() -> bool:
    """Tell whether Horovod is installed; it is not imported."""
    return importlib.util.find_spec("horovod") is not None


def check(workers: int, horovod: bool | None = None) -> None:
    """Refuse a number of workers that cannot be had.

    Parameters
    ----------
    workers : int
    horovod : bool, optional
        Whether Horovod is wanted (default: for more than one worker).

    Raises
    ------
    GalcatError
        Fewer than one, or more than one without Horovod.
    """
    if workers < 1:
        raise GalcatError(f"workers = {workers}: at least 1 is wanted")
    if (workers > 1 or horovod) and not has_horovod():
        raise GalcatError(
            f"{workers} workers need Horovod, which is not installed: install it with the extra "
            "'horovod' (pip install 'galcat[horovod]', it takes a C++ compiler), or train with "
            "--workers 1"
        )


def threads_each(workers: int) -> int:
    """Return the threads for each of several workers on this machine."""
    # a batch system may allow fewer cores than the machine has; macOS cannot tell
    allowed = getattr(os, "sched_getaffinity", None)
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    return cores if BOUND in os.environ else max(1, cores // workers)


def cores_of(rank: int, workers: int) -> set[int]:
    """Return the cores that are a worker's own, none where there are too few or only one worker.

    A worker that wanders from core to core makes all others wait for it, at every step.
    """
    allowed = getattr(os, "sched_getaffinity", None)
    cores = sorted(allowed(0)) if allowed else []
    share = len(cores) // workers
    return set(cores[rank * share : (rank + 1) * share]) if workers > 1 else set()


def launch(
    module: str, arguments: Sequence[str], workers: int, logs: Path, lock: IO | None
) -> None:
    """Run a module in `workers` processes on this machine and wait for them.

    What a worker says goes to `logs/rank-N.txt`; the progress of rank 0 goes to the terminal. When
    one ends badly the others are ended, and so they are on Ctrl-C and when this process is killed.

    Parameters
    ----------
    module : str
        Run as `python -m module arguments`; it calls `join`.
    arguments : sequence of str
    workers : int
    logs : Path
        Folder of the logs.
    lock : open file, optional
        Handed down, so that its lock lasts until the last worker is gone.

    Raises
    ------
    GalcatError
        A worker died: which, and why.
    """
    logs.mkdir(parents=True, exist_ok=True)
    terminal = os.dup(2)
    kept_open = [terminal] if lock is None else [terminal, lock.fileno()]
    processes: list[subprocess.Popen] = []
    try:
        with meeting_place(f"localhost:{workers}", workers) as port:
            for rank in range(workers):
                environment = ranks.local(rank, workers, port, threads_each(workers))
                own = cores_of(rank, workers)
                if own:
                    environment[BOUND] = "1"
                if rank == 0:
                    environment[TERMINAL] = str(terminal)
                with (logs / f"rank-{rank}.txt").open("wb") as log:
                    process = subprocess.Popen(
                        [sys.executable, "-m", module, *arguments],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        env=environment,
                        pass_fds=kept_open,
                        start_new_session=True,  # Ctrl-C comes to this process alone
                    )
                processes.append(process)
                if own:
                    with contextlib.suppress(OSError):  # it may have ended already
                        os.sched_setaffinity(process.pid, own)
            watching.wait(lambda: [process.poll() for process in processes], logs)
    finally:
        _end(processes)
        os.close(terminal)


@contextlib.contextmanager
def meeting_place(hosts: str, workers: int, address: str = "127.0.0.1") -> Iterator[int]:
    """Serve the place where the workers find each other; yield its port.

    Parameters
    ----------
    hosts : str
        Names of the machines and how many workers each has: "n1:4,n2:4".
    workers : int
    address : str
        By which they reach this machine; nobody else can by another.
    """
    from horovod.runner.common.util.hosts import get_host_assignments, parse_hosts
    from horovod.runner.http.http_server import RendezvousHandler, RendezvousHTTPServer

    server = RendezvousHTTPServer((address, 0), RendezvousHandler, 0)
    server.init(get_host_assignments(parse_hosts(hosts), workers))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _end(processes: list[subprocess.Popen]) -> None:
    """End whatever still runs: ask first, then kill."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + watching.GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
