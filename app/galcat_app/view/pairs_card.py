"""What the Pairs page shows of the pair that is looked at, as plain dicts made from the state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from galcat_app.state.pairs.matches import SIDES
from galcat_app.state.pairs.page import PairsState
from galcat_app.view.card_contents import FLAGS, scale_bar, sky_links
from galcat_app.view.contents import value_text
from galcat_app.view.pairs_contents import (
    RAMP,
    figure_of,
    label_of,
    plain,
    prediction,
    separation_of,
)

BANDS = "ugrizy"
# what SDSS and DES call the brightness of a whole galaxy in a band, the best first
MAGNITUDES = ("modelMag_{b}", "cModelMag_{b}", "petroMag_{b}", "MAG_AUTO_{B}", "mag_{b}", "{b}")
SIZES = ("petroRad_r", "size_arcsec")
VOTES = {"p_el_debiased": "elliptical", "p_cs_debiased": "spiral", "nvote": "votes"}


def card_content(state: PairsState) -> dict[str, Any]:
    """Return everything about the pair that is looked at, all but the pictures."""
    row = state.focus
    if state.project is None or row < 0:
        return {"row": -1, "total": state.size}
    place = state.place
    return {
        "row": row,
        "place": -1 if place is None else place,
        "count": len(state.listed_rows),
        "surveys": state.project.names,
        "ids": {side: str(state.project.ids(side)[row]) for side in SIDES},
        "facts": _facts(state, row),
        "sides": _sides(state, row),
        "predictions": _predictions(state, row),
        "flags": _flags(state, row),
        "label": label_of(state, row),
        "classes": state.classes,
        "said": state.reviews.of(row),
        "problem": state.reviews.problem,
        "links": _links(state, row),
        "columns": _all_columns(state, row),
        "ramp": RAMP,
    }


def card_pictures(state: PairsState) -> dict[str, Any]:
    """Return both pictures with every pixel as it is stored, and what explains their scale."""
    if state.project is None or state.focus < 0:
        return {"row": -1}
    shown, frame = state.pictures.of(state.focus, whole=True)
    sides = {side: figure_of(state, side, one) for side, one in shown.items()}
    return {
        "row": state.focus,
        **sides,
        "bar": scale_bar(frame),
        "frame": f"{frame:.1f}″" if frame else "",
        "unknown": [one["survey"] for one in sides.values() if one["image"] and not one["width"]],
        "bands": _bands(state),
    }


def _bands(state: PairsState) -> list[str]:
    """Return what the red, green and blue channel hold, where the stores say so."""
    for store in state.project.stores.values():
        bands = (store.settings or {}).get("bands")
        if isinstance(bands, list) and len(bands) == 3:
            return [str(band) for band in bands]
    return ["", "", ""]


def _facts(state: PairsState, row: int) -> list[tuple[str, str]]:
    """Return what is said of the two together."""
    known, facts = state.known, []
    facts.append(("Separation", separation_of(state, row)))
    if "east_arcsec" in known.all:
        east, north = (known.value(f"{axis}_arcsec", row) for axis in ("east", "north"))
        if np.isfinite([east, north]).all():
            facts.append(
                (
                    "Offset",
                    f"{abs(east):.3f}″ {'E' if east >= 0 else 'W'}, {abs(north):.3f}″ {'N' if north >= 0 else 'S'}",
                )
            )
    if "ambiguous" in known.all:
        facts.append(("Ambiguous", value_text(plain(known.value("ambiguous", row)))))
    if "label" in known.all:
        certain = known.value("certain", row) if "certain" in known.all else None
        told = {True: ", certain", False: ", uncertain"}.get(
            certain if pd.notna(certain) else None, ""
        )
        label = label_of(state, row)
        facts.append(("Label", f"{label}{told}" if label else "–"))
    votes = _votes(state, row)
    if votes:
        facts.append(("Votes", votes))
    sets = {
        str(v)
        for v in (_value(state, side, "split", "set", row) for side in SIDES)
        if v is not None
    }
    if sets:
        facts.append(("Set", ", ".join(sorted(sets))))
    return facts


def _value(state: PairsState, side: str, kind: str, name: str, row: int) -> Any:
    """Return one cell of a side's table, whatever the case of its name; None where there is none."""
    for source in state.project.of(kind, side):
        lower = {str(c).lower(): c for c in source.table.columns}
        if name.lower() in lower and source.rows[row] >= 0:
            value = source.table[lower[name.lower()]].iloc[source.rows[row]]
            return None if pd.isna(value) else value
    return None


def _votes(state: PairsState, row: int) -> str:
    found = []
    for name, shown in VOTES.items():
        values = [
            _value(state, side, kind, name, row) for side in SIDES for kind in ("votes", "catalog")
        ]
        value = next((v for v in values if v is not None), None)
        if value is not None:
            found.append(f"{value:.0f} {shown}" if name == "nvote" else f"{shown} {value:.2f}")
    return ", ".join(found)


def _sides(state: PairsState, row: int) -> list[tuple[str, str, str]]:
    """Return quantity, left value, right value."""
    rows = [("Id", *(str(state.project.ids(side)[row]) for side in SIDES))]
    for axis, name in enumerate(("RA", "Dec")):
        values = [state.positions[side][row][axis] for side in SIDES]
        if np.isfinite(values).any():
            rows.append((name, *(f"{v:.6f}°" if np.isfinite(v) else "–" for v in values)))
    for band in BANDS:
        values = [_magnitude(state, side, band, row) for side in SIDES]
        if any(value is not None for value in values):
            rows.append((f"{band} (mag)", *(f"{v:.2f}" if v is not None else "–" for v in values)))
    for name in SIZES[1:]:
        values = [_value(state, side, "catalog", name, row) for side in SIDES]
        if any(value is not None for value in values):
            rows.append(("Size", *(f"{v:.2f}″" if v is not None else "–" for v in values)))
    return rows


def _magnitude(state: PairsState, side: str, band: str, row: int) -> float | None:
    for pattern in MAGNITUDES:
        value = _value(state, side, "catalog", pattern.format(b=band, B=band.upper()), row)
        if isinstance(value, float | int | np.number) and np.isfinite(value):
            return float(value)
    return None


def _predictions(state: PairsState, row: int) -> list[dict[str, Any]]:
    found = []
    for source in state.project.sources:
        told = prediction(source, row) if source.kind == "predictions" else None
        if told is not None:
            found.append({**told, "survey": state.project.names[source.side], "name": source.name})
    return sorted(found, key=lambda told: told["survey"] != state.project.names["left"])


def _flags(state: PairsState, row: int) -> list[str]:
    told = []
    for side in SIDES:
        flags = _value(state, side, "picture", "flags", row)
        bits = int(flags) if isinstance(flags, int | float | np.number) else 0
        told += [
            f"{state.project.names[side]}: {text}" for flag, text in FLAGS.items() if bits & flag
        ]
    return told


def _links(state: PairsState, row: int) -> list[tuple[str, str]]:
    for side in SIDES:
        found = sky_links(*state.positions[side][row])
        if found:
            return found
    return []


def _all_columns(state: PairsState, row: int) -> list[tuple[str, str, str]]:
    """Return name, value and description of every column."""
    return [
        (column.name, value_text(plain(state.known.value(key, row)), key), column.note)
        for key, column in state.known.all.items()
    ]
