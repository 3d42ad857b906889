"""What each panel of the Explore page shows, as plain dicts made from the state; no widget in here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from galcat_app.state import palettes
from galcat_app.state.explore import ExploreState
from galcat_app.state.folder import SURVEYS
from galcat_app.state.pictures import Picture
from galcat_core.columns import notes_of
from galcat_core.images.store import Flag

FLAGS = {
    Flag.EDGE: "The picture reaches beyond its tile; the sky there is filled in.",
    Flag.MASKED: "Bad pixels in the picture were filled in.",
    Flag.BAND_MISSING: "A band is missing in the picture; its colours are not to be trusted.",
    Flag.BLANK: "Nothing is seen in the picture.",
}
SCALE_BARS = (0.5, 1, 2, 5, 10, 20, 50, 100)
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
        "id": _id(state, row),
        "pictures": [{"survey": p.survey, "buffer": n} for n, p in enumerate(pictures)],
        "why": "" if pictures else state.pictures.why_none(row),
        "facts": _brief(state, row),
    }
    return told, [p.jpeg for p in pictures]


def looks(state: ExploreState, rows: np.ndarray) -> tuple[dict[str, Any], list[bytes]]:
    """Return the message and the JPEGs for several galaxies."""
    told, jpegs = [], []
    for row in rows.tolist():
        one, its = look(state, row)
        for picture in one["pictures"]:
            picture["buffer"] += len(jpegs)
        told.append(one)
        jpegs.extend(its)
    return {"kind": "looks", "looks": told}, jpegs


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
    return {
        "title": "Selected" if selected else "All galaxies",
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
        "id": _id(state, row),
        "p": _probability(state, row),
        "jpeg": pictures[0].jpeg if pictures else None,
        "why": "" if pictures else state.pictures.why_none(row),
        "values": [value_text(state.value(column, row), column) for column in columns.values()],
    }


def card_content(state: ExploreState) -> dict[str, Any]:
    """Return everything about the galaxy that is looked at."""
    row = state.focus
    if row < 0 or state.project is None:
        return {"row": -1}
    project, pictures = state.project, state.pictures.of(row)
    values = project.table.iloc[row]
    classes = project.classes
    others = [name for name in classes if name != project.positive]
    return {
        "row": row,
        "id": _id(state, row),
        "pictures": [_figure(picture) for picture in pictures],
        "why": "" if pictures else state.pictures.why_none(row),
        "p": _probability(state, row),
        "ends": [others[0] if len(others) == 1 else f"not {project.positive}", project.positive],
        "predicted": value_text(values.get("predicted", "")),
        "ramp": RAMP,
        "facts": _facts(state, row, pictures),
        "flags": _flags(values),
        "columns": _columns(state, row),
    }


def _columns(state: ExploreState, row: int) -> list[tuple[str, str, str]]:
    """Return name, value and description of every column."""
    names = list(state.project.table.columns)
    notes = notes_of(names)
    return [
        (
            name,
            value_text(state.value(name, row), name),
            notes[name].description if name in notes else "",
        )
        for name in names
    ]


def _facts(state: ExploreState, row: int, pictures: list[Picture]) -> list[tuple[str, str]]:
    table, facts = state.project.table, []
    if "cluster" in table.columns:
        facts.append(("Cluster", value_text(state.value("cluster", row), "cluster")))
    if {"ra_deg", "dec_deg"} <= set(table.columns):
        ra, dec = state.value("ra_deg", row), state.value("dec_deg", row)
        if np.isfinite([ra, dec]).all():
            facts.append(("RA, Dec", f"{ra:.5f}, {dec:+.5f}"))
    own = state.pictures.surveys[row]
    for survey, twins in state.pictures.twins.items():
        if survey != own and pd.notna(twins.iloc[row]):
            facts.append((f"{SURVEYS.get(survey, survey)} twin", str(twins.iloc[row])))
    widths = [p.width_arcsec for p in pictures if p.width_arcsec]
    if widths:
        facts.append(("Width", f"{widths[0]:.1f}″"))
    return facts


def _flags(values: pd.Series) -> list[str]:
    flags = values.get("flags", 0)
    if not isinstance(flags, int | float | np.number) or pd.isna(flags):
        return []
    return [text for flag, text in FLAGS.items() if int(flags) & flag]


def _figure(picture: Picture) -> dict[str, Any]:
    return {
        "survey": picture.survey,
        "id": picture.id,
        "jpeg": picture.jpeg,
        "bar": scale_bar(picture.width_arcsec),
    }


def scale_bar(width_arcsec: float | None) -> dict[str, float] | None:
    """Return the longest round length that fits into a third of the picture."""
    if not width_arcsec:
        return None
    fitting = [length for length in SCALE_BARS if length <= width_arcsec / 3]
    if not fitting:
        return None
    return {"arcsec": fitting[-1], "fraction": fitting[-1] / width_arcsec}


def _id(state: ExploreState, row: int) -> str:
    """Ids travel as text: JavaScript's numbers end at 2**53."""
    return str(state.value("id", row))


def _probability(state: ExploreState, row: int) -> float | None:
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
