"""The first page without a browser: what is found in a folder, what is next, the job that simulates a survey."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from galcat_app.state.home.page import HomeState
from galcat_app.view.home import OWN, content
from home_projects import make_whole, write_catalogue, write_network, write_pictures
from synthetic_projects import make_project

from galcat_core import jobs
from galcat_core.cli import parser
from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore
from galcat_core.records import Pairs, Split
from galcat_core.tables import read_table


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whole(tmp_path_factory.mktemp("projects") / "whole")


def test_a_whole_project_is_told_with_its_counts(whole: Path) -> None:
    state = HomeState(whole)
    assert {stage.name: stage.count for stage in state.stages} == {
        "Catalogues": "60",
        "Pairs": "30",
        "Pictures": "426",
        "Networks": "2",
        "Labels": "400",
        "Map": "400",
    }
    assert all(stage.done for stage in state.stages)
    assert (state.step.title, state.step.page) == ("Look at the map", "explore")
    assert state.counts == [("426", "pictures"), ("2", "networks"), ("2", "reports")]
    assert state.project.remarks == ()
    predicted = read_table(whole / "catalogue.parquet")[0]["predicted"]
    assert state.map.counts == predicted.value_counts().to_dict()


def test_the_best_network_is_the_one_that_is_most_often_right_on_test_galaxies(
    whole: Path,
) -> None:
    state = HomeState(whole)
    assert state.best.path == "transfer/all_layers"  # 0.91 was the other's validation alone
    (score,) = state.best.scores
    assert (score.test_set, score.n) == ("des test", 372)
    assert score.accuracy == pytest.approx((0.93, 0.89, 0.96))
    status = {n.path: n.status for n in state.project.networks}
    assert status["runs/begun"] == "interrupted"


def test_pictures_of_twins_stand_one_below_the_other(whole: Path) -> None:
    sdss, des = HomeState(whole).rows
    assert (sdss.survey, des.survey, len(sdss.pictures)) == ("SDSS", "DES", 12)
    pairs = read_table(whole / "pairs.parquet")[0].set_index("left_id")["right_id"]
    for (left, _), (right, jpeg) in zip(sdss.pictures, des.pictures, strict=True):
        assert pairs[int(left)] == int(right)
        assert jpeg[:2] == b"\xff\xd8"


def test_spoilt_pictures_are_not_shown_as_examples(whole: Path) -> None:
    des = HomeState(whole).rows[1]
    store = CutoutStore.open(whole / "cutouts/des")
    rows = store.rows_of([int(identity) for identity, _ in des.pictures])
    assert (store.table["flags"].to_numpy()[rows] == 0).all()
    assert (store.table["flags"] != 0).any()


def test_the_small_map_keeps_places_and_probabilities(whole: Path) -> None:
    table = read_table(whole / "catalogue.parquet")[0]
    there = table["tsne_x"].notna() & table["tsne_y"].notna()
    points = HomeState(whole).map.points
    assert len(points) == there.sum()
    assert np.sort(points[:, 2]) == pytest.approx(np.sort(table["p_spiral"][there]), abs=1e-6)
    assert np.ptp(points[:, :2], axis=0).max() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_an_empty_or_missing_folder_offers_the_simulated_survey(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    if name == "empty":
        folder.mkdir()
    state = HomeState(folder)
    assert state.project.empty
    assert state.step.title == "Begin with a simulated survey"
    assert state.counts == []
    assert not folder.exists() or not any(folder.iterdir())


def test_each_step_leads_on_to_the_next(tmp_path: Path) -> None:
    """The commands of one step make what the next step is found by; none is given twice."""
    titles = []

    def now() -> str:
        state = HomeState(tmp_path)
        titles.append(state.step.title)
        for command, _ in state.step.commands:
            parser().parse_args(shlex.split(command)[1:])  # the command line knows it
        return " ".join(command for command, _ in state.step.commands)

    (tmp_path / "sky").mkdir()
    (tmp_path / "sky/sky.json").write_text("{}")
    assert now() == "galcat match sky/sdss.csv.gz sky/des.csv.gz -o pairs.parquet"
    pairs = make_project(tmp_path / "other", 60, 40, size_px=16) / "pairs.parquet"
    shutil.copy(pairs, tmp_path)
    shutil.rmtree(tmp_path / "other")
    assert "galcat select sky/sdss.csv.gz --votes sky/galaxy_zoo.csv.gz" in now()
    for survey in ("sdss", "des"):
        write_catalogue(tmp_path / f"catalogs/{survey}.parquet", survey)
    assert "--tiles sky/tiles/des --pairs pairs.parquet -o cutouts/des" in now()
    write_pictures(tmp_path / "cutouts/sdss", "sdss")
    assert "cutouts/sdss" not in now()  # that one is there
    write_pictures(tmp_path / "cutouts/des", "des")
    (tmp_path / "cutouts/des/index.parquet").rename(tmp_path / "kept")
    now()
    (tmp_path / "kept").rename(tmp_path / "cutouts/des/index.parquet")
    assert now().startswith("galcat split catalogs/sdss.parquet catalogs/des.parquet --pairs")
    _write_split(tmp_path / "split.parquet")
    assert now().startswith("galcat train cutouts/sdss --split split.parquet -o runs/sdss")
    write_network(tmp_path / "runs/sdss", finished=False)
    assert "-o runs/sdss" in now()
    shutil.rmtree(tmp_path / "runs/sdss")
    write_network(tmp_path / "runs/sdss")
    assert now().startswith("galcat transfer runs/sdss cutouts/des --split split.parquet")
    write_network(tmp_path / "transfer/all_layers", "des", parent="sdss")
    assert "galcat predict cutouts/des --run transfer/all_layers --split split.parquet" in now()
    assert titles == [
        "Match the two surveys",
        "Select good galaxies",
        "Cut out the pictures",
        "Cut out the pictures",
        "Finish the pictures",
        "Split the galaxies",
        "Train a network",
        "Go on with the training",
        "Bring the network to DES",
        "Label the other galaxies",
    ]


def _write_split(path: Path) -> None:
    table = pd.DataFrame({"survey": ["sdss"], "id": [1], "set": ["train"], "label": ["spiral"]})
    table = table.assign(certain=True, group=1, has_twin=False)
    Split(table).save(path)


def test_the_commands_for_galaxies_of_ones_own_are_commands_of_galcat() -> None:
    for _, commands in OWN:
        for command in commands:
            parser().parse_args(shlex.split(command)[1:])


def test_broken_files_are_told_and_hide_nothing_else(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "own"))
    (folder / "pairs.parquet").write_bytes(b"PAR1 half of it")
    (folder / "cutouts/sdss/store.json").write_text("{")
    (folder / "transfer/all_layers/run.json").write_text('{"survey"')
    (folder / "report/des_test/metrics.json").write_text("[]")
    (folder / "jobs/train-1").mkdir(parents=True)
    (folder / "jobs/train-1/job.json").write_text("{}")
    (folder / "jobs/train-2").mkdir()
    (folder / "jobs/train-2/job.json").write_text("not json")
    state = HomeState(folder)
    told = " ".join(state.project.remarks)
    assert len(state.project.remarks) == 3
    for name in ("pairs.parquet", "cutouts/sdss", "transfer/all_layers"):
        assert f"{name} cannot be read" in told
    assert "Traceback" not in told
    told += " ".join(w.reason for w in state.work) + json.dumps(content(state)["tables"])
    assert str(folder) not in told  # paths as seen from the project
    assert {w.id: w.state for w in state.work} == {"train-1": "unreadable", "train-2": "unreadable"}
    assert all("job.json: not whole" in w.reason for w in state.work)
    with pytest.raises(GalcatError, match="no job train-1"):
        state.cancel("train-1")
    assert [row.survey for row in state.rows] == ["DES"]
    assert state.best.path == "runs/sdss"
    assert state.map is not None


def test_a_broken_catalogue_leaves_the_page_whole(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "own"))
    (folder / "catalogue.parquet").write_bytes(b"nothing of the kind")
    state = HomeState(folder)
    assert "catalogue.parquet cannot be read" in state.project.remarks[0]
    assert state.map is None


def test_tables_of_somebody_else_are_left_alone(tmp_path: Path) -> None:
    pd.DataFrame({"id": [1], "tsne_x": [0.5]}).to_parquet(tmp_path / "mine.parquet")
    state = HomeState(tmp_path)
    assert state.project.tables == ()
    assert state.project.empty


def test_the_page_follows_the_folder(tmp_path: Path) -> None:
    state = HomeState(tmp_path)
    assert not state.refresh()
    write_catalogue(tmp_path / "catalogs/sdss.parquet", "sdss", 70)
    assert state.stale()
    state.look()
    assert state.stages[0].count == "70"
    assert not state.stale()


@pytest.mark.parametrize("size", ["huge", "", None, 3, ["quick"], {"size": "quick"}])
def test_only_the_surveys_that_are_offered_are_started(tmp_path: Path, size: object) -> None:
    with pytest.raises(GalcatError, match="there is no survey of size"):
        HomeState(tmp_path).start_demo(size)
    assert not any(tmp_path.iterdir())


def test_the_simulated_survey_is_not_put_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(GalcatError, match="is not empty and holds no demonstration"):
        HomeState(tmp_path).start_demo("quick")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("name", ["../../etc", "train-1", "", None, 7, "demo-1/..", "a b"])
def test_only_jobs_of_the_project_are_touched(tmp_path: Path, name: object) -> None:
    state = HomeState(tmp_path)
    for act in (state.cancel, state.resume):
        with pytest.raises(GalcatError, match="job"):
            act(name)


def test_the_simulated_survey_runs_as_a_job_that_can_be_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    state = HomeState(folder)
    state.start_demo("quick")
    (work,) = state.work
    assert (work.id, work.state, work.place) == ("demo-1", "running", "local")
    assert work.command == "galcat demo -o . --no-app --quick"
    assert state.demo == work
    other = HomeState(folder)  # another page, another kernel: the job is the same
    assert other.demo.id == "demo-1"
    with pytest.raises(GalcatError, match="demo-1 makes it and is running"):
        other.start_demo("quick")
    (job,) = jobs.jobs_of(folder / "jobs")
    jobs.wait(job, 300, until=lambda s: (folder / "sky/sky.json").exists() or not s.live)
    other.look()
    assert (other.demo.state, other.demo.step, other.demo.steps) == ("running", 1, 5)
    assert other.demo.doing.startswith("A small sky")
    other.cancel("demo-1")
    state.look()
    assert state.demo.state == "cancelled"
    assert state.demo.can_go_on
    assert not state.project.empty


def test_pairs_of_an_unknown_survey_fall_back_to_pictures_alone(
    whole: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "own"))
    pairs = Pairs.load(folder / "pairs.parquet")
    pairs.meta["left_survey"] = "hsc"
    pairs.save(folder / "pairs.parquet")
    rows = HomeState(folder).rows
    assert {row.survey for row in rows} == {"SDSS", "DES"}
    assert len(rows[0].pictures) == 12


def test_content_is_json(whole: Path) -> None:
    assert json.loads(json.dumps(content(HomeState(whole))))["networks"]["best"]["name"]
