"""Exposures: sources, a tile and a seed -> images and weights in g, r, i, and their FITS files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from galcat_core.files import whole
from galcat_core.sky.brush import FAST, MOFFAT_BETA, Brush
from galcat_core.sky.layout import Tile
from galcat_core.sky.telescopes import BANDS, TELESCOPES, Telescope

if TYPE_CHECKING:
    import galsim
    from astropy.io import fits


def draw_tile(tile: Tile, sources: pd.DataFrame, seed: list[int]) -> dict[str, dict]:
    """Draw the images of a tile in every band.

    Parameters
    ----------
    tile : Tile
    sources : pandas.DataFrame
        Everything that shines in the patch (cf. `population`), with `ra_deg` and `dec_deg`.
    seed : list of int
        Seed of the tile's PSF, background and noise.

    Returns
    -------
    dict of str to dict
        For each band "image" and "weight" (ndarray (height, width), float32; weight is the inverse
        variance of the sky), "fwhm" (arcsec) and "psf" (galsim.GSObject).
    """
    import galsim

    telescope = TELESCOPES[tile.survey]
    random = np.random.default_rng(seed)
    wcs = galsim.FitsWCS(header=galsim.FitsHeader(dict(tile.cards)))
    canvas = {
        band: galsim.ImageF(tile.width, tile.height, wcs=wcs, xmin=1, ymin=1) for band in BANDS
    }
    seeing = random.lognormal(0, telescope.seeing_scatter)
    psfs = {band: point_spread(telescope, band, seeing, random) for band in BANDS}
    x, y = tile.pixels(sources["ra_deg"], sources["dec_deg"])
    brush = Brush(telescope, canvas, psfs)
    for row, at_x, at_y in zip(sources.to_dict("records"), x, y, strict=True):
        brush.draw(row, galsim.PositionD(at_x, at_y))
    return {
        band: _expose(telescope, band, canvas[band].array, random)
        | {"psf": psfs[band], "fwhm": telescope.psf_fwhm_arcsec[band] * seeing}
        for band in BANDS
    }


def point_spread(
    telescope: Telescope, band: str, seeing: float, random: np.random.Generator
) -> galsim.GSObject:
    """Return the PSF of a tile in a band: a Moffat with a little ellipticity."""
    import galsim

    shape = random.normal(0, 0.012, 2)
    wide = telescope.psf_fwhm_arcsec[band] * seeing * random.lognormal(0, 0.015)
    return galsim.Moffat(beta=MOFFAT_BETA, fwhm=wide, gsparams=galsim.GSParams(**FAST)).shear(
        g1=shape[0], g2=shape[1]
    )


def _expose(
    telescope: Telescope, band: str, signal: np.ndarray, random: np.random.Generator
) -> dict[str, np.ndarray]:
    """Add a residual background, photon and sky noise; clip what saturates."""
    height, width = signal.shape
    sigma = telescope.sky_sigma[band] * random.lognormal(0, 0.04)
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    a, b, c, d = random.normal(0, 0.12, 4)
    background = sigma * (0.15 + a * x + b * y + c * x * y + d * (x * x + y * y - 0.7))
    noise = random.standard_normal((height, width), dtype=np.float32)
    if telescope.noise_kernel:
        noise = _correlate(noise, telescope.noise_kernel)
    variance = sigma**2 + np.maximum(signal, 0) / telescope.gain[band]
    image = (signal + background + noise * np.sqrt(variance)).astype(np.float32)
    return {
        "image": np.minimum(image, telescope.saturation),
        "weight": np.full(image.shape, 1 / sigma**2, np.float32),
    }


def _correlate(noise: np.ndarray, neighbour: float) -> np.ndarray:
    """Smear white noise by (c, 1, c) along both axes, its variance kept."""
    from scipy.ndimage import correlate1d

    kernel = np.array([neighbour, 1.0, neighbour]) / np.sqrt(1 + 2 * neighbour**2)
    return correlate1d(correlate1d(noise, kernel, axis=0), kernel, axis=1)


def tile_path(folder: Path, tile: Tile, band: str, compress: bool) -> Path:
    """Return where a tile's image in a band lies."""
    return folder / "tiles" / tile.survey / f"{tile.name}_{band}.fits{'.fz' if compress else ''}"


def write_image(path: Path, tile: Tile, band: str, drawn: dict, compress: bool, seed: int) -> None:
    """Write one image as the real survey would: units, zero point, WCS; weights beside for DES."""
    from astropy.io import fits

    telescope = TELESCOPES[tile.survey]
    header = fits.Header()
    for key, value in tile.cards.items():
        header[key] = value
    header["BUNIT"] = telescope.unit
    header["FILTER" if tile.survey == "sdss" else "BAND"] = band
    sigma = 1 / np.sqrt(float(drawn["weight"].max()))
    header["SKYSIGMA"] = (float(f"{sigma:.6g}"), "noise of the sky a pixel")
    header["PSF_FWHM"] = (round(float(drawn["fwhm"]), 4), "[arcsec]")
    header["ORIGIN"] = ("galcat", "simulated, no real sky")
    header["SIMSEED"] = seed
    if tile.survey == "sdss":
        header["NMGY"] = (1.0, "nanomaggies a unit")
    else:
        header["MAGZERO"] = telescope.zero_point
        header["GAIN"] = telescope.gain[band]
        header["SATURATE"] = telescope.saturation
    hdus = _hdus(drawn, header, compress, telescope.masks)
    with whole(path) as temporary:
        fits.HDUList(hdus).writeto(temporary)


def _hdus(drawn: dict, header: fits.Header, compress: bool, masks: bool) -> list:
    """Return the image and, with `masks`, the weights; nothing that depends on the time of day."""
    from astropy.io import fits

    image, weight = drawn["image"], drawn["weight"]
    rows = {"compression_type": "RICE_1", "tile_shape": (min(64, len(image)), image.shape[1])}
    if compress:
        # dithering starts at a fixed place; cfitsio's and astropy's default is the clock
        packed = rows | {"quantize_level": 16.0, "quantize_method": 2, "dither_seed": 1}
        hdus = [fits.PrimaryHDU(), fits.CompImageHDU(image, header, name="SCI", **packed)]
    else:
        hdus = [fits.PrimaryHDU(image, header)]
    if masks:
        # 0 or 1 as integers: floats that do not vary go through gzip, which writes down the time
        good = (weight > 0).astype(np.int16)
        hdus.append(fits.CompImageHDU(good, header, name="WGT", **rows))
        hdus[-1].header["BUNIT"] = ("", "relative weight: 1, or 0 where data is bad")
    return hdus
