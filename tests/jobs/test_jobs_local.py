"""Jobs on this machine: real detached processes, seen by others than those who started them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from galcat_core import jobs
from galcat_core.cli import main as galcat
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.jobs.control import pause_seconds, refuse_second
from galcat_core.jobs.logs import follow
from galcat_core.jobs.process import Process
from galcat_core.runs import Run
from galcat_core.stages.jobs import collect

PROGRAM = ["python", "-m", "tests.jobs.programs"]
LOCAL = jobs.named("local")


def start(folder, *words, **more):
    return jobs.start([*PROGRAM, *map(str, words)], LOCAL, folder=folder, **more)


def asleep(folder):
    """Return the process ids of programs that sleep."""
    return [int(p.name[4:]) for p in folder.glob("pid-*") if psutil.pid_exists(int(p.name[4:]))]


def said(job, rank=None):
    return b"".join(follow(job, rank)).decode()


def test_a_job_outlives_who_started_it_and_is_found_cancelled_resumed(
    folder, tmp_path, until, capsys
):
    code = (
        "import sys\nfrom galcat_core import jobs\n"
        f"jobs.start({PROGRAM!r} + ['twice', sys.argv[1]], jobs.named('local'), folder=sys.argv[2])\n"
        "print('started', flush=True)\nsys.stdin.read()\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout.readline() == "started\n"
    starter.kill()
    starter.communicate()
    (job,) = jobs.jobs_of(folder)
    (pid,) = until(lambda: asleep(tmp_path))
    assert jobs.state(job).name == "running"
    assert galcat(["jobs", "--jobs", str(folder)]) == 0
    assert "programs-1  running" in capsys.readouterr().out

    assert galcat(["jobs", "cancel", "1", "--jobs", str(folder)]) == 0
    assert jobs.state(job).name == "cancelled"
    assert not psutil.pid_exists(pid)
    assert galcat(["jobs", "resume", "programs-1", "--jobs", str(folder)]) == 0
    assert galcat(["jobs", "log", "1", "--follow", "--jobs", str(folder)]) == 0
    told = capsys.readouterr()
    assert "awake" in told.out and "Warning" not in told.out
    assert told.err.endswith("programs-1: finished\n")
    assert [a.end.name for a in job.attempts] == ["cancelled", "finished"]


def test_a_process_id_of_another_process_is_not_believed(folder, tmp_path, until):
    job = start(folder, "sleep", tmp_path)
    until(lambda: asleep(tmp_path))
    attempt = job.attempts[-1]
    for process in (attempt.keeper, attempt.process):
        os.kill(process.pid, signal.SIGKILL)
    jobs.wait(job)
    other = {**Process.of(os.getpid()).to_dict(), "started": "1"}
    mine = {**attempt.info, "process": other, "keeper": other}
    (attempt.folder / "attempt.json").write_text(json.dumps(mine))
    assert jobs.state(job).name == "interrupted"


def test_a_failure_is_told_in_one_line(folder):
    job = start(folder, "fail")
    told = "galcat train: the store is gone; make it again"
    assert jobs.wait(job) == jobs.State("failed", told)
    assert len(job.attempts) == 1


def test_what_cannot_be_done_is_told(folder, tmp_path, until):
    job = start(folder, "sleep", tmp_path, out="runs/a")
    with pytest.raises(GalcatError, match="programs-1 makes it and is running"):
        start(folder, "sleep", tmp_path, out="runs/a")
    with pytest.raises(GalcatError, match=r"is running.*cancel it first"):
        jobs.resume(job)
    with pytest.raises(
        GalcatError, match=r"no job 'program-1'; there are programs-1.*Did you mean"
    ):
        jobs.find("program-1", folder)
    with pytest.raises(GalcatError, match="has workers 0 to 0, none of number 1"):
        said(job, 1)
    jobs.cancel(job)
    with pytest.raises(GalcatError, match="is cancelled: there is nothing to cancel"):
        jobs.cancel(job)
    done = start(folder, "sleep", tmp_path, 0)
    assert done.id == "programs-2"
    assert jobs.wait(done).name == "finished"
    with pytest.raises(GalcatError, match=r"is finished: there is nothing to resume"):
        jobs.resume(done)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("job.json", '{"command": ["galcat", ', "not whole (Expecting value"),
        ("job.json", "{}", "not whole (nothing legal at command, project, place"),
        ("job.json", "[]", "not whole (no table of keys)"),
        ("job.json", {"place": {"name": "local", "kind": "lokal"}}, "Did you mean 'local'?"),
        ("job.json", {"shape": {"nodes": 1}}, "missing 1 required positional argument"),
        ("job.json", {"command": ["galcat"]}, "not whole (command = ['galcat'])"),
        ("job.json", {"created": "yesterday"}, "'yesterday' does not match format"),
        ("job.json", {"out": 7}, "delete the folder programs-1"),
        ("attempts/1/attempt.json", "{", "attempt.json: not whole (Expecting property name"),
        ("attempts/1/attempt.json", {"process": 7}, "delete this file; galcat jobs resume"),
        ("attempts/1/end.json", "", "end.json: not whole (Expecting value"),
        ("submission-1.json", "\0", "submission-1.json: not whole"),
    ],
)
def test_a_broken_file_is_told_in_one_line_and_hides_no_other_job(
    two_jobs, tmp_path, capsys, file, text, told
):
    folder = shutil.copytree(two_jobs, tmp_path / "jobs")
    path = folder / "programs-1" / file
    if isinstance(text, dict):
        text = json.dumps({**json.loads(path.read_text()), **text})
    if file.startswith("submission"):  # read of a job that was not seen to end
        shutil.rmtree(folder / "programs-1/attempts")
        (folder / "programs-1/attempts").mkdir()
        info = json.loads((folder / "programs-1/job.json").read_text())
        info["place"] = {"name": "slurm", "kind": "slurm"}
        (folder / "programs-1/job.json").write_text(json.dumps(info))
    path.write_text(text)
    assert galcat(["jobs", "list", "--jobs", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    (broken,) = [line for line in lines if line.startswith("programs-1")]
    assert broken.split()[1] == "unreadable"
    assert told in broken
    assert broken.count("delete") <= 1
    assert any(line.startswith("programs-2  finished") for line in lines)
    assert galcat(["jobs", "show", "programs-1", "--jobs", str(folder)]) == 2
    assert told in capsys.readouterr().err
    with pytest.raises(GalcatError):
        jobs.resume(jobs.Job.open(folder / "programs-1"))
    assert galcat(["jobs", "log", "2", "--jobs", str(folder)]) == 0
    refuse_second(tmp_path / "runs/a", folder)  # another one may be started


@pytest.fixture(scope="module")
def two_jobs(tmp_path_factory):
    """A folder of two jobs that are finished."""
    folder = tmp_path_factory.mktemp("two") / "jobs"
    for job in [start(folder, "sleep", folder.parent, 0) for _ in range(2)]:
        assert jobs.wait(job).name == "finished"
    return folder


def test_a_job_that_was_never_handed_in_says_so_and_can_be(folder, tmp_path):
    """As after a kill between the writing of the folder and the start."""
    job = start(folder, "sleep", tmp_path, 0)
    jobs.wait(job)
    for path in (job.folder / "attempts/1/attempt.json", job.folder / "attempts/1/end.json"):
        path.unlink()
    state = jobs.state(job)
    assert (state.name, state.reason[:24]) == ("interrupted", "it was never handed in; ")
    job.submissions[-1].file.unlink()
    assert jobs.state(job).name == "interrupted"
    assert jobs.wait(jobs.resume(job)).name == "finished"


def test_one_at_a_time_hands_a_job_in(folder, tmp_path):
    """Another session resumes it at this moment, or has only begun to start it."""
    job = start(folder, "sleep", tmp_path, 0)
    jobs.wait(job)
    for path in (job.folder / "attempts/1/attempt.json", job.folder / "attempts/1/end.json"):
        path.unlink()
    other = subprocess.Popen(
        [sys.executable, *PROGRAM[1:], "hold", str(job.folder / "attempts")], stdout=subprocess.PIPE
    )
    try:
        assert other.stdout.readline() == b"held\n"
        assert jobs.state(job) == jobs.State("queued", "is being handed in")
        with pytest.raises(GalcatError, match="programs-1 is being handed in by another process"):
            jobs.resume(job)
    finally:
        other.kill()
        other.communicate()
    assert jobs.state(job).name == "interrupted"
    assert jobs.wait(jobs.resume(job)).name == "finished"
    assert len(job.submissions) == 2


def test_mistakes_on_the_command_line(tmp_path, capsys):
    for words, told in [
        (["jobs", "show"], "which job?"),
        (["jobs", "show", "7"], "no job '7'; there is no job in"),
        (["jobs", "log", "a", "b"], "takes one job, not 2"),
        (["jobs", "lst"], "invalid choice: 'lst'"),
    ]:
        try:
            code = galcat([*words, "--jobs", str(tmp_path)])
        except SystemExit as ended:
            code = ended.code
        lines = capsys.readouterr().err.strip().splitlines()
        assert code == 2
        assert told in lines[-1]


@pytest.mark.horovod
def test_a_training_is_a_job_with_its_config_its_logs_and_its_run(local_job, project, capsys):
    given = Config.load(project / "config.toml")
    assert Config.load(local_job.config) == given == Run.open(local_job.out).config
    assert "here: epoch 2/2" in said(local_job)
    assert all(local_job.attempts[-1].rank_log(rank).is_file() for rank in (0, 1))
    told = ["--jobs", str(project / "jobs")]
    assert galcat(["jobs", "show", local_job.id, *told]) == 0
    assert re.search(
        r"^command +galcat train store --split split.parquet", capsys.readouterr().out, re.M
    )
    assert galcat(["jobs", "collect", local_job.id, *told]) == 0
    assert re.search(r"^runs/here: .*best epoch \d", capsys.readouterr().err, re.M)


@pytest.mark.horovod
def test_a_run_that_was_changed_is_not_collected(local_job, project, tmp_path):
    changed = tmp_path / "jobs/train-1"
    shutil.copytree(local_job.folder, changed)
    shutil.copytree(local_job.out, tmp_path / "runs/here")
    job = jobs.find("train-1", tmp_path / "jobs")
    assert job.project == tmp_path
    assert collect("1", tmp_path / "copy", tmp_path / "jobs") == tmp_path / "copy"
    with (tmp_path / "runs/here/weights.weights.h5").open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(GalcatError, match=r"is not what train-1 made.*its weights were changed"):
        collect("1", tmp_path / "other", tmp_path / "jobs")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--nodes", "2"], "--nodes is of a job: name its place too"),
        (["--on", "nowhere"], "there is no place 'nowhere'"),
        (["--on", "local", "--nodes", "2"], "2 nodes: 'local' is a place of one node"),
        (
            ["--on", "local", "--workers", "3", "--tasks-per-node", "2"],
            "--workers 3 is not 1 nodes",
        ),
    ],
)
def test_places_that_do_not_fit_a_training(project, monkeypatch, capsys, words, told):
    monkeypatch.chdir(project)
    assert galcat(["train", "store", "--split", "split.parquet", "-o", "runs/x", *words]) == 2
    assert told in capsys.readouterr().err
    assert not (project / "runs/x").exists()


def test_who_waits_for_long_asks_more_seldom():
    pauses = [pause_seconds(waited) for waited in (0.0, 2.0, 20.0, 200.0, 3600.0)]
    assert pauses == [0.05, pytest.approx(0.4), 1.0, 4.0, 10.0]
