"""The Pairs page: sky and histogram, list, and the pair that is looked at, around one `PairsState`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from galcat_app.state.pairs.page import PairsState
from galcat_app.view import pairs_card, pairs_where
from galcat_app.view import pairs_contents as contents
from galcat_app.view.looks import looks
from galcat_app.view.page import Page
from galcat_app.view.panel import Panel, front, style


class PairSky(Panel):
    """Where the pairs are; large things are traits of their own, so that only what changes is sent."""

    _esm = front("pairs/sky", "scatter", "hover", "plane", "hand")
    points = traitlets.Bytes().tag(sync=True)
    codes = traitlets.Bytes().tag(sync=True)
    listed = traitlets.Bytes().tag(sync=True)
    focus = traitlets.Int(-1).tag(sync=True)
    said = traitlets.Int(0).tag(sync=True)


class PairHistogram(Panel):
    """How many pairs have which separation, or any other number."""

    _esm = front("pairs/histogram", "hover")
    said = traitlets.Int(0).tag(sync=True)
    at = traitlets.Float(None, allow_none=True).tag(sync=True)


class PairList(Panel):
    """The pairs as pictures or table, page by page; the page's main panel."""

    _esm = front("pairs/list", "pairs/menus", "pairs/cells", "pairs/selected")
    _css = style("pairs/pairs")
    columns = traitlets.List().tag(sync=True)
    pictures = traitlets.Dict().tag(sync=True)
    selected = traitlets.Dict({"count": 0, "here": []}).tag(sync=True)
    focus = traitlets.Int(-1).tag(sync=True)


class PairCard(Panel):
    """One pair."""

    _esm = front("pairs/card", "pairs/stretch")
    pictures = traitlets.Dict().tag(sync=True)
    selected = traitlets.Int(0).tag(sync=True)


