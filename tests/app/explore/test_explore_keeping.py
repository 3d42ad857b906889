"""Labels and named selections: on disk at once, read back by galcat's verbs, never lost to another page."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from galcat_app.state.explore import sample
from galcat_app.state.explore.page import ExploreState
from galcat_app.view import card_contents, contents
from galcat_app.view.sample_contents import sample_content
from synthetic_projects import FIRST_DES

from galcat_core.cli import main
from galcat_core.errors import GalcatError
from galcat_core.records import Catalog, Predictions, Split
from galcat_core.tables import read_table, write_table

LABELS = "labels/by_hand.csv"


@pytest.fixture
def state(own_project: Path) -> ExploreState:
    return ExploreState(own_project)


def _split(project: Path) -> np.ndarray:
    """Write a split of the catalogue's galaxies, and return the label of each (None for half of them)."""
    table = read_table(project / "catalogue.parquet")[0]
    n = len(table)
    sets = np.resize(["train", "validation", "test", "unlabelled", "test", "unlabelled"], n)
    label = np.where(np.arange(n) % 7 == 0, "elliptical", "spiral").astype(object)
    label[sets == "unlabelled"] = None
    rows = {"survey": "des", "id": table["id"], "set": sets, "label": label}
    Split(pd.DataFrame({**rows, "certain": True, "group": np.arange(n)})).save(
        project / "split.parquet"
    )
    return label


def test_labels_are_on_disk_at_once_with_exact_ids(state: ExploreState) -> None:
    state.select([3, 5, 8])
    state.label(state.selected, "spiral")
    state.label([5], "elliptical")
    table = read_table(state.path / LABELS)[0]
    assert table["id"].tolist() == [FIRST_DES + 9, FIRST_DES + 15, FIRST_DES + 24]
    assert table["label"].tolist() == ["spiral", "elliptical", "spiral"]
    assert set(table["survey"]) == {"des"}
    assert pd.to_datetime(table["made_at"], utc=True).notna().all()
    again = ExploreState(state.path)
    assert again.labels.names[[3, 5, 8, 9]].tolist() == ["spiral", "elliptical", "spiral", None]
    assert again.labels.counts() == {"spiral": 2, "elliptical": 1}
    state.label([3, 4], None)
    assert read_table(state.path / LABELS)[0]["id"].tolist() == [FIRST_DES + 15, FIRST_DES + 24]
    assert "1 galaxy without a label of yours again" in state.remark


