"""The state of the Training page without a browser: the form, real jobs, runs, logs; broken things are told."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
import typing
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from galcat_app.state import training_form as forms
from galcat_app.state.training import TrainingState
from galcat_app.state.training_log import plain, sources, tail
from galcat_app.view import training_contents as contents
from galcat_app.view.training import Training
from galcat_app.view.watcher import Watcher
from trainable import make_trainable

from galcat_core import cli, jobs, runs
from galcat_core.arguments import config_of
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.training.schedule import Progress

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def trainable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_trainable(tmp_path_factory.mktemp("trainable") / "survey")


@pytest.fixture
def own(trainable: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy to write into; the jobs that still run there are ended."""
    folder = Path(shutil.copytree(trainable, tmp_path / "own"))
    yield folder
    for job in jobs.jobs_of(folder / "jobs"):
        if jobs.state(job).live:
            jobs.cancel(job)


def _apart(do: Callable[[], None]) -> None:
    """Do it in a thread without an event loop; the browser of other tests has one in this thread."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(do).result()


def _start(folder: Path, *program: str, out: str | None = None) -> jobs.Job:
    """Start a real job of another program than training, which takes no seconds to begin."""
    place = jobs.load()["local"]
    command = ["python", "-m", "tests.jobs.programs", *program]
    made = folder / out if out else None
    return jobs.start(command, place, out=made, project=ROOT, folder=folder / "jobs")


def _run(folder: Path, report: dict | None = None, epochs: int = 3, stages: int = 1) -> Path:
    """Write the files of a run, as training writes them."""
    folder.mkdir(parents=True)
    Config().replace(train={"epochs": 8, "batch_size": 4}).save(folder / "config.toml")
    counts = {
        "train": {"elliptical": 19, "spiral": 18},
        "validation": {"elliptical": 7, "spiral": 6},
    }
    info = {
        "classes": ["elliptical", "spiral"],
        "positive": "spiral",
        "survey": "sdss",
        "network": "ds18",
        "workers": 1,
        "store": {"path": "../../cutouts/sdss", "digest": "d"},
        "split": {"path": "../../split.parquet"},
        "samples": {**counts, "digest": "d"},
        "parent": None,
    }
    runs.write_json(folder / "run.json", info)
    lines = [",".join(runs.HISTORY)]
    for n in range(1, epochs + 1):
        stage = 1 + (n - 1) * stages // epochs
        lines.append(f"{n},{stage},{1 / n},0.5,{abs(n - 2) + 0.5},0.6,0.001,40.0,10.0")
    (folder / "history.csv").write_text("\n".join(lines) + "\n")
    np.savez(folder / runs.CHECKPOINT, progress=np.array(Progress(epoch=epochs).to_json()))
    if report:
        runs.write_json(folder / "report.json", report)
        (folder / "DIGEST").write_text("0" * 64)
    return folder


FINISHED = {"best_epoch": 2, "epochs": 3, "ended": "early", "val_accuracy": 0.875, "val_loss": 0.5}


# ---- the form -------------------------------------------------------------------------------


def test_the_form_has_every_field_that_galcat_train_takes() -> None:
    hints = typing.get_type_hints(Config)
    wanted = {
        f"{section}.{item.name}": item
        for section in ("train", "augment", "calibrate")
        for item in dataclasses.fields(hints[section])
    }
    assert list(forms.FIELDS) == list(wanted)
    for key, field in forms.FIELDS.items():
        assert field.help == wanted[key].metadata["help"]
        assert field.choices == (wanted[key].metadata["choices"] or ())
    flags = {a.dest for a in cli.parser()._subparsers._group_actions[0].choices["train"]._actions}
    assert set(forms.FIELDS) <= flags


@pytest.mark.parametrize("key", list(forms.FIELDS))
def test_a_default_as_it_is_shown_is_read_as_itself(key: str) -> None:
    section, _, name = key.partition(".")
    field = forms.FIELDS[key]
    if field.default:  # an empty list has no words
        assert field.read(field.default) == getattr(getattr(Config(), section), name)


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("train.epochs", "0", "epochs = 0: at least 1 is legal"),
        ("train.epochs", "2.5", "a value of type int is wanted"),
        ("train.learning_rate", "fast", "a value of type float is wanted"),
        ("train.learning_rate", "nan", "at least 0.0 is legal"),
        ("train.network", "resnet", "Did you mean 'resnet12'?"),
        ("train.stage_epochs", "1 x", "a list of int is wanted"),
        ("train.stage_epochs", "2 2", "give as many of each"),
        ("train.weights", "../../etc/passwd", "lies outside of the project"),
        ("train.weights", "mine.h5", "no such file in the project"),
        ("augment.zoom", "1.3 0.7", "the smaller first"),
        ("augment.zoom", "1", "two positive numbers are wanted"),
        ("augment.flip", "perhaps", "a value of type bool is wanted"),
        ("calibrate.folds", "1", "at least 2 is legal"),
        ("name", "../out", "is no name for a run"),
        ("name", "-f", "is no name for a run"),
        ("name", "a/b", "is no name for a run"),
        ("tasks", "0", "at least 1 is wanted"),
        ("tasks", "two", "a whole number is wanted"),
        ("store", "/etc", "there is no cutout store '/etc' here"),
        ("split", "../split.parquet", "there is no split"),
        ("parent", "runs/none", "there is no run 'runs/none' here"),
        ("place", "moon", "there is no place 'moon' here"),
    ],
)
def test_a_wrong_value_stands_by_its_field_and_nothing_starts(
    own: Path, key: str, text: str, told: str
) -> None:
    state = TrainingState(own)
    assert state.errors == {}
    state.set(key, text)
    assert list(state.errors) == [key]
    assert told in state.errors[key]
    assert contents.draft_content(state)["errors"] == state.errors
    with pytest.raises(GalcatError, match="Nothing was started"):
        state.start()
    assert not (own / "jobs").exists()
    assert not (own / "runs").exists()


@pytest.mark.parametrize(
    ("key", "text"),
    [("train.nothing", "1"), ("", "1"), (None, "1"), ("train.epochs", 3), ("train.epochs", "1\n2"),
     ("name", "x" * 501), (["train.epochs"], "1")],
)  # fmt: skip
def test_a_message_that_no_form_sends_is_refused(
    trainable: Path, key: object, text: object
) -> None:
    state = TrainingState(trainable)
    with pytest.raises(GalcatError, match=r"no such field|one line"):
        state.set(key, text)
    assert state.draft.texts == {}
    state.reset({"a": 1})


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"train.epochs": "3", "train.learning_rate": "1e-4", "train.network": "xception"},
        {"train.stage_epochs": "1, 2", "train.stage_first_layer": "-1 40", "train.xla": "true"},
        {"train.class_weights": "false", "augment.flip": "false", "augment.zoom": "0.9 1.1"},
        {"train.seed": "7", "calibrate.seed": "8", "calibrate.method": "platt"},
        {"train.positive": "it's a spiral", "augment.renderings": "0"},
        {"train.weights": "-odd name.h5"},
    ],
)
def test_the_command_beside_the_form_means_the_same(own: Path, texts: dict[str, str]) -> None:
    (own / "-odd name.h5").touch()
    state = TrainingState(own)
    for key, text in texts.items():
        state.set(key, text)
    assert state.errors == {}
    args = cli.parser().parse_args(state.checked.words()[1:])
    assert config_of(args) == state.checked.config
    assert (args.store, args.split, args.out) == (
        "cutouts/sdss",
        "split.parquet",
        state.checked.out,
    )
    assert args.on == "local"
    toml = own / "form.toml"
    toml.write_text(contents.draft_content(state)["toml"])
    assert Config.load(toml) == state.checked.config


def test_changed_settings_are_marked_and_may_be_reset(trainable: Path) -> None:
    state = TrainingState(trainable)
    state.set("train.epochs", "4")
    state.set("train.seed", "1")  # the default, typed
    assert contents.draft_content(state)["changed"] == ["train.epochs"]
    state.reset("train.epochs")
    assert contents.draft_content(state)["values"]["train.epochs"] == "50"
    state.set("augment.blur_px", "99")
    state.reset()
    assert state.draft.changed() == []
    assert state.errors == {}


def test_a_run_is_never_overwritten(own: Path) -> None:
    state = TrainingState(own)
    assert state.checked.out == "runs/sdss-ds18"
    (own / "runs/sdss-ds18").mkdir(parents=True)
    state.check()
    assert state.checked.out == "runs/sdss-ds18-2"
    state.set("name", "sdss-ds18")
    assert "never overwritten" in state.errors["name"]
    state.set("name", "other")
    assert state.errors == {}
    (own / "runs/other").mkdir()  # by another session, this moment
    with pytest.raises(GalcatError, match="other is there already"):
        state.start()
    assert not (own / "jobs").exists()


def test_the_galaxies_are_counted_by_the_core(own: Path) -> None:
    state = TrainingState(own)
    state.take(state.count())
    assert state.counted.text[0] == "37 to learn from (19 elliptical, 18 spiral)"
    assert state.counted.text[1].startswith("13 to validate on")
    state.set("train.limit", "1")
    state.take(state.count())
    assert "at least 2 is legal" in state.errors["train.limit"]
    state.reset()
    state.set("train.positive", "bar")
    state.take(state.count())
    assert "train.positive" in state.errors


def test_a_split_of_another_survey_is_told(own: Path) -> None:
    from tests.training.conftest import split_of, table_of

    split_of(table_of(64), {"train": 40, "validation": 24}, "des").save(own / "split.parquet")
    state = TrainingState(own)
    state.take(state.count())
    assert "no galaxy of survey 'sdss'" in state.errors["split"]


def test_a_parent_gives_its_network_and_the_run_a_name(own: Path) -> None:
    _run(own / "runs/first", FINISHED)
    _run(own / "runs/cut")
    state = TrainingState(own)
    assert list(state.inputs.parents) == ["runs/first"]
    assert "validation accuracy 0.875" in state.inputs.parents["runs/first"].label
    state.set("parent", "runs/first")
    assert state.checked.out == "runs/first-sdss"
    assert "--from runs/first" in state.checked.command
    state.set("train.network", "xception")
    assert "its weights fit no other" in state.errors["train.network"]


def test_places_are_those_that_the_core_knows(own: Path) -> None:
    (own / "places.toml").write_text(
        '[big]\nkind = "slurm"\nnodes = 2\ntasks_per_node = 4\npartition = "gpu"\n'
        f'[far]\nkind = "slurm"\nfolder = "{own.parent / "shared"}"\n'
    )
    state = TrainingState(own)
    places = {p["value"]: p for p in contents.form_content(state)["places"]}
    assert places["big"]["kind"] == "slurm"
    assert "partition gpu" in places["big"]["told"]
    state.set("place", "big")
    assert contents.draft_content(state)["workers"] == 8
    assert "--on big" in state.checked.command
    state.set("nodes", "3")
    assert "--nodes 3 --tasks-per-node 4" in state.checked.command
    state.set("place", "far")
    assert "share: bring the project there" in state.errors["place"]
    (own / "places.toml").write_text("[big]\nkind = 'sluhm'\n")
    state = TrainingState(own)
    assert list(state.inputs.places) == ["local"]
    assert "Did you mean 'slurm'" in state.project.remarks[0]


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
        _run(own / "runs" / name)
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
    broken = _start(own, "fail", out="runs/sdss-ds18")
    jobs.wait(broken, 60)
    page = Training(own)
    assert page.state.training("job:programs-1").state.name == "failed"
    whole = (broken.folder / "job.json").read_text()
    (broken.folder / "job.json").write_text(whole[: len(whole) // 2])  # while the page is open
    other = _start(own, "sleep", str(own / "marks"), out="runs/sdss-ds18")
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
        _start(own, "fail", out="runs/sdss-ds18")
    page.state.cancel(f"job:{other.id}")
    shutil.rmtree(broken.folder)
    page.state.show(page.state.look())
    assert [t.key for t in page.state.trainings] == ["job:programs-2"]


def test_three_hundred_jobs_are_listed_the_newest_first(own: Path) -> None:
    job = _start(own, "fail")
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
    job = _start(own, "sleep", str(own / "marks"))
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
    job = _start(own, "fail")
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
    job = _start(own, "twice", str(own / "marks"))
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
    folder = _run(own / "runs/mine", epochs=2)
    with runs.locked(folder):
        _apart(lambda: page.list.receive({"kind": "here"}))
        assert page.state.selected == "run:runs/mine"
        assert page.detail.shown
        assert not page.form.shown
    _apart(lambda: page.list.receive({"kind": "select", "key": ""}))
    _apart(lambda: page.list.receive({"kind": "here"}))
    assert page.form.shown


def test_a_run_of_a_terminal_is_in_the_list_with_its_course(own: Path) -> None:
    folder = _run(own / "runs/mine", epochs=4, stages=2)
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
    _run(own / "runs/mine", FINISHED)
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
    _run(own / "runs/mine")
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
    folder = _run(tmp_path / "runs/mine")
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
    _run(own / "runs/mine", FINISHED)
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


def test_watching_ends_when_nobody_looks_and_begins_again() -> None:
    shown: list[int] = []

    async def visit() -> None:
        looks = iter(range(1000))
        watcher = Watcher(lambda: next(looks), shown.append, lambda: 0.01, patience_seconds=0.2)
        watcher.awake()
        assert watcher.watching
        while watcher.watching:
            await asyncio.sleep(0.01)
        seen = len(shown)
        assert seen > 1
        await asyncio.sleep(0.05)
        assert len(shown) == seen
        watcher.hurry()
        while len(shown) == seen:
            await asyncio.sleep(0.01)

    _apart(lambda: asyncio.run(visit()))
    assert shown == sorted(shown)


def test_a_look_that_fails_does_not_end_the_watching(caplog: pytest.LogCaptureFixture) -> None:
    shown: list[int] = []

    def look() -> int:
        looks.append(1)
        if len(looks) == 1:
            raise OSError("the disk is away for a moment")
        return len(looks)

    looks: list[int] = []

    async def visit() -> None:
        watcher = Watcher(look, shown.append, lambda: 0.01, patience_seconds=60)
        watcher.awake()
        while not shown:
            await asyncio.sleep(0.01)
        watcher.patience_seconds = 0
        watcher.awake()
        while watcher.watching:
            await asyncio.sleep(0.01)

    _apart(lambda: asyncio.run(visit()))
    assert shown[0] == 2
    assert "away for a moment" in caplog.text
