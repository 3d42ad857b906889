"""Judging predictions by labels, on files: evaluate, choose a threshold."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.files import write_text
from galcat_core.provenance import Provenance, digests
from galcat_core.stages.labels import check_source, labels_of, with_columns
from galcat_core.stages.work import folder_made_already, mark_folder, need, settings, spared

if TYPE_CHECKING:
    pass


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
    check_source(split, labels)
    out, predictions = spared(out), need(predictions, "file", "make it with galcat predict")
    given = [predictions, *(need(p, "file", "give a table") for p in (split, labels) if p)]
    given += [need(images, "store", "make it with galcat cutouts")] if images else []
    chosen = {"set": set_name, "survey": survey, "id": id_column, "label": label_column}
    work = Provenance("evaluate", digests(*given), settings(config.evaluate, **chosen))
    if folder_made_already(out, work, force):
        return json.loads((out / "metrics.json").read_text())
    from galcat_core.evaluation.figures import draw
    from galcat_core.evaluation.metrics import evaluate as measure
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Predictions

    told = Predictions.load(predictions)
    truth = labels_of(told, split, set_name, survey, labels, id_column, label_column)
    store = CutoutStore.open(images) if images else None
    truth = with_columns(truth, config.evaluate.bin_by, store)
    judged = dataclasses.replace(told, table=told.table[told.table["id"].isin(truth["id"])])
    if store is not None and not judged.table["id"].isin(store.ids).any():
        raise GalcatError(f"{images}: none of the galaxies that are judged has a picture in there")
    result = measure(judged, truth, config.evaluate)
    draw(out, result, judged, truth, store=store)
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
