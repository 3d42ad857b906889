"""What volunteers say of a galaxy in the SDSS-like picture: the population -> Galaxy Zoo's columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

ANSWERS = ("P_EL", "P_CW", "P_ACW", "P_EDGE", "P_DK", "P_MG")
COLUMNS = (
    *("OBJID", "NVOTE", *ANSWERS, "P_CS"),
    *("P_EL_DEBIASED", "P_CS_DEBIASED", "SPIRAL", "ELLIPTICAL", "UNCERTAIN"),
)
CLEAN = (
    0.8  # debiased share from which Galaxy Zoo flags a class: Lintott et al. 2011, MNRAS 410, 166
)


def visibility(table: pd.DataFrame) -> np.ndarray:
    """How well a volunteer sees the shape of a galaxy, (N,), from 0 (faint, small) to 1.

    `mag_r` and `petro_arcsec` decide: half of it is lost at r = 17.2 and 5 arcsec.
    """
    size = np.log(table["petro_arcsec"].to_numpy(float) / 5.0)
    return 1 / (1 + np.exp(-(1.5 * (17.2 - table["mag_r"].to_numpy(float)) + 2.8 * size)))


def chances(random: np.random.Generator, table: pd.DataFrame) -> np.ndarray:
    """Chance that a volunteer gives each of `ANSWERS`, (N, 6)."""
    seen = visibility(table)
    spiral = (table["morphology"] == "spiral").to_numpy()
    tilt = np.nan_to_num(table["inclination_deg"].to_numpy(float))
    cos_i = np.cos(np.radians(tilt))
    edge_on = np.where(tilt > 0, 1 / (1 + np.exp(-(tilt - 74) / 3.5)), 0.0)
    open_arms = np.clip(table["pitch_deg"].fillna(0).to_numpy(float) / 16, 0.5, 1.2)
    arms = spiral * seen * table["arm_strength"].to_numpy(float) ** 0.4 * open_arms * cos_i**0.4
    arms = np.clip(arms * (1 - edge_on) * 1.3, 0, 0.985)
    # without clear arms a disk still looks "other": blue, knotty, flat
    other = spiral * (1 - arms) * (1 - edge_on) * (0.15 + 0.75 * seen * (0.3 + 0.7 * (1 - cos_i)))
    thin = edge_on * np.where(spiral, 0.45 + 0.54 * seen, 0.25 + 0.35 * seen)
    flat = ~spiral * 0.2 * np.clip(0.85 - table["axis_ratio"].to_numpy(float), 0, 1)
    edge = np.clip(other + thin + flat, 0, 0.985)
    clockwise = np.where((table["winding"] == "cw").to_numpy(), 0.96, 0.04)
    share = np.empty((len(table), len(ANSWERS)))
    # some volunteers see arms everywhere
    fancy = 0.004 + 0.016 * ~spiral + 0.02 * (1 - seen)
    share[:, 1], share[:, 2] = arms * clockwise + fancy, arms * (1 - clockwise) + fancy
    share[:, 3] = edge + 0.01 + 0.03 * (1 - arms)
    share[:, 0] = np.maximum(1 - arms - edge, 0) + 0.004
    share[:, 4] = 0.004 + 0.13 * (1 - seen) ** 1.5
    share[:, 5] = np.where(table["merging"], 0.9, 0.004 + 0.008 * (1 - seen))
    share *= random.lognormal(0, 0.33, share.shape)  # people differ from galaxy to galaxy
    return share / share.sum(axis=1, keepdims=True)


def vote(random: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """Let volunteers vote.

    Parameters
    ----------
    random : numpy.random.Generator
    table : pandas.DataFrame
        Galaxies of `population.draw_galaxies` with `petro_arcsec`, `merging` and `sdss_id`.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, in the format of Galaxy Zoo 1's table 2: shares of NVOTE to three decimals.
    """
    share = chances(random, table)
    count = len(table)
    early = random.random(count) < 0.63  # two epochs of the site gave two humps of NVOTE
    votes = np.where(early, random.normal(31, 4.5, count), random.normal(53, 9, count))
    votes = np.clip(np.round(votes), 8, 88).astype(np.int64)
    given = random.multinomial(votes, share) / votes[:, None]
    made = pd.DataFrame(given, columns=list(ANSWERS))
    made.insert(0, "OBJID", table["sdss_id"])
    made.insert(1, "NVOTE", votes)
    made["P_CS"] = made["P_CW"] + made["P_ACW"] + made["P_EDGE"]
    # faint spirals are taken for ellipticals; the debiased shares make up for it: Bamford et al. 2009
    more = np.exp(1.35 * (1 - visibility(table)))
    both = made["P_EL"] + made["P_CS"]
    weighted = made["P_EL"] + more * made["P_CS"]
    made["P_EL_DEBIASED"] = np.where(weighted > 0, made["P_EL"] / weighted, 0) * both
    made["P_CS_DEBIASED"] = both - made["P_EL_DEBIASED"]
    shares = [name for name in made if name.startswith("P_")]
    made[shares] = made[shares].round(3)
    made["SPIRAL"] = (made["P_CS_DEBIASED"] >= CLEAN).astype(np.int64)
    made["ELLIPTICAL"] = (made["P_EL_DEBIASED"] >= CLEAN).astype(np.int64)
    made["UNCERTAIN"] = 1 - made["SPIRAL"] - made["ELLIPTICAL"]
    return made[list(COLUMNS)]
