"""Tables of results for the terminal: metrics.json, transfer.csv and the catalogue of a project -> text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from galcat_core.tables import read_table

if TYPE_CHECKING:
    from galcat_core.evaluation.calibration import Calibration
    from galcat_core.training.sameness import Sameness

SHOWN = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "roc_auc": "ROC AUC",
}


def evaluation_table(results: dict[str, dict[str, Any]], title: str) -> Table:
    """Return one row a test set: all its galaxies, then those with certain labels.

    Parameters
    ----------
    results : dict of str to dict
        Name of the test set -> what `evaluation.metrics.evaluate` returned.
    title : str
    """
    table = Table(title=title, title_justify="left")
    table.add_column("test set")
    table.add_column("galaxies", justify="right")
    for name in SHOWN.values():
        table.add_column(name, justify="right")
    for name, result in results.items():
        table.add_row(f"{name}, all", str(result["n"]), *_cells(result["metrics"]))
        certain = result.get("subsets", {}).get("certain")
        if certain:
            table.add_row(f"{name}, certain votes", str(certain["n"]), *_cells(certain["metrics"]))
    return table


def _cells(metrics: dict[str, dict], shown: Iterable[str] = SHOWN) -> list[str]:
    return [_interval(*(metrics[key].get(k) for k in ("value", "low", "high"))) for key in shown]


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f}-{high:.3f})"


PROBABILITY = {"log_loss": "log-loss", "brier": "Brier score", "ece": "calibration error"}


def probability_table(results: dict[str, dict[str, Any]], title: str) -> Table | None:
    """Return how well the probabilities hold, before and after calibration; None if there is none.

    Parameters
    ----------
    results, title
        As for `evaluation_table`.
    """
    table = Table(title=title, title_justify="left")
    table.add_column("test set")
    table.add_column("probabilities")
    for name in PROBABILITY.values():
        table.add_column(name, justify="right")
    for name, result in results.items():
        if not result.get("raw"):
            continue
        how = ", ".join(f"{c['method']} for {c['survey']}" for c in result["calibrated_by"])
        kinds = {"the network's own": result["raw"], f"calibrated ({how})": result}
        for kind, part in kinds.items():
            table.add_row(name, kind, *_cells(part["metrics"], PROBABILITY))
    return table if table.row_count else None


def bins_tables(result: dict[str, Any]) -> list[Table]:
    """Return one table for each column in whose bins an evaluation was made."""
    tables = []
    measures = {"accuracy": "accuracy", "roc_auc": "ROC AUC", "ece": "calibration error"}
    for column, found in result.get("bins", {}).items():
        left = f" ({found['missing']} galaxies without a value)" if found["missing"] else ""
        table = Table(title=f"In bins of {column}{left}", title_justify="left")
        for name in (column, "galaxies", *measures.values()):
            table.add_column(name, justify="left" if name == column else "right")
        for part in found["bins"]:
            reach = f"{part['low']:.4g} to {part['high']:.4g}"
            table.add_row(reach, str(part["n"]), *_cells(part["metrics"], measures))
        tables.append(table)
    return tables


def calibration_table(calibration: Calibration, title: str) -> Table:
    """Return what each method of calibration scored, and the scores before and after the one taken."""
    told = calibration.told
    table = Table(title=f"Calibration of {title}", title_justify="left")
    for name in ("method", "log-loss on held-out galaxies", "Brier score", "calibration error"):
        table.add_column(name, justify="left" if name == "method" else "right")
    for method, loss in told["log_loss"].items():
        taken = method == calibration.method
        part = told["after"] if taken else told["before"] if method == "none" else {}
        cells = [f"{part[key]:.4f}" if part else "" for key in ("brier", "ece")]
        table.add_row(f"{method}{' (taken)' * taken}", f"{loss:.4f}", *cells)
    counts = ", ".join(f"{n} {name}" for name, n in told["labels"].items())
    table.caption = f"{counts} ({told['source']}); mix: {told['settings']['class_mix']}"
    return table


def threshold_table(found: dict[str, Any]) -> Table:
    """Return the choices of a threshold (see `evaluation.thresholds.choose`)."""
    [(measure, value)] = found["wanted"].items()
    title = f"Galaxies of class {found['class']} with a {measure} of {value:g}"
    table = Table(title=title, title_justify="left")
    for name in ("threshold", "probability from", "chosen", "purity", "completeness"):
        table.add_column(name, justify="left" if name == "threshold" else "right")
    sure = f"sure ({found['confidence']:.0%} interval)"
    for key, told in (("own", "the run's own"), ("expected", "expected"), ("sure", sure)):
        choice = found[key]
        if choice is None:
            table.add_row(told, "none", "", "", "")
            continue
        ends = [choice[name] for name in ("purity", "completeness")]
        cells = [_interval(end["value"], end["low"], end["high"]) for end in ends]
        table.add_row(told, f"{choice['threshold']:.4f}", str(choice["chosen"]), *cells)
    caption = f"{found['n']} labelled galaxies, {found['of_class']} of the class"
    table.caption = caption + (f"; {found['reason']}" if found["reason"] else "")
    return table


def transfer_table(rows: pd.DataFrame) -> Table:
    """Return the table of transfer experiments, like table 4 of Dominguez Sanchez et al. 2019."""
    table = Table(title="From SDSS to DES, judged on DES test galaxies", title_justify="left")
    for name in ("experiment", "N train", "N test", "N pos"):
        table.add_column(name, justify="left" if name == "experiment" else "right")
    measures = {"tpr": "TPR", "precision": "precision", "accuracy": "accuracy", "auc": "ROC AUC"}
    for name in measures.values():
        table.add_column(name, justify="right")
    for row in rows.to_dict("records"):
        cells = [_interval(row[k], row.get(f"{k}_low"), row.get(f"{k}_high")) for k in measures]
        counts = [f"{int(row[k])}" for k in ("ntrain", "ntest", "npos")]
        table.add_row(row["experiment"], *counts, *cells)
    return table


def ds19_table(rows: pd.DataFrame, question: str) -> Table:
    """Return the experiments of one question, each with the published figures below it.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of `training.ds19.experiments`.
    question : str
        "q1", "q2" or "q3".
    """
    title = f"{question.upper()}; published: Dominguez Sanchez et al. 2019, table 4"
    table = Table(title=title, title_justify="left")
    measures = {"tpr": "TPR", "precision": "precision", "accuracy": "accuracy"}
    table.add_column("experiment", no_wrap=True)
    for name in ("train / test / positive", *measures.values(), "ROC AUC"):
        table.add_column(name, justify="right")
    numbers = ("ntrain", "ntest", "npos")
    for row in rows.to_dict("records"):
        cells = [_interval(row[k], row[f"{k}_low"], row[f"{k}_high"]) for k in (*measures, "auc")]
        name = f"({row['letter']}) {row['experiment']}"
        table.add_row(name, " / ".join(f"{int(row[k])}" for k in numbers), *cells)
        counts = " / ".join(f"{int(row[f'published_{k}'])}" for k in numbers)
        there = [f"{row[f'published_{k}']:.2f}" for k in measures]
        table.add_row("    published", counts, *there, "", style="dim", end_section=True)
    return table


def sameness_table(found: Sameness, first: str, again: str) -> Table:
    """Return how a run and its repetition compare, figure by figure."""
    of = "1 process" if found.workers == 1 else f"{found.workers} processes"
    table = Table(title=f"{first}, repeated as {again} ({of})", title_justify="left")
    for name in ("", first, again, "difference"):
        table.add_column(name, justify="right" if name else "left")
    shares = (f"{found.total:,}", f"{found.total:,}")
    weights = f"{found.changed:,} differ, by {found.weights:.1e} of the norm"
    table.add_row("weights", *shares, weights if found.changed else "none")
    for name, (was, now) in found.metrics.items():
        told = f"{now - was:+.1e}" if now != was else "none"
        table.add_row(name.replace("_", " "), f"{was:.8g}", f"{now:.8g}", told)
    table.add_row("epochs that differ", "", "", str(found.epochs) if found.epochs else "none")
    if found.calibration is not None:
        table.add_row("calibration", "", "", "none" if found.calibration else "another")
    for name, (was, now) in found.computed_on.items():
        table.add_row(name, was or "unknown", now or "unknown", "", style="dim")
    return table


def agreement_table(agreement: dict[str, Any]) -> Table:
    """Return how unsupervised clusters agree with predicted classes (`Clusters.meta`)."""
    table = Table(
        title="Two clusters of the features against the predicted classes", title_justify="left"
    )
    for name in ("galaxies", "number", "adjusted Rand index", "purity", "purity without"):
        table.add_column(name, justify="left" if name == "galaxies" else "right")
    for name, found in agreement.items():
        if isinstance(found, dict):
            figures = (
                found["adjusted_rand"],
                found["purity"],
                found["purity_without_clusters"],
            )
            table.add_row(
                name.replace("_", " "),
                str(found["n"]),
                *(_interval(x, None, None) for x in figures),
            )
    return table


def show(*tables: Table, aside: bool = False) -> None:
    """Print tables on standard output, or aside on standard error where progress goes."""
    console = Console(stderr=aside)
    if not console.is_terminal:
        console = Console(width=150, stderr=aside)
    for table in tables:
        console.print()
        console.print(table)


def project_tables(project: str | Path) -> list[Table]:
    """Return the tables of a project folder: evaluation, transfer, clusters; what is there of them."""
    project = Path(project)
    reports = sorted(project.glob("report/*/metrics.json"), reverse=True)
    tables = []
    if reports:
        results = {p.parent.name.replace("_", " "): json.loads(p.read_text()) for p in reports}
        tables.append(evaluation_table(results, "The network on test galaxies"))
        held = probability_table(results, "How well its probabilities hold")
        tables += [held] if held is not None else []
    if (project / "transfer/transfer.csv").is_file():
        tables.append(transfer_table(read_table(project / "transfer/transfer.csv")[0]))
    for path in sorted(project.glob("clusters/*.parquet")):
        agreement = read_table(path)[1].get("agreement")
        if agreement:
            tables.append(agreement_table(agreement))
    return tables
