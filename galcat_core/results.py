"""Tables of results for the terminal: metrics.json, transfer.csv and the catalogue of a project -> text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from galcat_core.tables import read_table

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


def _cells(metrics: dict[str, dict]) -> list[str]:
    return [_interval(*(metrics[key].get(k) for k in ("value", "low", "high"))) for key in SHOWN]


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f}-{high:.3f})"


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


def show(*tables: Table) -> None:
    """Print tables on standard output."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=150)
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
    if (project / "transfer/transfer.csv").is_file():
        tables.append(transfer_table(read_table(project / "transfer/transfer.csv")[0]))
    for path in sorted(project.glob("clusters/*.parquet")):
        agreement = read_table(path)[1].get("agreement")
        if agreement:
            tables.append(agreement_table(agreement))
    return tables
