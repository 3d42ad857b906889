"""Cutouts a second: galcat, which opens a tile once, against opening it for each galaxy and band.

Both draw the same pixels from a DES-like tile and render them; the pictures are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.io import fits
from astropy.wcs import WCS

from galcat_core.config import Config
from galcat_core.images.footprints import Tile, index_tiles
from galcat_core.images.render import compose
from galcat_core.images.stamps import Pixels, sky_frame, stamp
from galcat_core.images.store import CutoutStore
from galcat_core.images.tiles import cut
from galcat_core.records import Catalog

SCALE = 0.263 / 3600
SETTINGS = Config().cutouts


def main(quick: bool = False) -> list[dict]:
    """Measure packed (.fits.fz) and plain tiles; `quick` takes a smaller tile and fewer galaxies."""
    side, galaxies, packed_peers, plain_peers = (1500, 100, 5, 20) if quick else (5000, 400, 8, 60)
    with tempfile.TemporaryDirectory() as scratch:
        catalog = _catalog(galaxies, side)
        rows = []
        for packed, peers in ((True, packed_peers), (False, plain_peers)):
            folder = Path(scratch) / ("packed" if packed else "plain")
            _write_tile(folder, side, packed)
            rows.append(_compare(folder, catalog, peers, packed, side))
    return rows


def _compare(folder: Path, catalog: Catalog, peers: int, packed: bool, side: int) -> dict:
    _cut(catalog, folder, folder.with_name("warm"))  # compiles, and fills the disk's cache
    start = time.perf_counter()
    store = _cut(catalog, folder, folder.with_name("store"))
    galcat = len(store) / (time.perf_counter() - start)
    (tile,) = index_tiles(folder)
    few = store.table.iloc[np.linspace(0, len(store) - 1, peers).astype(int)]
    start = time.perf_counter()
    pictures = [_one_by_one(tile, row) for _, row in few.iterrows()]
    peer = peers / (time.perf_counter() - start)
    if not np.array_equal(np.stack(pictures), store.images(few.index)):
        raise AssertionError("the two ways draw different pixels")
    kind = ".fits.fz" if packed else ".fits (mapped from disk)"
    return {
        "what": f"cutouts from a {side} x {side} tile, 3 bands, {kind}",
        "galcat": round(galcat, 1),
        "peer": round(peer, 2),
        "ratio": round(galcat / peer, 1),
        "unit": "galaxies/s",
        "wanted": ">= 20" if packed else "",
        "note": f"peer opens the tile for each galaxy and band; {len(store)} galaxies, one process, "
        "identical pixels",
    }


def _cut(catalog: Catalog, folder: Path, out: Path) -> CutoutStore:
    with contextlib.redirect_stderr(io.StringIO()):
        return cut(catalog, folder, out.with_name(f"{out.name}-{folder.name}"), SETTINGS, workers=1)


def _one_by_one(tile: Tile, row: pd.Series) -> np.ndarray:
    """Return a galaxy's picture the usual way: every file opened, read and closed for it."""
    size = SETTINGS.size_px
    flux = np.zeros((1, size, size, 3), np.float32)
    state = np.zeros(flux.shape, np.uint8)
    at = [np.array([row[name]]) for name in ("ra_deg", "dec_deg", "width_arcsec")]
    for channel, layer in enumerate(tile.chosen(SETTINGS.bands)):
        with fits.open(layer.image.file) as hdus:
            wcs = WCS(hdus[layer.image.hdu].header)
            centers, jacobians = sky_frame(wcs, at[0], at[1], at[2] / 4)
            pixels = _Arrays(layer, hdus)
            found = stamp(pixels, centers[0], jacobians[0], at[2][0], size)
            flux[0, ..., channel], state[0, ..., channel] = found
            del pixels
    return compose(flux, state, SETTINGS).images[0]


class _Arrays(Pixels):
    """The arrays of an open file, with the same calibration as galcat's own."""

    def __init__(self, layer, hdus) -> None:
        self.layer = layer
        self._planes = {"image": hdus[layer.image.hdu].data, "weight": hdus[layer.weight.hdu].data}
        self._scale = 10 ** (0.4 * (22.5 - layer.zero_point)) / layer.pixel_area


def _catalog(galaxies: int, side: int) -> Catalog:
    rng = np.random.default_rng(1)
    reach = 0.45 * side * SCALE
    table = pd.DataFrame(
        {
            "id": np.arange(galaxies),
            "ra_deg": 30.0 + rng.uniform(-reach, reach, galaxies),
            "dec_deg": rng.uniform(-reach, reach, galaxies),
            "size_arcsec": rng.lognormal(1.6, 0.4, galaxies),
        }
    )
    return Catalog(table, meta={"survey": "des"})


def _write_tile(folder: Path, side: int, packed: bool) -> None:
    """Write noise as DES writes a coadd: image and weights, packed by RICE or plain."""
    folder.mkdir()
    rng = np.random.default_rng(2)
    weight = np.full((side, side), 1 / 9, np.float32)
    for band in "gri":
        image = rng.normal(0, 3, (side, side)).astype(np.float32)
        head = fits.Header({"BAND": band, "MAGZERO": 30.0, "CRVAL1": 30.0, "CRVAL2": 0.0})
        head.update(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CD1_1=-SCALE, CD2_2=SCALE)
        head.update(CD1_2=0.0, CD2_1=0.0, CRPIX1=side / 2 + 0.5, CRPIX2=side / 2 + 0.5)
        if packed:
            how = {"quantize_level": 16.0, "quantize_method": 2, "dither_seed": 1}
            hdus = [fits.PrimaryHDU(), fits.CompImageHDU(image, head, name="SCI", **how)]
            hdus.append(fits.CompImageHDU(weight, name="WGT", **how))
        else:
            hdus = [fits.PrimaryHDU(image, head), fits.ImageHDU(weight, name="WGT")]
        name = f"DES0200+0000_{band}.fits{'.fz' if packed else ''}"
        fits.HDUList(hdus).writeto(folder / name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller tile, fewer galaxies")
    for row in main(parser.parse_args().quick):
        print(row)
