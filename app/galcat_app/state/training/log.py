"""The end of a training's log as plain text: bars that were overwritten and colours are taken out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from galcat_core.errors import GalcatError
from galcat_core.jobs.job import Job
from galcat_core.jobs.logs import files

MOST_BYTES = 64 * 1024  # of the end that is read
MOST_LINES = 400
LONGEST = 2000  # characters of a line
ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Log:
    """The end of a log.

    Attributes
    ----------
    text : str
    cut : bool
        Whether there is more before it.
    file : str
        Where the whole is, as seen from the project.
    """

    text: str
    cut: bool
    file: str


def sources(job: Job | None, run: Path | None) -> dict[str, list[Path]]:
    """Return the logs that there are: "job", and a worker's number -> its files, the oldest first."""
    found: dict[str, list[Path]] = {}
    if job is not None:
        attempts = job.folder / "attempts"
        try:
            found["job"] = files(job)
        except (GalcatError, KeyError):  # an attempt that cannot be read may have said something
            found["job"] = sorted(attempts.glob("*/log.txt"), key=_attempt)
        paths = sorted(attempts.glob("*/rank-*.txt"), key=_attempt)
    else:
        paths = sorted((run / "logs").glob("rank-*.txt")) if run else []
    ranks: dict[str, list[Path]] = {}
    for path in paths:
        ranks.setdefault(path.stem.removeprefix("rank-"), []).append(path)
    return found | {rank: ranks[rank] for rank in sorted(filter(str.isdigit, ranks), key=int)}


def _attempt(path: Path) -> int:
    return int(path.parent.name) if path.parent.name.isdigit() else 0


def tail(paths: Sequence[Path], project: Path) -> Log:
    """Read the end of a log that may stand in several files."""
    text, room, cut = b"", MOST_BYTES, False
    for path in reversed(paths):
        try:
            with path.open("rb") as stream:
                size = stream.seek(0, 2)
                stream.seek(max(0, size - room))
                part = stream.read(room)
        except OSError:
            continue
        cut = cut or size > room
        text = part + (b"\n" if part and text and not part.endswith(b"\n") else b"") + text
        room -= len(part)
        if room <= 0:
            cut = cut or path != paths[0]
            break
    lines = plain(text.decode(errors="replace")).split("\n")
    cut = cut or len(lines) > MOST_LINES
    return Log("\n".join(lines[-MOST_LINES:]), cut, _told(paths[-1], project) if paths else "")


def plain(text: str) -> str:
    """Return text as a terminal would show it: of an overwritten line the last state, no colours."""
    lines = []
    for line in ESCAPES.sub("", text).replace("\r\n", "\n").split("\n"):
        states = [state for state in line.split("\r") if state.strip()]
        lines.append(CONTROLS.sub("", states[-1] if states else "")[:LONGEST].rstrip())
    return "\n".join(lines).strip("\n")


def _told(path: Path, project: Path) -> str:
    try:
        return str(path.resolve().relative_to(project.resolve()))
    except ValueError:
        return str(path)
