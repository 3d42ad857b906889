"""Synthetic project folders for the tests of the pages: drawn galaxies, a map of two clumps, twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from galcat_core.images.shards import write_store
from galcat_core.images.store import CutoutStore
from galcat_core.provenance import Provenance
from galcat_core.records import Embedding, Pairs, Record

DRAWN = 256  # different pictures; more galaxies than that share them
FIRST_DES, FIRST_SDSS = 1_008_000_000_000_000_001, 1_237_648_720_000_000_001


def make_project(
    folder: Path, number: int = 600, twins: int = 40, size_px: int = 64, seed: int = 7
) -> Path:
    """Write catalogue, pairs, cutouts of both surveys and features of a project, and return it.

    Parameters
    ----------
    folder : Path
    number : int
        Galaxies in the catalogue. The last 1% have no picture, the last 0.5% no place on the maps.
    twins : int
        The first so many have an SDSS twin.
    size_px : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    table = _catalogue(rng, number)
    meta = {"survey": "des", "classes": ["elliptical", "spiral"], "positive": "spiral"}
    Record(table, Provenance("publish", code="test"), meta).save(folder / "catalogue.parquet")
    pictures = draw_galaxies(rng, np.linspace(0, 1, DRAWN), size_px)
    shown = table.iloc[: number - max(number // 100, 1)]
    wanted = shown["p_spiral"].to_numpy() * (DRAWN - 1) + rng.normal(0, 12, len(shown))
    which = np.rint(wanted).astype(int).clip(0, DRAWN - 1)
    rejects = pd.DataFrame({"id": table["id"].iloc[len(shown) :], "reason": "no tile covers it"})
    stored = shown[["id", "ra_deg", "dec_deg", "flags"]].assign(width_arcsec=16.0)
    order = rng.permutation(len(shown))  # a store has an order of its own
    write_store(
        folder / "cutouts/des",
        pictures[which[order]],
        stored.iloc[order],
        survey="des",
        rejects=rejects,
    )
    if twins:
        _write_twins(folder, rng, table.iloc[:twins], size_px)
    _write_features(folder, rng, shown)
    return folder


def _write_features(folder: Path, rng: np.random.Generator, table: pd.DataFrame) -> None:
    """Write embeddings/all.parquet: features that turn with the probability, so that neighbours are known."""
    angle = np.pi / 2 * table["p_spiral"].to_numpy()
    made = np.column_stack([np.cos(angle), np.sin(angle), rng.normal(0, 0.01, (len(table), 6))])
    named = {f"feature_{n}": made[:, n].astype(np.float32) for n in range(made.shape[1])}
    order = rng.permutation(len(table))
    features = pd.DataFrame({"id": table["id"], "run": "des-fine-0123456789ab", **named})
    Embedding(features.iloc[order]).save(folder / "embeddings/all.parquet")


def _write_twins(folder: Path, rng: np.random.Generator, table: pd.DataFrame, size_px: int) -> None:
    ids = FIRST_SDSS + np.arange(len(table), dtype=np.int64)
    pairs = pd.DataFrame(
        {
            "left_id": ids,
            "right_id": table["id"],
            "separation_arcsec": rng.uniform(0.02, 0.6, len(table)),
            "ambiguous": False,
        }
    )
    meta = {"left_survey": "sdss", "right_survey": "des"}
    Pairs(pairs, None, meta).save(folder / "pairs.parquet")
    images = draw_galaxies(rng, table["p_spiral"].to_numpy(), size_px, blur=1.8)
    stored = pd.DataFrame({"id": ids, "width_arcsec": 16.0})
    write_store(folder / "cutouts/sdss", images, stored, survey="sdss")


def _catalogue(rng: np.random.Generator, number: int) -> pd.DataFrame:
    spiral = rng.random(number) < 0.55
    p = 1 / (1 + np.exp(-np.where(spiral, 2.6, -2.8) - rng.normal(0, 1.9, number)))
    cluster = np.where(rng.random(number) < 0.04, ~spiral, spiral).astype(np.int64)
    noise = rng.random(number) < 0.01
    table = pd.DataFrame(
        {
            "id": FIRST_DES + 3 * np.arange(number, dtype=np.int64),
            "survey": "des",
            "ra_deg": rng.uniform(20, 40, number),
            "dec_deg": rng.uniform(-10, 2, number),
            "p_elliptical": 1 - p,
            "p_spiral": p,
            "predicted": np.where(p >= 0.5, "spiral", "elliptical"),
            "flags": np.where(rng.random(number) < 0.02, rng.choice([1, 2, 3, 4], number), 0),
            **_places(rng, p),
            "cluster": np.where(noise, -1, cluster),
            "run": "des-fine",
            "MAG_AUTO_G": rng.normal(16.9, 0.7, number).clip(13, 18),
            "redshift": np.where(rng.random(number) < 0.3, np.nan, rng.gamma(3, 0.03, number)),
        }
    )
    lost = slice(number - max(number // 200, 1), None)
    for name in ("tsne_x", "tsne_y", "umap_x", "umap_y"):
        table.loc[table.index[lost], name] = np.nan
    return table


def _places(rng: np.random.Generator, p: np.ndarray) -> dict[str, np.ndarray]:
    """Return two maps: a t-SNE-like disc of filaments and UMAP-like islands, both ordered by p."""
    number = len(p)
    angle = 2.6 * (p - 0.5) + rng.normal(0, 0.35, number)
    radius = 40 * np.sqrt(rng.random(number)) * (0.55 + 0.45 * np.abs(np.sin(5 * angle)))
    side = np.where(p >= 0.5, 1, -1)
    tsne_x = radius * np.sin(angle) + 24 * side * np.sqrt(np.abs(2 * p - 1))
    tsne_y = radius * np.cos(3.1 * angle + 0.4) + rng.normal(0, 3, number)
    along = rng.normal(0, 1, number)
    umap_x = 5 * side * np.abs(2 * p - 1) ** 0.6 + 0.5 * along + rng.normal(0, 0.25, number)
    umap_y = 1.8 * along + 0.9 * np.sin(2 * along + side) + rng.normal(0, 0.25, number)
    return {"tsne_x": tsne_x, "tsne_y": tsne_y, "umap_x": umap_x, "umap_y": umap_y}


def draw_galaxies(
    rng: np.random.Generator, spiralness: np.ndarray, size_px: int, blur: float = 1.0
) -> np.ndarray:
    """Return drawn galaxies, (n, size_px, size_px, 3), uint8: smooth and red at 0, armed and blue at 1."""
    grid = (np.arange(size_px) - (size_px - 1) / 2) / size_px * 8
    y, x = np.meshgrid(grid, grid, indexing="ij")
    made = np.empty((len(spiralness), size_px, size_px, 3), np.uint8)
    for n, s in enumerate(np.clip(spiralness, 0, 1)):
        turn, axis = rng.uniform(0, np.pi), rng.uniform(0.45, 1)
        u = x * np.cos(turn) + y * np.sin(turn)
        v = (y * np.cos(turn) - x * np.sin(turn)) / axis
        radius, angle = np.hypot(u, v) + 1e-3, np.arctan2(v, u)
        bulge = np.exp(-3.2 * (np.hypot(radius, 0.1 * blur) / (0.5 + 0.45 * (1 - s))) ** 0.6) * 9
        arms = 1 + s * 0.85 * np.cos(2 * (angle - rng.uniform(2.2, 3) * np.log(radius + 0.25)))
        disk = s * 0.75 * np.exp(-radius / 0.95) * arms**1.5
        light = bulge[..., None] * [1.0, 0.74, 0.5] + disk[..., None] * [0.62, 0.8, 1.15]
        for _ in range(rng.integers(0, 3)):
            far = np.hypot(x - rng.uniform(-4, 4), y - rng.uniform(-4, 4))
            light += np.exp(-((far / (0.16 * blur)) ** 2))[..., None] * rng.uniform(0.3, 0.8, 3)
        light += rng.normal(0.035, 0.02, (size_px, size_px, 3))
        made[n] = np.clip(255 * np.arcsinh(4.5 * np.clip(light, 0, None)) / 2.3, 0, 255)
    return made


def is_picture_of(shown: np.ndarray, store: CutoutStore, identity: int) -> bool:
    """Tell whether a picture that went through JPEG is closest to that of this id, of all in the store."""
    every = store.images(np.arange(len(store))).astype(np.int16)
    away = np.abs(every - shown.astype(np.int16)).mean(axis=(1, 2, 3))
    wanted = store.images(store.rows_of([identity]))[0]
    return bool((store.images([int(away.argmin())])[0] == wanted).all() and away.min() < 12)
