"""Images cut out of SDSS frames whose WCS stayed that of the frame: found, and put in their place."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pandas as pd
from scipy import ndimage

from galcat_core.images.footprints import Tile, inside
from galcat_core.images.layers import Layer
from galcat_core.images.stamps import Pixels, sky_frame


def put_in_place(tiles: list[Tile], table: pd.DataFrame) -> list[Tile]:
    """Move the WCS of images that were cut out of a frame without doing so.

    Such an image shows the one catalogue object that lies in its frame: the brightest peak in its
    middle is taken to be that object. Where several objects lie in the frame nobody knows which one
    is shown, and the tile is left out, with a line on standard error.

    Parameters
    ----------
    tiles : list of Tile
    table : DataFrame
        `id`, `ra_deg`, `dec_deg` of the catalogue.
    """
    kept = []
    for tile in tiles:
        if not any(layer.frame for layer in tile.layers.values()):
            kept.append(tile)
            continue
        shown = table[_in_frame(tile, table)]
        files = ", ".join(sorted({layer.image.file for layer in tile.layers.values()}))
        if len(shown) == 1:
            kept.append(_moved(tile, shown.iloc[0]))
            told = f"placed with its brightest peak on object {shown['id'].iloc[0]}"
        else:
            told = f"left out: {len(shown)} catalogue objects lie in that frame, one is needed"
        print(f"{files}: cut out of a frame whose WCS it kept; {told}", file=sys.stderr)
    return kept


def _in_frame(tile: Tile, table: pd.DataFrame) -> np.ndarray:
    layer = next(layer for layer in tile.layers.values() if layer.frame)
    whole = dataclasses.replace(layer, shape=layer.frame)
    position = table[["ra_deg", "dec_deg"]].to_numpy(float)
    return inside(whole, position)


def _moved(tile: Tile, shown: pd.Series) -> Tile:
    layers = {
        band: _shifted(layer, shown) if layer.frame else layer
        for band, layer in tile.layers.items()
    }
    return Tile(tile.name, layers)


def _shifted(layer: Layer, shown: pd.Series) -> Layer:
    at = np.array([shown["ra_deg"]], float), np.array([shown["dec_deg"]], float)
    told = sky_frame(layer.wcs, *at, np.ones(1))[0][0]
    wcs = layer.wcs.deepcopy()
    wcs.wcs.crpix = wcs.wcs.crpix + _peak(layer) - told
    return dataclasses.replace(layer, wcs=wcs)


def _peak(layer: Layer) -> np.ndarray:
    """Return (x, y) of the brightest peak in the middle half of an image, to a fraction of a pixel."""
    ny, nx = layer.shape
    pixels = Pixels(layer, wanted_rows=ny)
    flux, bad = pixels.crop(0, nx, 0, ny)
    pixels.close()
    smooth = ndimage.gaussian_filter(np.where(bad, 0, flux), 2.0)
    middle = smooth[ny // 4 : ny - ny // 4, nx // 4 : nx - nx // 4]
    y, x = np.unravel_index(middle.argmax(), middle.shape)
    y, x = y + ny // 4, x + nx // 4
    box = smooth[y - 2 : y + 3, x - 2 : x + 3]
    box = box - box.min()
    dy, dx = (np.indices(box.shape) - 2).reshape(2, -1) @ box.ravel() / box.sum()
    return np.array([x + dx, y + dy])
