"""A job: the folder with its command line, config, script, logs and what became of it; every file's name is here."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galcat_core.errors import GalcatError, listed
from galcat_core.files import write_text
from galcat_core.jobs.places import Place, Shape
from galcat_core.jobs.process import Process

WHEN = "%Y-%m-%d %H:%M:%S"
KEYS = {"command": list, "project": str, "place": dict, "shape": dict, "token": str, "created": str}
DELETE = "delete this file; galcat jobs resume then goes on"
KILLED = "killed"  # how an attempt ended that is followed by another, if its keeper lives


@dataclass(frozen=True)
class State:
    """What is known of a job now.

    Attributes
    ----------
    name : str
        "queued", "running", "finished", "failed" (it ended with a mistake, told in `reason`),
        "cancelled", "interrupted" (its processes are gone and left no end: resume it), "unknown"
        (nobody who knows answers), or, where jobs are listed, "unreadable" (a file of it is not whole).
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
        return str(self._told.get("name", ""))

    @property
    def id(self) -> str:
        """The batch system's number; empty where there is none yet."""
        return str(self._told.get("id", ""))

    def keep_id(self, number: str) -> None:
        """Remember the batch system's number."""
        write_text(self.file, json.dumps({"name": self.name, "id": number}) + "\n")

    @property
    def _told(self) -> dict[str, Any]:
        return _read(self.file, {"name": str}, DELETE)


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
        """`process` (its head), `keeper`, `submission`, `slurm_job`, `restarts`, `began`; empty if it
        never began."""
        return _read(self.folder / "attempt.json", {"process": dict, "submission": int}, DELETE)

    @property
    def process(self) -> Process | None:
        """The job's head."""
        return self._process("process")

    @property
    def keeper(self) -> Process | None:
        """Who starts the head again (see `keeper`); the head itself in jobs of a time before keepers."""
        return self._process("keeper" if "keeper" in self.info else "process")

    def _process(self, name: str) -> Process | None:
        try:
            return Process.from_dict(self.info[name]) if self.info else None
        except TypeError as error:
            raise _not_whole(self.folder / "attempt.json", error, DELETE) from error

    @property
    def end(self) -> State | None:
        """How it ended; None while it runs, and for one that was killed.

        "requeued" and "killed" are no states of a job: its scheduler knows whether it is in the queue
        again, its keeper whether it goes on.
        """
        found = _read(self.folder / "end.json", {"state": str, "reason": str}, DELETE)
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
        return _read(self.folder / "job.json", KEYS, f"delete the folder {self.id}")

    def check(self) -> None:
        """Look whether `job.json` can be relied upon.

        Raises
        ------
        GalcatError
            It is not whole, or something in it is not as galcat writes it: what, in one line.
        """
        try:
            info, _, _, _ = self.info, self.place, self.shape.workers, self.out
            time.strptime(info["created"], WHEN)
            if len(info["command"]) < 2 or not all(isinstance(w, str) for w in info["command"]):
                raise ValueError(f"command = {info['command']}")
        except GalcatError:  # it is a ValueError too, and says enough
            raise
        except (KeyError, TypeError, ValueError) as error:
            mend = f"delete the folder {self.id}"
            raise _not_whole(self.folder / "job.json", error, mend) from error

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
        there = (p.parent for p in (self.folder / "attempts").glob("*/attempt.json"))
        return sorted((Attempt(p) for p in there if p.name.isdigit()), key=lambda a: a.number)

    def submit_next(self) -> Submission:
        """Write that it is about to be handed in (again); a kill afterwards loses nothing."""
        number = len(self.submissions) + 1
        submission = Submission(self.folder, number)
        name = f"galcat-{self.id}-{self.info['token']}-{number}"
        write_text(submission.file, json.dumps({"name": name}) + "\n")
        return submission

    def attempts_of(self, submission: Submission) -> list[Attempt]:
        """The times that it ran after it was handed in once."""
        return [a for a in self.attempts if a.info["submission"] == submission.number]

    def alike(self, attempt: Attempt) -> list[Attempt]:
        """The times that it ran since it was handed in, or requeued: an attempt's, and those before."""
        start = [attempt.info.get(key) for key in ("submission", "restarts")]
        return [a for a in self.attempts if [a.info["submission"], a.info.get("restarts")] == start]

    def begin_attempt(
        self, submission: Submission, keeper: Process, slurm_job: str, restarts: int
    ) -> Attempt:
        """Write that this process is the job's head now."""
        (self.folder / "attempts").mkdir(exist_ok=True)
        attempt = Attempt(next_folder(self.folder / "attempts", ""))
        info = {
            "process": Process.of(os.getpid()).to_dict(),
            "keeper": keeper.to_dict(),
            "submission": submission.number,
            "slurm_job": slurm_job,
            "restarts": restarts,
            "began": now(),
        }
        write_text(attempt.folder / "attempt.json", json.dumps(info) + "\n")
        return attempt


def now() -> str:
    """Return date and time as people write them."""
    return time.strftime(WHEN)


def next_folder(parent: Path, prefix: str) -> Path:
    """Make the folder of the next number; no two processes get the same."""
    taken = [p.name.removeprefix(prefix) for p in parent.glob(f"{prefix}*")]
    number = max((int(n) for n in taken if n.isdigit()), default=0) + 1
    while True:
        with contextlib.suppress(FileExistsError):
            path = parent / f"{prefix}{number}"
            path.mkdir()
            return path
        number += 1


def _read(path: Path, wanted: dict[str, type], mend: str) -> dict[str, Any]:
    """Return a JSON file's content, which has at least these keys; empty without one."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise _not_whole(path, error, mend) from error
    if not isinstance(found, dict):
        raise _not_whole(path, "no table of keys", mend)
    wrong = [key for key, kind in wanted.items() if not isinstance(found.get(key), kind)]
    if wrong:
        raise _not_whole(path, f"nothing legal at {listed(wrong)}", mend)
    return found


def _not_whole(path: Path, why: object, mend: str) -> GalcatError:
    return GalcatError(f"{path}: not whole ({why}); {mend}")
