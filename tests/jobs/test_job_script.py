"""Jobs of a batch system known by a script and commands alone; here the commands are small real programs."""

import os
import signal
import stat

import pytest

from galcat_core import jobs
from galcat_core.errors import GalcatError
from galcat_core.jobs import places, script, systems
from galcat_core.jobs.places import Place
from tests.jobs.test_jobs_local import PROGRAM, asleep, said

# what PBS and LSF print of a job that has not yet begun
WORDS = {
    "queued": ("pbs", "7.head  galcat-train-1  ann  0 Q gpu", "queued"),
    "running": ("pbs", "7.head  galcat-train-1  ann  00:10:11 R gpu   ", "queued"),
    "torque, ended": ("pbs", "7.head  galcat-train-1  ann  00:10:11 C gpu   ", "interrupted"),
    "torque, long ago": ("pbs", "qstat: Unknown Job Id Error 7.head", "interrupted"),
    "PBS Pro, ended": (
        "pbs",
        "qstat: 7.head Job has finished, use -x or -H to obtain",
        "interrupted",
    ),
    "heading alone": ("pbs", "Job id  Name  User  Time Use S Queue", "unknown"),
    "no server": ("pbs", "qstat: cannot connect to server head (errno=111)", "unknown"),
    "pending": ("lsf", "PEND", "queued"),
    "suspended": ("lsf", "SSUSP", "queued"),
    "done": ("lsf", "DONE", "interrupted"),
    "no such": ("lsf", "Job <7> is not found", "interrupted"),
    "lost": ("lsf", "UNKWN", "unknown"),
}


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A batch system of one job: qsub starts it, qstat reads a file or looks whether it lives, qdel ends it."""
    folder = tmp_path / "commands"
    folder.mkdir()
    for name, line in {
        "qsub": f'setsid bash "$1" > /dev/null 2>&1 & echo $! > {folder}/pid; echo "7.head"',
        "qstat": f"if test -f {folder}/says; then cat {folder}/says; exit 1; fi\n"
        f'test "$(cut -d " " -f 3 /proc/$(cat {folder}/pid)/stat)" != Z 2> /dev/null \\\n'
        '&& echo "7.head n u 0 R gpu" || echo "qstat: Unknown Job Id Error 7.head" >&2',
        "qdel": f"kill $(cat {folder}/pid)",
    }.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\n{line}\n")
        path.chmod(path.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def pbs(tmp_path):
    """The place that `galcat places --kind pbs` writes."""
    systems.write("pbs", tmp_path / "places.toml")
    made = places.named("pbs", tmp_path / "places.toml")
    return Place.from_dict("pbs", {**made.to_dict(), "template": str(tmp_path / "pbs.sh")})


def start(folder, on, *words):
    return jobs.start([*PROGRAM, *map(str, words)], on, folder=folder)


def test_the_shipped_template_runs_a_job(commands, pbs, folder, tmp_path, until):
    job = start(folder, pbs, "twice", tmp_path)
    assert job.submissions[-1].id == "7.head"
    assert f"#PBS -N {job.submissions[-1].name}" in job.submissions[-1].script.read_text()
    until(lambda: asleep(tmp_path))
    assert jobs.state(job).name == "running"
    assert jobs.cancel(job) == jobs.State("cancelled")
    assert jobs.wait(jobs.resume(job)) == jobs.State("finished")
    assert "awake" in said(job)


def test_a_killed_head_is_started_again_by_the_script_itself(
    commands, pbs, folder, tmp_path, until
):
    job = start(folder, pbs, "twice", tmp_path)
    until(lambda: asleep(tmp_path))
    os.kill(job.attempts[-1].process.pid, signal.SIGKILL)
    assert jobs.wait(job) == jobs.State("finished")
    assert [attempt.end.name for attempt in job.attempts] == ["killed", "finished"]


@pytest.mark.parametrize("case", WORDS)
def test_what_the_batch_system_says_is_understood_or_told(tmp_path, case):
    system, words, name = WORDS[case]
    (tmp_path / "job.sh").write_text("$command")
    (tmp_path / "says").write_text(f"{words}\n")
    told = {key: systems.SYSTEMS[system][key] for key in ("live", "gone")}
    told |= {"template": str(tmp_path / "job.sh"), "submit": "echo", "cancel": "true"}
    told |= {"kind": "script", "state": f"sh -c 'cat {tmp_path}/says >&2; exit 1'"}
    job = start(tmp_path / "jobs", Place.from_dict("mine", told), "sleep", tmp_path)
    assert jobs.state(job).name == name
    if name == "unknown":
        assert f"says '{' '.join(words.split())}'" in jobs.state(job).reason
        with pytest.raises(GalcatError, match="is unknown"):
            jobs.resume(job)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"submit": "sh -c 'echo no queue gpu >&2; exit 1'"},
            "not accepted: sh says 'no queue gpu'",
        ),
        ({"submit": "true"}, "told no number of a job, but: true says nothing"),
        ({"submit": "qsbu"}, "there is no qsbu on this machine"),
        ({"submit": ""}, "has no 'submit'"),
        ({"template": "none.sh"}, "template = 'none.sh': no such file"),
    ],
)
def test_what_is_not_taken_is_told_in_one_line(pbs, tmp_path, change, told):
    on = Place.from_dict("pbs", {**pbs.to_dict(), **change})
    with pytest.raises(GalcatError, match=told) as error:
        start(tmp_path / "jobs", on, "sleep", tmp_path)
    assert "\n" not in str(error.value)
    assert jobs.jobs_of(tmp_path / "jobs") == []


def test_the_number_is_found_in_what_lsf_prints(tmp_path):
    (tmp_path / "job.sh").write_text("$command")
    said = "sh -c 'echo \"Job <4711> is submitted to queue <gpu>.\"'"
    told = {"kind": "script", "template": str(tmp_path / "job.sh"), "submit": said}
    on = Place.from_dict("lsf", {**told, "number": systems.SYSTEMS["lsf"]["number"]})
    job = start(tmp_path / "jobs", on, "sleep", tmp_path)
    assert job.submissions[-1].id == "4711"


def test_the_doctor_tells_what_a_place_lacks(commands, pbs, tmp_path):
    assert script.lack(pbs.settings, tmp_path) == ""
    for change, told in {
        ("template", "none.sh"): "there is no template 'none.sh'",
        ("cancel", ""): "it has no 'cancel'",
        ("live", ""): "it has no 'live'",
        ("submit", "qsbu -q gpu"): "submit = 'qsbu -q gpu': there is no such command",
    }.items():
        on = Place.from_dict("pbs", {**pbs.to_dict(), change[0]: change[1]})
        assert told in script.lack(on.settings, tmp_path)
