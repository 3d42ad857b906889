"""The state of the Training page without a browser: real jobs, runs, logs; broken things are told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from galcat_app.state.training.log import plain, sources, tail
from galcat_app.state.training.page import TrainingState
from galcat_app.view import training_contents as contents
from galcat_app.view.training import Training
from trainable import FINISHED, ROOT, apart, start_program, write_run

from galcat_core import cli, jobs, runs
from galcat_core.errors import GalcatError

# ---- projects in every state ----------------------------------------------------------------


def test_a_missing_folder_is_a_notice_and_an_empty_one_tells_what_is_first(tmp_path: Path) -> None:
    state = TrainingState(tmp_path / "none")
    assert "does not exist" in state.notice.text
    page = Training(tmp_path / "none")
    assert page.children[1] is page.notice
    (tmp_path / "none").mkdir()
    assert state.refresh()
    assert not state.refresh()
    assert state.notice is None
    page.refresh()
    assert page.children[1] is page.body
    steps = [line for line, _ in page.form.content["empty"]["steps"]]
    assert [line.split()[1] for line in steps] == ["cutouts", "split"]
    assert set(state.errors) == {"store", "split"}
    assert contents.draft_content(state)["missing"] == ["store", "split"]
    with pytest.raises(GalcatError, match="no cutout store yet"):
        state.start()


def test_broken_things_are_lines_not_errors(own: Path) -> None:
    (own / "jobs/train-1").mkdir(parents=True)  # a start that was killed
    for name, file, text in (
        ("bad-info", "run.json", '{"work'),
        ("bad-history", "history.csv", "epoch,loss\n1,x\n\x00"),
        ("bad-config", "config.toml", "[train]\nepochs = -3\n"),
        ("bad-report", "report.json", "{"),
        ("bad-checkpoint", "checkpoint.npz", "no zip"),
    ):
        write_run(own / "runs" / name)
        (own / "runs" / name / file).write_text(text)
    (own / "runs/lonely").mkdir()
    (own / "runs/lonely/run.json").write_text("{}")
    (own / "cutouts/half").mkdir()
    (own / "cutouts/half/store.json").write_text("{")
    state = TrainingState(own)
    assert {t.title for t in state.trainings} >= {"bad-info", "bad-history", "lonely"}
    for training in state.trainings:
        state.select(training.key)
        state.show(state.look())
        assert state.detail.course.problem or training.title == "bad-history"
        assert json.dumps(contents.detail_content(state))
        assert json.dumps(contents.curves_content(state))
        assert json.dumps(contents.log_content(state))
    assert state.inputs.stores["cutouts/half"].problem
    shutil.rmtree(own / "jobs")


def test_a_job_that_cannot_be_read_is_told_and_hinders_no_other(own: Path) -> None:
    (own / "marks").mkdir()
    broken = start_program(own, "fail", out="runs/sdss-ds18")
    jobs.wait(broken, 60)
    page = Training(own)
    assert page.state.training("job:programs-1").state.name == "failed"
    whole = (broken.folder / "job.json").read_text()
    (broken.folder / "job.json").write_text(whole[: len(whole) // 2])  # while the page is open
    other = start_program(own, "sleep", str(own / "marks"), out="runs/sdss-ds18")
    page.state.show(page.state.look())
    names = {t.key: t.state.name for t in page.state.trainings}
    assert names == {"job:programs-1": "unreadable", "job:programs-2": "running"}
    page.state.select("job:programs-1")
    page.state.show(page.state.look())
    told = contents.detail_content(page.state)
    assert "programs-1/job.json: not whole" in told["reason"]
    assert told["reason"].endswith("; delete the folder programs-1")
    assert not (told["resumable"] or told["cancellable"] or told["settings"])
    assert "the store is gone" in contents.log_content(page.state)["text"]
    with pytest.raises(GalcatError, match="not whole"):
        page.state.resume("job:programs-1")
    with pytest.raises(GalcatError, match="programs-2 makes it and is running"):
        start_program(own, "fail", out="runs/sdss-ds18")
    page.state.cancel(f"job:{other.id}")
    shutil.rmtree(broken.folder)
    page.state.show(page.state.look())
    assert [t.key for t in page.state.trainings] == ["job:programs-2"]


def test_three_hundred_jobs_are_listed_the_newest_first(own: Path) -> None:
    job = start_program(own, "fail")
    jobs.wait(job, 60)
    for number in range(2, 301):
        copy = Path(shutil.copytree(job.folder, own / f"jobs/programs-{number}"))
        told = json.loads((copy / "job.json").read_text())
        told["created"] = f"2026-01-01 {number // 60:02d}:{number % 60:02d}:00"
        (copy / "job.json").write_text(json.dumps(told))
    state = TrainingState(own)
    assert len(state.trainings) == 300
    assert [t.key for t in state.trainings[:2]] == ["job:programs-1", "job:programs-300"]
    assert {t.state.name for t in state.trainings} == {"failed"}
    assert state.counts == [("300", "trainings")]
    again = state.look()
    assert all(a is b for a, b in zip(
        [t.state for t in again.trainings], [t.state for t in state.trainings], strict=True))  # fmt: skip


# ---- jobs -----------------------------------------------------------------------------------


def test_a_job_of_the_command_line_is_seen_and_cancelled(own: Path) -> None:
    (own / "marks").mkdir()
    job = start_program(own, "sleep", str(own / "marks"))
    state = TrainingState(own)
    assert state.selected == f"job:{job.id}"  # what runs is looked at first
    assert state.detail.training.state.name == "running"
    assert state.live
    assert state.counts[0] == ("1", "running")
    assert contents.detail_content(state)["cancellable"]
    with pytest.raises(GalcatError, match="cancel it first"):
        state.resume(f"job:{job.id}")
    state.cancel(f"job:{job.id}")
    state.show(state.look())
    assert state.detail.training.state.name == "cancelled"
    assert contents.detail_content(state)["resumable"]
    with pytest.raises(GalcatError, match="nothing to cancel"):
        state.cancel(f"job:{job.id}")


def test_a_failure_is_one_line_and_its_log_is_text(own: Path) -> None:
    job = start_program(own, "fail")
    jobs.wait(job, 60)
    log = job.attempts[-1].log
    log.write_bytes(log.read_bytes() + b"<script>alert(1)</script>\x1b[31mred\x1b[0m\n")
    state = TrainingState(own)
    state.select(f"job:{job.id}")
    state.show(state.look())
    told = contents.detail_content(state)
    assert told["state"] == "failed"
    assert "the store is gone; make it again" in told["reason"]
    assert contents.log_content(state)["text"].splitlines()[-1] == "<script>alert(1)</script>red"
    assert contents.log_content(state)["file"] == f"jobs/{job.id}/attempts/1/log.txt"


def test_a_cancelled_job_is_resumed(own: Path) -> None:
    (own / "marks").mkdir()
    job = start_program(own, "twice", str(own / "marks"))
    state = TrainingState(own)
    while not (own / "marks/mark").exists():
        time.sleep(0.05)
    state.cancel(f"job:{job.id}")
    state.show(state.look())
    assert state.resume(f"job:{job.id}") == f"job:{job.id}"
    jobs.wait(job, 60)
    state.show(state.look())
    assert state.training(f"job:{job.id}").state.name == "finished"
    assert len(job.attempts) == 2


@pytest.mark.parametrize("key", ["job:../../x", "run:../..", "job:none", None, 3, {"a": 1}])
def test_no_message_reaches_what_is_not_in_the_list(own: Path, key: object) -> None:
    state = TrainingState(own)
    for act in (state.select, state.cancel, state.resume, state.take_settings_of):
        with pytest.raises(GalcatError, match="no such training"):
            act(key)
    with pytest.raises(GalcatError):
        state.go_on(key, "report")
    with pytest.raises(GalcatError, match="no such log"):
        state.choose_log("../../../etc/passwd")
    assert not (own / "jobs").exists()


# ---- runs -----------------------------------------------------------------------------------


def test_a_page_that_was_made_before_it_is_seen_looks_at_what_runs_now(own: Path) -> None:
    page = Training(own)
    assert page.form.shown
    folder = write_run(own / "runs/mine", epochs=2)
    with runs.locked(folder):
        apart(lambda: page.list.receive({"kind": "here"}))
        assert page.state.selected == "run:runs/mine"
        assert page.detail.shown
        assert not page.form.shown
    apart(lambda: page.list.receive({"kind": "select", "key": ""}))
    apart(lambda: page.list.receive({"kind": "here"}))
    assert page.form.shown


def test_a_run_of_a_terminal_is_in_the_list_with_its_course(own: Path) -> None:
    folder = write_run(own / "runs/mine", epochs=4, stages=2)
    with runs.locked(folder):
        state = TrainingState(own)
        assert state.selected == "run:runs/mine"
        told = contents.detail_content(state)
        assert told["state"] == "running"
        assert told["terminal"]
        assert not told["cancellable"]
        assert told["progress"]["epoch"] == 4
        assert told["progress"]["most"] == 8
        assert told["progress"]["steps"] == 10
        assert 20 <= told["progress"]["left"] <= 40
        assert told["progress"]["speed"] == 40.0
        with pytest.raises(GalcatError, match="started in a terminal"):
            state.cancel("run:runs/mine")
    state.show(state.look())
    assert contents.detail_content(state)["state"] == "interrupted"
    assert contents.detail_content(state)["resumable"]
    curves = contents.curves_content(state)
    assert curves["history"]["stage"] == [1, 1, 2, 2]
    assert curves["best"] == 2
    assert curves["history"]["loss"][2] == 0.333333


def test_a_finished_run_tells_its_figures_and_next_steps(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(own / "runs/mine", FINISHED)
    state = TrainingState(own)
    state.select("run:runs/mine")
    state.show(state.look())
    told = contents.detail_content(state)
    assert ("best epoch", "2 of 3") in told["results"]
    assert ("validation accuracy", "0.875") in told["results"]
    for step in told["steps"]:
        words = step["command"].split()
        assert words[0] == "galcat"
        assert cli.parser().parse_known_args(["report", "runs/mine", "-o", "x.html"])[1] == []
    assert [s["key"] for s in told["steps"]] == ["report", "predict cutouts/sdss"]
    assert [s["out"] for s in told["steps"]] == [
        "reports/mine.html",
        "predictions/mine_sdss.parquet",
    ]
    (own / "reports").mkdir()
    (own / "reports/mine.html").touch()
    made_by = {"stage": "report", "inputs": {"run mine": "0" * 64}}
    (own / "reports/mine.json").write_text(json.dumps({"provenance": made_by}))
    state.show(state.look())
    made = {"path": "reports/mine.html", "href": None}  # in JupyterLab nobody serves it
    assert contents.detail_content(state)["reports"] == [made]
    monkeypatch.setenv("GALCAT_SERVED", "1")
    monkeypatch.setenv("VOILA_BASE_URL", "/hub/")
    served = {**made, "href": "/hub/report/reports/mine.html"}
    assert contents.detail_content(state)["reports"] == [served]
    assert [s["key"] for s in contents.detail_content(state)["steps"]] == ["predict cutouts/sdss"]
    with pytest.raises(GalcatError, match="no such step"):
        state.go_on("run:runs/mine", "report")


def test_the_settings_of_a_run_fill_the_form(own: Path) -> None:
    write_run(own / "runs/mine")
    state = TrainingState(own)
    state.take_settings_of("run:runs/mine")
    assert state.selected == ""
    assert state.draft.changed() == ["train.epochs", "train.batch_size"]
    assert state.errors == {}
    assert "--epochs 8 --batch-size 4" in state.checked.command


# ---- logs -----------------------------------------------------------------------------------


def test_a_log_is_shown_as_a_terminal_shows_it() -> None:
    said = "a 10%\ra 55%\ra 100%\n\x1b[1;31mred\x1b[0m \x1b]0;title\x07<b>&\x07\x00\n\r\nend\r\n"
    assert plain(said) == "a 100%\nred <b>&\n\nend"


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    first, second = tmp_path / "1.txt", tmp_path / "2.txt"
    first.write_text("old\n" * 50_000)
    second.write_text("new\n" * 10)
    log = tail([first, second], tmp_path)
    assert log.cut
    assert log.text.endswith("new\nnew")
    assert len(log.text) < 20_000
    assert log.file == "2.txt"
    assert not tail([second], tmp_path).cut
    assert tail([tmp_path / "gone.txt"], tmp_path).text == ""


def test_workers_have_logs_of_their_own(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs/mine")
    (folder / "logs").mkdir()
    for rank in (0, 1, 10, 2):
        (folder / f"logs/rank-{rank}.txt").write_text(f"I am {rank}\n")
    assert list(sources(None, folder)) == ["0", "1", "2", "10"]
    state = TrainingState(tmp_path)
    state.select("run:runs/mine")
    state.show(state.look())
    state.choose_log("10")
    state.show(state.look())
    assert contents.log_content(state)["text"] == "I am 10"


# ---- the kernel -----------------------------------------------------------------------------


def test_the_kernel_takes_no_tensorflow(own: Path) -> None:
    write_run(own / "runs/mine", FINISHED)
    code = (
        "import sys\n"
        "from galcat_app.view.training import Training\n"
        "page = Training(sys.argv[1])\n"
        "page.list.receive({'kind': 'here'})\n"
        "page.list.receive({'kind': 'select', 'key': 'run:runs/mine'})\n"
        "page.form.receive({'kind': 'set', 'key': 'train.epochs', 'text': '3'})\n"
        "assert page.detail.curves['history']['epoch'] == [1, 2, 3], page.detail.curves\n"
        "assert page.form.draft['galaxies'], page.form.draft\n"
        "heavy = {'tensorflow', 'keras', 'jax', 'umap', 'horovod', 'bokeh'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "app")])
    ended = subprocess.run(
        [sys.executable, "-c", code, str(own)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
