"""What the surveys' pipelines say of the sources: truth -> catalogues with the surveys' own columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galcat_core.sky.defects import Defect, touched
from galcat_core.sky.galaxies import REACH
from galcat_core.sky.layout import PIXEL_ARCSEC, Tile

SDSS_COLUMNS = (
    *("objid", "ra", "dec", "u", "g", "r", "i", "z"),
    *("run", "rerun", "camcol", "field", "petroRad_r"),
)
DES_BANDS = ("G", "R", "I", "Z", "Y")


def _each(*patterns: str) -> list[str]:
    return [pattern.format(band) for pattern in patterns for band in DES_BANDS]


DES_COLUMNS = (
    *("COADD_OBJECT_ID", "RA", "DEC", "TILENAME", *_each("MAG_AUTO_{}")),
    *("A_IMAGE", "B_IMAGE", "THETA_J2000", "KRON_RADIUS", "XWIN_IMAGE", "YWIN_IMAGE"),
    *("FLUX_RADIUS_R", "EBV_SFD98"),
    *(f"{name}_{band}" for band in DES_BANDS for name in ("FLAGS", "IMAFLAGS_ISO", "NEPOCHS")),
    *_each("MAGERR_AUTO_{}"),
    "CLASS_STAR_I",
    *_each("SPREAD_MODEL_{}", "WAVG_SPREAD_MODEL_{}", "WAVG_SPREADERR_MODEL_{}"),
)
SDSS_SCATTER_ARCSEC = 0.13  # a coordinate; gives the median separation of real pairs, 0.17 arcsec
DES_SCATTER_ARCSEC = 0.03
SDSS_OFFSET_ARCSEC = (0.03, -0.02)  # the surveys' reference frames differ
# median of MAG_AUTO (DES) minus model magnitude (SDSS) of real pairs, by band
DES_MINUS_SDSS = {"g": -0.07, "r": -0.03, "i": 0.02, "z": 0.03}
_PROFILE_STEPS = np.geomspace(0.02, 12, 160)  # radii in half-light radii


def petrosian(table: pd.DataFrame, fwhm_arcsec: float = 1.32) -> np.ndarray:
    """Petrosian radius (eta = 0.2, Blanton et al. 2001) of each source, in arcsec, (N,).

    Taken from the circularised bulge and disk, widened by the PSF in quadrature.
    """
    size = table["re_arcsec"].to_numpy(float)
    n = table["sersic_n"].to_numpy(float)[:, None]
    radius = size[:, None] * _PROFILE_STEPS
    bulge_size = table.get("bulge_re_arcsec", table["re_arcsec"]).fillna(table["re_arcsec"])
    bulge_size = bulge_size.to_numpy(float) * np.sqrt(table["axis_ratio"].to_numpy(float))
    light = _unit_sersic(radius, bulge_size[:, None], n)
    if "scale_arcsec" in table:
        disk = table["scale_arcsec"].notna().to_numpy()[:, None]
        cos_i = np.cos(np.radians(table["inclination_deg"].fillna(0).to_numpy(float)))
        flat = np.maximum(cos_i, 0.18) ** 0.5  # a circle averages over an inclined disk
        scale = table["scale_arcsec"].fillna(1.0).to_numpy(float) * (0.25 + 0.75 * flat)
        share = table["bulge_fraction"].fillna(1.0).to_numpy(float)[:, None]
        faint = np.exp(-radius / scale[:, None]) / (2 * np.pi * scale[:, None] ** 2)
        faint = np.where(radius < REACH * scale[:, None], faint, 0)
        light = np.where(disk, share * light + (1 - share) * faint, light)
    rings = np.diff(np.pi * radius**2, axis=1, prepend=0) * light
    mean = np.cumsum(rings, axis=1) / (np.pi * radius**2)
    ratio = light / mean
    found = np.array(
        [
            r[np.argmax(e < 0.2)] if (e < 0.2).any() else r[-1]
            for r, e in zip(radius, ratio, strict=True)
        ]
    )
    return np.sqrt(found**2 + (1.1 * fwhm_arcsec) ** 2)


def _unit_sersic(radius: np.ndarray, size: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Sersic profile, about 1 in total (b_n after Ciotti & Bertin 1999)."""
    from scipy.special import gamma

    b = 2 * n - 1 / 3 + 4 / (405 * n)
    total = 2 * np.pi * n * size**2 * np.exp(b) * b ** (-2 * n) * gamma(2 * n)
    return np.exp(-b * ((radius / size) ** (1 / n) - 1)) / total


