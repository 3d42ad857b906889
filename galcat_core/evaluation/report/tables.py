"""Tables of a report: results -> rows to show, and the same as CSV and as LaTeX for a paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from galcat_core.evaluation.report.sets import Judged
from galcat_core.evaluation.style import survey_name

SHOWN = {
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "false_positive_rate": "FPR",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "average_precision": "Av. precision",
    "brier": "Brier",
    "ece": "ECE",
}
SUBSETS = {
    "certain": "certain labels",
    "uncertain": "uncertain labels",
    "in_domain": "in the domain",
    "out_of_domain": "out of the domain",
}
ESCAPED = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


@dataclass(frozen=True)
class Cell:
    """A cell: what is shown, below it in small (an interval, a note), and whether it is a number."""

    text: str
    small: str = ""
    number: bool = True


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes
    ----------
    name : str
        File name of the downloads.
    caption : str
    head : list of str
    rows : list of list of Cell
    values : pandas.DataFrame
        The same in full precision: the CSV.
    latex : str
    minor : set of int
        Rows that belong to the one above.
    """

    name: str
    caption: str
    head: list[str]
    rows: list[list[Cell]]
    values: pd.DataFrame
    latex: str
    minor: set[int] = field(default_factory=set)

    @property
    def csv(self) -> str:
        return self.values.to_csv(index=False)


def metrics_table(sets: list[Judged], caption: str) -> Table:
    """Return one row a test set and one below for its certain and its uncertain labels."""
    rows, minor, flat = [], set(), []
    for judged in sets:
        parts = {"": judged.result} | {
            SUBSETS.get(k, k): v for k, v in judged.result.get("subsets", {}).items()
        }
        for part, result in parts.items():
            if part:
                minor.add(len(rows))
            name = Cell(part or judged.name, counts(result["classes"]), number=False)
            galaxies = Cell(f"{result['n']:,}")
            rows.append([name, galaxies, *(measured(result["metrics"][key]) for key in SHOWN)])
            flat.append(_flat(judged.name, part, result))
    head = ["Test set", "Galaxies", *SHOWN.values()]
    latex = _latex(head, rows, caption, "tab:metrics", minor)
    return Table("metrics", caption, head, rows, pd.DataFrame(flat), latex, minor)


def calibration_table(sets: list[Judged], caption: str) -> Table | None:
    """Return the errors of the probabilities before and after calibration, where there are both."""
    both = [judged for judged in sets if judged.raw]
    if not both:
        return None
    keys = {"ece": "ECE", "brier": "Brier", "accuracy": "Accuracy"}
    head = [
        "Test set",
        *(f"{name}, {when}" for name in keys.values() for when in ("raw", "calibrated")),
    ]
    rows, flat = [], []
    for judged in both:
        pairs = [(key, side) for key in keys for side in (judged.raw, judged.result)]
        cells = [measured(side["metrics"][key]) for key, side in pairs]
        rows.append([Cell(judged.name, number=False), *cells])
        flat.append(
            {"test_set": judged.name}
            | {
                f"{key}_{when}": side["metrics"][key]["value"]
                for key in keys
                for when, side in (("raw", judged.raw), ("calibrated", judged.result))
            }
        )
    latex = _latex(head, rows, caption, "tab:calibration")
    return Table("calibration", caption, head, rows, pd.DataFrame(flat), latex)


