"""What the states of pages that show files have in common: they follow the project's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import traitlets

from galcat_app.state.folder import Notice


class Following(traitlets.HasTraits):
    """The state of a page that shows what the files of a project hold.

    A subclass gives `signature` (what changes when the files do), `read` (what they hold, or a notice),
    `show` and `show_nothing`.

    Parameters
    ----------
    path : str or Path
        The project folder.

    Attributes
    ----------
    project
        What the folder holds; None where there is nothing to show.
    notice : Notice or None
        What stands in the page then.
    remark : str
        The last thing to tell the user; "" for nothing.
    """

    project = traitlets.Any(None, allow_none=True)
    notice = traitlets.Any(None, allow_none=True)
    remark = traitlets.Unicode("")

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
        self._seen: tuple | None = None
        self.refresh()

    def signature(self) -> tuple:
        raise NotImplementedError

    def read(self) -> Any:
        """Return what the folder holds, or a `Notice`."""
        raise NotImplementedError

    def show(self, project: Any) -> None:
        """Begin with what the folder holds now."""
        raise NotImplementedError

    def show_nothing(self) -> None:
        """Forget what was shown: the notice stands in the page."""

    def stale(self) -> bool:
        """Tell whether the files changed since they were read."""
        return self.signature() != self._seen

    def refresh(self) -> bool:
        """Read the project folder again if its files changed; return whether they had."""
        seen = self.signature()
        if seen == self._seen:
            return False
        self._seen = seen
        found = self.read()
        with self.hold_trait_notifications():
            if isinstance(found, Notice):
                self.project, self.notice = None, found
                self.show_nothing()
            else:
                self.notice = None
                self.show(found)
        return True
