"""One FITS file -> its layers: a band's pixels with position, zero point, weight and mask; headers only."""

from __future__ import annotations

import gzip
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import proj_plane_pixel_area

from galcat_core.errors import GalcatError
from galcat_core.images.headers import asinh, band_of, pixel_area, survey_of, zero_point_of

SUFFIXES = tuple(s + z for s in (".fits", ".fit", ".fts") for z in ("", ".fz", ".gz", ".bz2"))
WEIGHT_NAMES = {"WGT", "WEIGHT", "WHT", "WT", "INVVAR", "IVAR", "INV_VAR"}
MASK_NAMES = {"MSK", "MASK", "BPM", "DQ"}
OTHER_NAMES = {"MASKBITS", "ERR", "ERROR", "VAR", "VARIANCE", "SIGMA", "PSF", "PSFSIZE", "MODEL"}
OTHER_NAMES |= {"RESID", "CHI2", "DEPTH", "GALDEPTH", "NEXP", "BLOBMODEL"}
_ROLES = {"weight": WEIGHT_NAMES, "mask": MASK_NAMES, "other": OTHER_NAMES}
# DES mask bits of pixels that still hold light: interpolated 4, near a star 32, crosstalk 256,
# mended 2048 (DESDM bit masks of R. Gruendl); any other bit is a bad pixel
DES_USABLE_BITS = 4 | 32 | 256 | 2048


@dataclass(frozen=True)
class Plane:
    """Where pixels lie.

    Attributes
    ----------
    file : str
    hdu : int
    index : int or None
        Along a cube's band axis.
    packed : bool
        Reading means unpacking (.fz, .gz, scaled integers); otherwise pixels are mapped from disk.
    """

    file: str
    hdu: int
    index: int | None = None
    packed: bool = False


@dataclass(frozen=True)
class Layer:
    """A band of a tile.

    Attributes
    ----------
    band : str
    image, weight, mask : Plane
        `weight` is 0 and `mask` not 0 on bad pixels; None where the file has none.
    wcs : astropy.wcs.WCS
        The celestial axes.
    shape : tuple of int
        (ny, nx).
    zero_point : float or None
        AB magnitude of one count; None where the header does not say.
    pixel_area : float
        arcsec^2 that one pixel's value is the flux of.
    asinh : tuple of float or None
        (BOFFSET, BSOFTEN) of a PanSTARRS stack, whose pixels are asinh magnitudes.
    survey : str or None
        "des", "sdss", "ps1", "legacy" where the header tells.
    role : str
        "image", or "weight" or "mask" in a file that holds nothing else.
    frame : tuple of int or None
        (ny, nx) of the SDSS frame that the WCS is of, where the image is a part cut out of it and
        the reference pixel was not moved along (see `galcat_core.images.astrometry`).
    """

    band: str
    image: Plane
    wcs: WCS
    shape: tuple[int, int]
    zero_point: float | None
    pixel_area: float
    asinh: tuple[float, float] | None = None
    weight: Plane | None = None
    mask: Plane | None = None
    survey: str | None = None
    role: str = "image"
    frame: tuple[int, int] | None = None

    @property
    def facts(self) -> tuple[Any, ...]:
        """What a plan compares, JSON types: the band, its file, shape and calibration."""
        name = Path(self.image.file).name
        return (self.band, name, self.image.hdu, self.image.index, *self.shape, self.zero_point)


def read_layers(file: str | Path, zero_point: float | None = None) -> list[Layer]:
    """Read the headers of a FITS file and return its image layers.

    Parameters
    ----------
    file : path
        Plain, tile-compressed (.fz), gzipped or bzipped FITS; one image or several (an HDU or a
        plane of a cube each). A file of tables has no layer.
    zero_point : float, optional
        Replaces what the header says.

    Raises
    ------
    GalcatError
        The file is no FITS file, is cut short, has no celestial WCS, or a band cannot be told.
    """
    file = Path(file)
    if file.suffix == ".gz" and file.is_file():
        _check_gzip(file)
    with open_fits(file) as hdus:
        return list(_layers(file, hdus, zero_point))


