"""A file of places to begin with, for each batch system, and the batch script beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.files import write_text
from galcat_core.jobs.places import KINDS
from galcat_core.settings import to_toml

SYSTEMS: dict[str, dict[str, str]] = {  # batch systems, and the commands of those of kind script
    "slurm": {},
    "pbs": {
        "submit": "qsub",
        "state": "qstat",
        # its last columns are a time, the state's letter, the queue; a job that ended stays for minutes
        "live": r"[\d-] +[BEHQRSTUW] +\S+\s*$",
        # PBS Pro, Torque, and the qstat that Slurm has for those who come from them
        "gone": r"[\d-] +[CFX] +\S+\s*$|[Uu]nknown [Jj]ob|has finished|Invalid job id",
        "cancel": "qdel",
    },
    "lsf": {
        "submit": "sh -c 'bsub < \"$0\"'",  # it reads the script from its input
        "number": r"Job <(\d+)>",
        "state": "bjobs -noheader -o stat",
        "live": "PEND|RUN|SUSP|WAIT|PROV",
        "gone": "DONE|EXIT|ZOMBI|is not found",
        "cancel": "bkill",
    },
}
TEMPLATES = Path(__file__).parent / "templates"


def template(kind: str) -> str:
    """Return the text of a place, every key with its meaning and default, to be edited."""
    lines = [f"[{kind}]  # {KINDS[kind].__doc__}", f'kind = "{kind}"']
    for item in dataclasses.fields(KINDS[kind]):
        default = (
            item.default if item.default is not dataclasses.MISSING else item.default_factory()
        )
        lines.append(f"{item.name} = {to_toml(default)}  # {item.metadata['help']}")
    return "\n".join(lines) + "\n"


def write(system: str, path: str | Path) -> list[Path]:
    """Write a file of places to begin with, for Slurm, PBS or LSF; return what was written.

    Raises
    ------
    GalcatError
        The file is there already, or the batch system is unknown.
    """
    path = Path(path)
    if system not in SYSTEMS:
        raise GalcatError(f"'{system}': legal are {listed(SYSTEMS)}.{nearest(system, SYSTEMS)}")
    if path.exists():
        raise GalcatError(f"{path} is there already: edit it, or name another file with -o")
    if system == "slurm":
        write_text(path, template("slurm"))
        return [path]
    text = template("script").replace("[script]", f"[{system}]")
    beside = path.with_name(f"{system}.sh")
    if not beside.exists():
        write_text(beside, (TEMPLATES / beside.name).read_text())
    told = {"template": beside.name, **SYSTEMS[system]}
    for key, value in told.items():
        text = text.replace(f'{key} = ""', f"{key} = {to_toml(value)}")
    write_text(path, text)
    return [path, beside]
