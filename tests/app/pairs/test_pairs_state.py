"""The Pairs page's state without a browser: pictures, links, the card, search, what is sent to the browser."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from galcat_app.state.pairs.page import PairsState
from galcat_app.state.pairs.review import FILE
from galcat_app.view import pairs_card, pairs_contents, pairs_where
from galcat_app.view.looks import looks
from galcat_app.view.pairs import PairsPage
from PIL import Image
from synthetic_pairs import joined
from synthetic_projects import FIRST_DES

from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore

N = 300


@pytest.fixture
def state(own_twins: Path) -> PairsState:
    return PairsState(own_twins)


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
    row = joined(state.path).iloc[4]
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
    assert len(pairs_where.sky_points(state)) == 8 * N
    assert pairs_where.sky_listed(state) == b""


def test_what_is_pointed_at_tells_separation_label_and_what_is_said(state: PairsState) -> None:
    state.say(4, {"bad_match": True, "label": "ring"})
    told, jpegs = looks({"rows": [4, N - 1]}, N, partial(pairs_where.look, state))
    both, one = told["looks"]
    away = state.project.table["separation_arcsec"]
    assert both["facts"][:2] == [("Separation", f"{away[4]:.3f}″"), ("Label", "ring")]
    assert both["facts"][-1] == ("Flagged", "Bad match")
    assert [p["buffer"] for p in both["pictures"]] == [0, 1]
    assert [p["share"] for p in both["pictures"]] == [16 / 24, 1.0]
    assert [p["buffer"] for p in one["pictures"]] == [2, None]
    assert one["pictures"][1]["why"] == "no tile covers it"
    shown, _ = state.pictures.of(4)
    assert jpegs[:2] == [shown["left"].data, shown["right"].data]
    state.choose_histogram("left.catalog.catalogue.modelMag_r")
    names = [name for name, _ in pairs_where.look(state, 4)[0]["facts"]]
    assert names == ["Separation", "Label", "SDSS modelMag_r", "Flagged"]
    for rows in ("1", [0] * 65, [N], [-1], [0.5], [True, {}]):
        with pytest.raises(GalcatError):
            looks({"rows": rows}, N, partial(pairs_where.look, state))


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