def test_labels_are_what_galcat_threshold_reads(
    state: ExploreState, capsys: pytest.CaptureFixture
) -> None:
    table = state.project.table
    columns = ["id", "p_elliptical", "p_spiral", "predicted", "run"]
    meta = {"classes": ["elliptical", "spiral"], "positive": "spiral"}
    Predictions(table[columns], None, meta).save(state.path / "predictions.parquet")
    p = table["p_spiral"].to_numpy()
    state.label(np.flatnonzero(p[:200] > 0.6), "spiral")
    state.label(np.flatnonzero(p[:200] <= 0.6), "elliptical")
    command = ["threshold", str(state.path / "predictions.parquet"), "--labels"]
    assert main([*command, str(state.path / LABELS), "--purity", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["n"] == 200
    assert told["of_class"] == (p[:200] > 0.6).sum()
    assert told["expected"]["threshold"] == pytest.approx(p[:200][p[:200] > 0.6].min(), abs=1e-6)


def test_a_kept_selection_is_a_catalogue_that_galcat_matches(state: ExploreState) -> None:
    rows = np.arange(10, 60, 5)
    state.select(rows)
    state.keep("odd-ones")
    file = state.path / "selections/odd-ones.parquet"
    kept = Catalog.load(file)
    assert kept.ids.tolist() == (FIRST_DES + 3 * rows).tolist()
    assert kept.survey == "des"
    whole, out = state.path / "whole.parquet", state.path / "matched.parquet"
    Catalog(state.project.table, None, {"survey": "des"}).save(whole)
    assert main(["match", str(file), str(whole), "-o", str(out)]) == 0
    assert read_table(out)[0]["right_id"].tolist() == kept.ids.tolist()


def test_kept_selections_come_back_and_can_be_removed(state: ExploreState) -> None:
    state.select([1, 2, 3])
    state.keep("a")
    state.select([3, 4])
    state.keep("b")
    assert [(k.name, k.count) for k in state.kept] == [("a", 3), ("b", 2)]
    with pytest.raises(GalcatError, match="'a' is kept already"):
        state.keep("a")
    state.take_up("a", "add")
    assert state.selected.tolist() == [1, 2, 3, 4]
    again = ExploreState(state.path)
    again.take_up("b")
    assert again.selected.tolist() == [3, 4]
    again.remove_kept("b")
    assert [k.name for k in again.kept] == ["a"]
    with pytest.raises(GalcatError, match=r"no selection 'b' is kept here \(any more\)"):
        state.take_up("b")
    state.catch_up()
    assert [k.name for k in state.kept] == ["a"]
    for name in ("../a", "", "a/b", ".a"):
        with pytest.raises(GalcatError, match="is no name for a file"):
            state.take_up(name)
    state.clear()
    with pytest.raises(GalcatError, match="nothing is selected"):
        state.keep("none")


def test_galaxies_that_left_the_catalogue_are_told(own_project: Path) -> None:
    state = ExploreState(own_project)
    state.select([1, 399])
    state.keep("a")
    table, meta = read_table(own_project / "catalogue.parquet")
    write_table(table.iloc[:100], own_project / "catalogue.parquet", meta)
    state.refresh()
    state.take_up("a")
    assert state.selected.tolist() == [1]
    assert state.remark == "1 of a is not in this catalogue"


def test_one_page_sees_what_another_labels_and_keeps(state: ExploreState) -> None:
    other = ExploreState(state.path)
    other.label([7], "spiral")
    other.select([7])
    other.keep("seven")
    assert state.labels.names[7] is None
    state.catch_up()
    assert state.labels.names[7] == "spiral"
    assert [k.name for k in state.kept] == ["seven"]
    assert not state.stale()  # what pages write themselves is no change of the project


def _label_some(project: Path, first: int) -> None:
    page = ExploreState(project)
    for row in range(first, first + 25):
        page.label([row], "spiral")


def test_pages_that_label_at_once_lose_nothing(own_project: Path) -> None:
    context = multiprocessing.get_context("spawn")
    pages = [context.Process(target=_label_some, args=(own_project, n)) for n in (0, 100, 200)]
    for page in pages:
        page.start()
    for page in pages:
        page.join()
    wanted = [*range(25), *range(100, 125), *range(200, 225)]
    ids = read_table(own_project / LABELS)[0]["id"]
    assert ids.tolist() == [FIRST_DES + 3 * row for row in wanted]


def test_a_page_killed_while_it_labels_leaves_a_whole_table(own_project: Path) -> None:
    code = (
        "import sys, itertools; from galcat_app.state.explore.page import ExploreState\n"
        "page = ExploreState(sys.argv[1])\n"
        "for n in itertools.count():\n"
        "    page.label([n % 400], 'spiral'); print(n, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(own_project)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page:
        done = 0
        while done < 20:
            done = int(page.stdout.readline())
        os.kill(page.pid, signal.SIGKILL)
    again = ExploreState(own_project)
    assert again.labels.own[:done].all()
    again.label([399], "elliptical")  # no lock is left behind
    assert again.labels.names[399] == "elliptical"


def test_a_foreign_or_broken_table_of_labels_is_told_and_kept(own_project: Path) -> None:
    file = own_project / LABELS
    file.parent.mkdir()
    file.write_text("name,what\nx,y\n")
    state = ExploreState(own_project)
    assert any("labels/by_hand.csv cannot be read" in remark for remark in state.project.remarks)
    with pytest.raises(GalcatError, match="move it away"):
        state.label([1], "spiral")
    assert file.read_text() == "name,what\nx,y\n"


@pytest.mark.parametrize("name", ["", " ", "=1+1", "a\nb", "x" * 41, "<b>", "a,b", "@x"])
def test_what_is_no_label_is_refused(state: ExploreState, name: str) -> None:
    with pytest.raises(GalcatError, match="is no label"):
        state.label([1], name)
    assert not (state.path / LABELS).exists()


def test_votes_and_sets_of_the_split_are_shown_and_own_labels_go_before_them(
    own_project: Path,
) -> None:
    label = _split(own_project)
    state = ExploreState(own_project)
    assert state.labels.names.tolist() == label.tolist()
    assert {"known", "set"} <= set(state.colour_choices)
    state.label([0], "merger")
    state.choose_colour("known")
    shown = state.colouring()
    counts = {entry["name"]: entry["count"] for entry in shown.legend["entries"]}
    want = pd.Series([*label[1:], "merger"]).value_counts().to_dict()
    assert counts == want
    assert shown.legend["missing_name"] == "without a label"
    state.choose_colour("set")
    names = [entry["name"] for entry in state.colouring().legend["entries"]]
    assert names == ["train", "validation", "test", "unlabelled"]
    state.look_at(0)
    assert card_contents.known_content(state) == {
        "row": 0,
        "label": "merger",
        "own": True,
        "classes": ["spiral", "elliptical", "merger"],
    }
    assert ("Set", "train") in card_contents.card_content(state)["facts"]
    assert contents.gallery_tools(state)["labels"] == [("merger", 1)]


def test_a_new_label_colours_the_map_anew(state: ExploreState) -> None:
    assert "known" not in state.colour_choices
    state.label([1, 2], "spiral")
    state.choose_colour("known")
    assert (state.colouring().codes != 255).sum() == 2
    state.label([5], "spiral")
    assert (state.colouring().codes != 255).sum() == 3
    state.label([1, 2, 5], None)
    assert state.colour_by == "p_spiral"  # nothing is known any more
    assert "known" not in state.colour_choices


def test_completeness_and_purity_are_counted_on_labels_that_no_network_learnt_from(
    own_project: Path,
) -> None:
    label = _split(own_project)
    state = ExploreState(own_project)
    state.label([3], "elliptical")  # of the unlabelled
    label[3] = "elliptical"
    sets = read_table(own_project / "split.parquet")[0]["set"].to_numpy()
    judged = pd.notna(label) & ~np.isin(sets, ["train", "validation"])
    p = state.project.table["p_spiral"].to_numpy()
    found = sample.sample(state.project, state.labels, "spiral")
    for step in (0, 137, 500, 999, 1000):
        chosen = p >= step / 1000
        assert found.chosen[step] == chosen.sum()
        assert found.judged[step] == (chosen & judged).sum()
        assert found.right[step] == (chosen & judged & (label == "spiral")).sum()
    assert found.of_class == (judged & (label == "spiral")).sum()
    assert found.learnt == (pd.notna(label) & ~judged).sum()
    other = sample.sample(state.project, state.labels, "elliptical")
    assert other.right[0] == other.of_class == (judged & (label == "elliptical")).sum()
    state.choose_sampled("elliptical")
    assert sample_content(state)["name"] == "elliptical"


def test_a_threshold_selects_exactly_what_is_at_or_above_it(state: ExploreState) -> None:
    p = state.project.table["p_spiral"].to_numpy()
    state.pick_sample("spiral", 732)
    assert np.array_equal(state.selected, np.flatnonzero(p >= 0.732))
    state.pick_sample("spiral", 732, False)
    assert np.array_equal(state.selected, np.flatnonzero(p < 0.732))
    for step in (-1, 1001, 0.5, True, None):
        with pytest.raises(GalcatError, match="from 0 to 1000"):
            state.pick_sample("spiral", step)
    with pytest.raises(GalcatError, match="no probability of 'id'"):
        state.pick_sample("id", 5)
