"""What else looks like this? Asked for a galaxy, the selection or a picture that somebody gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import traitlets

from galcat_app.state.explore.listing import ALIKE
from galcat_app.state.explore.similar import Alike
from galcat_app.state.explore.upload import Upload
from galcat_app.state.explore.upload_worker import Worker
from galcat_core.errors import GalcatError

NEIGHBOURS = 8  # on a galaxy's card


@dataclass(frozen=True, eq=False)
class Query:
    """What was asked, and its answer.

    Attributes
    ----------
    title : str
        "galaxy 1234", "12 selected galaxies", "the picture cat.jpg".
    jpeg : bytes or None
        Its picture, if it is one.
    rows : ndarray, (n,), int64
        The galaxies most like it, the most alike first.
    """

    title: str
    jpeg: bytes | None
    rows: np.ndarray


class Asking(traitlets.HasTraits):
    """The part of `ExploreState` that looks for similar galaxies: the answer becomes the selection.

    Attributes
    ----------
    query : Query or None
        What the selection is the answer to; None where it was made by hand.
    upload : Upload or None
        The picture that somebody gave last.
    upload_status : str
        "", or the status of `upload`.
    upload_step : int
        What is being done for it, one of `upload_worker.STEPS`.
    """

    query = traitlets.Any(None, allow_none=True)
    upload = traitlets.Any(None, allow_none=True)
    upload_status = traitlets.Unicode("")
    upload_step = traitlets.Int(0)
    _worker: Worker | None = None

    def neighbours(self, row: int) -> Alike:
        """Return the few galaxies most like one, for its card."""
        return self.similar.to_rows(self.checked([row]), NEIGHBOURS)

    def ask_galaxy(self, row: object, number: object) -> None:
        """Select the galaxies most like one."""
        rows = self.checked([row])
        pictures = self.pictures.of(int(rows[0]))
        self._answer(
            self.similar.to_rows(rows, number),
            f"galaxy {self.value('id', int(rows[0]))}",
            pictures[0].jpeg if pictures else None,
        )

    def ask_selection(self, number: object) -> None:
        """Select the galaxies most like the mean of those that are selected."""
        if not len(self.selected):
            raise GalcatError("nothing is selected; draw a box or a lasso on the map first")
        if len(self.selected) == 1:
            return self.ask_galaxy(int(self.selected[0]), number)
        found = self.similar.to_rows(self.selected, number)
        return self._answer(found, f"{len(self.selected):,} selected galaxies", None)

    def expect_picture(self) -> None:
        """Begin what looks at pictures: somebody is choosing one."""
        if self.similar.possible:
            self._worker_of_run().start()

    def ask_picture(self, name: str, data: bytes, number: object) -> None:
        """Take a picture and begin to make its features; `look_after_upload` finds its like."""
        self.stop_upload()
        self.similar.to_checked_number(number)
        self.upload = Upload(name, data, self._worker_of_run())
        self._number = number
        self.upload_step, self.upload_status = self.upload.step, "working"

    def look_after_upload(self) -> None:
        """Look whether the features of the picture are there; the page calls this while it waits."""
        if self.upload is None or self.upload_status != "working":
            return
        status = self.upload.look()
        self.upload_step = self.upload.step
        try:
            if status == "done":
                found = self.similar.to_features(self.upload.features, self._number)
                self._answer(found, f"the picture {self.upload.name}", self.upload.jpeg)
        finally:
            self.upload_status = status
        if status == "failed":
            raise GalcatError(f"no features of {self.upload.name}: {self.upload.told}")

    def _worker_of_run(self) -> Worker:
        """Return what looks at pictures with the network that made the project's features."""
        run = self.similar.run_folder().resolve()
        if self._worker is None or self._worker.run != run:
            if self._worker is not None:
                self._worker.end()
            self._worker = Worker(run)
        return self._worker

    def stop_upload(self) -> None:
        """Wait no longer for a picture."""
        if self.upload is not None:
            self.upload.cancel()
        self.upload, self.upload_status = None, ""

    def _answer(self, found: Alike, title: str, jpeg: bytes | None) -> None:
        with self.hold_trait_notifications():
            self.query = Query(title, jpeg, found.rows)
            self.sort, self.page = ALIKE, 0
            self.selected = np.sort(found.rows)

    def forget_query(self) -> None:
        """The selection changes by hand: it is no answer any more."""
        self.query = None
        if self.sort == ALIKE:
            self.sort = next(iter(self.sorts))
