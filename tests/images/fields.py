"""Small synthetic tiles: Gaussian stars at known places of the sky, written as each survey writes FITS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from galcat_core.config import Config
from galcat_core.records import Catalog
from galcat_core.sections import Cutouts

BANDS = ("g", "r", "i")
COMPANIONS = [(9.0, 0.0), (0.0, 12.0), (-7.0, -10.0)]  # arcsec east and north of the galaxy


def header(
    ra: float = 150.0,
    dec: float = 2.0,
    size: int = 200,
    scale: float = 0.3,
    angle: float = 0.0,
    east_right: bool = False,
    **cards: object,
) -> fits.Header:
    """Return a TAN header: `angle` turns the camera, `east_right` mirrors it."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    cd = np.array([[c, -s], [s, c]]) @ np.diag([1.0 if east_right else -1.0, 1.0]) * scale / 3600
    head = fits.Header()
    head.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CUNIT1="deg", CUNIT2="deg", CRVAL1=ra, CRVAL2=dec,
        CRPIX1=size / 2 + 0.5, CRPIX2=size / 2 + 0.5,
        CD1_1=cd[0, 0], CD1_2=cd[0, 1], CD2_1=cd[1, 0], CD2_2=cd[1, 1],
    )  # fmt: skip
    head.update(cards or {"BUNIT": "nanomaggy"})
    return head


def offset(ra: float, dec: float, east: float, north: float) -> tuple[float, float]:
    """Return the position so many arcsec east and north of another."""
    there = SkyCoord(ra, dec, unit="deg").spherical_offsets_by(
        *(np.array([east, north]) / 3600 * SkyCoord(0, 0, unit="deg").ra.unit)
    )
    return there.ra.deg, there.dec.deg


def stars(
    head: fits.Header,
    places: list[tuple[float, float, float]],
    size: int = 200,
    fwhm: float = 1.8,
    sky: float = 0.0,
    noise: float = 0.002,
    seed: int = 1,
) -> np.ndarray:
    """Return an image, (size, size), float32: stars of flux f (nanomaggies) at (ra, dec, f)."""
    wcs = WCS(head)
    scale = np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600
    sigma = fwhm / 2.355 / scale
    image = np.random.default_rng(seed).normal(sky, noise, (size, size)).astype(np.float32)
    yy, xx = np.indices(image.shape)
    for ra, dec, flux in places:
        x, y = wcs.all_world2pix(ra, dec, 0)
        shape = np.exp(-0.5 * ((xx - x) ** 2 + (yy - y) ** 2) / sigma**2)
        image += (flux * shape / (2 * np.pi * sigma**2)).astype(np.float32)
    return image


def write_tile(
    folder: Path,
    name: str,
    images: dict[str, np.ndarray],
    head: fits.Header,
    suffix: str = ".fits",
    weight: np.ndarray | None = None,
    key: str = "FILTER",
) -> None:
    """Write NAME_BAND.fits files, one a band; .fits.fz are packed as DES does it."""
    folder.mkdir(parents=True, exist_ok=True)
    for band, image in images.items():
        head = head.copy()
        head[key] = band
        if suffix == ".fits.fz":
            kwargs = {"quantize_level": 64.0, "quantize_method": 2, "dither_seed": 1}
            hdus = [fits.PrimaryHDU(), fits.CompImageHDU(image, head, name="SCI", **kwargs)]
            if weight is not None:
                hdus.append(
                    fits.CompImageHDU(
                        weight, name="WGT", quantize_level=0.0, compression_type="GZIP_1"
                    )
                )
        else:
            hdus = [fits.PrimaryHDU(image, head)]
            if weight is not None:
                hdus.append(fits.ImageHDU(weight, name="WGT"))
        fits.HDUList(hdus).writeto(folder / f"{name}_{band}{suffix}")


def catalog(
    ra: list[float],
    dec: list[float],
    size: float | list[float] = 4.0,
    survey: str = "test",
    **columns: object,
) -> Catalog:
    """Return a catalogue with ids from 10**18 on."""
    ids = 10**18 + np.arange(len(ra))
    table = pd.DataFrame({"id": ids, "ra_deg": ra, "dec_deg": dec, "size_arcsec": size, **columns})
    return Catalog(table, meta={"survey": survey})


def settings(**changes: object) -> Cutouts:
    """Return cutout settings that suit small tiles."""
    return Config().replace(cutouts={"size_px": 48, "shard_rows": 8, **changes}).cutouts


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def field(ra: float, dec: float, head: fits.Header, size: int = 200, **kwargs) -> dict:
    """Return images of a bright star at (ra, dec) and three fainter ones around it."""
    places = [(ra, dec, 4.0)]
    places += [(*offset(ra, dec, *at), 2.0) for at in COMPANIONS]
    return {b: stars(head, places, size, seed=i, **kwargs) for i, b in enumerate(BANDS)}


def plain(folder: Path, head: fits.Header | None = None, suffix: str = ".fits", **kwargs) -> Path:
    """Write one tile around (150, 2) in a folder and return that folder."""
    head = header() if head is None else head
    write_tile(folder, "one", field(150.0, 2.0, head), head, suffix, **kwargs)
    return folder


def peak_near(picture: np.ndarray, row: float, col: float, within: int = 3) -> tuple[float, float]:
    """Return the centroid (row, column) of the light around a place."""
    r, c = round(row), round(col)
    box = picture[r - within : r + within + 1, c - within : c + within + 1].astype(float).sum(-1)
    box = box - box.min()
    rows, cols = np.indices(box.shape) - within
    return r + (rows * box).sum() / box.sum(), c + (cols * box).sum() / box.sum()
