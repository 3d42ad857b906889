"""The report of a run: judged test sets + ancestry -> one HTML file that needs nothing else, and its JSON."""

from __future__ import annotations

import dataclasses
import functools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader

from galcat_core.evaluation import plots
from galcat_core.evaluation.report import plots as report_plots
from galcat_core.evaluation.report.figures import Shown, downloads, uri
from galcat_core.evaluation.report.fonts import font_faces
from galcat_core.evaluation.report.galleries import Gallery, galleries_of, twins_of
from galcat_core.evaluation.report.lineage import Ancestry
from galcat_core.evaluation.report.sets import Judged
from galcat_core.evaluation.report.tables import (
    Table,
    calibration_table,
    counts,
    lineage_table,
    metrics_table,
)
from galcat_core.evaluation.style import quoted, survey_name
from galcat_core.provenance import Provenance

GALLERY_DPI = 120


@dataclass(frozen=True)
class Section:
    """A part of the page: text, tables, figures and galleries, in this order."""

    name: str
    title: str
    text: str = ""
    tables: list[Table] = field(default_factory=list)
    figures: list[Shown] = field(default_factory=list)
    galleries: list[Gallery] = field(default_factory=list)


def page(
    sets: list[Judged],
    ancestry: Ancestry,
    *,
    pairs: pd.DataFrame | None = None,
    count: int = 16,
    title: str | None = None,
    provenance: Provenance | None = None,
) -> tuple[str, str]:
    """Make the report.

    Parameters
    ----------
    sets : list of Judged
        At least one; all of the same classes.
    ancestry : Ancestry
        The run, and those that it started from.
    pairs : pandas.DataFrame, optional
        `left_id`, `right_id`: sets that hold twins are shown side by side.
    count : int
        Galaxies in a gallery.
    title : str, optional
    provenance : Provenance, optional
        What made the report; goes into the JSON and the foot of the page.

    Returns
    -------
    html, json : str
        The same bytes for the same input.
    """
    run = ancestry.runs[-1]
    told = ancestry.told()
    title = title or f"{run.name}: {_listed([judged.name for judged in sets])}"
    sections = [s for s in _sections(sets, ancestry, told, pairs, count) if _filled(s)]
    sections = _numbered(sections)
    found = {
        "title": title,
        "run": told[-1],
        "ancestors": told[:-1],
        "sets": {judged.name: judged.to_dict() for judged in sets},
        "figures": [
            {"number": f.number, "name": f.name, "title": f.title, "caption": f.caption}
            for section in sections
            for f in section.figures
        ],
        "galleries": {
            g.name: {"title": g.title, "ids": [[p.id for p in tile] for tile in g.tiles]}
            for section in sections
            for g in section.galleries
        },
        "provenance": dataclasses.asdict(provenance) if provenance else None,
    }
    html = _template().render(
        title=title,
        run=told[-1],
        lineage=told,
        lost=ancestry.lost,
        sets=sets,
        sections=sections,
        provenance=found["provenance"],
        counts=counts,
        survey_name=survey_name,
        uri=uri,
        gallery_files=lambda made: downloads(made, GALLERY_DPI),
        fonts="",
        **_style_and_script(),
    )
    return html.replace("/*FONTS*/", font_faces(html)), _json(found)


def _filled(section: Section) -> bool:
    return bool(section.text or section.tables or section.figures or section.galleries)


def _numbered(sections: list[Section]) -> list[Section]:
    """Count the figures over the page."""
    number, made = 0, []
    for section in sections:
        figures = []
        for figure in section.figures:
            number += 1
            figures.append(dataclasses.replace(figure, number=number))
        made.append(dataclasses.replace(section, figures=figures))
    return made


def _sections(
    sets: list[Judged],
    ancestry: Ancestry,
    told: list[dict[str, Any]],
    pairs: pd.DataFrame | None,
    count: int,
) -> list[Section]:
    results = {judged.name: judged.result for judged in sets}
    return [
        Section("metrics", "Metrics", _how(sets), _metric_tables(sets)),
        Section("curves", "ROC and precision against recall", "", [], _ranking(results)),
        Section("probabilities", "Probabilities", "", [], _sure(sets)),
        Section("errors", "Accuracy and errors", "", [], _right(results)),
        Section("bins", "In bins", "", [], _binned(results)),
        Section("galleries", "Galleries", "", [], [], _galleries(sets, pairs, count)),
        Section("learning", "Learning curves", "", [], _learning(told)),
        Section("training", "What was trained on what", _lost(ancestry), [_lineage(told)]),
    ]


