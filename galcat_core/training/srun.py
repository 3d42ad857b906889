"""Workers of a training on the nodes of a Slurm job; the twin of `distributed.launch`, without ssh.

The process that calls `launch` runs on the first node: there the workers meet.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from galcat_core.errors import GalcatError
from galcat_core.jobs import srun, watching
from galcat_core.jobs.slurm import TALK
from galcat_core.jobs.srun import within
from galcat_core.training import abilities, distributed, ranks, talk
from galcat_core.training.talk import Talk

__all__ = ["launch", "within"]

MPI_SECONDS = 60.0  # for workers to find each other by MPI, if they can


def launch(
    module: str, arguments: Sequence[str], workers: int, logs: Path, lock: IO | None
) -> None:
    """Run a module in `workers` processes on the job's nodes and wait for them.

    When one ends badly the others are ended.

    Parameters
    ----------
    module, arguments, workers, logs, lock
        As for `distributed.launch`; the logs lie in a folder that the nodes share.

    Raises
    ------
    GalcatError
        The job is not made for so many workers, or one died: which, and why.
    """
    srun.check(workers, "train")
    logs.mkdir(parents=True, exist_ok=True)
    nodes, each, interface = srun.shape()
    address = srun.address_here(interface)
    hosts = ",".join(f"{name}:{each}" for name in srun.node_names())
    with distributed.meeting_place(hosts, workers, address) as port:
        how = _talk(workers, logs)
        told = ranks.common(nodes, each, address, port, srun.threads_each(), how)
        if interface:
            told["HOROVOD_GLOO_IFACE"] = interface
        mpi = [f"--mpi={how.srun}"] if how.srun else []
        with srun.started(module, arguments, workers, logs, told, lock, mpi) as codes:
            watching.wait(codes, logs)


def _talk(workers: int, logs: Path) -> Talk:
    """Choose how the workers talk, and say it."""
    build = abilities.of_horovod()
    if build is None:
        raise GalcatError(
            "Horovod cannot be loaded on this node: galcat doctor in a job tells more"
        )
    wanted, on_gpus = os.environ.get(TALK, ""), talk.has_gpus()
    ways: Sequence[str] = ()
    if talk.may_take_mpi(build, on_gpus, wanted):
        found = (way for way in talk.BY_SRUN if _meet_by_mpi(way, workers, logs))
        ways = list(itertools.islice(found, 1))
    how = talk.chosen(build, ways, on_gpus, wanted)
    print(f"workers meet by {how.meet}, gradients are added by {how.add}", file=sys.stderr)
    return how


def _meet_by_mpi(way: str, workers: int, logs: Path) -> bool:
    """Try whether workers find each other by MPI: srun may know of a way that their MPI does not."""
    command = [*srun.command(), f"--mpi={way}", sys.executable, "-m", abilities.__name__]
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
    return told.read_text(errors="replace").split().count(str(workers)) >= workers
