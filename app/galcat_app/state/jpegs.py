"""Pictures of a cutout store as the bytes of an image file, the last some thousand of them kept."""

from __future__ import annotations

import io
from collections import OrderedDict

import numpy as np
from PIL import Image

from galcat_core.images.store import CutoutStore

KEPT = 4096  # pictures kept in memory, about 3 kB each
QUALITY = 90


class Jpegs:
    """Encodes the pictures that are asked for, and remembers them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def of(self, store: CutoutStore, row: int) -> bytes:
        """Return the JPEG of a store's row."""
        key = str(store.path), row
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        self._kept[key] = encoded(store, row, "JPEG", quality=QUALITY, subsampling=0)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]


def encoded(store: CutoutStore, row: int, kind: str, **options: object) -> bytes:
    """Return a store's picture as a "JPEG", or as a "PNG" that keeps every pixel."""
    made = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(store.images([row])[0])).save(made, kind, **options)
    return made.getvalue()
