"""Project folders in every state: what the page says where there is nothing, or something broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from galcat_app.state.explore.page import ExploreState
from galcat_app.state.folder import Notice, Project, open_project
from galcat_app.view import card_contents, contents

from galcat_core.images.shards import write_store
from galcat_core.records import Record
from galcat_core.tables import read_table, write_table


def _commands(notice: Notice) -> str:
    return " | ".join(command for command, _ in notice.commands)


def test_a_missing_folder_says_how_to_make_one(tmp_path: Path) -> None:
    notice = open_project(tmp_path / "nowhere")
    assert isinstance(notice, Notice)
    assert "does not exist" in notice.text
    assert f"galcat demo -o {tmp_path / 'nowhere'}" in _commands(notice)


def test_an_empty_folder_offers_the_demo(tmp_path: Path) -> None:
    notice = open_project(tmp_path)
    assert isinstance(notice, Notice)
    assert notice.title == "This project is still empty"
    assert "galcat demo" in _commands(notice)


def test_a_project_without_catalogue_names_only_the_steps_that_are_left(tmp_path: Path) -> None:
    (tmp_path / "runs/fine").mkdir(parents=True)
    (tmp_path / "runs/fine/run.json").write_text("{}")
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions/fine.parquet").touch()
    notice = open_project(tmp_path)
    assert isinstance(notice, Notice)
    assert "galcat predict" not in _commands(notice)
    assert "galcat embed cutouts/des --run runs/fine" in _commands(notice)
    assert notice.commands[-1][0].startswith("galcat publish")


def test_steps_are_commands_of_galcat(tmp_path: Path) -> None:
    from galcat_core.cli import VERBS

    (tmp_path / "catalogs").mkdir()
    notice = open_project(tmp_path)
    assert isinstance(notice, Notice)
    assert {command.split()[1] for command, _ in notice.commands} <= set(VERBS)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_a_half_written_catalogue_is_a_message(own_project: Path, kept: float) -> None:
    file = own_project / "catalogue.parquet"
    file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)])
    state = ExploreState(own_project)
    assert state.project is None
    assert state.notice.kind == "broken"
    assert "damaged" in state.notice.text
    assert "catalogue.parquet" in state.notice.detail


def test_a_catalogue_without_maps_names_the_commands(own_project: Path) -> None:
    table, meta = read_table(own_project / "catalogue.parquet")
    kept = table[[c for c in table.columns if not c.endswith(("_x", "_y"))]]
    write_table(kept, own_project / "catalogue.parquet", meta)
    notice = open_project(own_project)
    assert isinstance(notice, Notice)
    assert "no map yet" in notice.title
    assert "galcat project" in _commands(notice)


def test_an_empty_catalogue_is_told(own_project: Path) -> None:
    table, meta = read_table(own_project / "catalogue.parquet")
    write_table(table.iloc[:0], own_project / "catalogue.parquet", meta)
    notice = open_project(own_project)
    assert isinstance(notice, Notice)
    assert "empty" in notice.title


@pytest.mark.parametrize("column", ["id", "duplicates"])
def test_a_catalogue_without_good_ids_is_refused(own_project: Path, column: str) -> None:
    table, meta = read_table(own_project / "catalogue.parquet")
    broken = table.drop(columns="id") if column == "id" else pd.concat([table, table.iloc[:1]])
    write_table(broken, own_project / "catalogue.parquet", meta)
    notice = open_project(own_project)
    assert isinstance(notice, Notice)
    assert notice.kind == "broken"
    assert "id" in notice.detail


def test_one_galaxy_alone_is_shown(own_project: Path) -> None:
    table, meta = read_table(own_project / "catalogue.parquet")
    write_table(table.iloc[:1], own_project / "catalogue.parquet", meta)
    state = ExploreState(own_project)
    assert state.size == 1
    assert state.positions.tolist() == [[0.5, 0.5]]
    assert state.colouring().legend["type"] in ("ramp", "categories")


def test_without_pictures_the_map_is_shown_with_a_remark(own_project: Path) -> None:
    shutil.rmtree(own_project / "cutouts")
    state = ExploreState(own_project)
    assert state.size == 400
    assert "galcat cutouts" in state.project.remarks[0]
    assert state.pictures.of(0) == []
    assert state.pictures.why_none(0) == "no pictures in this project"


def test_an_unfinished_store_and_broken_pairs_are_remarks(own_project: Path) -> None:
    (own_project / "cutouts/des/index.parquet").unlink()
    (own_project / "pairs.parquet").write_bytes(b"PAR1")
    project = open_project(own_project)
    assert isinstance(project, Project)
    told = " ".join(project.remarks)
    assert "not finished" in told
    assert "pairs.parquet" in told


def test_the_map_appears_when_the_catalogue_does(own_project: Path) -> None:
    catalogue = (own_project / "catalogue.parquet").rename(own_project / "later.parquet")
    state = ExploreState(own_project)
    assert state.project is None
    assert not state.refresh()
    catalogue.rename(own_project / "catalogue.parquet")
    assert state.stale()
    assert state.refresh()
    assert state.notice is None
    assert state.size == 400
    assert not state.stale()


def test_a_catalogue_without_probabilities_is_shown(own_project: Path) -> None:
    table, meta = read_table(own_project / "catalogue.parquet")
    kept = table[["id", "ra_deg", "dec_deg", "umap_x", "umap_y", "cluster"]]
    write_table(kept, own_project / "catalogue.parquet", {"kind": meta["kind"]})
    state = ExploreState(own_project)
    assert state.project.positive is None
    assert state.colour_by == "cluster"
    assert list(state.project.methods) == ["umap"]
    assert list(state.sorts) == ["catalogue", "id"]


def test_anyones_pictures_with_file_names_as_ids_are_shown(tmp_path: Path) -> None:
    rng, names = np.random.default_rng(1), [f"my galaxy {n}.jpg" for n in range(9)]
    table = pd.DataFrame({"id": names, "p_yes": rng.random(9), "umap_x": rng.random(9)})
    table.loc[2, "p_yes"] = np.nan
    Record(table.assign(umap_y=0.5, survey="unknown")).save(tmp_path / "catalogue.parquet")
    images = rng.integers(0, 255, (9, 16, 16, 3), np.uint8)
    write_store(tmp_path / "cutouts/mine", images, table[["id"]], survey="mine")
    state = ExploreState(tmp_path)
    assert state.pictures.count == 9
    assert [(p.survey, p.id) for p in state.pictures.of(4)] == [("mine", "my galaxy 4.jpg")]
    assert contents.look(state, 2)[0]["facts"] == [("yes", "–")]
    state.look_at(2)
    assert card_contents.card_content(state)["p"] is None
    assert state.listed_rows[-1] == 2  # what has no probability comes last
    state.find("my galaxy 7.jpg")
    assert state.focus == 7
