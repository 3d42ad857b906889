"""The sky and the histogram of the Pairs page in a real Chromium: what is drawn, dragged, pointed at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from galcat_app.state.pairs.page import PairsState
from matplotlib.path import Path as Outline
from pairs_visits import listed
from synthetic_projects import is_picture_of
from visits import Visit

from galcat_core.images.store import CutoutStore

pytestmark = pytest.mark.browser

N = 300


def test_a_lasso_on_the_sky_lists_exactly_what_it_encloses(visit: Visit, state: PairsState) -> None:
    page, stage = visit.page, visit.box
    visit.page.locator(".g-pair-sky [data-key=lasso]").check()
    turn = np.linspace(0, 2 * np.pi, 31)[:-1]
    centre = np.array([stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2])
    path = np.round(
        centre + (70 + 20 * np.sin(3 * turn))[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    )
    inside = np.flatnonzero(Outline(path).contains_points(visit.screen(state.sky.places)))
    assert 10 < len(inside) < N - 10
    visit.drag(path)
    page.wait_for_selector(f".g-pairs-list .g-count:text-is('{len(inside)} of {N}')")
    wanted = inside[np.argsort(state.known.numbers("separation_arcsec")[inside], kind="stable")]
    assert listed(visit) == [str(state.project.ids("left")[row]) for row in wanted]
    assert page.locator(".g-histogram-plot").get_attribute("data-listed") == str(len(inside))
    page.locator(".g-pair-sky .g-stage").press("Escape")
    page.wait_for_selector(f".g-pairs-list .g-count:text-is('{N}')")


def test_a_pair_is_looked_at_by_a_click_on_the_sky(visit: Visit, state: PairsState) -> None:
    places = state.sky.places
    away = np.linalg.norm(places[:, None] - places[None], axis=2) + 9 * np.eye(N)
    row = int(away.min(axis=1).argmax())  # the loneliest
    ((x, y),) = visit.screen(places[[row]])
    visit.page.mouse.click(x, y)
    visit.page.wait_for_selector(f".g-pair-card[data-row='{row}']")
    visit.page.wait_for_selector(f".g-pair-cell.g-current[data-row='{row}']")


def test_what_is_pointed_at_on_the_sky_shows_both_its_pictures(
    visit: Visit, twins: Path, state: PairsState
) -> None:
    page, places = visit.page, state.sky.places
    away = np.linalg.norm(places[:, None] - places[None], axis=2) + 9 * np.eye(N)
    row = int(away.min(axis=1)[: N - 6].argmax())
    ((x, y),) = visit.screen(places[[row]])
    page.mouse.move(x, y)
    tip = f".g-tip[data-row='{row}'][data-state=whole]"
    page.wait_for_selector(tip)
    for n, (side, survey) in enumerate((("left", "sdss"), ("right", "des")), 1):
        shown = visit.image(f"{tip} figure:nth-of-type({n}) img")
        store = CutoutStore.open(twins / f"cutouts/{survey}")
        assert is_picture_of(shown, store, int(state.project.ids(side)[row]))
    wide = [page.locator(f"{tip} img").nth(n).bounding_box()["width"] for n in (0, 1)]
    assert wide[0] / wide[1] == pytest.approx(16 / 24, rel=0.02)
    told = page.locator(tip).inner_text()
    assert f"{state.project.table['separation_arcsec'][row]:.3f}″" in told
    assert str(state.known.series("label")[row]) in told
    page.mouse.move(2, 2)
    page.wait_for_selector(".g-tip", state="hidden")


def test_keys_point_on_the_sky_as_the_pointer_does(visit: Visit, state: PairsState) -> None:
    page, places, focus = visit.page, state.sky.places, int(state.listed_rows[0])
    stage = page.locator(".g-pair-sky .g-stage")
    stage.press("Shift+ArrowRight")  # it begins with the pair that is looked at
    page.wait_for_selector(f".g-tip[data-row='{focus}']:visible")
    offset = places - places[focus]
    ahead = (offset[:, 0] > 0) & (np.abs(offset[:, 1]) <= offset[:, 0])
    row = int(np.flatnonzero(ahead)[np.hypot(*offset[ahead].T).argmin()])
    stage.press("Shift+ArrowRight")
    page.wait_for_selector(f".g-tip[data-row='{row}'][data-state=whole]")
    told = page.locator(".g-pair-sky [role=status]").inner_text()
    assert f"{state.project.table['separation_arcsec'][row]:.3f} arcseconds" in told
    stage.press("Enter")
    page.wait_for_selector(f".g-pair-card[data-row='{row}']")
    stage.press("Escape")
    page.wait_for_selector(".g-tip", state="hidden")


def test_a_bar_of_the_histogram_shows_one_of_its_pairs(visit: Visit, state: PairsState) -> None:
    page, plot = visit.page, visit.page.locator(".g-histogram-plot")
    edges, _, listed = state.histogram()
    bar, box = int(listed.argmax()), plot.bounding_box()
    row = int(state.examples()[bar])
    page.mouse.move(box["x"] + (bar + 0.5) / len(listed) * box["width"], box["y"] + 20)
    tip = f".g-histogram .g-tip[data-row='{row}'][data-state=whole]"
    page.wait_for_selector(f"{tip}:visible")
    assert f"{listed[bar]} pairs" in page.locator(tip).inner_text()
    assert edges[bar] <= state.project.table["separation_arcsec"][row] <= edges[bar + 1]
    page.mouse.move(2, 2)
    page.wait_for_selector(".g-histogram .g-tip", state="hidden")
    plot.press("ArrowRight")  # the first bar that has a pair
    first = int(state.examples()[np.flatnonzero(listed)[0]])
    page.wait_for_selector(f".g-histogram .g-tip[data-row='{first}'][data-state=whole]")
    plot.press("ArrowRight")
    second = int(state.examples()[np.flatnonzero(listed)[1]])
    page.wait_for_selector(f".g-histogram .g-tip[data-row='{second}'][data-state=whole]")
    plot.press("Enter")
    page.wait_for_selector(f".g-pair-card[data-row='{second}']")
    plot.press("Escape")


def test_the_histogram_narrows_the_list_by_drag_and_by_numbers(
    visit: Visit, state: PairsState
) -> None:
    page = visit.page
    plot = page.locator(".g-histogram-plot").bounding_box()
    y = plot["y"] + plot["height"] / 2
    edges = state.histogram()[0]
    low, high = (float(f"{edges[-1] * part:.4g}") for part in (0.25, 0.5))
    visit.drag(np.array([[plot["x"] + plot["width"] * part, y] for part in (0.25, 0.3, 0.5)]))
    page.wait_for_selector(".g-chip:has-text('Separation')")
    shown = [
        float(page.locator(".g-histogram").get_by_label(name, exact=True).input_value())
        for name in ("From", "to")
    ]
    assert shown == pytest.approx([low, high], abs=edges[-1] / plot["width"] * 1.5)
    away = state.known.numbers("separation_arcsec")
    count = int(((away >= shown[0]) & (away <= shown[1])).sum())
    page.wait_for_selector(f".g-pairs-list .g-count:text-is('{count} of {N}')")
    less = float(f"{sum(shown) / 2:.3f}")
    page.locator(".g-histogram").get_by_label("to", exact=True).fill(str(less))
    page.keyboard.press("Enter")
    count = int(((away >= shown[0]) & (away <= less)).sum())
    page.wait_for_selector(f".g-pairs-list .g-count:text-is('{count} of {N}')")
