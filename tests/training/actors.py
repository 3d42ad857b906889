"""Processes that the tests start as workers: `python -m tests.training.actors PART ...`."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from galcat_core.jobs import crew
from galcat_core.training import distributed


def rank() -> int:
    # srun's own word, until `distributed.join` makes it Horovod's
    return int(os.environ.get("HOROVOD_RANK") or os.environ["SLURM_PROCID"])


def sleep(folder: str) -> int:
    """Tell the process id and live on."""
    crew.end_with_launcher()
    (Path(folder) / f"pid-{rank()}").write_text(str(os.getpid()))
    time.sleep(60)
    return 0


def die(folder: str) -> int:
    """Rank 1 is killed; the other lives on."""
    if rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return sleep(folder)


def fail(folder: str) -> int:
    """Rank 1 fails, and ends a second after rank 0, which Horovod told that a worker is gone."""
    if rank() == 1:
        time.sleep(1.0)
        print("ZeroDivisionError: division by zero", file=sys.stderr)
    else:
        print("HorovodInternalError: Horovod has been shut down", file=sys.stderr)
    return 1


def refuse(folder: str) -> int:
    """End as a worker does after a GalcatError."""
    print("some noise of a library\nthe store is gone; make it again", file=sys.stderr)
    return 2


def say(folder: str) -> int:
    """Speak on the terminal and into the log; tell the environment."""
    print("into the log", file=sys.stderr)
    crew.talk_to_terminal()
    print(f"progress of rank {rank()}", file=sys.stderr, flush=True)
    threads = os.environ["OMP_NUM_THREADS"], os.environ["TF_NUM_INTRAOP_THREADS"]
    (Path(folder) / f"threads-{rank()}").write_text(" ".join(threads))
    time.sleep(0.2)  # the launcher binds a worker once it is there
    bound = os.sched_getaffinity(0), crew.threads_each(2)
    (Path(folder) / f"cores-{rank()}").write_text(repr(bound))
    return 0


def see_late(folder: str) -> int:
    """Look at a run's folder that the disk shows to rank 1 as it was before, then as it is."""
    import threading

    from galcat_core.errors import GalcatError
    from galcat_core.training import checkpoint, disk

    seen = Path(folder) / f"seen-{rank()}"  # a link to what this rank is shown
    told = []
    workers = distributed.join()
    try:
        disk.wait_until_alike(seen, workers, patience_seconds=1.0)
    except GalcatError as error:
        told.append(str(error))

    def come() -> None:
        link = seen.with_name("new")
        link.symlink_to(Path(folder) / "run")
        link.rename(seen)

    if rank() == 1:
        threading.Timer(2.0, come).start()
    disk.wait_until_alike(seen, workers)
    told.append(str(checkpoint.progress_of(seen).step))
    (Path(folder) / f"told-{rank()}").write_text("\n".join(told))
    workers.leave()
    return 0


def fit(folder: str) -> int:
    """Train from weights that differ from rank to rank and keep what each rank has at the end."""
    crew.end_with_launcher()
    import numpy as np

    from galcat_core.runs import Run
    from galcat_core.training import checkpoint, loop

    load = checkpoint.load

    def load_and_spoil(folder, model, optimizer):
        progress = load(folder, model, optimizer)
        for variable in [*model.trainable_variables, *optimizer.variables]:
            variable.assign(variable + rank())
        return progress

    checkpoint.load = load_and_spoil
    workers = distributed.join()
    model, progress = loop.fit(Run.open(folder), workers)
    rows = [[row[k] for k in ("loss", "val_loss", "learning_rate")] for row in progress.history]
    dropout = [v.numpy()[0] for v in model.variables if "seed_generator" in v.path]
    np.savez(
        Path(folder) / f"rank-{rank()}.npz",
        *model.get_weights(),
        history=rows,
        best=progress.best_epoch,
        dropout=dropout,
    )
    workers.leave()
    return 0


if __name__ == "__main__":
    code = globals()[sys.argv[1]](*sys.argv[2:])
    sys.stderr.flush()
    os._exit(code)
