"""Which tile holds which galaxy: FITS files are grouped into tiles of several bands by their headers."""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed
from galcat_core.images.layers import SUFFIXES, Layer, name_without_band, read_layers
from galcat_core.images.stamps import sky_frame
from galcat_core.progress import track


@dataclass(frozen=True, eq=False)
class Tile:
    """A patch of sky in several bands.

    Attributes
    ----------
    name : str
        Path of its files below the tiles folder, without the band.
    layers : dict of str to Layer
        Band -> layer.
    """

    name: str
    layers: dict[str, Layer] = field(repr=False)

    @property
    def survey(self) -> str | None:
        return next((layer.survey for layer in self.layers.values() if layer.survey), None)

    def chosen(self, bands: Sequence[str]) -> list[Layer | None]:
        """Return the layer of each channel; "i|z" is z where there is no i."""
        return [
            next((self.layers[b] for b in band.split("|") if b in self.layers), None)
            for band in bands
        ]


def index_tiles(
    tiles: str | Path | Sequence[str | Path], zero_point: float | None = None
) -> list[Tile]:
    """Read the headers of all FITS files of a folder and of its folders, and group bands into tiles.

    Bands belong together when their files' names differ in the band alone ("DES0001_g.fits.fz" and
    "DES0001_r.fits.fz", "g/one.fits" and "r/one.fits") or when they are in one file. Weights and
    masks may be in files of their own, named alike. What was read is remembered in memory until a
    file's size or time changes.

    Parameters
    ----------
    tiles : path or sequence of path
        A folder, a pattern such as "fits/DES_*.fits", a file, or several files.
    zero_point : float, optional
        AB magnitude of one count; replaces what headers say.

    Returns
    -------
    list of Tile, sorted by name

    Raises
    ------
    GalcatError
        No FITS file is there; one of them is broken or has no celestial WCS (see `read_layers`).
    """
    root, files = _files(tiles)
    seen = tuple((str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files)
    found = _index(str(root), seen, zero_point)
    if not found:
        raise GalcatError(f"{tiles}: no FITS image in there, only tables")
    return list(found)


@functools.lru_cache(maxsize=8)
def _index(
    root: str, seen: tuple[tuple[str, int, int], ...], zero_point: float | None
) -> list[Tile]:
    groups: dict[str, list[Layer]] = defaultdict(list)
    for file, *_ in track(seen, "headers", unit="files", disable=len(seen) < 200):
        for layer in read_layers(file, zero_point):
            groups[name_without_band(Path(file).relative_to(root), layer.band)].append(layer)
    return [tile for name in sorted(groups) for tile in _tiles(name, groups[name])]


def _files(tiles: str | Path | Sequence[str | Path]) -> tuple[Path, list[Path]]:
    """Return the folder that names are relative to, and the FITS files, sorted."""
    if not isinstance(tiles, str | Path):
        parts = [_files(one) for one in tiles]
        files = sorted({file for _, found in parts for file in found})
        return Path(*_common([file.parent.parts for file in files])), files
    path = Path(tiles)
    if path.is_file():
        return path.parent, [path]
    if path.is_dir():
        found, root = path.rglob("*"), path
    else:
        fixed = list(path.parts[: next((i for i, p in enumerate(path.parts) if _wild(p)), 0)])
        root = Path(*fixed)
        found = root.glob(str(path.relative_to(root))) if _wild(str(path)) else iter(())
    files = [f for f in found if f.name.lower().endswith(SUFFIXES) and f.name[0] != "."]
    if not files:
        raise GalcatError(
            f"{tiles}: no FITS file there; give the folder of the tiles (files ending in "
            f"{listed(SUFFIXES[:3])} and so on)"
        )
    return root, sorted(f for f in files if f.is_file())


def _wild(text: str) -> bool:
    return any(c in text for c in "*?[")


def _common(parts: list[tuple[str, ...]]) -> list[str]:
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return shared


def _tiles(name: str, layers: list[Layer]) -> list[Tile]:
    """Return the tiles of layers whose names are alike: one, or several if a band stands twice."""
    images = [layer for layer in layers if layer.role == "image"]
    beside = {(layer.role, layer.band): layer.image for layer in layers if layer.role != "image"}
    found: list[dict[str, Layer]] = []
    for layer in images:
        layer = dataclasses.replace(
            layer,
            weight=layer.weight or beside.get(("weight", layer.band)),
            mask=layer.mask or beside.get(("mask", layer.band)),
        )
        free = next((bands for bands in found if layer.band not in bands), None)
        if free is None:
            found.append({layer.band: layer})
        else:
            free[layer.band] = layer
    return [Tile(name if i == 0 else f"{name}#{i}", bands) for i, bands in enumerate(found)]


def assign_tiles(
    table: pd.DataFrame, tiles: list[Tile], bands: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give each object the tile it is best seen in, or a reason for having none.

    The best tile has the centre inside, most of the picture, most bands, and the edge farthest away.

    Parameters
    ----------
    table : DataFrame
        `id`, `ra_deg`, `dec_deg`, `width_arcsec` (NaN where no size is known).
    tiles : list of Tile
    bands : sequence of str
        Of the channels (see `Tile.chosen`).

    Returns
    -------
    table : DataFrame
        The objects that have a tile, with its number in column `_tile`, sorted by it.
    rejects : DataFrame
        `id` and `reason` of the others.
    """
    from scipy.spatial import cKDTree

    position = table[["ra_deg", "dec_deg"]].to_numpy(float)
    width = table["width_arcsec"].to_numpy(float)
    placed = np.isfinite(position).all(axis=1) & (np.abs(position[:, 1]) <= 90)
    sized = np.isfinite(width)
    usable = np.flatnonzero(placed & sized)
    tree = cKDTree(_vectors(*position[usable].T)) if len(usable) else None
    best = np.full(len(table), -1)
    score = np.full((len(table), 2), -np.inf)
    for number, tile in enumerate(tiles if tree else []):
        layers = [layer for layer in tile.chosen(bands) if layer is not None]
        if not layers:
            continue
        near = usable[np.sort(tree.query_ball_point(*_circle(layers[0]))).astype(int)]
        margin = _margin_arcsec(layers[0], position[near], width[near] / 4)
        seen = np.minimum(margin / (width[near] / 2), 1.0) + len(layers) / len(bands)
        better = (margin >= 0) & (seen >= score[near, 0])
        better &= (seen > score[near, 0]) | (margin > score[near, 1])
        best[near[better]] = number
        score[near[better]] = np.stack([seen, margin], axis=-1)[better]
    no_position = "no position: ra_deg or dec_deg is missing"
    no_size = "no size: size_arcsec is missing, or not above 0"
    reasons = np.select(
        [~placed, ~sized, best < 0], [no_position, no_size, "outside every tile"], ""
    )
    rejects = pd.DataFrame({"id": table["id"], "reason": reasons})[reasons != ""]
    kept = table.assign(_tile=best)[reasons == ""]
    return kept.sort_values("_tile", kind="stable"), rejects.reset_index(drop=True)


def inside(layer: Layer, position: np.ndarray) -> np.ndarray:
    """Tell which positions (ra, dec in degrees, (N, 2)) lie on a layer, (N,), bool."""
    found = np.zeros(len(position), bool)
    center, chord = _circle(layer)
    near = np.flatnonzero(np.linalg.norm(_vectors(*position.T) - center, axis=1) < chord)
    found[near] = _margin_arcsec(layer, position[near], np.ones(len(near))) >= 0
    return found


def _vectors(ra_deg: np.ndarray, dec_deg: np.ndarray) -> np.ndarray:
    a, d = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def _circle(layer: Layer) -> tuple[np.ndarray, float]:
    """Return a circle on the unit sphere around a layer: centre and chord."""
    ny, nx = layer.shape
    x = np.array([(nx - 1) / 2, -0.5, nx - 0.5, -0.5, nx - 0.5])
    y = np.array([(ny - 1) / 2, -0.5, -0.5, ny - 0.5, ny - 0.5])
    sky = layer.wcs.pixel_to_world(x, y).icrs
    points = _vectors(sky.ra.deg, sky.dec.deg)
    return points[0], 1.05 * float(np.linalg.norm(points - points[0], axis=1).max()) + 1e-5


def _margin_arcsec(layer: Layer, position: np.ndarray, step_arcsec: np.ndarray) -> np.ndarray:
    """Return how far inside the layer positions lie, arcsec; negative outside."""
    center, jacobian = sky_frame(layer.wcs, *position.T, step_arcsec)
    ny, nx = layer.shape
    x, y = center.T
    pixels = np.min([x + 0.5, nx - 0.5 - x, y + 0.5, ny - 0.5 - y], axis=0)
    scale = np.sqrt(np.abs(np.linalg.det(jacobian)))
    return np.where(np.isfinite(pixels + scale), pixels / scale, -np.inf)