def open_fits(file: str | Path, **options: Any) -> fits.HDUList:
    """Open a FITS file with all its headers read, refusing one that is cut short.

    Raises
    ------
    GalcatError
        See `read_layers`.
    """
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            hdus = fits.open(file, **options)
            len(hdus)  # reads on to the last header
    except FileNotFoundError as error:
        raise GalcatError(f"{file}: no such file") from error
    except (OSError, EOFError, ValueError, fits.VerifyError) as error:
        short = "truncated" in str(error) or isinstance(error, EOFError)
        raise GalcatError(f"{file} {_UNFIT[short]}: fetch it again, or take it away") from error
    # astropy warns of a file cut short and reads on with what is there
    if any("truncated" in str(warning.message) for warning in told):
        hdus.close()
        raise GalcatError(f"{file} {_UNFIT[True]}: fetch it again, or take it away")
    return hdus


_UNFIT = {True: "is cut short (truncated)", False: "is no FITS file"}


def _check_gzip(file: Path) -> None:
    """Compare the length that ends a gzip file with FITS's blocks: cheap, and finds a cut file."""
    try:
        with gzip.open(file) as stream:
            begins_well = stream.read(6) == b"SIMPLE"
    except (OSError, EOFError):
        return  # no gzip file at all: opening it tells
    with file.open("rb") as stream:
        stream.seek(-4, 2)
        length = int.from_bytes(stream.read(4), "little")
    if begins_well and length % 2880:
        raise GalcatError(f"{file} {_UNFIT[True]}: fetch it again, or take it away")


def _layers(file: Path, hdus: fits.HDUList, zero_point: float | None) -> Iterator[Layer]:
    by_role: dict[str, list[int]] = {"image": [], "weight": [], "mask": [], "other": []}
    for i, hdu in enumerate(hdus):
        if _is_image(hdu):
            by_role[_role(hdu.header, file)].append(i)
    role = next((name for name in ("image", "weight", "mask") if by_role[name]), "other")
    for i in by_role[role]:
        header, primary = hdus[i].header, hdus[0].header
        wcs = _celestial(file, header, primary)
        for index, band in _bands(file, header, primary):
            yield Layer(
                band=band,
                image=Plane(str(file), i, index, _packed(file, hdus[i])),
                wcs=wcs,
                shape=(header["NAXIS2"], header["NAXIS1"]),
                zero_point=zero_point or zero_point_of(header, primary),
                pixel_area=pixel_area(header, wcs),
                asinh=asinh(header),
                weight=_companion(file, hdus, i, by_role["weight"]) if role == "image" else None,
                mask=_companion(file, hdus, i, by_role["mask"]) if role == "image" else None,
                survey=survey_of(header, primary),
                role=role,
                frame=_uncut_frame(header, hdus),
            )


def _is_image(hdu: Any) -> bool:
    if not isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        return False
    header = hdu.header
    return header["NAXIS"] >= 2 and header["NAXIS1"] > 1 and header["NAXIS2"] > 1


def _packed(file: Path, hdu: Any) -> bool:
    header = hdu.header
    scaled = header.get("BSCALE", 1) != 1 or header.get("BZERO", 0) != 0 or "BLANK" in header
    return isinstance(hdu, fits.CompImageHDU) or file.suffix in (".gz", ".bz2") or scaled


def _role(header: fits.Header, file: Path) -> str:
    """Return what an image is, by its EXTNAME or a word of its file's name."""
    name = str(header.get("EXTNAME", "")).strip().upper()
    words = {word.upper() for word in re.split(r"[^A-Za-z0-9]+", _stem(file))}
    for role, names in _ROLES.items():
        # "exp" or "model" may be a word of anyone's file name; the Legacy Survey means it
        if name in names or (words & names and (role != "other" or "LEGACYSURVEY" in words)):
            return role
    return "image"


