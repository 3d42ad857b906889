"""Finished parts of a long work, kept beside its result: a kill loses the part in hand, no more."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from galcat_core.errors import GalcatError
from galcat_core.files import alone
from galcat_core.jobs import lease


@contextlib.contextmanager
def parts_of(path: str | Path, work: dict[str, Any]) -> Iterator[Path]:
    """Yield the folder of this work's parts; remove it when the block ends well.

    Parts of the same work for the same result are found again, those of another work lie in
    another folder and stay as they are.

    Parameters
    ----------
    path : str or Path
        The result; its parts lie in PATH.parts/NUMBER/.
    work : dict
        What the parts depend on (JSON types): inputs, settings, the size of a part.

    Raises
    ------
    GalcatError
        Another process does the same work for the same result, or the place cannot be written.
    """
    told = json.dumps(work, sort_keys=True, default=str)
    path = Path(path)
    if path.is_dir():
        raise GalcatError(f"{path} is a folder, a file is to be written there: name a file with -o")
    above = path.with_name(path.name + ".parts")
    folder = above / hashlib.sha256(told.encode()).hexdigest()[:16]
    with alone(folder, f"{path}: another galcat is making it; wait for it, or choose another -o"):
        # a disk that is shared may keep that lock to this machine
        with lease.held(folder, "being worked in"):
            for left_over in folder.glob(".partial-*"):
                left_over.unlink(missing_ok=True)
            yield folder
            _empty(folder)
        shutil.rmtree(folder)
    with contextlib.suppress(OSError):  # parts of another work are in it
        above.rmdir()


def _empty(folder: Path) -> None:
    """Remove all but what tells that the folder is held."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif not path.name.startswith((lease.PREFIX, ".lock")):
            path.unlink()
