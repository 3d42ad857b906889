"""Trainings across the two nodes of a real Slurm: as on one machine, and after whatever stops them."""

import os
import re
import signal
import time

import numpy as np
import psutil
import pytest

from galcat_core import jobs
from galcat_core.cli import main as galcat
from galcat_core.runs import Run
from tests.jobs.slurm_jobs import end_of, is_again_in_the_queue, place, start, steps_of, workers_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.slurm,
    pytest.mark.horovod,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("idle_nodes"),
]
EPOCHS = 12  # so many that it is never at its end before it is stopped


def test_two_nodes_learn_as_two_processes_of_one_machine(project, local_run, folder):
    out = project / "runs/nodes"
    words = ["train", out, project / "store", project / "split.parquet", project / "config.toml"]
    job = start(folder, *words, on=place(nodes=2))
    state = jobs.wait(job)
    log = job.attempts[-1].log.read_text()
    assert state.name == "finished", log
    run = Run.open(out)
    # each rank began with weights of its own and kept those that it ended with
    with np.load(out / "rank-0.npz") as one, np.load(out / "rank-1.npz") as two:
        shared = [name for name in one.files if name != "dropout"]
        assert len(shared) == 14  # 12 weights, history, best epoch
        assert all(np.array_equal(one[name], two[name]) for name in shared)
    # the nodes may add their gradients in another order: alike to 1e-4
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        assert run.history[name].to_numpy() == pytest.approx(
            local_run.history[name].to_numpy(), rel=1e-4
        )
    logs = [job.attempts[-1].rank_log(rank) for rank in (0, 1)]
    assert all(path.is_file() for path in logs)


def test_a_training_goes_on_by_itself_after_kills_and_its_time_limit(
    slurm, project, folder, until, monkeypatch, tmp_path, capsys
):
    """Kill -9 of a rank, the signal that Slurm sends before the time limit, kill -9 of the head."""
    (tmp_path / "places.toml").write_text('[slurm]\npartition = "short"\ntime = "30"\n')
    monkeypatch.chdir(project)
    epochs = ["--epochs", str(EPOCHS), "--patience", str(EPOCHS)]
    words = ["train", "store", "--split", "split.parquet", "-o", "runs/again", *epochs]
    words += ["--config", "config.toml", "--on", "slurm", "--nodes", "2"]
    assert galcat([*words, "--places", str(tmp_path / "places.toml")]) == 0
    name = re.match(r"train-\d+", capsys.readouterr().err)[0]
    job, run = jobs.find(name), project / "runs/again"
    number = job.submissions[-1].id
    until((run / "history.csv").is_file, "for the first epoch")
    history, before = Run.open(run).history, (0, 0)
    for attempt, (stop, told) in enumerate(
        {
            "rank": "worker 1 of 2 was killed by SIGKILL",
            "time": "its time was up",
            "head": "its head was killed by SIGKILL",
        }.items()
    ):
        until(lambda n=attempt: goes_on(slurm, job, n), "for the next attempt")
        until(lambda before=before: steps_of(run) > before, f"for a step to stop the {stop} behind")
        ranks = workers_of("runs/again")
        assert len(ranks) == 2
        if stop == "time":
            slurm.ask("scancel", "--batch", "--signal=USR1", number)
        else:
            victim = ranks[1] if stop == "rank" else job.attempts[-1].process
            os.kill(victim.pid, signal.SIGKILL)
        assert told in until(lambda n=attempt: job.attempts[n].end, "for the attempt's end").reason
        gone = psutil.wait_procs(ranks, timeout=60)[0]
        assert len(gone) == 2
        assert steps_of(run) > before
        before = steps_of(run)
    assert end_of(slurm, job, until) == jobs.State("finished"), job.attempts[-1].log.read_text()
    ends = [attempt.end.name for attempt in job.attempts]
    assert ends == ["killed", "requeued", "killed", "finished"]
    assert len(job.submissions) == 1
    # the progress of rank 0, which is on another node than the log for all that it knows
    assert f"again: epoch {EPOCHS}/{EPOCHS}" in job.attempts[-1].log.read_text()
    after = Run.open(run).history
    assert after["epoch"].tolist() == list(range(1, EPOCHS + 1))
    assert after.head(len(history)).equals(history)  # not begun anew
    assert galcat(["jobs", "collect", name, "-o", str(tmp_path / "mine")]) == 0
    assert Run.open(tmp_path / "mine").digest == Run.open(run).digest


def goes_on(slurm, job, number):
    """Tell whether a job has begun so many attempts before the one that runs."""
    if is_again_in_the_queue(job):  # for two minutes; at once would be too soon for its node
        slurm.ask("scontrol", "update", f"JobId={job.submissions[-1].id}", "StartTime=now+3")
        time.sleep(5.0)
    return len(job.attempts) > number
