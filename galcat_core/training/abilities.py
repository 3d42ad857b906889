"""What TensorFlow and Horovod can do here: `python -m galcat_core.training.abilities` prints it as JSON.

In a process of its own, since importing TensorFlow takes seconds and may fail.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 300  # for TensorFlow to be imported
HOROVOD, SIZE = "--horovod", "--size"  # what else may be asked for
PARTS = ("gloo", "mpi", "nccl", "cuda")  # that Horovod may be built with


def found() -> dict[str, Any] | None:
    """Look, in a process of its own; None where TensorFlow cannot be imported.

    Returns
    -------
    dict or None
        "tensorflow" (version), "cuda" (whether it was built with it), "gpus" (names of those that it
        sees), "horovod" (see `horovod`).
    """
    return _ask()


def of_horovod() -> dict[str, str | bool] | None:
    """Return what `horovod` does, in a process of its own."""
    return _ask(HOROVOD)


def horovod() -> dict[str, str | bool] | None:
    """Return Horovod's version and which of `PARTS` it was built with; None where there is none.

    Its library is asked without TensorFlow's Python, which takes seconds longer.
    """
    basics = _basics()
    if basics is None:
        return None
    built = {name: bool(getattr(basics, f"{name}_built")()) for name in PARTS}
    return {"version": importlib.metadata.version("horovod"), **built}


def size() -> int:
    """Return how many workers this one, told by its environment how they talk, finds itself among."""
    basics = _basics()
    if basics is None:
        return 0
    from horovod.common import process_sets

    process_sets._setup(basics)  # as horovod.tensorflow does
    basics.init()
    found = basics.size()
    basics.shutdown()
    return found


def _basics() -> Any:
    """Load Horovod's library; None where there is none."""
    where = {name: importlib.util.find_spec(name) for name in ("horovod", "tensorflow")}
    if None in where.values():
        return None
    folders = {n: Path(spec.submodule_search_locations[0]) for n, spec in where.items()}
    for name in ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2"):
        if (folders["tensorflow"] / name).is_file():  # the library names them and looks elsewhere
            ctypes.CDLL(str(folders["tensorflow"] / name), mode=ctypes.RTLD_GLOBAL)
    from horovod.common.basics import HorovodBasics

    return HorovodBasics(str(folders["horovod"] / "tensorflow/__init__.py"), "mpi_lib")


def _ask(*words: str) -> Any:
    command = [sys.executable, "-m", "galcat_core.training.abilities", *words]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        return json.loads(ended.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError):
        return None


def main(words: list[str]) -> int:
    """Print versions, the devices that TensorFlow sees, and what Horovod was built with."""
    if words == [HOROVOD]:
        print(json.dumps(horovod()))
        return 0
    if words == [SIZE]:
        print(size())
        return 0
    from galcat_core import backend

    backend.choose("tensorflow")
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    ]
    told = {"tensorflow": tf.__version__, "gpus": gpus, "cuda": tf.test.is_built_with_cuda()}
    print(json.dumps({**told, "horovod": horovod()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
