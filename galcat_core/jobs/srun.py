"""Processes of one work on the nodes of a Slurm job, started by srun; the twin of `crew`, without ssh and MPI.

The process that calls `started` runs on the first node, as the batch script of `jobs.slurm` does: there
is rank 0.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import psutil

from galcat_core.errors import GalcatError
from galcat_core.jobs import crew, slurm_commands, watching
from galcat_core.jobs.crew import Codes
from galcat_core.jobs.slurm import SHAPE, STEP

GRACE_SECONDS = 15.0  # for srun to end all workers
ENDED = re.compile(r"tasks? ([\d,-]+): (.+)")  # "srun: error: n2: task 1: Killed"
CODE = re.compile(r"Exited with exit code (\d+)")


def within() -> bool:
    """Tell whether this process is a job on Slurm whose workers srun has to start."""
    return SHAPE in os.environ and "SLURM_JOB_ID" in os.environ


def shape() -> tuple[int, int, str]:
    """Return the job's nodes, the workers on each, and its network between them (may be empty)."""
    nodes, each, *interface = os.environ[SHAPE].split()
    return int(nodes), int(each), " ".join(interface)


def check(workers: int, what: str) -> None:
    """Refuse a number of workers that the job is not made for; `what` they do is said."""
    nodes, each, _ = shape()
    if workers != nodes * each:
        raise GalcatError(
            f"{workers} workers in a job of {nodes} nodes with {each} tasks each; {what} with "
            f"--workers {nodes * each}, or --on another place"
        )


@contextlib.contextmanager
def started(
    module: str,
    arguments: Sequence[str],
    workers: int,
    logs: Path,
    told: dict[str, str],
    lock: IO | None = None,
    options: Sequence[str] = (),
) -> Iterator[Codes]:
    """Run `python -m module arguments` on the job's nodes; end those that still run when the block ends.

    What a worker says goes to `logs/rank-N.txt`, written on its node; the progress of rank 0 goes to
    this process's standard error, if that is a file, which it is in a job. When the job ends, Slurm
    ends them all.

    Parameters
    ----------
    module, arguments, workers, logs, lock
        As for `crew.started`; the logs lie in a folder that the nodes share.
    told : dict
        The whole environment of all workers.
    options : sequence of str
        Of srun, besides those that every start of galcat's has.

    Yields
    ------
    callable
        Returns the workers' exit codes as they are now.
    """
    logs.mkdir(parents=True, exist_ok=True)
    words = logs / "srun.txt"
    told = told | {crew.LAUNCHER: crew.SRUN}
    out = Path("/proc/self/fd/2").resolve()
    if out.is_file():
        told[crew.TERMINAL] = str(out)
    with words.open("wb") as stream:
        process = subprocess.Popen(
            [*command(), *_ours(logs), *options, sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=told,
            pass_fds=[] if lock is None else [lock.fileno()],
        )
    try:
        yield lambda: _codes(process, words, workers)
    finally:
        _end(process)


def command() -> list[str]:
    """Return how srun is asked to start the job's workers, without what is to become of them."""
    nodes, each, _ = shape()
    cores = os.environ.get("SLURM_CPUS_PER_TASK")
    return [
        "srun",
        f"--job-name={STEP}",
        f"--nodes={nodes}",
        f"--ntasks={nodes * each}",
        f"--ntasks-per-node={each}",
        "--distribution=block",  # ranks 0 to each-1 on the first node
        *([f"--cpus-per-task={cores}"] if cores else []),  # srun does not take it over by itself
    ]


def _ours(logs: Path) -> list[str]:
    return [
        "--kill-on-bad-exit=0",  # this process does, once it knows which one began it
        "--wait=0",
        f"--output={logs.absolute()}/rank-%t.txt",
        "--open-mode=truncate",
    ]


def address_here(interface: str = "") -> str:
    """Return the address by which the other nodes reach this one: as Slurm does, if not told."""
    if not interface:
        return socket.gethostbyname(slurm_commands.address_of(os.environ["SLURMD_NODENAME"]))
    there = psutil.net_if_addrs()
    if interface not in there:
        raise GalcatError(
            f"interface = '{interface}': this node has {', '.join(there)}; mend the file of places"
        )
    found = [a.address for a in there[interface] if a.family == socket.AF_INET]
    if not found:
        raise GalcatError(f"interface = '{interface}' has no IPv4 address on this node")
    return found[0]


def node_names() -> list[str]:
    """Return the names of the job's nodes, in the order of the ranks."""
    return slurm_commands.expand(os.environ["SLURM_JOB_NODELIST"])


def threads_each() -> int:
    """Return the threads for each worker: as many as Slurm gives it cores."""
    each = shape()[1]
    told = os.environ.get("SLURM_CPUS_PER_TASK")
    if told:
        return int(told)
    return max(1, int(os.environ.get("SLURM_CPUS_ON_NODE", each)) // each)


def _codes(process: subprocess.Popen, told: Path, workers: int) -> list[int | None]:
    """Return the workers' exit codes as far as srun has told them."""
    ended = process.poll()  # first: what it says before its end is then read
    if ended == 0:
        return [0] * workers
    codes: list[int | None] = [None] * workers
    for line in told.read_text(errors="replace").splitlines():
        found = ENDED.search(line)
        for rank in _ranks(found[1]) if found else ():
            if rank < workers and codes[rank] is None:
                codes[rank] = _code(found[2])
    if ended is not None and not any(codes):
        raise GalcatError(
            f"srun did not start the workers ({watching.last_line(told)}); see {told}"
        )
    return codes


def _ranks(text: str) -> list[int]:
    """Return [0, 1, 2, 5] for "0-2,5"."""
    ranks: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        ranks += range(int(first), int(last or first) + 1)
    return ranks


def _code(what: str) -> int:
    """Return an exit code, or minus the number of a signal, from srun's words."""
    code = CODE.search(what)
    if code:
        return int(code[1])
    names = {signal.strsignal(number): number for number in signal.valid_signals()}
    words = what.split(" (")[0].strip()
    return -names.get(words, signal.SIGKILL)  # "Out Of Memory" among others


def _end(process: subprocess.Popen) -> None:
    """End whatever still runs: srun ends the workers, and itself once they are gone."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
