"""A run: the folder that a training writes (config, samples, weights, history, report), read without TensorFlow."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import socket
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed
from galcat_core.files import write_text
from galcat_core.jobs import lease
from galcat_core.tables import read_table

BOX = Path(__file__).resolve().parent / "models" / "shipped"  # the run that comes with galcat


@dataclass(frozen=True)
class Run:
    """A run folder and names for what lies in it.

    Attributes
    ----------
    folder : Path
        Holds `config.toml`, `run.json` (see `info`), `samples.parquet` (the galaxies it learns and
        is validated on), `rejects.csv` (those that it could not use, and why),
        `start.weights.h5` (what it begins with: its parent's, or pretrained ones, if it does not
        begin at random), `weights.weights.h5` (the best),
        `checkpoint.npz`, `history.csv`, `logs/` of the workers, and when it is finished
        `report.json` and `DIGEST`.
    """

    folder: Path

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Return the run in a folder.

        Raises
        ------
        GalcatError
            There is no folder, or it holds no run.
        """
        folder = Path(folder)
        if not (folder / "run.json").is_file():
            what = "holds no run (no run.json)" if folder.is_dir() else "no such run folder"
            raise GalcatError(f"{folder}: {what}; give the folder that `galcat train` wrote")
        return cls(folder)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    @property
    def config(self) -> Config:
        """Every setting the run was started with."""
        return Config.load(self.folder / "config.toml")

    @property
    def info(self) -> dict[str, Any]:
        """What `run.json` says.

        `classes`, `positive`, `survey`, `network`, `workers`, `code` (version), `store` (path as
        seen from the run folder, digest, size_px, render settings), `split` (path; or None where it
        was in no file), `samples` (digest and counts), `parent` (name, digest, path; or None),
        `start` (first weights: name and digest; or None), `provenance`, `computed_on` (versions of
        what computed, processor, threads).
        """
        return _read_json(self.folder / "run.json")

    @property
    def classes(self) -> list[str]:
        """The two classes: [negative, positive]."""
        return list(self.info["classes"])

    @property
    def positive(self) -> str:
        """The class whose probability the network gives."""
        return self.info["positive"]

    @property
    def survey(self) -> str:
        """The survey that it learnt from."""
        return self.info["survey"]

    @property
    def network(self) -> str:
        """Name of the network, a key of `models.NETWORKS`."""
        return self.info["network"]

    @property
    def samples(self) -> pd.DataFrame:
        """The galaxies used: `id`, `set` ("train", "validation"), `label`, `weight`."""
        return read_table(self.folder / "samples.parquet")[0]

    @property
    def weights(self) -> Path:
        """The best weights' file.

        Raises
        ------
        GalcatError
            No epoch has been finished yet.
        """
        path = self.folder / "weights.weights.h5"
        if not path.is_file():
            raise GalcatError(
                f"{self.folder}: this run has no weights yet ({self.status}); let it train at "
                "least one epoch"
            )
        return path

    @property
    def history(self) -> pd.DataFrame:
        """One row an epoch; empty before the first is done.

        Of a run that was interrupted, the epochs that it does not have to learn again: its checkpoint
        may be some behind the last one.
        """
        path = self.folder / "history.csv"
        if not path.is_file():
            return pd.DataFrame(columns=HISTORY)
        table = read_table(path)[0]
        return table.head(self._epochs_kept()) if self.status == "interrupted" else table

    def _epochs_kept(self) -> int:
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return 0
        try:
            with np.load(path) as found:
                return int(json.loads(str(found["progress"]))["epoch"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise GalcatError(
                f"{path}: damaged ({error}); delete it to begin this run anew"
            ) from error

    @property
    def report(self) -> dict[str, Any]:
        """Best epoch, its metrics, why the training ended, seconds; empty before it is finished."""
        path = self.folder / "report.json"
        return _read_json(path) if path.is_file() else {}

    @property
    def status(self) -> str:
        """ "finished", "running" (a process trains it now) or "interrupted" (train again to go on)."""
        if (self.folder / "report.json").is_file():
            return "finished"
        held = _is_locked(self.folder / LOCK) or lease.is_held(self.folder)
        return "running" if held else "interrupted"

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        return self.status == "finished"

    @property
    def digest(self) -> str:
        """The sha256 of what made the run and of its weights; no path, no time goes into it.

        Raises
        ------
        GalcatError
            The run is not finished.
        """
        path = self.folder / "DIGEST"
        if not path.is_file():
            raise GalcatError(
                f"{self.folder}: this run is {self.status}, not finished; let `galcat train` end"
            )
        return path.read_text().strip()


HISTORY = (
    "epoch",
    "stage",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "images_per_second",
    "seconds",
)
CHECKPOINT = "checkpoint.npz"
LOCK = ".lock"
ENSEMBLE = "ensemble.json"  # names the subfolders of the runs that a packed run predicts with
START = "start.weights.h5"  # the parent's weights, or pretrained ones
# what may differ between two starts of one run: it changes no weight, or `start` tells of it
FREE = {"train": ("checkpoint_seconds", "weights")}


def members(run: Run) -> list[Run]:
    """Return a run and those that are packed with it: an ensemble (see `models.ship`)."""
    path = run.folder / ENSEMBLE
    names = _read_json(path)["members"] if path.is_file() else []
    return [run, *(Run.open(run.folder / name) for name in names)]


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON whole, keys sorted."""
    write_text(path, json.dumps(values, sort_keys=True, indent=1) + "\n")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise GalcatError(f"{path}: not whole ({error}); train into a new folder") from error


def learning_settings(config: Config) -> dict[str, Any]:
    """Return the settings that the weights depend on: {"train.epochs": 50, ...}."""
    sections = config.to_dict()
    return {
        f"{section}.{key}": value
        for section in ("train", "augment")
        for key, value in sections[section].items()
        if key not in FREE.get(section, ())
    }


def create(folder: str | Path, config: Config, info: dict[str, Any]) -> Run:
    """Begin a run, or find the one that was begun there with the same settings and inputs.

    Parameters
    ----------
    folder : str or Path
    config : Config
    info : dict
        What goes into `run.json` (see `Run.info`).

    Raises
    ------
    GalcatError
        The folder holds something else, or a run of other settings or inputs: it is said which.
    """
    folder = Path(folder)
    if (folder / "run.json").is_file():
        run = Run(folder)
        differing = _differences(run, config, info)
        if differing:
            raise GalcatError(
                f"{folder} holds a run of other make: {listed(differing, 6)}; name a new folder "
                "with -o, or give the same settings and inputs to go on"
            )
        # moved, with the same pictures and galaxies
        moved = {key: info[key] for key in ("store", "split") if info.get(key)}
        if {**run.info, **moved} != run.info:
            write_json(folder / "run.json", {**run.info, **moved})
        return run
    check_empty(folder)
    config.save(folder / "config.toml")
    write_json(folder / "run.json", info)
    return Run(folder)


def check_empty(folder: Path) -> None:
    """Refuse a folder that holds something else than a start of a run that was killed.

    Raises
    ------
    GalcatError
        Naming what is in it.
    """
    begun = (".", START, "config.toml", "samples.parquet", "rejects.csv")
    strange = [p.name for p in folder.glob("*") if not p.name.startswith(begun)]
    if strange:
        raise GalcatError(
            f"{folder} is not empty and holds no run ({listed(sorted(strange), 3)}); name a new "
            "folder with -o"
        )


def _differences(run: Run, config: Config, info: dict[str, Any]) -> list[str]:
    old, new = learning_settings(run.config), learning_settings(config)
    found = [f"{k} was {old.get(k)!r}, is {new[k]!r}" for k in new if old.get(k) != new[k]]
    was = run.info
    for key in ("survey", "classes", "workers"):
        if was.get(key) != info.get(key):
            found.append(f"{key} was {was.get(key)!r}, is {info.get(key)!r}")
    for key, told in (("store", "pictures"), ("samples", "galaxies"), ("parent", "parent run")):
        if (was.get(key) or {}).get("digest") != (info.get(key) or {}).get("digest"):
            found.append(f"the {told} differ")
    if _renderings(was) != _renderings(info):
        found.append("the pictures in other surveys' looks differ")
    if (was.get("start") or {}) != (info.get("start") or {}):
        found.append("the first weights differ")
    return found


def _renderings(info: dict[str, Any]) -> list[str]:
    return (info.get("store") or {}).get("renderings") or []


def seal(run: Run, weights_digest: str) -> str:
    """Write DIGEST, the hash of what made the run and of its weights, and return it."""
    info = run.info
    made_of = {
        "settings": learning_settings(run.config),
        "weights": weights_digest,
        **{k: info.get(k) for k in ("classes", "positive", "survey", "network", "workers")},
        **{k: (info.get(k) or {}).get("digest") for k in ("store", "samples", "parent")},
        **({"start": info["start"]} if info.get("start") else {}),
        **({"renderings": _renderings(info)} if _renderings(info) else {}),
    }
    total = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    write_text(run.folder / "DIGEST", total + "\n")
    return total


@contextlib.contextmanager
def locked(folder: str | Path, wait_seconds: float = 1.0) -> Iterator[IO[str]]:
    """Hold a run folder for one training, on whichever machine; yield the lock's open file.

    The lock goes when the last process that inherited the open file is gone, however it ends; a
    kill -9 leaves nothing to clean up. See `jobs.lease` for what holds between machines.

    Raises
    ------
    GalcatError
        Another process trains there: its id, host and start are told.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise GalcatError(
            f"{folder}: cannot be made a run folder ({error.strerror}); name another with -o"
        ) from error
    with (folder / LOCK).open("a+") as stream:
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(stream):
            if time.monotonic() > deadline:
                stream.seek(0)
                holder = stream.read().strip() or "another process"
                raise GalcatError(
                    f"{folder} is being trained by {holder}; wait for it, stop it, or name another "
                    "folder with -o"
                )
            time.sleep(0.05)
        stream.truncate(0)
        started = time.strftime("%Y-%m-%d %H:%M:%S")
        stream.write(f"process {os.getpid()} on {socket.gethostname()} since {started}")
        stream.flush()
        # a disk that is shared may keep the lock above to this machine
        with lease.held(folder, "being trained"):
            yield stream


def _try_lock(stream: IO[str], how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(stream, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise  # a shared disk without such locks has the lease alone
    return True


def _is_locked(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open() as stream:
        return not _try_lock(stream, fcntl.LOCK_SH)
