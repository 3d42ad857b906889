"""Parts of a prediction shared by workers: started here or by srun, watched; a dead one's part goes to the others.

Workers take parts by files that can be made only once, so that none waits for another, and a part is
written whole or not at all. This process makes no part: it moves the bar by what stands on the disk.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from galcat_core.errors import GalcatError
from galcat_core.files import write_text
from galcat_core.inference.plan import Plan
from galcat_core.jobs import crew, srun, watching
from galcat_core.jobs.crew import Codes
from galcat_core.jobs.surroundings import LOGS

WORKER = "galcat_core.inference.worker"
CLAIMS = "claims-"  # folder of what is taken, in that of the parts; each start has its own
TASK = "plans.jsonl"  # in it: a plan a line
LOOK_SECONDS = 0.3  # between two looks at the workers
WHAT, MEND = "prediction", "the same command goes on from there"


def check(workers: int) -> None:
    """Refuse a number of workers that cannot be had, here or in the Slurm job that this process is."""
    if workers < 1:
        raise GalcatError(f"workers = {workers}: at least 1 is legal")
    # one worker is this process, as in the verbs that predict among other things
    if workers > 1 and srun.within():
        srun.check(workers, "predict")


def share(plans: Sequence[Plan], workers: int, shown: tqdm) -> None:
    """Let workers make the parts that are missing.

    Parameters
    ----------
    plans : sequence of Plan
        Of each run; their folders are held by this process.
    workers : int
        On the nodes of a Slurm job as many as the job is made for.
    shown : tqdm
        Moved by the pictures of each part that is done.

    Raises
    ------
    GalcatError
        A worker found a mistake in the input, or none is left: why, in one line.
    """
    folder = plans[0].folder
    for left_over in folder.glob(f"{CLAIMS}*"):  # of a start that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    claims = folder / f"{CLAIMS}{secrets.token_hex(4)}"
    claims.mkdir()
    write_text(claims / TASK, "".join(f"{plan.to_json()}\n" for plan in plans))
    logs = Path(os.environ.get(LOGS) or folder / "logs")
    with _started(str(claims), workers, logs) as codes:
        _watch(plans, codes, claims, logs, shown)
        deadline = time.monotonic() + watching.GRACE_SECONDS
        while None in codes() and time.monotonic() < deadline:  # they see that all is done
            time.sleep(0.05)


@contextlib.contextmanager
def _started(task: str, workers: int, logs: Path) -> Iterator[Codes]:
    """Start the workers, by srun where this process is a Slurm job."""
    if srun.within():
        nodes, each, _ = srun.shape()
        told = _told(srun.threads_each())
        with srun.started(WORKER, [task], nodes * each, logs, told) as codes:
            yield codes
        return
    cores = len(crew.cores()) or os.cpu_count() or 1
    if workers > cores:
        note = f"{workers} workers on {cores} cores: more than {cores} take them from each other"
        tqdm.write(note, file=sys.stderr)
    told = _told(crew.threads_each(workers))
    with crew.started(WORKER, [task], workers, logs, lambda rank: told) as codes:
        yield codes


def _told(threads: int) -> dict[str, str]:
    # the last is what XLA takes for the number of processors, where JAX computes
    return crew.environment(threads) | {"PYTHONUNBUFFERED": "1", "NPROC": str(threads)}


def _watch(plans: Sequence[Plan], codes: Codes, claims: Path, logs: Path, shown: tqdm) -> None:
    """Return when all parts are there."""
    looks, dead = plans[0].size.looks, set()
    left = {(place, n) for place, plan in enumerate(plans) for n in plan.missing()}
    while True:
        now = codes()  # first: what a worker made before its end is then seen
        missing = {(place, n) for place, plan in enumerate(plans) for n in plan.missing()}
        for place, number in left - missing:
            shown.update(plans[place].rows_in(number) * looks)
        left &= missing
        if not left:
            return
        for rank in [rank for rank, code in enumerate(now) if code and rank not in dead]:
            dead.add(rank)
            _bury(rank, now, claims, logs)
        if None not in now:
            if not any(now):
                raise GalcatError(f"the workers ended and parts are missing; see {logs}; {MEND}")
            raise watching.failure(now, logs, WHAT, MEND)
        time.sleep(LOOK_SECONDS)


def _bury(rank: int, codes: list[int | None], claims: Path, logs: Path) -> None:
    """Give back what a dead worker had taken, and tell of it.

    Raises
    ------
    GalcatError
        It found a mistake in the input, as any other would.
    """
    log = logs / f"rank-{rank}.txt"
    if codes[rank] == 2:
        raise GalcatError(watching.last_line(log))
    for claim in claims.iterdir():
        with contextlib.suppress(FileNotFoundError):
            # an empty one is of a worker that died before it could say whose it is, or of one that
            # lives and is about to: then a part is made twice, alike
            if claim.name != TASK and claim.read_text() in ("", str(rank)):
                claim.unlink()
    if None in codes:
        fate = watching.fate(codes[rank], watching.last_line(log))
        told = f"worker {rank} of {len(codes)} {fate}: the others take its part over; see {log}"
        tqdm.write(told, file=sys.stderr)
