"""What a FITS header says of its image, in each survey's own way: band, zero point, pixel area, survey."""

from __future__ import annotations

import re

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area

BAND_KEYS = ("BAND", "FILTER", "FPA.FILTERID", "FPA.FILTER", "FILTNAM", "FILTER1")
ZERO_POINT_KEYS = ("MAGZERO", "MAGZPT", "MAGZP", "PHOTZP", "ZEROPNT", "ZEROPOINT", "MAG_ZP")
# arcsec^2: the Legacy Survey's viewer resamples its cutouts, but their values stay per native pixel
LEGACY_CUTOUT_AREA = 0.262**2
SURVEY_KEYS = ("SURVEY", "PSCAMERA", "FPA.TELESCOPE", "ORIGIN", "TELESCOP")
SURVEYS = {
    "des": r"\bdes\b|dark energy survey",
    "ps1": r"\b(ps1|gpc1|panstarrs)",
    "legacy": r"\b(decals|legacy|bass|mzls)",
    "sdss": r"\bsdss",
}


def band_in(text: str) -> str | None:
    """Return the last letter u, g, r, i, z or y that stands alone in a text: "DES_g" -> "g".

    A filter's description opens with its band ("g DECam SDSS c0001"), a file's name ends with it;
    where the text opens with a lone letter, that one is meant.
    """
    alone = re.findall(r"(?<![A-Za-z0-9])([ugrizyUGRIZY])(?![A-Za-z0-9'+])", text)
    if not alone:
        return None
    return (alone[0] if text.lstrip().startswith(alone[0]) else alone[-1]).lower()


def band_of(header: fits.Header, primary: fits.Header, stem: str) -> str | None:
    """Return an image's band by its header, or else by its extension's or its file's name."""
    for one in (header, primary):
        for key in BAND_KEYS:
            text = str(one.get(key, "")).strip()
            if text:
                return band_in(text) or text.split()[0]
    return band_in(str(header.get("EXTNAME", ""))) or band_in(stem)


def zero_point_of(header: fits.Header, primary: fits.Header) -> float | None:
    """Return the AB magnitude of one count, or None."""
    for one in (header, primary):
        if str(one.get("BUNIT", "")).strip().lower().startswith("nanomagg"):
            return 22.5
        if isinstance(one.get("FPA.ZP"), int | float):  # PanSTARRS counts are not per second
            return float(one["FPA.ZP"] + 2.5 * np.log10(one["EXPTIME"]))
        for key in ZERO_POINT_KEYS:
            if isinstance(one.get(key), int | float):
                return float(one[key])
        if isinstance(one.get("FLUXMAG0"), int | float):
            return float(2.5 * np.log10(one["FLUXMAG0"]))
    return 22.5 if survey_of(header, primary) == "legacy" else None


def pixel_area(header: fits.Header, wcs: WCS) -> float:
    """Return the arcsec^2 that one pixel's value is the flux of."""
    if header.get("NAXIS3", 1) > 1 and survey_of(header, header) == "legacy":
        return LEGACY_CUTOUT_AREA
    return float(proj_plane_pixel_area(wcs)) * 3600.0**2


def asinh(header: fits.Header) -> tuple[float, float] | None:
    """Return (BOFFSET, BSOFTEN) of a PanSTARRS stack that holds asinh magnitudes, else None."""
    if "BSOFTEN" not in header:
        return None
    return float(header["BOFFSET"]), float(header["BSOFTEN"])


def survey_of(header: fits.Header, primary: fits.Header) -> str | None:
    """Return "des", "ps1", "legacy" or "sdss" where a header tells."""
    for one in (header, primary):
        if "DES_EXT" in one or "DESFNAME" in one:
            return "des"
        told = " ".join(str(one.get(key, "")) for key in SURVEY_KEYS).lower()
        for survey, words in SURVEYS.items():
            if re.search(words, told):
                return survey
    return None
