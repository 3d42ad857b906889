"""Jobs on a real Slurm of two nodes: real daemons, real queueing, real trainings across the nodes."""

import getpass
import os
import re
import signal

import numpy as np
import psutil
import pytest

from galcat_core import jobs
from galcat_core.cli import main as galcat
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.jobs import slurm_commands
from galcat_core.jobs.places import Place
from galcat_core.runs import Run
from galcat_core.training import checkpoint

PROGRAM = ["python", "-m", "tests.jobs.programs"]
pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.timeout(1200)]


@pytest.fixture(autouse=True)
def running(slurm, until):
    """Every test begins with both nodes idle."""
    slurm.ask("scancel", "--user", getpass.getuser())
    until(slurm.ready, "for idle nodes")


def place(**settings):
    return Place.from_dict("slurm", {"partition": "short", "time": "30", **settings})


def start(folder, *words, on=None, **more):
    return jobs.start([*PROGRAM, *map(str, words)], on or place(), folder=folder, **more)


def asleep(folder):
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


@pytest.mark.horovod
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


@pytest.mark.horovod
def test_a_training_told_that_its_time_is_up_goes_on_by_itself(
    slurm, project, folder, until, monkeypatch, tmp_path, capsys
):
    """The signal that Slurm sends before the time limit, while the second epoch is under way."""
    (tmp_path / "places.toml").write_text('[slurm]\npartition = "short"\ntime = "30"\n')
    monkeypatch.chdir(project)
    words = ["train", "store", "--split", "split.parquet", "-o", "runs/again", "--epochs", "8"]
    words += ["--config", "config.toml", "--patience", "8", "--on", "slurm", "--nodes", "2"]
    assert galcat([*words, "--places", str(tmp_path / "places.toml")]) == 0
    name = re.match(r"train-\d+", capsys.readouterr().err)[0]
    job = jobs.find(name)
    run = project / "runs/again"
    until((run / "history.csv").is_file, "for the first epoch")
    history = Run.open(run).history
    slurm.ask("scancel", "--batch", "--signal=USR1", job.submissions[-1].id)
    until(lambda: is_again_in_the_queue(job), "for the queue")
    assert Run.open(run).status == "interrupted"
    assert end_of(slurm, job, until) == jobs.State("finished"), job.attempts[-1].log.read_text()
    assert [a.end.name for a in job.attempts] == ["requeued", "finished"]
    assert len(job.submissions) == 1
    # the progress of rank 0, which is on another node than the log for all that it knows
    assert "again: epoch 8/8" in job.attempts[-1].log.read_text()
    after = Run.open(run).history
    assert after["epoch"].tolist() == list(range(1, 9))
    assert after.head(len(history)).equals(history)  # not begun anew
    assert galcat(["jobs", "collect", name, "-o", str(tmp_path / "mine")]) == 0
    assert Run.open(tmp_path / "mine").digest == Run.open(run).digest


def test_a_job_goes_on_by_itself_after_its_time_limit(slurm, folder, tmp_path, until):
    """Slurm's own clock: a limit of a minute, the shortest."""
    job = start(folder, "twice", tmp_path, on=place(time="1", signal_seconds=10))
    until(lambda: is_again_in_the_queue(job), "for the time limit")
    assert job.attempts[-1].end == jobs.State("requeued", "its time was up")
    assert end_of(slurm, job, until).name == "finished"
    assert "back into the queue" in job.attempts[0].log.read_text()


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


def test_kill_9_of_a_rank_is_told_in_one_line(slurm, folder, tmp_path):
    job = start(folder, "workers", "die", tmp_path, on=place(nodes=2))
    state = jobs.wait(job)
    assert state.name == "failed"
    assert "worker 1 of 2 was killed by SIGKILL (is the memory full?)" in state.reason
    assert "\n" not in state.reason
    assert not asleep(tmp_path)


def test_ranks_that_fail_say_which_began_it(slurm, folder, tmp_path):
    state = jobs.wait(start(folder, "workers", "fail", tmp_path, on=place(nodes=2)))
    assert "worker 1 of 2 failed (ZeroDivisionError: division by zero)" in state.reason
    state = jobs.wait(start(folder, "workers", "refuse", tmp_path, on=place(nodes=2)))
    assert state.reason == "the store is gone; make it again"
    state = jobs.wait(start(folder, "workers", "sleep", tmp_path, 3, on=place(nodes=2)))
    assert "3 workers in a job of 2 nodes with 1 tasks each" in state.reason


