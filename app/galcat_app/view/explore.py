"""The Explore page: header, map, card and gallery around one `ExploreState`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from galcat_app.state.explore.page import ExploreState
from galcat_app.view import card_contents, contents
from galcat_app.view.looks import looks
from galcat_app.view.page import Page
from galcat_app.view.panel import Panel, front
from galcat_app.view.sample_contents import sample_content
from galcat_core.errors import GalcatError


class Map(Panel):
    """The points; large things are traits of their own, so that only what changes is sent."""

    _esm = front("explore/map", "scatter", "hover", "plane", "hand", "explore/legend")
    points = traitlets.Bytes().tag(sync=True)
    codes = traitlets.Bytes().tag(sync=True)
    selected = traitlets.Bytes().tag(sync=True)
    count = traitlets.Int().tag(sync=True)
    focus = traitlets.Int(-1).tag(sync=True)


class Gallery(Panel):
    """Selected galaxies as pictures or table, and what can be done with them."""

    _esm = front("explore/gallery", "explore/actions")
    focus = traitlets.Int(-1).tag(sync=True)
    tools = traitlets.Dict().tag(sync=True)


class Card(Panel):
    """One galaxy; what comes later or changes by itself has a trait of its own."""

    _esm = front("explore/card")
    known = traitlets.Dict({"row": -1}).tag(sync=True)
    neighbours = traitlets.Dict({"row": -1}).tag(sync=True)


class Threshold(Panel):
    """Probabilities of a class, and what a threshold on them chooses."""

    _esm = front("explore/threshold")


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
        """Return the body: map and threshold to the left, card and gallery to the right."""
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
        self.card = Card(
            {
                "focus": lambda m: state.look_at(m.get("row")),
                "neighbours": lambda m: self.show_neighbours(m.get("row")),
                "similar": lambda m: state.ask_galaxy(m.get("row"), m.get("number")),
                "label": lambda m: state.label([m.get("row")], _label(m)),
            },
            self.tell,
        )
        self.threshold = Threshold(
            {
                "class": lambda m: state.choose_sampled(_text(m, "name")),
                "pick": lambda m: state.pick_sample(
                    _text(m, "name"), m.get("step"), m.get("above")
                ),
            },
            self.tell,
        )
        self.gallery = Gallery(self.gallery_handlers(), self.tell)
        state.observe(lambda _: self.fill_map(), ["method"])
        state.observe(lambda _: self.fill_colours(), ["colour_by"])
        state.observe(lambda _: self.fill_selected(), ["selected"])
        state.observe(lambda _: self.fill_gallery(), ["selected", "sort", "page", "query"])
        state.observe(lambda _: self.fill_tools(), ["kept", "upload_status", "upload_step"])
        state.observe(lambda _: self.fill_card(), ["focus", "found"])
        state.observe(lambda _: self.fill_threshold(), ["sampled"])
        state.observe(lambda _: self.fill_labels(), ["labelled"])
        main = ipywidgets.Box([self.map, self.threshold]).add_class("g-main")
        side = ipywidgets.Box([self.card, self.gallery]).add_class("g-side")
        return ipywidgets.Box([main, side]).add_class("g-explore")

    def gallery_handlers(self) -> dict[str, Callable[[dict], Any]]:
        """Return what the gallery can ask for."""
        state = self.state
        return {
            "focus": lambda m: state.look_at(m.get("row")),
            "page": lambda m: state.turn_to(m.get("page")),
            "sort": lambda m: state.choose_sort(_text(m, "key")),
            "clear": lambda m: state.clear(),
            "export": lambda m: state.export(_text(m, "format"), _text(m, "name")),
            "label": lambda m: state.label(state.selected, _label(m)),
            "keep": lambda m: state.keep(_text(m, "name")),
            "take": lambda m: state.take_up(_text(m, "name"), m.get("mode")),
            "remove": lambda m: state.remove_kept(_text(m, "name")),
            "similar": lambda m: state.ask_selection(m.get("number")),
            "upload": lambda m: state.ask_picture(_text(m, "name"), _file(m), m.get("number")),
            "upload soon": lambda m: state.expect_picture(),
            "upload look": lambda m: state.look_after_upload(),
            "upload stop": lambda m: state.stop_upload(),
        }

    def fill(self) -> None:
        """Show the project that the state has now."""
        with self.map.hold_sync():
            self.fill_map()
            self.map.codes = contents.map_codes(self.state)
            self.fill_selected()
        self.fill_gallery()
        self.fill_tools()
        self.fill_threshold()
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
        with self.card.hold_sync():
            self.card.known = card_contents.known_content(self.state)
            self.card.content = card_contents.card_content(self.state)
        self.map.focus = self.gallery.focus = self.state.focus

    def fill_tools(self) -> None:
        if self.state.project is not None:
            self.gallery.tools = contents.gallery_tools(self.state)

    def fill_threshold(self) -> None:
        if self.state.project is not None:
            self.threshold.content = sample_content(self.state)

    def fill_labels(self) -> None:
        """Show labels that were given or taken away."""
        self.fill_colours()
        self.fill_gallery()
        self.fill_tools()
        self.fill_threshold()
        self.card.known = card_contents.known_content(self.state)

    def answer(self) -> None:
        """Tell the browser that the kernel lives, and show what other pages kept meanwhile."""
        super().answer()
        self.state.catch_up()

    def show_neighbours(self, row: Any) -> None:
        """Show the galaxies most like the one that is looked at."""
        if self.state.project is not None and row == self.state.focus >= 0:
            self.card.neighbours = card_contents.neighbours_content(self.state, row)

    def show_looks(self, message: dict[str, Any]) -> None:
        """Send what hovering over some rows shows to the map."""
        if self.state.project is not None:
            look = partial(contents.look, self.state)
            told, jpegs = looks(message, self.state.size, look)
            self.map.send(told, buffers=jpegs)


def _label(message: dict[str, Any]) -> str | None:
    return None if message.get("name") is None else _text(message, "name")


def _file(message: dict[str, Any]) -> bytes:
    """Return the one file that came with a message."""
    if len(message["buffers"]) != 1:
        raise GalcatError("give one picture")
    return bytes(message["buffers"][0])


def _text(message: dict[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str):
        raise GalcatError(f"'{key}' is a text")
    return value
