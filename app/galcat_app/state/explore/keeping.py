"""What is kept on disk of the work in the page: labels, named selections, exports."""

from __future__ import annotations

from pathlib import Path

import traitlets

from galcat_app.state import exports
from galcat_app.state.explore import labels
from galcat_core.errors import GalcatError


class Keeping(traitlets.HasTraits):
    """The part of `ExploreState` that writes into the project's folder, at once.

    Attributes
    ----------
    labelled : int
        Counts up when labels changed, here or in another page.
    kept : tuple of Kept
        The named selections.
    """

    labelled = traitlets.Int(0)
    kept = traitlets.Any(())

    def label(self, rows: object, name: str | None) -> None:
        """Label rows (None takes the labels given in pages away)."""
        rows = self.checked(rows)
        if not len(rows):
            raise GalcatError(
                "nothing is selected; draw a box or a lasso on the map, then label it"
            )
        count = self.labels.give(rows, name)
        self.labels_changed()
        what = "galaxy" if count == 1 else "galaxies"
        done = f"labelled {name}" if name is not None else "without a label of yours again"
        self.remark = f"{count:,} {what} {done}: {labels.FILE}"

    def keep(self, name: str) -> None:
        """Keep the selection under a name."""
        self.selections.keep(self.selected, name)
        self.kept = self.selections.listed()
        self.remark = f"{len(self.selected):,} galaxies kept as {name}"

    def take_up(self, name: str, mode: str = "replace") -> None:
        """Select what was kept under a name."""
        rows, lost = self.selections.rows(name)
        self.select(rows, mode)
        if lost:
            self.remark = f"{lost:,} of {name} {'is' if lost == 1 else 'are'} not in this catalogue"

    def remove_kept(self, name: str) -> None:
        """Remove a named selection from disk."""
        self.selections.remove(name)
        self.kept = self.selections.listed()
        self.remark = f"{name} is removed"

    def catch_up(self) -> None:
        """See what other pages labelled and kept meanwhile."""
        if self.project is None:
            return
        self.kept = self.selections.listed()
        if self.labels.refresh():
            self.labels_changed()

    def export(self, kind: str, name: str = "selection") -> Path:
        """Write the selection into exports/ (see `galcat_app.state.exports.export`)."""
        path = exports.export(self.project, self.selected, kind, name)
        told = path.relative_to(self.project.path)
        self.remark = f"{len(self.selected):,} galaxies written to {told}"
        return path
