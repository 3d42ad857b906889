"""Which objects there are: random generator + how many -> a table of galaxies, field galaxies, stars."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

KINDS = ("galaxy", "field", "star")
MORPHOLOGIES = ("elliptical", "lenticular", "spiral")
CLASS_OF = {"elliptical": "elliptical", "lenticular": "elliptical", "spiral": "spiral"}
FAINT_LIMIT = 17.77  # r of the SDSS main sample: Strauss et al. 2002, AJ 124, 1810
BRIGHT_LIMIT = 13.4
COUNT_SLOPE = 0.45  # dN/dm ~ 10**(slope m); a little flatter than Euclid's 0.6: more bright ones
LIGHT_KM_S = 299792.458
HUBBLE_KM_S_MPC = 70.0


def draw_galaxies(random: np.random.Generator, count: int) -> pd.DataFrame:
    """Draw the galaxies that both surveys catalogue, as they are above the atmosphere.

    Parameters
    ----------
    random : numpy.random.Generator
    count : int
        How many.

    Returns
    -------
    pandas.DataFrame
        One row a galaxy. Magnitudes are AB and total; `re_arcsec` is the half-light radius along
        the major axis, `scale_arcsec` the exponential scale length of the disk (NaN for
        ellipticals), `theta_deg` the angle of the major axis, counterclockwise from West.
    """
    table = pd.DataFrame({"kind": ["galaxy"] * count})
    share = random.random(count)
    table["morphology"] = np.select([share < 0.33, share < 0.47], MORPHOLOGIES[:2], "spiral")
    table["truth_class"] = table["morphology"].map(CLASS_OF)
    low, high = 10 ** (COUNT_SLOPE * BRIGHT_LIMIT), 10 ** (COUNT_SLOPE * FAINT_LIMIT)
    r = np.log10(random.uniform(low, high, count)) / COUNT_SLOPE
    early = (table["morphology"] != "spiral").to_numpy()
    absolute = np.where(early, -21.8, -21.15) + random.normal(0, 0.75, count)
    table["redshift"] = np.clip(_redshift(r - absolute, early), 0.006, 0.34)
    absolute = r - _modulus(table["redshift"].to_numpy(), early)
    table["re_arcsec"] = _half_light_arcsec(random, absolute, early, table["redshift"].to_numpy())
    table["theta_deg"] = random.uniform(0, 180, count)
    _draw_structure(random, table)
    _draw_colours(random, table, r)
    return table


@functools.cache
def _modulus_table() -> tuple[np.ndarray, np.ndarray]:
    """Redshift and distance modulus of flat LCDM with Omega_m = 0.3."""
    z = np.linspace(1e-4, 0.6, 3000)
    inverse = 1 / np.sqrt(0.3 * (1 + z) ** 3 + 0.7)
    comoving = np.cumsum(inverse) * (z[1] - z[0]) * LIGHT_KM_S / HUBBLE_KM_S_MPC
    return z, 5 * np.log10(comoving * (1 + z) * 1e5)


def _modulus(redshift: np.ndarray, early: np.ndarray) -> np.ndarray:
    """Distance modulus plus K correction in r (Chilingarian et al. 2010, first order)."""
    z, modulus = _modulus_table()
    return np.interp(redshift, z, modulus) + np.where(early, 1.0, 0.6) * redshift


def _redshift(modulus: np.ndarray, early: np.ndarray) -> np.ndarray:
    z, table = _modulus_table()
    found = [np.interp(modulus, table + k * z, z) for k in (0.6, 1.0)]
    return np.where(early, found[1], found[0])


def _half_light_arcsec(
    random: np.random.Generator, absolute: np.ndarray, early: np.ndarray, redshift: np.ndarray
) -> np.ndarray:
    """Half-light radii from the size-luminosity relations of Shen et al. 2003, MNRAS 343, 978."""
    late_log = 0.4 * -0.26 * absolute - 1.71
    late_log += 0.25 * np.log10(1 + 10 ** (-0.4 * (absolute + 20.91)))
    early_log = 0.4 * -0.60 * absolute - 4.63
    spread = 0.22 + 0.16 / (1 + 10 ** (-0.8 * (absolute + 20.7)))
    # 0.13 dex up: then the medians of petroRad_r are those of real overlap galaxies
    log_kpc = np.where(early, early_log, late_log) + 0.13 + random.normal(0, spread) / np.log(10)
    z, modulus = _modulus_table()
    luminosity_kpc = 10 ** (np.interp(redshift, z, modulus) / 5 - 2)
    angular_kpc = luminosity_kpc / (1 + redshift) ** 2
    return np.clip(np.degrees(10**log_kpc / angular_kpc) * 3600, 1.1, 13.0)


def _draw_structure(random: np.random.Generator, table: pd.DataFrame) -> None:
    """Bulges, disks, inclinations, bars, arms; `stage` runs from 0 (Sa) to 1 (Sd)."""
    count = len(table)
    spiral = (table["morphology"] == "spiral").to_numpy()
    lens = (table["morphology"] == "lenticular").to_numpy()
    disk = spiral | lens
    stage = np.where(spiral, random.beta(1.4, 1.3, count), np.nan)
    cos_i = random.random(count)
    table["stage"] = stage
    table["inclination_deg"] = np.where(disk, np.degrees(np.arccos(cos_i)), np.nan)
    table["thickness"] = np.where(lens, random.uniform(0.2, 0.3, count), 0)
    table.loc[spiral, "thickness"] = random.uniform(0.09, 0.18, spiral.sum())
    bulge = 0.42 * (1 - np.nan_to_num(stage)) ** 1.6 * random.lognormal(0, 0.35, count) + 0.015
    bulge = np.where(lens, random.uniform(0.3, 0.7, count), np.clip(bulge, 0.0, 0.6))
    table["bulge_fraction"] = np.where(disk, bulge, 1.0)
    n_elliptical = np.clip(random.normal(4.2, 0.9, count), 2.75, 6.0)
    n_bulge = np.clip(1.0 + 4 * bulge + random.normal(0, 0.5, count), 1.0, 4.0)
    table["sersic_n"] = np.round(np.where(disk, n_bulge, n_elliptical) * 4) / 4  # cheap to tabulate
    # round ones are rare, E5 and flatter too: Padilla & Strauss 2008, MNRAS 388, 1321
    table["axis_ratio"] = np.clip(random.normal(0.78, 0.13, count), 0.42, 0.99)
    flat = random.uniform(0.6, 0.85, count)
    table.loc[disk, "axis_ratio"] = np.sqrt(flat**2 + (1 - flat**2) * cos_i**2)[disk]
    table["scale_arcsec"] = np.where(disk, table["re_arcsec"] / 1.5, np.nan)
    share = random.uniform(0.12, 0.3, count) * (0.6 + bulge)
    table["bulge_re_arcsec"] = np.where(
        disk, np.maximum(table["re_arcsec"] * share * 1.6, 0.15), table["re_arcsec"]
    )
    table["bar"] = spiral & (random.random(count) < 0.33)
    table["bar_length"] = np.where(table["bar"], random.uniform(0.55, 1.15, count), 0.0)
    table["ring"] = spiral & (random.random(count) < 0.12)
    table["arms"] = np.where(spiral, random.choice([2, 2, 2, 2, 3, 4, 5, 6], count), 0)
    pitch = np.clip(9 + 18 * np.nan_to_num(stage) + random.normal(0, 3.5, count), 6, 36)
    table["pitch_deg"] = np.where(spiral, pitch, np.nan)
    table["winding"] = np.where(spiral, random.choice(["cw", "acw"], count), "")
    strength = np.clip(random.normal(0.75, 0.22, count), 0.12, 1.0)
    table["arm_strength"] = np.where(spiral, strength, 0.0)
    dust = random.uniform(0.25, 1.1, count) * (0.5 + 0.7 * np.exp(-(((stage - 0.45) / 0.3) ** 2)))
    table["dust"] = np.where(spiral, dust, np.where(lens, random.choice([0, 0, 0.3], count), 0.0))
    table["knots"] = np.where(spiral, random.poisson(8 + 55 * np.nan_to_num(stage)), 0)
    table["seed"] = random.integers(1, 2**31, count)


def _draw_colours(random: np.random.Generator, table: pd.DataFrame, r: np.ndarray) -> None:
    """Magnitudes of the old stars (bulge, old disk) and of the young ones, and their sums."""
    count = len(table)
    z = table["redshift"].to_numpy()
    spiral = (table["morphology"] == "spiral").to_numpy()
    passive = spiral & (random.random(count) < 0.12)  # red spirals: Masters et al. 2010
    rejuvenated = ~spiral & (
        random.random(count) < 0.06
    )  # blue ellipticals: Schawinski et al. 2009
    red_gr = 0.73 + 2.9 * z + 0.02 * (17.77 - r) + random.normal(0, 0.04, count)
    red_ri = 0.36 + 0.9 * z + random.normal(0, 0.02, count)
    tint = np.where(rejuvenated, random.uniform(0.15, 0.45, count), 0.0)
    young = 0.14 + 0.42 * np.nan_to_num(table["stage"]) + random.normal(0, 0.05, count)
    young = np.where(spiral, np.clip(young, 0.08, 0.65), 0.0) * np.where(passive, 0.35, 1.0)
    tilt = np.nan_to_num(table["inclination_deg"]) / 90
    redden = np.where(spiral, 0.14 * tilt**2 * (0.5 + table["dust"]), 0.0)
    table["young_fraction"] = young  # of the disk, in r
    table["bulge_gr"] = red_gr - tint + redden
    table["disk_gr"] = red_gr - np.where(spiral, 0.10, 0.02) - tint + redden
    table["young_gr"] = 1.2 * z + random.normal(0, 0.08, count) + redden
    table["bulge_ri"] = red_ri - 0.4 * tint + 0.5 * redden
    table["disk_ri"] = red_ri - np.where(spiral, 0.05, 0.01) - 0.4 * tint + 0.5 * redden
    table["young_ri"] = 0.07 + 0.5 * z + random.normal(0, 0.05, count) + 0.5 * redden
    for band in "gri":
        table[f"mag_{band}"] = r - 2.5 * np.log10(band_flux(table, band))
    gr = table["mag_g"] - table["mag_r"]
    table["mag_u"] = table["mag_g"] + 0.9 + 0.92 * gr + random.normal(0, 0.1, count)
    table["mag_z"] = table["mag_i"] - (0.12 + 0.22 * gr) + random.normal(0, 0.03, count)


def band_flux(table: pd.DataFrame, band: str, part: str = "all") -> np.ndarray:
    """Flux in a band over the total flux in r, (N,), of "bulge", "disk" (old), "young" or "all"."""
    bulge = table["bulge_fraction"]
    young = (1 - bulge) * table["young_fraction"]
    shares = {"bulge": bulge, "disk": 1 - bulge - young, "young": young}
    colour = {
        name: {"g": -table[f"{name}_gr"], "r": 0.0, "i": table[f"{name}_ri"]}[band]
        for name in shares
    }
    wanted = shares if part == "all" else (part,)
    return np.asarray(sum(shares[name] * 10 ** (0.4 * colour[name]) for name in wanted), float)


def draw_field(random: np.random.Generator, count: int, faint: float = 22.0) -> pd.DataFrame:
    """Draw faint background galaxies (r from 18 to `faint`): one Sersic profile each."""
    low, high = 10 ** (0.38 * 18.0), 10 ** (0.38 * faint)
    r = np.log10(random.uniform(low, high, count)) / 0.38
    table = pd.DataFrame({"kind": ["field"] * count, "morphology": "", "truth_class": ""})
    z = np.clip(0.16 + 0.07 * (r - 18) + random.normal(0, 0.07, count), 0.05, 1.0)
    early = random.random(count) < 0.3
    gr = np.where(early, 1.2 + 0.8 * (z - 0.2), 0.65 + 0.4 * z) + random.normal(0, 0.15, count)
    table["redshift"] = z
    table["sersic_n"] = np.where(early, 3.0, 1.0)
    table["re_arcsec"] = 10 ** (0.25 - 0.12 * (r - 18)) * random.lognormal(0, 0.3, count)
    table["axis_ratio"] = np.clip(random.normal(0.65, 0.2, count), 0.25, 1.0)
    table["theta_deg"] = random.uniform(0, 180, count)
    return _with_magnitudes(random, table, r, np.clip(gr, 0.1, 1.8), 0.2)


def draw_stars(random: np.random.Generator, count: int) -> pd.DataFrame:
    """Draw stars (r from 13.5 to 21.5) along the stellar locus of Covey et al. 2007, AJ 134, 2398."""
    low, high = 10 ** (0.17 * 13.5), 10 ** (0.17 * 21.5)
    r = np.log10(random.uniform(low, high, count)) / 0.17
    table = pd.DataFrame({"kind": ["star"] * count, "morphology": "", "truth_class": ""})
    dwarf = random.random(count) < np.clip(0.1 + 0.09 * (r - 14), 0.1, 0.75)
    gr = np.where(dwarf, random.normal(1.4, 0.1, count), random.uniform(0.2, 1.2, count))
    table = _with_magnitudes(random, table, r, gr, 0.0)
    extra = np.where(dwarf, random.uniform(0.2, 1.2, count), 0.0)  # M dwarfs: r-i grows alone
    table["mag_i"] -= extra
    table["mag_z"] -= 1.5 * extra
    return table


def _with_magnitudes(
    random: np.random.Generator, table: pd.DataFrame, r: np.ndarray, gr: np.ndarray, base_ri: float
) -> pd.DataFrame:
    count = len(table)
    ri = base_ri + (0.42 - 0.6 * base_ri) * gr + random.normal(0, 0.03, count)
    table["mag_u"] = r + gr + 0.6 + 1.1 * gr
    table["mag_g"], table["mag_r"], table["mag_i"] = r + gr, r, r - ri
    table["mag_z"] = table["mag_i"] - 0.6 * ri
    table["seed"] = random.integers(1, 2**31, count)
    return table
