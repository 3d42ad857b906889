"""A picture that somebody gives: checked, then its features by a process of its own."""

from __future__ import annotations

import io
import time
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from galcat_app.state.explore.upload_worker import Worker
from galcat_core.errors import GalcatError

MOST_BYTES = 8_000_000  # below what the connection lets through at once
MOST_PIXELS = 50_000_000
LEAST_PX, MOST_PX = 16, 2048  # larger ones are shrunk
SHOWN_PX = 256
FORMATS = ("JPEG", "PNG")
WITHIN_S = 600.0


class Upload:
    """One picture on its way to features, which a worker makes.

    Parameters
    ----------
    name : str
        The file's name, to be shown.
    data : bytes
        The file.
    worker : Worker
        Of the run whose features are wanted.

    Attributes
    ----------
    name : str
    jpeg : bytes
        The picture, at most `SHOWN_PX` a side.
    status : {"working", "done", "failed"}
    told : str
        Why it failed.
    features : ndarray, (D,), float32, or None
        When it is done.

    Raises
    ------
    GalcatError
        The file is too large, or no picture that can be used.
    """

    def __init__(self, name: str, data: bytes, worker: Worker) -> None:
        picture = checked_picture(data)
        self.name = "".join(c for c in str(name) if c.isprintable())[:80] or "your picture"
        self.jpeg = _shown(picture)
        self.status, self.told = "working", ""
        self.features: np.ndarray | None = None
        self._worker, self._order = worker, worker.ask(picture)
        self._began = time.monotonic()

    @property
    def step(self) -> int:
        """What is being done for it, one of `upload_worker.STEPS`."""
        return self._worker.step

    def look(self) -> str:
        """Return the status now; call it again and again while it is "working"."""
        if self.status != "working":
            return self.status
        try:
            self.features = self._worker.look(self._order)
        except (GalcatError, OSError, IndexError) as error:
            self._fail(str(error))
            return self.status
        if self.features is not None:
            self.status = "done"
        elif time.monotonic() - self._began > WITHIN_S:
            self._worker.end()
            self._fail(f"it took longer than {WITHIN_S / 60:.0f} minutes")
        return self.status

    def cancel(self) -> None:
        """Wait no longer; the worker goes on with what comes next."""
        if self.status == "working":
            self._fail("it was stopped")

    def _fail(self, why: str) -> None:
        self.status, self.told = "failed", why


def checked_picture(data: bytes) -> Image.Image:
    """Return an uploaded file as an RGB picture, upright and at most `MOST_PX` a side.

    Raises
    ------
    GalcatError
        It is too large, too small, cut short, or neither JPEG nor PNG.
    """
    if not data:
        raise GalcatError("the file is empty; choose a JPEG or PNG picture of a galaxy")
    if len(data) > MOST_BYTES:
        raise GalcatError(
            f"the file has {len(data) / 1e6:.1f} MB; up to {MOST_BYTES / 1e6:.0f} MB can be taken: "
            "cut the galaxy out, or save it smaller"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which are checked here
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = picture.size
            if width * height > MOST_PIXELS or min(width, height) < LEAST_PX:
                raise GalcatError(
                    f"the picture has {width} x {height} pixels; from {LEAST_PX} a side to "
                    f"{MOST_PIXELS / 1e6:.0f} million in all can be taken"
                )
            picture = ImageOps.exif_transpose(picture)
            picture.thumbnail((MOST_PX, MOST_PX))
            return picture.convert("RGB")
    except GalcatError:
        raise
    except UnidentifiedImageError as error:
        raise GalcatError("the file is no picture that can be read; give a JPEG or PNG") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise GalcatError(
            "the picture is damaged or cut short; save it again as JPEG or PNG"
        ) from error


def _shown(picture: Image.Image) -> bytes:
    small, made = picture.copy(), io.BytesIO()
    small.thumbnail((SHOWN_PX, SHOWN_PX))
    small.save(made, "JPEG", quality=90)
    return made.getvalue()
