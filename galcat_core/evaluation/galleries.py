"""Galleries: pictures in lines; predictions + a store -> the surest, the least sure and the wrong ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from galcat_core.errors import GalcatError
from galcat_core.evaluation.style import DOUBLE, INK, SOFT, color_of, figure, style
from galcat_core.records import Predictions


def picks(table: pd.DataFrame, predictions: Predictions, count: int = 24) -> dict[str, list]:
    """Choose what a gallery shows.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `predictions.table`, with `label` where it is known (see `metrics.join`).
    predictions : Predictions
        Names the classes and the positive one.
    count : int
        Galaxies in each choice.

    Returns
    -------
    dict of str to list
        "surest_CLASS" for each class, "least_sure" and, where there are labels, "wrong" (the surest
        errors first): ids, the most telling first; equal ones in the order of their ids.
    """
    classes = predictions.classes
    table = table.sort_values("id", ignore_index=True)
    probability = table[[f"p_{name}" for name in classes]].to_numpy(float)
    top = probability.max(axis=1)
    chosen = {
        f"surest_{name}": table["id"][np.argsort(-probability[:, i], kind="stable")[:count]]
        for i, name in enumerate(classes)
    }
    chosen["least_sure"] = table["id"][np.argsort(top, kind="stable")[:count]]
    if "label" in table:
        wrong = np.flatnonzero(_is_wrong(table))
        chosen["wrong"] = table["id"][wrong[np.argsort(-top[wrong], kind="stable")[:count]]]
    return {name: ids.tolist() for name, ids in chosen.items()}


def gallery(
    store: Any,
    table: pd.DataFrame,
    ids: list,
    predictions: Predictions,
    title: str = "",
    columns: int = 8,
) -> Figure:
    """Draw pictures with what was predicted below each.

    Parameters
    ----------
    store : CutoutStore
        Anything with `rows_of(ids)` and `images(rows) -> (n, H, W, 3), uint8`.
    table : pandas.DataFrame
        `id`, `p_CLASS`, `predicted` and, if known, `label`.
    ids : list
        Which, in this order.
    predictions : Predictions
        Names the classes and the positive one.
    title : str
        Said above.
    columns : int
        Pictures in a row.

    Raises
    ------
    GalcatError
        No id was given, or the store lacks one.
    """
    if not ids:
        raise GalcatError(f"gallery '{title}': no galaxy to show")
    images = store.images(store.rows_of(ids))
    rows = table.set_index("id").loc[ids]
    lines = -(-len(ids) // columns)
    with style():
        text = 0.33 if "label" in rows and _is_wrong(rows).any() else 0.15
        made = figure(DOUBLE, lines * (DOUBLE / columns + text) + 0.3)
        made.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
        panels = made.subplots(lines, columns, squeeze=False).ravel()
        for axes, image, (_, row) in zip(panels, images, rows.iterrows(), strict=False):
            _picture(axes, image, row, predictions)
        for axes in panels[len(ids) :]:
            axes.set_visible(False)
        made.suptitle(title, x=0.005, ha="left", size=10.5)
    return made


def _is_wrong(rows: pd.DataFrame) -> pd.Series:
    return rows["label"].notna() & (rows["label"] != rows["predicted"])


def _picture(axes, image: np.ndarray, row: pd.Series, predictions: Predictions) -> None:
    axes.imshow(image, interpolation="lanczos")
    axes.set(xticks=[], yticks=[])
    axes.minorticks_off()
    axes.tick_params(length=0)
    axes.spines[:].set(color=color_of(predictions.classes.index(row["predicted"])), linewidth=1.6)
    text = f"{row['predicted']} {row['p_' + row['predicted']]:.3f}"
    label = row.get("label")
    wrong = isinstance(label, str) and label != row["predicted"]
    axes.set_xlabel(
        text + (f"\ntrue: {label}" if wrong else ""),
        size=7.5,
        labelpad=2,
        color=INK if wrong else SOFT,
    )


def sheet(
    lines: Mapping[str, np.ndarray],
    captions: Mapping[str, Sequence[str]] | None = None,
    title: str = "",
) -> Figure:
    """Draw lines of pictures, each with its name at the left: the same galaxies in two surveys, say.

    Parameters
    ----------
    lines : dict of str to ndarray, (n, H, W, 3), uint8
        The pictures of each line; lines may differ in length and in the size of their pictures.
    captions : dict of str to list of str, optional
        What is said below the pictures of a line.
    title : str
        Said above.

    Raises
    ------
    GalcatError
        There is no picture in any line.
    """
    captions, most = captions or {}, max(map(len, lines.values()), default=0)
    if not most:
        raise GalcatError(f"sheet '{title}': no picture to show")
    texts = [max((text.count("\n") + 1 for text in captions.get(n, ())), default=0) for n in lines]
    with style():
        heights = [(DOUBLE - 0.3) / most + 0.15 * text for text in texts]
        made = figure(DOUBLE, sum(heights) + (0.3 if title else 0.05))
        made.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0.015, hspace=0.015)
        panels = made.subplots(len(lines), most, squeeze=False)
        for axes in panels.ravel():
            axes.set(xticks=[], yticks=[])
            axes.minorticks_off()
            axes.spines[:].set_visible(False)
        for row, (name, images) in zip(panels, lines.items(), strict=True):
            row[0].set_ylabel(name, size=9.5)
            for axes, image in zip(row, images, strict=False):
                axes.imshow(image, interpolation="lanczos")
            for axes, text in zip(row, captions.get(name, ()), strict=False):
                axes.set_xlabel(text, size=7.5, labelpad=2, color=SOFT)
        if title:
            made.suptitle(title, x=0.005, ha="left", size=10.5)
    return made


def side_by_side(
    stores: tuple[Any, Any],
    tables: tuple[pd.DataFrame, pd.DataFrame],
    ids: list[tuple[Any, Any]],
    predictions: tuple[Predictions, Predictions],
    names: tuple[str, str],
    title: str = "",
    columns: int = 4,
) -> Figure:
    """Draw the same galaxies as two surveys saw them, what was predicted of each below.

    Parameters
    ----------
    stores, tables, predictions
        Of the left and of the right pictures; each as in `gallery`.
    ids : list of (left id, right id)
        Which, in this order.
    names : (str, str)
        Said above the first two pictures.
    title : str
        Said above.
    columns : int
        Galaxies in a row.

    Raises
    ------
    GalcatError
        As `gallery`.
    """
    if not ids:
        raise GalcatError(f"gallery '{title}': no galaxy to show")
    sides = [
        (store.images(store.rows_of([pair[k] for pair in ids])), table.set_index("id"))
        for k, (store, table) in enumerate(zip(stores, tables, strict=True))
    ]
    lines = -(-len(ids) // columns)
    with style():
        made = figure(DOUBLE, lines * (DOUBLE / (2 * columns) + 0.33) + 0.5)
        made.get_layout_engine().set(w_pad=0.015, h_pad=0.02, wspace=0.0, hspace=0.02)
        grid = made.subplots(lines, 3 * columns, squeeze=False, width_ratios=[1, 1, 0.1] * columns)
        panels = np.delete(grid, np.s_[2::3], axis=1).ravel()
        for axes in grid[:, 2::3].ravel():  # a gap between one galaxy and the next
            axes.set_visible(False)
        for place, pair in enumerate(ids):
            for k, (images, rows) in enumerate(sides):
                axes = panels[2 * place + k]
                _picture(axes, images[place], rows.loc[pair[k]], predictions[k])
                if place < columns:
                    axes.set_title(names[k], size=7.5, color=SOFT, loc="center", pad=3)
        for axes in panels[2 * len(ids) :]:
            axes.set_visible(False)
        made.suptitle(title, x=0.005, ha="left", size=10.5)
    return made
