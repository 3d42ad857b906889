"""Files that are either whole or not there, and folders that one process at a time writes into."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from galcat_core.errors import GalcatError

Held = TypeVar("Held")


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; move it to `path` when the block ends well.

    The temporary name keeps the suffixes of `path`, since writers choose the format by them. After
    an error or a kill nothing stands at `path` that was not whole before.

    Raises
    ------
    GalcatError
        The disk is full, the folder cannot be written, or `path` is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise GalcatError(f"{path} is a folder, a file is to be written there: name a file")
    temporary = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GalcatError(
            f"cannot write {path}: its folder cannot be made ({error.strerror}): choose another "
            "place with -o"
        ) from error
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        told = {
            errno.ENOSPC: "the disk is full: free some space and run the same command again",
            errno.EFBIG: "files may not grow so large here: raise ulimit -f and run the same again",
            errno.EDQUOT: "the disk quota is used up: free some space and run the same command again",
            errno.EACCES: "no permission to write there: choose another place with -o",
            errno.EROFS: "the disk is read-only: choose another place with -o",
        }.get(error.errno or 0)
        if told is None:
            raise
        raise GalcatError(f"cannot write {path}: {told}") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole (see `whole`)."""
    with whole(path) as temporary:
        temporary.write_text(text)


def read_if_there(path: Path, read: Callable[[Path], Held], mend: str) -> Held | None:
    """Return what `read` makes of a file of galcat's, None if it is not there.

    Raises
    ------
    GalcatError
        The file is broken; `mend` says what to do about it.
    """
    if not path.is_file():
        return None
    broken = (OSError, ValueError, TypeError, KeyError, AttributeError, EOFError)
    try:
        return read(path)
    except (*broken, zipfile.BadZipFile) as error:
        raise GalcatError(f"{path}: not a whole file ({error}); {mend}") from error


@contextlib.contextmanager
def alone(folder: Path, taken: str) -> Iterator[None]:
    """Hold a folder for one writer, making it; the lock ends with the process, however that dies.

    Raises
    ------
    GalcatError
        Another process holds it (`taken` is said), or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    except OSError as error:
        raise GalcatError(
            f"cannot write in {folder} ({error.strerror}): choose another place with -o"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise GalcatError(taken) from error
        except OSError:
            pass  # a file system without locks: one writer is then the user's care
        yield


@contextlib.contextmanager
def in_turn(folder: Path, within_s: float = 10.0) -> Iterator[None]:
    """Hold a folder for a moment, one process after the other: to read a file, change it, write it back.

    The lock ends with the process, however that dies.

    Raises
    ------
    GalcatError
        Others hold it for longer than `within_s`, or it cannot be written.
    """
    end = time.monotonic() + within_s
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(alone(folder, f"{folder}: another page writes there; try again"))
                break
            except GalcatError as error:
                if not isinstance(error.__cause__, BlockingIOError) or time.monotonic() > end:
                    raise
            time.sleep(0.02)
        yield
