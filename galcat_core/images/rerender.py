"""A finished picture of one survey in, the same galaxy as another survey might have shown it out.

Surveys differ in crop, pixel scale, seeing, noise, band order, stretch and compression. A network that
has seen each galaxy under many such looks learns what they have in common: the galaxy.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from galcat_core.images.harmonise import Harmonised

SOFTENING = 2.25  # of the arcsinh in SDSS colour JPEGs (Lupton et al. 2004, astro-ph/0312483)
MEMBER = 0.1  # a pixel brighter than this part of the peak is the galaxy's


@dataclass(frozen=True)
class Look:
    """How a survey would show a galaxy; drawn by `draw`.

    Attributes
    ----------
    width : float
        Width of the picture in diameters of the galaxy (`Harmonised.size_px`).
    size_px : int
        Pixels a side at most; never more than 1.6 for each pixel of the original.
    centre : ndarray, (2,)
        Offset of the galaxy from the middle, in widths: (x, y).
    power : float
        The light to this power: above 1 disks are fainter against their bulges, as where cores that
        a picture has burnt out are seen whole, and sharper.
    blur_px : float
        Sigma of further seeing, in pixels.
    bands : ndarray, (3,), int
        Which band is shown red, green and blue; empty: all bands averaged.
    gains : ndarray, (3,)
        Factor of each band.
    noise : ndarray, (3,)
        Sigma of each band, in parts of the galaxy's peak.
    grain_px : float
        Sigma over which the noise is correlated, in pixels.
    stretch : str
        "linear", "asinh" (each band) or "lupton" (of the mean, colours kept).
    white : float
        linear: the part of the galaxy that is burnt out; else the factor on the stretched picture.
    softening : float
        Of the arcsinh, in parts of the peak.
    pedestal : float
        Brightness of the sky.
    quality : int
        Of a JPEG; 0 for none.
    """

    width: float
    size_px: int
    centre: np.ndarray
    power: float
    blur_px: float
    bands: np.ndarray
    gains: np.ndarray
    noise: np.ndarray
    grain_px: float
    stretch: str
    white: float
    softening: float
    pedestal: float
    quality: int


def draw(rng: np.random.Generator) -> Look:
    """Draw a look: what SDSS, DES, Legacy and PanSTARRS pictures on the web span, and more."""
    grey = rng.random() < 0.4
    bands = np.empty(0, int) if grey else np.arange(3)
    if not grey and rng.random() < 0.4:
        bands = rng.permutation(3)
    stretch = str(rng.choice(["linear", "asinh", "lupton"], p=[0.5, 0.3, 0.2]))
    burnt = abs(rng.normal(0, 0.06)) if rng.random() < 0.8 else rng.uniform(0, 0.5)
    return Look(
        width=_log_uniform(rng, 1.5, 4.0),
        size_px=round(_log_uniform(rng, 32, 120)),
        centre=rng.normal(0, 0.02, 2),
        power=float(np.exp(rng.uniform(-0.25, 0.85))),
        blur_px=rng.uniform(0, 2.0) if rng.random() < 0.6 else 0.0,
        bands=bands,
        gains=np.exp(rng.normal(0, 0.25, 3)),
        noise=_log_uniform(rng, 0.002, 0.12) * np.exp(rng.normal(0, 0.3, 3)),
        grain_px=0.7 if rng.random() < 0.3 else 0.0,
        stretch=stretch,
        white=burnt if stretch == "linear" else rng.uniform(0.7, 1.2),
        softening=_log_uniform(rng, 3, 300) if stretch == "asinh" else _log_uniform(rng, 0.5, 16),
        pedestal=0.0 if stretch == "linear" else float(rng.choice([0.0, 0.02, 0.1])),
        quality=int(rng.integers(50, 96)) if rng.random() < 0.4 else 0,
    )


def rerender(image: np.ndarray, galaxy: Harmonised, look: Look, seed: object) -> np.ndarray:
    """Show a galaxy in another look.

    Parameters
    ----------
    image : ndarray, (H, W, 3), uint8
        A finished picture, its stretch near that of SDSS colour JPEGs.
    galaxy : Harmonised
        What `harmonise` found in it; its centre and size are used.
    look : Look
    seed : int or sequence of int
        Of the noise.

    Returns
    -------
    ndarray, (n, n, 3), uint8
        n at most `look.size_px`.
    """
    light = _cut(_linear(image), galaxy, look)
    light = _normalised(light)
    light = np.sign(light) * np.abs(light) ** look.power
    light = _bands(light, look.bands)
    light = light * look.gains + _noise(light.shape, look, np.random.default_rng(seed))
    bright = STRETCHES[look.stretch](light, look)
    bright = look.pedestal + (1 - look.pedestal) * bright
    picture = (255 * np.clip(bright, 0, 1) + 0.5).astype(np.uint8)
    return _compressed(picture, look.quality) if look.quality else picture


def _linear(image: np.ndarray) -> np.ndarray:
    """Undo the arcsinh stretch of an SDSS colour JPEG, colours kept, (H, W, 3), float32."""
    bright = image.astype(np.float32) / 255
    mean = bright.mean(axis=2, keepdims=True)
    return bright * np.sinh(SOFTENING * mean) / (SOFTENING * np.maximum(mean, 1e-3))


def _cut(light: np.ndarray, galaxy: Harmonised, look: Look) -> np.ndarray:
    """Resample the look's square around the galaxy, inside the picture."""
    height, width = light.shape[:2]
    size = galaxy.size_px if np.isfinite(galaxy.size_px) else min(height, width) / 2
    side = min(size * look.width, width, height)
    pixels = max(32, min(look.size_px, int(1.6 * side)))
    corner = np.array([galaxy.x, galaxy.y]) + 0.5 - side / 2 + look.centre * side
    x, y = np.clip(corner, 0, [width - side, height - side])
    box = (x, y, x + side, y + side)
    planes = [
        Image.fromarray(light[..., c]).resize((pixels, pixels), Image.Resampling.BILINEAR, box=box)
        for c in range(3)
    ]
    return ndimage.gaussian_filter(np.stack(planes, axis=-1), (look.blur_px, look.blur_px, 0))


