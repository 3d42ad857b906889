"""What all pages share: the header, the notice while there is nothing to show, and the look."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import ipywidgets
import traitlets

from galcat_app.menu import PAGES
from galcat_app.view.panel import STYLE, Panel, front


class Header(Panel):
    """Project, counts, search, theme; `said` is the last thing told to the user."""

    _esm = front("header")
    _css = STYLE.read_text()
    said = traitlets.Dict({"text": "", "kind": "note", "number": 0}).tag(sync=True)


class NoticePanel(Panel):
    """What stands in the page while there is nothing to show."""

    _esm = front("notice")


class Page(ipywidgets.Box):
    """A page: the header above, below it either the body or a notice.

    A subclass gives `name`, `build()` (the body, once) and `fill()` (show what the state has now).
    The state has `project`, `notice`, `path`, `counts`, `remark`, `stale()`, `refresh()`, and, where
    galaxies are looked for by their id (`searchable`), `find()` and `search()`.
    """

    name = ""
    searchable = True

    def __init__(self, state: Any) -> None:
        super().__init__()
        self.add_class("galcat").add_class("g-whole")
        self.state = state
        self.header = Header(
            {
                "hello": lambda m: self.refresh(),
                "refresh": lambda m: self.refresh(),
                "ping": lambda m: self.answer(),
                "search": lambda m: self.suggest(m.get("text")),
                "find": lambda m: self.state.find(m.get("text") or ""),
            },
            self.tell,
        )
        self.notice = NoticePanel({"refresh": lambda m: self.refresh()}, self.tell)
        self.body = self.build()
        state.observe(lambda change: self.tell(change.new, "note"), "remark")
        self.show()

    def build(self) -> ipywidgets.Widget:
        raise NotImplementedError

    def fill(self) -> None:
        raise NotImplementedError

    def show(self) -> None:
        """Show the state's project, or its notice."""
        self.fill_header()
        if self.state.project is not None:
            self.fill()
            self.children = (self.header, self.body)
        else:
            self.notice.content = dataclasses.asdict(self.state.notice)
            self.children = (self.header, self.notice)

    def fill_header(self) -> None:
        state, pages = self.state, links(self.name)
        shown = state.project is not None
        self.header.content = {
            "page": self.name,
            "pages": pages,
            "home": pages[0]["href"],
            "project": state.path.resolve().name,
            "counts": state.counts,
            "remarks": self.remarks() if shown else [],
            "searchable": shown and self.searchable,
            "stale": shown and state.stale(),
        }

    def remarks(self) -> list[str]:
        """Return what is missing or broken beside what is shown, one line each."""
        return list(self.state.project.remarks)

    def refresh(self) -> None:
        """Read the project again if its files changed (a page may be rendered long before it is seen)."""
        if self.state.refresh():
            self.show()

    def answer(self) -> None:
        """Tell the browser that the kernel lives, and whether the files changed."""
        self.header.send({"kind": "pong"})
        self.fill_header()

    def suggest(self, text: Any) -> None:
        self.header.send({"kind": "suggest", "ids": self.state.search(text)})

    def tell(self, text: str, kind: str = "note") -> None:
        """Show one line to the user; kind is "note" or "error"."""
        number = self.header.said["number"] + 1
        self.header.said = {"text": text, "kind": kind, "number": number}


def links(current: str) -> list[dict[str, Any]]:
    """Return the pages for the header; in JupyterLab they are notebooks beside this one."""
    base = os.environ.get("VOILA_BASE_URL", "/") if "GALCAT_SERVED" in os.environ else None
    return [
        {
            "name": name,
            "href": f"{base}{page}" if base else f"{page}.ipynb",
            "current": name == current,
        }
        for page, name in PAGES.items()
    ]
