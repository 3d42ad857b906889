"""Judging predictions by labels, on files: evaluate, choose a threshold."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.files import write_text
from galcat_core.provenance import Provenance, digests
from galcat_core.stages.work import folder_made_already, mark_folder, need, say, settings, spared
from galcat_core.tables import read_table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Predictions
    from galcat_core.runs import Run


def evaluate(
    predictions: str | Path,
    out: str | Path,
    config: Config,
    *,
    split: str | Path | None = None,
    set_name: str = "test",
    survey: str | None = None,
    labels: str | Path | None = None,
    id_column: str = "id",
    label_column: str = "label",
    images: str | Path | None = None,
    force: bool = False,
) -> dict:
    """Measure predictions against labels; write metrics.json and plots into a folder."""
    _check_source(split, labels)
    out, predictions = spared(out), need(predictions, "file", "make it with galcat predict")
    given = [predictions, *(need(p, "file", "give a table") for p in (split, labels) if p)]
    given += [need(images, "store", "make it with galcat cutouts")] if images else []
    chosen = {"set": set_name, "survey": survey, "id": id_column, "label": label_column}
    work = Provenance("evaluate", digests(*given), settings(config.evaluate, **chosen))
    if folder_made_already(out, work, force):
        return json.loads((out / "metrics.json").read_text())
    from galcat_core.evaluation.metrics import evaluate as measure
    from galcat_core.evaluation.report import report
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Predictions

    told = Predictions.load(predictions)
    truth = labels_of(told, split, set_name, survey, labels, id_column, label_column)
    store = CutoutStore.open(images) if images else None
    truth = _with_columns(truth, config.evaluate.bin_by, store)
    judged = dataclasses.replace(told, table=told.table[told.table["id"].isin(truth["id"])])
    if store is not None and not judged.table["id"].isin(store.ids).any():
        raise GalcatError(f"{images}: none of the galaxies that are judged has a picture in there")
    result = measure(judged, truth, config.evaluate)
    report(out, result, judged, truth, store=store)
    mark_folder(out, work)
    _show(result, predictions.name.split(".")[0])
    return result


def _show(result: dict, name: str) -> None:
    """Print what was measured, beside the progress."""
    from galcat_core.results import bins_tables, evaluation_table, probability_table, show

    held = probability_table({name: result}, "How well the probabilities hold")
    tables = [evaluation_table({name: result}, "The predictions against the labels")]
    show(*tables, *([held] if held is not None else []), *bins_tables(result), aside=True)


def threshold(
    predictions: str | Path,
    config: Config,
    *,
    split: str | Path | None = None,
    set_name: str = "test",
    survey: str | None = None,
    labels: str | Path | None = None,
    id_column: str = "id",
    label_column: str = "label",
    purity: float | None = None,
    completeness: float | None = None,
    name: str | None = None,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Choose a threshold by labels; print a table on standard error and JSON on standard output."""
    from galcat_core.evaluation.thresholds import choose
    from galcat_core.records import Predictions
    from galcat_core.results import show, threshold_table

    told = Predictions.load(need(predictions, "file", "make it with galcat predict"))
    truth = labels_of(told, split, set_name, survey, labels, id_column, label_column)
    if out is not None:
        spared(out, predictions, split, labels)
    found = choose(
        told,
        truth,
        purity=purity,
        completeness=completeness,
        name=name,
        settings=config.evaluate,
    )
    show(threshold_table(found), aside=True)
    text = json.dumps(found, indent=1) + "\n"
    print(text, end="", flush=True)
    if out is not None:
        write_text(out, text)
    return found


def labels_of(
    told: Predictions,
    split: str | Path | None,
    set_name: str,
    survey: str | None,
    labels: str | Path | None,
    id_column: str,
    label_column: str,
) -> pd.DataFrame:
    """Return the labels of predicted galaxies, of a split's set or of a table."""
    _check_source(split, labels)
    if split:
        return split_labels(split, told.ids, set_name, survey)
    return table_labels(Path(labels), id_column, label_column, told)


def _check_source(split: str | Path | None, labels: str | Path | None) -> None:
    if (split is None) == (labels is None):
        raise GalcatError("say where the labels come from: --split TABLE, or --labels TABLE")


def split_labels(
    split: str | Path, ids: np.ndarray, set_name: str, survey: str | None
) -> pd.DataFrame:
    """Return a set's rows that have a label and are among `ids`."""
    from galcat_core.records import Split

    sets = Split.load(need(split, "file", "make it with galcat split"))
    there = sorted(sets.table["survey"].unique())
    if survey is not None and survey not in there:
        raise GalcatError(
            f"{split}: no galaxy of survey '{survey}'; there are {listed(there)}."
            f"{nearest(survey, there)}"
        )
    rows = sets.rows(survey, set_name)
    rows = rows[rows["label"].notna() & rows["id"].isin(ids)]
    if not len(rows):
        raise GalcatError(
            f"{split}: no labelled galaxy of set '{set_name}' is among those looked at; name another "
            f"set with --set ({listed(Split.SETS)}), or predict those galaxies"
        )
    return rows


def table_labels(
    path: Path,
    id_column: str,
    label_column: str,
    told: Predictions | Run,
) -> pd.DataFrame:
    """Return the rows of a table whose label is a class that is known, as `id`, `label` and the rest."""
    table, _ = read_table(need(path, "file", "give a table with ids and labels"))
    for name, flag in ((id_column, "--id-column"), (label_column, "--label-column")):
        if name not in table:
            raise GalcatError(
                f"{path}: no column '{name}'; there are {listed(table.columns, 30)}: name it with "
                f"{flag}.{nearest(name, table.columns)}"
            )
    named = {id_column: "id", label_column: "label"}
    other = [c for c in ("id", "label") if c not in named]  # another column of that name
    found = table.drop(columns=other, errors="ignore").rename(columns=named)
    known = found["label"].isin(told.classes)
    if not known.any():
        raise GalcatError(
            f"{path}: none of {len(found)} rows has a label of {listed(told.classes)}; in column "
            f"'{label_column}' stand {listed(sorted(found['label'].dropna().astype(str).unique()), 5)}"
        )
    if not known.all():
        say(
            f"{int((~known).sum())} rows of {path} have no label of {listed(told.classes)}: not counted"
        )
    return found[known]


def _with_columns(
    labels: pd.DataFrame, columns: Sequence[str], store: CutoutStore | None
) -> pd.DataFrame:
    """Return the labels with columns that the store has and they have not."""
    missing = [name for name in columns if name not in labels]
    if store is None or not missing:
        return labels
    there = [name for name in missing if name in store.table]
    return labels.merge(store.table[["id", *there]], on="id", how="left")
