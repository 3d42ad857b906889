"""How far a run has come: its curves, speed, stages and time left, from the files that training writes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from galcat_app.state.training.inputs import Finder
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.runs import HISTORY, Run
from galcat_core.training import checkpoint, schedule
from galcat_core.training.schedule import Progress

RECENT = 3  # epochs whose speed tells of those to come
BROKEN = (GalcatError, OSError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class Course:
    """What is known of a run's training.

    Attributes
    ----------
    history : dict of str to list
        The columns of `runs.HISTORY`, a value an epoch; None for what is no number.
    epoch, most : int
        Epochs finished; the most there will be.
    step, steps : int
        Steps finished in the epoch that runs, as of the last checkpoint; in an epoch (0: unknown).
    best : int
        The best epoch so far (0: none).
    images_per_second : float or None
    seconds_left : float or None
        At most: training may stop earlier.
    seconds : float
        Spent so far.
    facts : list of (str, str)
        What was trained on what.
    report : dict
        Of a finished run.
    problem : str
        What cannot be read.
    """

    history: dict[str, list] = field(default_factory=dict)
    epoch: int = 0
    most: int = 0
    step: int = 0
    steps: int = 0
    best: int = 0
    images_per_second: float | None = None
    seconds_left: float | None = None
    seconds: float = 0.0
    facts: list[tuple[str, str]] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def course(finder: Finder, folder: Path, live: bool) -> Course:
    """Read how far a run has come; what is broken becomes a line, never an error.

    Parameters
    ----------
    finder : Finder
    folder : Path
        Of the run.
    live : bool
        Whether it is being trained.
    """
    run = Run(folder)
    try:
        info = finder.kept("info", folder / "run.json", lambda p: Run(p.parent).info)
        config = finder.kept("config", folder / "config.toml", Config.load)
        # of a run that was interrupted it is what its checkpoint has
        which = "history" if live else "history that is kept"
        history = finder.kept(which, folder / "history.csv", lambda p: Run(p.parent).history)
        report = run.report
        progress = finder.kept(
            "progress", folder / checkpoint.NAME, lambda p: checkpoint.progress_of(p.parent)
        )
        return _course(run, info, config, history, report, progress, live)
    except BROKEN as error:
        return Course(problem=f"This run's files cannot be read whole: {error}")


def _course(
    run: Run,
    info: dict[str, Any],
    config: Config,
    history: pd.DataFrame,
    report: dict[str, Any],
    progress: Progress,
    live: bool,
) -> Course:
    settings, samples = config.train, info["samples"]
    learnt = sum(samples["train"].values())
    steps = math.ceil(learnt / (settings.batch_size * info["workers"]))
    most = sum(s.epochs for s in schedule.stages(settings, fine_tuning=bool(info.get("parent"))))
    columns = {name: _numbers(history[name]) for name in HISTORY if name in history}
    epoch = len(history)
    # a checkpoint is older than the history where it was killed between the two
    step = progress.step if progress.epoch == epoch else 0
    spent = sum(s for s in columns.get("seconds", []) if s)
    return Course(
        columns,
        epoch,
        max(most, epoch),
        step,
        steps,
        int(report["best_epoch"]) if report else _best(columns),
        _speed(columns, progress, settings.batch_size * info["workers"]) if live else None,
        _left(run, columns, max(most - epoch, 0), step, steps, progress) if live else None,
        spent + (progress.seconds if step else 0.0),
        _facts(info, learnt, sum(samples["validation"].values())),
        report,
    )


def _numbers(column: pd.Series) -> list[float | None]:
    """Return a column with what JSON can tell."""
    values = pd.to_numeric(column, errors="coerce").tolist()
    return [value if math.isfinite(value) else None for value in values]


def _best(columns: dict[str, list]) -> int:
    known = [(v, n) for n, v in enumerate(columns.get("val_loss", []), 1) if v is not None]
    return min(known)[1] if known else 0


def _speed(columns: dict[str, list], progress: Progress, pictures: int) -> float | None:
    if progress.step and progress.seconds:
        return progress.step * pictures / progress.seconds
    speeds = columns.get("images_per_second") or [None]
    return speeds[-1]


def _left(
    run: Run, columns: dict[str, list], epochs: int, step: int, steps: int, progress: Progress
) -> float | None:
    """Return the seconds that the epochs to come take at most, by the pace of the last ones."""
    recent = [s for s in columns.get("seconds", [])[-RECENT:] if s]
    if recent:
        each = sum(recent) / len(recent)
        since = time.time() - (run.folder / "history.csv").stat().st_mtime
        return max(0.0, epochs * each - min(since, each))
    if step and progress.seconds:
        return progress.seconds / step * (epochs * steps - step)
    return None


def _facts(info: dict[str, Any], learnt: int, validated: int) -> list[tuple[str, str]]:
    """Return what the head of the page tells of a run."""
    store = info.get("store") or {}
    facts = [
        ("network", str(info.get("network", ""))),
        ("pictures", Path(store.get("path", "")).name),
    ]
    if info.get("parent"):
        facts.append(("began from", str(info["parent"].get("name", ""))))
    facts.append(("learns from", f"{learnt:,} galaxies"))
    facts.append(("is validated on", f"{validated:,}"))
    facts.append(("classes", " · ".join(map(str, info.get("classes", [])))))
    return facts
