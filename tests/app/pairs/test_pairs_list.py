"""The list of pairs without a browser: order, filters, pages, what is drawn on the sky, the histogram."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from galcat_app.state.pairs.page import PairsState
from galcat_app.state.pairs.sky import sky_map
from synthetic_pairs import joined
from synthetic_projects import FIRST_SDSS

from galcat_core.errors import GalcatError

N = 300
MAG, LABEL = "left.catalog.catalogue.modelMag_r", "label"


@pytest.fixture
def state(own_twins: Path) -> PairsState:
    return PairsState(own_twins)


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
    wanted = joined(state.path)
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


def test_each_bar_of_the_histogram_has_the_listed_pair_nearest_to_its_middle(
    state: PairsState,
) -> None:
    state.narrow({"key": MAG, "how": "between", "low": None, "high": 17})
    edges, _, listed = state.histogram()
    examples, values = state.examples(), state.known.numbers("separation_arcsec")
    assert np.array_equal(examples >= 0, listed > 0)
    for bar in np.flatnonzero(listed):
        middle = (edges[bar] + edges[bar + 1]) / 2
        inside = state.kept & (values >= edges[bar]) & (values <= edges[bar + 1])
        assert inside[examples[bar]]
        nearest = np.abs(values[inside] - middle).min()
        assert np.abs(values[examples[bar]] - middle) == pytest.approx(nearest, abs=1e-12)
