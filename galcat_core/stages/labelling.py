"""Labelling on files: predict, embed, evaluate."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.provenance import Provenance, digests
from galcat_core.stages.work import made_already, need, save, say
from galcat_core.tables import format_of, read_table

if TYPE_CHECKING:
    import pandas as pd

    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Predictions


def predict(
    images: str | Path,
    out: str | Path,
    *,
    run: str | Path | None = None,
    split: str | Path | None = None,
    set_name: str | None = None,
    batch_size: int = 64,
    force: bool = False,
    **table: str | Path | None,
) -> Path:
    """Give the galaxies of a store, or of a folder of pictures, their probabilities; write Predictions."""
    from galcat_core.runs import Run

    out, run = Path(out), Run.open(_default_run(run))
    format_of(out)
    store = _store(images, run, out, table)
    given = [run.folder, store.path, *([split] if split else [])]
    work = Provenance("predict", digests(*given), {"set": set_name})
    if made_already(out, work, force):
        return out
    from galcat_core.inference import predict_to

    made = predict_to(
        out, run, store, ids=_ids(store, split, set_name), batch_size=batch_size, provenance=work
    )
    counts = ", ".join(f"{n} {name}" for name, n in made.table["predicted"].value_counts().items())
    say(f"{len(made)} galaxies ({counts}): {out}")
    return out


def embed(
    images: str | Path,
    out: str | Path,
    *,
    run: str | Path | None = None,
    split: str | Path | None = None,
    set_name: str | None = None,
    batch_size: int = 64,
    force: bool = False,
    **table: str | Path | None,
) -> Path:
    """Extract the features of the galaxies of a store or a folder; write an Embedding."""
    from galcat_core.runs import Run

    out, run = Path(out), Run.open(_default_run(run))
    format_of(out)
    store = _store(images, run, out, table)
    given = [run.folder, store.path, *([split] if split else [])]
    work = Provenance("embed", digests(*given), {"set": set_name})
    if made_already(out, work, force):
        return out
    from galcat_core.inference import embed as extract

    made = extract(run, store, ids=_ids(store, split, set_name), batch_size=batch_size)
    save(made, out, work)
    say(f"{made.features.shape[1]} features of {len(made)} galaxies: {out}")
    return out


def _ids(store: CutoutStore, split: str | Path | None, set_name: str | None):
    """Return the ids of a set that have a picture; those without are told."""
    if split is None:
        return None
    from galcat_core.records import Split

    rows = Split.load(need(split, "file", "make it with galcat split")).rows(store.survey, set_name)
    wanted = rows["id"]
    have = wanted.isin(store.ids)
    if not have.any():
        raise GalcatError(
            f"{split}: no galaxy of {store.survey} in set '{set_name}' has a picture in {store.path}"
        )
    if not have.all():
        say(
            f"{int((~have).sum())} galaxies of the set have no picture (see {store.path}/rejects.parquet)"
        )
    return wanted[have].to_numpy()


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
) -> dict:
    """Measure predictions against labels; write metrics.json and plots into a folder."""
    from galcat_core.evaluation.metrics import evaluate as measure
    from galcat_core.evaluation.report import report
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Predictions

    if (split is None) == (labels is None):
        raise GalcatError("say where the labels come from: --split TABLE, or --labels TABLE")
    told = Predictions.load(need(predictions, "file", "make it with galcat predict"))
    truth = (
        _split_labels(split, told, set_name, survey)
        if split
        else _table_labels(Path(labels), id_column, label_column, told)
    )
    judged = dataclasses.replace(told, table=told.table[told.table["id"].isin(truth["id"])])
    result = measure(judged, truth, config.evaluate)
    report(out, result, judged, truth, store=CutoutStore.open(images) if images else None)
    return result


def _split_labels(
    split: str | Path, told: Predictions, set_name: str, survey: str | None
) -> pd.DataFrame:
    from galcat_core.records import Split

    sets = Split.load(need(split, "file", "make it with galcat split"))
    rows = sets.rows(survey, set_name)
    rows = rows[rows["label"].notna() & rows["id"].isin(told.table["id"])]
    if not len(rows):
        raise GalcatError(
            f"{split}: no labelled galaxy of set '{set_name}' is in the predictions; name another set "
            f"with --set ({listed(Split.SETS)}) or predict those galaxies"
        )
    return rows


def _table_labels(path: Path, id_column: str, label_column: str, told: Predictions) -> pd.DataFrame:
    table, _ = read_table(path)
    for name in (id_column, label_column):
        if name not in table:
            raise GalcatError(
                f"{path}: no column '{name}'; there are {listed(table.columns, 30)}."
                f"{nearest(name, table.columns)}"
            )
    found = table[[id_column, label_column]].set_axis(["id", "label"], axis=1)
    return found[found["label"].isin(told.classes)]
