"""Two small networks that predict in a moment: the first of the model in the box, alone, and one a little other."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py

from galcat_core.provenance import digest
from galcat_core.runs import BOX, ENSEMBLE, Run, seal


def two_runs(folder: Path) -> list[Path]:
    """Write two runs below a folder; return theirs."""
    alone = shutil.ignore_patterns("member*", ENSEMBLE)
    one, other = (
        Path(shutil.copytree(BOX, folder / name, ignore=alone)) for name in ("one", "other")
    )
    run = Run(other)
    with h5py.File(run.weights, "r+") as file:
        last = file["layers/dense/vars/0"]
        last[...] = 0.9 * last[...]
    seal(run, digest(run.weights))
    return [one, other]
