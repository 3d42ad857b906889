"""Where a job may run: places.toml -> places, every key checked."""

# ruff: noqa: RUF009 (setting() makes a dataclasses.field, list defaults included)

from __future__ import annotations

import dataclasses
import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.jobs import slurm_commands
from galcat_core.settings import section_from_dict, setting

TALKS = ("", "gloo", "mpi")
FILES = ("places.toml", "~/.config/galcat/places.toml")  # the project's, then one's own

RESTARTS = 3
RESTARTS_HELP = "times that a job of which a process was killed goes on by itself"


@dataclass
class Local:
    """This machine: detached processes, without a queue."""

    tasks_per_node: int = setting(1, "worker processes", low=1)
    restarts: int = setting(RESTARTS, RESTARTS_HELP, low=0)


@dataclass
class Slurm:
    """A cluster run by Slurm."""

    partition: str = setting("", "partition (empty: Slurm's default)")
    nodes: int = setting(1, "nodes of a job", low=1)
    tasks_per_node: int = setting(1, "worker processes on each node: one for each GPU", low=1)
    gpus_per_node: int = setting(0, "GPUs on each node", low=0)
    gpu_type: str = setting("", "kind of GPU, as a100 (empty: any)")
    cpus_per_task: int = setting(0, "cores of each worker (0: Slurm's default)", low=0)
    memory_per_node: str = setting("", "memory of each node, as 64G (empty: Slurm's default)")
    time: str = setting("", "time limit, as 08:00:00 or 1-12:00:00 (empty: the partition's)")
    account: str = setting("", "account that is charged (empty: your default)")
    qos: str = setting("", "quality of service (empty: your default)")
    modules: list[str] = setting([], "modules that the job loads, as cuda/12.4")
    commands: list[str] = setting(
        [], "lines of shell run in the job before it begins, as source ~/galcat/bin/activate"
    )
    python: str = setting("", "Python on the nodes (empty: the one that hands the job in)")
    folder: str = setting("", "shared folder that projects must lie in (empty: not checked)")
    interface: str = setting(
        "", "network between the nodes, as ib0 (empty: the one by which they reach each other)"
    )
    talk: str = setting(
        "", "how workers meet: gloo or mpi (empty: chosen, see galcat doctor)", choices=TALKS
    )
    signal_seconds: int = setting(
        120, "seconds before the time limit at which a job goes back into the queue", low=10
    )
    requeues: int = setting(
        50, "times that a job goes back into the queue at its time limit", low=0
    )
    restarts: int = setting(RESTARTS, RESTARTS_HELP, low=0)
    sbatch: list[str] = setting([], "further options, as --constraint=a100 or --exclusive")


@dataclass
class Script:
    """Any other batch system (PBS, LSF): a script that you write from a template, and its commands."""

    template: str = setting(
        "", "script with $name, $log, $project, $tasks_per_node, $command in it"
    )
    submit: str = setting("", "command that hands in the script named behind it, as qsub")
    number: str = setting(
        "", "pattern of the job's number, in brackets, in what submit says (empty: its last word)"
    )
    state: str = setting("", "command that tells of the job whose number is behind it, as qstat")
    live: str = setting("", "pattern of what it says, somewhere, of a job that waits or runs")
    gone: str = setting("", "pattern of what it says of one that ended, or that it does not know")
    cancel: str = setting("", "command that ends the job whose number is behind it, as qdel")
    tasks_per_node: int = setting(1, "worker processes, on one node", low=1)
    restarts: int = setting(RESTARTS, RESTARTS_HELP, low=0)
    python: str = setting("", "Python on the nodes (empty: the one that hands the job in)")
    folder: str = setting("", "shared folder that projects must lie in (empty: not checked)")


PATTERNS = ("number", "live", "gone")  # settings that are regular expressions
COMMANDS = ("submit", "state", "cancel")  # settings that are command lines

KINDS: dict[str, type] = {"local": Local, "slurm": Slurm, "script": Script}


