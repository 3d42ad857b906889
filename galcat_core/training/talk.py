"""How workers talk, chosen by what Horovod was built with and what the machine has: gloo, MPI or NCCL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from galcat_core.errors import GalcatError

BY_SRUN = ("pmix", "pmi2")  # by which srun starts workers that talk by MPI, the better one first


@dataclass(frozen=True)
class Talk:
    """Who does what.

    Attributes
    ----------
    meet : str
        By what the workers meet and agree: "gloo" or "mpi".
    add : str
        By what gradients are added: "gloo", "mpi" or "nccl".
    srun : str
        What srun is asked for, for MPI: one of `BY_SRUN`; else empty.
    """

    meet: str = "gloo"
    add: str = "gloo"
    srun: str = ""


def chosen(
    build: dict[str, str | bool], by_srun: Sequence[str], on_gpus: bool, wanted: str = ""
) -> Talk:
    """Choose how workers talk.

    On GPUs gradients are added by NCCL, if Horovod has it: then the meeting alone is left, for which
    gloo needs nothing of the machine. Otherwise MPI is worth its trouble, since it knows the
    cluster's fast network; it takes a Horovod that was built with it, and workers that srun starts
    the way that MPI asks for. Everything else is done by gloo.

    Parameters
    ----------
    build : dict
        Of Horovod (see `abilities.horovod`).
    by_srun : sequence of str
        What srun knows of MPI; empty where workers are not started by srun.
    on_gpus : bool
        Whether the workers compute on GPUs.
    wanted : str
        "gloo" or "mpi" to meet by that; empty to choose.

    Raises
    ------
    GalcatError
        What is wanted, or anything at all, cannot be had.
    """
    ways = [way for way in BY_SRUN if way in by_srun]
    add = "nccl" if on_gpus and build["nccl"] else ""
    if ways and may_take_mpi(build, on_gpus, wanted):
        return Talk("mpi", add or "mpi", ways[0])
    if wanted == "mpi" or not build["gloo"]:
        raise GalcatError(_why_not(wanted or "gloo", build))
    return Talk("gloo", add or "gloo")


def may_take_mpi(build: dict[str, str | bool], on_gpus: bool, wanted: str = "") -> bool:
    """Tell whether MPI would be chosen if srun can start workers for it (see `chosen`)."""
    if not build["mpi"] or wanted:
        return bool(build["mpi"]) and wanted == "mpi"
    return not (on_gpus and build["nccl"] and build["gloo"])


def _why_not(meet: str, build: dict[str, str | bool]) -> str:
    if build["mpi"]:
        return (
            "Horovod was built with MPI, but srun cannot start workers for it (neither by pmix nor by "
            "pmi2, srun --mpi=list): build Horovod with gloo (make horovod), or set talk = 'gloo'"
        )
    has = ", ".join(name for name in ("gloo", "mpi") if build[name]) or "neither gloo nor MPI"
    return (
        f"workers shall talk by {meet}, and Horovod was built with {has}: build it again "
        f"(make horovod builds it with gloo), or let talk be chosen (talk = '')"
    )


def has_gpus() -> bool:
    """Tell whether this machine has an NVIDIA GPU."""
    return Path("/dev/nvidia0").exists()
