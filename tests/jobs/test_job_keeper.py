"""Jobs of which a process is killed, really, go on by themselves: so often and no more, and never against a cancel."""

import os
import signal

import psutil
import pytest

from galcat_core import jobs
from galcat_core.cli import main as galcat
from galcat_core.jobs.places import Place
from tests.jobs.test_jobs_local import PROGRAM, asleep, said, start

KILLED = "its head was killed by SIGKILL"


def kill(process) -> None:
    os.kill(process.pid, signal.SIGKILL)


def test_kill_9_of_the_head_and_the_job_goes_on_by_itself(folder, tmp_path, until):
    job = start(folder, "stray", tmp_path)
    (pid,) = until(lambda: asleep(tmp_path))
    kill(job.attempts[-1].process)
    assert jobs.wait(job) == jobs.State("finished")
    assert not psutil.pid_exists(pid)
    assert [attempt.end.name for attempt in job.attempts] == ["killed", "finished"]
    assert len(job.submissions) == 1
    told = said(job)
    assert f"killed: {KILLED}; the job goes on by itself" in told
    assert "\nalone\n" in told  # what the killed one had left running was ended before


def test_it_is_said_of_a_job_that_runs(folder, tmp_path, until, capsys):
    job = start(folder, "sleep", tmp_path)
    (first,) = until(lambda: asleep(tmp_path))
    assert jobs.state(job).reason == ""
    kill(job.attempts[-1].process)
    until(lambda: [pid for pid in asleep(tmp_path) if pid != first])
    assert jobs.state(job).reason == f"went on after: {KILLED}"
    assert galcat(["jobs", "--jobs", str(folder)]) == 0
    assert f"went on after: {KILLED}" in capsys.readouterr().out
    assert galcat(["jobs", "cancel", "1", "--jobs", str(folder)]) == 0
    assert [attempt.end.name for attempt in job.attempts] == ["killed", "cancelled"]


@pytest.mark.parametrize("restarts", [0, 2])
def test_a_job_whose_command_is_killed_each_time_fails_in_the_end(folder, restarts):
    on = Place.from_dict("here", {"kind": "local", "restarts": restarts})
    job = jobs.start([*PROGRAM, "die"], on, folder=folder)
    state = jobs.wait(job)
    told = "its process was killed by SIGKILL (is the memory full?); galcat jobs resume goes on"
    again = " (it went on by itself before, 2 times of 2)" if restarts else ""
    assert state == jobs.State("failed", told + again)
    assert [attempt.end.name for attempt in job.attempts] == ["killed"] * restarts + ["failed"]


def test_a_job_that_a_killed_one_has_started_is_no_left_over(folder, tmp_path, until):
    job = start(folder, "found", tmp_path)
    (pid,) = until(lambda: asleep(tmp_path))
    kill(job.attempts[-1].process)
    assert jobs.wait(job) == jobs.State("finished")
    (inner,) = jobs.jobs_of(tmp_path / "inner")
    assert psutil.pid_exists(pid)
    assert jobs.state(inner).name == "running"
    assert jobs.cancel(inner) == jobs.State("cancelled")


def test_a_command_that_lost_a_worker_goes_on(folder, tmp_path):
    job = start(folder, "lose", tmp_path)
    assert jobs.wait(job) == jobs.State("finished")
    told = "galcat train: worker 1 of 2 was killed by SIGKILL"
    assert job.attempts[0].end == jobs.State("killed", told)


def test_kill_9_of_the_keeper_and_then_of_the_head_is_an_interrupted_job(folder, tmp_path, until):
    job = start(folder, "twice", tmp_path)
    (pid,) = until(lambda: asleep(tmp_path))
    attempt = job.attempts[-1]
    kill(attempt.keeper)
    until(lambda: not attempt.keeper.alive())
    assert jobs.state(job).name == "running"  # nothing else is lost by it
    kill(attempt.process)
    state = jobs.wait(job)
    assert (state.name, "galcat jobs resume" in state.reason) == ("interrupted", True)
    until(lambda: not psutil.pid_exists(pid))
    assert jobs.wait(jobs.resume(job)).name == "finished"


def test_a_cancel_between_the_kill_and_the_next_start_is_a_cancel(folder, tmp_path, until):
    job = start(folder, "sleep", tmp_path)
    until(lambda: asleep(tmp_path))
    attempt = job.attempts[-1]
    os.kill(attempt.keeper.pid, signal.SIGSTOP)  # it comes to it later
    kill(attempt.process)
    assert jobs.state(job).name == "running"
    job.submissions[-1].cancelled.write_text("now")
    os.kill(attempt.keeper.pid, signal.SIGCONT)
    assert jobs.wait(job) == jobs.State("cancelled")
    assert len(job.attempts) == 1


def test_a_keeper_that_is_told_to_end_starts_nothing_again(folder, tmp_path, until):
    """As a batch system does, or a machine that is shut down."""
    job = start(folder, "sleep", tmp_path)
    until(lambda: asleep(tmp_path))
    os.kill(job.attempts[-1].keeper.pid, signal.SIGTERM)
    state = jobs.wait(job)
    assert (state.name, "told to end (SIGTERM)" in state.reason) == ("interrupted", True)
    assert len(job.attempts) == 1
