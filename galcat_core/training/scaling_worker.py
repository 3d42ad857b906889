"""One worker of a measured training: `python -m galcat_core.training.scaling_worker RUN_FOLDER`.

It trains as `worker` does; then the workers add up tensors, and nothing else, against the clock.
Rank 0 writes what was found: `POINT`.
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path
from typing import Any

from galcat_core import backend, runs
from galcat_core.jobs import crew
from galcat_core.provenance import computed_on
from galcat_core.training import disk, distributed
from galcat_core.training.distributed import Workers

POINT = "point.json"  # in the run's folder, written last
SIZES = (1, 1 / 8, 1 / 64, 1 / 512)  # of the gradient: what is added up
TIMES, WARM = 12, 3


def main(folder: str) -> None:
    """Train the run in a folder together with the other workers, and write its `POINT`."""
    crew.talk_to_terminal()
    backend.choose("tensorflow")
    from galcat_core.training import loop

    alone = runs.Run.open(folder).info["workers"] == 1
    workers = Workers() if alone else distributed.join()
    disk.wait_until_alike(Path(folder), workers)
    run = runs.Run.open(folder)
    model, progress = loop.fit(run, workers)
    count = sum(4 * v.value.shape.num_elements() for v in model.trainable_variables)  # float32
    exchanges = _exchanges(workers, count) if workers.size > 1 else []
    if workers.first:
        runs.write_json(run.folder / POINT, _point(run, workers, progress, count, exchanges))
    workers.leave()


def _point(
    run: runs.Run, workers: Workers, progress: Any, count: int, exchanges: list[dict]
) -> dict[str, Any]:
    import tensorflow as tf

    samples = run.samples
    pictures = int((samples["set"] == "train").sum())
    settings = run.config.train
    steps = max(1, -(-pictures // (settings.batch_size * workers.size)))
    gpus = tf.config.list_physical_devices("GPU")
    device = tf.config.experimental.get_device_details(gpus[0]).get("device_name") if gpus else None
    return {
        "workers": workers.size,
        "pictures": pictures,
        "steps": steps,
        "batch": pictures / (steps * workers.size),
        "gradient_bytes": count,
        "epochs": progress.history,
        "exchanges": exchanges,
        "host": socket.gethostname(),
        "device": device or computed_on()["processor"],
        "cores": None if device else len(crew.cores()) or None,
    }


def _exchanges(workers: Workers, count: int) -> list[dict[str, Any]]:
    """Return how long the workers take to add up parts of the gradient: a row for each size."""
    import tensorflow as tf

    found = []
    for part in SIZES:
        tensor = tf.ones([max(1, round(count * part / 4))], tf.float32)
        seconds = []
        for number in range(TIMES + WARM):
            workers.same(0.0)  # all begin together
            began = time.perf_counter()
            workers.average([tensor])[0].numpy()
            if number >= WARM:
                seconds.append(time.perf_counter() - began)
        found.append({"bytes": 4 * int(tensor.shape[0]), "seconds": seconds})
    return found


if __name__ == "__main__":
    crew.end_with_launcher()
    crew.leave(crew.code_of(lambda: main(sys.argv[1])))
