"""Files that are either whole or not there: written beside their place, then moved into it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from galcat_core.errors import GalcatError


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
            errno.ENOTDIR: "a part of its folder's name is a file: choose another place with -o",
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
