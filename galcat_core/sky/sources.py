"""Everything that shines in a patch of sky: patch + seed -> one table with positions, ids and neighbours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galcat_core.sky import population
from galcat_core.sky.layout import Patch, Tile, scatter
from galcat_core.sky.measured import petrosian, sdss_ids

FIELD_DENSITY = 4.5  # faint galaxies per square arcminute, r = 18 to 22
STAR_DENSITY = 1.6  # high galactic latitude, r = 13.5 to 21.5
CATALOGUED = 20.0  # fainter field objects are seen, but in no catalogue
UNLABELLED_G = 17.93  # most galaxies outside the overlap pass the paper's cut at g = 18
FIRST_DES_ID, DES_ID_STEP = 66_180_409, 1_150_021


def sources(patch: Patch, seed: int) -> pd.DataFrame:
    """Draw everything in a patch.

    Returns
    -------
    pandas.DataFrame
        Survey galaxies first (`kind` "galaxy"), then the neighbours that belong to them
        (`host` is their row, else -1), field galaxies and stars; with `ra_deg`, `dec_deg`,
        `petro_arcsec`, `merging`, `des_seen` (in the DES catalogue: "yes", "no" or "displaced"),
        `des_id` (0: none), `sdss_id` (0: none), `frame` (index into `patch.tiles()[1:]`, else -1).
    """
    random = np.random.default_rng([seed, 1, patch.number])
    galaxies = _survey_galaxies(random, patch)
    area = (patch.side_arcsec / 60) ** 2
    field = population.draw_field(random, random.poisson(FIELD_DENSITY * area))
    stars = population.draw_stars(random, random.poisson(STAR_DENSITY * area))
    glare = population.draw_stars(random, 1)  # one that saturates
    shift = random.uniform(10.3, 11.8) - glare["mag_r"]
    for band in "ugriz":
        glare[f"mag_{band}"] += shift
    galaxies["petro_arcsec"] = petrosian(galaxies)
    big = np.append(1.15 * galaxies["petro_arcsec"].to_numpy() + 1.5, 14.0)
    u, v = scatter(random, patch.side_arcsec, big, edge_share=0.2)
    _put(galaxies, patch, u[:-1], v[:-1])
    _put(glare, patch, u[-1:], v[-1:])
    for table in (field, stars):
        half = patch.side_arcsec / 2 + 12
        _put(table, patch, *random.uniform(-half, half, (2, len(table))))
    partners = _partners(random, patch, galaxies)
    table = pd.concat([galaxies, partners, field, stars, glare], ignore_index=True)
    rest = table["petro_arcsec"].isna() & table["re_arcsec"].notna()
    table.loc[rest, "petro_arcsec"] = petrosian(table[rest])
    table["petro_arcsec"] = table["petro_arcsec"].fillna(1.4)
    table["host"] = table["host"].fillna(-1).astype(np.int64)
    table["merging"] = table["merging"].eq(True)
    table["patch"] = patch.number
    _identify(random, patch, table)
    return table


def _survey_galaxies(random: np.random.Generator, patch: Patch) -> pd.DataFrame:
    if patch.overlap:
        return population.draw_galaxies(random, patch.count)
    drawn = population.draw_galaxies(random, 4 * patch.count + 20)
    bright = drawn["mag_g"] < UNLABELLED_G
    wanted = round(0.9 * patch.count)
    chosen = [drawn[bright].head(wanted), drawn[~bright].head(patch.count)]
    return pd.concat(chosen).head(patch.count).reset_index(drop=True)


def _put(table: pd.DataFrame, patch: Patch, u: np.ndarray, v: np.ndarray) -> None:
    table["ra_deg"], table["dec_deg"] = patch.sky(u, v)
    table["u_arcsec"], table["v_arcsec"] = u, v


def _partners(random: np.random.Generator, patch: Patch, galaxies: pd.DataFrame) -> pd.DataFrame:
    """Draw merging partners (2.5% of galaxies) and specks within an arcsecond (2.5%)."""
    count = len(galaxies)
    share = random.random(count)
    galaxies["merging"] = share < 0.025
    galaxies["host"] = -1
    hosts = np.flatnonzero(share < 0.05)
    made = population.draw_field(random, len(hosts))
    host = galaxies.iloc[hosts]
    merging = host["merging"].to_numpy()
    fainter = np.where(
        merging, random.uniform(0.2, 1.4, len(hosts)), random.uniform(2.2, 3.2, len(hosts))
    )
    tint = np.where(merging, 0.0, -0.3) + random.normal(0, 0.12, len(hosts))
    for band, colour in zip("ugriz", (1.8, 1.0, 0.0, -0.4, -0.6), strict=True):
        made[f"mag_{band}"] = host[f"mag_{band}"].to_numpy() + fainter + colour * tint
    size = host["re_arcsec"].to_numpy()
    made["re_arcsec"] = np.where(merging, size * random.uniform(0.5, 0.9, len(hosts)), 0.35)
    away = np.where(
        merging, size * random.uniform(0.9, 1.9, len(hosts)), random.uniform(0.55, 0.9, len(hosts))
    )
    turn = random.uniform(0, 2 * np.pi, len(hosts))
    u = host["u_arcsec"].to_numpy() + away * np.cos(turn)
    v = host["v_arcsec"].to_numpy() + away * np.sin(turn)
    _put(made, patch, u, v)
    return made.assign(host=hosts)


def _identify(random: np.random.Generator, patch: Patch, table: pd.DataFrame) -> None:
    """Give ids of both surveys; a percent of the SDSS galaxies gets no DES object within 1 arcsec."""
    tile, *frames = patch.tiles()
    galaxy = (table["kind"] == "galaxy").to_numpy()
    x, y = tile.pixels(table["ra_deg"], table["dec_deg"])
    inside = tile.border(x, y) > 0
    partner = table["host"].to_numpy() >= 0
    seen = galaxy | (inside & ((table["mag_r"] < CATALOGUED).to_numpy() | partner))
    state = np.where(seen, "yes", "no").astype(object)
    rank = random.random(len(table))
    if patch.overlap:
        lost = galaxy & ~np.isin(np.arange(len(table)), table["host"]) & (rank < 0.012)
        state[lost] = np.where(rank[lost] < 0.006, "no", "displaced")
    table["des_seen"] = state
    ids = np.zeros(len(table), np.int64)
    listed = np.flatnonzero(state != "no")
    steps = np.cumsum(random.integers(1, 40, len(listed)))
    first = FIRST_DES_ID + patch.number * DES_ID_STEP
    ids[listed] = first + random.permutation(steps)
    table["des_id"] = ids
    table["frame"] = best_frame(table, frames, galaxy)
    table["sdss_id"] = np.int64(0)
    rows = np.flatnonzero(table["frame"] >= 0)
    table.loc[rows, "sdss_id"] = sdss_ids(frames, table["frame"].to_numpy()[rows])


def best_frame(table: pd.DataFrame, frames: list[Tile], chosen: np.ndarray) -> np.ndarray:
    """Return the index of the frame in which each chosen object is farthest from the edge, (N,)."""
    found = np.full(len(table), -1, np.int64)
    if frames:
        ra, dec = table["ra_deg"], table["dec_deg"]
        room = np.array([frame.border(*frame.pixels(ra, dec)) for frame in frames])
        found = np.where(chosen & (room.max(axis=0) > 0), room.argmax(axis=0), -1)
    return found