def lineage_table(told: list[dict[str, Any]], caption: str) -> Table:
    """Return one row a run: what it learnt from, and how it went."""
    head = [
        "Run",
        "Network",
        "Starts from",
        "Learnt from",
        "Validated on",
        "Epochs",
        "Val. loss",
        "Val. accuracy",
    ]
    rows, flat = [], []
    for run in told:
        result = run["result"]
        row = {
            "run": run["name"],
            "network": run["network"],
            "parent": run["parent"] or "random weights",
            "survey": run["survey"],
            "train": sum(run["train"].values()),
            "validation": sum(run["validation"].values()),
            "epochs": result["epochs"],
            "best_epoch": result["best_epoch"],
            "val_loss": result["val_loss"],
            "val_accuracy": result["val_accuracy"],
            "digest": run["digest"],
            "code": run["code"],
        }
        flat.append(row)
        rows.append(
            [
                Cell(row["run"], number=False),
                Cell(row["network"], number=False),
                Cell(row["parent"], number=False),
                Cell(f"{row['train']:,} {survey_name(row['survey'])}", counts(run["train"])),
                Cell(
                    f"{row['validation']:,} {survey_name(row['survey'])}",
                    counts(run["validation"]),
                ),
                Cell(str(row["epochs"]), f"best: {row['best_epoch']}"),
                Cell(_number(row["val_loss"])),
                Cell(_number(row["val_accuracy"])),
            ]
        )
    latex = _latex(head, rows, caption, "tab:runs")
    return Table("runs", caption, head, rows, pd.DataFrame(flat), latex)


def measured(found: dict[str, Any]) -> Cell:
    """Return a measure's cell: value, and its interval in small."""
    if found["value"] is None:
        return Cell("\N{EN DASH}", found["note"] or "")
    if (
        found["low"] == found["high"]
    ):  # all resamplings agree: an interval of no width tells nothing
        return Cell(_number(found["value"]))
    low, high = _number(found["low"]), _number(found["high"])
    return Cell(_number(found["value"]), f"{low}\N{EN DASH}{high}")


def counts(classes: dict[str, int]) -> str:
    """Return "516 spiral, 550 elliptical"."""
    return ", ".join(f"{n:,} {name}" for name, n in classes.items())


def _number(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.3f}"


def _flat(name: str, part: str, result: dict[str, Any]) -> dict[str, Any]:
    row = {"test_set": name, "part": part or "all", "n": result["n"]}
    row |= {f"n_{k}": v for k, v in result["classes"].items()}
    for key in SHOWN:
        found = result["metrics"][key]
        row |= {key: found["value"], f"{key}_low": found["low"], f"{key}_high": found["high"]}
    return row


def _latex(
    head: list[str],
    rows: list[list[Cell]],
    caption: str,
    label: str,
    minor: set[int] | None = None,
) -> str:
    """Return a table with booktabs rules; intervals stand as upper and lower errors."""
    kinds = "".join("r" if cell.number else "l" for cell in rows[0])
    lines = [
        r"\begin{table*}",
        rf"\caption{{{escaped(caption)}}}",
        rf"\label{{{label}}}",
        rf"\begin{{tabular}}{{{kinds}}}",
        r"\toprule",
        " & ".join(escaped(name) for name in head) + r" \\",
        r"\midrule",
    ]
    for place, row in enumerate(rows):
        indent = r"\quad " if place in (minor or ()) else ""
        lines.append(indent + " & ".join(_latex_cell(cell) for cell in row) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{table*}", ""]
    return "\n".join(lines)


def _latex_cell(cell: Cell) -> str:
    ends = cell.small.split("\N{EN DASH}")
    try:
        value, (low, high) = float(cell.text), map(float, ends)
    except (ValueError, TypeError):
        return escaped(cell.text.replace("\N{EN DASH}", "--"))
    return f"${cell.text}^{{+{high - value:.3f}}}_{{-{value - low:.3f}}}$"


def escaped(text: str) -> str:
    """Return text as LaTeX shows it."""
    made = "".join(ESCAPED.get(c, c) for c in text)
    for sign, tex in (
        ("\N{EN DASH}", "--"),
        ("\N{LEFT SINGLE QUOTATION MARK}", "`"),
        ("\N{RIGHT SINGLE QUOTATION MARK}", "'"),
        ("\N{MULTIPLICATION SIGN}", r"$\times$"),
    ):
        made = made.replace(sign, tex)
    return made
