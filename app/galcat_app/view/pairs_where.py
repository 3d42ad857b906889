"""What sky and histogram of the Pairs page show, and what a pair shows on hover; no widget in here."""

from __future__ import annotations

from typing import Any

import numpy as np

from galcat_app.state import palettes
from galcat_app.state.pairs.changes import MARKS
from galcat_app.state.pairs.columns import NUMBER
from galcat_app.state.pairs.listing import SEPARATION
from galcat_app.state.pairs.matches import SIDES
from galcat_app.state.pairs.page import PairsState
from galcat_app.view.contents import value_text
from galcat_app.view.looks import numbered
from galcat_app.view.pairs_contents import label_of, plain, separation_of

COLOURS = palettes.ramps(palettes.SEQUENTIAL)


def sky_content(state: PairsState) -> dict[str, Any]:
    """Return axes and legend of the map of the sky."""
    values = state.known.numbers(state.histogram_of)
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, [1, 99]).tolist() if len(known) else (0.0, 1.0)
    return {
        "ra": state.sky.ra,
        "dec": state.sky.dec,
        "stretched": state.sky.stretched,
        "placed": int(np.isfinite(state.sky.places[:, 0]).sum()),
        "drawn": None if state.drawn is None else len(state.drawn),
        "palette": COLOURS,
        "nothing": palettes.NOTHING,
        "legend": {
            "name": state.known[state.histogram_of].name,
            "low": f"{low:.3g}",
            "high": f"{high:.3g}",
        },
    }


def sky_points(state: PairsState) -> bytes:
    """Return the places of all pairs: x0 y0 x1 y1 ..., float32; NaN for none."""
    return state.sky.places.astype("<f4").tobytes()


def sky_listed(state: PairsState) -> bytes:
    """Return one bit a pair (lowest first), or nothing where all are in the list."""
    kept = state.kept
    return b"" if kept.all() else np.packbits(kept, bitorder="little").tobytes()


def histogram_content(state: PairsState) -> dict[str, Any]:
    """Return bars, range and column of the histogram."""
    edges, every, listed = state.histogram()
    column = state.known[state.histogram_of]
    one = next((f for f in state.filters if f.key == column.key and f.how == "between"), None)
    numbers = [c for c in state.known.all.values() if c.kind == NUMBER]
    return {
        "key": column.key,
        "name": column.name,
        "columns": [{"key": c.key, "name": c.name, "group": c.group} for c in numbers],
        "edges": edges.tolist(),
        "all": every.tolist(),
        "listed": listed.tolist(),
        "examples": state.examples().tolist(),
        "range": [one.low, one.high] if one else None,
        "palette": COLOURS,
    }


def at_value(state: PairsState) -> float | None:
    """Return where the pair that is looked at stands in the histogram."""
    if state.focus < 0:
        return None
    value = state.known.numbers(state.histogram_of)[state.focus]
    return float(value) if np.isfinite(value) else None


# ---- a pair that is pointed at --------------------------------------------------------------------


def look(state: PairsState, row: int) -> tuple[dict[str, Any], list[bytes]]:
    """Return what hovering over a pair shows, and the JPEGs it refers to by `buffer`."""
    shown, _ = state.pictures.of(row)
    places, jpegs = numbered([shown[side].data for side in SIDES])
    pictures = [
        {
            "survey": state.project.names[side],
            "buffer": place,
            "why": shown[side].why,
            "share": shown[side].share,
        }
        for side, place in zip(SIDES, places, strict=True)
    ]
    told = {"row": row, "id": str(state.project.ids("left")[row]), "pictures": pictures, "why": ""}
    return told | {"facts": _brief(state, row)}, jpegs


def _brief(state: PairsState, row: int) -> list[tuple[str, str]]:
    """Return what matters of a pair: separation, label, what the sky is coloured by, what is said of it."""
    said = state.reviews.of(row)
    facts = [("Separation", separation_of(state, row))]
    facts.append(("Label", said["label"] or label_of(state, row) or "–"))
    key = state.histogram_of
    if key != SEPARATION:
        facts.append((state.known[key].name, value_text(plain(state.known.value(key, row)), key)))
    told = [state.known[f"review.{name}"].name for name in MARKS if said[name]]
    return facts + ([("Flagged", ", ".join(told))] if told else [])
