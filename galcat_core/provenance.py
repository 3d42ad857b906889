"""Where a file came from: the stage, the hashes of its inputs, its settings and the code version."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from galcat_core import __version__

BLOCKS, BLOCK = 64, 1 << 16  # what `fingerprint` reads of a file
COMPUTES = ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "keras", "numpy", "horovod")


@dataclass(frozen=True)
class Provenance:
    """What made a file. It holds no time and no absolute path, so equal work gives equal bytes.

    Attributes
    ----------
    stage : str
        The stage (the verb of the command line) that wrote the file.
    inputs : dict of str to str
        File or folder name of each input -> its sha256 (see `digest`).
    settings : dict
        The settings the stage ran with; JSON types only.
    code : str
        Version of galcat (see `code_version`).
    """

    stage: str
    inputs: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    code: str = field(default_factory=lambda: code_version())

    def to_json(self) -> str:
        """Return the JSON text, keys sorted."""
        return json.dumps(asdict(self), sort_keys=True, default=str)

    @classmethod
    def from_json(cls, text: str) -> Provenance:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))

    def same_work(self, other: Provenance | None) -> bool:
        """Tell whether both describe the same stage on the same inputs with the same settings."""
        mine, theirs = asdict(self), asdict(other) if other else {}
        return all(
            json.dumps(mine[key], sort_keys=True, default=str)
            == json.dumps(theirs.get(key), sort_keys=True, default=str)
            for key in ("stage", "inputs", "settings")
        )


@functools.cache
def code_version() -> str:
    """Return "0.1.0+g1a2b3c4" in a git checkout ("....dirty" with changes), else "0.1.0"."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return __version__
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=10"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+g{described.replace('-', '.')}"


def computed_on() -> dict[str, str]:
    """Return what the last bits of a sum may depend on: versions of what computes, processor, threads.

    Nothing is imported for it. A library that is not installed is left out. `threads` is how many
    TensorFlow takes by itself in a process alone.
    """
    found = {"python": platform.python_version()}
    for name in COMPUTES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    allowed = getattr(os, "sched_getaffinity", None)
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS") or str(cores)
    return found | {"processor": _processor(), "threads": threads}


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1] for line in told.splitlines() if line.startswith("model name")]
    return models[0].strip() if models else platform.machine()


def digest(path: str | Path) -> str:
    """Return the sha256 of a file, or of a folder that keeps its own in a file named DIGEST.

    A cutout store and a run keep a DIGEST file so that gigabytes are not hashed twice. A folder
    without one is hashed by the names, sizes and contents of its files in sorted order.
    """
    path = Path(path)
    if path.is_dir():
        own = path / "DIGEST"
        if own.is_file():
            return own.read_text().strip()
        total = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            total.update(f"{file.relative_to(path)}\0{_file_digest(file)}\n".encode())
        return total.hexdigest()
    return _file_digest(path)


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(path: str | Path) -> str:
    """Return the sha256 of a file's size and of 64 blocks of 64 KiB spread over it, first and last.

    For files too large to read whole only to see that nothing changed: survey tiles. Packed data
    shift with any change; in plain ones a change between the blocks goes unseen.
    """
    path = Path(path)
    size = path.stat().st_size
    total = hashlib.sha256(str(size).encode())
    last = max(size - BLOCK, 0)
    with path.open("rb") as stream:
        for start in sorted({round(last * i / (BLOCKS - 1)) for i in range(BLOCKS)}):
            stream.seek(start)
            total.update(stream.read(BLOCK))
    return total.hexdigest()


def digests(*paths: str | Path) -> dict[str, str]:
    """Return {name: sha256} for `Provenance.inputs`; a repeated name gets its folders before it."""
    found: dict[str, str] = {}
    for path in map(Path, paths):
        parts = path.absolute().parts[1:]
        names = ("/".join(parts[-depth:]) for depth in range(1, len(parts) + 1))
        found[next((name for name in names if name not in found), path.name)] = digest(path)
    return found
