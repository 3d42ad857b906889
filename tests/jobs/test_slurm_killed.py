"""Kill -9 of each process of a job on a real Slurm, of a node's daemon too: told, and gone on from."""

import os
import signal

import psutil
import pytest

from galcat_core import jobs
from galcat_core.errors import GalcatError
from galcat_core.jobs import lease
from tests.jobs.slurm_jobs import asleep, place, start

pytestmark = [
    pytest.mark.slow,
    pytest.mark.slurm,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("idle_nodes"),
]


def test_kill_9_of_a_rank_is_told_in_one_line(slurm, folder, tmp_path):
    """It is killed each time: the job goes on by itself so often as its place allows."""
    job = start(folder, "workers", "die", tmp_path, on=place(nodes=2, restarts=1))
    state = jobs.wait(job)
    assert state.name == "failed"
    assert "worker 1 of 2 was killed by SIGKILL (is the memory full?)" in state.reason
    assert "1 times of 1" in state.reason
    assert "\n" not in state.reason
    assert [attempt.end.name for attempt in job.attempts] == ["killed", "failed"]
    assert not asleep(tmp_path)


def test_ranks_that_fail_say_which_began_it(slurm, folder, tmp_path):
    state = jobs.wait(start(folder, "workers", "fail", tmp_path, on=place(nodes=2)))
    assert "worker 1 of 2 failed (ZeroDivisionError: division by zero)" in state.reason
    state = jobs.wait(start(folder, "workers", "refuse", tmp_path, on=place(nodes=2)))
    assert state.reason == "the store is gone; make it again"
    state = jobs.wait(start(folder, "workers", "sleep", tmp_path, 3, on=place(nodes=2)))
    assert "3 workers in a job of 2 nodes with 1 tasks each" in state.reason


def test_kill_9_of_the_head_and_the_job_goes_on_by_itself(slurm, folder, tmp_path, until):
    job = start(folder, "twice", tmp_path)
    (pid,) = until(lambda: asleep(tmp_path))
    os.kill(job.attempts[-1].process.pid, signal.SIGKILL)
    assert jobs.wait(job) == jobs.State("finished")
    assert not psutil.pid_exists(pid)
    assert [attempt.end.name for attempt in job.attempts] == ["killed", "finished"]
    assert {attempt.info["slurm_job"] for attempt in job.attempts} == {job.submissions[0].id}


def test_kill_9_of_the_head_with_workers_on_two_nodes(slurm, folder, tmp_path, until):
    """What srun has started lives on without it: it is ended before others take its place."""
    job = start(folder, "workers", "sleep", tmp_path, on=place(nodes=2))
    first = until(lambda: ranks_in(tmp_path, 2))
    os.kill(job.attempts[-1].process.pid, signal.SIGKILL)
    second = until(lambda: ranks_in(tmp_path, 2, first))
    assert not any(psutil.pid_exists(pid) for pid in first)
    assert jobs.state(job).reason == "went on after: its head was killed by SIGKILL"
    assert jobs.cancel(job) == jobs.State("cancelled")
    until(lambda: not any(psutil.pid_exists(pid) for pid in second))


def ranks_in(folder, count, but=frozenset()):
    """Return the process ids of so many ranks that live, others than some; None before."""
    told = [int(text) for p in folder.glob("pid-[0-9]") if (text := p.read_text())]
    found = {pid for pid in told if psutil.pid_exists(pid)} - but
    return found if len(found) == count else None


def test_kill_9_of_the_batch_script_is_told_and_can_be_resumed(slurm, folder, tmp_path, until):
    job = start(folder, "twice", tmp_path)
    (pid,) = until(lambda: asleep(tmp_path))
    os.kill(job.attempts[-1].keeper.pid, signal.SIGKILL)
    state = jobs.wait(job)
    assert (state.name, "its batch script was killed" in state.reason) == ("interrupted", True)
    until(lambda: not psutil.pid_exists(pid))
    assert jobs.wait(jobs.resume(job)).name == "finished"


def test_a_dead_holder_of_a_folder_is_known_to_slurm(slurm, folder, tmp_path, until):
    """A run on a shared disk that a job of another node held."""
    (tmp_path / "run").mkdir()
    job = start(folder, "hold", tmp_path / "run")
    held = until(lambda: lease.holder(tmp_path / "run"))
    assert held.slurm_job == job.submissions[-1].id
    file = tmp_path / "run/.held-000001"
    file.write_text(file.read_text().replace(held.process.host, "elsewhere"))
    assert lease.holder(tmp_path / "run").alive() is True
    with (
        pytest.raises(GalcatError, match=f"elsewhere .Slurm job {held.slurm_job}."),
        lease.held(tmp_path / "run", "being trained"),
    ):
        pass
    os.kill(held.process.pid, signal.SIGKILL)
    until(lambda: lease.holder(tmp_path / "run").alive() is False)
