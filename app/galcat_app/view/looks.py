"""What is shown of galaxies or pairs that are pointed at: asked for in small batches, sent as a message with JPEGs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from galcat_app.state.selection import checked_rows
from galcat_core.errors import GalcatError

MOST = 64  # rows of one batch

# of one row: what is told of it, and the JPEGs that its pictures name by their place, "buffer"
Look = Callable[[int], tuple[dict[str, Any], list[bytes]]]


def looks(message: dict[str, Any], size: int, look: Look) -> tuple[dict[str, Any], list[bytes]]:
    """Return the answer to a browser that asks for the looks of some rows, and the JPEGs that go with it.

    Raises
    ------
    GalcatError
        It asks for what are no rows, or for too many at once.
    """
    rows = message.get("rows")
    if not isinstance(rows, list) or len(rows) > MOST:
        raise GalcatError(f"at most {MOST} galaxies can be looked at at once")
    told, jpegs = [], []
    for row in checked_rows(rows, size).tolist():
        one, its = look(row)
        for picture in one["pictures"]:
            if picture["buffer"] is not None:
                picture["buffer"] += len(jpegs)
        told.append(one)
        jpegs.extend(its)
    return {"kind": "looks", "looks": told}, jpegs


def numbered(jpegs: Sequence[bytes | None]) -> tuple[list[int | None], list[bytes]]:
    """Return the place of each JPEG among those that are there (None: not there), and these."""
    there = [jpeg for jpeg in jpegs if jpeg is not None]
    places = iter(range(len(there)))
    return [None if jpeg is None else next(places) for jpeg in jpegs], there
