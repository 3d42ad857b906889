"""The evaluation reports in a project folder: pages that `galcat report` wrote there, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from galcat_core.evaluation import report

MOST = 100
HEAD_BYTES = 4096
LARGEST_BYTES = 200 << 20
GENERATOR = re.compile(rb'<meta name="generator" content="galcat [^"<>]*">')
TITLE = re.compile(rb"<title>([^<]*)</title>")
SCRIPT = Path(report.__file__).parent / "templates/report.js"


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes
    ----------
    path : str
        As seen from the project, "/" between folders.
    title : str
    size_bytes : int
    changed : float
        Seconds since 1970.
    """

    path: str
    title: str
    size_bytes: int
    changed: float


def reports_of(project: Path) -> list[Report]:
    """Return the reports of a project, the newest first.

    A report is an HTML file in the folder or one folder below, that says that galcat made it, with
    the JSON of its numbers beside it; no link leads to it.
    """
    found = []
    for pattern in ("*.html", "*/*.html"):
        for count, file in enumerate(sorted(project.glob(pattern))):
            if count == MOST:
                break
            made = _report(project, file)
            if made is not None:
                found.append(made)
    return sorted(found, key=lambda one: -one.changed)


def read_report(project: Path, path: str) -> bytes | None:
    """Return the page of a report; None where the project has no such report.

    Only what `reports_of` lists is ever opened, whatever `path` says, and no link is followed.
    """
    if path not in {one.path for one in reports_of(project)}:
        return None
    return _read(project, path, LARGEST_BYTES)


def policy() -> str:
    """Return the rules under which a browser shows a report.

    It runs the script of galcat's own reports and no other, asks nobody for anything, and lives
    apart from galcat's pages: it shares neither their cookies nor their kernels.
    """
    digest = base64.b64encode(hashlib.sha256(SCRIPT.read_text().encode()).digest()).decode()
    return (
        f"sandbox allow-scripts allow-downloads; default-src 'none'; "
        f"script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _report(project: Path, file: Path) -> Report | None:
    path = file.relative_to(project).as_posix()
    if any(part.startswith(".") for part in path.split("/")):
        return None
    head = _read(project, path, HEAD_BYTES)
    if head is None or not GENERATOR.search(head):
        return None
    numbers = _read(project, path.removesuffix(".html") + ".json", LARGEST_BYTES)
    try:
        told = json.loads(numbers or b"")
        if told["provenance"]["stage"] != "report":
            return None
        status = file.stat()
    except (ValueError, KeyError, TypeError, OSError):
        return None
    title = TITLE.search(head)
    shown = html.unescape(title[1].decode(errors="replace")).strip() if title else file.stem
    return Report(path, shown, status.st_size, status.st_mtime)


def _read(project: Path, path: str, most: int) -> bytes | None:
    """Return the first bytes of a regular file below a folder; no part of its path may be a link."""
    *folders, name = path.split("/")
    opened = []
    try:
        opened.append(os.open(project, os.O_RDONLY | os.O_DIRECTORY))
        for folder in folders:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            opened.append(os.open(folder, flags, dir_fd=opened[-1]))
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        opened.append(os.open(name, flags, dir_fd=opened[-1]))
        if not stat.S_ISREG(os.fstat(opened[-1]).st_mode):
            return None
        with os.fdopen(opened.pop(), "rb") as stream:
            return stream.read(most)
    except OSError:
        return None
    finally:
        for descriptor in opened:
            os.close(descriptor)
