"""FITS tiles and a catalogue in, a cutout store out: each galaxy from the tile it lies deepest inside.

Galaxies are grouped by tile, so that a tile is opened once for all of them and all bands.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed
from galcat_core.images.astrometry import put_in_place
from galcat_core.images.footprints import Tile, assign_tiles, index_tiles
from galcat_core.images.render import ABSENT, check_channels, compose
from galcat_core.images.shards import (
    Made,
    Maker,
    no_rejects,
    plan_shards,
    standard_rows,
    write_units,
)
from galcat_core.images.stamps import MARGIN, Pixels, sky_frame, stamp
from galcat_core.images.store import CutoutStore
from galcat_core.provenance import fingerprint

if TYPE_CHECKING:
    from galcat_core.provenance import Provenance
    from galcat_core.records import Catalog, Pairs
    from galcat_core.sections import Cutouts

AT_ONCE = 16  # pictures rendered together: their pixels stay in the processor's cache
CARRIED = ("size_arcsec", "label", "certain")


def cut(
    catalog: Catalog,
    tiles_folder: str | Path | Sequence[str | Path],
    out: str | Path,
    config: Cutouts,
    pairs: Pairs | None = None,
    provenance: Provenance | None = None,
    workers: int | None = None,
) -> CutoutStore:
    """Cut a catalogue's galaxies out of tiles, render them, and keep them in a store.

    A picture is `config.size_factor * size_arcsec` wide (between `min_arcsec` and `max_arcsec`),
    north up, east left, and has `size_px` pixels a side. Where pairs give `size_arcsec`, it counts
    first, so that twins of two surveys have the same angular width.

    Parameters
    ----------
    catalog : Catalog
        With `size_arcsec`, unless `min_arcsec` equals `max_arcsec`.
    tiles_folder : path or sequence of path
        See `index_tiles`.
    out : path
        Folder of the store; a killed run goes on there.
    config : Cutouts
    pairs : Pairs, optional
    provenance : Provenance, optional
    workers : int, optional
        Processes; by default as many as there are cores and work for. They do not change the result.

    Returns
    -------
    CutoutStore
        Rows carry over the catalogue's columns `size_arcsec`, `label`, `certain`, and say `tile` and
        `edge_fraction` (the part of the picture that lies outside the tile).

    Raises
    ------
    GalcatError
        See `index_tiles` and `galcat_core.images.shards.write_units`; or no size is known, tiles of
        several surveys are mixed, or a zero point is missing.
    """
    if len(config.bands) != 3:
        raise GalcatError(
            f"cutouts.bands = {config.bands}: three are wanted, for red, green and blue; the same "
            "band may stand twice"
        )
    check_channels(config)
    tiles = _of_survey(index_tiles(tiles_folder, config.zero_point or None), catalog, tiles_folder)
    _check_bands(tiles, config, tiles_folder)
    table = _with_width(catalog, config, pairs)
    tiles = put_in_place(tiles, table)
    table, rejects = assign_tiles(table, tiles, config.bands)
    groups = [tiles[i] for i in table["_tile"]]
    table = table.assign(tile=[tile.name for tile in groups]).drop(columns="_tile")
    return write_units(
        out,
        plan_shards(standard_rows(table), config.shard_rows, groups),
        partial(open_tiles, config),
        survey=catalog.survey if catalog.survey != "unknown" else tiles[0].survey or "unknown",
        size_px=config.size_px,
        settings=dataclasses.asdict(config),
        plan="".join(_facts(tile) for tile in dict.fromkeys(groups)),
        rejects=rejects,
        provenance=provenance,
        workers=workers,
        memory=max((_memory(tile, config) for tile in dict.fromkeys(groups)), default=0),
    )


def _memory(tile: Tile, config: Cutouts) -> int:
    """Return the bytes that an unpacked tile takes: flux and flaw of each pixel, and one more plane."""
    layers = [la for la in tile.chosen(config.bands) if la is not None and la.image.packed]
    pixels = [la.shape[0] * la.shape[1] for la in layers]
    return 5 * sum(pixels) + 12 * max(pixels, default=0)


def _facts(tile: Tile) -> str:
    """Return what a tile's pictures depend on, as text: its files' names, headers and pixels."""
    layers = tile.layers.values()
    facts = [[*layer.facts, layer.wcs.to_header_string()] for layer in layers]
    planes = [p for la in layers for p in (la.image, la.weight, la.mask) if p is not None]
    pixels = [fingerprint(file) for file in dict.fromkeys(plane.file for plane in planes)]
    return json.dumps([tile.name, facts, pixels])


def _check_bands(tiles: list[Tile], config: Cutouts, where: Any) -> None:
    chosen = [layer for tile in tiles for layer in tile.chosen(config.bands) if layer is not None]
    if not chosen:
        there = sorted({band for tile in tiles for band in tile.layers})
        raise GalcatError(
            f"{where}: bands {listed(there)} are there, none of cutouts.bands = {config.bands}"
        )
    unknown = next((layer for layer in chosen if layer.zero_point is None), None)
    if unknown is not None:
        raise GalcatError(
            f"{unknown.image.file}: no zero point in its header (MAGZERO, BUNIT nanomaggy or the "
            "like); write one there, or set cutouts.zero_point"
        )


def _of_survey(tiles: list[Tile], catalog: Catalog, where: Any) -> list[Tile]:
    """Keep the tiles of the catalogue's survey where headers tell of several."""
    told = {tile.survey for tile in tiles} - {None}
    if len(told) < 2:
        return tiles
    if catalog.survey not in told:
        raise GalcatError(
            f"{where}: tiles of {listed(sorted(told))} together; name the ones to use by a pattern "
            "('FOLDER/DES_*'), or the catalogue's survey (--survey)"
        )
    return [tile for tile in tiles if tile.survey in (catalog.survey, None)]


