"""What the surveys call their columns, which values mean "not measured", how large a galaxy is."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

# Lower case, the most telling first: a DES table may hold an "id" of another table beside its own.
ID_NAMES = (
    "coadd_object_id",
    "dr7objid",
    "dr8objid",
    "objid",
    "sdss_objid",
    "des_coadd_object_id",
    "ls_id",
    "dr8_id",
    "source_id",
    "object_id",
    "objectid",
    "galaxy_id",
    "galaxyid",
    "id",
    "iauname",
    "name",
    "filename",
    "file",
)

# (right ascension, declination), lower case, degrees before what is often sexagesimal.
POSITION_NAMES = (
    ("ra_deg", "dec_deg"),
    ("radeg", "dedeg"),
    ("radeg", "decdeg"),
    ("alphawin_j2000", "deltawin_j2000"),
    ("ra", "dec"),
    ("alpha_j2000", "delta_j2000"),
    ("ra_j2000", "dec_j2000"),
    ("raj2000", "dej2000"),
    ("raj2000", "decj2000"),
    ("_raj2000", "_dej2000"),
    ("ra_icrs", "de_icrs"),
    ("ramean", "decmean"),
    ("coord_ra", "coord_dec"),
    ("right_ascension", "declination"),
    ("alpha", "delta"),
    ("ra_1", "dec_1"),
)

# A table belongs to the first survey of which it holds all columns of one of these sets.
MARKS = {
    "des": ({"coadd_object_id"}, {"mag_auto_g", "kron_radius", "a_image"}),
    "sdss": (
        {"petrorad_r"},
        {"run", "rerun", "camcol", "field"},
        {"dr7objid"},
        {"dr8objid"},
    ),
    "galaxy_zoo": ({"p_el_debiased", "p_cs_debiased"}, {"p_el", "p_cs"}),
}

KINDS = {
    "magnitude": re.compile(
        r"[ugrizy]|(\w+_)?mag(err)?(_\w+)?|(psf|model|petro|cmodel|fiber)mag(err)?_\w+"
        r"|(err|dered|extinction)_\w+|\w+mag"
    ),
    "spread": re.compile(r"(wavg_)?spread(err)?_model(_\w+)?"),
    "radius": re.compile(r"(petro|de|exp|dev)rad(err)?_\w+|petror[59]0(err)?_\w+|\w*radius\w*"),
}

# SDSS writes -9999 (and -1000 for its error) where a measurement failed; DES writes 99 for a
# magnitude and -99 for a model spread. 99 arcsec is a legal radius, -99 never is.
SENTINELS = {
    "sdss": {
        "magnitude": (-9999.0, 9999.0, -99.0, 99.0),
        "spread": (-9999.0,),
        "radius": (-9999.0, -1000.0),
    },
    "des": {"magnitude": (99.0, -99.0, -9999.0), "spread": (-99.0, -9999.0), "radius": (-99.0,)},
}
SENTINELS_ELSEWHERE = {
    "magnitude": (99.0, -99.0, -9999.0),
    "spread": (-99.0, -9999.0),
    "radius": (-99.0, -9999.0),
}

DES_PIXEL_ARCSEC = 0.263
# Median over the 16,759 real SDSS-DES pairs of petroRad_r / (KRON_RADIUS x A_IMAGE x 0.263 arcsec);
# half of the pairs lie between 0.50 and 0.62. tests/catalogs/test_read.py measures it again.
PETROSIAN_PER_KRON = 0.5630


def guess_survey(columns: Iterable[str]) -> str:
    """Return "des", "sdss", "galaxy_zoo" or "unknown" by the names of the columns."""
    names = {str(c).lower() for c in columns}
    for survey, sets in MARKS.items():
        if any(marks <= names for marks in sets):
            return survey
    return "unknown"


def sentinels_of(column: str, survey: str) -> tuple[float, ...]:
    """Return the values that mean "not measured" in a column; none for columns of no known kind."""
    for kind, pattern in KINDS.items():
        if pattern.fullmatch(column.lower()):
            return SENTINELS.get(survey, SENTINELS_ELSEWHERE)[kind]
    return ()


def size_arcsec(table: pd.DataFrame, survey: str) -> pd.Series | None:
    """Return the radius that scales a cutout, in arcsec, alike in every survey; None if unknown.

    SDSS: the Petrosian radius in r. DES: the Kron radius (KRON_RADIUS is a multiple of A_IMAGE, not
    pixels), scaled so that its median over galaxies seen by both surveys is the Petrosian radius.
    """
    lower = {str(c).lower(): c for c in table.columns}
    if "size_arcsec" in lower:
        return table[lower["size_arcsec"]]
    if survey == "sdss" and "petrorad_r" in lower:
        return table[lower["petrorad_r"]]
    if survey == "des" and {"kron_radius", "a_image"} <= set(lower):
        kron_px = table[lower["kron_radius"]] * table[lower["a_image"]]
        return PETROSIAN_PER_KRON * DES_PIXEL_ARCSEC * kron_px
    return None