def _how(sets: list[Judged]) -> str:
    made, result = sets[0].result["bootstrap"], sets[0].result
    return (
        f"{quoted(result['positive'])} is the positive class, predicted from {_threshold(sets)} on. "
        f"Below each value stands its {made['confidence']:.0%} interval from "
        f"{made['resamplings']:,} bootstrap resamplings, stratified by true class; proportions on "
        "which all resamplings agree (such as 0 and 1) have exact (Clopper-Pearson) intervals, other "
        "measures then none."
    )


def _metric_tables(sets: list[Judged]) -> list[Table]:
    confidence = sets[0].result["bootstrap"]["confidence"]
    first = metrics_table(
        sets,
        f"Metrics of {_listed([s.name for s in sets])} with {confidence:.0%} bootstrap intervals.",
    )
    second = calibration_table(sets, "Probabilities before and after calibration.")
    return [first, *([second] if second else [])]


def _threshold(sets: list[Judged]) -> str:
    """Return "a probability of 0.5", or which in each test set."""
    found = {judged.name: f"{judged.result['threshold']:.3g}" for judged in sets}
    if len(set(found.values())) == 1:
        return f"a probability of {sets[0].result['threshold']:.3g}"
    return f"the set's threshold ({', '.join(f'{name} {value}' for name, value in found.items())})"


def _sizes(results: dict[str, dict]) -> str:
    return "; ".join(f"{name}: {r['n']:,} ({counts(r['classes'])})" for name, r in results.items())


def _ranking(results: dict[str, dict]) -> list[Shown]:
    first = next(iter(results.values()))
    percent = f"{first['bootstrap']['confidence']:.0%}"
    areas = "; ".join(f"{n} {plots.interval(r, 'roc_auc')}" for n, r in results.items())
    precision = "; ".join(
        f"{n} {plots.interval(r, 'average_precision')}" for n, r in results.items()
    )
    return [
        Shown(
            "roc",
            "ROC curves",
            f"True against false positive rate as the threshold falls. Shaded: pointwise {percent} "
            "bootstrap intervals; symbols: the threshold in use; dotted: chance. "
            f"Galaxies: {_sizes(results)}.",
            f"ROC curves with the corner at the top left enlarged. Area below the curve: {areas}.",
            plots.roc(results, f"{quoted(first['positive'])} is positive"),
        ),
        Shown(
            "precision_recall",
            "Precision against recall",
            f"Precision (purity) against recall (completeness). Shaded: pointwise {percent} bootstrap "
            "intervals; symbols: the threshold in use; dotted: the share of positives, "
            "which a random order would give.",
            f"Precision-recall curves. Average precision: {precision}.",
            report_plots.precision_recall(results),
        ),
    ]


def _sure(sets: list[Judged]) -> list[Shown]:
    results = {judged.name: judged.result for judged in sets}
    raw = {judged.name: judged.raw for judged in sets}
    first, one = sets[0], next(iter(results.values()))
    errors = "; ".join(f"{n} {plots.interval(r, 'ece')}" for n, r in results.items())
    before = (
        " Blue circles: calibrated; grey squares: raw, as the network gave them."
        if any(raw.values())
        else ""
    )
    draw = functools.partial(report_plots.reliabilities, results, raw)
    return [
        Shown(
            "probabilities",
            "Probabilities of each true class",
            f"How the predicted probability of {quoted(one['positive'])} spreads: above each line the "
            f"galaxies that truly are, below it the others (width: square root of the density; bar: the "
            "middle half, dot: the median). Beside: the share on the wrong side of the threshold "
            f"(dashed: {_threshold(sets)}). {_sizes(results)}.",
            f"A split violin plot of predicted probabilities for {_listed(list(results))}.",
            report_plots.violins(
                {judged.name: judged.table for judged in sets},
                first.predictions.classes,
                one["positive"],
                {name: result["threshold"] for name, result in results.items()},
            ),
        ),
        Shown(
            "reliability",
            "Reliability",
            f"Fraction that truly is {quoted(one['positive'])} against the mean predicted probability, in "
            f"{len(one['calibration']['count'])} equal bins, with Wilson intervals; on the dotted line "
            "probabilities mean what they say; bars: how the galaxies spread over the bins."
            f"{before} Expected calibration error: {errors}.",
            f"Reliability diagrams. Expected calibration error: {errors}.",
            draw(),
            draw(columns=1) if len(results) > 1 else None,
        ),
    ]