def sdss_ids(frames: list[Tile], which: np.ndarray) -> np.ndarray:
    """Object ids as SDSS builds them: bits for version, rerun, run, camcol, field and number."""
    ids = np.zeros(len(which), np.int64)
    for k, frame in enumerate(frames):
        rows = np.flatnonzero(which == k)
        base = (1 << 59) | (frame.cards["RERUN"] << 48) | (frame.cards["RUN"] << 32)
        base |= (frame.cards["CAMCOL"] << 29) | (frame.cards["FRAME"] << 16)
        ids[rows] = base + 33 + 7 * np.arange(len(rows))
    return ids


def sdss_table(
    random: np.random.Generator, table: pd.DataFrame, frames: list[Tile]
) -> pd.DataFrame:
    """Measure galaxies as SDSS does, each in its `frame`. Columns: `SDSS_COLUMNS`."""
    count, which = len(table), table["frame"]
    made = pd.DataFrame({"objid": table["sdss_id"]})
    made["ra"], made["dec"] = _scattered(random, table, SDSS_SCATTER_ARCSEC, SDSS_OFFSET_ARCSEC)
    for band in "ugriz":
        faint = {"u": 0.09, "g": 0.02, "r": 0.015, "i": 0.015, "z": 0.03}[band]
        error = np.hypot(faint * 10 ** (0.3 * (table[f"mag_{band}"] - 17.5)), 0.02)
        made[band] = (table[f"mag_{band}"] + random.normal(0, error)).round(6)
    lost = random.random(count) < 0.002
    made.loc[lost, "u"] = -9999.0
    for column, card in (
        ("run", "RUN"),
        ("rerun", "RERUN"),
        ("camcol", "CAMCOL"),
        ("field", "FRAME"),
    ):
        made[column] = np.array([frames[k].cards[card] for k in which], np.int64)
    noise = random.lognormal(0, 0.05 + 0.05 * (table["mag_r"] > 17))
    made["petroRad_r"] = (table["petro_arcsec"] * noise).round(6)
    return made[list(SDSS_COLUMNS)]


def _scattered(
    random: np.random.Generator, table: pd.DataFrame, sigma: float, offset: tuple = (0.0, 0.0)
) -> tuple[np.ndarray, np.ndarray]:
    east, north = random.normal(0, sigma, (2, len(table)))
    dec = table["dec_deg"] + (north + offset[1]) / 3600
    ra = table["ra_deg"] + (east + offset[0]) / 3600 / np.cos(np.radians(dec))
    return (ra % 360).round(8), dec.round(8)


def des_table(
    random: np.random.Generator, table: pd.DataFrame, tile: Tile, found: list[Defect]
) -> pd.DataFrame:
    """Measure everything in a tile as DES does. Columns: `DES_COLUMNS`."""
    count = len(table)
    star = (table["kind"] == "star").to_numpy()
    made = pd.DataFrame({"COADD_OBJECT_ID": table["des_id"]})
    ra, dec = _scattered(random, table, DES_SCATTER_ARCSEC)
    made["RA"], made["DEC"] = np.round(ra % 360, 6), np.round(dec, 6)
    made["TILENAME"] = tile.cards["TILENAME"]
    x, y = tile.pixels(made["RA"], made["DEC"])
    made["XWIN_IMAGE"], made["YWIN_IMAGE"] = x.round(8), y.round(8)
    _des_shapes(random, made, table, star)
    made["EBV_SFD98"] = (0.034 + 0.0003 * random.normal(0, 1, count)).round(5)
    blended = random.choice([0, 2, 3], count, p=[0.48, 0.37, 0.15])
    cut = tile.border(x, y) < 2.2 * made["A_IMAGE"]
    full = table["mag_r"].to_numpy() < np.where(star, 15.4, 0.0)
    for band in DES_BANDS:
        near, gone = touched(found, band.lower(), x, y, 1.5 * made["A_IMAGE"].to_numpy())
        made[f"FLAGS_{band}"] = (blended + 16 * cut + 4 * full).astype(np.int64)
        made[f"IMAFLAGS_ISO_{band}"] = near.astype(np.int64)
        epochs = np.clip(random.poisson(3, count), 1, 9)
        made[f"NEPOCHS_{band}"] = np.where(gone, 0, epochs).astype(np.int64)
        _des_photometry(random, made, table, band, gone)
        _des_spread(random, made, table, band, star, gone)
    made["CLASS_STAR_I"] = np.where(
        star, random.uniform(0.93, 0.9999, count), random.lognormal(np.log(0.0286), 0.05, count)
    ).round(8)
    return made[list(DES_COLUMNS)]


