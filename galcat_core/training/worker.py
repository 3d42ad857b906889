"""One worker of a training: `python -m galcat_core.training.worker RUN_FOLDER`; all else is in the folder.

`distributed.launch` starts it; `horovodrun -np N --gloo python -m galcat_core.training.worker RUN_FOLDER`
does as well, for a run that was begun before.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from galcat_core import backend, runs
from galcat_core.jobs import crew
from galcat_core.training import disk, distributed


def main(folder: str) -> int:
    """Train the run in a folder together with the other workers; return the exit code (see `crew`)."""
    crew.end_with_launcher()
    return crew.code_of(lambda: _train(folder))


def _train(folder: str) -> None:
    crew.talk_to_terminal()
    backend.choose("tensorflow")
    from galcat_core.training import loop

    workers = distributed.join()
    disk.wait_until_alike(Path(folder), workers)
    run = runs.Run.open(folder)
    alone = workers.first and crew.LAUNCHER not in os.environ
    with runs.locked(run.folder) if alone else contextlib.nullcontext():
        loop.fit(run, workers)
    workers.leave()


if __name__ == "__main__":
    crew.leave(main(sys.argv[1]))  # Horovod's shutdown would wait for workers that are gone
