"""The only home of Horovod: what workers do together, and how they are started, watched and stopped."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
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

LAUNCHER = "GALCAT_LAUNCHER"  # process id of who started a worker; the worker ends when it is gone
BOUND = "GALCAT_BOUND"  # a worker was given cores of its own
TERMINAL = "GALCAT_TERMINAL"  # file descriptor of the terminal, for the progress of rank 0
GRACE_SECONDS = 5.0  # between asking a worker to end and killing it


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

    def same(self, number: float) -> bool:
        """Tell whether all workers have the same number."""
        if not self.hvd:
            return True
        import tensorflow as tf

        found = self.hvd.allgather(tf.constant([number], tf.float64)).numpy()
        return bool((found == found[0]).all())

    def leave(self) -> None:
        """Part from the others, all at once; a worker that left early would look like a dead one."""
        if self.hvd:
            self.same(0.0)
            self.hvd.shutdown()


def join() -> Workers:
    """Become one of the workers that `launch` (or `horovodrun`) started, and meet the others."""
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
        with _meeting_place(workers) as port:
            for rank in range(workers):
                environment = _environment(rank, workers, port)
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
            _wait(processes, logs)
    finally:
        _end(processes)
        os.close(terminal)


@contextlib.contextmanager
def _meeting_place(workers: int) -> Iterator[int]:
    """Serve the port, on this machine only, where the workers find each other."""
    from horovod.runner.common.util.hosts import get_host_assignments, parse_hosts
    from horovod.runner.http.http_server import RendezvousHandler, RendezvousHTTPServer

    server = RendezvousHTTPServer(("127.0.0.1", 0), RendezvousHandler, 0)
    server.init(get_host_assignments(parse_hosts(f"localhost:{workers}"), workers))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _environment(rank: int, workers: int, port: int) -> dict[str, str]:
    """Environment of one worker; gloo talks over the loopback, which a machine offline has too."""
    threads = str(threads_each(workers))
    ours = {
        "HOROVOD_RANK": rank,
        "HOROVOD_SIZE": workers,
        "HOROVOD_LOCAL_RANK": rank,
        "HOROVOD_LOCAL_SIZE": workers,
        "HOROVOD_CROSS_RANK": 0,
        "HOROVOD_CROSS_SIZE": 1,
        "HOROVOD_HOSTNAME": "localhost",
        "HOROVOD_CONTROLLER": "gloo",
        "HOROVOD_CPU_OPERATIONS": "gloo",
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": "127.0.0.1",
        "HOROVOD_GLOO_RENDEZVOUS_PORT": port,
        "HOROVOD_GLOO_IFACE": _loopback(),
        # a busy machine may take minutes between the first worker's start and the last one's
        "HOROVOD_GLOO_TIMEOUT_SECONDS": 600,
        "PYTHONUNBUFFERED": 1,
        LAUNCHER: os.getpid(),
    }
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    wanted = dict.fromkeys(names, threads) | dict(os.environ)
    if not Path("/dev/nvidia0").exists():
        # Horovod looks for work every millisecond, which costs a core that also computes a tenth of
        # its time; steps on processors are long enough to wait for ten
        wanted.setdefault("HOROVOD_CYCLE_TIME", "10")
    return wanted | {name: str(value) for name, value in ours.items()}


def _loopback() -> str:
    import psutil

    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address == "127.0.0.1" for address in addresses):
            return name
    raise GalcatError(
        "this machine has no loopback network (127.0.0.1), over which workers talk; bring it up "
        "(ip link set lo up), or train with --workers 1"
    )


def _wait(processes: list[subprocess.Popen], logs: Path) -> None:
    """Return when all have ended well; raise when one has not."""
    while True:
        codes = [process.poll() for process in processes]
        if all(code == 0 for code in codes):
            return
        if any(codes):
            break
        time.sleep(0.1)
    # the one that began it may be a moment behind the ones that it took down
    deadline = time.monotonic() + GRACE_SECONDS
    while None in codes and time.monotonic() < deadline:
        if not all(_is_victim(rank, code, logs) for rank, code in enumerate(codes) if code):
            break
        time.sleep(0.1)
        codes = [process.poll() for process in processes]
    raise GalcatError(_reason(codes, logs))


def _is_victim(rank: int, code: int, logs: Path) -> bool:
    """Tell whether a worker failed because Horovod lost another one."""
    return code == 1 and "horovod" in _last_line(logs / f"rank-{rank}.txt").lower()


def _reason(codes: list[int | None], logs: Path) -> str:
    """Tell of the worker that failed first: it takes the others down with it."""
    last = {rank: _last_line(logs / f"rank-{rank}.txt") for rank, code in enumerate(codes) if code}

    def guilt(rank: int) -> tuple:
        return codes[rank] > 0, codes[rank] != 2, _is_victim(rank, codes[rank], logs), rank

    rank = min(last, key=guilt)
    code = codes[rank]
    if code == 2:  # a GalcatError, told by `worker`
        return last[rank]
    if code < 0:
        why = f"was killed by {signal.Signals(-code).name}"
        why += " (is the memory full?)" if -code == signal.SIGKILL else ""
    else:
        why = f"failed ({last[rank][:200] or f'exit code {code}'})"
    log = logs / f"rank-{rank}.txt"
    return (
        f"training stopped: worker {rank} of {len(codes)} {why}; see {log}; the same command goes on "
        "from the last checkpoint"
    )


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _end(processes: list[subprocess.Popen]) -> None:
    """End whatever still runs: ask first, then kill."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