def _des_shapes(
    random: np.random.Generator, made: pd.DataFrame, table: pd.DataFrame, star: np.ndarray
) -> None:
    """Second moments in pixels, angle East of North, Kron radius (a multiple of A_IMAGE)."""
    count = len(table)
    ratio = np.where(star, 0.97, seen_axis_ratio(table))
    # 3.5 A_IMAGE 0.263 / petroRad_r has the median of real pairs, 1.8
    size = 1.72 * table["petro_arcsec"] / (3.5 * PIXEL_ARCSEC["des"])
    size = np.where(star, 0.95 / 2.1 / PIXEL_ARCSEC["des"], size * random.lognormal(0, 0.13, count))
    made["A_IMAGE"] = (size * (0.8 / ratio) ** 0.25).round(8)
    made["B_IMAGE"] = (
        made["A_IMAGE"] * np.clip(ratio + random.normal(0, 0.02, count), 0.08, 0.998)
    ).round(8)
    theta = table["theta_deg"].fillna(0) - 90 + random.normal(0, 2, count)
    theta = np.where(star, random.uniform(-90, 90, count), theta)
    made["THETA_J2000"] = ((theta + 90) % 180 - 90).round(8)
    odd = random.random(count) < 0.02
    made["KRON_RADIUS"] = np.where(odd, random.uniform(3.5, 4.3, count), 3.5).round(6)
    light = np.where(
        star, 0.95 / 2, 0.43 * table["petro_arcsec"] * random.lognormal(0, 0.07, count)
    )
    made["FLUX_RADIUS_R"] = (light / PIXEL_ARCSEC["des"]).round(8)


def seen_axis_ratio(table: pd.DataFrame) -> np.ndarray:
    """Axis ratio of the outer isophotes: an inclined disk of finite thickness, or the spheroid."""
    cos_i = np.cos(np.radians(table["inclination_deg"].to_numpy(float)))
    thick = table["thickness"].to_numpy(float)
    disk = np.sqrt(cos_i**2 * (1 - thick**2) + thick**2)
    outer = np.where(np.isnan(disk), table["axis_ratio"].fillna(1.0).to_numpy(float), disk)
    blur = (0.6 / np.maximum(table["re_arcsec"].fillna(1.0).to_numpy(float), 0.5)) ** 2
    return np.clip(np.sqrt((outer**2 + blur) / (1 + blur)), 0.08, 0.995)


def _des_photometry(
    random: np.random.Generator,
    made: pd.DataFrame,
    table: pd.DataFrame,
    band: str,
    gone: np.ndarray,
) -> None:
    count = len(table)
    lower = band.lower()
    near = "z" if lower == "y" else lower
    true = table[f"mag_{near}"] + (DES_MINUS_SDSS | {"y": -0.06})[lower]
    depth = {"G": 0.0021, "R": 0.0018, "I": 0.0021, "Z": 0.0028, "Y": 0.007}[band]
    error = depth * 10 ** (0.3 * (true - 17.3)) * random.lognormal(0, 0.2, count)
    star = (table["kind"] == "star").to_numpy()
    aperture = random.normal(-0.01, np.where(star, 0.015, 0.08), count)
    made[f"MAG_AUTO_{band}"] = np.where(
        gone, 99.0, (true + aperture + random.normal(0, error)).round(8)
    )
    made[f"MAGERR_AUTO_{band}"] = np.where(gone, 99.0, error.round(8))


def _des_spread(
    random: np.random.Generator,
    made: pd.DataFrame,
    table: pd.DataFrame,
    band: str,
    star: np.ndarray,
    gone: np.ndarray,
) -> None:
    """Star-galaxy separators: about 0 for stars, 0.01 to 0.035 for galaxies; -99 where none."""
    count = len(table)
    size = np.maximum(table["petro_arcsec"].fillna(1.0).to_numpy(float), 1.0)
    spread = np.clip(0.0125 * (size / 3) ** 0.8, 0.004, 0.036) * random.lognormal(0, 0.08, count)
    noise = 2e-4 * 10 ** (0.25 * (table["mag_r"].to_numpy(float) - 17.5))
    spread = np.where(star, random.normal(0, 4e-4, count), spread) + random.normal(0, noise)
    made[f"SPREAD_MODEL_{band}"] = np.where(gone, 1.0, spread.round(8))
    # the average over exposures is lost for some objects in some bands
    none = gone | (random.random(count) < 0.04)
    mean = spread * random.normal(0.96, 0.02, count)
    made[f"WAVG_SPREAD_MODEL_{band}"] = np.where(none, -99.0, mean.round(8))
    made[f"WAVG_SPREADERR_MODEL_{band}"] = np.where(none, -99.0, (0.6 * noise + 2e-5).round(8))
