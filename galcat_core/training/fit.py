"""The training stage: store + split + config -> a run, with any number of workers; TensorFlow only where it learns."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galcat_core import backend, runs
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.inference.calibrating import settle
from galcat_core.jobs.surroundings import LOGS
from galcat_core.provenance import Provenance, code_version, computed_on
from galcat_core.records import Split
from galcat_core.runs import Run
from galcat_core.tables import write_table
from galcat_core.training import distributed, schedule, srun, start
from galcat_core.training.samples import Samples, choose

if TYPE_CHECKING:
    from galcat_core.images.store import CutoutStore

WORKER = "galcat_core.training.worker"


def train(
    run_folder: str | Path,
    store: CutoutStore,
    split: Split,
    config: Config,
    workers: int = 1,
    survey: str | None = None,
    parent: Run | None = None,
    provenance: Provenance | None = None,
    horovod: bool | None = None,
    repeats: Run | None = None,
) -> Run:
    """Train a network on a survey's labelled galaxies, or go on with a training that was stopped.

    A finished run of the same settings and inputs is returned as it is. One that was interrupted,
    by a kill -9 too, goes on from its last checkpoint; with one worker its weights are, bit for
    bit, those that an unbroken training has.

    Parameters
    ----------
    run_folder : str or Path
        New, or of a run with the same settings and inputs.
    store : CutoutStore
    split : Split
        Its training galaxies are learnt from, its validation galaxies tell when to stop.
    config : Config
        Sections `train` and `augment`; `calibrate` for what is fitted at the end (see
        `inference.calibrating.settle`).
    workers : int
        Processes that train together by Horovod; 1 takes none and needs no Horovod.
    survey : str, optional
        Whose galaxies (default: the store's survey).
    parent : Run, optional
        Start from this run's weights (fine-tuning): the rate is `train.fine_tune_rate` times lower,
        and `train.fine_tune_epochs` is the most epochs; the network is the parent's.
    provenance : Provenance, optional
        Kept in the run.
    horovod : bool, optional
        Use Horovod, for one worker too (default: for more than one).
    repeats : Run, optional
        The run that is trained again (see `training.repeat`): classes, and where `parent` is not
        given the first weights too, are those that it keeps.

    Returns
    -------
    Run
        Finished.

    Raises
    ------
    GalcatError
        TensorFlow or Horovod is missing, the labels are not of two classes, no picture fits, the
        first weights cannot be had, the folder holds something else or is being trained, or a
        worker died.
    """
    backend.choose("tensorflow")
    distributed.check(workers, horovod)
    config = start.of_parent(config, parent)
    schedule.stages(config.train)  # tells of settings that do not fit together
    survey = survey or store.survey
    samples = choose(store, split, config.train, survey, parent or repeats)
    info = info_of(Path(run_folder), store, samples, config, workers, survey, parent, provenance)
    info["split"] = split.path and {"path": _seen_from(run_folder, split.path)}
    if repeats is None:
        info["start"] = start.begins_with(Path(run_folder), config, parent)
    else:
        info["start"] = repeats.info.get("start")
        info["parent"] = info["parent"] or start.parent_of(repeats, Path(run_folder).resolve())
        threads = (repeats.info.get("computed_on") or {}).get("threads")
        info["computed_on"] |= {"threads": threads} if threads else {}  # see `loop.keep_threads`
    # a job keeps the logs of each of its attempts apart
    logs = Path(os.environ.get(LOGS) or Path(run_folder) / "logs")
    with runs.locked(run_folder) as lock:
        for left_over in Path(run_folder).glob(".partial-*"):  # of a worker that was killed
            left_over.unlink()
        run = begin(run_folder, config, info, samples, parent, repeats)
        if run.finished:
            settle(run, store, config.calibrate)
            return run
        if workers > 1 or horovod:
            launcher = srun if srun.within() else distributed
            launcher.launch(WORKER, [str(run.folder)], workers, logs, lock)
        else:
            from galcat_core.training import loop

            loop.fit(run, distributed.Workers(), store)
        if run.finished:
            settle(run, store, config.calibrate)
    if not run.finished:
        raise GalcatError(f"{run.folder}: the workers ended without a report; see {logs}")
    return run


def info_of(
    folder: Path,
    store: CutoutStore,
    samples: Samples,
    config: Config,
    workers: int,
    survey: str,
    parent: Run | None,
    provenance: Provenance | None,
) -> dict[str, Any]:
    """Return what `run.json` says (see `Run.info`)."""
    return {
        "classes": samples.classes,
        "positive": samples.classes[1],
        "survey": survey,
        "network": config.train.network,
        "workers": workers,
        "code": code_version(),
        "store": {
            "path": _seen_from(folder, store.path),
            "digest": store.digest,
            "size_px": store.size_px,
            "survey": store.survey,
            "settings": store.settings,
            # digests of those in other surveys' looks that are learnt from
            "renderings": [
                other.digest for other in store.renderings if config.augment.renderings > 0
            ],
        },
        "samples": samples.summary(),
        "parent": parent
        and {
            "name": parent.name,
            "digest": parent.digest,
            "path": _seen_from(folder, parent.folder),
        },
        "provenance": provenance and asdict(provenance),
        "computed_on": computed_on(),
    }


def _seen_from(folder: str | Path, path: Path) -> str:
    """Return a path as seen from the run: a project folder may move as a whole."""
    return os.path.relpath(path.resolve(), Path(folder).resolve())


def begin(
    folder: str | Path,
    config: Config,
    info: dict[str, Any],
    samples: Samples,
    parent: Run | None,
    repeats: Run | None,
) -> Run:
    """Write what the workers need; `run.json` comes last, so a folder with it is whole."""
    folder = Path(folder)
    if not (folder / "run.json").is_file():
        runs.check_empty(folder)
        write_table(samples.table, folder / "samples.parquet")
        write_table(samples.rejects, folder / "rejects.csv")
        start.write(folder, config, parent, repeats)
    named = config.replace(train={"weights": start.told(config.train.weights)})
    return runs.create(folder, named, info)
