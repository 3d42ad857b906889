"""Bad data, as every survey has it: a tile and the seed -> its holes, columns and trails, applied or looked up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galcat_core.sky.layout import Tile
from galcat_core.sky.telescopes import BANDS, TELESCOPES

KINDS = ("hole", "column", "trail")


@dataclass(frozen=True)
class Defect:
    """A band of pixels without data in one image: a line segment with a width.

    Attributes
    ----------
    kind : str
        "hole" (no exposure), "column" (dead CCD column) or "trail" (satellite).
    band : str
        The band it is in.
    x, y : float
        Its middle, 1-based pixels.
    angle_rad, length, width : float
        Direction counterclockwise from x; extent along and across, in pixels.
    """

    kind: str
    band: str
    x: float
    y: float
    angle_rad: float
    length: float
    width: float

    def depth(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How far (pixels) positions lie outside of it; 0 or less inside."""
        cos, sin = np.cos(self.angle_rad), np.sin(self.angle_rad)
        along = np.abs((x - self.x) * cos + (y - self.y) * sin) - self.length / 2
        across = np.abs((y - self.y) * cos - (x - self.x) * sin) - self.width / 2
        return np.maximum(along, across)


def defects(tile: Tile, seed: int, number: int) -> list[Defect]:
    """Draw the defects of a tile; `number` counts the tiles of a sky.

    Every tile has a dead column, every second one a hole in one band (the first included), and
    every third DES-like patch a satellite's trail.
    """
    random = np.random.default_rng([seed, 7, number])
    width, height = tile.width, tile.height
    # each band in turn, so that the smallest sky has its share
    turn = [BANDS[(number + k) % 3] for k in range(3)]
    x, y = random.uniform(0.1, 0.9) * width, random.uniform(0.3, 0.7) * height
    long = random.uniform(0.2, 0.5) * height
    made = [Defect("column", turn[0], x, y, np.pi / 2, long, 2.0)]
    if number % 2 == 0:
        x, y = random.uniform(0.2, 0.8, 2) * (width, height)
        long, wide = random.uniform(0.08, 0.16, 2) * (width, height)
        made.append(Defect("hole", turn[1], x, y, 0.0, long, wide))
    if tile.survey == "des" and tile.patch % 3 == 0:
        x, y = random.uniform(0.3, 0.7, 2) * (width, height)
        made.append(Defect("trail", turn[2], x, y, random.uniform(0.3, 1.2), 3.0 * width, 6.0))
    return made


def spoil(drawn: dict, tile: Tile, found: list[Defect], random: np.random.Generator) -> None:
    """Put the defects and what saturated stars do into the images of a tile (in place).

    DES-like images get weight 0 where data is bad, with the trail or nothing (0) as value;
    SDSS-like ones get NaN.
    """
    telescope = TELESCOPES[tile.survey]
    y, x = np.ogrid[1 : tile.height + 1, 1 : tile.width + 1]
    for band in BANDS:
        image, weight = drawn[band]["image"], drawn[band]["weight"]
        full = bleed(image >= telescope.saturation)
        image[full] = telescope.saturation
        weight[full] = 0
        for defect in (d for d in found if d.band == band):
            bad = defect.depth(x, y) <= 0
            weight[bad] = 0
            if defect.kind == "trail":
                image[bad] += 40 * telescope.sky_sigma[band] * random.uniform(0.7, 1.3)
            else:
                image[bad] = 0.0 if telescope.masks else np.nan


def bleed(full: np.ndarray) -> np.ndarray:
    """Let saturated pixels run over along the columns, the longer the more of them there are."""
    grown = full.copy()
    for column in np.flatnonzero(full.sum(axis=0) > 3):
        rows = np.flatnonzero(full[:, column])
        extra = 2 * len(rows)
        grown[max(rows[0] - extra, 0) : rows[-1] + extra + 1, column] = True
    return grown


def touched(
    found: list[Defect], band: str, x: np.ndarray, y: np.ndarray, reach_px: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tell which objects lose pixels within `reach_px` of their centre, and which have no data there.

    Returns
    -------
    touched, gone : ndarray, (N,), bool
    """
    near, gone = np.zeros(len(x), bool), np.zeros(len(x), bool)
    for defect in (d for d in found if d.band == band):
        depth = defect.depth(x, y)
        near |= depth <= reach_px
        gone |= (depth <= 0) & (defect.kind == "hole")
    return near, gone
