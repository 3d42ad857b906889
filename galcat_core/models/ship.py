"""A finished run -> the small folder that ships with galcat: half precision, no row of its data.

`python -m galcat_core.models.ship RUN` packs a run into `shipped/`, the model that `galcat predict`
takes where no run is named; of `RUN RUN ...` the first, and the others beside it as members of an
ensemble. Write its card (README.md in that folder) by hand.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from galcat_core.errors import GalcatError
from galcat_core.files import whole
from galcat_core.provenance import digest
from galcat_core.runs import BOX, ENSEMBLE, Run, members, seal, write_json

FITTED = ("calibration.json", "domain.npz")


def pack(run: Run, folder: str | Path = BOX) -> Run:
    """Write a run's settings, report, best weights (float16), calibration and domain; return the run.

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
    info["parent"] = info["split"] = None
    write_json(folder / "run.json", info)
    run.config.save(folder / "config.toml")
    with whole(folder / "weights.weights.h5") as half:
        _halve(run.weights, half)
    for name in FITTED:
        (folder / name).unlink(missing_ok=True)  # of a model that was packed there before
        if (run.folder / name).is_file():
            with whole(folder / name) as copy:
                shutil.copyfile(run.folder / name, copy)
    write_json(folder / "report.json", run.report)
    packed = Run(folder)
    seal(packed, digest(packed.weights))
    return packed


def pack_ensemble(runs: Sequence[Run], folder: str | Path = BOX) -> Run:
    """Pack several runs that predict together: the first into the folder, the others below it.

    What needs one network (features, fine-tuning) takes the first.

    Raises
    ------
    GalcatError
        A run is not finished.
    """
    folder = Path(folder)
    (folder / ENSEMBLE).unlink(missing_ok=True)
    for old in folder.glob("member*"):
        shutil.rmtree(old)
    packed = pack(runs[0], folder)
    names = [f"member{number}" for number in range(2, len(runs) + 1)]
    for run, name in zip(runs[1:], names, strict=True):
        pack(run, folder / name)
    if names:
        write_json(folder / ENSEMBLE, {"members": names})
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
    parser = argparse.ArgumentParser(prog="python -m galcat_core.models.ship", description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="finished; several: an ensemble")
    parser.add_argument("-o", "--out", default=BOX, help="folder (default: the model in the box)")
    args = parser.parse_args()
    done = pack_ensemble([Run.open(folder) for folder in args.runs], args.out)
    size = sum(member.weights.stat().st_size for member in members(done))
    print(f"{done.folder}: {size / 1e6:.1f} MB of weights")
