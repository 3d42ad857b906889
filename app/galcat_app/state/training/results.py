"""What a finished run led to, its reports and predictions, and the commands of the next steps."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galcat_app.state.training.form import RUNS
from galcat_app.state.training.inputs import Choice, Finder
from galcat_core.runs import Run
from galcat_core.tables import provenance_of

REPORT = "report"  # key of its step
REPORTS = "reports"
PREDICTIONS = "predictions"
MOST = 200  # files looked at


@dataclass(frozen=True)
class Step:
    """A command that goes on from a run.

    Attributes
    ----------
    key : str
        "predict cutouts/des".
    what : str
    out : str
        What it makes, as seen from the project.
    words : list of str
    """

    key: str
    what: str
    out: str
    words: list[str]

    @property
    def command(self) -> str:
        return shlex.join(self.words)


@dataclass(frozen=True)
class Results:
    """Reports and predictions that there are, as seen from the project, and what may come next."""

    reports: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


def results(finder: Finder, run: Run, stores: dict[str, Choice]) -> Results:
    """Find what was made from a finished run.

    Parameters
    ----------
    finder : Finder
    run : Run
    stores : dict of str to Choice
        That may be predicted.
    """
    path = finder.path
    pages = [*path.glob("*.html"), *path.glob(f"{REPORTS}/*.html"), *path.glob("*/report*.html")]
    tables = [*path.glob("*.parquet"), *path.glob(f"{PREDICTIONS}/*.parquet")]
    reports = [p for p in pages[:MOST] if run.digest in finder.kept("page", p, _page_inputs)]
    made = [p for p in tables[:MOST] if run.digest in finder.kept("table", p, _table_inputs)]
    told = [tuple(sorted({_from(path, p) for p in found})) for found in (reports, made)]
    left = [s for s in _steps(path, run, stores) if not (path / s.out).exists()]
    left = [s for s in left if not (s.key == REPORT and reports)]
    return Results(told[0], told[1], tuple(left))


def _steps(path: Path, run: Run, stores: dict[str, Choice]) -> list[Step]:
    folder, name = _from(path, run.folder), _name(path, run.folder)
    found = [_report(path, run, folder, name)]
    for store in stores.values():
        if not store.problem:
            out = f"{PREDICTIONS}/{name}_{Path(store.value).name}.parquet"
            words = ["galcat", "predict", store.value, "--run", folder, "-o", out]
            what = f"Predict the galaxies of {store.value}"
            found.append(Step(f"predict {store.value}", what, out, words))
    return found


def _report(path: Path, run: Run, folder: str, name: str) -> Step:
    """Return the step of the evaluation report: on the split's test galaxies, else on the run's own."""
    info, out = run.info, f"{REPORTS}/{name}.html"
    words = ["galcat", "report", folder]
    split = (info.get("split") or {}).get("path")
    store = os.path.normpath(run.folder / info["store"]["path"])
    if split and Path(os.path.normpath(run.folder / split)).is_file():
        given = f"{info['survey']} test={_from(path, Path(store))}"
        words += [
            "--set",
            given,
            "--split",
            _from(path, Path(os.path.normpath(run.folder / split))),
        ]
    return Step(
        REPORT,
        "Judge it on the test galaxies, in a page of figures",
        out,
        [*words, "-o", out],
    )


def _name(path: Path, folder: Path) -> str:
    """Return the name of a run for files: without its folder where that is the usual one."""
    told = Path(_from(path, folder))
    parts = told.parts[1:] if told.parts[0] == RUNS else told.parts
    return "_".join(parts)


def _from(path: Path, file: Path) -> str:
    return os.path.relpath(file.resolve(), path.resolve())


def _page_inputs(page: Path) -> tuple[str, ...]:
    """Return the digests of what a report was made from, by the JSON beside it."""
    try:
        made_by: Any = json.loads(page.with_suffix(".json").read_text())["provenance"]
        return tuple(made_by["inputs"].values()) if made_by["stage"] == "report" else ()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def _table_inputs(table: Path) -> tuple[str, ...]:
    made_by = provenance_of(table)
    return tuple(made_by.inputs.values()) if made_by and made_by.stage == "predict" else ()
