"""`embed` again and again, the network in memory: `python -m galcat_core.stages.warm RUN FOLDER`, asked by lines.

Each line of its input is the number of a folder of pictures in FOLDER; each line of its output is JSON, how
far it is. It ends when nobody asks for a while, and with whoever started it, however that ends: its input
ends then, and it takes FOLDER with it.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

IDLE_SECONDS = 300.0


def main(run: str, folder: str) -> None:
    """Make features of what is asked for, until the input ends or nobody has asked for long."""
    orders: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(orders, folder), daemon=True).start()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer

    def tell(**what: Any) -> None:
        answers.write(json.dumps(what) + "\n")

    from galcat_core import stages
    from galcat_core.errors import GalcatError
    from galcat_core.inference.network import network_of
    from galcat_core.runs import Run

    try:
        found = Run.open(run)
        importlib.import_module("galcat_core.models")  # Keras and its backend: what takes longest
        tell(step=1)
        network_of(found.folder, found.digest, 1)
        tell(step=2)
    except GalcatError as error:
        sys.exit(str(error))
    while order := _next(orders):
        place = Path(folder) / order
        try:
            stages.embed(place, place / "features.parquet", run=run)
            tell(done=order)
        except GalcatError as error:
            tell(failed=order, told=str(error))
    _end(folder)


def _listen(orders: queue.Queue[str], folder: str) -> None:
    for line in sys.stdin:
        orders.put(line.strip())
    _end(folder)


def _next(orders: queue.Queue[str]) -> str:
    """Return what was asked for last; nothing once nobody has asked for long."""
    try:
        order = orders.get(timeout=IDLE_SECONDS)
    except queue.Empty:
        return ""
    while not orders.empty():  # who gives another picture no longer waits for the one before
        order = orders.get()
    return order


def _end(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # whatever is being computed


if __name__ == "__main__":
    main(*sys.argv[1:])
