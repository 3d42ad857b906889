"""What this machine, or this job, can do for galcat, and what is missing: one finding a line."""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from galcat_core.errors import GalcatError
from galcat_core.jobs import places, script, slurm_commands
from galcat_core.jobs.places import Place
from galcat_core.provenance import code_version
from galcat_core.training import abilities, talk

LIBRARIES = ("tensorflow", "tensorflow-cpu", "keras", "horovod", "jax", "numpy")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
    value : str
        What was found.
    missing : str
        What does not work because of it, and the mend; empty if all is well.
    """

    name: str
    value: str
    missing: str = ""


def examine(project: str | Path = ".", file: str | Path | None = None) -> list[Finding]:
    """Look at this machine, the job that this process is part of, the libraries, Slurm, the places.

    Parameters
    ----------
    project : str or Path
        Whose disk is looked at.
    file : str or Path, optional
        File of places.
    """
    found = [*_machine(Path(project)), *_job(), *_libraries(), *_abilities()]
    return [*found, *cluster(), *where(Path(project), file)]


def _machine(project: Path) -> Iterator[Finding]:
    yield Finding("galcat", f"{code_version()}, Python {platform.python_version()}, {sys.prefix}")
    yield Finding("machine", f"{platform.node()}, {platform.platform()}")
    allowed = getattr(os, "sched_getaffinity", None)
    cores, all_cores = len(allowed(0)) if allowed else None, os.cpu_count() or 1
    told = f"{cores} of {all_cores}" if cores and cores < all_cores else f"{all_cores}"
    yield Finding("cores", f"{told}: --workers {cores or all_cores} at most pay here")
    memory = psutil.virtual_memory()
    yield Finding("memory", f"{_gigabytes(memory.available)} free of {_gigabytes(memory.total)}")
    free = shutil.disk_usage(project).free
    full = "free some space: stores, runs and checkpoints are written here" if free < 2e9 else ""
    yield Finding("disk", f"{_gigabytes(free)} free in {project.resolve()}", full)
    yield _locks(project)


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def _locks(project: Path) -> Finding:
    """Tell whether the project's disk grants what keeps two trainings out of one run."""
    try:
        with tempfile.TemporaryFile(dir=project) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except PermissionError:
        return Finding("locks", "none", f"{project.resolve()} cannot be written: work elsewhere")
    except OSError as error:
        return Finding("locks", f"a run is held by its files alone ({error.strerror})")
    return Finding("locks", "a run is held by the disk's locks and by its files")


def _job() -> Iterator[Finding]:
    number, restarts = slurm_commands.job_here()
    if not number:
        return
    told = os.environ
    nodes, tasks = told.get("SLURM_JOB_NODELIST", "?"), told.get("SLURM_TASKS_PER_NODE", "?")
    yield Finding(
        "this job", f"Slurm {number} on {nodes}, {tasks} tasks, requeued {restarts} times"
    )


def _libraries() -> Iterator[Finding]:
    for name in LIBRARIES:
        try:
            yield Finding(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            continue


def _abilities() -> Iterator[Finding]:
    """Tell of GPUs and Horovod, as a process sees them that trains."""
    cards = _cards()
    yield Finding("GPUs", "; ".join(cards) or "none")
    found = abilities.found()
    if found is None:
        mend = "galcat learns and predicts with it: install galcat's extra 'cpu' or 'gpu'"
        yield Finding("TensorFlow", "cannot be imported", mend)
        return
    if cards and not found["gpus"]:
        why = "was built without CUDA" if not found["cuda"] else "finds no driver or CUDA library"
        mend = f"TensorFlow {why}: install galcat's extra 'gpu' in place of 'cpu'"
        yield Finding("TensorFlow", "sees no GPU", mend)
    elif found["gpus"]:
        yield Finding("TensorFlow", f"sees {', '.join(found['gpus'])}")
    yield horovod(found["horovod"], bool(found["gpus"]), _by_srun())


def _cards() -> list[str]:
    asked = "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"
    try:
        ended = subprocess.run(["nvidia-smi", *asked], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return ended.stdout.strip().splitlines() if ended.returncode == 0 else []


def horovod(build: dict | None, on_gpus: bool, by_srun: Sequence[str] = ()) -> Finding:
    """Tell what a build of Horovod does (see `abilities.horovod`), and what it lacks.

    Parameters
    ----------
    build : dict or None
    on_gpus : bool
        Whether TensorFlow sees a GPU.
    by_srun : sequence of str
        What Slurm can start for MPI (see `talk.chosen`).
    """
    if build is None:
        return Finding(
            "Horovod",
            "not installed",
            "training takes one process only: install g++ and run make install, or pip install "
            "'galcat[horovod]'",
        )
    parts = [name for name in abilities.PARTS if build[name]]
    told = f"{build['version']} with {', '.join(parts) or 'nothing'}"
    try:
        how = talk.chosen(build, by_srun, on_gpus)
    except GalcatError as error:
        return Finding("Horovod", told, str(error))
    mend = ""
    if on_gpus and not build["nccl"]:
        mend = "gradients leave the GPUs to be added: build it with HOROVOD_GPU_OPERATIONS=NCCL"
    elif not build["gloo"]:
        mend = (
            "--workers without Slurm needs gloo: build it with HOROVOD_WITH_GLOO=1 (make horovod)"
        )
    where = "in jobs on Slurm " if how.meet == "mpi" else ""
    told = f"{told}; workers {where}meet by {how.meet}, gradients are added by {how.add}"
    return Finding("Horovod", told, mend)


def _by_srun() -> list[str]:
    if not slurm_commands.is_here():
        return []
    try:
        return slurm_commands.mpi_types()
    except GalcatError:
        return []


def cluster() -> Iterator[Finding]:
    """Tell of Slurm and its partitions."""
    if not slurm_commands.is_here():
        yield Finding("Slurm", "not on this machine")
        return
    version = "installed"
    try:
        version = slurm_commands.version()
        told = slurm_commands.nodes()
    except GalcatError as error:
        yield Finding("Slurm", version, str(error))
        return
    yield Finding("Slurm", version)
    for line in told:
        yield Finding("partition", line)


def where(project: Path, file: str | Path | None) -> Iterator[Finding]:
    """Tell of the places of a file."""
    try:
        there = places.load(file)
    except GalcatError as error:
        yield Finding("places", "cannot be read", str(error))
        return
    for place in there.values():
        yield _place(project, place)


def _place(project: Path, place: Place) -> Finding:
    shape = place.shape()
    told = f"{place.name} ({place.kind}), {shape.nodes} x {shape.tasks_per_node} workers"
    shared = getattr(place.settings, "folder", "")
    missing = ""
    if place.kind == "slurm" and not slurm_commands.is_here():
        missing = "this machine has no Slurm: start jobs there from a login node"
    elif place.kind == "slurm" and place.settings.partition:
        try:
            names = slurm_commands.partitions()
        except GalcatError:
            names = [place.settings.partition]  # told above
        if place.settings.partition not in names:
            missing = f"there is no partition '{place.settings.partition}'"
    elif place.kind == "script":
        missing = script.lack(place.settings, project)
    if shared and not project.resolve().is_relative_to(Path(shared).expanduser().resolve()):
        missing = missing or f"this folder is not in {shared}, which its nodes share"
    return Finding("place", told, missing)
