"""What map and gallery of the Explore page show, as plain dicts made from the state; no widget in here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from galcat_app.state import palettes
from galcat_app.state.explore.labels import FILE
from galcat_app.state.explore.page import ExploreState
from galcat_app.state.explore.sample import classes
from galcat_app.state.explore.similar import EMBED
from galcat_app.state.explore.upload import MOST_BYTES
from galcat_app.state.explore.upload_worker import STEPS

TABLE_COLUMNS = ("id", "p", "predicted", "cluster", "ra_deg", "dec_deg")
SHOWN_NAMES = {"ra_deg": "RA (deg)", "dec_deg": "Dec (deg)", "predicted": "class"}
RAMP = palettes.ramps(palettes.DIVERGING)


def named(pairs: dict[str, str]) -> list[dict[str, str]]:
    """Return {key: name} as the list that a select box shows."""
    return [{"key": key, "name": name} for key, name in pairs.items()]


def map_content(state: ExploreState) -> dict[str, Any]:
    """Return the switches, palette and legend of the map."""
    shown = state.colouring()
    return {
        "methods": named(state.project.methods),
        "method": state.method,
        "colours": named(state.colour_choices),
        "colour": state.colour_by,
        "colourName": shown.label if shown else "",
        "palette": shown.palette if shown else {theme: [] for theme in palettes.THEMES},
        "legend": shown.legend if shown else None,
        "nothing": palettes.NOTHING,
    }


def map_points(state: ExploreState) -> bytes:
    """Return the places of all galaxies: x0 y0 x1 y1 ..., float32; NaN for none."""
    return state.positions.astype("<f4").tobytes()


def map_codes(state: ExploreState) -> bytes:
    """Return the colour code of each galaxy, one byte each."""
    shown = state.colouring()
    codes = shown.codes if shown else np.full(state.size, palettes.MISSING, np.uint8)
    return codes.tobytes()


def map_selected(state: ExploreState) -> bytes:
    """Return one bit a galaxy (lowest first), or nothing where nothing is selected."""
    if not len(state.selected):
        return b""
    mask = np.zeros(state.size, bool)
    mask[state.selected] = True
    return np.packbits(mask, bitorder="little").tobytes()


def look(state: ExploreState, row: int) -> tuple[dict[str, Any], list[bytes]]:
    """Return what hovering over a galaxy shows, and the JPEGs it refers to by `buffer`."""
    pictures = state.pictures.of(row)
    told = {
        "row": row,
        "id": id_text(state, row),
        "pictures": [{"survey": p.survey, "buffer": n} for n, p in enumerate(pictures)],
        "why": "" if pictures else state.pictures.why_none(row),
        "facts": _brief(state, row),
    }
    return told, [p.jpeg for p in pictures]


def _brief(state: ExploreState, row: int) -> list[tuple[str, str]]:
    """Return the two or three facts that matter: probability, cluster, what the map is coloured by."""
    project, facts = state.project, []
    keys = [f"p_{project.positive}", "cluster", state.colour_by]
    for key in dict.fromkeys(keys):
        if key in project.table.columns:
            value = state.value(key, row)
            if key == f"p_{project.positive}":
                facts.append((project.positive, f"{value:.3f}" if value == value else "–"))
            else:
                facts.append((SHOWN_NAMES.get(key, key), value_text(value, key)))
    return facts


def gallery_content(state: ExploreState) -> dict[str, Any]:
    """Return the current page of the gallery and of the table."""
    selected = len(state.selected)
    columns = _table_columns(state)
    query = state.query
    return {
        "title": "Alike" if query else "Selected" if selected else "All galaxies",
        "query": {"title": query.title, "jpeg": query.jpeg} if query else None,
        "selected": bool(selected),
        "count": selected or state.size,
        "page": state.page,
        "pages": state.pages,
        "sort": state.sort,
        "sorts": named(state.sorts),
        "positive": state.project.positive,
        "ramp": RAMP,
        "columns": list(columns),
        "cells": [_cell(state, row, columns) for row in state.page_rows().tolist()],
    }


def gallery_tools(state: ExploreState) -> dict[str, Any]:
    """Return what can be done with the selection: labels, kept selections, similar galaxies."""
    upload = state.upload
    return {
        "classes": classes(state.project),
        "labels": list(state.labels.counts().items()),
        "file": FILE,
        "kept": [{"name": kept.name, "count": kept.count} for kept in state.kept],
        "similar": state.similar.possible,
        "embed": EMBED,
        "mostBytes": MOST_BYTES,
        "upload": {
            "status": state.upload_status,
            "step": state.upload_step,
            "steps": STEPS,
            "name": upload.name if upload else "",
            "jpeg": upload.jpeg if upload else None,
        },
    }


def _table_columns(state: ExploreState) -> dict[str, str]:
    table, found = state.project.table, {}
    for name in TABLE_COLUMNS:
        column = f"p_{state.project.positive}" if name == "p" else name
        if column in table.columns:
            found[column if name == "p" else SHOWN_NAMES.get(name, name)] = column
    return found


def _cell(state: ExploreState, row: int, columns: dict[str, str]) -> dict[str, Any]:
    pictures = state.pictures.of(row)
    return {
        "row": row,
        "id": id_text(state, row),
        "p": probability(state, row),
        "jpeg": pictures[0].jpeg if pictures else None,
        "why": "" if pictures else state.pictures.why_none(row),
        "label": state.labels.names[row],
        "values": [value_text(state.value(column, row), column) for column in columns.values()],
    }


def id_text(state: ExploreState, row: int) -> str:
    """Ids travel as text: JavaScript's numbers end at 2**53."""
    return str(state.value("id", row))


def probability(state: ExploreState, row: int) -> float | None:
    if state.project.positive is None:
        return None
    p = float(state.value(f"p_{state.project.positive}", row))
    return p if 0 <= p <= 1 else None


def value_text(value: Any, column: str = "") -> str:
    """Return a cell of the catalogue as text; missing is a dash.

    Integers are whole, degrees have 6 decimals (4 milliarcseconds), other floats 6 digits.
    """
    if (
        value is None
        or value is pd.NA
        or (isinstance(value, float | np.floating) and value != value)
    ):
        return "–"
    if column == "cluster" and value == -1:
        return "none"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.6f}" if column.endswith("_deg") else f"{value:.6g}"
    return str(value)
