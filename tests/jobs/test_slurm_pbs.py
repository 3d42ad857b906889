"""The shipped template for PBS, by the qsub, qstat and qdel that Slurm has for those who come from PBS."""

import os
import shutil
import signal

import psutil
import pytest

from galcat_core import jobs
from galcat_core.errors import GalcatError
from galcat_core.jobs import places, systems
from galcat_core.jobs.logs import follow
from galcat_core.jobs.places import Place
from tests.jobs.slurm_jobs import ROOT, asleep, start

pytestmark = [
    pytest.mark.slow,
    pytest.mark.slurm,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("idle_nodes"),
    pytest.mark.skipif(
        not shutil.which("qsub"), reason="no qsub (apt-get install slurm-wlm-torque)"
    ),
]
EDITED = {":ncpus=8:ngpus=$tasks_per_node": ":ncpus=1", "-q gpu": "-q short"}


@pytest.fixture
def pbs(tmp_path, monkeypatch):
    """The place that `galcat places --kind pbs` writes, its template edited as for a cluster like this."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{os.environ.get('PYTHONPATH', '')}")
    systems.write("pbs", tmp_path / "places.toml")
    template = tmp_path / "pbs.sh"
    for shipped, mine in EDITED.items():
        assert template.read_text().count(shipped) == 1
        template.write_text(template.read_text().replace(shipped, mine))
    return places.named("pbs", tmp_path / "places.toml")


def test_a_job_is_handed_in_watched_cancelled_resumed(slurm, pbs, folder, tmp_path, until):
    job = start(folder, "twice", tmp_path, on=pbs, project=tmp_path)
    assert job.submissions[-1].id.isdigit()
    (pid,) = until(lambda: asleep(tmp_path))
    assert jobs.state(job).name == "running"
    assert jobs.cancel(job) == jobs.State("cancelled")
    until(lambda: not psutil.pid_exists(pid))
    assert jobs.wait(jobs.resume(job)) == jobs.State("finished")
    assert len(job.submissions) == 2
    told = b"".join(follow(job)).decode()
    assert "asleep" in told
    assert "awake" in told


def test_what_is_killed_goes_on_or_can_be_resumed(slurm, pbs, folder, tmp_path, until):
    job = start(folder, "sleep", tmp_path, on=pbs, project=tmp_path)
    (first,) = until(lambda: asleep(tmp_path))
    os.kill(job.attempts[-1].process.pid, signal.SIGKILL)
    until(lambda: [pid for pid in asleep(tmp_path) if pid != first])
    assert jobs.state(job).reason == "went on after: its head was killed by SIGKILL"
    os.kill(job.attempts[-1].keeper.pid, signal.SIGKILL)
    # qstat shows a job that ended for minutes: that is not one that runs
    assert jobs.wait(job).name == "interrupted"
    assert slurm.ask("qstat", job.submissions[-1].id).split()[-2] == "C"
    jobs.resume(job)
    until(lambda: len(job.attempts) == 3)
    assert jobs.cancel(job) == jobs.State("cancelled")


def test_what_it_does_not_take_is_told_in_its_words(slurm, pbs, folder, tmp_path):
    (tmp_path / "pbs.sh").write_text(
        (tmp_path / "pbs.sh").read_text().replace("-q short", "-q shrot")
    )
    with pytest.raises(GalcatError, match=r"not accepted: qsub says .*invalid partition") as error:
        start(folder, "sleep", tmp_path, on=pbs, project=tmp_path)
    assert "\n" not in str(error.value)
    assert jobs.jobs_of(folder) == []


def test_another_batch_system_by_its_commands(slurm, folder, tmp_path, until):
    """Slurm's own commands, as those of a system that galcat does not know."""
    (tmp_path / "mine.sh").write_text(
        "#!/bin/bash\n#SBATCH -J $name\n#SBATCH -o $log\n#SBATCH -D $project\n$command\n"
    )
    on = Place.from_dict(
        "mine",
        {
            "kind": "script",
            "template": str(tmp_path / "mine.sh"),
            "submit": "sbatch --parsable",
            "state": "squeue --noheader --states=all -o %T -j",
            "live": "PENDING|RUNNING|CONFIGURING|COMPLETING",
            "gone": "CANCELLED|COMPLETED|FAILED|Invalid job id",
            "cancel": "scancel",
        },
    )
    job = start(folder, "twice", tmp_path, on=on)
    until(lambda: asleep(tmp_path))
    assert jobs.state(job).name == "running"
    assert jobs.cancel(job).name == "cancelled"
    assert jobs.wait(jobs.resume(job)).name == "finished"
    (tmp_path / "mine.sh").write_text("#!/bin/bash\n$comand\n")
    with pytest.raises(GalcatError, match=r"there is no \$comand.*Did you mean 'command'"):
        start(folder, "twice", tmp_path, on=on)
