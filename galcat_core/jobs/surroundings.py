"""What a job's processes find in their environment, and what of it a new job is not given."""

from __future__ import annotations

import os

HEAD = "GALCAT_HEAD"  # process id of the job's head
LOGS = "GALCAT_LOGS"  # the folder for the logs of the job's workers: whoever knows it is of the job


def of_another() -> dict[str, str]:
    """Return what a new job is given of this process's environment: nothing by which it were of this one."""
    return {key: value for key, value in os.environ.items() if key not in (HEAD, LOGS)}
