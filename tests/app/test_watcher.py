"""Looking at files again and again for as long as somebody looks at the page."""

from __future__ import annotations

import asyncio

import pytest
from galcat_app.view.watcher import Watcher
from trainable import apart


def test_watching_ends_when_nobody_looks_and_begins_again() -> None:
    shown: list[int] = []

    async def visit() -> None:
        looks = iter(range(1000))
        watcher = Watcher(lambda: next(looks), shown.append, lambda: 0.01, patience_seconds=0.2)
        watcher.awake()
        assert watcher.watching
        while watcher.watching:
            await asyncio.sleep(0.01)
        seen = len(shown)
        assert seen > 1
        await asyncio.sleep(0.05)
        assert len(shown) == seen
        watcher.hurry()
        while len(shown) == seen:
            await asyncio.sleep(0.01)

    apart(lambda: asyncio.run(visit()))
    assert shown == sorted(shown)


def test_a_look_that_fails_does_not_end_the_watching(caplog: pytest.LogCaptureFixture) -> None:
    shown: list[int] = []

    def look() -> int:
        looks.append(1)
        if len(looks) == 1:
            raise OSError("the disk is away for a moment")
        return len(looks)

    looks: list[int] = []

    async def visit() -> None:
        watcher = Watcher(look, shown.append, lambda: 0.01, patience_seconds=60)
        watcher.awake()
        while not shown:
            await asyncio.sleep(0.01)
        watcher.patience_seconds = 0
        watcher.awake()
        while watcher.watching:
            await asyncio.sleep(0.01)

    apart(lambda: asyncio.run(visit()))
    assert shown[0] == 2
    assert "away for a moment" in caplog.text
