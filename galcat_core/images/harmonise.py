"""One face for the pictures of every survey: a finished picture in, its central galaxy out, alike.

Pictures from different surveys differ in crop, pixel scale, stretch, sky level, noise and colour long
before they differ in galaxies. Here the galaxy nearest to the centre is found, measured, cut out again
at a width that scales with its own size, freed of its neighbours and the picture's frame, made grey if
wished, and brought to one sky level and one distribution of brightness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from galcat_core.errors import GalcatError
from galcat_core.images.store import Flag
from galcat_core.sections import Harmonise

WORK_PX = 96  # galaxies are found on a copy no larger than this: noise averages out, and it is fast
CENTRAL = 0.1  # the galaxy is expected within about this fraction of the picture's width
SKY_BLOCKS = 6  # of the 16 blocks along the frame, so many of the faintest give the sky
GAMMA = (0.35, 3.0)  # the equalisation never bends a stretch further than this


@dataclass(frozen=True)
class Harmonised:
    """A harmonised picture and what was measured on the way.

    Attributes
    ----------
    picture : ndarray, (size_px, size_px, 3), uint8
        The galaxy alone, sky at 0; all three channels alike if grey.
    flags : Flag
        BLANK: no galaxy was found and the picture is black; EDGE: the cutout reaches beyond the
        given picture, and the galaxy's own profile, or sky, is filled in there.
    x, y : float
        Centre of the galaxy in the given picture, pixels, (0, 0) the middle of the first one.
    size_px : float
        Diameter along the major axis in pixels of the given picture: four times the standard
        deviation of the light above a tenth of the peak (`Harmonise.isophote`).
    axis_ratio : float
        Minor over major axis, 0 to 1.
    angle_deg : float
        Direction of the major axis, -90 to 90 degrees, from +x towards +y.
    snr : float
        Peak above the sky over the noise of the smoothed picture.
    width_px : float
        Width of the cutout in pixels of the given picture.
    touches_edge : bool
        Whether the galaxy itself reaches the frame: then its size is a lower limit.
    """

    picture: np.ndarray
    flags: Flag
    x: float
    y: float
    size_px: float
    axis_ratio: float
    angle_deg: float
    snr: float
    width_px: float
    touches_edge: bool


@dataclass(frozen=True)
class _Galaxy:
    """The galaxy on the small copy: pixels (y, x), axes as standard deviations in its pixels."""

    x: float
    y: float
    major: float
    minor: float
    angle: float
    peak: float
    level: float
    members: np.ndarray
    others: np.ndarray


def harmonise(image: np.ndarray, settings: Harmonise | None = None) -> Harmonised:
    """Bring a picture of any survey, size and stretch to the common face.

    Parameters
    ----------
    image : ndarray, (H, W, 3) or (H, W), uint8
        A finished picture with the galaxy at or near its centre; 16 pixels a side or more.
    settings : Harmonise, optional
        Section [pictures] of the config.

    Raises
    ------
    GalcatError
        `image` is not uint8, has other dimensions, or is smaller than 16 pixels.
    """
    settings = settings or Harmonise()
    image = mend_lines(_checked(image))
    small, factor = _shrunk(image)
    sky, noise, smooth = _background(small)
    galaxy = _find(smooth - sky, noise, settings)
    if galaxy is None:
        return _blank(image, settings)
    x, y = ((v + 0.5) * factor - 0.5 for v in (galaxy.x, galaxy.y))
    size = 4.0 * galaxy.major * factor
    width = max(settings.size_factor * size, 8.0)
    cut, known = _recrop(image, galaxy, factor, (x, y), width, settings)
    radius = _elliptical_radius(galaxy, settings.size_px, width / factor)
    cut = _completed(cut - sky, known, radius)
    picture = _equalised(cut, radius, galaxy, noise, settings)
    inside = all(
        width / 2 <= c + 0.5 <= n - width / 2
        for c, n in zip((x, y), image.shape[1::-1], strict=True)
    )
    return Harmonised(
        picture=picture,
        flags=Flag(0) if inside else Flag.EDGE,
        x=x,
        y=y,
        size_px=size,
        axis_ratio=galaxy.minor / galaxy.major,
        angle_deg=float(np.degrees(galaxy.angle)),
        snr=galaxy.peak / noise,
        width_px=width,
        touches_edge=_reaches_frame(galaxy.members),
    )


def mend_lines(image: np.ndarray) -> np.ndarray:
    """Return the picture without white lines from edge to edge (a plot's grid or frame).

    A row or column that is bright from end to end although the picture is dark is no sky; it is
    replaced by its neighbours.

    Parameters
    ----------
    image : ndarray, (H, W, 3), uint8
    """
    if np.median(image[::4, ::4]) > 100:
        return image
    for axis in (0, 1):
        across = image if axis == 0 else image.transpose(1, 0, 2)
        # sixteen samples tell most lines from none; only those that pass are looked at in full
        lines = across[:, :: max(1, across.shape[1] // 16)].min(axis=(1, 2)) > 150
        lines[lines] = across[lines].min(axis=(1, 2)) > 150
        if lines.any() and lines.mean() < 0.2:
            good = np.flatnonzero(~lines)
            nearest = good[np.abs(np.arange(len(lines))[:, None] - good).argmin(axis=1)]
            image = np.take(image, nearest, axis=axis)
    return image


def _checked(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise GalcatError(
            f"a picture of shape {image.shape} and type {image.dtype} cannot be harmonised: "
            "(height, width, 3) and uint8 is wanted"
        )
    if min(image.shape[:2]) < 16:
        raise GalcatError(
            f"a picture of {image.shape[1]} x {image.shape[0]} pixels is too small to find a "
            "galaxy in: 16 x 16 is the least"
        )
    return image


def _shrunk(image: np.ndarray) -> tuple[np.ndarray, float]:
    """Return a grey float32 copy no larger than WORK_PX, and how many times smaller it is."""
    height, width = image.shape[:2]
    factor = max(1.0, max(height, width) / WORK_PX)
    if factor > 1:
        size = (max(8, round(width / factor)), max(8, round(height / factor)))
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
    return _grey(image), factor


def _grey(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) @ np.full(3, 1 / 3, np.float32)


def _background(small: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Return sky level, its noise, and the smoothed copy on which both were measured.

    The sky is that of the faintest blocks along the frame, so that neighbours, and a galaxy that
    fills the picture, leave it alone. Faint galaxies are smoothed more.
    """
    for sigma in (1.0, 2.0):
        smooth = ndimage.gaussian_filter(small, sigma)
        depth = max(3, min(small.shape) // 8)
        sides = (smooth[:depth], smooth[-depth:], smooth[:, :depth].T, smooth[:, -depth:].T)
        middle, spread = np.concatenate([_medians(side) for side in sides], axis=1)
        faintest = np.argsort(middle, kind="stable")[:SKY_BLOCKS]
        sky = float(middle[faintest].mean())
        # uint8 pictures cut their sky at black: then the measured noise is nothing, or too small
        noise = max(1.4826 * float(np.median(spread[faintest])), 0.4)
        if float((_weighted(smooth - sky)).max()) > 8 * noise:
            break
    return sky, noise, smooth


def _medians(side: np.ndarray) -> np.ndarray:
    """Cut a strip into 4 blocks; return their medians and median deviations, (2, 4)."""
    length = side.shape[1] // 4
    blocks = side[:, : 4 * length].reshape(len(side), 4, length)
    middle = np.median(blocks, axis=(0, 2))
    return np.stack([middle, np.median(np.abs(blocks - middle[:, None]), axis=(0, 2))])


def _weighted(light: np.ndarray) -> np.ndarray:
    """Return the light, worth less the further from the centre."""
    far = [
        np.exp(-0.5 * ((np.arange(n, dtype=np.float32) - (n - 1) / 2) / (CENTRAL * n)) ** 2)
        for n in light.shape
    ]
    return light * far[0][:, None] * far[1]


def _find(light: np.ndarray, noise: float, settings: Harmonise) -> _Galaxy | None:
    """Find the galaxy that dominates the centre and measure the moments of its light."""
    weighted = _weighted(light)
    at = np.unravel_index(weighted.argmax(), light.shape)
    peak = float(light[at])
    if peak < 3 * noise:
        return None
    level = max(2 * noise, settings.isophote * peak)
    bright, _ = ndimage.label(light > level)
    members = bright == bright[at]
    x, y, major, minor, angle = _moments(np.where(members, light, 0))
    # what hangs together with it above the noise is its own; the rest are neighbours
    faint, _ = ndimage.label(light > max(2 * noise, 0.03 * peak))
    yy, xx = np.indices(light.shape, dtype=np.float32)
    others = (faint > 0) & (faint != faint[at])
    others |= (bright > 0) & ~members & (np.hypot(yy - y, xx - x) > 4.5 * major)
    if others.any():
        others = ndimage.binary_dilation(others, iterations=2) & ~members
    return _Galaxy(x, y, major, minor, angle, peak, level, members, others)


def _moments(light: np.ndarray) -> tuple[float, float, float, float, float]:
    """Return centroid x, y, both axes as standard deviations, and the major axis's angle (rad)."""
    total = light.sum(dtype=float)
    columns, rows = light.sum(axis=0, dtype=float), light.sum(axis=1, dtype=float)
    dx, dy = np.arange(light.shape[1], dtype=float), np.arange(light.shape[0], dtype=float)
    x, y = columns @ dx / total, rows @ dy / total
    dx, dy = dx - x, dy - y
    xx, yy = columns @ dx**2 / total + 1 / 12, rows @ dy**2 / total + 1 / 12
    xy = dy @ light.astype(float) @ dx / total
    half, cross = (xx - yy) / 2, np.hypot((xx - yy) / 2, xy)
    major = np.sqrt((xx + yy) / 2 + cross)
    minor = np.sqrt(max((xx + yy) / 2 - cross, 1 / 12))
    return float(x), float(y), float(major), float(minor), float(0.5 * np.arctan2(xy, half))


def _recrop(
    image: np.ndarray,
    galaxy: _Galaxy,
    factor: float,
    centre: tuple[float, float],
    width: float,
    settings: Harmonise,
) -> tuple[np.ndarray, np.ndarray]:
    """Resample the square around the galaxy; also tell which of its pixels are the galaxy's or sky.

    Returns
    -------
    cut : ndarray, (size_px, size_px, 1 if grey else 3), float32
        Never stretched: pixels beyond the picture hold 0.
    known : ndarray, (size_px, size_px), bool
        False beyond the picture and on neighbours.
    """
    corner = [c + 0.5 - width / 2 for c in centre]
    cut = _square(image, corner, width, settings.size_px, settings.grey)
    clear = (~galaxy.others).astype(np.float32)[..., None]
    known = _square(clear, [c / factor for c in corner], width / factor, settings.size_px)
    return cut, known[..., 0] > 0.99


def _square(
    image: np.ndarray, corner: list[float], width: float, size_px: int, grey: bool = False
) -> np.ndarray:
    """Resample the square [corner, corner + width) of a picture; 0 beyond it. Corner is (x, y)."""
    margin = 2 + int(np.ceil(2 * width / size_px))
    low = [int(np.floor(c)) - margin for c in corner]
    high = [int(np.ceil(c + width)) + margin for c in corner]
    inside = image[max(low[1], 0) : max(high[1], 0), max(low[0], 0) : max(high[0], 0)]
    inside = _grey(inside)[..., None] if grey else inside
    box = [corner[0] - low[0], corner[1] - low[1]]
    box += [box[0] + width, box[1] + width]
    top, left = max(-low[1], 0), max(-low[0], 0)
    planes = []
    for channel in range(inside.shape[2]):
        plane = np.zeros((high[1] - low[1], high[0] - low[0]), np.float32)
        plane[top : top + inside.shape[0], left : left + inside.shape[1]] = inside[..., channel]
        planes.append(
            Image.fromarray(plane).resize((size_px, size_px), Image.Resampling.BILINEAR, box=box)
        )
    return np.stack(planes, axis=-1)


def _elliptical_radius(galaxy: _Galaxy, size_px: int, width: float) -> np.ndarray:
    """Return for each pixel of the cutout its radius in units of the galaxy's major deviation."""
    offset = (np.arange(size_px, dtype=np.float32) + 0.5) * (width / size_px) - width / 2
    dx, dy = offset[None, :], offset[:, None]
    along = dx * np.cos(galaxy.angle) + dy * np.sin(galaxy.angle)
    across = dy * np.cos(galaxy.angle) - dx * np.sin(galaxy.angle)
    return np.hypot(along / galaxy.major, across / galaxy.minor)


def _completed(cut: np.ndarray, known: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Fill unknown pixels with the galaxy's mean at their elliptical radius, or sky if it has none."""
    if known.all():
        return cut
    ring = (radius * 4).astype(np.int64)
    counts = np.bincount(ring[known], minlength=ring.max() + 1)
    for channel in range(cut.shape[2]):
        sums = np.bincount(ring[known], cut[..., channel][known], minlength=ring.max() + 1)
        profile = np.where(counts > 3, sums / np.maximum(counts, 1), 0.0)
        profile = np.minimum.accumulate(np.maximum(profile, 0.0))  # else noise would draw rings
        cut[..., channel][~known] = profile[ring[~known]]
    return cut


def _equalised(
    cut: np.ndarray, radius: np.ndarray, galaxy: _Galaxy, noise: float, settings: Harmonise
) -> np.ndarray:
    """Bring sky to 0, the core to full and the galaxy's median to one value, whatever the stretch."""
    light = cut.mean(axis=2) - 0.5 * noise
    inner = light[radius < 2]
    top = max(float(np.percentile(inner, 99)) if inner.size else 0.0, 1.0)
    bright = np.clip(light / top, 0, 1)
    if settings.equalise:
        member = (light > 0.9 * galaxy.level) & (radius < 4)
        median = float(np.median(bright[member])) if member.any() else 0.5
        gamma = np.log(settings.median) / np.log(np.clip(median, 0.02, 0.98))
        bright = bright ** np.clip(gamma, *GAMMA)
    bright = bright * _window(len(bright))
    colour = np.clip(cut / np.maximum(cut.mean(axis=2, keepdims=True), 1e-3), 0, 3)
    picture = bright[..., None] * (1 if settings.grey else colour)
    picture = (255 * np.clip(picture, 0, 1) + 0.5).astype(np.uint8)
    return np.repeat(picture, 3 // picture.shape[2], axis=2)


def _window(size_px: int) -> np.ndarray:
    """Return 1 inside the inscribed circle, falling softly to 0 at it: no frame is left to be learned."""
    offset = (np.arange(size_px, dtype=np.float32) + 0.5) / size_px * 2 - 1
    distance = np.hypot(offset[:, None], offset[None, :])
    return np.clip((1.0 - distance) / 0.15, 0, 1)


def _reaches_frame(members: np.ndarray) -> bool:
    return bool(
        members[0].any() or members[-1].any() or members[:, 0].any() or members[:, -1].any()
    )


def _blank(image: np.ndarray, settings: Harmonise) -> Harmonised:
    height, width = image.shape[:2]
    black = np.zeros((settings.size_px, settings.size_px, 3), np.uint8)
    nan = float("nan")
    return Harmonised(
        black, Flag.BLANK, (width - 1) / 2, (height - 1) / 2, nan, nan, nan, 0.0, nan, False
    )
