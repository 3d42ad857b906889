"""A job: the folder with its command line, config, script, logs and what became of it; every file's name is here."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.files import write_text
from galcat_core.jobs.places import Place, Shape
from galcat_core.jobs.process import Process
from galcat_core.provenance import code_version

FOLDER = "jobs"  # of a project, in which its jobs lie
LOGS = "GALCAT_LOGS"  # tells a job's command the folder for the logs of its workers


@dataclass(frozen=True)
class State:
    """What is known of a job now.

    Attributes
    ----------
    name : str
        "queued", "running", "finished", "failed" (it ended with a mistake, told in `reason`),
        "cancelled", "interrupted" (its processes are gone and left no end: resume it), or "unknown"
        (nobody who knows answers).
    reason : str
        One line, or empty.
    nodes : str
        Where it runs.
    """

    name: str
    reason: str = ""
    nodes: str = ""

    @property
    def live(self) -> bool:
        """Whether it waits, runs, or may do so."""
        return self.name in ("queued", "running", "unknown")


@dataclass(frozen=True)
class Submission:
    """One time that a job was handed in: when it was started, and each time that it was resumed."""

    folder: Path
    number: int

    @property
    def file(self) -> Path:
        """Written before it is handed in; holds its `name` and afterwards its `id`."""
        return self.folder / f"submission-{self.number}.json"

    @property
    def log(self) -> Path:
        """What the batch system and the shell say outside of galcat."""
        return self.folder / f"submission-{self.number}.txt"

    @property
    def script(self) -> Path:
        """What is handed in to a batch system."""
        return self.folder / f"submission-{self.number}.sh"

    @property
    def cancelled(self) -> Path:
        """Is there once somebody asked for it to be cancelled."""
        return self.folder / f"submission-{self.number}.cancelled"

    @property
    def name(self) -> str:
        """By which a batch system knows it, no other is called so."""
        return json.loads(self.file.read_text())["name"]

    @property
    def id(self) -> str:
        """The batch system's number; empty where there is none yet."""
        return json.loads(self.file.read_text()).get("id", "")

    def keep_id(self, number: str) -> None:
        """Remember the batch system's number."""
        write_text(self.file, json.dumps({"name": self.name, "id": number}) + "\n")


@dataclass(frozen=True)
class Attempt:
    """One time that a job's processes ran: several of one submission, where it was requeued."""

    folder: Path

    @property
    def number(self) -> int:
        """From 1 on."""
        return int(self.folder.name)

    @property
    def log(self) -> Path:
        """What the job says; the progress of rank 0 is in it."""
        return self.folder / "log.txt"

    def rank_log(self, rank: int) -> Path:
        """What one worker's libraries and errors say."""
        return self.folder / f"rank-{rank}.txt"

    @property
    def info(self) -> dict[str, Any]:
        """`process` (its head), `submission`, `slurm_job`, `restarts`, `began`; empty if it never began."""
        return _read(self.folder / "attempt.json")

    @property
    def process(self) -> Process | None:
        """The job's head."""
        return Process.from_dict(self.info["process"]) if self.info else None

    @property
    def end(self) -> State | None:
        """How it ended; None while it runs, and for one that was killed.

        "requeued" is no state of a job: its scheduler knows whether it is in the queue again.
        """
        found = _read(self.folder / "end.json")
        return State(found["state"], found["reason"]) if found else None

    def finish(self, state: State, code: int | None = None) -> None:
        """Write how it ended."""
        told = {"state": state.name, "reason": state.reason, "code": code, "ended": now()}
        write_text(self.folder / "end.json", json.dumps(told) + "\n")


