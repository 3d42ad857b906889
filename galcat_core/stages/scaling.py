"""Scaling on files: a short training by 1, 2, ... N workers, here or at a place; figure, tables, JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galcat_core import jobs
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.files import alone, write_text
from galcat_core.jobs.folder import FOLDER
from galcat_core.stages.work import need, say

if TYPE_CHECKING:
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Split
    from galcat_core.runs import Run
    from galcat_core.training.scaling import Course

# as in the paper's table: 16 pictures a worker; ImageNet's weights train no faster than others
DEFAULTS = {"train": {"epochs": 4, "batch_size": 16, "weights": "none"}}
SIZE_PX = 80  # of the built-in pictures
STEPS, FEWEST = 12, 600  # of an epoch by most workers, and pictures, in the built-in ones


def scaling(
    out: str | Path,
    config: Config,
    workers: Sequence[int],
    *,
    store: str | Path | None = None,
    split: str | Path | None = None,
    kind: str = "weak",
    turns: int = 3,
    pictures: int | None = None,
    target_loss: float | None = None,
    bandwidth_gb_s: float | None = None,
    latency_us: float | None = None,
    on: str | None = None,
    places: str | Path | None = None,
    jobs_folder: str | Path = FOLDER,
    force: bool = False,
) -> dict[str, Any]:
    """Measure a short training at each number of workers, and say what to expect of more.

    What is measured is kept, so that the same call goes on where it was. Writes `scaling.json`, `.csv`,
    `.png` and `.svg` into `out`.

    Parameters
    ----------
    out : str or Path
    config : Config
        Sections `train` (batch_size: of each worker, or of all where `kind` is "strong") and `augment`.
    workers : sequence of int
    store, split : str or Path, optional
        What is learnt from (default: sketches of galaxies of galcat's own).
    kind, turns : see `training.scaling.Course`
    pictures : int, optional
        Of the sketches.
    target_loss, bandwidth_gb_s, latency_us : see `training.scaling_report.report`
    on : str, optional
        Place whose jobs the points are (see `jobs.places`); here and now, if not given.
    places, jobs_folder : str or Path
        File of places; folder of the jobs.
    force : bool
        Measure all anew.

    Returns
    -------
    dict
        What `scaling.json` holds.

    Raises
    ------
    GalcatError
        More workers than this machine has cores or GPUs, a setting or an input that does not fit, or
        a worker that died.
    """
    from galcat_core.training import scaling as measuring

    workers, here = tuple(sorted(workers)), on in (None, "local")
    for name, value in (("--bandwidth-gb-s", bandwidth_gb_s), ("--latency-us", latency_us)):
        if value is not None and not value > 0:
            raise GalcatError(f"{name} {value:g}: above 0 is wanted")
    if (store is None) != (split is None):
        raise GalcatError("STORE and --split go together; leave out both for galcat's own pictures")
    measuring.check(workers, turns, kind, config, here)
    make = _make_here if on is None else _make_there(on, places, jobs_folder, workers)
    out = Path(out)
    if out.is_file():
        raise GalcatError(f"{out} is a file, a folder is to be written: name one with -o")
    batch = config.train.batch_size
    most = batch * (max(workers) if kind == "weak" else 1)
    learnt = (
        _given(store, split) if store else _sketches(out, pictures or max(FEWEST, STEPS * most))
    )
    limit = measuring.limit_of(_count(*learnt, config), batch, workers, kind)
    shares = max(workers) if here else 0
    course = measuring.Course(out / "points", workers, kind, batch, turns, config, limit, shares)
    taken = f"{out}: another galcat is measuring there; wait for it, or name another folder with -o"
    with alone(course.folder, taken):
        measuring.begin(course, _asked(course, *learnt), force)
        measuring.each(course, lambda count, turn: make(course, count, turn, *learnt), say)
        return _written(out, course, target_loss, bandwidth_gb_s, latency_us)


def _given(store: str | Path, split: str | Path) -> tuple[CutoutStore, Split]:
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Split

    need(store, "cutout store", "make it with galcat cutouts")
    return CutoutStore.open(store), Split.load(need(split, "file", "make it with galcat split"))


def _sketches(out: Path, count: int) -> tuple[CutoutStore, Split]:
    """Draw pictures to learn from into `out`, a fifth as many to validate on; those of before are kept."""
    import numpy as np
    import pandas as pd

    from galcat_core.images.shards import write_store
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Split
    from galcat_core.sky.sketch import sketch

    validation = min(max(100, count // 5), 4000)
    total = count + validation
    folder = out / f"pictures-{total}"
    if (folder / "index.parquet").is_file():
        store = CutoutStore.open(folder)
    else:
        say(f"drawing {total} pictures")
        images, label = sketch(total, SIZE_PX)
        table = pd.DataFrame({"id": np.arange(total), "label": label})
        store = write_store(folder, images, table, survey="sketches", settings={"sketch": 1})
    rows = store.table[["id", "label"]].assign(
        survey="sketches",
        set=np.repeat(["train", "validation"], [count, validation]),
        certain=True,
        group=store.ids,
    )
    return store, Split(rows)


def _count(store: CutoutStore, split: Split, config: Config) -> int:
    """Return how many pictures can be learnt from."""
    from galcat_core.training.samples import choose

    return int((choose(store, split, config.train, store.survey).table["set"] == "train").sum())


def _asked(course: Course, store: CutoutStore, split: Split) -> dict[str, Any]:
    """Return what the points depend on, the number of turns and of workers left out."""
    import hashlib

    from galcat_core.runs import learning_settings

    return {
        "scaling": course.kind,
        "pictures to learn from": course.limit,
        "shares of the cores": course.shares,
        **learning_settings(course.config),
        "pictures": store.digest,
        "sets": hashlib.sha256(split.table.to_csv(index=False).encode()).hexdigest(),
    }


def _make_here(course: Course, workers: int, turn: int, store: CutoutStore, split: Split) -> None:
    from galcat_core.training.scaling import measure, prepare

    measure(prepare(course, workers, turn, store, split), course.shares)
    _tell(course, workers, turn)


def _make_there(
    on: str, places: str | Path | None, folder: str | Path, all_workers: Sequence[int]
) -> Any:
    """Return what measures a point as a job; one that runs already is waited for."""
    place = jobs.named(on, places)
    shapes = {workers: _shape(place, workers) for workers in all_workers}

    def make(course: Course, workers: int, turn: int, store: CutoutStore, split: Split) -> None:
        from galcat_core.training.scaling import prepare

        job = _live_job(course.point(workers, turn), folder)
        if job is None:
            run = prepare(course, workers, turn, store, split)
            job = _started(run, place, *shapes[workers], course.shares, folder)
        say(f"{job.id} on {place.name}; galcat jobs log {job.id} --follow")
        state = jobs.wait(job)
        if state.name != "finished":
            raise GalcatError(
                f"{job.id} is {state.name} ({state.reason}); the same command goes on"
            )
        _tell(course, workers, turn)

    return make


def _shape(place: jobs.Place, workers: int) -> tuple[int, int]:
    """Return nodes and tasks on each; nodes are filled before another one is taken."""
    most = place.shape(1).tasks_per_node
    if place.kind != "slurm" or workers <= most:
        return 1, workers
    if workers % most:
        raise GalcatError(
            f"--workers {workers}: '{place.name}' has {most} workers on each node; give multiples of it"
        )
    return workers // most, most


def _live_job(folder: Path, jobs_folder: str | Path) -> jobs.Job | None:
    for job in jobs.jobs_of(jobs_folder):
        if job.out is not None and job.out.resolve() == folder.resolve() and jobs.state(job).live:
            return job
    return None


def _started(
    run: Run, place: jobs.Place, nodes: int, each: int, shares: int, folder: str | Path
) -> jobs.Job:
    module = "galcat_core.training.scaling_point"
    return jobs.start(
        ["python", "-m", module, str(run.folder), str(shares)],
        place,
        nodes=nodes,
        tasks_per_node=each,
        out=run.folder,
        folder=folder,
    )


def _tell(course: Course, workers: int, turn: int) -> None:
    from galcat_core.training.scaling import measured

    found = measured(course, workers, turn)
    if found is None:
        raise GalcatError(f"{course.point(workers, turn)}: nothing was measured there")
    speeds = [f"{epoch['images_per_second']:,.0f}" for epoch in found["epochs"][1:]]
    say(f"    {', '.join(speeds)} images a second")


def _written(
    out: Path,
    course: Course,
    target_loss: float | None,
    bandwidth_gb_s: float | None,
    latency_us: float | None,
) -> dict[str, Any]:
    """Write what was found, and show it."""
    from galcat_core.evaluation import scaling_plot
    from galcat_core.results import show
    from galcat_core.results_scaling import scaling_tables
    from galcat_core.tables import write_table
    from galcat_core.training import scaling_report
    from galcat_core.training.scaling import measured

    found = {n: [measured(course, n, turn) for turn in range(course.turns)] for n in course.workers}
    told = scaling_report.report(course, found, target_loss, bandwidth_gb_s, latency_us)
    write_text(out / "scaling.json", json.dumps(told, indent=1) + "\n")
    write_table(scaling_report.table(told), out / "scaling.csv")
    scaling_plot.save(scaling_plot.scaling(told), out / "scaling")
    show(*scaling_tables(told))
    say(f"{out}/scaling.png, .svg, .csv and .json")
    return told
