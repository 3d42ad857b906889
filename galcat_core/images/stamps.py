"""Tile pixels around a position -> a square stamp, north up and east left, with what is not known of it.

Each output pixel is found in the tile through the local affine part of its WCS. A stamp finer than the
tile is interpolated (bicubic), a coarser one is the mean over each output pixel's area.
"""

from __future__ import annotations

import bz2
import gzip
import io
from pathlib import Path
from typing import Any

import numba
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from galcat_core.errors import GalcatError
from galcat_core.images.layers import DES_USABLE_BITS, Layer, Plane, open_fits

GOOD, OUTSIDE, BAD = 0, 1, 2
MARGIN = 3  # tile pixels around a stamp that interpolation may touch
ALPHA = 2.5 / np.log(10)  # of PanSTARRS' asinh magnitudes


def sky_frame(
    wcs: WCS, ra_deg: np.ndarray, dec_deg: np.ndarray, step_arcsec: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find positions in a tile, and how pixels move east and north of them.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
    ra_deg, dec_deg : ndarray, (N,)
    step_arcsec : ndarray, (N,)
        Distance over which the derivative is taken.

    Returns
    -------
    center : ndarray, (N, 2)
        (x, y) in pixels, 0-based; NaN where the projection does not reach.
    jacobian : ndarray, (N, 2, 2)
        d(x, y) / d(east, north), pixels an arcsec.
    """
    a, d = np.radians(ra_deg), np.radians(dec_deg)
    here = np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)
    # tangent vectors and not ra + x, dec + y: they hold at the poles and across RA 0
    east = np.stack([-np.sin(a), np.cos(a), np.zeros_like(a)], axis=-1)
    north = np.stack([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)], axis=-1)
    step = np.radians(step_arcsec / 3600.0)[:, None]
    points = [here + step * east, here - step * east, here + step * north, here - step * north]
    pixels = _to_pixels(wcs, np.stack([here, *points]))  # (5, N, 2)
    twice = 2.0 * np.asarray(step_arcsec)[:, None]
    jacobian = np.stack([pixels[1] - pixels[2], pixels[3] - pixels[4]], axis=-1) / twice[..., None]
    return pixels[0], jacobian


def _to_pixels(wcs: WCS, vectors: np.ndarray) -> np.ndarray:
    shape = vectors.shape[:-1]
    x, y, z = vectors.reshape(-1, 3).T
    lon, lat = np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))
    if wcs.wcs.lngtyp != "RA" or wcs.wcs.radesys.strip() == "FK4":
        lon, lat = _in_frame_of(wcs, lon, lat)
    pairs = (lon, lat) if wcs.wcs.lng < wcs.wcs.lat else (lat, lon)
    return np.stack(wcs.all_world2pix(*pairs, 0, quiet=True), axis=-1).reshape(*shape, 2)


def _in_frame_of(
    wcs: WCS, ra_deg: np.ndarray, dec_deg: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Carry ICRS positions over to the galactic, ecliptic or B1950 frame of a tile."""
    from astropy.coordinates import SkyCoord
    from astropy.wcs.utils import wcs_to_celestial_frame

    there = SkyCoord(ra_deg, dec_deg, unit="deg").transform_to(wcs_to_celestial_frame(wcs))
    return there.spherical.lon.deg, there.spherical.lat.deg


class Pixels:
    """The pixels of one layer: opened once, cropped many times.

    Plain images are mapped from disk. Packed ones are unpacked as a whole when most of them is
    wanted, and piece by piece when a few crops are.

    Parameters
    ----------
    layer : Layer
    wanted_rows : int
        Tile rows that all crops together will touch.
    """

    def __init__(self, layer: Layer, wanted_rows: int) -> None:
        self.layer = layer
        self._files: dict[tuple[str, bool], fits.HDUList] = {}
        self._whole = wanted_rows > 0.5 * layer.shape[0]
        self._planes = {
            name: self._open(plane, name)
            for name in ("image", "weight", "mask")
            if (plane := getattr(layer, name)) is not None
        }
        zero_point = 22.5 if layer.zero_point is None else layer.zero_point
        self._scale = 10 ** (0.4 * (22.5 - zero_point)) / layer.pixel_area

    def _open(self, plane: Plane, name: str) -> Any:
        key = (plane.file, plane.packed)  # astropy maps no scaled image, so a file may open twice
        if key not in self._files:
            self._files[key] = _opened(*key)
        hdu = self._files[key][plane.hdu]
        if not (plane.packed and self._whole):
            return _Part(hdu, plane.index)
        data = _guarded(plane.file, lambda: hdu.data)
        data = data if plane.index is None else data[plane.index]
        if name == "image":
            return np.asarray(data, np.float32)
        found = self._unusable(name, data)  # a byte a pixel instead of four or eight
        del hdu.data
        return found

    def crop(self, x0: int, x1: int, y0: int, y1: int) -> tuple[np.ndarray, np.ndarray]:
        """Return flux and bad pixels of a box, (y1 - y0, x1 - x0): nanomaggies/arcsec^2, bool."""
        box = (slice(y0, y1), slice(x0, x1))
        raw = _guarded(self.layer.image.file, lambda: self._planes["image"][box])
        with np.errstate(over="ignore", invalid="ignore"):  # of values that are marked bad
            flux = np.ascontiguousarray(raw, np.float32)
            # surveys write exact zeros where they have no data
            empty = flux == 0 if raw.dtype.kind == "f" else False
            if self.layer.asinh is not None:
                offset, soften = np.array(self.layer.asinh, np.float32)
                flux = offset + 2 * soften * np.sinh(flux / np.float32(ALPHA))
            flux = flux * np.float32(self._scale)
        bad = ~np.isfinite(flux) | empty
        for name in ("weight", "mask"):
            if name in self._planes:
                part = _guarded(getattr(self.layer, name).file, lambda n=name: self._planes[n][box])
                bad |= part if part.dtype == bool else self._unusable(name, part)
        return flux, bad

    def _unusable(self, name: str, data: np.ndarray) -> np.ndarray:
        if name == "weight":
            return ~(np.asarray(data) > 0)
        usable = DES_USABLE_BITS if self.layer.survey == "des" else 0
        return (np.asarray(data).astype(np.int64) & ~usable) != 0

    def close(self) -> None:
        for hdus in self._files.values():
            hdus.close()
        self._planes = {}


class _Part:
    """A file's image, or a plane of its cube, of which only the cropped part is read."""

    def __init__(self, hdu: Any, index: int | None) -> None:
        self._hdu, self._index = hdu, index

    def __getitem__(self, box: tuple[slice, slice]) -> np.ndarray:
        packed = isinstance(self._hdu, fits.CompImageHDU)
        source = self._hdu.section if packed else self._hdu.data
        return source[box] if self._index is None else source[(self._index, *box)]


def _opened(file: str, packed: bool) -> fits.HDUList:
    """Open a file for reading pixels; a gzipped one in memory, after its checksum."""
    unzip = {".gz": gzip.decompress, ".bz2": bz2.decompress}.get(Path(file).suffix)
    if unzip is None:
        return open_fits(file, memmap=not packed)
    return fits.open(io.BytesIO(_guarded(file, lambda: unzip(Path(file).read_bytes()))))


def _guarded(file: str, read: Any) -> np.ndarray:
    try:
        return read()
    except MemoryError as error:
        raise GalcatError(f"{file}: not enough memory to open it; use fewer workers") from error
    except Exception as error:  # a broken stream fails in many ways, down to zlib
        raise GalcatError(
            f"{file}: its pixels cannot be read ({str(error)[:80]}): fetch it again"
        ) from error


def stamp(
    pixels: Pixels, center: np.ndarray, jacobian: np.ndarray, width_arcsec: float, size_px: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut one square stamp out of a layer.

    Parameters
    ----------
    pixels : Pixels
    center : ndarray, (2,)
        (x, y) of the object.
    jacobian : ndarray, (2, 2)
        See `sky_frame`.
    width_arcsec : float
    size_px : int

    Returns
    -------
    flux : ndarray, (size_px, size_px), float32
        nanomaggies/arcsec^2, first row north, first column east; 0 where `state` is not GOOD.
    state : ndarray, (size_px, size_px), uint8
        GOOD, OUTSIDE (of the tile), or BAD (no usable pixel there).
    """
    ny, nx = pixels.layer.shape
    step = width_arcsec / size_px
    # a column further goes west, a row further goes south
    x_col, y_col = -step * jacobian[:, 0]
    x_row, y_row = -step * jacobian[:, 1]
    half = (size_px - 1) / 2.0
    reach_x = (abs(x_col) + abs(x_row)) * (half + 1) + MARGIN
    reach_y = (abs(y_col) + abs(y_row)) * (half + 1) + MARGIN
    x0, x1 = max(int(center[0] - reach_x), 0), min(int(center[0] + reach_x) + 1, nx)
    y0, y1 = max(int(center[1] - reach_y), 0), min(int(center[1] + reach_y) + 1, ny)
    flux = np.zeros((size_px, size_px), np.float32)
    state = np.full((size_px, size_px), OUTSIDE, np.uint8)
    if x1 <= x0 or y1 <= y0:
        return flux, state
    crop, bad = pixels.crop(x0, x1, y0, y1)
    ratio = np.sqrt(abs(x_col * y_row - x_row * y_col))  # tile pixels across an output pixel
    corner_x = center[0] - x0 - half * (x_col + x_row)
    corner_y = center[1] - y0 - half * (y_col + y_row)
    _resample(
        crop, bad, corner_x, corner_y, x_col, y_col, x_row, y_row, max(1, int(np.ceil(ratio))),
        flux, state,
    )  # fmt: skip
    return flux, state


@numba.njit(cache=True, nogil=True)
def _resample(crop, bad, corner_x, corner_y, x_col, y_col, x_row, y_row, fine, flux, state):
    """Fill flux and state; every output pixel is the mean of fine x fine interpolated samples."""
    ny, nx = crop.shape
    flawed = bad.any()
    samples = fine * fine
    for row in range(flux.shape[0]):
        for col in range(flux.shape[1]):
            total = np.float32(0.0)
            good = 0
            out = 0
            for sub in range(samples):
                v = row + (sub // fine + 0.5) / fine - 0.5
                u = col + (sub % fine + 0.5) / fine - 0.5
                x = corner_x + u * x_col + v * x_row
                y = corner_y + u * y_col + v * y_row
                if x < -0.5 or y < -0.5 or x >= nx - 0.5 or y >= ny - 0.5:
                    out += 1
                    continue
                if flawed and _touches_bad(bad, x, y):
                    value, weight = _bilinear(crop, bad, x, y)
                    if weight < 0.5:
                        continue
                else:
                    value = _bicubic(crop, x, y)
                total += value
                good += 1
            if 2 * good >= samples:
                flux[row, col] = total / good
                state[row, col] = 0
            else:
                state[row, col] = 1 if 2 * out >= samples else 2


@numba.njit(cache=True, nogil=True, inline="always")
def _inner(i, n):
    """Return an index brought into 0 ... n - 1: beyond the tile its last pixel goes on."""
    return min(max(i, 0), n - 1)


@numba.njit(cache=True, nogil=True)
def _bicubic(crop, x, y):
    """Interpolate by Keys' cubic convolution, a = -1/2 (1981, IEEE Trans. ASSP 29, 1153)."""
    ny, nx = crop.shape
    i, j = int(np.floor(x)), int(np.floor(y))
    t, s = np.float32(x - i), np.float32(y - j)
    half, one, two = np.float32(0.5), np.float32(1.0), np.float32(2.0)
    a = ((-half * t + one) * t - half) * t
    b = (np.float32(1.5) * t - np.float32(2.5)) * t * t + one
    c = ((-np.float32(1.5) * t + two) * t + half) * t
    d = (half * t - half) * t * t
    k = (
        ((-half * s + one) * s - half) * s,
        (np.float32(1.5) * s - np.float32(2.5)) * s * s + one,
        ((-np.float32(1.5) * s + two) * s + half) * s,
        (half * s - half) * s * s,
    )
    value = np.float32(0.0)
    if 1 <= i < nx - 2 and 1 <= j < ny - 2:
        for n in range(4):
            line = crop[j + n - 1]
            value += k[n] * (a * line[i - 1] + b * line[i] + c * line[i + 1] + d * line[i + 2])
        return value
    i0, i1, i2, i3 = _inner(i - 1, nx), _inner(i, nx), _inner(i + 1, nx), _inner(i + 2, nx)
    for n in range(4):
        line = crop[_inner(j + n - 1, ny)]
        value += k[n] * (a * line[i0] + b * line[i1] + c * line[i2] + d * line[i3])
    return value


@numba.njit(cache=True, nogil=True)
def _touches_bad(bad, x, y):
    ny, nx = bad.shape
    i, j = int(np.floor(x)), int(np.floor(y))
    for n in range(-1, 3):
        for m in range(-1, 3):
            if bad[_inner(j + n, ny), _inner(i + m, nx)]:
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _bilinear(crop, bad, x, y):
    """Interpolate over the good ones of four pixels; return the value and their weight.

    Beside bad pixels bicubic weights, some negative, would blow up what is left.
    """
    ny, nx = crop.shape
    i, j = int(np.floor(x)), int(np.floor(y))
    value, weight = np.float32(0.0), np.float32(0.0)
    for n in range(2):
        for m in range(2):
            jj, ii = _inner(j + n, ny), _inner(i + m, nx)
            if not bad[jj, ii]:
                w = np.float32(abs(1 - n - (y - j)) * abs(1 - m - (x - i)))
                weight += w
                value += w * crop[jj, ii]
    return (value / weight if weight > 0 else value), weight
