"""Where things lie: how many galaxies -> patches of sky, their tiles with WCS, names, and positions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from astropy.wcs import WCS

from galcat_core.sections import Simulate

DENSITY = 5.0  # survey galaxies per square arcminute; real ones are 200 times sparser
SDSS_MARGIN_ARCSEC = 14.0  # SDSS-like frames reach this far beyond the DES-like tile
FRAME_OVERLAP_ARCSEC = 40.0  # neighbouring frames share this much, as real fields share 128 rows
OVERLAP_AT = (0.01, 0.0167)  # RA, Dec of the first patch: its tile crosses RA 0/360
BEYOND_AT = (0.01, -41.4)  # the first patch outside the overlap
STEP_DEG = 0.75  # about the spacing of real DES tiles
PER_ROW = 80  # patches in a row before the next one starts
PIXEL_ARCSEC = {"sdss": 0.396, "des": 0.263}
RUN, RERUN = 4073, 40  # a run over Stripe 82


@dataclass(frozen=True)
class Tile:
    """One field of a telescope: where its images lie.

    Attributes
    ----------
    survey : str
        "sdss" or "des".
    name : str
        File name without band and suffix.
    width, height : int
        Pixels along x and y.
    cards : dict
        FITS cards of the WCS (TAN), 1-based as FITS is, and of the survey's naming.
    patch : int
        Number of the patch that it looks at.
    strip : bool
        A narrow frame at the end of a run.
    """

    survey: str
    name: str
    width: int
    height: int
    cards: dict
    patch: int
    strip: bool = False

    def pixels(self, ra_deg: np.ndarray, dec_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return 1-based pixel positions (x, y) of sky positions in degrees."""
        x, y = WCS(self.cards).all_world2pix(np.asarray(ra_deg), np.asarray(dec_deg), 1)
        return np.asarray(x, float), np.asarray(y, float)

    def border(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the distance to the nearest edge in pixels, negative outside."""
        return np.min([x - 0.5, y - 0.5, self.width + 0.5 - x, self.height + 0.5 - y], axis=0)


@dataclass(frozen=True)
class Patch:
    """A square of sky and how many survey galaxies it gets; `last` ends the SDSS-like run."""

    number: int
    ra_deg: float
    dec_deg: float
    side_arcsec: float
    overlap: bool
    count: int
    last: bool

    def sky(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn offsets in arcsec (u to the West, v to the North) into RA, Dec in degrees."""
        wcs = WCS(_cards(self.ra_deg, self.dec_deg, (1.0, 1.0), ((-1.0, 0.0), (0.0, 1.0))))
        ra, dec = wcs.all_pix2world(u, v, 0)
        return np.asarray(ra) % 360, np.asarray(dec)

    def tiles(self) -> list[Tile]:
        """Return the DES-like tile and, in the overlap, the SDSS-like frames."""
        return [des_tile(self), *(sdss_frames(self) if self.overlap else [])]


def patches(settings: Simulate) -> list[Patch]:
    """Divide the wanted galaxies over square patches of one density, none larger than a tile."""
    made: list[Patch] = []
    for overlap, count in ((True, settings.overlap), (False, settings.unlabelled)):
        if not count:
            continue
        pieces = int(np.ceil(count / (DENSITY * settings.tile_arcmin**2)))
        side = 60 * float(np.sqrt(count / pieces / DENSITY))
        shares = np.diff(np.round(np.linspace(0, count, pieces + 1)).astype(int))
        for k, share in enumerate(shares):
            place = _place(k, *(OVERLAP_AT if overlap else BEYOND_AT))
            last = overlap and k == pieces - 1
            made.append(Patch(len(made), *place, side, overlap, int(share), last))
    return made


def _place(k: int, ra: float, dec: float) -> tuple[float, float]:
    """Centre of the k-th patch: alternately East and West of the first, row above row."""
    row, column = divmod(k, PER_ROW)
    step = (column + 1) // 2 * (1 if column % 2 else -1)
    declination = dec + row * STEP_DEG
    stretch = 1 / np.cos(np.radians(declination))
    return round((ra + step * STEP_DEG * stretch) % 360, 6), round(declination, 6)


def _cards(
    ra: float, dec: float, at: tuple[float, float], cd_arcsec: tuple[tuple[float, float], ...]
) -> dict:
    (a, b), (c, d) = cd_arcsec
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "CRPIX1": at[0],
        "CRPIX2": at[1],
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CD1_1": a / 3600,
        "CD1_2": b / 3600,
        "CD2_1": c / 3600,
        "CD2_2": d / 3600,
        "RADESYS": "ICRS",
        "EQUINOX": 2000.0,
    }


