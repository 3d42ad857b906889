"""What Slurm's own clocks bring about: jobs that were begun before the other tests, looked at after them."""

import pytest

from galcat_core import jobs
from tests.jobs.slurm_jobs import end_of

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.timeout(1200)]


@pytest.fixture
def job(request, waiting):
    return waiting[request.node.name][0]


def test_a_job_goes_on_by_itself_after_its_time_limit(slurm, job, until):
    """A limit of a minute, the shortest."""
    assert end_of(slurm, job, until).name == "finished"
    assert job.attempts[0].end == jobs.State("requeued", "its time was up")
    assert "back into the queue" in job.attempts[0].log.read_text()
    assert len(job.submissions) == 1


def test_kill_9_of_a_node_s_daemon(slurm, job, until):
    """Slurm finds the node down, ends the job there and starts it again."""
    until(lambda: jobs.state(job).name == "queued", "for the node to be found down")
    slurm.boot("n4")
    assert end_of(slurm, job, until).name == "finished"
    assert job.attempts[0].info["restarts"] == 0 < job.attempts[-1].info["restarts"]
    assert len(job.submissions) == 1
