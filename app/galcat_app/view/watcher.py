"""Looks at files again and again, in a thread, for as long as somebody looks at the page."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


class Watcher:
    """Calls `look` in a thread and `show` with what it returns, every few seconds.

    The page says every now and then that it is seen (`awake`). When it has not said so for a while, the
    tab is hidden or closed and the watching ends, so that the server may end the kernel.

    Parameters
    ----------
    look : callable
        Takes as long as it takes; must change nothing that others use.
    show : callable
        Called in the kernel's own thread with what `look` returned.
    pause : callable
        Returns the seconds until the next look.
    patience_seconds : float
        How long the page may be silent.
    """

    def __init__(
        self,
        look: Callable[[], Any],
        show: Callable[[Any], None],
        pause: Callable[[], float],
        patience_seconds: float = 45.0,
    ) -> None:
        self._look, self._show, self._pause = look, show, pause
        self.patience_seconds = patience_seconds
        self._until = 0.0
        self._task: asyncio.Task | None = None
        self._now: asyncio.Event | None = None

    @property
    def watching(self) -> bool:
        return self._task is not None and not self._task.done()

    def awake(self) -> None:
        """Watch on: the page is seen."""
        self._until = time.monotonic() + self.patience_seconds
        if self.watching:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel around: look once
            self._show(self._look())
            return
        self._now = asyncio.Event()
        self._task = loop.create_task(self._watch())

    def hurry(self) -> None:
        """Look again at once: something was done."""
        if self.watching and self._now:
            self._now.set()
        else:
            self.awake()

    async def _watch(self) -> None:
        while time.monotonic() < self._until:
            self._now.clear()
            try:
                self._show(await asyncio.to_thread(self._look))
            except Exception:  # the next look may go well
                log.exception("watching")
            try:
                await asyncio.wait_for(self._now.wait(), self._pause())
            except TimeoutError:
                continue
