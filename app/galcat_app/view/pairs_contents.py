"""What the list of the Pairs page shows, as plain dicts made from the state; no widget in here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from galcat_app.state import palettes
from galcat_app.state.pairs.changes import MARKS
from galcat_app.state.pairs.columns import NUMBER
from galcat_app.state.pairs.matches import SIDES, Source
from galcat_app.state.pairs.page import PairsState
from galcat_app.state.pairs.pictures import Shown
from galcat_app.view.card_contents import scale_bar
from galcat_app.view.contents import value_text

RAMP = palettes.ramps(palettes.DIVERGING)


def column_groups(state: PairsState) -> list[dict[str, Any]]:
    """Return all columns, as select boxes show them."""
    groups: dict[str, list] = {}
    for column in state.known.all.values():
        told = {"key": column.key, "name": column.name, "kind": column.kind, "note": column.note}
        groups.setdefault(column.group, []).append(told)
    return [{"name": name, "columns": columns} for name, columns in groups.items()]


def list_content(state: PairsState) -> dict[str, Any]:
    """Return the current page of the list, all but the pictures."""
    columns = state.table_columns
    rows = state.page_rows().tolist()
    return {
        "count": len(state.listed_rows),
        "size": state.size,
        "page": state.page,
        "pages": state.pages,
        "pageSize": state.page_size,
        "surveys": state.project.names,
        "sort": state.sort,
        "descending": state.descending,
        "filters": [_filter(state, one) for one in state.filters],
        "drawn": None if state.drawn is None else len(state.drawn),
        "chosen": list(state.columns),
        "table": [{"key": c.key, "name": c.name, "kind": c.kind, "note": c.note} for c in columns],
        "cells": [_cell(state, row, [c.key for c in columns]) for row in rows],
        "reviewed": state.reviews.counts["reviewed"],
        "ramp": RAMP,
    }


def _filter(state: PairsState, one: Any) -> dict[str, Any]:
    told = {"key": one.key, "name": state.known[one.key].name, "text": one.text(), "how": one.how}
    return told | {"low": one.low, "high": one.high, "words": list(one.words)}


def _cell(state: PairsState, row: int, keys: list[str]) -> dict[str, Any]:
    said = state.reviews.of(row)
    return {
        "row": row,
        "ids": {side: str(state.project.ids(side)[row]) for side in SIDES},
        "separation": separation_of(state, row),
        "label": label_of(state, row),
        "newLabel": said["label"],
        "marks": [name for name in MARKS if said[name]],
        "reviewed": said["reviewed_at"] is not None,
        "p": {side: _chance(state, side, row) for side in SIDES},
        "values": [value_text(plain(state.known.value(key, row)), key) for key in keys],
    }


def separation_of(state: PairsState, row: int) -> str:
    value = state.known.value("separation_arcsec", row)
    return f"{value:.3f}″" if pd.notna(value) else "–"


def label_of(state: PairsState, row: int) -> str | None:
    label = state.known.value("label", row) if "label" in state.known.all else None
    return None if pd.isna(label) else str(label)


def plain(value: Any) -> Any:
    """Return yes or no as bool, whatever it was kept as."""
    return bool(value) if isinstance(value, np.bool_) else value


def _chance(state: PairsState, side: str, row: int) -> dict[str, Any] | None:
    """Return the probability that is shown of one side's galaxy."""
    told = state.known.told(side)
    return None if told is None else prediction(told, row)


def prediction(told: Source, row: int) -> dict[str, Any] | None:
    """Return what one table of predictions says of a pair's galaxy; None where it does not know it."""
    at = told.rows[row]
    positive = told.meta["positive"]
    if at < 0 or f"p_{positive}" not in told.table:
        return None
    p = float(told.table[f"p_{positive}"].iloc[at])
    if not 0 <= p <= 1:
        return None
    return {"p": p, "positive": positive, "predicted": str(told.table["predicted"].iloc[at])}


def list_pictures(state: PairsState) -> dict[str, Any]:
    """Return both pictures of each pair on the page, by row."""
    found = {}
    for row in state.page_rows().tolist():
        shown, frame = state.pictures.of(row)
        sides = {side: figure_of(state, side, one) for side, one in shown.items()}
        found[str(row)] = {**sides, "bar": scale_bar(frame)}
    return found


def figure_of(state: PairsState, side: str, shown: Shown) -> dict[str, Any]:
    return {
        "survey": state.project.names[side],
        "image": shown.data,
        "why": shown.why,
        "share": shown.share,
        "width": f"{shown.width_arcsec:.1f}″" if shown.width_arcsec else "",
    }


def selected_content(state: PairsState) -> dict[str, Any]:
    """Return how many pairs are selected, which of this page, what is said of them, and what undo and redo do."""
    here = state.page_rows()
    return {
        "count": len(state.selected),
        "here": here[np.isin(here, state.selected)].tolist(),
        "said": state.said_of(state.selected),
        "classes": state.classes,
        "surveys": state.project.names,
        "problem": state.reviews.problem,
        "undo": state.undoable,
        "redo": state.redoable,
    }


def choices(state: PairsState, key: Any) -> dict[str, Any]:
    """Return what a column can be filtered by: its words, or its ends."""
    column = state.known[key]
    told = {"kind": "choices", "key": column.key, "words": None, "low": None, "high": None}
    if column.kind == NUMBER:
        values = state.known.numbers(column.key)
        if np.isfinite(values).any():
            told |= {"low": float(np.nanmin(values)), "high": float(np.nanmax(values))}
    else:
        told["words"] = state.known.choices(column.key)
    return told
