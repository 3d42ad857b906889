"""The run folder: what it tells, what it refuses, and who may train in it."""

import os
import subprocess
import sys

import pytest

from galcat_core import runs
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.runs import Run

INFO = {
    "classes": ["smooth", "featured"],
    "positive": "featured",
    "survey": "sdss",
    "network": "ds18",
    "workers": 1,
    "store": {"path": "../store", "digest": "aa"},
    "samples": {"digest": "bb"},
    "parent": None,
}


@pytest.fixture
def run(tmp_path) -> Run:
    return runs.create(tmp_path / "run", Config(), INFO)


def test_a_begun_run_tells_its_make(run):
    again = Run.open(run.folder)
    assert (again.name, again.network, again.survey) == ("run", "ds18", "sdss")
    assert (again.classes, again.positive) == (["smooth", "featured"], "featured")
    assert again.config == Config()
    assert again.status == "interrupted"
    assert not again.finished
    assert again.history.empty
    assert list(again.history.columns) == list(runs.HISTORY)
    assert again.report == {}


def test_what_is_not_there_yet_is_said(run, tmp_path):
    with pytest.raises(GalcatError, match="no weights yet"):
        run.weights  # noqa: B018
    with pytest.raises(GalcatError, match="interrupted, not finished"):
        run.digest  # noqa: B018
    with pytest.raises(GalcatError, match="no such run folder"):
        Run.open(tmp_path / "nowhere")
    with pytest.raises(GalcatError, match="holds no run"):
        Run.open(tmp_path)


def test_the_same_make_goes_on_and_another_is_refused_by_name(run):
    freer = Config().replace(train={"checkpoint_seconds": 7.0}, evaluate={"bootstrap": 20})
    assert runs.create(run.folder, freer, INFO).info == INFO
    for config, info, told in [
        (Config().replace(train={"epochs": 3}), INFO, r"train\.epochs was 50, is 3"),
        (Config().replace(augment={"flip": False}), INFO, r"augment\.flip was True, is False"),
        (Config(), {**INFO, "workers": 2}, "workers was 1, is 2"),
        (Config(), {**INFO, "store": {"digest": "cc"}}, "the pictures differ"),
        (Config(), {**INFO, "samples": {"digest": "cc"}}, "the galaxies differ"),
        (Config(), {**INFO, "parent": {"digest": "cc"}}, "the parent run differ"),
    ]:
        with pytest.raises(GalcatError, match=told):
            runs.create(run.folder, config, info)


def test_a_moved_store_is_remembered_where_it_is(run):
    moved = {**INFO, "store": {"path": "../elsewhere", "digest": "aa"}}
    assert runs.create(run.folder, Config(), moved).info["store"]["path"] == "../elsewhere"


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("\\begin{document}")
    with pytest.raises(GalcatError, match=r"not empty and holds no run \(thesis.tex\)"):
        runs.create(tmp_path, Config(), INFO)
    with (
        pytest.raises(GalcatError, match="cannot be made a run folder"),
        runs.locked(tmp_path / "thesis.tex"),
    ):
        pass


def test_a_start_that_was_killed_is_begun_again(tmp_path):
    Config().save(tmp_path / "config.toml")
    (tmp_path / ".partial-12-run.json").write_text("{")
    assert runs.create(tmp_path, Config(), INFO).info == INFO


def test_a_second_training_is_refused_while_the_first_lives(run):
    hold = (
        "import sys, time\nfrom galcat_core import runs\n"
        "with runs.locked(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(run.folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        assert run.status == "running"
        with (
            pytest.raises(GalcatError, match=f"is being trained by process {holder.pid} on"),
            runs.locked(run.folder, wait_seconds=0.1),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert run.status == "interrupted"
    with runs.locked(run.folder):
        pass


def test_the_lock_lasts_as_long_as_a_process_that_inherited_it(run):
    with runs.locked(run.folder) as lock:
        child = subprocess.Popen(["sleep", "60"], pass_fds=[lock.fileno()])
    try:
        assert run.status == "running"
    finally:
        child.kill()
        child.wait()
    assert run.status == "interrupted"


def test_the_digest_is_of_the_make_and_the_weights_not_of_the_place(run, tmp_path):
    first = runs.seal(run, "ww")
    info = {**INFO, "store": {"path": os.devnull, "digest": "aa"}}
    assert runs.seal(runs.create(tmp_path / "other", Config(), info), "ww") == first
    assert run.digest == first
    assert runs.seal(run, "vv") != first


def test_a_damaged_run_is_told(run):
    (run.folder / "run.json").write_text('{"classes": [')
    with pytest.raises(GalcatError, match="not whole"):
        run.info  # noqa: B018
