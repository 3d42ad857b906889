"""What the tests on a real Slurm start, and what they look at."""

from __future__ import annotations

from pathlib import Path

import psutil

from galcat_core import jobs
from galcat_core.jobs.places import Place
from galcat_core.training import checkpoint

PROGRAM = ["python", "-m", "tests.jobs.programs"]
ROOT = Path(__file__).resolve().parents[2]


def place(**settings):
    return Place.from_dict("slurm", {"partition": "short", "time": "30", **settings})


def start(folder, *words, on=None, **more):
    return jobs.start([*PROGRAM, *map(str, words)], on or place(), folder=folder, **more)


def asleep(folder):
    """Return the process ids of programs that sleep."""
    return [int(p.name[4:]) for p in folder.glob("pid-*") if psutil.pid_exists(int(p.name[4:]))]


def is_again_in_the_queue(job):
    state = jobs.state(job)
    return state.name == "queued" and "was requeued" in state.reason


def end_of(slurm, job, until):
    """Return how a job ends; it is spared the two minutes that Slurm lets a requeued one wait."""
    spared = set()  # on a slow machine it may be requeued again

    def ended():
        state = jobs.state(job)
        if is_again_in_the_queue(job) and state.reason not in spared:
            spared.add(state.reason)
            # at once would be too soon: a node refuses a job that it has ended this second
            when = f"JobId={job.submissions[-1].id}", "StartTime=now+3"
            slurm.ask("scontrol", "update", *when)
        return None if state.live else state

    return until(ended)


def steps_of(run):
    """Return how far a run's checkpoint has come: finished epochs, steps of the one that runs."""
    progress = checkpoint.progress_of(run)
    return progress.epoch, progress.step


def workers_of(run):
    """Return the processes that train a run, by their rank."""
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or [""]
        is_worker = "galcat_core.training.worker" in words and "srun" not in words
        if is_worker and words[-1].endswith(str(run)):
            found[process.environ()["SLURM_PROCID"]] = process
    return [found[rank] for rank in sorted(found)]


def outlast_a_minute(slurm, folder, until):
    """Start a job with Slurm's shortest time limit."""
    on = place(partition="aside", time="1", signal_seconds=10, sbatch=["--nodelist=n3"])
    return start(folder / "jobs", "twice", folder, on=on, project=ROOT)


def lose_a_node(slurm, folder, until):
    """Start a job on a node whose daemon is killed then."""
    on = place(partition="aside", sbatch=["--nodelist=n4"])
    job = start(folder / "jobs", "twice", folder, on=on, project=ROOT)
    until(lambda: asleep(folder))
    slurm.kill("n4")
    return job


WAITING = {  # by the test that looks at what became of it
    "test_a_job_goes_on_by_itself_after_its_time_limit": outlast_a_minute,
    "test_kill_9_of_a_node_s_daemon": lose_a_node,
}
