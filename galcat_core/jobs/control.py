"""Start, state, cancel, resume, wait: the same for every place."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.files import write_text
from galcat_core.jobs import folder as folders
from galcat_core.jobs import lease, local, script, slurm
from galcat_core.jobs.asking import NotThere, Unreachable
from galcat_core.jobs.job import KILLED, Attempt, Job, State, Submission, now
from galcat_core.jobs.places import Place
from galcat_core.jobs.process import Process

PLACES: dict[str, ModuleType] = {"local": local, "slurm": slurm, "script": script}  # by kind
LOOK_SECONDS = 0.05, 1.0, 10.0  # between two looks at a job: at first, soon, after minutes
GONE = "its processes are gone (killed, or the machine went down); galcat jobs resume goes on"


def start(
    command: Sequence[str],
    place: Place,
    *,
    config: Config | None = None,
    nodes: int | None = None,
    tasks_per_node: int | None = None,
    out: str | Path | None = None,
    project: str | Path = ".",
    folder: str | Path | None = None,
) -> Job:
    """Start a command as a job that outlives this process.

    Parameters
    ----------
    command : sequence of str
        As ["galcat", "train", "cutouts/sdss", ...], paths as seen from `project`; for --workers
        give nodes times tasks per node.
    place : Place
        See `places.named`.
    config : Config, optional
        Saved in the job's folder and given to the command.
    nodes, tasks_per_node : int, optional
        Default: what the place says.
    out : str or Path, optional
        What the command makes. No two live jobs may make the same.
    project : str or Path
        The folder that the command runs in.
    folder : str or Path, optional
        Of all jobs (default: `jobs` in the project).

    Returns
    -------
    Job
        Handed in.

    Raises
    ------
    GalcatError
        The place does not take it, or another job makes the same.
    """
    shape = place.shape(nodes, tasks_per_node)
    check_shared(place, Path(project))
    if out is not None:
        refuse_second(Path(project) / out, folder or Path(project) / folders.FOLDER)
    job = folders.create(
        command, place, shape, config=config, out=out, project=project, folder=folder
    )
    try:
        with _handing_in(job):
            _submit(job)
    except GalcatError as error:
        if not _may_be_taken(error):
            shutil.rmtree(job.folder, ignore_errors=True)  # it has never been a job
        raise
    return job


def state(job: Job) -> State:
    """Return what is known of a job now, from its files, its processes and the scheduler's word.

    Nothing that was true once is taken for true: a job that says it began and whose process is gone
    is "interrupted".
    """
    submission, attempt = _last(job)
    if submission is None:
        return _half_way(job, "its start was stopped half-way; galcat jobs resume starts it")
    end = attempt.end if attempt else None
    if end and end.name == "finished":
        return end
    told = PLACES[job.place.kind].state(job, submission, attempt)
    if told is not None and told.name != "interrupted":
        return _with_story(job, attempt, told)
    if _last(job) != (submission, attempt):
        return state(job)  # it went on between the two looks
    if end is None and attempt:
        end = attempt.end  # or it has ended between them
    if end is not None and end.name not in ("requeued", KILLED):
        return end
    if submission.cancelled.exists():
        return State("cancelled")
    if told is None and attempt is None:
        return _half_way(job, "it was never handed in; galcat jobs resume does it")
    if end is not None and end.name == KILLED:  # and so was who would have started it again
        return State("interrupted", f"{end.reason}; galcat jobs resume goes on")
    return told or State("interrupted", GONE)


def cancel(job: Job) -> State:
    """End a job, wherever it is; return its state, which is then no longer live.

    Raises
    ------
    GalcatError
        It is not live, or lives where it cannot be reached from here.
    """
    found = state(job)
    if not found.live:
        raise GalcatError(f"{job.id} is {found.name}: there is nothing to cancel")
    submission, attempt = _last(job)
    write_text(submission.cancelled, f"{now()}\n")
    try:
        PLACES[job.place.kind].cancel(job, submission, attempt)
    except GalcatError:
        submission.cancelled.unlink(missing_ok=True)
        raise
    return wait(job)


def resume(job: Job) -> Job:
    """Hand a job in again; its command goes on from what it has made so far.

    Raises
    ------
    GalcatError
        It is finished, may still run, or is being handed in by another process.
    """
    with _handing_in(job):
        found = state(job)
        if found.name == "finished":
            raise GalcatError(f"{job.id} is finished: there is nothing to resume")
        if found.live:
            told = f" ({found.reason})" if found.reason else ""
            raise GalcatError(f"{job.id} is {found.name}{told}: cancel it first, or wait for it")
        if job.out:
            refuse_second(job.out, job.folder.parent, but=job)
        _submit(job)
    return job


def wait(
    job: Job, timeout_seconds: float | None = None, until: Callable[[State], bool] | None = None
) -> State:
    """Wait until a job is no longer live, or until a state for which `until` holds; return its state.

    Raises
    ------
    GalcatError
        The time is up.
    """
    began = time.monotonic()
    deadline = None if timeout_seconds is None else began + timeout_seconds
    while True:
        found = state(job)
        if not found.live or (until is not None and until(found)):
            return found
        if deadline is not None and time.monotonic() > deadline:
            raise GalcatError(f"{job.id} is {found.name} after {timeout_seconds:g} s of waiting")
        time.sleep(pause_seconds(time.monotonic() - began))


def pause_seconds(waited_seconds: float) -> float:
    """Return the time until the next look at a job, after so long a wait.

    A scheduler is shared: who waits for hours does not ask it every second.
    """
    first, soon, late = LOOK_SECONDS
    return min(late, max(first, min(soon, 0.2 * waited_seconds), 0.02 * waited_seconds))


def check_shared(place: Place, project: Path) -> None:
    """Refuse a project outside of the shared folder that a place needs."""
    shared = getattr(place.settings, "folder", "")
    if not shared:
        return
    root = Path(shared).expanduser().resolve()
    if not project.resolve().is_relative_to(root):
        raise GalcatError(
            f"{project.resolve()} is not in {root}, the folder that the nodes of '{place.name}' "
            "share: bring the project there, and give the command there"
        )


def refuse_second(out: Path, folder: str | Path, but: Job | None = None) -> None:
    """Refuse a job that makes what a live job makes."""
    wanted = out.resolve()
    for other in folders.jobs_of(folder):
        if other.out is None or other.out.resolve() != wanted:
            continue
        if but is not None and other.id == but.id:
            continue
        found = state(other)
        if found.live:
            raise GalcatError(
                f"{out}: {other.id} makes it and is {found.name}; wait for it, cancel it (galcat "
                f"jobs cancel {other.id}), or name another folder with -o"
            )


def states(jobs: Iterable[Job]) -> list[tuple[Job, State]]:
    """Return jobs and their states; a scheduler is asked once for all of them, a broken job hides none."""
    with slurm.one_look():
        return [(job, _state_or_why(job)) for job in jobs]


def _state_or_why(job: Job) -> State:
    try:
        return state(job)
    except (GalcatError, OSError) as error:
        return State("unreadable", str(error))


def _submit(job: Job) -> None:
    submission = job.submit_next()
    try:
        PLACES[job.place.kind].submit(job, submission)
    except GalcatError as error:
        if not _may_be_taken(error):
            submission.file.unlink(missing_ok=True)  # refused: what was before is still the state
        raise


def _may_be_taken(error: GalcatError) -> bool:
    """Tell whether the batch system may have taken a job, although it did not say so."""
    return isinstance(error, Unreachable) and not isinstance(error, NotThere)


def _last(job: Job) -> tuple[Submission | None, Attempt | None]:
    """Return the last submission, and the last attempt of it."""
    submissions = job.submissions
    if not submissions:
        return None, None
    last = submissions[-1]
    attempts = job.attempts_of(last)
    return last, attempts[-1] if attempts else None


def _with_story(job: Job, attempt: Attempt | None, told: State) -> State:
    """Return the state of a job that lives, with what it was started again after."""
    if attempt is None or told.name != "running" or told.reason:
        return told
    killed = [end for a in job.alike(attempt) if (end := a.end) and end.name == KILLED]
    return replace(told, reason=f"went on after: {killed[-1].reason}") if killed else told


def _half_way(job: Job, otherwise: str) -> State:
    """Return the state of a job that nobody has begun: another process may be handing it in now."""
    holder = lease.holder(job.folder / "attempts")
    mine = holder is not None and holder.process == Process.of(os.getpid())
    if not mine and lease.is_held(job.folder / "attempts"):
        return State("queued", "is being handed in")
    return State("interrupted", otherwise)


@contextlib.contextmanager
def _handing_in(job: Job) -> Iterator[None]:
    """Let one process at a time hand a job in: two that resume it would start it twice."""
    attempts = job.folder / "attempts"
    attempts.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lease.held(attempts, "used"))
        except GalcatError as error:
            raise GalcatError(
                f"{job.id} is being handed in by another process: galcat jobs show {job.id}"
            ) from error
        yield
