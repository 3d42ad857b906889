"""The folder of a project's jobs: a new one, those that there are, one by its name."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.files import write_text
from galcat_core.jobs.job import Job, next_folder, now
from galcat_core.jobs.places import Place, Shape
from galcat_core.provenance import code_version

FOLDER = "jobs"  # of a project, in which its jobs lie


def create(
    command: Sequence[str],
    place: Place,
    shape: Shape,
    *,
    config: Config | None = None,
    out: str | Path | None = None,
    project: str | Path = ".",
    folder: str | Path | None = None,
) -> Job:
    """Write a job folder; `job.json` comes last, so a folder with it is whole.

    Parameters
    ----------
    command : sequence of str
        As ["galcat", "train", ...], or ["python", "-m", module, ...] for a program of your own;
        paths as seen from `project`.
    place, shape
    config : Config, optional
        Saved in the folder; the command gets it by --config.
    out : str or Path, optional
        What the command makes, as seen from `project`.
    project : str or Path
        The folder that the command runs in.
    folder : str or Path, optional
        The folder of all jobs (default: `jobs` in the project).
    """
    project = Path(project).absolute()
    jobs = Path(folder).absolute() if folder else project / FOLDER
    try:
        jobs.mkdir(parents=True, exist_ok=True)
        job = Job(next_folder(jobs, f"{_subject(command)}-"))
    except OSError as error:
        raise GalcatError(f"{jobs}: cannot be made a folder of jobs ({error.strerror})") from error
    if config is not None:
        config.save(job.config)
    info = {
        "command": list(command),
        "project": os.path.relpath(project, job.folder),
        "place": {"name": place.name, **place.to_dict()},
        "shape": asdict(shape),
        "out": str(out) if out else None,
        "token": secrets.token_hex(4),
        "code": code_version(),
        "created": now(),
    }
    write_text(job.folder / "job.json", json.dumps(info, indent=1) + "\n")
    return job


def _subject(command: Sequence[str]) -> str:
    """Return what a job is called after: its verb, or its module."""
    if command[0] == "galcat":
        return command[1]
    return command[2].rpartition(".")[2]  # python -m package.module


def find(name: str, folder: str | Path = FOLDER) -> Job:
    """Return a job by its name, its number alone, or its folder.

    Raises
    ------
    GalcatError
        There is none, or several: those that there are; or it is not whole.
    """
    if (Path(name) / "job.json").is_file():
        job = Job.open(name)
        job.check()
        return job
    whole, broken = look(folder)
    there = {job.id: job for job in [*whole, *broken]}
    found = [j for key, j in there.items() if name in (key, key.rpartition("-")[2])]
    if len(found) == 1:
        found[0].check()
        return found[0]
    if found:
        raise GalcatError(f"'{name}' may be {listed(j.id for j in found)}; give the whole name")
    told = f"there are {listed(there)}" if there else f"there is no job in {folder}"
    raise GalcatError(f"there is no job '{name}'; {told}.{nearest(name, there)}")


def jobs_of(folder: str | Path = FOLDER) -> list[Job]:
    """Return the jobs of a folder, the oldest first; one whose start was killed half-way is none."""
    return look(folder)[0]


def look(folder: str | Path = FOLDER) -> tuple[list[Job], dict[Job, str]]:
    """Return the jobs of a folder, the oldest first, and those whose job.json is not whole, with why not.

    One that is broken hides no other.
    """
    whole, broken = [], {}
    for path in sorted(Path(folder).glob("*/job.json")):
        job = Job(path.parent.absolute())
        try:
            job.check()
            whole.append((job.info["created"], len(job.id), job.id, job))
        except (GalcatError, OSError) as error:
            broken[job] = str(error)
    return [job for *_, job in sorted(whole)], broken
