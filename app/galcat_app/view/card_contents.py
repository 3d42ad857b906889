"""What the card of one galaxy shows, as plain dicts made from the state; no widget in here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from galcat_app.state.explore.page import ExploreState
from galcat_app.state.explore.pictures import Picture
from galcat_app.state.explore.sample import classes
from galcat_app.state.finding import angle_text
from galcat_app.state.folder import SURVEYS
from galcat_app.view.contents import RAMP, id_text, probability, value_text
from galcat_core.columns import notes_of
from galcat_core.errors import GalcatError
from galcat_core.images.store import Flag

FLAGS = {
    Flag.EDGE: "The picture reaches beyond its tile; the sky there is filled in.",
    Flag.MASKED: "Bad pixels in the picture were filled in.",
    Flag.BAND_MISSING: "A band is missing in the picture; its colours are not to be trusted.",
    Flag.BLANK: "Nothing is seen in the picture.",
}
SCALE_BARS = (0.5, 1, 2, 5, 10, 20, 50, 100)
MOST_OTHERS = 4  # labels of people's own that stand on the card as buttons
VIEWERS = {
    "Legacy Survey": "https://www.legacysurvey.org/viewer?ra={ra}&dec={dec}&layer=ls-dr10&zoom=16",
    "SDSS": "https://skyserver.sdss.org/dr18/VisualTools/navi?ra={ra}&dec={dec}&scale=0.2",
    "Aladin": "https://aladin.cds.unistra.fr/AladinLite/?target={ra}%20{dec}&fov=0.03",
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
        "id": id_text(state, row),
        "pictures": [_figure(picture) for picture in pictures],
        "why": "" if pictures else state.pictures.why_none(row),
        "p": probability(state, row),
        "ends": [others[0] if len(others) == 1 else f"not {project.positive}", project.positive],
        "predicted": value_text(values.get("predicted", "")),
        "ramp": RAMP,
        "facts": _facts(state, row, pictures),
        "flags": _flags(values),
        "columns": _columns(state, row),
        "links": sky_links(*_place(state, row)),
        "similar": state.similar.possible,
    }


def known_content(state: ExploreState) -> dict[str, Any]:
    """Return what is known of the class of the galaxy that is looked at, and how it can be labelled."""
    row = state.focus
    if row < 0 or state.project is None:
        return {"row": -1}
    name, labels = state.labels.names[row], state.labels
    others = [label for label in labels.counts() if label not in state.project.classes]
    return {
        "row": row,
        "label": name,
        "own": bool(labels.own[row]),
        "classes": [*classes(state.project), *others[:MOST_OTHERS]],
    }


def neighbours_content(state: ExploreState, row: int) -> dict[str, Any]:
    """Return the galaxies most like one, as small pictures; or why there are none."""
    try:
        found = state.neighbours(row)
    except GalcatError as error:
        return {"row": row, "cells": [], "told": str(error)}
    cells = []
    for near, distance in zip(found.rows.tolist(), found.distances.tolist(), strict=True):
        pictures = state.pictures.of(near)
        cells.append(
            {
                "row": near,
                "id": id_text(state, near),
                "distance": f"{distance:.3f}",
                "jpeg": pictures[0].jpeg if pictures else None,
            }
        )
    return {"row": row, "cells": cells, "told": ""}


def sky_links(ra_deg: float, dec_deg: float) -> list[tuple[str, str]]:
    """Return name and address of sky viewers at a place; none where there is no place."""
    if not np.isfinite([ra_deg, dec_deg]).all():
        return []
    ra, dec = f"{ra_deg:.6f}", f"{dec_deg:.6f}"
    return [(name, address.format(ra=ra, dec=dec)) for name, address in VIEWERS.items()]


def _place(state: ExploreState, row: int) -> tuple[float, float]:
    if not {"ra_deg", "dec_deg"} <= set(state.project.table.columns):
        return np.nan, np.nan
    return float(state.value("ra_deg", row)), float(state.value("dec_deg", row))


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
    if (
        state.found is not None
        and state.found.row == row
        and state.found.separation_arcsec is not None
    ):
        facts.append(("Separation", angle_text(state.found.separation_arcsec)))
    if state.labels.sets[row] is not None:
        facts.append(("Set", state.labels.sets[row]))
    if "cluster" in table.columns:
        facts.append(("Cluster", value_text(state.value("cluster", row), "cluster")))
    ra, dec = _place(state, row)
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
        "width": f"{picture.width_arcsec:.1f}″ wide" if picture.width_arcsec else "",
    }


def scale_bar(width_arcsec: float | None) -> dict[str, float] | None:
    """Return the longest round length that fits into a third of the picture."""
    if not width_arcsec:
        return None
    fitting = [length for length in SCALE_BARS if length <= width_arcsec / 3]
    if not fitting:
        return None
    return {"arcsec": fitting[-1], "fraction": fitting[-1] / width_arcsec}