def des_tile(patch: Patch) -> Tile:
    """Return the DES-like tile: North up, East left, named by its centre as real ones are."""
    size = int(np.ceil(patch.side_arcsec / PIXEL_ARCSEC["des"]))
    p = PIXEL_ARCSEC["des"]
    centre = ((size + 1) / 2, (size + 1) / 2)
    minutes = int(patch.ra_deg / 360 * 24 * 60)
    arcmin = int(abs(patch.dec_deg) * 60)
    name = (
        f"DES{minutes // 60:02d}{minutes % 60:02d}"
        f"{'-' if patch.dec_deg < 0 else '+'}{arcmin // 60:02d}{arcmin % 60:02d}"
    )
    cards = _cards(patch.ra_deg, patch.dec_deg, centre, ((-p, 0.0), (0.0, p)))
    return Tile("des", name, size, size, cards | {"TILENAME": name}, patch.number)


def sdss_frames(patch: Patch) -> list[Tile]:
    """Return the SDSS-like frames over a patch.

    The camera drifts along the equator: Declination runs along the columns (x), RA along the rows
    (y), with a small rotation. The run ends in a narrow frame over the last patch.
    """
    p = PIXEL_ARCSEC["sdss"]
    full = patch.side_arcsec + 2 * SDSS_MARGIN_ARCSEC
    turn = np.radians(0.4 + 0.9 * (patch.number % 7))
    cos, sin = p * float(np.cos(turn)), p * float(np.sin(turn))
    # u_west = -ra: x runs North and y East, turned by a little
    cd = ((-sin, cos), (cos, sin))
    slack = full * float(np.sin(turn))  # so that the turned frames still cover the patch
    cuts = (0.0, 0.47, 0.9, 1.0) if patch.last else (0.0, 0.5, 1.0)
    width = int(np.ceil((full + slack) / p))
    length = full + slack
    frames = []
    for k, (low, high) in enumerate(pairwise(cuts)):
        start = low * length - (FRAME_OVERLAP_ARCSEC if k else 0.0)
        height = int(np.ceil((high * length - start) / p))
        at = ((width + 1) / 2, (length / 2 - start) / p + 0.5)
        camcol, field = 1 + patch.number // PER_ROW % 6, 20 + 4 * (patch.number % PER_ROW) + k
        run = RUN + patch.number // (6 * PER_ROW)
        name = f"frame-{run:06d}-{camcol}-{field:04d}"
        cards = _cards(patch.ra_deg, patch.dec_deg, at, cd)
        cards |= {"RUN": run, "RERUN": RERUN, "CAMCOL": camcol, "FRAME": field}
        strip = patch.last and k == len(cuts) - 2
        frames.append(Tile("sdss", name, width, height, cards, patch.number, strip))
    return frames


def scatter(
    random: np.random.Generator, side_arcsec: float, radius_arcsec: np.ndarray, edge_share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Place objects of different sizes in a square so that they hardly touch.

    Parameters
    ----------
    random : numpy.random.Generator
    side_arcsec : float
        Side of the square.
    radius_arcsec : ndarray, (N,)
        Each object keeps the sum of both radii to any other, where there is room.
    edge_share : float
        Share of objects that may stand so close to the edge that it cuts through them.

    Returns
    -------
    u, v : ndarray, (N,)
        Offsets from the centre in arcsec.
    """
    count = len(radius_arcsec)
    u, v = np.full(count, np.inf), np.full(count, np.inf)
    reach = side_arcsec / 2 - np.where(random.random(count) < edge_share, 2.0, 2.2 * radius_arcsec)
    reach = np.maximum(reach, side_arcsec / 8)
    for k in np.argsort(-radius_arcsec, kind="stable"):
        tries = random.uniform(-1, 1, (60, 2)) * reach[k]
        near = np.hypot(tries[:, :1] - u, tries[:, 1:] - v) / (radius_arcsec + radius_arcsec[k])
        room = np.nanmin(np.where(np.isfinite(near), near, 9.0), axis=1)
        fits = np.flatnonzero(room >= 1)
        chosen = fits[0] if len(fits) else int(np.argmax(room))  # else the roomiest place
        u[k], v[k] = tries[chosen]
    return u, v
