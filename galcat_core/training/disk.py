"""The run's folder as all workers see it: a shared disk may show one machine late what another has written."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from galcat_core import runs
from galcat_core.errors import GalcatError, listed
from galcat_core.training import checkpoint
from galcat_core.training.distributed import Workers

PATIENCE_SECONDS = 120.0  # NFS shows another machine's files after a minute (acregmax, acdirmax)
LOOK_SECONDS = 1.0


def wait_until_alike(
    folder: Path, workers: Workers, patience_seconds: float = PATIENCE_SECONDS
) -> None:
    """Return once every worker sees what rank 0 sees; all of them call it together.

    A worker that began from an older checkpoint than the others would take other steps, and all
    would wait for each other for ever.

    Parameters
    ----------
    folder : Path
        Of the run. Rank 0 runs on the machine that wrote it.
    workers : Workers
    patience_seconds : float

    Raises
    ------
    GalcatError
        Some still see something else: which.
    """
    began = time.monotonic()
    while True:
        seen = workers.gather(_seen(folder))
        behind = [rank for rank, found in enumerate(seen) if found != seen[0]]
        if (
            not behind or seen[0] < 0
        ):  # what is not there for rank 0 either is told by whoever opens it
            return
        if workers.agree(time.monotonic() - began) > patience_seconds:
            raise GalcatError(
                f"{folder}: worker {listed(map(str, behind))} does not see there what worker 0 "
                f"sees, after {patience_seconds:.0f} s; is the project on a disk that all nodes "
                "share?"
            )
        time.sleep(LOOK_SECONDS)


def _seen(folder: Path) -> float:
    """Return a number that tells what is in a run's folder: -1 where there is no run."""
    total = hashlib.sha256()
    try:
        for name in ("run.json", "config.toml", "samples.parquet"):
            total.update((folder / name).read_bytes())
        for name in (runs.START, checkpoint.NAME):
            path = folder / name
            total.update(f"{name} {path.stat().st_size if path.is_file() else None}".encode())
        total.update(checkpoint.progress_of(folder).to_json().encode())
    except (OSError, GalcatError):
        return -1.0
    return float(int.from_bytes(total.digest()[:6]))  # exact in a float