def _normalised(light: np.ndarray) -> np.ndarray:
    """Bring the sky to 0 and the galaxy's peak to 1."""
    grey = light.mean(axis=2)
    third = len(grey) // 3
    middle = grey[third : len(grey) - third, third : len(grey) - third]
    sky = np.percentile(grey, 15)
    return (light - sky) / max(float(np.percentile(middle, 99.5) - sky), 0.01)


def _bands(light: np.ndarray, bands: np.ndarray) -> np.ndarray:
    if len(bands):
        return light[..., bands]
    return np.repeat(light.mean(axis=2, keepdims=True), 3, axis=2)


def _noise(shape: tuple[int, ...], look: Look, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, 1, shape)
    if look.grain_px:
        noise = ndimage.gaussian_filter(noise, (look.grain_px, look.grain_px, 0))
        noise /= noise.std()
    return noise * look.noise


def _linearly(light: np.ndarray, look: Look) -> np.ndarray:
    """Clip so that `look.white` of the galaxy is burnt out, the sky a little above black."""
    smooth = ndimage.gaussian_filter(light.mean(axis=2), 0.7)
    offset = np.arange(len(smooth)) - (len(smooth) - 1) / 2
    member = (smooth > MEMBER) & (np.hypot(offset[:, None], offset) < len(smooth) / 3)
    top = float(np.quantile(smooth[member], 1 - look.white)) if member.any() else 1.0
    low = -float(look.noise.mean())
    return (light - low) / max(top - low, 0.02)


def _asinh(light: np.ndarray, look: Look) -> np.ndarray:
    return np.arcsinh(look.softening * light) / np.arcsinh(look.softening) * look.white


def _lupton(light: np.ndarray, look: Look) -> np.ndarray:
    mean = np.maximum(light.mean(axis=2, keepdims=True), 1e-3)
    bright = light * np.arcsinh(look.softening * mean) / mean
    return bright / max(float(bright.max()), 1.0)


STRETCHES = {"linear": _linearly, "asinh": _asinh, "lupton": _lupton}


def _compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