@dataclass(frozen=True)
class Job:
    """A job folder and names for what lies in it.

    Attributes
    ----------
    folder : Path
        Holds `job.json` (see `info`), `config.toml`, `submission-N.*` (see `Submission`) and
        `attempts/N/` (see `Attempt`).
    """

    folder: Path

    @classmethod
    def open(cls, folder: str | Path) -> Job:
        """Return the job in a folder.

        Raises
        ------
        GalcatError
            There is none.
        """
        job = cls(Path(folder).absolute())
        if not (job.folder / "job.json").is_file():
            raise GalcatError(f"{folder}: holds no job (no job.json); galcat jobs list shows them")
        return job

    @property
    def id(self) -> str:
        """The folder's name, as "train-1"."""
        return self.folder.name

    @property
    def info(self) -> dict[str, Any]:
        """What `job.json` says: `command`, `project` (where it runs, as seen from here), `place`,
        `shape`, `out`, `token`, `code`, `created`."""
        return _read(self.folder / "job.json")

    @property
    def place(self) -> Place:
        """Where it runs, as the place was when it was started."""
        values = dict(self.info["place"])
        return Place.from_dict(values.pop("name"), values, str(self.folder / "job.json"))

    @property
    def shape(self) -> Shape:
        """Its nodes and workers."""
        return Shape(**self.info["shape"])

    @property
    def project(self) -> Path:
        """The folder that its command runs in."""
        return Path(os.path.normpath(self.folder / self.info["project"]))

    @property
    def config(self) -> Path:
        """Its settings; there where its command takes any."""
        return self.folder / "config.toml"

    @property
    def command(self) -> list[str]:
        """The whole command line, its config named."""
        told = os.path.relpath(self.config, self.project)
        return [*self.info["command"], *(["--config", told] if self.config.is_file() else [])]

    @property
    def out(self) -> Path | None:
        """What it makes."""
        out = self.info["out"]
        return self.project / out if out else None

    @property
    def submissions(self) -> list[Submission]:
        """The times that it was handed in, the last one last."""
        found = [re.fullmatch(r"submission-(\d+)\.json", p.name) for p in self.folder.iterdir()]
        return [Submission(self.folder, n) for n in sorted(int(m[1]) for m in found if m)]

    @property
    def attempts(self) -> list[Attempt]:
        """The times that it ran, the last one last."""
        there = (self.folder / "attempts").glob("*/attempt.json")
        return sorted((Attempt(p.parent) for p in there), key=lambda a: a.number)

    def submit_next(self) -> Submission:
        """Write that it is about to be handed in (again); a kill afterwards loses nothing."""
        number = len(self.submissions) + 1
        submission = Submission(self.folder, number)
        name = f"galcat-{self.id}-{self.info['token']}-{number}"
        write_text(submission.file, json.dumps({"name": name}) + "\n")
        return submission

    def begin_attempt(self, submission: int, slurm_job: str, restarts: int) -> Attempt:
        """Write that this process is the job's head now."""
        (self.folder / "attempts").mkdir(exist_ok=True)
        attempt = Attempt(_next_folder(self.folder / "attempts", ""))
        info = {
            "process": Process.of(os.getpid()).to_dict(),
            "submission": submission,
            "slurm_job": slurm_job,
            "restarts": restarts,
            "began": now(),
        }
        write_text(attempt.folder / "attempt.json", json.dumps(info) + "\n")
        return attempt


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
        job = Job(_next_folder(jobs, f"{_subject(command)}-"))
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
        There is none, or several: those that there are.
    """
    if (Path(name) / "job.json").is_file():
        return Job.open(name)
    there = {job.id: job for job in jobs_of(folder)}
    found = [j for key, j in there.items() if name in (key, key.rpartition("-")[2])]
    if len(found) == 1:
        return found[0]
    if found:
        raise GalcatError(f"'{name}' may be {listed(j.id for j in found)}; give the whole name")
    told = f"there are {listed(there)}" if there else f"there is no job in {folder}"
    raise GalcatError(f"there is no job '{name}'; {told}.{nearest(name, there)}")


def jobs_of(folder: str | Path = FOLDER) -> list[Job]:
    """Return the jobs of a folder, the oldest first; one whose start was killed half-way is none."""
    found = [Job(path.parent.absolute()) for path in Path(folder).glob("*/job.json")]
    return sorted(found, key=lambda job: (job.info["created"], len(job.id), job.id))


def now() -> str:
    """Return date and time as people write them."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _next_folder(parent: Path, prefix: str) -> Path:
    """Make the folder of the next number; no two processes get the same."""
    taken = [p.name.removeprefix(prefix) for p in parent.glob(f"{prefix}*")]
    number = max((int(n) for n in taken if n.isdigit()), default=0) + 1
    while True:
        with contextlib.suppress(FileExistsError):
            path = parent / f"{prefix}{number}"
            path.mkdir()
            return path
        number += 1


def _read(path: Path) -> dict[str, Any]:
    """Return a JSON file's content; empty without one."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise GalcatError(f"{path}: not whole ({error}); delete the job's folder") from error
