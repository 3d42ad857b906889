"""Tabs with the Pairs page, and what tests do in them."""

from __future__ import annotations

from typing import Any

from galcat_app import Server
from visits import Visit


def opened(chromium: Any, server: Server) -> Visit:
    visit = Visit(chromium, f"{server.url}pairs", reduced_motion="reduce")
    visit.page.wait_for_selector(".g-pair-cell img")
    visit.page.wait_for_selector(".g-pair-figures img")
    visit.page.wait_for_selector(".g-pair-sky .g-stage[data-view]")
    return visit


def listed(visit: Visit) -> list[str]:
    """SDSS ids of the whole list, page by page."""
    page, found = visit.page, []
    page.locator(".g-pairs-list .g-body").press("Home")
    page.wait_for_selector("button[aria-label='Previous page']:disabled")
    while True:
        ids = page.locator(".g-pair-cell").evaluate_all(
            "(all) => all.map((cell) => cell.dataset.id)"
        )
        found += ids
        if page.get_by_label("Next page").is_disabled():
            return found
        page.get_by_label("Next page").click()
        page.wait_for_function(
            "(id) => document.querySelector('.g-pair-cell')?.dataset.id !== id", arg=ids[0]
        )


def narrow(visit: Visit, column: str, low: str = "", high: str = "") -> None:
    page = visit.page
    page.locator(".g-filter > summary").click()
    page.get_by_label("Column", exact=True).select_option(column)
    form = page.locator(".g-filter form")
    form.get_by_label("From").wait_for()
    form.get_by_label("From").fill(low)
    form.get_by_label("To").fill(high)
    form.get_by_role("button", name="Apply").click()


def selected(visit: Visit, number: int) -> None:
    """Wait until so many pairs are selected, and those of the page are ticked."""
    if not number:
        visit.page.wait_for_selector(".g-selected-bar", state="hidden")
        return
    visit.page.wait_for_selector(f".g-selected-bar[data-count='{number}']:visible")
    words = f"{number:,} pair{'' if number == 1 else 's'} selected"
    assert visit.page.locator(".g-selected-count").inner_text() == words


def ticked(visit: Visit) -> list[int]:
    """Rows of the selected pairs on the page."""
    found = visit.page.locator("[data-tick]:checked").evaluate_all(
        "(all) => all.map((box) => Number(box.dataset.tick))"
    )
    return [*map(int, found)]
