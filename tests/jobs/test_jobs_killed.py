"""A training on two workers, each of its processes killed in turn, goes on by itself and ends as an unbroken one."""

import os
import signal

import psutil
import pytest

from galcat_core import jobs
from galcat_core.config import Config
from galcat_core.runs import Run
from galcat_core.stages.jobs import start_train
from galcat_core.training import checkpoint
from tests.jobs.conftest import EPOCHS

pytestmark = [pytest.mark.horovod, pytest.mark.slow, pytest.mark.timeout(1200)]
MORE = 60  # epochs, so that it is never at its end before it is killed


def processes(job):
    """Return {name: process} of a job: its head, the command, the two workers."""
    head = psutil.Process(job.attempts[-1].process.pid)
    (command,) = head.children()
    workers = sorted((p for p in command.children() if "worker" in " ".join(p.cmdline())), key=str)
    ranks = {f"rank {p.environ()['HOROVOD_RANK']}": p for p in workers}
    return {"head": head, "command": command, **ranks}


def done(run):
    """Return how far its checkpoint has come: finished epochs, steps of the one that runs."""
    if not (run / checkpoint.NAME).is_file():
        return 0, 0
    progress = checkpoint.progress_of(run)
    return progress.epoch, progress.step


def test_every_process_may_be_killed_in_turn(project, local_run, monkeypatch, until):
    monkeypatch.chdir(project)
    settings = {"epochs": MORE, "patience": MORE}
    config = Config.load("config.toml").replace(train=settings)
    job = start_train("store", "split.parquet", "runs/killed", config, "local", workers=2)
    run, before = project / "runs/killed", (0, 0)
    for attempt, (victim, reason) in enumerate(
        {
            "rank 1": "worker 1 of 2 was killed by SIGKILL",
            "command": "its process was killed by SIGKILL",
            "head": "its head was killed by SIGKILL",
            "rank 0": "worker 0 of 2 was killed by SIGKILL",
        }.items()
    ):
        until(lambda n=attempt: len(job.attempts) > n, "for the next attempt")
        until(lambda before=before: done(run) > before, f"for a step to kill {victim} behind")
        there = processes(job)
        assert len(there) == 4
        (run / ".partial-1-checkpoint.npz").write_text("half of one")
        os.kill(there[victim].pid, signal.SIGKILL)
        psutil.wait_procs([p for name, p in there.items() if name != "head"], timeout=60)
        ended = until(lambda n=attempt: job.attempts[n].end, "for the attempt's end")
        assert reason in ended.reason
        assert "\n" not in ended.reason
        assert done(run) > before
        before = done(run)
    # it went on three times by itself, which is all that its place allows
    found = jobs.wait(job)
    assert [a.end.name for a in job.attempts] == ["killed"] * 3 + ["failed"]
    assert (found.name, "3 times of 3" in found.reason) == ("failed", True)
    # the run says no more than what is there, and loses nothing that it had
    assert len(psutil.wait_procs(there.values(), timeout=60)[0]) == 4
    assert Run.open(run).status == "interrupted"
    assert not (run / "report.json").exists()
    assert len(Run.open(run).history) <= done(run)[0]
    jobs.resume(job)
    until(lambda: done(run) > (max(EPOCHS, before[0]), 0), "for as many epochs as the other has")
    assert not (run / ".partial-1-checkpoint.npz").exists()
    history = Run.open(run).history
    assert history["epoch"].tolist() == list(range(1, len(history) + 1))
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        assert history[name].head(EPOCHS).to_numpy() == pytest.approx(
            local_run.history[name].to_numpy(), rel=1e-4
        )
    assert jobs.cancel(job).name == "cancelled"