@dataclass(frozen=True)
class Place:
    """A named place.

    Attributes
    ----------
    name : str
    kind : str
        A key of `KINDS`.
    settings : Local, Slurm or Script
    """

    name: str
    kind: str
    settings: Any

    @classmethod
    def from_dict(cls, name: str, values: dict[str, Any], where: str = "places") -> Place:
        """Build a place from its table, checking keys, types and limits.

        Raises
        ------
        GalcatError
            The kind or a key is unknown (the nearest legal one is suggested), or a value is illegal.
        """
        kind = values.get("kind", name)
        if kind not in KINDS:
            told = f"kind = {kind!r} is none" if "kind" in values else "has no key 'kind'"
            raise GalcatError(
                f"{where}: [{name}] {told}; legal are {listed(KINDS)}.{nearest(str(kind), KINDS)}"
            )
        rest = {key: value for key, value in values.items() if key != "kind"}
        settings = section_from_dict(KINDS[kind], rest, f"{where}: [{name}]")
        for key in PATTERNS:
            _check_pattern(getattr(settings, key, ""), f"{where}: [{name}] {key}")
        for key in COMMANDS:
            _check_command(getattr(settings, key, ""), f"{where}: [{name}] {key}")
        return cls(name, kind, settings)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads."""
        return {"kind": self.kind, **dataclasses.asdict(self.settings)}

    def shape(self, nodes: int | None = None, tasks_per_node: int | None = None) -> Shape:
        """Return nodes and workers of a job here; what is not given is as the place says.

        Raises
        ------
        GalcatError
            Fewer than one, or several nodes where there is only one.
        """
        most = nodes if nodes is not None else getattr(self.settings, "nodes", 1)
        each = tasks_per_node if tasks_per_node is not None else self.settings.tasks_per_node
        for name, value in (("nodes", most), ("tasks per node", each)):
            if value < 1:
                raise GalcatError(f"{name} = {value}: at least 1 is wanted")
        if most > 1 and self.kind != "slurm":
            raise GalcatError(
                f"{most} nodes: '{self.name}' is a place of one node; name a place of kind "
                "slurm with --on, or ask for --nodes 1"
            )
        return Shape(most, each)


@dataclass(frozen=True)
class Shape:
    """How many nodes a job has, and workers on each."""

    nodes: int
    tasks_per_node: int

    @property
    def workers(self) -> int:
        """Workers of all nodes."""
        return self.nodes * self.tasks_per_node


def load(path: str | Path | None = None) -> dict[str, Place]:
    """Return the places of a file, and `local`, which is always there.

    Parameters
    ----------
    path : str or Path, optional
        Default: the first of `FILES` that exists. Where no file says otherwise and this machine has
        Slurm, `slurm` is a place with Slurm's own defaults.

    Raises
    ------
    GalcatError
        The file is missing, no TOML, or says something that is not legal.
    """
    found = Path(path) if path else next((p for f in FILES if (p := _home(f)).is_file()), None)
    places = {"local": Place("local", "local", Local())}
    if slurm_commands.is_here():
        places["slurm"] = Place("slurm", "slurm", Slurm())
    if found is None:
        return places
    if not found.is_file():
        raise GalcatError(f"{found}: no such file of places; CLUSTER.md shows one")
    try:
        values = tomllib.loads(found.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GalcatError(f"{found}: not a TOML file ({error})") from error
    for name, content in values.items():
        if not isinstance(content, dict):
            raise GalcatError(
                f"{found}: '{name}' stands outside of a place; write the place's name as "
                "[slurm] on a line of its own and its keys below"
            )
        places[name] = Place.from_dict(name, content, str(found))
    return places


def named(name: str, path: str | Path | None = None) -> Place:
    """Return one of the places that `load` finds.

    Raises
    ------
    GalcatError
        There is none of that name: those that there are.
    """
    there = load(path)
    if name not in there:
        raise GalcatError(
            f"there is no place '{name}'; there are {listed(there)} (a file places.toml names "
            f"more, see CLUSTER.md).{nearest(name, there)}"
        )
    return there[name]


def _check_pattern(pattern: str, what: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise GalcatError(f"{what} = '{pattern}': no regular expression ({error})") from error
    if pattern and what.endswith("number") and groups != 1:
        raise GalcatError(f"{what} = '{pattern}': one pair of brackets is wanted, as Job <(\\d+)>")


def _check_command(command: str, what: str) -> None:
    try:
        shlex.split(command)
    except ValueError as error:
        raise GalcatError(f"{what} = '{command}': no line of shell words ({error})") from error


def _home(path: str) -> Path:
    return Path(path).expanduser()
