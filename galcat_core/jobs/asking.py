"""A batch system's command is asked: what it says, or that it is not there or does not answer."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from galcat_core.errors import GalcatError

PATIENCE_SECONDS = 60  # for a batch system that is busy
TOLD = 120, 320  # characters of what a command says, in an error: the first, the last


class Unreachable(GalcatError):
    """The batch system does not answer: what it would say of a job is not known."""


class NotThere(Unreachable):
    """This machine has no such command: nothing was asked."""


@dataclass(frozen=True)
class Said:
    """What a command says: its output, what it says aside (standard error), its exit code."""

    command: str
    out: str
    aside: str
    code: int

    @property
    def told(self) -> str:
        """In one line."""
        words = " ".join(f"{self.out} {self.aside}".split())
        if len(words) > sum(TOLD):
            words = f"{words[: TOLD[0]]} ... {words[-TOLD[1] :]}"
        return f"{self.command} says '{words}'" if words else f"{self.command} says nothing"


def ask(
    words: Sequence[str], environment: dict[str, str] | None = None, folder: Path | None = None
) -> Said:
    """Run a command to its end.

    Parameters
    ----------
    words : sequence of str
    environment : dict, optional
        Default: this process's.
    folder : Path, optional
        Where it runs; default: here.

    Raises
    ------
    NotThere
        There is no such command.
    Unreachable
        It does not end.
    """
    try:
        ended = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_SECONDS,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise NotThere(
            f"there is no {words[0]} on this machine: give the command on a login node of the "
            "cluster, or load the batch system's module"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise Unreachable(
            f"{words[0]} has not answered for {PATIENCE_SECONDS} s; try again later"
        ) from error
    return Said(words[0], ended.stdout, ended.stderr, ended.returncode)
