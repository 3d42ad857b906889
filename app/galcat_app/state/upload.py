"""A picture that somebody gives: checked, then its features by galcat embed in a process of its own."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from galcat_core.errors import GalcatError
from galcat_core.records import Embedding

MOST_BYTES = 8_000_000  # below what the connection lets through at once
MOST_PIXELS = 50_000_000
LEAST_PX, MOST_PX = 16, 2048  # larger ones are shrunk
SHOWN_PX = 256
FORMATS = ("JPEG", "PNG")
WITHIN_S = 600.0


class Upload:
    """One picture on its way to features; TensorFlow runs in a process of its own, never here.

    Parameters
    ----------
    name : str
        The file's name, to be shown.
    data : bytes
        The file.
    run : Path
        The run whose features are wanted.

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

    def __init__(self, name: str, data: bytes, run: Path) -> None:
        picture = checked_picture(data)
        self.name = "".join(c for c in str(name) if c.isprintable())[:80] or "your picture"
        self.jpeg = _shown(picture)
        self.status, self.told = "working", ""
        self.features: np.ndarray | None = None
        self._scratch = tempfile.TemporaryDirectory(prefix="galcat-upload-")
        folder = Path(self._scratch.name)
        (folder / "pictures").mkdir()
        picture.save(folder / "pictures" / "upload.png")  # drawn anew: nothing of the file itself
        self._out, self._log = folder / "features.parquet", folder / "log"
        self._began = time.monotonic()
        self._process = self._start(folder / "pictures", run)

    def _start(self, pictures: Path, run: Path) -> subprocess.Popen:
        command = [sys.executable, "-m", "galcat_core.cli", "embed", str(pictures)]
        command += ["--run", str(run.resolve()), "-o", str(self._out)]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                command,
                cwd=self._scratch.name,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def look(self) -> str:
        """Return the status now; call it again and again while it is "working"."""
        if self.status != "working":
            return self.status
        if self._process.poll() is None:
            if time.monotonic() - self._began > WITHIN_S:
                self._fail(f"it took longer than {WITHIN_S / 60:.0f} minutes")
            return self.status
        try:
            self.features = Embedding.load(self._out).features[0]
            self.status = "done"
            self._end()
        except (GalcatError, IndexError):
            lines = self._log.read_text(errors="replace").strip().splitlines()
            self._fail(lines[-1] if lines else "galcat embed said nothing")
        return self.status

    def cancel(self) -> None:
        """Stop the process, if it still runs."""
        if self.status == "working":
            self._fail("it was stopped")

    def _fail(self, why: str) -> None:
        self.status, self.told = "failed", why
        self._end()

    def _end(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._scratch.cleanup()


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
