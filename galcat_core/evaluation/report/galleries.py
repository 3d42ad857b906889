"""Galleries of a report: judged sets with pictures -> the surest, the least sure, the wrong; twins side by side."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from galcat_core.evaluation import galleries
from galcat_core.evaluation.report.sets import Judged
from galcat_core.evaluation.style import color_of, quoted


@dataclass(frozen=True)
class Picture:
    """One picture of a tile: what an `img` needs, and what is said below it."""

    source: str
    alt: str
    predicted: str
    probability: float
    color: str
    truth: str | None
    wrong: bool
    id: str


@dataclass(frozen=True)
class Gallery:
    """A choice of galaxies: tiles of one picture, or of two of the same galaxy."""

    name: str
    title: str
    caption: str
    tiles: list[list[Picture]]
    figure: Figure


def galleries_of(judged: Judged, count: int) -> list[Gallery]:
    """Return the galleries of one test set; none where it has no pictures."""
    if judged.store is None:
        return []
    table = judged.table[judged.table["id"].isin(list(judged.store.ids))]
    if table.empty:
        return []
    chosen = galleries.picks(table, judged.predictions, count)
    made = []
    for name, ids in chosen.items():
        if not ids:
            continue
        title = f"{judged.name}: {_said(name)}"
        tiles = [[picture] for picture in _pictures(judged, ids)]
        drawn = galleries.gallery(judged.store, table, ids, judged.predictions, title)
        caption = f"{len(ids)} of {len(table):,} galaxies of {judged.name}: {_meaning(name)}."
        made.append(Gallery(f"{_slug(judged.name)}_{name}", title, caption, tiles, drawn))
    return made


def twins_of(left: Judged, right: Judged, pairs: pd.DataFrame, count: int) -> list[Gallery]:
    """Return the galleries of galaxies that two test sets have in common, chosen by the right one.

    Parameters
    ----------
    left, right : Judged
    pairs : pandas.DataFrame
        `left_id`, `right_id`.
    count : int
        Galaxies in each.
    """
    if left.store is None or right.store is None:
        return []
    both = _both(left, right, pairs)
    if both.empty:
        return []
    partner = both.set_index("right_id")["left_id"]
    table = right.table[right.table["id"].isin(partner.index)]
    chosen = galleries.picks(table, right.predictions, count)
    chosen["disagree"] = _disagreeing(both, count)
    made = []
    for name, ids in chosen.items():
        if not ids:
            continue
        pairs_shown = [(partner[i], i) for i in ids]
        title = f"{left.name} (left) and {right.name} (right): {_said(name)}"
        sides = [_pictures(left, [a for a, _ in pairs_shown]), _pictures(right, ids)]
        drawn = galleries.side_by_side(
            (left.store, right.store),
            (left.table, right.table),
            pairs_shown,
            (left.predictions, right.predictions),
            (left.name, right.name),
            title,
        )
        caption = (
            f"{len(ids)} of {len(both):,} galaxies that both sets hold, {left.name} on the left, "
            f"{right.name} on the right: {_meaning(name)}"
            + ("." if name == "disagree" else f" (on the {right.name} picture).")
        )
        slug = f"{_slug(left.name)}_{_slug(right.name)}_{name}"
        tiles = [list(tile) for tile in zip(*sides, strict=True)]
        made.append(Gallery(slug, title, caption, tiles, drawn))
    return made


def _both(left: Judged, right: Judged, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs that both sets judge and have pictures of, with both probabilities."""
    found = pairs[["left_id", "right_id"]].drop_duplicates("right_id")
    for side, judged in (("left", left), ("right", right)):
        column = f"p_{judged.predictions.positive}"
        has = judged.table[judged.table["id"].isin(list(judged.store.ids))]
        mine = has[["id", column, "predicted"]].set_axis(
            [f"{side}_id", f"{side}_p", f"{side}_said"], axis=1
        )
        found = found.merge(mine, on=f"{side}_id", how="inner")
    return found


def _disagreeing(both: pd.DataFrame, count: int) -> list:
    odd = both[both["left_said"] != both["right_said"]]
    gap = (odd["left_p"] - odd["right_p"]).abs().to_numpy()
    return odd["right_id"].iloc[np.argsort(-gap, kind="stable")[:count]].tolist()


def _pictures(judged: Judged, ids: list) -> list[Picture]:
    images = judged.store.images(judged.store.rows_of(ids))
    rows = judged.table.set_index("id").loc[ids]
    return [
        _picture(judged, image, name, row)
        for image, (name, row) in zip(images, rows.iterrows(), strict=True)
    ]


def _picture(judged: Judged, image: np.ndarray, name: Any, row: pd.Series) -> Picture:
    said, truth = row["predicted"], row["label"]
    probability = float(row[f"p_{said}"])
    wrong = truth != said
    told = f"Galaxy {name}, {judged.name}: predicted {said} with probability {probability:.3f}; labelled {truth}."
    return Picture(
        source=jpeg(image),
        alt=told,
        predicted=said,
        probability=probability,
        color=color_of(judged.predictions.classes.index(said)),
        truth=truth,
        wrong=wrong,
        id=str(name),
    )


def jpeg(image: np.ndarray) -> str:
    """Return a picture, (H, W, 3), uint8, as the data URI of a JPEG."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=90, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def _said(choice: str) -> str:
    if choice.startswith("surest_"):
        return f"surest {quoted(choice.removeprefix('surest_'))}"
    return {"least_sure": "least sure", "wrong": "wrong", "disagree": "different answers"}[choice]


def _meaning(choice: str) -> str:
    if choice.startswith("surest_"):
        return f"the highest probabilities of {quoted(choice.removeprefix('surest_'))}"
    return {
        "least_sure": "those whose probability lies closest to even chances",
        "wrong": "predicted otherwise than labelled, the surest errors first",
        "disagree": "one class on one picture, the other class on the other, the largest difference first",
    }[choice]


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name.lower()).strip("_")
