"""Jobs on a real Slurm of two nodes: real daemons, real queueing."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from galcat_core import jobs
from galcat_core.errors import GalcatError
from galcat_core.jobs import slurm_commands
from tests.jobs.slurm_jobs import asleep, end_of, is_again_in_the_queue, place, start

pytestmark = [
    pytest.mark.slow,
    pytest.mark.slurm,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("idle_nodes"),
]


def test_a_requeueing_that_ends_its_own_command_has_worked(tmp_path, monkeypatch):
    """Slurm may end the job, scontrol included, before scontrol has said that all is well."""
    (tmp_path / "scontrol").write_text("#!/bin/sh\nkill -TERM $$\n")
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    slurm_commands.requeue("1")
    with pytest.raises(slurm_commands.Killed, match="scontrol was killed by signal 15"):
        slurm_commands.expand("n[1-2]")


def test_cancel_and_resume(slurm, folder, tmp_path, until):
    job = start(folder, "twice", tmp_path)
    (pid,) = until(lambda: asleep(tmp_path))
    assert jobs.state(job).nodes == "n1"
    assert jobs.cancel(job).name == "cancelled"
    until(lambda: not psutil.pid_exists(pid))
    assert jobs.state(job).name == "cancelled"
    assert jobs.wait(jobs.resume(job)).name == "finished"
    assert len(job.submissions) == 2


def test_cancelled_behind_our_back(slurm, folder, tmp_path, until):
    job = start(folder, "sleep", tmp_path)
    until(lambda: asleep(tmp_path))
    slurm.ask("scancel", job.submissions[-1].id)
    assert jobs.wait(job).name in ("cancelled", "interrupted")


def test_a_job_that_has_to_make_room_goes_on_by_itself(slurm, folder, tmp_path, until):
    job = start(folder, "twice", tmp_path, on=place(nodes=2))
    until(lambda: asleep(tmp_path))
    words = ["sbatch", "--parsable", "-p", "urgent", "-N", "2", "--wrap", "sleep 2"]
    urgent = slurm.ask(*words, f"--output={tmp_path / 'urgent.txt'}")
    until(lambda: is_again_in_the_queue(job), "for the job to make room")
    until(lambda: not slurm.ask("squeue", "-h", "-j", urgent, "-t", "PD,R,CG"), "for the other")
    assert end_of(slurm, job, until) == jobs.State("finished")
    assert len(job.attempts) == 2
    assert len(job.submissions) == 1


def test_a_full_queue(slurm, folder, tmp_path, until):
    full = start(folder, "sleep", tmp_path, on=place(nodes=2, sbatch=["--exclusive"]))
    until(lambda: asleep(tmp_path))
    job = start(folder, "sleep", tmp_path, 0)
    until(lambda: "waits for free nodes" in jobs.state(job).reason)
    number = job.submissions[-1].id
    slurm.ask("scontrol", "hold", number)
    until(lambda: f"scontrol release {number} lets it start" in jobs.state(job).reason)
    slurm.ask("scontrol", "release", number)
    until(lambda: "waits for free nodes" in jobs.state(job).reason)
    assert [s.name for _, s in jobs.states(jobs.jobs_of(folder))] == ["running", "queued"]
    jobs.cancel(full)
    assert jobs.wait(job).name == "finished"


def test_what_slurm_does_not_take(slurm, folder, tmp_path):
    with pytest.raises(GalcatError, match=r"no partition 'shrot'.*there are .*short.*mean 'short'"):
        start(folder, "sleep", tmp_path, on=place(partition="shrot"))
    with pytest.raises(GalcatError, match=r"the job was not accepted: .*gres"):
        start(folder, "sleep", tmp_path, on=place(gpus_per_node=4))
    with pytest.raises(GalcatError, match="time = '1' is not more than signal_seconds = 120"):
        start(folder, "sleep", tmp_path, on=place(time="1"))
    with pytest.raises(GalcatError, match=r"is not in /nowhere, the folder that the nodes"):
        start(folder, "sleep", tmp_path, on=place(folder="/nowhere"))
    assert jobs.jobs_of(folder) == []
    job = start(folder, "sleep", tmp_path, on=place(nodes=5))
    assert jobs.state(job).name == "queued"
    assert "it will never start as it is" in jobs.state(job).reason


def test_who_handed_it_in_may_be_killed_before_it_knows_the_number(slurm, folder, tmp_path):
    job = start(folder, "sleep", tmp_path)
    submission = job.submissions[-1]
    number, name = submission.id, submission.name
    submission.file.write_text(f'{{"name": "{name}"}}')
    assert jobs.state(job).live
    assert submission.id == number
    jobs.cancel(job)


def test_a_slurm_that_does_not_answer_is_not_guessed_at(slurm, folder, tmp_path, monkeypatch):
    job = start(folder, "sleep", tmp_path)
    with monkeypatch.context() as patch:
        patch.setenv("SLURM_CONF", str(tmp_path / "none.conf"))
        patch.setattr("galcat_core.jobs.asking.PATIENCE_SECONDS", 1)
        state = jobs.state(job)
        assert (state.name, "squeue" in state.reason) == ("unknown", True)
        with pytest.raises(GalcatError, match="is unknown"):
            jobs.resume(job)
    jobs.cancel(job)


def test_no_daemon_outlives_tests_that_are_killed(tmp_path, until):
    """A second Slurm beside the one of these tests, and a job of it, gone with who started it."""
    code = "from tests.jobs.cluster import cluster\nwith cluster() as made:\n    print(made.folder)\n    input()"
    words = [sys.executable, "-uc", code]
    tests = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    conf = Path(tests.stdout.readline().strip()) / "slurm.conf"
    told = {**os.environ, "SLURM_CONF": str(conf)}
    job = ["sbatch", f"--output={tmp_path}/job.txt", "--wrap", "echo asleep; sleep 600"]
    subprocess.run(job, env=told, check=True, capture_output=True)
    until(lambda: (tmp_path / "job.txt").is_file() and (tmp_path / "job.txt").read_text())
    assert len(of(conf)) > 6  # four nodes, the controller, munge
    tests.kill()
    tests.communicate()
    until(lambda: not of(conf), "for the end of all that it started")
    until(lambda: not conf.exists())


def of(conf):
    """Return the processes that belong to a Slurm."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.environ().get("SLURM_CONF") == str(conf)
            if process.name() == "slurmstepd":  # forgets its environment
                sockets = process.net_connections("unix")
                ours = any(s.laddr.startswith(str(conf.parent)) for s in sockets)
            if ours:
                found.append(process)
    return found
