"""Small pictures of many galaxies in few large ones: a store's rows -> JPEG sheets and places on them."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from galcat_core.images.store import CutoutStore

ACROSS = 16  # pictures in a row of a sheet; 256 of 64 pixels are about 0.4 MB: browsers drop more than 2 MB
QUALITY = 82


@dataclass(frozen=True)
class Sprites:
    """Sheets of small pictures.

    Attributes
    ----------
    sheets : list of str
        JPEGs as data URLs.
    sheet : ndarray, (N,), int64
        The sheet of each picture; -1 for none.
    x_px, y_px : ndarray, (N,), int64
        Left upper corner on the sheet.
    side_px : int
        Width and height of each picture.
    """

    sheets: list[str]
    sheet: np.ndarray
    x_px: np.ndarray
    y_px: np.ndarray
    side_px: int


def sprites(store: CutoutStore, rows: np.ndarray, side_px: int = 64) -> Sprites:
    """Put pictures onto sheets, in the order of `rows`.

    Parameters
    ----------
    store : CutoutStore
    rows : ndarray, (N,), int64
        Rows of the store; -1 where a galaxy has no picture.
    side_px : int
        Pictures are resized to it.
    """
    there = np.flatnonzero(rows >= 0)
    each = ACROSS * ACROSS
    place = np.full(len(rows), -1, np.int64)
    place[there] = np.arange(len(there))
    sheets = [
        _sheet(store.images(rows[there[first : first + each]]), side_px)
        for first in range(0, len(there), each)
    ]
    on = np.where(place >= 0, place % each, 0)
    return Sprites(
        sheets,
        np.where(place >= 0, place // each, -1),
        on % ACROSS * side_px,
        on // ACROSS * side_px,
        side_px,
    )


def _sheet(images: np.ndarray, side_px: int) -> str:
    """Return images, (n, H, W, 3), uint8, side by side as a data URL."""
    down = -(-len(images) // ACROSS)
    whole = Image.new("RGB", (ACROSS * side_px, down * side_px))
    for place, image in enumerate(images):
        small = Image.fromarray(image).resize((side_px, side_px), Image.Resampling.LANCZOS)
        whole.paste(small, (place % ACROSS * side_px, place // ACROSS * side_px))
    stream = io.BytesIO()
    whole.save(stream, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