def _with_width(catalog: Catalog, config: Cutouts, pairs: Pairs | None) -> pd.DataFrame:
    table = catalog.table
    if config.min_arcsec > config.max_arcsec:
        raise GalcatError(
            f"cutouts.min_arcsec = {config.min_arcsec} is more than max_arcsec = {config.max_arcsec}"
        )
    size = table["size_arcsec"].to_numpy(float) if "size_arcsec" in table else None
    shared = None if pairs is None else _pair_sizes(catalog, pairs)
    if shared is not None:
        size = np.where(np.isnan(shared), np.nan if size is None else size, shared)
    if config.min_arcsec == config.max_arcsec:
        width = np.full(len(table), config.min_arcsec)
    elif size is None:
        raise GalcatError(
            "the catalogue has no column size_arcsec that pictures could scale with; name one, or "
            "set cutouts.min_arcsec and max_arcsec to the same width"
        )
    else:
        width = np.clip(size * config.size_factor, config.min_arcsec, config.max_arcsec)
        width[~(size > 0)] = np.nan
    kept = table[["id", "ra_deg", "dec_deg", *(c for c in CARRIED if c in table)]]
    kept = kept.assign(width_arcsec=width)
    return kept if size is None else kept.assign(size_arcsec=size)


def _pair_sizes(catalog: Catalog, pairs: Pairs) -> np.ndarray | None:
    """Return the size that a galaxy shares with its twin, arcsec, NaN where it has none."""
    if "size_arcsec" not in pairs.table:
        return None
    sides = [s for s in ("left", "right") if pairs.meta.get(f"{s}_survey") == catalog.survey]
    if len(sides) != 1:  # surveys not named: the side that knows the ids
        known = {s: pairs.table[f"{s}_id"].isin(catalog.ids).mean() for s in ("left", "right")}
        sides = [max(known, key=known.get)]
    nearest = pairs.table.sort_values("separation_arcsec", kind="stable")
    sizes = nearest.drop_duplicates(f"{sides[0]}_id").set_index(f"{sides[0]}_id")["size_arcsec"]
    return sizes.reindex(catalog.ids).to_numpy(float)


@contextlib.contextmanager
def open_tiles(config: Cutouts, tiles: list[Tile]) -> Iterator[Maker]:
    """Yield the maker of a unit's shards (see `galcat_core.images.plan.Unit`)."""
    by_name = {tile.name: tile for tile in tiles}
    opened: list[OpenTile] = []

    def close() -> None:
        while opened:
            opened.pop().close()

    def tile(name: str, rows: pd.DataFrame) -> OpenTile:
        if not opened or opened[0].tile.name != name:
            close()
            opened.append(OpenTile(by_name[name], config, rows))
        return opened[0]

    def make(rows: pd.DataFrame) -> Made:
        parts = [
            tile(name, here).pictures(here.iloc[start : start + AT_ONCE])
            for name, here in rows.groupby("tile", sort=False)
            for start in range(0, len(here), AT_ONCE)
        ]
        table = pd.concat([table for _, table in parts], ignore_index=True)
        return np.concatenate([images for images, _ in parts]), table, no_rejects()

    try:
        yield make
    finally:
        close()


class OpenTile:
    """A tile whose pixels are at hand.

    Parameters
    ----------
    tile : Tile
    config : Cutouts
    rows : DataFrame
        Some of the objects that will be asked for: what they touch decides how files are read.
    """

    def __init__(self, tile: Tile, config: Cutouts, rows: pd.DataFrame) -> None:
        self.tile, self.config = tile, config
        self._layers = tile.chosen(config.bands)
        self._pixels = [
            None if la is None else Pixels(la, _rows_touched(la, rows)) for la in self._layers
        ]

    def pictures(self, rows: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
        """Return pictures, (n, size_px, size_px, 3), uint8, and their rows with flags."""
        made = compose(*self.stamps(rows), self.config)
        table = rows.assign(
            flags=made.flags, masked_fraction=made.masked_fraction, edge_fraction=made.edge_fraction
        )
        return made.images, table

    def stamps(self, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return flux and state of the channels, (n, size_px, size_px, 3) (see `stamp`)."""
        size = self.config.size_px
        flux = np.zeros((len(rows), size, size, len(self._layers)), np.float32)
        state = np.full(flux.shape, ABSENT, np.uint8)
        ra, dec, width = (rows[c].to_numpy(float) for c in ("ra_deg", "dec_deg", "width_arcsec"))
        for channel, (layer, pixels) in enumerate(zip(self._layers, self._pixels, strict=True)):
            if layer is None:
                continue
            centers, jacobians = sky_frame(layer.wcs, ra, dec, width / 4)
            for i in range(len(rows)):
                flux[i, ..., channel], state[i, ..., channel] = stamp(
                    pixels, centers[i], jacobians[i], width[i], size
                )
        return flux, state

    def close(self) -> None:
        for pixels in self._pixels:
            if pixels is not None:
                pixels.close()


def _rows_touched(layer: Any, rows: pd.DataFrame) -> int:
    """Return how many of a tile's rows the crops of some objects read, about."""
    across = rows["width_arcsec"].to_numpy(float) / np.sqrt(layer.pixel_area)
    return int((1.2 * across + 2 * MARGIN).sum())
