"""The first page: what the project holds, what to do next, its jobs and reports, around one `HomeState`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from galcat_app.menu import ORDER, report_href
from galcat_app.state import palettes
from galcat_app.state.home import work
from galcat_app.state.home.page import HomeState
from galcat_app.state.home.steps import WAY, shown
from galcat_app.state.inventory import Network, Pictures, Table, shortly
from galcat_app.view.page import Page, links
from galcat_app.view.panel import Panel, front, style

RAMP = palettes.ramps(palettes.DIVERGING)
KIND_NAMES = {
    "catalogue": "Survey catalogue",
    "pairs": "Pairs",
    "split": "Split",
    "predictions": "Predictions",
    "features": "Features",
    "map": "Map",
    "clusters": "Clusters",
    "published": "Published catalogue",
}
OWN = (
    (
        "A folder of pictures and a table of labels",
        (
            "galcat cutouts --pictures jpegs --table labels.csv --label-column class -o cutouts/mine",
            "galcat split cutouts/mine -o split.parquet",
            "galcat train cutouts/mine --split split.parquet -o runs/mine --workers 2",
        ),
    ),
    (
        "Catalogues and FITS tiles of two surveys, and votes for one of them",
        (
            "galcat match sdss.csv.gz des.csv.gz -o pairs.parquet --radius 1",
            "galcat select sdss.csv.gz --votes galaxy_zoo.csv.gz -o catalogs/sdss.parquet",
            "galcat cutouts catalogs/sdss.parquet --tiles tiles/sdss -o cutouts/sdss",
        ),
    ),
)


class Overview(Panel):
    """All of the first page; pictures and points are traits of their own, sent when they change."""

    _esm = front("home/home")
    _css = style("home/home")
    rows = traitlets.List().tag(sync=True)
    points = traitlets.Bytes().tag(sync=True)


class Home(Page):
    """The first page of a project folder; display it as the last value of a notebook cell.

    Parameters
    ----------
    path : str or Path
        The project folder; it need not be there yet.
    """

    name = "Home"
    searchable = False

    def __init__(self, path: str | Path) -> None:
        super().__init__(HomeState(path))

    def build(self) -> ipywidgets.Widget:
        state = self.state
        self.overview = Overview(
            {
                "look": lambda m: self.look(),
                "start": lambda m: self.after(lambda: state.start_demo(m.get("size"))),
                "cancel": lambda m: self.after(lambda: state.cancel(m.get("job"))),
                "resume": lambda m: self.after(lambda: state.resume(m.get("job"))),
            },
            self.tell,
        )
        return self.overview

    def look(self) -> None:
        """Look at the folder and at its jobs; only what changed is sent to the browser."""
        self.state.look()
        self.fill()
        self.fill_header()

    def after(self, act: Any) -> None:
        """Do something to a job; whatever came of it is shown."""
        try:
            act()
        finally:
            self.look()

    def fill(self) -> None:
        state, panel = self.state, self.overview
        with panel.hold_sync():
            panel.content = content(state)
            rows = [dataclasses.asdict(row) for row in state.rows]
            if rows != panel.rows:
                panel.rows = rows
            panel.points = state.map.points.tobytes() if state.map else b""


def content(state: HomeState) -> dict[str, Any]:
    """Return the page as a dict of its sections, JSON types."""
    pages = {page: link["href"] for page, link in _pages().items()}
    step, demo = state.step, state.demo
    return {
        "next": {
            "title": step.title,
            "text": step.text,
            "commands": list(step.commands),
            "page": _link(step.page, pages),
            "begin": state.project.empty and demo is None,
            "sizes": [{"key": key, "what": what} for key, (_, what) in work.SIZES.items()],
            "command": f"galcat demo -o {state.path}",
            "own": [{"title": title, "commands": list(given)} for title, given in OWN],
            "folder": str(state.path.resolve()),
        },
        "demo": dataclasses.asdict(demo) | {"canGoOn": demo.can_go_on} if demo else None,
        "stages": [
            dataclasses.asdict(stage) | {"href": pages.get(stage.page), "meaning": WAY[stage.name]}
            for stage in state.stages
        ],
        "map": _map(state, pages),
        "pictures": [_store(p, state.path) for p in state.project.pictures],
        "pairsHref": pages.get("pairs"),
        "networks": _networks(state),
        "jobs": [dataclasses.asdict(job) | {"canGoOn": job.can_go_on} for job in state.work],
        "reports": [dataclasses.asdict(r) | {"href": report_href(r.path)} for r in state.reports],
        "tables": [_table(t, state.path) for t in state.project.tables],
        "empty": state.project.empty,
    }


def _pages() -> dict[str, dict[str, Any]]:
    names = {name: page for page, name in ORDER.items()}
    return {names[link["name"]]: link for link in links("Home")}


def _link(page: str, pages: dict[str, str]) -> dict[str, str] | None:
    if page not in pages:
        return None
    return {"name": ORDER[page], "href": pages[page]}


def _map(state: HomeState, pages: dict[str, str]) -> dict[str, Any] | None:
    if state.map is None:
        return None
    shown_map = state.map
    classes = list(shown_map.counts)
    return {
        "method": shown_map.method,
        "rows": shown_map.rows,
        "positive": shown_map.positive,
        "counts": [
            {"name": c, "count": shown_map.counts[c], "positive": c == shown_map.positive}
            for c in sorted(classes)
        ],
        "ramp": RAMP,
        "nothing": palettes.NOTHING,
        "href": pages.get("explore"),
    }


def _store(pictures: Pictures, project: Path) -> dict[str, Any]:
    told = {"name": shown(pictures.survey), "whole": pictures.whole}
    return dataclasses.asdict(pictures) | told | {"broken": shortly(pictures.broken, project)}


def _networks(state: HomeState) -> dict[str, Any]:
    best = state.best
    every = sorted(state.project.networks, key=lambda n: -n.changed)
    return {
        "best": _network(best, state.path) if best else None,
        "every": [_network(n, state.path) | {"best": n is best} for n in every],
    }


def _network(network: Network, project: Path) -> dict[str, Any]:
    scores = [
        dataclasses.asdict(score) | {"test_set": _set_name(score.test_set)}
        for score in sorted(network.scores, key=lambda s: not s.test_set.startswith(network.survey))
    ]
    told = dataclasses.asdict(network) | {"scores": scores, "name": network.name}
    told |= {"survey": shown(network.survey), "history": list(network.history)}
    return told | {"broken": shortly(network.broken, project)}


def _set_name(name: str) -> str:
    return " ".join(shown(word) for word in name.split())


def _table(table: Table, project: Path) -> dict[str, Any]:
    return {
        "path": table.path,
        "kind": KIND_NAMES.get(table.kind, "Table"),
        "rows": table.rows,
        "size_bytes": table.size_bytes,
        "changed": table.changed,
        "broken": shortly(table.broken, project),
        "note": _note(table),
    }


def _note(table: Table) -> str:
    meta = table.meta
    if table.kind == "pairs" and "left_survey" in meta:
        sides = f"{shown(meta['left_survey'])} and {shown(meta.get('right_survey', '?'))}"
        radius = meta.get("radius_arcsec")
        return f"{sides}, within {radius} arcsec" if radius else sides
    survey = shown(str(meta.get("survey", "")))
    if table.kind == "catalogue" and isinstance(meta.get("labels"), dict):
        certain = meta["labels"].get("certain")
        return f"{survey}, {certain:,} with certain labels" if certain else survey
    return survey
