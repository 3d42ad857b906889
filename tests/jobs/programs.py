"""What the jobs of the tests run: `python -m tests.jobs.programs PART ...`, real processes without TensorFlow."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path


def sleep(folder: str, seconds: str = "3600") -> None:
    """Tell that it runs, and live on."""
    Path(folder, f"pid-{os.getpid()}").write_text("")
    print("asleep", flush=True)
    time.sleep(float(seconds))


def twice(folder: str) -> None:
    """Sleep the first time, end well the second time."""
    mark = Path(folder, "mark")
    if mark.exists():
        print("awake", flush=True)
        return
    mark.write_text("")
    sleep(folder)


def found(folder: str) -> None:
    """Start another job, which outlives this one, and live on."""
    from galcat_core import jobs

    if not Path(folder, "mark").exists():
        program = ["python", "-m", "tests.jobs.programs", "twice", folder]
        jobs.start(program, jobs.named("local"), folder=Path(folder, "inner"))
        time.sleep(3600)


def fail() -> None:
    """End as a verb does after a mistake in its input."""
    print("galcat train: the store is gone; make it again", file=sys.stderr)
    raise SystemExit(2)


def stray(folder: str) -> None:
    """Start a process that nobody ends, the first time; the second time tell that it is gone."""
    mark = Path(folder, "stray")
    if mark.exists():
        print("alone" if not Path("/proc", mark.read_text()).exists() else "in company", flush=True)
        return
    words = [sys.executable, "-c", "import time; time.sleep(3600)"]
    mark.write_text(str(subprocess.Popen(words, start_new_session=True).pid))
    sleep(folder)


def lose(folder: str) -> None:
    """End as a verb of which a worker was killed, the first time."""
    mark = Path(folder, "lost")
    if not mark.exists():
        mark.touch()
        print(
            "here: epoch 2/12:   0%|          | 0/5 [00:00<?, ? steps/s]", end="", file=sys.stderr
        )
        print("galcat train: worker 1 of 2 was killed by SIGKILL", file=sys.stderr)
        raise SystemExit(75)


def die() -> None:
    """End as if the memory were full."""
    os.kill(os.getpid(), 9)


def hold(folder: str) -> None:
    """Hold a folder until killed."""
    from galcat_core.jobs import lease

    with lease.held(Path(folder), "being trained"):
        print("held", flush=True)
        time.sleep(3600)


def workers(part: str, folder: str, count: str = "2") -> None:
    """Start workers by srun, each doing a part of tests.training.actors."""
    from galcat_core.errors import GalcatError
    from galcat_core.training import srun

    assert srun.within()
    logs = Path(os.environ["GALCAT_LOGS"])
    try:
        srun.launch("tests.training.actors", [part, folder], int(count), logs, None)
    except GalcatError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.code) from error


def train(folder: str, store: str, split: str, config: str) -> None:
    """Train with workers that begin with other weights each, and keep what each has at the end."""
    from galcat_core.config import Config
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Split
    from galcat_core.training import fit, srun

    launch = srun.launch
    fit.WORKER = "tests.training.actors"
    srun.launch = lambda module, arguments, *rest: launch(module, ["fit", *arguments], *rest)
    fit.train(folder, CutoutStore.open(store), Split.load(split), Config.load(config), workers=2)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
