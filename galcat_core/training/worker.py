"""One worker of a training: `python -m galcat_core.training.worker RUN_FOLDER`; all else is in the folder.

`distributed.launch` starts it; `horovodrun -np N --gloo python -m galcat_core.training.worker RUN_FOLDER`
does as well, for a run that was begun before.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import traceback
from pathlib import Path

from galcat_core import backend, runs
from galcat_core.errors import GalcatError
from galcat_core.training import disk, distributed


def main(folder: str) -> int:
    """Train the run in a folder together with the other workers; return the exit code.

    0 when all is well, 2 after a GalcatError (its line is the last one said), 1 after another error.
    """
    # without this a worker whose launcher was killed would train on for nobody
    end_with_launcher()
    try:
        talk_to_terminal()
        backend.choose("tensorflow")
        from galcat_core.training import loop

        workers = distributed.join()
        disk.wait_until_alike(Path(folder), workers)
        run = runs.Run.open(folder)
        alone = workers.first and distributed.LAUNCHER not in os.environ
        with runs.locked(run.folder) if alone else contextlib.nullcontext():
            loop.fit(run, workers)
        workers.leave()
    except GalcatError as error:
        _say(str(error))
        return 2
    except Exception as error:
        _say(traceback.format_exc())
        _say(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        return 1
    return 0


def _say(text: str) -> None:
    """Say it to the log, whatever `sys.stderr` is now."""
    with contextlib.suppress(OSError):
        os.write(2, f"{text.rstrip()}\n".encode())


def talk_to_terminal() -> None:
    """Let rank 0's progress reach the terminal; its log keeps what libraries say."""
    terminal = os.environ.get(distributed.TERMINAL)
    by_srun = os.environ.get(distributed.LAUNCHER) == distributed.SRUN
    if terminal is None or (by_srun and os.environ["SLURM_PROCID"] != "0"):  # srun tells it to all
        return
    if terminal.isdigit():
        sys.stderr = os.fdopen(int(terminal), "w", buffering=1)
    else:
        sys.stderr = Path(terminal).open("a", buffering=1)  # noqa: SIM115 (it is the process's own)


def end_with_launcher() -> None:
    launcher = os.environ.get(distributed.LAUNCHER)
    if launcher in (None, distributed.SRUN):  # Slurm ends its workers with the job
        return

    def watch() -> None:
        while os.getppid() == int(launcher):
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stderr.flush()
    os._exit(code)  # Horovod's shutdown would wait for workers that are gone
