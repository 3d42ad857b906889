"""A finished run -> the small folder that ships with galcat: half precision, no row of its data.

`python -m galcat_core.models.ship RUN` packs a run into `shipped/`, the model that `galcat predict`
takes where no run is named. Write its card (README.md in that folder) by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np

from galcat_core.errors import GalcatError
from galcat_core.files import whole
from galcat_core.provenance import digest
from galcat_core.runs import Run, seal, write_json

SHIPPED = Path(__file__).resolve().parent / "shipped"


def pack(run: Run, folder: str | Path = SHIPPED) -> Run:
    """Write a run's settings, report and best weights (float16) into a folder; return it as a run.

    Paths, samples, checkpoints and history stay behind: nothing of the training data is copied.

    Parameters
    ----------
    run : Run
        Finished.
    folder : str or Path
        Made if it is not there.

    Raises
    ------
    GalcatError
        The run is not finished.
    """
    if not run.finished:
        raise GalcatError(f"{run.folder}: this run is {run.status}; let `galcat train` end first")
    folder = Path(folder)
    info = run.info
    info["store"] = {k: v for k, v in info["store"].items() if k != "path"}
    info["parent"] = None
    write_json(folder / "run.json", info)
    run.config.save(folder / "config.toml")
    with whole(folder / "weights.weights.h5") as half:
        _halve(run.weights, half)
    write_json(folder / "report.json", run.report)
    packed = Run(folder)
    seal(packed, digest(packed.weights))
    return packed


def _halve(source: Path, target: Path) -> None:
    """Copy an HDF5 file, float32 arrays as compressed float16."""
    with h5py.File(source) as old, h5py.File(target, "w", track_order=True) as new:
        new.attrs.update(old.attrs)

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                made = new.require_group(name)
            elif item.dtype == np.float32:
                made = (
                    new.create_dataset(
                        name, data=item[()].astype(np.float16), compression="gzip", shuffle=True
                    )
                    if item.shape
                    else new.create_dataset(name, data=item[()])
                )
            else:
                made = new.create_dataset(name, data=item[()])
            made.attrs.update(item.attrs)

        old.visititems(copy)


if __name__ == "__main__":
    done = pack(Run.open(sys.argv[1]), *sys.argv[2:3])
    print(f"{done.folder}: {done.weights.stat().st_size / 1e6:.1f} MB of weights")
