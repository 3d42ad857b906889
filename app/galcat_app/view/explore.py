"""The Explore page: header, map, card and gallery around one `ExploreState`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import traitlets

from galcat_app.state.explore import ExploreState
from galcat_app.view import contents
from galcat_app.view.page import Page
from galcat_app.view.panel import Panel, front
from galcat_core.errors import GalcatError

MOST_LOOKS = 64


class Map(Panel):
    """The points; large things are traits of their own, so that only what changes is sent."""

    _esm = front("map", "scatter", "legend")
    points = traitlets.Bytes().tag(sync=True)
    codes = traitlets.Bytes().tag(sync=True)
    selected = traitlets.Bytes().tag(sync=True)
    count = traitlets.Int().tag(sync=True)
    focus = traitlets.Int(-1).tag(sync=True)


class Gallery(Panel):
    """Selected galaxies as pictures or table."""

    _esm = front("gallery")
    focus = traitlets.Int(-1).tag(sync=True)


class Card(Panel):
    """One galaxy."""

    _esm = front("card")


class Explore(Page):
    """The Explore page of a project folder; display it as the last value of a notebook cell.

    Parameters
    ----------
    path : str or Path
        The project folder.
    """

    name = "Explore"

    def __init__(self, path: str | Path) -> None:
        super().__init__(ExploreState(path))

    def build(self) -> ipywidgets.Widget:
        """Return the body: the map to the left, card and gallery to the right."""
        state = self.state
        self.map = Map(
            {
                "method": lambda m: state.choose_method(_text(m, "key")),
                "colour": lambda m: state.choose_colour(_text(m, "key")),
                "draw": lambda m: state.draw(m.get("shape"), m.get("points"), m.get("mode")),
                "pick": lambda m: state.pick(m.get("code"), m.get("mode")),
                "focus": lambda m: state.look_at(m.get("row")),
                "clear": lambda m: state.clear(),
                "look": self.show_looks,
            },
            self.tell,
        )
        self.card = Card({"focus": lambda m: state.look_at(m.get("row"))}, self.tell)
        self.gallery = Gallery(
            {
                "focus": lambda m: state.look_at(m.get("row")),
                "page": lambda m: state.turn_to(m.get("page")),
                "sort": lambda m: state.choose_sort(_text(m, "key")),
                "clear": lambda m: state.clear(),
                "export": lambda m: state.export(_text(m, "format"), _text(m, "name")),
            },
            self.tell,
        )
        state.observe(lambda _: self.fill_map(), ["method"])
        state.observe(lambda _: self.fill_colours(), ["colour_by"])
        state.observe(lambda _: self.fill_selected(), ["selected"])
        state.observe(lambda _: self.fill_gallery(), ["selected", "sort", "page"])
        state.observe(lambda _: self.fill_card(), ["focus"])
        side = ipywidgets.Box([self.card, self.gallery]).add_class("g-side")
        return ipywidgets.Box([self.map, side]).add_class("g-explore")

    def fill(self) -> None:
        """Show the project that the state has now."""
        with self.map.hold_sync():
            self.fill_map()
            self.map.codes = contents.map_codes(self.state)
            self.fill_selected()
        self.fill_gallery()
        self.fill_card()

    def fill_map(self) -> None:
        if self.state.project is None:
            return
        with self.map.hold_sync():
            self.map.points = contents.map_points(self.state)
            self.map.content = contents.map_content(self.state)

    def fill_colours(self) -> None:
        if self.state.project is None:
            return
        with self.map.hold_sync():
            self.map.codes = contents.map_codes(self.state)
            self.map.content = contents.map_content(self.state)

    def fill_selected(self) -> None:
        if self.state.project is None:
            return
        with self.map.hold_sync():
            self.map.selected = contents.map_selected(self.state)
            self.map.count = len(self.state.selected)

    def fill_gallery(self) -> None:
        if self.state.project is not None:
            self.gallery.content = contents.gallery_content(self.state)

    def fill_card(self) -> None:
        self.card.content = contents.card_content(self.state)
        self.map.focus = self.gallery.focus = self.state.focus

    def show_looks(self, message: dict[str, Any]) -> None:
        """Send the pictures of some rows to the map."""
        rows = message.get("rows")
        if not isinstance(rows, list) or len(rows) > MOST_LOOKS:
            raise GalcatError(f"at most {MOST_LOOKS} galaxies can be looked at at once")
        if self.state.project is None:
            return
        told, jpegs = contents.looks(self.state, self.state.checked(np.array(rows)))
        self.map.send(told, buffers=jpegs)


def _text(message: dict[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str):
        raise GalcatError(f"'{key}' is a text")
    return value
