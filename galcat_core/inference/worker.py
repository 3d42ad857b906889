"""One worker of a prediction: `python -m galcat_core.inference.worker CLAIMS_FOLDER`; takes parts until all are there.

`inference.crew` starts it, on this machine or by srun on the nodes of a cluster.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from galcat_core import backend
from galcat_core.inference.crew import TASK
from galcat_core.inference.plan import Plan
from galcat_core.jobs import crew
from galcat_core.jobs.crew import RANK

WAIT_SECONDS = 0.3  # between two looks at what the others are about


def main(folder: str) -> None:
    """Make parts together with the other workers, whose claims are in a folder."""
    see_own_gpu(_number(RANK, "SLURM_LOCALID"))
    backend.choose()
    claims = Path(folder)
    plans = [Plan.from_json(line) for line in (claims / TASK).read_text().splitlines()]
    work(plans, claims, _number(RANK, "SLURM_PROCID"))


def _number(*names: str) -> int:
    return int(next(os.environ[name] for name in names if name in os.environ))


def work(plans: Sequence[Plan], claims: Path, rank: int) -> None:
    """Make parts that nobody has taken until all parts of all plans are there.

    One that another worker has taken may come free again, if that one dies.
    """
    while missing := [(place, n) for place, plan in enumerate(plans) for n in plan.missing()]:
        taken = set(claims.iterdir())
        files = {part: claims / f"{part[0]}-{part[1]:06d}" for part in missing}
        free = (part for part, file in files.items() if file not in taken)
        mine = next((part for part in free if _claim(files[part], rank)), None)
        if mine is None:
            time.sleep(WAIT_SECONDS)
        else:
            plans[mine[0]].make(mine[1])


def _claim(file: Path, rank: int) -> bool:
    """Take a part; only one worker of all machines can."""
    try:
        with file.open("x") as stream:
            stream.write(str(rank))
    except FileExistsError:
        return False
    return True


def see_own_gpu(place: int) -> None:
    """Let this process see one of the machine's GPUs; workers that share one share its memory too."""
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    here = [str(n) for n, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]
    cards = here if told is None else [card for card in told.split(",") if card]
    if cards:
        os.environ["CUDA_VISIBLE_DEVICES"] = cards[place % len(cards)]
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


if __name__ == "__main__":
    crew.end_with_launcher()
    crew.leave(crew.code_of(lambda: main(sys.argv[1])))
