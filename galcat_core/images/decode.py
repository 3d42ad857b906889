"""Picture files -> arrays: any size, grey, colour, transparent or 16-bit; what is no picture is told."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")
SMALLEST = 16  # pixels a side of a picture that a galaxy can be seen in
# what PIL's decoders raise on broken files; UnidentifiedImageError is an OSError
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
BROKEN += (Image.DecompressionBombError,)


class NoPicture(Exception):
    """A file that cannot be used; the text is the reason, for the rejects."""


def read_picture(file: str | Path, shrink_to: int | None = None) -> np.ndarray:
    """Read a picture as 8-bit RGB.

    Grey becomes three equal channels, transparency black. 16-bit brightness is scaled down from the
    smallest even number of bits that holds the brightest pixel, so that 12-bit pictures are not dark.

    Parameters
    ----------
    file : path
    shrink_to : int, optional
        The picture will be shrunk to this size: a JPEG may be decoded at a half, quarter or eighth
        of its size if that is still twice as large, which is much faster.

    Returns
    -------
    ndarray, (H, W, 3), uint8

    Raises
    ------
    NoPicture
        Missing, no picture, cut short, or smaller than 16 pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PIL's remarks on odd files that it reads all the same
            with Image.open(file) as picture:
                if shrink_to is not None:
                    picture.draft("RGB", (2 * shrink_to, 2 * shrink_to))
                picture.load()
                found = _rgb(picture)
    except FileNotFoundError as error:
        raise NoPicture("missing: no such file") from error
    except BROKEN as error:
        short = "truncated" in str(error).lower()
        kind = "cut short (truncated)" if short else "no picture"
        raise NoPicture(f"{kind}: {_brief(error)}") from error
    if min(found.shape[:2]) < SMALLEST:
        raise NoPicture(
            f"too small: {found.shape[1]} x {found.shape[0]} pixels, {SMALLEST} is the least"
        )
    return found


def _brief(error: BaseException) -> str:
    # PIL's texts hold the file's whole path, which would differ from machine to machine
    text = str(error).split("'")[0].split(" file ")[0].strip()
    return (text or type(error).__name__)[:80]


def _rgb(picture: Image.Image) -> np.ndarray:
    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        return np.repeat(_eight_bits(np.asarray(picture))[..., None], 3, axis=2)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, picture)
    return np.asarray(picture.convert("RGB"))


def _eight_bits(deep: np.ndarray) -> np.ndarray:
    deep = np.nan_to_num(deep.astype(np.float64), posinf=0, neginf=0).clip(0)
    bits = max(8, int(np.ceil(deep.max())).bit_length())
    return (deep * (255 / (2 ** (bits + bits % 2) - 1)) + 0.5).astype(np.uint8)


def square(picture: np.ndarray, size_px: int) -> np.ndarray:
    """Return the largest centred square of a picture, resampled to `size_px`; nothing is stretched.

    Parameters
    ----------
    picture : ndarray, (H, W, 3), uint8
    size_px : int
    """
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    if side == size_px:
        return picture[top : top + side, left : left + side]
    box = (left, top, left + side, top + side)
    # PIL widens the kernel when shrinking: area-averaging, no aliasing
    resized = Image.fromarray(picture).resize((size_px, size_px), Image.Resampling.BICUBIC, box=box)
    return np.asarray(resized)
