"""The only home of Horovod: what workers do together, and how they are started, watched and stopped."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from galcat_core.errors import GalcatError
from galcat_core.jobs import crew, watching
from galcat_core.training import ranks


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
    if os.environ.get(crew.LAUNCHER) == crew.SRUN:
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


def launch(
    module: str,
    arguments: Sequence[str],
    workers: int,
    logs: Path,
    lock: IO | None,
    shares: int = 0,
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
    shares : int
        Parts that the cores are divided into (see `crew.started`).

    Raises
    ------
    GalcatError
        A worker died: which, and why.
    """
    parties = shares or workers

    with meeting_place(f"localhost:{workers}", workers) as port:

        def told(rank: int) -> dict[str, str]:
            return ranks.local(rank, workers, port, crew.threads_each(parties))

        with crew.started(module, arguments, workers, logs, told, lock, parties) as codes:
            watching.wait(codes, logs)


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
