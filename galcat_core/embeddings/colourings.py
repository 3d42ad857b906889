"""What the atlas can be coloured by: a catalogue's columns -> colour mappers of Bokeh and their legends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import CategoricalColorMapper, ColorMapper, LinearColorMapper
from markupsafe import escape
from matplotlib.colors import LinearSegmentedColormap, to_hex

from galcat_core.evaluation.style import COLORS, PROBABILITY, SOFT

NOT_COLOURS = ("id", "run", "ra_deg", "dec_deg")
RAMP = ("#f0c75e", "#d98a4e", "#b0506b", "#6d3484", "#2a1f5c")  # little to much
MOST_CLASSES = 10  # more values than that are no classes
STEPS = 255


@dataclass(frozen=True)
class Colouring:
    """One way to colour the map: a column, its colours, and their legend as HTML."""

    name: str
    column: str
    mapper: ColorMapper
    legend: str


def colourings(table: pd.DataFrame, meta: dict[str, Any]) -> list[Colouring]:
    """Return what the map can be coloured by; the probability and the class first."""
    positive = meta.get("positive")
    first = [c for c in (f"p_{positive}", "predicted", "cluster") if c in table]
    rest = [c for c in table if c not in {*first, *NOT_COLOURS} and not c.endswith(("_x", "_y"))]
    made = [_colouring(table[name], name, meta) for name in (*first, *rest)]
    return [found for found in made if found is not None]


def _colouring(values: pd.Series, name: str, meta: dict[str, Any]) -> Colouring | None:
    """Return how a column colours the map; None for one that tells nothing apart."""
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if name == "cluster" or not numeric:
        return _classes(values, name, meta)
    finite = values[np.isfinite(values.to_numpy(float, na_value=np.nan))]
    if finite.empty or finite.min() == finite.max():
        return None
    if name.startswith("p_"):
        low, high = 0.0, 1.0
        colors = [to_hex(PROBABILITY(step / STEPS)) for step in range(STEPS + 1)]
        if name != f"p_{meta.get('positive')}":
            colors = colors[::-1]
    else:
        low, high = (float(x) for x in np.quantile(finite, [0.01, 0.99]))
        high = high if high > low else low + 1
        colors = _ramp()
    mapper = LinearColorMapper(palette=colors, low=low, high=high, nan_color=SOFT)
    return Colouring(shown_name(name), name, mapper, _scale(name, colors, low, high))


def _ramp() -> list[str]:
    ramp = LinearSegmentedColormap.from_list("ramp", RAMP)
    return [to_hex(ramp(step / STEPS)) for step in range(STEPS + 1)]


def _classes(values: pd.Series, name: str, meta: dict[str, Any]) -> Colouring | None:
    told = texts(values, name)
    there = [str(c) for c in meta.get("classes", []) if (told == str(c)).any()]
    there += sorted(set(told) - set(there), key=lambda t: (t == "none", len(t), t))
    if not 2 <= len(there) <= MOST_CLASSES:
        return None
    first = 0 if name == "predicted" else 2  # the first two colours mean classes
    colors = [
        SOFT if t == "none" else COLORS[(first + i) % len(COLORS)] for i, t in enumerate(there)
    ]
    mapper = CategoricalColorMapper(factors=there, palette=colors, nan_color=SOFT)
    items = "".join(
        f'<li><i style="background:{color}"></i>{escape(text)} <b>{int((told == text).sum()):,}</b></li>'
        for text, color in zip(there, colors, strict=True)
    )
    return Colouring(shown_name(name), name, mapper, f"<ul>{items}</ul>")


def texts(values: pd.Series, name: str) -> pd.Series:
    if name == "cluster":
        return values.map(lambda c: "none" if c < 0 else str(int(c)))
    if pd.api.types.is_bool_dtype(values):
        return values.map({True: "yes", False: "no"}).fillna("none")
    return values.astype("string").fillna("none").astype(object)


def shown_name(column: str) -> str:
    known = {"predicted": "Predicted class", "cluster": "Cluster", "flags": "Picture flags"}
    if column.startswith("p_"):
        return f"Probability of {column[2:]}"
    return known.get(column, column.replace("_", " "))


def _scale(name: str, colors: list[str], low: float, high: float) -> str:
    stops = ", ".join(colors[:: STEPS // 8])
    ends = ("0", "1") if name.startswith("p_") else (f"{low:.3g}", f"{high:.3g}")
    return (
        f'<div class="ramp"><span>{ends[0]}</span>'
        f'<i style="background:linear-gradient(to right,{stops})"></i><span>{ends[1]}</span></div>'
    )