def _right(results: dict[str, dict]) -> list[Shown]:
    right = "; ".join(f"{n} {plots.interval(r, 'accuracy')}" for n, r in results.items())
    return [
        Shown(
            "coverage",
            "Accuracy and F1 against the fraction kept",
            "Accuracy and F1 score of the surest galaxies, against the fraction of all that they are; at "
            "the right end all galaxies are kept. Shaded: bootstrap intervals; dotted: the confident half, "
            f"for which the literature often quotes its figures. {_sizes(results)}.",
            f"Two line charts that fall to the right. Accuracy of all galaxies: {right}.",
            plots.coverage(results),
            plots.coverage(results, stacked=True),
        ),
        Shown(
            "confusion",
            "Confusion matrices",
            "Galaxies by true (rows) and predicted class (columns): their number, and the share of the "
            f"true class. Accuracy: {right}.",
            "Confusion matrices. "
            + " ".join(f"{name}: {_matrix(result)}." for name, result in results.items()),
            report_plots.confusions(results),
            report_plots.confusions(results, columns=1) if len(results) > 1 else None,
        ),
    ]


def _binned(results: dict[str, dict]) -> list[Shown]:
    """Return a figure for each number that galaxies were binned by (`evaluate.bin_by`)."""
    first = next(iter(results.values()))
    made = []
    for column in first.get("bins") or {}:
        missing = sum(r["bins"][column]["missing"] for r in results.values())
        made.append(
            Shown(
                f"bins_{column}",
                f"Accuracy and F1 in bins of {column}",
                f"Accuracy and F1 score in bins of {column} with equally many galaxies each, at the "
                f"bin's median, with {first['bootstrap']['confidence']:.0%} intervals; {missing:,} "
                f"galaxies have no value. {_sizes(results)}.",
                f"Line charts of accuracy and F1 against {column}.",
                report_plots.binned(results, column),
                report_plots.binned(results, column, stacked=True),
            )
        )
    return made


def _matrix(result: dict[str, Any]) -> str:
    names = result["confusion"]["classes"]
    return "; ".join(
        f"true {true}: {', '.join(f'{n:,} predicted {said}' for n, said in zip(row, names, strict=True))}"
        for true, row in zip(names, result["confusion"]["counts"], strict=True)
    )


def _galleries(sets: list[Judged], pairs: pd.DataFrame | None, count: int) -> list[Gallery]:
    """Return twins side by side where there are some, and galleries of the sets that are in no pair."""
    made, paired = [], set()
    if pairs is not None:
        for k, left in enumerate(sets):
            for right in sets[k + 1 :]:
                ways = (pairs, pairs.rename(columns={"left_id": "right_id", "right_id": "left_id"}))
                found = max((twins_of(left, right, p, count) for p in ways), key=len)
                made += found
                paired |= {left.name, right.name} if found else set()
    for judged in sets:
        if judged.name not in paired:
            made += galleries_of(judged, count)
    return made


def _learning(told: list[dict[str, Any]]) -> list[Shown]:
    made = []
    for run in told:
        if not run["history"]:
            continue
        history, best = pd.DataFrame(run["history"]), run["result"]["best_epoch"]
        start = f"started from {run['parent']}" if run["parent"] else "started from random weights"
        kept = f"Dotted: epoch {best}, whose weights were kept."
        if not best:
            kept = "None was better than the weights that it began with, which were kept."
        made.append(
            Shown(
                f"learning_{run['name']}",
                f"Learning curves of {run['name']}",
                f"Loss and accuracy of {run['name']} ({start}) on its {sum(run['train'].values()):,} "
                f"training galaxies (augmented, dropout active) and {sum(run['validation'].values()):,} "
                f"validation galaxies after each epoch. {kept}",
                f"Line charts of loss and accuracy over {len(history)} epochs; the best validation loss, "
                f"{run['result']['val_loss']:.4g}, at epoch {best}.",
                report_plots.learning(history, best),
                report_plots.learning(history, best, stacked=True),
            )
        )
    return made


def _lost(ancestry: Ancestry) -> str:
    if ancestry.lost is None:
        return ""
    return (
        f"{ancestry.runs[0].name} started from the run {ancestry.lost}, which is not where it was: "
        "what that one learnt from could not be looked up."
    )


def _lineage(told: list[dict[str, Any]]) -> Table:
    return lineage_table(
        told, "Runs, and the galaxies that they learnt from and were validated on."
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _json(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=1, allow_nan=False, ensure_ascii=False, default=str) + "\n"


@functools.cache
def _template():
    loader = PackageLoader("galcat_core.evaluation.report", "templates")
    return Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    ).get_template("report.html")


@functools.cache
def _style_and_script() -> dict[str, str]:
    folder = Path(__file__).parent / "templates"
    return {
        "style_sheet": (folder / "report.css").read_text(),
        "script": (folder / "report.js").read_text(),
    }
