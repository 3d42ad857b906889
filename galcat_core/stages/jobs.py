"""Jobs on files: start a training somewhere, list, show, follow, cancel, resume, collect; where they can run."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from galcat_core import jobs
from galcat_core.config import Config
from galcat_core.doctor import Finding, examine
from galcat_core.errors import GalcatError
from galcat_core.jobs.folder import FOLDER
from galcat_core.jobs.job import Attempt
from galcat_core.jobs.logs import follow
from galcat_core.jobs.places import Shape
from galcat_core.jobs.systems import write as write_file
from galcat_core.provenance import digest
from galcat_core.runs import Run
from galcat_core.stages.work import need, result, say


def start_train(
    store: str | Path,
    split: str | Path,
    out: str | Path,
    config: Config,
    on: str,
    *,
    workers: int | None = None,
    nodes: int | None = None,
    tasks_per_node: int | None = None,
    places: str | Path | None = None,
    parent: str | Path | None = None,
    project: str | Path = ".",
    folder: str | Path | None = None,
) -> jobs.Job:
    """Start `galcat train` as a job at a place; return as soon as the place has it.

    Parameters
    ----------
    store, split, out, config, parent
        As for `train`; paths as seen from `project`.
    on : str
        Name of the place (see `jobs.places`).
    workers : int, optional
        Instead of `tasks_per_node`: workers of all nodes.
    nodes, tasks_per_node : int, optional
        Default: what the place says.
    places : str or Path, optional
        File of places.
    project : str or Path
        The folder that the training runs in.
    folder : str or Path, optional
        Of the jobs (default: `jobs` in the project).

    Raises
    ------
    GalcatError
        An input is missing, the place does not take it, or another job trains there.
    """
    project = Path(project)
    need(project / store, "cutout store", "make it with galcat cutouts")
    need(project / split, "file", "make it with galcat split")
    if parent:
        need(project / parent, "run", "make it with galcat train")
    made = project / out
    if (made / "run.json").is_file() and Run.open(made).status == "running":
        raise GalcatError(f"{out} is being trained already: wait, or name another folder with -o")
    place = jobs.named(on, places)
    shape = _shape(place, workers, nodes, tasks_per_node)
    told = [str(store), "--split", str(split), "-o", str(out), "--workers", str(shape.workers)]
    command = ["galcat", "train", *told, *(["--from", str(parent)] if parent else [])]
    return _start(command, place, shape, out, folder, config, project)


def start_labelling(
    verb: str,
    images: str | Path,
    out: str | Path,
    on: str,
    *,
    run: str | Sequence[str] | None = None,
    split: str | Path | None = None,
    workers: int | None = None,
    nodes: int | None = None,
    tasks_per_node: int | None = None,
    places: str | Path | None = None,
    folder: str | Path = FOLDER,
    **words: Any,
) -> jobs.Job:
    """Start `galcat predict` or `galcat embed` as a job at a place; return as soon as the place has it.

    Parameters
    ----------
    verb : str
        "predict" or "embed".
    images, out, run, split, **words
        As for the stage of that name.
    on, workers, nodes, tasks_per_node, places, folder
        As for `start_train`.

    Raises
    ------
    GalcatError
        An input is missing, the place does not take it, or another job makes the same.
    """
    need(images, "folder", "give a cutout store or a folder of pictures")
    need(split, "file", "make it with galcat split") if split else None
    runs = [run] if isinstance(run, str) else list(run or [])
    for one in runs:
        Run.open(one).digest  # noqa: B018  tells of an unfinished run
    result(out, split, words.get("table"))
    place = jobs.named(on, places)
    shape = _shape(place, workers, nodes, tasks_per_node)
    given = [part for one in runs for part in ("--run", str(one))]
    given += ["--split", str(split)] if split else []
    for name, value in words.items():
        flag = f"--{name.removesuffix('_name').replace('_', '-')}"
        if value is not None and value is not False:
            given += [flag] if value is True else [flag, str(value)]
    told = [str(images), *given, "-o", str(out), "--workers", str(shape.workers)]
    return _start(["galcat", verb, *told], place, shape, out, folder)


def _shape(
    place: jobs.Place, workers: int | None, nodes: int | None, tasks_per_node: int | None
) -> Shape:
    """Return nodes and workers of a job; `workers`, if given, are those of all nodes."""
    if workers is not None and tasks_per_node is None:
        count = place.shape(nodes).nodes
        if workers < 1 or workers % count:
            raise GalcatError(
                f"--workers {workers} cannot be shared alike by {count} nodes; give --nodes and "
                "--tasks-per-node"
            )
        tasks_per_node = workers // count
    shape = place.shape(nodes, tasks_per_node)
    if workers not in (None, shape.workers):
        raise GalcatError(
            f"--workers {workers} is not {shape.nodes} nodes times {shape.tasks_per_node} tasks "
            "per node; leave --workers away"
        )
    return shape


def _start(
    command: Sequence[str],
    place: jobs.Place,
    shape: Shape,
    out: str | Path,
    folder: str | Path | None,
    config: Config | None = None,
    project: str | Path = ".",
) -> jobs.Job:
    job = jobs.start(
        command,
        place,
        config=config,
        nodes=shape.nodes,
        tasks_per_node=shape.tasks_per_node,
        out=out,
        project=project,
        folder=folder,
    )
    say(f"{job.id}: {_told(jobs.state(job))} on {place.name}; galcat jobs log {job.id} --follow")
    return job


def list_jobs(folder: str | Path = FOLDER) -> list[tuple[jobs.Job, jobs.State]]:
    """Print a line for each job of a folder, the newest last; return those that are whole."""
    whole, broken = jobs.look(folder)
    if not whole and not broken:
        say(f"no jobs in {folder}; galcat train ... --on local starts one")
        return []
    found = jobs.states(whole)
    rows = [("job", "state", "place", "workers", "created", "makes", "")]
    for job, state in found:
        info, shape = job.info, job.shape
        many = f"{shape.nodes} x {shape.tasks_per_node}"
        made = info["out"] or ""
        rows.append((job.id, state.name, job.place.name, many, info["created"], made, state.reason))
    rows += [(job.id, "unreadable", "", "", "", "", why) for job, why in broken.items()]
    _columns(rows)
    return found


def show(name: str, folder: str | Path = FOLDER) -> jobs.State:
    """Print what is known of one job; return its state."""
    job = jobs.find(name, folder)
    state, info, shape = jobs.state(job), job.info, job.shape
    rows = [
        ("job", job.id),
        ("state", _told(state)),
        ("place", f"{job.place.name} ({job.place.kind})"),
        ("workers", f"{shape.nodes} nodes x {shape.tasks_per_node}"),
        ("command", " ".join(job.command)),
        ("project", str(job.project)),
        ("makes", info["out"] or "-"),
        ("folder", str(job.folder)),
        ("created", f"{info['created']} by galcat {info['code']}"),
    ]
    for submission in job.submissions:
        number = f"number {submission.id}, " if submission.id else ""
        rows.append((f"handed in {submission.number}", f"{number}{submission.name}"))
    for attempt in job.attempts:
        rows.append((f"attempt {attempt.number}", _told_attempt(attempt)))
    _columns(rows)
    return state


def log(
    name: str,
    folder: str | Path = FOLDER,
    following: bool = False,
    rank: int | None = None,
) -> None:
    """Print what a job says, or one of its workers; with `following` until it has ended."""
    job = jobs.find(name, folder)
    for text in follow(job, rank, following):
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
    if following:
        say(f"{job.id}: {_told(jobs.state(job))}")


def list_places(file: str | Path | None = None) -> None:
    """Print a line for each place that a job may be started at."""
    rows = [("place", "kind", "workers", "settings that differ from the defaults")]
    for place in jobs.load(file).values():
        shape, usual = place.shape(), dataclasses.asdict(type(place.settings)())
        given = dataclasses.asdict(place.settings).items()
        told = ", ".join(f"{key} = {value!r}" for key, value in given if value != usual[key])
        rows.append((place.name, place.kind, f"{shape.nodes} x {shape.tasks_per_node}", told))
    _columns(rows)


def write_places(system: str, out: str | Path) -> list[Path]:
    """Write a file of places to begin with, for "slurm", "pbs" or "lsf", to be edited."""
    written = write_file(system, out)
    say(f"{', '.join(map(str, written))} written: edit, then galcat train ... --on {system}")
    return written


def doctor(project: str | Path = ".", file: str | Path | None = None) -> list[Finding]:
    """Print what this machine or job can do, and what is missing; return the findings."""
    project = need(project, "folder", "name the project's folder, or make it")
    found = examine(project, file)
    _columns([(finding.name, finding.value) for finding in found])
    missing = [finding for finding in found if finding.missing]
    print("\nmissing:" if missing else "\nnothing is missing")
    if missing:
        _columns([(f"  {finding.name}", finding.missing) for finding in missing])
    return found


def cancel(names: Sequence[str], folder: str | Path = FOLDER) -> None:
    """End jobs, and wait until they are gone."""
    for name in names:
        job = jobs.find(name, folder)
        say(f"{job.id}: {_told(jobs.cancel(job))}")


def resume(names: Sequence[str], folder: str | Path = FOLDER) -> None:
    """Hand jobs in again; they go on from their last checkpoints."""
    for name in names:
        job = jobs.resume(jobs.find(name, folder))
        say(f"{job.id}: {_told(jobs.state(job))}; galcat jobs log {job.id} --follow")


def collect(
    name: str, out: str | Path | None = None, folder: str | Path = FOLDER, waiting: bool = False
) -> Path:
    """Check that what a job made is whole, tell its figures, copy it to `out` if given.

    Raises
    ------
    GalcatError
        The job is not finished, what it made is not whole, or `out` holds something else.
    """
    job = jobs.find(name, folder)
    state = jobs.wait(job) if waiting else jobs.state(job)
    if state.name != "finished":
        mend = "wait for it (--wait)" if state.live else f"galcat jobs resume {job.id}"
        raise GalcatError(f"{job.id} is {_told(state)}: there is nothing to collect yet; {mend}")
    made = job.out
    if made is None or not made.exists():
        raise GalcatError(f"{job.id} is finished, but {made or 'what it made'} is not there")
    if (made / "run.json").is_file():
        run = Run.open(made)
        if not run.finished or digest(run.weights) != run.report["weights"]:
            raise GalcatError(
                f"{made} is not what {job.id} made: it is {run.status}, or its weights were "
                "changed; train it anew"
            )
        from galcat_core.stages.learning import told_metrics

        say(f"{job.info['out']}: {told_metrics(run.report)}")
    if out is None:
        return made
    out = Path(out)
    if out.exists():
        if digest(out) == digest(made):
            say(f"{out}: up to date")
            return out
        raise GalcatError(f"{out} is there already and is something else; name another with -o")
    partial = out.with_name(f".partial-{os.getpid()}-{out.name}")
    try:
        if made.is_dir():
            shutil.copytree(made, partial, ignore=shutil.ignore_patterns(".*"))
        else:
            partial.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(made, partial)
        partial.rename(out)
    finally:
        if partial.exists():
            shutil.rmtree(partial) if partial.is_dir() else partial.unlink()
    say(f"{out}: copied from {made}")
    return out


def _told(state: jobs.State) -> str:
    where = f" on {state.nodes}" if state.nodes else ""
    return f"{state.name}{where}" + (f" ({state.reason})" if state.reason else "")


def _told_attempt(attempt: Attempt) -> str:
    info, end = attempt.info, attempt.end
    job = f", Slurm job {info['slurm_job']}" if info["slurm_job"] else ""
    ended = _told(end) if end else "no end"
    return f"{info['began']} on {attempt.process.host}{job}: {ended}; {attempt.log}"


def _columns(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
        print("  ".join([*cells, row[-1]]).rstrip())
