"""Progress on standard error: a live bar in a terminal, a line every few seconds in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def bar(total: int | None, description: str, unit: str = "it", disable: bool = False) -> tqdm:
    """Return a tqdm bar with the house's settings.

    Parameters
    ----------
    total : int or None
        Steps to expect.
    description : str
        What is going on, in a few words.
    unit : str
        What a step is ("galaxies", "tiles").
    disable : bool
        Show nothing (every worker but rank 0).
    """
    quiet_log = not sys.stderr.isatty()
    return tqdm(
        total=total,
        desc=description,
        unit=f" {unit}",
        disable=disable,
        file=sys.stderr,
        mininterval=10.0 if quiet_log else 0.2,
        ascii=quiet_log,
        dynamic_ncols=not quiet_log,
    )


def track(
    items: Iterable[Item],
    description: str,
    total: int | None = None,
    unit: str = "it",
    disable: bool = False,
) -> Iterator[Item]:
    """Yield items and move a bar. `total` defaults to `len(items)` where there is one."""
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    with bar(total, description, unit, disable) as shown:
        for item in items:
            yield item
            shown.update()
