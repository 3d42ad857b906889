"""The process that looks at pictures which somebody gives: started once, warm for those to come."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import weakref
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from galcat_core.errors import GalcatError
from galcat_core.records import Embedding

PREFIX = "galcat-upload-"  # of its folder among the temporary ones
LOCK = "lock"  # held in its folder as long as it is used
NEW_SECONDS = 3600.0  # a folder without a lock may be just being made
STEPS = (  # of the first picture; the last one alone of those after it
    "starting TensorFlow, for the first picture only",
    "loading the network",
    "the network looks at it",
)


class Worker:
    """A process with a run's network in memory; TensorFlow is there, never here.

    It begins with the first picture, or when one is about to come (`start`), is kept for the next
    ones, and ends with this process, however that ends; or after some minutes without a picture.

    Parameters
    ----------
    run : Path
        The run whose features are wanted.

    Attributes
    ----------
    step : int
        How far it is, one of `STEPS`.
    """

    def __init__(self, run: Path) -> None:
        self.run = run.resolve()
        self.step = 0
        self._process: subprocess.Popen | None = None
        self._folder = Path()
        self._said = b""
        self._failed: dict[str, str] = {}
        self._done: set[str] = set()
        self._number = 0

    @property
    def pid(self) -> int | None:
        """The process's number, while there is one."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running else None

    def start(self) -> None:
        """Begin the process, if it does not run."""
        if self.pid is not None:
            return
        self.end()
        clear_left()
        self._folder, lock = _folder()
        command = [sys.executable, "-m", "galcat_core.stages.warm"]
        with lock, (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, str(self.run), str(self._folder)],
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock.fileno(),),  # held as long as one of the two lives
            )
        os.set_blocking(self._process.stdout.fileno(), False)
        self._finalizer = weakref.finalize(self, _end, self._process, self._folder)

    def ask(self, picture: Image.Image) -> str:
        """Ask for the features of a picture; return by what `look` knows it."""
        self.start()
        self._number += 1
        order = str(self._number)
        (self._folder / order).mkdir()
        picture.save(self._folder / order / "upload.png")  # drawn anew: nothing of the file itself
        with contextlib.suppress(BrokenPipeError):  # it has just ended: `look` tells
            self._process.stdin.write(f"{order}\n".encode())
            self._process.stdin.flush()
        return order

    def look(self, order: str) -> np.ndarray | None:
        """Return the features, (D,), float32, of what was asked for; None while they are made.

        Raises
        ------
        GalcatError
            There will be none: why.
        """
        ended = self._process is None or self._process.poll() is not None
        self._hear()
        if order in self._done:
            features = Embedding.load(self._folder / order / "features.parquet").features[0]
            shutil.rmtree(self._folder / order)
            return features
        if order in self._failed:
            raise GalcatError(self._failed[order])
        if ended:
            raise GalcatError(self._last_words())
        return None

    def end(self) -> None:
        """End the process, if it runs, and clear up after it."""
        if self._process is not None:
            self._finalizer()
        self._process, self.step, self._said = None, 0, b""

    def _hear(self) -> None:
        """Take in what the process has said since the last look."""
        if self._process is None:
            return
        while part := self._process.stdout.read(65536):
            self._said += part
        *lines, self._said = self._said.split(b"\n")
        for line in map(json.loads, lines):
            self.step = line.get("step", self.step)
            if "done" in line:
                self._done.add(line["done"])
            if "failed" in line:
                self._failed[line["failed"]] = line["told"]

    def _last_words(self) -> str:
        log = self._folder / "log"
        lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
        told = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return told or "the process that looks at pictures has ended; try again"


def clear_left() -> None:
    """Remove the folders of processes that were killed together with who started them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                continue
            if not (folder / LOCK).exists():
                if time.time() - found.st_mtime < NEW_SECONDS:
                    continue
            elif _is_held(folder / LOCK):
                continue
            shutil.rmtree(folder, ignore_errors=True)


def _is_held(lock: Path) -> bool:
    with lock.open("r+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _folder() -> tuple[Path, IO[str]]:
    """Make a folder of one's own; return it and the lock that says that it is used."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = (folder / LOCK).open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock


def _end(process: subprocess.Popen, folder: Path) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    shutil.rmtree(folder, ignore_errors=True)
