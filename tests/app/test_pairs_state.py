"""The Pairs page's state without a browser: lists, filters, sky, review on disk, exports, broken folders."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import galcat
from galcat_app.state.folder import Notice
from galcat_app.state.matches import open_matches
from galcat_app.state.pairs import PairsState
from galcat_app.state.pairs_review import FILE, MARKS
from galcat_app.state.pairs_sky import sky_map
from galcat_app.view import pairs_card, pairs_contents
from galcat_app.view.pairs import PairsPage
from PIL import Image
from synthetic_pairs import make_pairs_project
from synthetic_projects import FIRST_DES, FIRST_SDSS

from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore
from galcat_core.records import Pairs, Review, Split
from galcat_core.tables import read_table, write_table

N = 300
MAG, LABEL = "left.catalog.catalogue.modelMag_r", "label"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pairs_project(tmp_path_factory.mktemp("pairs") / "twins", N)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "twins"))


@pytest.fixture
def state(folder: Path) -> PairsState:
    return PairsState(folder)


def table(state: PairsState) -> pd.DataFrame:
    """Pairs joined with both catalogues by pandas, to compare with."""
    sides = [
        read_table(state.path / f"catalogs/{survey}.parquet")[0].add_prefix(f"{side}_")
        for side, survey in (("left", "sdss"), ("right", "des"))
    ]
    joined = state.project.table.copy()
    for side in sides:
        joined = joined.merge(side, how="left")
    return joined


# ---- what is joined -------------------------------------------------------------------------------


def test_columns_are_joined_by_exact_ids(state: PairsState) -> None:
    wanted = table(state)
    for key, name in (
        (MAG, "left_modelMag_r"),
        ("right.catalog.catalogue.MAG_AUTO_R", "right_MAG_AUTO_R"),
        ("separation_arcsec", "separation_arcsec"),
    ):
        assert np.array_equal(state.known.numbers(key), wanted[name].to_numpy(float))
    told = read_table(state.path / "predictions/des_by_sdss.parquet")[0].set_index("id")["p_spiral"]
    p = state.known.numbers("right.predictions.des_by_sdss.p_spiral")
    assert np.array_equal(p, told.loc[wanted["right_id"]].to_numpy())
    votes = read_table(state.path / "galaxy_zoo.csv.gz")[0].set_index("OBJID")["P_CS_DEBIASED"]
    key = "left.votes.votes.P_CS_DEBIASED"
    assert np.array_equal(state.known.numbers(key), votes.loc[wanted["left_id"]].to_numpy())
    assert state.known["left_id"].kind == "id"
    assert state.known.series("left_id").tolist() == wanted["left_id"].tolist()


def test_a_side_that_a_table_does_not_know_is_missing_and_ids_stay_whole(folder: Path) -> None:
    des, meta = read_table(folder / "catalogs/des.parquet")
    des["twin_id"] = 9_007_199_254_740_993 + np.arange(len(des))  # no floats
    write_table(des.iloc[: N // 2], folder / "catalogs/des.parquet", meta)
    state = PairsState(folder)
    known = state.known.series("right.catalog.catalogue.twin_id")
    assert known.isna().sum() == N - N // 2
    assert known[0] == 9_007_199_254_740_993
    assert np.isnan(state.known.numbers("right.catalog.catalogue.MAG_AUTO_R")[-1])
    # positions of the others come from their pictures
    assert np.isfinite(state.positions["right"][: N - 6]).all()


def test_offsets_agree_with_the_separation_across_right_ascension_zero(state: PairsState) -> None:
    east, north = (state.known.numbers(f"{axis}_arcsec") for axis in ("east", "north"))
    away = state.project.table["separation_arcsec"]
    assert np.allclose(np.hypot(east, north), away, atol=2e-5)


def test_agreement_compares_both_surveys_predictions(state: PairsState) -> None:
    codes, words = state.known.words("agree")
    told = [
        state.known.series(f"{side}.predictions.{name}.predicted")
        for side, name in (("left", "sdss_by_sdss"), ("right", "des_by_sdss"))
    ]
    assert words == ["no", "yes"]
    assert np.array_equal(codes == 1, (told[0] == told[1]).to_numpy())


# ---- the list -------------------------------------------------------------------------------------


def test_the_list_is_sorted_both_ways_with_the_missing_last(state: PairsState) -> None:
    z = state.known.numbers("left.catalog.catalogue.redshift")
    known = np.isfinite(z).sum()
    for descending in (False, True):
        state.choose_sort("left.catalog.catalogue.redshift", descending)
        listed = z[state.listed_rows]
        assert np.isnan(listed[known:]).all()
        assert (np.diff(listed[:known]) * (-1 if descending else 1) >= 0).all()
    state.choose_sort("right_id", False)
    assert (np.diff(state.project.table["right_id"].to_numpy()[state.listed_rows]) > 0).all()
    state.choose_sort(LABEL, True)
    labels = state.known.series(LABEL)[state.listed_rows].tolist()
    assert labels[0] == "spiral"
    rows = state.listed_rows[: labels.count("spiral")]
    assert (np.diff(rows) > 0).all()  # equal ones stay in the order of the file


def test_filters_are_exact_and_hold_together(state: PairsState) -> None:
    wanted = table(state)
    state.narrow({"key": "separation_arcsec", "how": "between", "low": 0.1, "high": 0.25})
    state.narrow({"key": MAG, "how": "between", "low": None, "high": 17})
    state.narrow({"key": LABEL, "how": "is", "words": ["spiral"]})
    expected = wanted["separation_arcsec"].between(0.1, 0.25) & (wanted["left_modelMag_r"] <= 17)
    expected &= wanted["left_label"] == "spiral"
    assert 5 < expected.sum() < N
    assert sorted(state.listed_rows) == np.flatnonzero(expected).tolist()
    state.narrow({"key": MAG, "how": "between", "low": 16, "high": 17})  # instead of the first
    assert len(state.filters) == 3
    state.widen(MAG)
    state.widen("separation_arcsec")
    assert len(state.listed_rows) == (wanted["left_label"] == "spiral").sum()
    state.narrow({"key": LABEL, "how": "missing"})
    assert len(state.listed_rows) == wanted["left_label"].isna().sum() > 0
    state.narrow({"key": "left_id", "how": "has", "text": str(FIRST_SDSS)[:-2] + "1"})
    state.widen(LABEL)
    assert len(state.listed_rows) == 10
    state.clear()
    assert len(state.listed_rows) == N


def test_the_ends_of_a_range_belong_to_it(state: PairsState) -> None:
    one = float(state.project.table["separation_arcsec"].iloc[7])
    state.narrow({"key": "separation_arcsec", "how": "between", "low": one, "high": one})
    assert state.listed_rows.tolist() == [7]


HOSTILE = [
    {"key": "nothing", "how": "missing"},
    {"key": None, "how": "missing"},
    {"key": ["separation_arcsec"], "how": "missing"},
    {"key": "separation_arcsec", "how": "is", "words": ["1"]},
    {"key": "separation_arcsec", "how": "between"},
    {"key": "separation_arcsec", "how": "between", "low": "1", "high": None},
    {"key": "separation_arcsec", "how": "between", "low": float("nan"), "high": 1},
    {"key": "separation_arcsec", "how": "between", "low": 2, "high": 1},
    {"key": "separation_arcsec", "how": "between", "low": True, "high": 1},
    {"key": "label", "how": "is", "words": ["comet"]},
    {"key": "label", "how": "is", "words": []},
    {"key": "label", "how": "is", "words": "spiral"},
    {"key": "label", "how": "between", "low": 1},
    {"key": "left_id", "how": "has", "text": ""},
    {"key": "left_id", "how": "has", "text": "1" * 300},
    {"key": "label", "how": {"deep": 1}},
]


@pytest.mark.parametrize("message", HOSTILE, ids=lambda message: json.dumps(message)[:60])
def test_conditions_that_make_no_sense_are_refused(state: PairsState, message: dict) -> None:
    with pytest.raises(GalcatError):
        state.narrow(message)
    assert state.filters == ()


def test_paging_and_stepping_go_together(state: PairsState) -> None:
    assert state.pages == 13
    assert state.focus == state.listed_rows[0]
    state.step(30)
    assert (state.page, state.focus) == (1, state.listed_rows[30])
    state.turn_to(99)
    assert state.page == 12
    assert state.focus == state.listed_rows[12 * 24]
    state.step(10_000)
    assert state.focus == state.listed_rows[-1]
    state.look_at(int(state.listed_rows[100]))
    assert state.page == 4
    for bad in (True, 1.5, "2", None, -1, N):
        with pytest.raises(GalcatError, match="whole number"):
            state.look_at(bad)
    for bad in (True, 0.5, "x", 10**20):
        with pytest.raises(GalcatError, match="whole number"):
            state.turn_to(bad)


def test_what_is_drawn_on_the_sky_is_listed_exactly(state: PairsState) -> None:
    places = state.sky.places
    inside = ((places >= [0.2, 0.4]) & (places <= [0.7, 0.6])).all(axis=1)
    state.draw("box", [[0.2, 0.4], [0.7, 0.6]])
    assert sorted(state.listed_rows) == np.flatnonzero(inside).tolist()
    more = ((places >= [0, 0]) & (places <= [0.1, 1])).all(axis=1)
    state.draw("box", [[0, 0], [0.1, 1]], "add")
    assert len(state.listed_rows) == (inside | more).sum()
    state.narrow({"key": "separation_arcsec", "how": "between", "low": 0.1, "high": None})
    assert len(state.listed_rows) < (inside | more).sum()
    state.draw("box", [[-1, -1], [2, 2]], "remove")
    assert len(state.listed_rows) == 0
    assert state.focus == -1
    state.step(1)
    state.clear()
    assert len(state.listed_rows) == N
    for shape, points, mode in (
        ("star", [[0, 0]], "add"),
        ("box", "x", "add"),
        ("box", [[0, 0], [1, 1]], []),
    ):
        with pytest.raises(GalcatError):
            state.draw(shape, points, mode)


def test_the_sky_has_east_left_and_is_cut_where_nothing_is() -> None:
    ra, dec = np.array([359.0, 0.0, 1.0, np.nan]), np.array([0.0, 1.0, 0.5, 3.0])
    sky = sky_map(ra, dec)
    assert (np.diff(sky.places[:3, 0]) < 0).all()  # right ascension grows to the left
    assert np.isnan(sky.places[3]).all()
    back = (sky.ra[0] + sky.ra[1] * sky.places[:3, 0]) % 360
    assert np.allclose((back - ra[:3] + 180) % 360 - 180, 0, atol=1e-9)
    assert np.allclose(sky.dec[0] + sky.dec[1] * sky.places[:3, 1], dec[:3])
    assert sky.places[1, 1] > sky.places[0, 1]
    alone = sky_map(np.array([10.0]), np.array([89.9]))
    assert np.isfinite(alone.places).all()
    stripe = sky_map(np.linspace(0, 60, 50), np.sin(np.arange(50.0)))
    assert stripe.stretched
    assert np.ptp(stripe.places[:, 1]) > 0.5


def test_the_histogram_counts_every_pair_once(state: PairsState) -> None:
    state.narrow({"key": "separation_arcsec", "how": "between", "low": 0.1, "high": 0.2})
    edges, every, listed = state.histogram()
    assert every.sum() == N
    assert listed.sum() == len(state.listed_rows)
    assert edges[0] == 0
    state.choose_histogram("left.catalog.catalogue.redshift")
    assert state.histogram()[1].sum() == np.isfinite(state.known.numbers(state.histogram_of)).sum()
    with pytest.raises(GalcatError, match="no numbers"):
        state.choose_histogram("label")


# ---- pictures and links ---------------------------------------------------------------------------


def test_pictures_are_those_of_the_pair_at_one_scale(state: PairsState) -> None:
    stores = {
        side: CutoutStore.open(state.path / f"cutouts/{survey}")
        for side, survey in (("left", "sdss"), ("right", "des"))
    }
    for row in (0, 17, 250):
        shown, frame = state.pictures.of(row, whole=True)
        assert frame == 24.0
        assert (shown["left"].share, shown["right"].share) == (16 / 24, 1.0)
        for side, store in stores.items():
            stored = store.images(store.rows_of([state.project.ids(side)[row]]))[0]
            assert np.array_equal(np.asarray(Image.open(io.BytesIO(shown[side].data))), stored)
    shown, frame = state.pictures.of(N - 1)
    assert (shown["right"].data, shown["right"].why) == (None, "no tile covers it")
    assert frame == 16.0


def test_links_go_to_the_place_of_the_pair(state: PairsState) -> None:
    links = dict(pairs_card.card_content(state)["links"])
    ra, dec = state.positions["left"][state.focus]
    assert set(links) == {"Legacy Survey", "SDSS", "Aladin"}
    for address in links.values():
        assert address.startswith("https://")
        assert f"{ra:.6f}" in address
        assert f"{dec:.6f}" in address


def test_the_card_tells_both_sides(state: PairsState) -> None:
    state.look_at(4)
    card = pairs_card.card_content(state)
    row = table(state).iloc[4]
    assert card["ids"] == {"left": str(row["left_id"]), "right": str(row["right_id"])}
    assert ("r (mag)", f"{row['left_modelMag_r']:.2f}", f"{row['right_MAG_AUTO_R']:.2f}") in card[
        "sides"
    ]
    assert [told["survey"] for told in card["predictions"]] == ["SDSS", "DES"]
    facts = dict(card["facts"])
    assert facts["Separation"] == f"{row['separation_arcsec']:.3f}″"
    assert "votes" in facts["Votes"]
    assert len(card["columns"]) == len(state.known.all)


def test_only_the_page_is_sent(state: PairsState) -> None:
    assert len(pairs_contents.list_content(state)["cells"]) == 24
    assert len(pairs_contents.list_pictures(state)) == 24
    assert len(pairs_contents.sky_points(state)) == 8 * N
    assert pairs_contents.sky_listed(state) == b""


# ---- the review -----------------------------------------------------------------------------------


def test_what_is_said_is_on_disk_at_once_and_comes_back(state: PairsState) -> None:
    state.say(3, {"bad_match": True})
    state.say(5, {"label": "ring", "note": " a faint   ring "})
    state.say(9, {"good": True})
    kept = Review.load(state.path / FILE).table.set_index("left_id")
    ids = state.project.table
    assert kept.loc[ids["left_id"][3], "bad_match"]
    assert kept.loc[ids["left_id"][3], "right_id"] == ids["right_id"][3]
    assert kept.loc[ids["left_id"][5], "note"] == "a faint ring"
    again = PairsState(state.path)
    assert again.reviews.of(5)["label"] == "ring"
    assert again.reviews.counts == {"reviewed": 3, "flagged": 1, "relabelled": 1}
    assert "ring" in again.classes
    again.narrow({"key": "review.flagged", "how": "is", "words": ["yes"]})
    assert again.listed_rows.tolist() == [3]
    again.say(3, {"bad_match": False})
    assert again.listed_rows.tolist() == []
    assert len(Review.load(state.path / FILE)) == 2  # nothing is said of it any more


def test_good_takes_all_marks_away_but_keeps_that_it_was_looked_at(state: PairsState) -> None:
    state.say(3, {"bad_left_image": True})
    state.say(3, {"good": True})
    said = state.reviews.of(3)
    assert not any(said[name] for name in MARKS)
    assert said["reviewed_at"] is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"bad_match": "yes"},
        {"label": "x" * 65},
        {"label": 5},
        {"note": ["a"]},
        {"rm": True},
        "bad",
        None,
        {"label": "a\x00b"},
    ],
)
def test_words_that_cannot_be_said_change_nothing(state: PairsState, changes: object) -> None:
    with pytest.raises(GalcatError):
        state.say(3, changes)
    assert not (state.path / FILE).exists()


def test_two_pages_at_once_lose_nothing(folder: Path) -> None:
    one, two = PairsState(folder), PairsState(folder)
    one.say(1, {"bad_match": True})
    two.say(2, {"label": "spiral"})
    two.say(1, {"note": "really"})
    one.reread_review()
    assert one.reviews.of(2)["label"] == "spiral"
    assert one.reviews.of(1)["bad_match"]
    assert one.reviews.of(1)["note"] == "really"


WRITER = """
import sys
from galcat_app.state.pairs import PairsState
state = PairsState(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for row in range(int(sys.argv[2]), int(sys.argv[3])):
    state.say(row, {"bad_match": True})
print("done", flush=True)
sys.stdin.readline()
"""


def test_processes_that_write_together_and_one_that_is_killed_lose_nothing(folder: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(first), str(first + 15)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for first in (0, 100)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in started:
        assert process.stdout.readline() == "done\n"
        process.send_signal(signal.SIGKILL)  # no farewell: all is on disk already
        process.wait()
        process.stdin.close()
        process.stdout.close()
    state = PairsState(folder)
    flagged = np.flatnonzero(state.reviews.over_all("flagged"))
    assert flagged.tolist() == [*range(15), *range(100, 115)]


def test_a_broken_review_is_told_and_never_overwritten(folder: Path) -> None:
    (folder / FILE).write_bytes(b"PAR1 half of it")
    state = PairsState(folder)
    assert "cannot be read" in " ".join(state.remarks)
    with pytest.raises(GalcatError, match=FILE):
        state.say(1, {"bad_match": True})
    assert (folder / FILE).read_bytes() == b"PAR1 half of it"
    (folder / FILE).unlink()
    state.reread_review()
    assert state.remarks == []


def test_a_review_of_pairs_that_are_gone_is_kept(folder: Path) -> None:
    state = PairsState(folder)
    state.say(0, {"bad_match": True})
    state.say(N - 1, {"label": "ring"})
    pairs = Pairs.load(folder / "pairs.parquet")
    Pairs(pairs.table.iloc[: N // 2], None, pairs.meta).save(folder / "pairs.parquet")
    assert state.refresh()
    assert "1 reviewed pairs are not among the pairs" in " ".join(state.remarks)
    state.say(1, {"bad_match": True})
    assert len(Review.load(folder / FILE)) == 3


# ---- exports --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "suffix"), [("csv", ".csv"), ("votable", ".vot"), ("parquet", ".parquet")]
)
def test_an_exported_review_is_read_by_match_and_split(
    state: PairsState, kind: str, suffix: str
) -> None:
    ids = state.project.table
    state.say(3, {"bad_match": True})
    state.say(4, {"bad_right_image": True})
    state.say(5, {"label": "ring"})
    for row in range(20, 29):
        state.say(row, {"label": "ring"})
    path = state.export("reviewed", kind, "mine")
    assert path == state.path / f"exports/mine{suffix}"
    again = Review.load(path).table.set_index("left_id")
    assert set(again.index) == set(ids["left_id"].iloc[[3, 4, 5, *range(20, 29)]])
    assert again.loc[ids["left_id"][4], "right_id"] == ids["right_id"][4]
    p = state.path
    split = ("split", p / "catalogs/sdss.parquet", p / "catalogs/des.parquet")
    assert (
        galcat(*split, "--pairs", p / "pairs.parquet", "--review", path, "-o", p / "new.parquet")
        == 0
    )
    sets = Split.load(p / "new.parquet").table.set_index("id")
    assert sets.loc[ids["left_id"][5], "label"] == sets.loc[ids["right_id"][5], "label"] == "ring"
    assert ids["right_id"][4] not in sets.index
    assert ids["left_id"][4] in sets.index
    match = ("match", p / "catalogs/sdss.parquet", p / "catalogs/des.parquet")
    assert galcat(*match, "--review", path, "-o", p / "better.parquet") == 0
    better = set(Pairs.load(p / "better.parquet").table["left_id"])
    assert set(ids["left_id"]) - better == {ids["left_id"][3]}


def test_the_list_is_exported_as_pairs(state: PairsState) -> None:
    with pytest.raises(GalcatError, match="nothing is flagged yet"):
        state.export("reviewed", "csv", "x")
    state.narrow({"key": "separation_arcsec", "how": "between", "low": None, "high": 0.1})
    state.choose_sort("separation_arcsec", True)
    path = state.export("listed", "csv", "close")
    wanted = state.project.table[state.project.table["separation_arcsec"] <= 0.1]
    again = Pairs.load(path)
    assert again.table["right_id"].tolist() == wanted["right_id"].tolist()
    assert again.meta["left_survey"] == "sdss"
    assert "galcat split --pairs" in state.remark
    for what, kind, name in (
        ("all", "csv", "x"),
        ("listed", "exe", "x"),
        ("listed", "csv", "../x"),
        ("listed", [], None),
    ):
        with pytest.raises(GalcatError):
            state.export(what, kind, name)


# ---- folders in every state -----------------------------------------------------------------------


def test_a_folder_without_pairs_says_what_to_do(tmp_path: Path) -> None:
    assert "galcat demo" in _commands(open_matches(tmp_path / "nowhere"))
    assert "galcat demo" in _commands(open_matches(tmp_path))
    (tmp_path / "catalogs").mkdir()
    assert "galcat match" in _commands(open_matches(tmp_path))


def _commands(notice: object) -> str:
    assert isinstance(notice, Notice)
    return " | ".join(command for command, _ in notice.commands)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_half_written_pairs_are_a_message(folder: Path, kept: float) -> None:
    file = folder / "pairs.parquet"
    file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)])
    state = PairsState(folder)
    assert state.notice.kind == "broken"
    assert "pairs.parquet" in state.notice.detail


def test_pairs_alone_are_shown(folder: Path) -> None:
    for name in ("catalogs", "cutouts", "predictions"):
        shutil.rmtree(folder / name)
    (folder / "split.parquet").unlink()
    (folder / "galaxy_zoo.csv.gz").unlink()
    state = PairsState(folder)
    assert state.size == N
    told = " ".join(state.remarks)
    assert "galcat cutouts" in told
    assert "galcat select" in told
    assert pairs_card.card_content(state)["links"] == []
    assert pairs_contents.sky_content(state)["placed"] == 0
    state.say(0, {"bad_match": True})
    assert pairs_contents.list_content(state)["cells"][0]["separation"].endswith("″")
    assert (
        pairs_contents.list_pictures(state)[str(state.focus)]["left"]["why"]
        == "no pictures in this project"
    )


@pytest.mark.parametrize(
    "file",
    [
        "catalogs/des.parquet",
        "split.parquet",
        "predictions/des_by_sdss.parquet",
        "galaxy_zoo.csv.gz",
        "cutouts/des/index.parquet",
    ],
)
def test_one_broken_table_is_a_remark_and_the_rest_is_shown(folder: Path, file: str) -> None:
    (folder / file).write_bytes(b"not a table at all")
    state = PairsState(folder)
    assert state.size == N
    assert sum(("left out" in remark) or ("No pictures" in remark) for remark in state.remarks) >= 1
    pairs_card.card_content(state)
    pairs_contents.list_content(state)


def test_a_missing_shard_is_told_at_its_pictures(folder: Path) -> None:
    for shard in (folder / "cutouts/des").glob("shard-*.npy"):
        shard.unlink()
    state = PairsState(folder)
    shown, _ = state.pictures.of(0)
    assert shown["right"].why == "its file is missing or damaged"
    assert shown["left"].data is not None


def test_no_pair_at_all_and_one_alone(folder: Path) -> None:
    pairs = Pairs.load(folder / "pairs.parquet")
    for number in (1, 0):
        Pairs(pairs.table.iloc[:number], None, pairs.meta).save(folder / "pairs.parquet")
        page = PairsPage(folder)
        assert page.state.size == number
        assert page.list.content["count"] == number
        assert page.card.content["row"] == (0 if number else -1)


def test_a_page_of_names_instead_of_numbers(tmp_path: Path) -> None:
    ids = [f"galaxy {k}" for k in range(9)]
    rows = pd.DataFrame({"left_id": ids, "right_id": [f"J{k}" for k in range(9)]})
    rows = rows.assign(separation_arcsec=0.5, ambiguous=False)
    Pairs(rows, None, {"left_survey": "mine", "right_survey": "yours"}).save(
        tmp_path / "pairs.parquet"
    )
    state = PairsState(tmp_path)
    state.find("galaxy 7")
    assert state.focus == 7
    state.say(7, {"bad_match": True})
    again = PairsState(tmp_path)
    assert again.reviews.of(7)["bad_match"]
    again.narrow({"key": "right_id", "how": "has", "text": "j7"})
    assert again.listed_rows.tolist() == [7]


def test_search_finds_either_survey(state: PairsState) -> None:
    right = str(state.project.ids("right")[50])
    state.find(right)
    assert state.focus == 50
    assert right in state.search(right[:-1])
    with pytest.raises(GalcatError, match="several ids begin with"):
        state.find(str(FIRST_DES)[:6])
    with pytest.raises(GalcatError, match="no galaxy here"):
        state.find("nothing")
    ra, dec = state.positions["left"][70]
    state.find(f"{ra:.5f} {dec:.5f}")
    assert state.focus == 70
    assert "away" in state.remark


def test_a_page_survives_messages_that_make_no_sense(state: PairsState) -> None:
    page = PairsPage(state.path)
    for panel in (page.list, page.sky, page.histogram, page.card):
        for kind in panel.handlers:
            for message in (
                {},
                {
                    "row": "x",
                    "key": {},
                    "by": [],
                    "page": None,
                    "changes": 3,
                    "points": {},
                    "keys": 1,
                },
            ):
                panel.receive({"kind": kind, **message})
        panel.receive("no dict")
        panel.receive({"kind": ["odd"]})
    assert "did not work" not in page.header.said["text"]
    assert page.state.size == N
    assert not (state.path / FILE).exists()


def test_a_flag_does_not_send_the_pictures_again(state: PairsState) -> None:
    page = PairsPage(state.path)
    sent: list[str] = []
    for panel in (page.list, page.card, page.sky):
        panel.observe(lambda change: sent.append(change["name"]), ["pictures", "points", "codes"])
    page.card.receive({"kind": "say", "row": page.state.focus, "changes": {"bad_match": True}})
    assert sent == []
    assert page.card.content["said"]["bad_match"]
    assert page.list.content["cells"][0]["marks"] == ["bad_match"]
    assert page.header.content["counts"][3] == ("1", "flagged")
