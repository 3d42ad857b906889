"""The Explore page's state without a browser: colours, pictures, gallery, search, export, messages."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from galcat_app.state import palettes
from galcat_app.state.explore.page import ExploreState
from galcat_app.view import card_contents, contents
from galcat_app.view.explore import Explore
from PIL import Image
from synthetic_projects import FIRST_DES, FIRST_SDSS, is_picture_of

from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore, Flag
from galcat_core.tables import read_table, write_table


@pytest.fixture
def state(project: Path) -> ExploreState:
    return ExploreState(project)


def test_choices_come_with_the_useful_ones_first(state: ExploreState) -> None:
    assert list(state.project.methods.values()) == ["t-SNE", "UMAP"]
    names = list(state.colour_choices)
    assert names[:4] == ["p_spiral", "predicted", "cluster", "uncertainty"]
    assert {"MAG_AUTO_G", "redshift", "flags"} <= set(names)
    assert not {"id", "tsne_x", "survey", "run"} & set(names)  # one value only, or no colour


def test_positions_fill_the_unit_square_with_one_scale(state: ExploreState) -> None:
    places = state.positions
    raw = state.project.table[["tsne_x", "tsne_y"]].to_numpy()
    assert np.nanmin(places) >= 0
    assert np.nanmax(places) <= 1
    assert np.isnan(places[-2:]).all()
    assert np.allclose(
        np.linalg.norm(places[3] - places[7]) / np.linalg.norm(places[3] - places[9]),
        np.linalg.norm(raw[3] - raw[7]) / np.linalg.norm(raw[3] - raw[9]),
    )


def test_probability_codes_follow_the_probability(state: ExploreState) -> None:
    shown = state.colouring()
    p = state.project.table["p_spiral"].to_numpy()
    assert np.array_equal(shown.codes, np.rint(p * 254).astype(np.uint8))
    assert shown.legend["ends"] == ["elliptical", "spiral"]
    assert sum(shown.legend["histogram"]) == 400
    assert len(shown.palette["light"]) == len(shown.palette["dark"]) == 255


def test_categories_are_counted_and_cluster_minus_one_is_none(state: ExploreState) -> None:
    state.choose_colour("cluster")
    shown, cluster = state.colouring(), state.project.table["cluster"]
    assert [(e["name"], e["count"]) for e in shown.legend["entries"]] == [
        ("0", (cluster == 0).sum()),
        ("1", (cluster == 1).sum()),
    ]
    assert shown.legend["missing"] == (cluster == -1).sum()
    assert set(shown.codes[cluster == -1]) <= {palettes.MISSING}
    state.choose_colour("predicted")
    assert [e["name"] for e in state.colouring().legend["entries"]] == ["elliptical", "spiral"]


def test_numbers_without_value_have_no_colour(state: ExploreState) -> None:
    state.choose_colour("redshift")
    shown, redshift = state.colouring(), state.project.table["redshift"]
    assert np.array_equal(shown.codes == palettes.MISSING, redshift.isna())
    order = np.argsort(redshift[redshift.notna()])
    assert (np.diff(shown.codes[redshift.notna()][order].astype(int)) >= 0).all()


def test_what_cannot_be_shown_is_refused_with_the_legal_choices(state: ExploreState) -> None:
    with pytest.raises(
        GalcatError, match=r"cannot be coloured by 'clusters'.*Did you mean 'cluster'"
    ):
        state.choose_colour("clusters")
    with pytest.raises(GalcatError, match=r"no map 'tsen'.*Did you mean 'tsne'"):
        state.choose_method("tsen")
    assert (state.colour_by, state.method) == ("p_spiral", "tsne")


# What dichromats see (Vienot, Brettel & Mollon 1999, Color Res. Appl. 24, 243), on linear RGB.
DICHROMATS = {
    "protan": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deutan": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
}


def _seen(colours: list[str], eyes: str) -> np.ndarray:
    linear = palettes.to_rgb(colours) ** 2.2 @ np.array(DICHROMATS[eyes]).T
    return palettes.to_oklab(np.clip(linear, 0, 1) ** (1 / 2.2))


@pytest.mark.parametrize("eyes", list(DICHROMATS))
@pytest.mark.parametrize("theme", palettes.THEMES)
def test_colours_stay_apart_for_colour_blind_eyes(theme: str, eyes: str) -> None:
    ends = _seen(palettes.class_pair()[theme], eyes)
    assert np.linalg.norm(ends[0] - ends[1]) > 0.22
    few = _seen(palettes.categories(4)[theme], eyes)
    apart = np.linalg.norm(few[:, None] - few[None], axis=2)
    assert apart[~np.eye(4, dtype=bool)].min() > 0.09
    steps = np.linalg.norm(
        np.diff(_seen(palettes.ramp(palettes.SEQUENTIAL[theme], 9), eyes), axis=0), axis=1
    )
    assert steps.min() > 0.03


def test_a_picture_is_that_of_the_row_and_ids_are_exact(state: ExploreState, project: Path) -> None:
    for row in (0, 17, 200, 395):
        own = state.pictures.of(row)[0]
        identity = int(state.project.table["id"].iloc[row])
        assert own.id == str(identity) == str(FIRST_DES + 3 * row)
        shown = np.asarray(Image.open(io.BytesIO(own.jpeg)))
        assert is_picture_of(shown, CutoutStore.open(project / "cutouts/des"), identity)


def test_a_twin_comes_second_and_only_where_there_is_one(state: ExploreState) -> None:
    assert [p.survey for p in state.pictures.of(4)] == ["DES", "SDSS"]
    assert state.pictures.of(4)[1].id == str(FIRST_SDSS + 4)
    assert [p.survey for p in state.pictures.of(30)] == ["DES"]
    card = _card(state, 4)
    assert ("SDSS twin", str(FIRST_SDSS + 4)) in card["facts"]


def test_a_row_without_picture_says_why(state: ExploreState) -> None:
    assert state.pictures.of(399) == []
    assert state.pictures.why_none(399) == "no tile covers it"
    assert state.pictures.count == 396


def _card(state: ExploreState, row: int) -> dict:
    state.look_at(row)
    return card_contents.card_content(state)


def test_the_card_tells_flags_in_words_and_all_columns(state: ExploreState) -> None:
    flags = state.project.table["flags"].to_numpy()
    row = int(np.flatnonzero(flags & Flag.MASKED)[0])
    card = _card(state, row)
    assert any("Bad pixels" in text for text in card["flags"])
    assert [name for name, *_ in card["columns"]] == list(state.project.table.columns)
    assert card["pictures"][0]["bar"] == {"arcsec": 5, "fraction": 5 / 16}
    assert ("ra_deg", "right ascension (J2000)") in [
        (name, note) for name, _, note in card["columns"]
    ]
    assert contents.value_text(float("nan")) == "–"
    assert _card(state, -1) == {"row": -1}


def test_the_gallery_goes_through_the_selection_in_order(state: ExploreState) -> None:
    rows = np.arange(0, 300, 3)
    state.select(rows.tolist())
    assert state.pages == 5
    p = state.project.table["p_spiral"].to_numpy()
    assert np.array_equal(state.listed_rows, rows[np.argsort(-p[rows], kind="stable")])
    state.turn_to(99)
    assert state.page == 4
    assert len(state.page_rows()) == 100 - 4 * 24
    state.choose_sort("unsure")
    assert state.page == 0
    assert np.abs(p[state.page_rows()] - 0.5).max() <= np.sort(np.abs(p[rows] - 0.5))[23]
    state.clear()
    assert contents.gallery_content(state)["title"] == "All galaxies"
    assert len(state.listed_rows) == 400


def test_a_click_on_the_legend_selects_its_galaxies(state: ExploreState) -> None:
    state.choose_colour("predicted")
    state.pick(1)
    predicted = state.project.table["predicted"]
    assert np.array_equal(state.selected, np.flatnonzero(predicted == "spiral"))
    state.pick(0, "add")
    assert len(state.selected) == 400


def test_selected_bits_are_those_rows(state: ExploreState) -> None:
    state.select([0, 9, 399])
    bits = np.unpackbits(np.frombuffer(contents.map_selected(state), np.uint8), bitorder="little")
    assert np.flatnonzero(bits).tolist() == [0, 9, 399]


def test_search_finds_ids_by_their_beginning(state: ExploreState) -> None:
    whole = str(FIRST_DES + 3 * 44)
    state.find(whole)
    assert state.focus == 44
    assert state.search(whole) == [whole]
    assert len(state.search("1008")) == 8
    with pytest.raises(GalcatError, match="several ids begin with 1008"):
        state.find("1008")
    with pytest.raises(GalcatError, match="no galaxy here has the id 12"):
        state.find("12")
    assert state.search("") == []


@pytest.mark.parametrize(
    ("kind", "suffix"), [("csv", ".csv"), ("votable", ".vot"), ("parquet", ".parquet")]
)
def test_an_export_reads_back_with_exact_ids(own_project: Path, kind: str, suffix: str) -> None:
    state = ExploreState(own_project)
    state.select([3, 5, 8])
    path = state.export(kind, "odd-ones")
    assert path == own_project / "exports" / f"odd-ones{suffix}"
    table, meta = read_table(path)
    assert table["id"].tolist() == [FIRST_DES + 9, FIRST_DES + 15, FIRST_DES + 24]
    assert list(table.columns) == list(state.project.table.columns)
    assert meta["provenance"]["stage"] == "explore"
    assert meta["provenance"]["inputs"].keys() == {"catalogue.parquet"}
    assert "exports/odd-ones" in state.remark
    again = state.export(kind, "odd-ones")
    assert again.name == f"odd-ones-2{suffix}"
    assert again.read_bytes() == path.read_bytes()


def test_exports_stay_in_their_folder_and_need_a_selection(own_project: Path) -> None:
    state = ExploreState(own_project)
    with pytest.raises(GalcatError, match="nothing is selected"):
        state.export("csv")
    state.select([1])
    for name in ("../out", "/etc/passwd", "", ".hidden", "a" * 65, "a\nb"):
        with pytest.raises(GalcatError, match="is no name for a file"):
            state.export("csv", name)
    with pytest.raises(GalcatError, match="legal are csv, votable, parquet"):
        state.export("exe")
    assert not (own_project / "exports").exists()


HOSTILE = [
    None,
    "text",
    {"kind": ["focus"]},
    {"kind": "focus", "row": "1; drop"},
    {"kind": "focus", "row": 400},
    {"kind": "focus", "row": 1.5},
    {"kind": "focus", "row": None},
    {"kind": "look", "rows": list(range(65))},
    {"kind": "look", "rows": [-1]},
    {"kind": "look", "rows": "all"},
    {"kind": "draw", "shape": "box", "points": [[0, 0], [1]]},
    {"kind": "draw", "shape": "box", "points": [[0, 0], [1, 1]], "mode": {}},
    {"kind": "method", "key": "__dict__"},
    {"kind": "colour", "key": {"a": 1}},
    {"kind": "pick", "code": "x"},
    {"kind": "page", "page": 1e99},
    {"kind": "sort", "key": "id); import os"},
    {"kind": "export", "format": "csv", "name": "../../x"},
    {"kind": "find", "text": "9" * 10_000},
    {"kind": "search", "text": {"x": 1}},
    {"kind": "label", "name": "x"},
    {"kind": "label", "name": {"a": 1}},
    {"kind": "label", "row": 400, "name": "spiral"},
    {"kind": "label", "row": "all", "name": "spiral"},
    {"kind": "keep", "name": "../../x"},
    {"kind": "take", "name": "/etc/passwd"},
    {"kind": "remove", "name": "../catalogue"},
    {"kind": "similar", "row": -1, "number": 8},
    {"kind": "similar", "row": [1, 2], "number": 8},
    {"kind": "similar", "row": 3, "number": 1e9},
    {"kind": "neighbours", "row": "1"},
    {"kind": "upload", "name": "x.png", "number": 8},
    {"kind": "upload", "name": 7, "number": 8, "buffers": ["/etc/passwd"]},
    {"kind": "upload look", "pid": 1},
    {"kind": "upload stop"},
    {"kind": "class", "name": "__init__"},
    {"kind": "pick", "name": "spiral", "step": "500", "above": True},
    {"kind": "pick", "name": ["spiral"], "step": 500},
    {"kind": "nothing that there is"},
]


@pytest.mark.parametrize("message", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_messages_change_nothing_and_break_nothing(project: Path, message: object) -> None:
    page = Explore(project)
    for panel in (page.map, page.gallery, page.card, page.threshold, page.header, page.notice):
        panel.receive(message)
    assert "(" not in page.header.said["text"].partition("did not work")[2]  # nothing unforeseen
    assert len(page.state.selected) == 0
    assert page.state.focus == -1
    assert (page.state.method, page.state.colour_by) == ("tsne", "p_spiral")


def test_messages_of_the_page_reach_the_state_and_come_back_as_content(project: Path) -> None:
    page = Explore(project)
    page.map.receive(
        {"kind": "draw", "shape": "box", "points": [[0.5, 0], [1, 1]], "mode": "replace"}
    )
    inside = np.flatnonzero(page.state.positions[:, 0] >= 0.5)
    assert np.array_equal(page.state.selected, inside)
    assert page.map.count == page.gallery.content["count"] == len(inside)
    page.gallery.receive({"kind": "focus", "row": 7})
    assert page.card.content["id"] == str(FIRST_DES + 21)
    assert page.map.focus == page.gallery.focus == 7
    page.map.receive({"kind": "method", "key": "umap"})
    assert np.frombuffer(page.map.points, "<f4").shape == (800,)
    assert page.map.content["method"] == "umap"
    page.header.receive({"kind": "find", "text": "nobody"})
    assert page.header.said["kind"] == "error"


def test_an_unforeseen_mistake_is_one_line_in_the_page(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    page = Explore(project)
    page.map.handlers["focus"] = lambda _: 1 / 0
    page.map.receive({"kind": "focus", "row": 1})
    assert "ZeroDivisionError" in page.header.said["text"]
    assert "Traceback" not in page.header.said["text"]
    assert "Traceback" in caplog.text


def test_a_page_rendered_before_the_catalogue_shows_it_on_hello(own_project: Path) -> None:
    catalogue = (own_project / "catalogue.parquet").rename(own_project / "later.parquet")
    page = Explore(own_project)
    assert page.children == (page.header, page.notice)
    catalogue.rename(own_project / "catalogue.parquet")
    page.header.receive({"kind": "hello"})
    assert page.children == (page.header, page.body)
    assert page.gallery.content["count"] == 400


def test_changed_files_are_offered_not_forced(own_project: Path) -> None:
    page = Explore(own_project)
    table, meta = read_table(own_project / "catalogue.parquet")
    write_table(table.iloc[:100], own_project / "catalogue.parquet", meta)
    page.header.receive({"kind": "ping"})
    assert page.header.content["stale"]
    assert page.state.size == 400
    page.header.receive({"kind": "refresh"})
    assert page.state.size == 100
    assert not page.header.content["stale"]


def test_a_kernel_of_the_page_loads_nothing_heavy() -> None:
    heavy = {
        "tensorflow",
        "keras",
        "umap",
        "sklearn",
        "astropy",
        "galsim",
        "numba",
        "matplotlib",
        "scipy",
    }
    code = "import sys, galcat_app.view.explore; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.split())
