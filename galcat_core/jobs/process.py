"""Which process is it? A process id that cannot be taken for that of another process, machine or boot."""

from __future__ import annotations

import platform
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True)
class Process:
    """A process that another one, on this machine or on another, can look for later.

    Attributes
    ----------
    host : str
        The machine's name.
    boot : str
        Differs after each start of the machine.
    space : str
        Where its number counts: containers on one machine have numbers of their own.
    pid : int
    started : str
        When it began, since the machine counts numbers anew after 32,768 or 4 million processes.
    """

    host: str
    boot: str
    space: str
    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """Return the identity of a process on this machine."""
        return cls(socket.gethostname(), _boot(), _space(), pid, _started(pid))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Process:
        """Read what `to_dict` wrote."""
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return asdict(self)

    def alive(self) -> bool | None:
        """Tell whether it lives; None if that cannot be seen from here, as of another machine's."""
        if self.host != socket.gethostname():
            return None
        if self.boot != _boot():
            return False
        if self.space != _space():
            return None
        return self.started == _started(self.pid) != ""


def _boot() -> str:
    kernel = Path("/proc/sys/kernel/random/boot_id")
    return kernel.read_text().strip() if kernel.is_file() else str(round(psutil.boot_time()))


def _space() -> str:
    return str(Path("/proc/self/ns/pid").readlink()) if platform.system() == "Linux" else ""


def _started(pid: int) -> str:
    """Return when a process began, in the kernel's own count; nothing for one that has ended."""
    try:
        if platform.system() != "Linux":
            process = psutil.Process(pid)
            ended = process.status() == psutil.STATUS_ZOMBIE
            return "" if ended else str(process.create_time())
        # the name, in brackets, may hold blanks and brackets: fields count from behind the last one
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except (OSError, psutil.NoSuchProcess, IndexError):
        return ""
