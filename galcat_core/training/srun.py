"""Workers on the nodes of a Slurm job, started by srun; the twin of `distributed.launch`, without ssh and MPI.

The process that calls `launch` runs on the first node, as the batch script of `jobs.slurm` does: there
is rank 0, and there the workers meet.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import psutil

from galcat_core.errors import GalcatError
from galcat_core.jobs import slurm_commands
from galcat_core.jobs.slurm import SHAPE, TALK
from galcat_core.training import abilities, distributed, ranks, talk, watching
from galcat_core.training.talk import Talk

GRACE_SECONDS = 15.0  # for srun to end all workers
MPI_SECONDS = 60.0  # for workers to find each other by MPI, if they can
ENDED = re.compile(r"tasks? ([\d,-]+): (.+)")  # "srun: error: n2: task 1: Killed"
CODE = re.compile(r"Exited with exit code (\d+)")


def within() -> bool:
    """Tell whether this process is a job on Slurm whose workers srun has to start."""
    return SHAPE in os.environ and "SLURM_JOB_ID" in os.environ


def launch(
    module: str, arguments: Sequence[str], workers: int, logs: Path, lock: IO | None
) -> None:
    """Run a module in `workers` processes on the job's nodes and wait for them.

    What a worker says goes to `logs/rank-N.txt`, written on its node; the progress of rank 0 goes to
    this process's standard error, if that is a file, which it is in a job. When one ends badly the
    others are ended; when the job ends, Slurm ends them all.

    Parameters
    ----------
    module, arguments, workers, logs, lock
        As for `distributed.launch`; the logs lie in a folder that the nodes share.

    Raises
    ------
    GalcatError
        The job is not made for so many workers, or one died: which, and why.
    """
    nodes, each, *interface = os.environ[SHAPE].split()
    if workers != int(nodes) * int(each):
        raise GalcatError(
            f"{workers} workers in a job of {nodes} nodes with {each} tasks each; train with "
            f"--workers {int(nodes) * int(each)}, or --on another place"
        )
    logs.mkdir(parents=True, exist_ok=True)
    told = logs / "srun.txt"
    address = _address_here(*interface)
    hosts = ",".join(f"{name}:{each}" for name in _node_names())
    with distributed.meeting_place(hosts, workers, address) as port:
        how = _talk(nodes, each, logs)
        environment = ranks.common(int(nodes), int(each), address, port, _threads(each), how)
        environment[ranks.LAUNCHER] = ranks.SRUN
        if interface:
            environment["HOROVOD_GLOO_IFACE"] = interface[0]
        out = Path("/proc/self/fd/2").resolve()
        if out.is_file():
            environment[ranks.TERMINAL] = str(out)
        with told.open("wb") as stream:
            process = subprocess.Popen(
                [*_srun(nodes, each), *_ours(how, logs), sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=environment,
                pass_fds=[] if lock is None else [lock.fileno()],
            )
        try:
            watching.wait(lambda: _codes(process, told, workers), logs)
        finally:
            _end(process)


def _talk(nodes: str, each: str, logs: Path) -> Talk:
    """Choose how the workers talk, and say it."""
    build = abilities.of_horovod()
    if build is None:
        raise GalcatError(
            "Horovod cannot be loaded on this node: galcat doctor in a job tells more"
        )
    wanted, on_gpus = os.environ.get(TALK, ""), talk.has_gpus()
    ways: Sequence[str] = ()
    if talk.may_take_mpi(build, on_gpus, wanted):
        found = (way for way in talk.BY_SRUN if _meet_by_mpi(way, nodes, each, logs))
        ways = list(itertools.islice(found, 1))
    how = talk.chosen(build, ways, on_gpus, wanted)
    print(f"workers meet by {how.meet}, gradients are added by {how.add}", file=sys.stderr)
    return how


def _meet_by_mpi(way: str, nodes: str, each: str, logs: Path) -> bool:
    """Try whether workers find each other by MPI: srun may know of a way that their MPI does not."""
    command = [*_srun(nodes, each), f"--mpi={way}", sys.executable, "-m", abilities.__name__]
    told = logs / f"mpi-{way}.txt"
    with told.open("wb") as stream:
        try:
            subprocess.run(
                [*command, abilities.SIZE],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=os.environ | {"HOROVOD_CONTROLLER": "mpi", "HOROVOD_CPU_OPERATIONS": "mpi"},
                timeout=MPI_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return False
    workers = int(nodes) * int(each)
    return told.read_text(errors="replace").split().count(str(workers)) >= workers


def _srun(nodes: str, each: str) -> list[str]:
    cores = os.environ.get("SLURM_CPUS_PER_TASK")
    return [
        "srun",
        f"--nodes={nodes}",
        f"--ntasks={int(nodes) * int(each)}",
        f"--ntasks-per-node={each}",
        "--distribution=block",  # ranks 0 to each-1 on the first node
        *([f"--cpus-per-task={cores}"] if cores else []),  # srun does not take it over by itself
    ]


def _ours(how: Talk, logs: Path) -> list[str]:
    return [
        *([f"--mpi={how.srun}"] if how.srun else []),
        "--kill-on-bad-exit=0",  # this process does, once it knows which one began it
        "--wait=0",
        f"--output={logs.absolute()}/rank-%t.txt",
        "--open-mode=truncate",
    ]


def _address_here(interface: str = "") -> str:
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


def _node_names() -> list[str]:
    return slurm_commands.expand(os.environ["SLURM_JOB_NODELIST"])


def _threads(each: str) -> int:
    told = os.environ.get("SLURM_CPUS_PER_TASK")
    if told:
        return int(told)
    return max(1, int(os.environ.get("SLURM_CPUS_ON_NODE", each)) // int(each))


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
            f"training stopped: srun did not start the workers ({watching.last_line(told)}); "
            f"see {told}"
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
