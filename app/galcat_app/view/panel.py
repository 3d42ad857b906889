"""A panel: a piece of a page in the browser. Content flows in as a dict, messages come out to handlers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from galcat_core.errors import GalcatError

FRONT = Path(__file__).parent / "front"
STYLE = Path(__file__).parents[1] / "share/jupyter/voila/templates/galcat/static/galcat.css"

log = logging.getLogger(__name__)


def front(name: str, *more: str) -> str:
    """Return the JavaScript of a panel: what all share, what it needs, and its own file last."""
    return "\n".join((FRONT / f"{file}.js").read_text() for file in ("common", *more, name))


def style(name: str) -> str:
    """Return the CSS of one page, for `_css` of its main panel; what pages share is in `STYLE`."""
    return (FRONT / f"{name}.css").read_text()


class Panel(anywidget.AnyWidget):
    """Base of all panels.

    A subclass names its JavaScript in `_esm`. Messages from the browser are dicts with a "kind";
    `handlers` says which function takes which kind. Nothing that a browser sends is trusted: the
    handlers check it, and what they refuse is told to the user by `tell`.

    Attributes
    ----------
    content : dict
        What the panel shows: JSON types, and bytes for pictures.
    """

    content = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        handlers: dict[str, Callable[[dict], Any]],
        tell: Callable[[str, str], None],
        **traits: Any,
    ) -> None:
        self.handlers = handlers
        self.tell = tell
        super().__init__(**traits)
        self.on_msg(lambda _, message, buffers: self.receive(message, buffers))

    def receive(self, message: Any, buffers: Sequence[Any] = ()) -> None:
        """Hand a message to its handler, files under "buffers"; a mistake becomes one line in the page."""
        kind = message.get("kind") if isinstance(message, dict) else None
        handler = self.handlers.get(kind) if isinstance(kind, str) else None
        if handler is None:
            return
        try:
            handler({**message, "buffers": list(buffers or ())})
        except GalcatError as error:
            self.tell(str(error), "error")
        except Exception as error:  # the page must live on whatever happens below it
            log.exception("%s: %s", type(self).__name__, kind)
            self.tell(
                f"That did not work ({type(error).__name__}); the server's log says more", "error"
            )
