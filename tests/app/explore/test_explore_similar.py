"""Galaxies that look alike: of one, of a selection, of a picture that somebody gives."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from galcat_app.state.explore.page import ExploreState
from galcat_app.state.explore.upload import MOST_BYTES, Upload, checked_picture
from galcat_app.state.explore.upload_worker import Worker, clear_left
from galcat_app.view import card_contents, contents
from PIL import Image
from synthetic_projects import FIRST_DES, draw_galaxies

from galcat_core.embeddings.neighbors import Neighbors
from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore
from galcat_core.records import Embedding

RUN = "des-fine-0123456789ab"


@pytest.fixture
def state(own_project: Path) -> ExploreState:
    return ExploreState(own_project)


def test_the_like_of_a_galaxy_are_selected_the_most_alike_first(state: ExploreState) -> None:
    state.ask_galaxy(44, 48)
    embedding = Embedding.load(state.path / "embeddings/all.parquet")
    wanted = Neighbors(embedding).nearest(FIRST_DES + 3 * 44, 48)["id"]
    ids = state.project.table["id"].to_numpy()
    assert ids[state.listed_rows].tolist() == wanted.tolist()
    assert np.array_equal(state.selected, np.sort(state.listed_rows))
    assert 44 not in state.selected
    p = state.project.table["p_spiral"].to_numpy()
    assert np.abs(p[state.selected] - p[44]).max() < 0.2
    told = contents.gallery_content(state)
    assert (told["title"], told["sort"]) == ("Alike", "alike")
    assert told["query"]["title"] == f"galaxy {FIRST_DES + 3 * 44}"


def test_a_selection_by_hand_is_no_answer_any_more(state: ExploreState) -> None:
    state.ask_galaxy(44, 24)
    state.choose_sort("unsure")
    state.choose_sort("alike")
    state.select([1, 2, 3])
    assert state.query is None
    assert state.sort == "surest"
    assert "alike" not in state.sorts
    with pytest.raises(GalcatError, match="no order 'alike'"):
        state.choose_sort("alike")


def test_the_like_of_a_selection_are_those_of_its_mean_without_itself(state: ExploreState) -> None:
    p = state.project.table["p_spiral"].to_numpy()
    spirals = np.argsort(-p[:300])[:20]
    state.select(spirals)
    state.ask_selection(30)
    assert not set(spirals) & set(state.selected)
    assert p[state.selected].min() > 0.8
    state.clear()
    with pytest.raises(GalcatError, match="nothing is selected"):
        state.ask_selection(30)


def test_the_card_shows_the_nearest_or_says_why_not(state: ExploreState) -> None:
    near = card_contents.neighbours_content(state, 44)
    state.ask_galaxy(44, 8)
    assert [cell["row"] for cell in near["cells"]] == state.listed_rows.tolist()
    assert [float(cell["distance"]) for cell in near["cells"]] == sorted(
        float(cell["distance"]) for cell in near["cells"]
    )
    none = card_contents.neighbours_content(state, 398)  # it has no picture, and so no features
    assert none["cells"] == []
    assert "has no features" in none["told"]


@pytest.mark.parametrize("number", [0, 1001, 1.5, True, None, "48"])
def test_only_so_many_can_be_asked_for(state: ExploreState, number: object) -> None:
    with pytest.raises(GalcatError, match="from 1 to 1000"):
        state.ask_galaxy(3, number)


def test_without_features_the_command_is_told(own_project: Path) -> None:
    shutil.rmtree(own_project / "embeddings")
    state = ExploreState(own_project)
    assert not state.similar.possible
    assert "galcat embed" in contents.gallery_tools(state)["embed"]
    with pytest.raises(GalcatError, match="galcat embed"):
        state.ask_galaxy(3, 8)


def test_features_of_the_most_galaxies_shown_are_taken(own_project: Path) -> None:
    table = Embedding.load(own_project / "embeddings/all.parquet").table
    Embedding(table.iloc[:50]).save(own_project / "embeddings/some.parquet")
    (own_project / "embeddings/broken.parquet").write_bytes(b"PAR1")
    assert ExploreState(own_project).similar.file.name == "all.parquet"


def _file(picture: np.ndarray, kind: str = "PNG") -> bytes:
    made = io.BytesIO()
    Image.fromarray(picture).save(made, kind)
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"no picture at all", "no picture that can be read"),
        (b"GIF89a" + bytes(100), "no picture that can be read"),
        (_file(np.zeros((9, 9, 3), np.uint8)), "9 x 9 pixels"),
        (
            _file(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))[:2000],
            "cut short",
        ),
        (_file(np.zeros((1, 60_000_000), np.uint8)), "60000000 x 1 pixels"),
        (bytes(MOST_BYTES + 1), "8.0 MB; up to 8 MB"),
    ],
    ids=["empty", "text", "gif", "small", "cut", "bomb", "large"],
)
def test_what_is_no_picture_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(GalcatError, match=told):
        checked_picture(data)


def test_pictures_of_any_mode_become_rgb_and_large_ones_are_shrunk() -> None:
    grey = checked_picture(_file(np.zeros((3000, 30), np.uint8) + 7))
    assert (grey.mode, grey.size) == ("RGB", (20, 2048))
    clear = checked_picture(_file(np.full((20, 20, 4), 200, np.uint8)))
    assert np.asarray(clear)[0, 0].tolist() == [200, 200, 200]


def test_a_picture_needs_the_run_that_made_the_features(state: ExploreState) -> None:
    picture = _file(draw_galaxies(np.random.default_rng(1), np.array([1.0]), 64)[0])
    with pytest.raises(GalcatError, match=f"the run {RUN}.*is not in the project"):
        state.ask_picture("mine.png", picture, 24)
    assert state.upload is None
    assert state.upload_status == ""


def _wait(state: ExploreState) -> list[int]:
    """Wait for the answer to a picture; return the steps that were told."""
    steps, end = [], time.monotonic() + 300
    while state.upload_status == "working" and time.monotonic() < end:
        state.look_after_upload()
        steps.append(state.upload_step)
        time.sleep(0.05)
    return steps


@pytest.mark.slow
def test_a_picture_of_a_galaxy_of_the_project_finds_that_galaxy(embedded: Path) -> None:
    state = ExploreState(embedded)
    store = CutoutStore.open(embedded / "cutouts/des")
    row = 200
    picture = store.images(store.rows_of([FIRST_DES + 3 * row]))[0]
    other = draw_galaxies(np.random.default_rng(1), np.array([1.0]), 64)[0]
    state.expect_picture()
    first = state._worker.pid
    state.ask_picture("<b>other</b>\n.png", _file(other), 24)
    upload = state.upload
    assert upload.name == "<b>other</b>.png"
    state.stop_upload()
    assert (upload.status, state.upload, state.upload_status) == ("failed", None, "")
    for name in ("m51.png", "m51 again.png"):  # the second one by the process that is there
        state.ask_picture(name, _file(picture), 24)
        assert state.upload_status == "working"
        steps = _wait(state)
        assert state.upload_status == "done", state.upload.told
        assert sorted(set(steps)) == ([0, 1, 2] if name == "m51.png" else [2])
        assert len(state.selected) == 24
        assert state.query.title == f"the picture {name}"
        same = store.images(store.rows_of(state.project.table["id"].iloc[state.listed_rows[:1]]))[0]
        assert np.array_equal(same, picture)  # galaxies of the test share pictures
        assert state._worker.pid == first
    state._worker.end()
    assert not psutil.pid_exists(first)


def test_what_looks_at_pictures_ends_with_a_killed_kernel(embedded: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(_file(np.zeros((64, 64, 3), np.uint8)))
    code = (
        "import sys, pathlib, time\n"
        "from galcat_app.state.explore.page import ExploreState\n"
        "state = ExploreState(sys.argv[1])\n"
        "state.ask_picture('mine.png', pathlib.Path(sys.argv[2]).read_bytes(), 24)\n"
        "print(state._worker.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    (tmp_path / "temporary").mkdir()
    kernel = subprocess.Popen(
        [sys.executable, "-c", code, str(embedded), str(tmp_path / "mine.png")],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
    )
    worker = psutil.Process(int(kernel.stdout.readline()))
    (folder,) = (tmp_path / "temporary").glob("galcat-upload-*")
    assert (folder / "1/upload.png").is_file()
    kernel.kill()
    kernel.communicate()
    assert psutil.wait_procs([worker], timeout=120)[1] == []
    assert not folder.exists()


def test_what_was_killed_with_its_kernel_is_cleared_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("left", "held", "new", "old"):
        (tmp_path / f"galcat-upload-{name}/1").mkdir(parents=True)
        (tmp_path / f"galcat-upload-{name}/1/upload.png").touch()
    for name in ("left", "held"):
        (tmp_path / f"galcat-upload-{name}/lock").touch()
    os.utime(tmp_path / "galcat-upload-old", (0, 0))  # of a version without a lock
    (tmp_path / "mine").mkdir()
    (tmp_path / "galcat-upload-link").symlink_to(tmp_path / "mine")
    with (tmp_path / "galcat-upload-held/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clear_left()
    there = {path.name.removeprefix("galcat-upload-") for path in tmp_path.iterdir()}
    assert there == {"held", "new", "link", "mine"}


def test_a_process_that_cannot_begin_or_is_killed_is_one_line(tmp_path: Path) -> None:
    worker = Worker(tmp_path / "none")
    picture = checked_picture(_file(np.zeros((64, 64, 3), np.uint8)))
    upload = Upload("mine.png", _file(np.zeros((64, 64, 3), np.uint8)), worker)
    while upload.look() == "working":
        time.sleep(0.05)
    assert upload.told.startswith(f"{tmp_path / 'none'}")
    assert "\n" not in upload.told
    order = worker.ask(picture)  # begins another one
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(GalcatError, match="has ended; try again"):
        while worker.look(order) is None:
            time.sleep(0.05)
    worker.end()
    assert worker.pid is None
