"""The state of the first page: what the project holds, its jobs, its reports, and what to do next."""

from __future__ import annotations

from pathlib import Path

import traitlets

from galcat_app.state import inventory, reports
from galcat_app.state.home import samples, steps, work
from galcat_app.state.inventory import Inventory
from galcat_core import jobs


class HomeState(traitlets.HasTraits):
    """Everything the first page shows; the view observes it and calls its methods.

    Parameters
    ----------
    path : str or Path
        The project folder; it need not be there yet.

    Attributes
    ----------
    project : Inventory
    work : list of Work
        The newest jobs, the newest first.
    reports : list of Report
    step : Step
        What to do next.
    rows : list of Row
        Pictures to look at.
    map : SmallMap or None
    remark : str
        The last thing to tell the user; "" for nothing.
    """

    project = traitlets.Any()
    work = traitlets.List()
    remark = traitlets.Unicode("")
    notice = None  # there is always something to show

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path).expanduser()
        self._seen: tuple | None = None
        self.reports: list[reports.Report] = []
        self.rows: list[samples.Row] = []
        self.map: samples.SmallMap | None = None
        self.refresh()
        self.look()

    def stale(self) -> bool:
        """Tell whether the files changed since they were read."""
        return inventory.signature(self.path) != self._seen

    def refresh(self) -> bool:
        """Read the project folder again if its files changed; return whether they had."""
        seen = inventory.signature(self.path)
        if seen == self._seen:
            return False
        self._seen = seen
        found = inventory.take(self.path)
        self.reports = reports.reports_of(self.path) if self.path.is_dir() else []
        self.step, self.stages = steps.next_step(found), steps.stages(found)
        self.rows, self.map = samples.rows_of(found), samples.map_of(found)
        self.project = found
        return True

    def look(self) -> None:
        """Look at the jobs, and at the files that they make."""
        self.refresh()
        self.work = work.of_project(self.path)

    @property
    def counts(self) -> list[tuple[str, str]]:
        """What the project holds, for the header."""
        found: Inventory = self.project
        pictures = sum(p.count for p in found.pictures)
        trained = sum(n.status == "finished" for n in found.networks)
        told = [(pictures, "picture"), (trained, "network"), (len(self.reports), "report")]
        return [(f"{n:,}", name if n == 1 else f"{name}s") for n, name in told if n]

    @property
    def demo(self) -> work.Work | None:
        """The newest job that simulates a survey, as long as it is not finished."""
        there = [job for job in self.work if job.is_demo]
        return there[0] if there and there[0].state != "finished" else None

    @property
    def best(self) -> inventory.Network | None:
        """The network that does best on its validation galaxies."""
        return inventory.best_of(self.project.networks)

    def start_demo(self, size: object) -> None:
        """Begin the simulated survey as a job."""
        job = work.start_demo(self.path, size)
        self.remark = f"{job.id} runs; it goes on when this page is closed"
        self.look()

    def cancel(self, name: object) -> None:
        """End a job of the project."""
        job = work.find(self.path, name)
        jobs.cancel(job)
        self.remark = f"{job.id} is stopped; what it has made so far stays"
        self.look()

    def resume(self, name: object) -> None:
        """Go on with a job that ended too early."""
        job = jobs.resume(work.find(self.path, name))
        self.remark = f"{job.id} goes on where it was"
        self.look()