def test_kill_9_of_the_head_ends_all_and_can_be_resumed(slurm, folder, tmp_path, until):
    job = start(folder, "twice", tmp_path)
    (pid,) = until(lambda: asleep(tmp_path))
    os.kill(job.attempts[-1].process.pid, signal.SIGKILL)
    state = jobs.wait(job)
    assert (state.name, "its head was killed by SIGKILL" in state.reason) == ("interrupted", True)
    until(lambda: not psutil.pid_exists(pid))
    assert jobs.wait(jobs.resume(job)).name == "finished"


@pytest.mark.horovod
def test_a_training_on_two_nodes_goes_on_after_kills_from_its_checkpoint(
    slurm, project, folder, until
):
    """Kill -9 of a rank, then of the head; begun again it has all that it had."""
    settings = {"epochs": 60, "patience": 60}
    config = Config.load(project / "config.toml").replace(train=settings)
    out = project / "runs/killed_on_nodes"
    words = ["galcat", "train", "store", "--split", "split.parquet", "-o", str(out)]
    made = {"project": project, "folder": folder, "out": out, "config": config}
    job = jobs.start([*words, "--workers", "2"], place(nodes=2), **made)
    before = (0, 0)
    for victim, told in {
        "rank": ("failed", "worker 1 of 2 was killed by SIGKILL"),
        "head": ("interrupted", "its head was killed by SIGKILL"),
    }.items():
        until(
            lambda before=before: steps_of(out) > before, f"for a step to kill the {victim} behind"
        )
        ranks = workers_of(out)
        os.kill(ranks[1].pid if victim == "rank" else job.attempts[-1].process.pid, signal.SIGKILL)
        state = jobs.wait(job)
        assert (state.name, told[1] in state.reason) == (told[0], True), state
        psutil.wait_procs(ranks, timeout=60)
        assert not any(process.is_running() for process in ranks)
        # Slurm's word on the dead holder comes a moment after the job's own
        until(lambda: Run.open(out).status == "interrupted", "for the run to be interrupted")
        assert steps_of(out) > before
        before = steps_of(out)
        jobs.resume(job)
    until(lambda: steps_of(out) > before, "for it to go on")
    history = Run.open(out).history["epoch"].tolist()
    assert history == list(range(1, len(history) + 1))
    assert jobs.cancel(job).name == "cancelled"


def steps_of(run):
    """Return how far a run's checkpoint has come."""
    progress = checkpoint.progress_of(run)
    return progress.epoch, progress.step


def workers_of(run):
    """Return the processes that train a run, by their rank."""
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "galcat_core.training.worker" in words and str(run) in words and "srun" not in words:
            found[process.environ()["SLURM_PROCID"]] = process
    return [found[rank] for rank in sorted(found)]


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
    assert [s.name for _, s in jobs.states(jobs.jobs_of(folder))] == ["running", "queued"]
    jobs.cancel(full)
    assert jobs.wait(job).name == "finished"


def test_what_slurm_does_not_take(slurm, folder, tmp_path):
    with pytest.raises(GalcatError, match=r"no partition 'shrot'.*there are short.*mean 'short'"):
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
        patch.setattr("galcat_core.jobs.slurm_commands.PATIENCE_SECONDS", 1)
        state = jobs.state(job)
        assert (state.name, "Slurm" in state.reason) == ("unknown", True)
        with pytest.raises(GalcatError, match="is unknown"):
            jobs.resume(job)
    jobs.cancel(job)


def test_a_dead_holder_of_a_folder_is_known_to_slurm(slurm, folder, tmp_path, until, monkeypatch):
    """A run on a shared disk that a job of another node held."""
    from galcat_core.jobs import lease

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
            "alive": "sh -c 'squeue -h -t PD,R,CG -j \"$0\" | grep -q .'",
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


def test_kill_9_of_a_node_s_daemon(slurm, folder, tmp_path, until):
    """Slurm finds the node down, ends the job there and starts it again."""
    job = start(folder, "twice", tmp_path, on=place(sbatch=["--nodelist=n2"]))
    until(lambda: asleep(tmp_path))
    slurm.kill("n2")
    try:
        until(lambda: jobs.state(job).name == "queued", "for the node to be found down")
    finally:
        slurm.start_node("n2")
    assert end_of(slurm, job, until).name == "finished"
