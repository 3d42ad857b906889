"""The process that does a job's work: `python -m galcat_core.jobs.command galcat VERB ...`.

It ends when its head is killed, and cleans up behind it when it is asked to end.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

from galcat_core.jobs.surroundings import HEAD


def main(command: list[str]) -> int:
    """Run `galcat VERB ...` or `python -m MODULE ...` in this process; return its exit code."""
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_head, daemon=True).start()
    if command[0] == "galcat":
        command = [sys.executable, "-m", "galcat_core.cli", *command[1:]]
    sys.argv = command[2:]
    runpy.run_module(command[2], run_name="__main__", alter_sys=True)
    return 0


def _leave(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _end_with_head() -> None:
    while os.getppid() == int(os.environ[HEAD]):
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
