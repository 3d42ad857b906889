"""What a worker is told by its environment: its rank, how many there are, where they meet, how they talk."""

from __future__ import annotations

import os
import socket

import psutil

from galcat_core.errors import GalcatError
from galcat_core.jobs import crew
from galcat_core.training import talk
from galcat_core.training.talk import Talk


def common(
    nodes: int, on_each: int, address: str, port: int, threads: int, how: Talk | None = None
) -> dict[str, str]:
    """Return what all workers are told: how many they are, where they meet, how they talk.

    Parameters
    ----------
    nodes, on_each : int
        Machines, and workers on each.
    address : str
    port : int
        Of the meeting place.
    threads : int
        Of each worker, where the user says nothing else.
    how : Talk, optional
        How they talk (default: by gloo).
    """
    how = how or Talk()
    ours = {
        "HOROVOD_SIZE": nodes * on_each,
        "HOROVOD_LOCAL_SIZE": on_each,
        "HOROVOD_CROSS_SIZE": nodes,
        # NCCL adds what is on GPUs wherever Horovod was built with it, and nothing else
        "HOROVOD_CONTROLLER": how.meet,
        "HOROVOD_CPU_OPERATIONS": how.meet,
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": address,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": port,
        # a busy machine may take minutes between the first worker's start and the last one's
        "HOROVOD_GLOO_TIMEOUT_SECONDS": 600,
        "PYTHONUNBUFFERED": 1,
    }
    wanted = crew.environment(threads)
    if not talk.has_gpus():
        # Horovod looks for work every millisecond, which costs a core that also computes a tenth of
        # its time; steps on processors are long enough to wait for ten
        wanted.setdefault("HOROVOD_CYCLE_TIME", "10")
    return wanted | {name: str(value) for name, value in ours.items()}


def local(rank: int, workers: int, port: int, threads: int) -> dict[str, str]:
    """Environment of one worker; gloo talks over the loopback, which a machine offline has too."""
    ours = {
        "HOROVOD_RANK": rank,
        "HOROVOD_LOCAL_RANK": rank,
        "HOROVOD_CROSS_RANK": 0,
        "HOROVOD_HOSTNAME": "localhost",
        "HOROVOD_GLOO_IFACE": _loopback(),
    }
    known = common(1, workers, "127.0.0.1", port, threads)
    return known | {name: str(value) for name, value in ours.items()}


def of_slurm() -> dict[str, str]:
    """Return what Horovod asks of a worker that srun started, in Slurm's words until then."""
    told = os.environ
    where = told["HOROVOD_GLOO_RENDEZVOUS_ADDR"], int(told["HOROVOD_GLOO_RENDEZVOUS_PORT"])
    names = {
        "HOROVOD_RANK": told["SLURM_PROCID"],
        "HOROVOD_LOCAL_RANK": told["SLURM_LOCALID"],
        "HOROVOD_CROSS_RANK": told["SLURM_NODEID"],
        "HOROVOD_HOSTNAME": told["SLURMD_NODENAME"],
        "HOROVOD_GLOO_IFACE": told.get("HOROVOD_GLOO_IFACE") or interface_towards(*where),
    }
    if len(os.sched_getaffinity(0)) < int(told.get("SLURM_CPUS_ON_NODE", "1")):
        names[crew.BOUND] = "1"  # by Slurm
    return names


def interface_towards(address: str, port: int) -> str:
    """Return the name of the network interface by which this machine reaches another one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((address, port))  # sends nothing
        own = asking.getsockname()[0]
    for name, addresses in psutil.net_if_addrs().items():
        if any(found.address == own for found in addresses):
            return name
    raise GalcatError(f"no network interface here has the address {own}, which reaches {address}")


def _loopback() -> str:
    try:
        return interface_towards("127.0.0.1", 9)
    except OSError as error:
        raise GalcatError(
            "this machine has no loopback network (127.0.0.1), over which workers talk; bring it "
            "up (ip link set lo up), or train with --workers 1"
        ) from error
