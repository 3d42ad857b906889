"""Jobs: a command line, started here or on a cluster, watched, cancelled, resumed; knows no science.

Any process that sees a project's folder finds its jobs, whoever started them:

    from galcat_core import jobs

    place = jobs.named("slurm")
    job = jobs.start(["galcat", "train", ...], place, config=config, nodes=2)
    jobs.state(job), jobs.wait(job), jobs.cancel(job), jobs.resume(job)
    jobs.find("train-1"), jobs.jobs_of("jobs")
"""

from galcat_core.jobs.control import cancel, resume, start, state, states, wait
from galcat_core.jobs.folder import find, jobs_of, look
from galcat_core.jobs.job import Job, State
from galcat_core.jobs.places import Place, load, named

__all__ = [
    "Job",
    "Place",
    "State",
    "cancel",
    "find",
    "jobs_of",
    "load",
    "look",
    "named",
    "resume",
    "start",
    "state",
    "states",
    "wait",
]
