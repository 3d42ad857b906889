"""The tables of a sky: settings -> sdss, Galaxy Zoo and DES catalogues and the truth, all patches together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galcat_core.sections import Simulate
from galcat_core.sky.defects import Defect, defects, touched
from galcat_core.sky.layout import Patch, Tile, patches
from galcat_core.sky.measured import des_table, sdss_table
from galcat_core.sky.sources import sources
from galcat_core.sky.telescopes import BANDS
from galcat_core.sky.votes import visibility, vote

TABLES = ("sdss.csv.gz", "galaxy_zoo.csv.gz", "des.csv.gz", "truth.parquet")
TRUTH_COLUMNS = (
    *("sdss_id", "des_id", "kind", "morphology", "truth_class", "ra_deg", "dec_deg", "redshift"),
    *("mag_u", "mag_g", "mag_r", "mag_i", "mag_z", "re_arcsec", "petro_arcsec", "sersic_n"),
    *("axis_ratio", "theta_deg", "inclination_deg", "bulge_fraction", "scale_arcsec", "stage"),
    *("arms", "arm_strength", "pitch_deg", "winding", "bar", "ring", "knots", "dust"),
    *("visibility", "merging", "host_des_id", "des_seen", "overlap", "patch", "tile", "frame"),
    *("des_edge", "des_bad_bands", "sdss_bad_bands"),
)
DISPLACED_ARCSEC = (1.3, 2.4)  # where DES puts a galaxy that its deblender took to pieces


def catalogues(settings: Simulate) -> dict[str, pd.DataFrame]:
    """Return {file name: table} for `TABLES`, in that order."""
    parts: dict[str, list[pd.DataFrame]] = {}
    number = 0
    for patch in patches(settings):
        tiles = patch.tiles()
        bad = [defects(tile, settings.seed, number + k) for k, tile in enumerate(tiles)]
        number += len(tiles)
        for name, table in _patch_tables(patch, tiles, bad, settings.seed).items():
            parts.setdefault(name, []).append(table)
    tables = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    order = np.random.default_rng([settings.seed, 5]).permutation(len(tables["des.csv.gz"]))
    tables["des.csv.gz"] = tables["des.csv.gz"].iloc[order].reset_index(drop=True)
    return {name: tables[name] for name in TABLES}


def _patch_tables(
    patch: Patch, tiles: list[Tile], bad: list[list[Defect]], seed: int
) -> dict[str, pd.DataFrame]:
    random = np.random.default_rng([seed, 4, patch.number])
    table = sources(patch, seed)
    made = {}
    seen = table[table["sdss_id"] != 0].reset_index(drop=True)
    if patch.overlap:
        made["sdss.csv.gz"] = sdss_table(random, seen, tiles[1:])
        made["galaxy_zoo.csv.gz"] = vote(random, seen)
    listed = table[table["des_id"] != 0].reset_index(drop=True)
    moved = listed["des_seen"] == "displaced"
    away = random.uniform(*DISPLACED_ARCSEC, len(listed)) / 3600
    listed.loc[moved, "dec_deg"] += away[moved]
    made["des.csv.gz"] = des_table(random, listed, tiles[0], bad[0])
    made["truth.parquet"] = _truth(patch, tiles, bad, table)
    return made


def _truth(
    patch: Patch, tiles: list[Tile], bad: list[list[Defect]], table: pd.DataFrame
) -> pd.DataFrame:
    """Return what is known of everything that some catalogue lists, and of every survey galaxy."""
    table = table.assign(overlap=patch.overlap, visibility=visibility(table))
    host = table["host"].to_numpy()
    table["host_des_id"] = np.where(host >= 0, table["des_id"].to_numpy()[host], 0)
    table["tile"] = tiles[0].name
    frame = table["frame"].to_numpy()
    table["frame"] = np.array([*(t.name for t in tiles[1:]), ""], object)[frame]
    x, y = tiles[0].pixels(table["ra_deg"], table["dec_deg"])
    reach = 2 * table["petro_arcsec"].to_numpy(float)
    table["des_edge"] = tiles[0].border(x, y) < reach / 0.263
    table["des_bad_bands"] = _bad_bands(bad[0], x, y, reach / 0.263)
    table["sdss_bad_bands"] = ""
    for k, tile in enumerate(tiles[1:]):
        rows = np.flatnonzero(frame == k)
        x, y = tile.pixels(table["ra_deg"].iloc[rows], table["dec_deg"].iloc[rows])
        lost = _bad_bands(bad[k + 1], x, y, reach[rows] / 0.396, "i" if tile.strip else "")
        table.loc[rows, "sdss_bad_bands"] = lost
    kept = (table["kind"] == "galaxy") | (table["des_id"] != 0)
    return table.loc[kept, list(TRUTH_COLUMNS)].reset_index(drop=True)


def _bad_bands(
    found: list[Defect], x: np.ndarray, y: np.ndarray, reach_px: np.ndarray, absent: str = ""
) -> np.ndarray:
    """Return for each object the bands that lack pixels within its picture, such as "gi", (N,)."""
    bad = np.full(len(x), "", object)
    for band in BANDS:
        near, _ = touched(found, band, x, y, reach_px)
        bad[near | (band == absent)] += band
    return bad
