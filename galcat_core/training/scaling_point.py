"""One point of a scaling, as a job: `python -m galcat_core.training.scaling_point RUN_FOLDER SHARES`."""

from __future__ import annotations

import sys

from galcat_core.errors import GalcatError
from galcat_core.runs import Run
from galcat_core.training.scaling import measure

if __name__ == "__main__":
    try:
        measure(Run.open(sys.argv[1]), int(sys.argv[2]))
    except GalcatError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(2)