def _companion(file: Path, hdus: fits.HDUList, image: int, found: list[int]) -> Plane | None:
    """Return the weight or mask of the same shape that follows its image first."""
    shape = [hdus[image].header[k] for k in ("NAXIS1", "NAXIS2")]
    alike = [i for i in found if [hdus[i].header[k] for k in ("NAXIS1", "NAXIS2")] == shape]
    after = [i for i in alike if i > image] or alike
    return Plane(str(file), after[0], None, _packed(file, hdus[after[0]])) if after else None


def _stem(file: Path) -> str:
    lower = file.name.lower()
    return next((file.name[: -len(s)] for s in SUFFIXES[::-1] if lower.endswith(s)), file.stem)


def _celestial(file: Path, header: fits.Header, primary: fits.Header) -> WCS:
    for one in (header, primary):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            try:
                wcs = WCS(one, naxis=2)
                area = proj_plane_pixel_area(wcs) if wcs.has_celestial else 0.0
            except Exception:  # wcslib has an error class of its own for each kind of nonsense
                continue
        if np.isfinite(area) and area > 0 and np.isfinite(wcs.wcs.crval).all():
            return wcs
    raise GalcatError(
        f"{file}: no celestial WCS in its header (CTYPE1 'RA---TAN' and so on), so no position can "
        "be found in it; take it out of the tiles folder, or solve its astrometry first"
    )


def _bands(
    file: Path, header: fits.Header, primary: fits.Header
) -> Iterator[tuple[int | None, str]]:
    """Yield (plane of the cube or None, band)."""
    planes = header.get("NAXIS3", 1)
    if planes == 1:
        yield (0 if header["NAXIS"] > 2 else None), _band(file, header, primary)
        return
    named = [str(header.get(f"BAND{i}", "")).strip() for i in range(planes)]
    if not all(named):
        named = list(str(header.get("BANDS", "")).strip())
    if len(named) != planes:
        raise GalcatError(
            f"{file}: a cube of {planes} planes whose header does not name their bands "
            "(BANDS = 'grz'); write that keyword"
        )
    yield from enumerate(named)


def _band(file: Path, header: fits.Header, primary: fits.Header) -> str:
    band = band_of(header, primary, _stem(file))
    if band is None:
        raise GalcatError(
            f"{file}: cannot tell its band; write FILTER in its header or name it like NAME_g.fits"
        )
    return band


def name_without_band(path: Path, band: str) -> str:
    """Return a relative path with band and role taken out of its words: what a tile's files share."""
    lone = r"(?<![A-Za-z0-9])({})(?![A-Za-z0-9])"
    roles = "|".join([*WEIGHT_NAMES, *MASK_NAMES, "image", "sci"])
    name = re.sub(lone.format(re.escape(band)), "*", str(path.with_name(_stem(path))), flags=re.I)
    folder, _, stem = name.rpartition("/")
    return f"{folder}/{re.sub(lone.format(roles), '*', stem, flags=re.I)}".lstrip("/")


def _uncut_frame(header: fits.Header, hdus: fits.HDUList) -> tuple[int, int] | None:
    """Return the shape of the frame an SDSS image was cut out of, if its header says it was.

    A frame's third HDU interpolates the sky on every row and column of the whole frame.
    """
    for hdu in hdus:
        if isinstance(hdu, fits.BinTableHDU) and {"XINTERP", "YINTERP"} <= set(hdu.columns.names):
            ny, nx = (int(hdu.columns[k].format.rstrip("ED") or 1) for k in ("YINTERP", "XINTERP"))
            uncut = header["NAXIS1"] == nx and header["NAXIS2"] == ny
            moved = header.get("CRPIX1") != nx / 2 + 1  # the pipeline's reference pixel
            return None if uncut or moved else (ny, nx)
    return None