class PairsPage(Page):
    """The Pairs page of a project folder; display it as the last value of a notebook cell.

    Parameters
    ----------
    path : str or Path
        The project folder.
    """

    name = "Pairs"

    def __init__(self, path: str | Path) -> None:
        super().__init__(PairsState(path))

    def build(self) -> ipywidgets.Widget:
        """Return the body: sky and histogram, the list, the pair that is looked at."""
        state = self.state
        look = {
            "focus": lambda m: state.select(m.get("row"), m.get("how", "alone")),
            "step": lambda m: state.step(m.get("by"), m.get("keep")),
            "page": lambda m: state.turn_to(m.get("page")),
            "say": lambda m: state.say(m.get("row"), m.get("changes")),
            "say all": lambda m: state.say_all(m.get("changes")),
        }
        narrow = {
            "narrow": lambda m: state.narrow(m),
            "widen": lambda m: state.widen(m.get("key")),
            "clear": lambda m: state.clear(),
            "wipe": lambda m: state.wipe(),
        }
        self.sky = PairSky(
            {
                **look,
                "draw": lambda m: state.draw(m.get("shape"), m.get("points"), m.get("mode")),
                "wipe": lambda m: state.wipe(),
                "look": lambda m: self.show_looks(self.sky, m),
            },
            self.tell,
        )
        self.histogram = PairHistogram(
            {
                **narrow,
                "count": lambda m: state.choose_histogram(m.get("key")),
                "focus": look["focus"],
                "look": lambda m: self.show_looks(self.histogram, m),
            },
            self.tell,
        )
        self.list = PairList(
            {
                **look,
                **narrow,
                "select all": lambda m: state.select_all(),
                "select none": lambda m: state.select_none(),
                "tick": lambda m: state.tick(),
                "extend": lambda m: state.extend(m.get("by")),
                "undo": lambda m: state.undo(),
                "redo": lambda m: state.redo(),
                "sort": lambda m: state.choose_sort(m.get("key"), m.get("descending")),
                "columns": lambda m: state.choose_columns(m.get("keys")),
                "choices": lambda m: self.list.send(contents.choices(state, m.get("key"))),
                "export": lambda m: state.export(m.get("what"), m.get("format"), m.get("name")),
            },
            self.tell,
        )
        press = {"press": lambda m: state.press(m.get("name"), m.get("label"))}
        self.card = PairCard({**look, **press}, self.tell)
        self._observe()
        where = ipywidgets.Box([self.sky, self.histogram]).add_class("g-pairs-where")
        return ipywidgets.Box([where, self.list, self.card]).add_class("g-pairs")

    def _observe(self) -> None:
        on = self.state.observe
        chosen = ["filters", "drawn"]
        on(lambda _: self.fill_listed(), chosen)
        on(lambda _: self.fill_list(), [*chosen, "sort", "descending", "page", "columns"])
        on(lambda _: self.fill_card(), [*chosen, "sort", "descending", "focus"])
        on(lambda _: self.fill_colours(), ["histogram_of"])
        on(lambda _: self.fill_selected(), ["selected", "page", "undoable", "redoable"])
        on(lambda _: self.fill_review(), ["reviewed"])

    def fill(self) -> None:
        """Show the project that the state has now."""
        state = self.state
        self.list.columns = contents.column_groups(state)
        with self.sky.hold_sync():
            self.sky.points = pairs_where.sky_points(state)
        self.fill_colours()
        self.fill_listed()
        self.fill_list()
        self.fill_selected()
        self.fill_card()

    def fill_colours(self) -> None:
        """Show the column that is counted in the histogram and coloured on the sky."""
        if self.state.project is None:
            return
        with self.sky.hold_sync():
            self.sky.codes = self.state.sky_codes().tobytes()
            self.sky.content = pairs_where.sky_content(self.state)
        self.histogram.content = pairs_where.histogram_content(self.state)
        self.histogram.at = pairs_where.at_value(self.state)

    def fill_listed(self) -> None:
        """Show which pairs are in the list."""
        if self.state.project is None:
            return
        with self.sky.hold_sync():
            self.sky.listed = pairs_where.sky_listed(self.state)
            self.sky.content = pairs_where.sky_content(self.state)
        self.histogram.content = pairs_where.histogram_content(self.state)

    def fill_list(self) -> None:
        if self.state.project is None:
            return
        with self.list.hold_sync():
            self.list.pictures = contents.list_pictures(self.state)
            self.list.content = contents.list_content(self.state)

    def fill_selected(self) -> None:
        """Show which pairs are selected, and what is said of them."""
        if self.state.project is None:
            return
        told = contents.selected_content(self.state)
        self.list.selected = told
        self.card.selected = told["count"]

    def fill_card(self) -> None:
        """Show the pair that is looked at, in all panels."""
        state = self.state
        with self.card.hold_sync():
            self.card.pictures = pairs_card.card_pictures(state)
            self.card.content = pairs_card.card_content(state)
        self.list.focus = self.sky.focus = state.focus
        if state.project is not None:
            self.histogram.at = pairs_where.at_value(state)

    def fill_review(self) -> None:
        """Show what is said of the pairs now."""
        if self.state.project is None:
            return
        self.fill_header()
        self.sky.said = self.histogram.said = self.state.reviewed
        if any(one.key.startswith("review.") for one in self.state.filters):
            self.fill_listed()
        self.fill_list()
        self.fill_selected()
        self.fill_card()

    def show_looks(self, panel: Panel, message: dict[str, Any]) -> None:
        """Send what hovering over some pairs shows to a panel."""
        if self.state.project is not None:
            look = partial(pairs_where.look, self.state)
            told, jpegs = looks(message, self.state.size, look)
            panel.send(told, buffers=jpegs)

    def remarks(self) -> list[str]:
        return self.state.remarks

    def answer(self) -> None:
        """Tell the browser that the kernel lives; show what other pages flagged meanwhile."""
        self.state.reread_review()
        super().answer()
