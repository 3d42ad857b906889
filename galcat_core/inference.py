"""A run + a store of pictures -> Predictions and Embedding, from one pass, nothing random in it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galcat_core.config import Cutouts, Harmonise
from galcat_core.errors import GalcatError, listed
from galcat_core.evaluation.metrics import predicted_index
from galcat_core.images.store import CutoutStore
from galcat_core.inference_network import Outputs, joined, network_of
from galcat_core.inference_parts import PART_ROWS, Size, in_parts
from galcat_core.progress import bar
from galcat_core.provenance import Provenance
from galcat_core.records import Embedding, Predictions
from galcat_core.runs import Run
from galcat_core.tables import check_ids, format_of

BATCH = 64
# settings of a store that do not change what a galaxy looks like, or belong to its survey
NO_RECIPE = {"shard_rows", "zero_point"}
RECIPE = {f.name for kind in (Cutouts, Harmonise) for f in dataclasses.fields(kind)} - NO_RECIPE


def predict(
    run: Run | str | Path,
    store: CutoutStore,
    ids: Any = None,
    batch_size: int = BATCH,
    progress: bool = True,
    any_recipe: bool = False,
) -> Predictions:
    """Give each galaxy the probability of each class.

    Parameters
    ----------
    run : Run or path
        Finished.
    store : CutoutStore
    ids : array_like, optional
        Which galaxies, in the order of the result; all of the store, if not given.
    batch_size : int
        Pictures the network sees at once. It changes the speed, and the probabilities by less than
        1e-6.
    progress : bool
        Show a bar.
    any_recipe : bool
        Accept pictures that were rendered otherwise than those the run learnt from.

    Returns
    -------
    Predictions
        `id`, `p_CLASS` (float32) for each class, `predicted`, `flags` (of the picture), `run` (its
        name and the start of its digest). The same galaxies give the same bytes, in whatever order
        they are asked for.

    Raises
    ------
    GalcatError
        The run is missing or not finished; its pictures were rendered otherwise; an id is not in
        the store, stands twice, or there is none.
    """
    return predict_and_embed(run, store, ids, batch_size, progress, any_recipe)[0]


def embed(
    run: Run | str | Path,
    store: CutoutStore,
    ids: Any = None,
    batch_size: int = BATCH,
    progress: bool = True,
    any_recipe: bool = False,
) -> Embedding:
    """Give each galaxy the features of the network's embedding layer; all else as `predict`."""
    return predict_and_embed(run, store, ids, batch_size, progress, any_recipe)[1]


def predict_and_embed(
    run: Run | str | Path,
    store: CutoutStore,
    ids: Any = None,
    batch_size: int = BATCH,
    progress: bool = True,
    any_recipe: bool = False,
) -> tuple[Predictions, Embedding]:
    """Return probabilities and features of the same pass; all else as `predict`."""
    run = _checked(run, store, batch_size, any_recipe)
    rows = _rows(store, ids)
    by_place = np.argsort(rows, kind="stable")  # shard after shard, whatever the order asked
    network = network_of(run.folder, run.digest, min(batch_size, len(rows)))
    parts = []
    with bar(len(rows), "Predicting", "galaxies", disable=not progress) as shown:
        for part in network.outputs(store, rows[by_place]):
            parts.append(part)
            shown.update(len(part.features))
    outputs = joined(parts).take(np.argsort(by_place, kind="stable"))
    return _predictions(run, store, rows, outputs), _embedding(run, store, rows, outputs)


def predict_to(
    path: str | Path,
    run: Run | str | Path,
    store: CutoutStore,
    ids: Any = None,
    batch_size: int = BATCH,
    *,
    embedding: str | Path | None = None,
    workers: int = 1,
    part_rows: int = PART_ROWS,
    provenance: Provenance | None = None,
    progress: bool = True,
    any_recipe: bool = False,
) -> Predictions:
    """Predict into a file, part by part: killed at any moment it goes on with the part in hand.

    Finished parts lie in PATH.parts/ until the whole is written; the file has the bytes that
    `predict` followed by `save` gives.

    Parameters
    ----------
    path : str or Path
        Of the table of Predictions, in a format of `tables.FORMATS`.
    run, store, ids, batch_size, progress, any_recipe
        As `predict`.
    embedding : str or Path, optional
        Write the Embedding of the same pass here.
    workers : int
        Processes that share the parts; each has a network of its own.
    part_rows : int
        Pictures in a part, rounded up to whole batches.
    provenance : Provenance, optional
        Kept in the files.

    Returns
    -------
    Predictions

    Raises
    ------
    GalcatError
        As `predict`; or another process is making the same file, or the disk is full.
    """
    run = _checked(run, store, batch_size, any_recipe)
    for file in (path, *([embedding] if embedding is not None else [])):
        format_of(file)
    rows = _rows(store, ids)
    size = Size(min(batch_size, len(rows)), part_rows, features=embedding is not None)
    with in_parts(path, run, store, rows, size, workers, progress) as found:
        if embedding is not None:
            embedded = _embedding(run, store, rows, found)
            dataclasses.replace(embedded, provenance=provenance).save(embedding)
        predictions = _predictions(run, store, rows, found)
        predictions = dataclasses.replace(predictions, provenance=provenance)
        predictions.save(path)
    return predictions


def embed_to(
    path: str | Path,
    run: Run | str | Path,
    store: CutoutStore,
    ids: Any = None,
    batch_size: int = BATCH,
    *,
    workers: int = 1,
    part_rows: int = PART_ROWS,
    provenance: Provenance | None = None,
    progress: bool = True,
    any_recipe: bool = False,
) -> Embedding:
    """Write the features into a file part by part; all else as `predict_to`."""
    run = _checked(run, store, batch_size, any_recipe)
    format_of(path)
    rows = _rows(store, ids)
    size = Size(min(batch_size, len(rows)), part_rows, features=True)
    with in_parts(path, run, store, rows, size, workers, progress) as found:
        embedding = _embedding(run, store, rows, found)
        embedding = dataclasses.replace(embedding, provenance=provenance)
        embedding.save(path)
    return embedding


def _checked(run: Run | str | Path, store: CutoutStore, batch_size: int, any_recipe: bool) -> Run:
    """Return the run, finished and made for pictures such as the store's, or say what is wrong."""
    run = run if isinstance(run, Run) else Run.open(run)
    if batch_size < 1:
        raise GalcatError(f"batch size {batch_size}: at least 1 is legal")
    run.digest  # noqa: B018  tells of an unfinished run
    if not any_recipe:
        check_recipe(run, store)
    return run


def check_recipe(run: Run, store: CutoutStore) -> None:
    """Refuse pictures that were rendered otherwise than those the run learnt from.

    Raises
    ------
    GalcatError
        Naming the settings that differ.
    """
    learnt, here = (run.info.get("store") or {}).get("settings") or {}, store.settings
    if not learnt or not here:
        return  # pictures of unknown making
    differ = sorted(k for k in RECIPE & {*learnt, *here} if learnt.get(k) != here.get(k))
    if differ:
        told = [
            f"{k} was {learnt.get(k, 'absent')!r}, is {here.get(k, 'absent')!r}" for k in differ
        ]
        raise GalcatError(
            f"{store.path}: its pictures were made otherwise than those that {run.folder} learnt "
            f"from ({listed(told, 4)}); make them anew with those settings, or accept them as they "
            "are (--any-recipe)"
        )


def _rows(store: CutoutStore, ids: Any) -> np.ndarray:
    """Return the store's rows of the ids asked, (n,), int64, each once."""
    if ids is None:
        return np.arange(len(store))
    asked = check_ids(pd.Series(ids), "ids to predict")
    if not len(asked):
        raise GalcatError(
            "no id was given to predict; give some, or none at all for the whole store"
        )
    return store.rows_of(asked.to_numpy())


def run_label(run: Run) -> str:
    """Return what stands in the `run` column: the run's name and the start of its digest."""
    return f"{run.name}-{run.digest[:12]}"


def _meta(run: Run, store: CutoutStore) -> dict[str, Any]:
    return {"survey": store.survey, "run_digest": run.digest, "store_digest": store.digest}


def _predictions(run: Run, store: CutoutStore, rows: np.ndarray, found: Outputs) -> Predictions:
    classes = run.classes
    table = pd.DataFrame({"id": store.ids[rows]})
    for place, name in enumerate(classes):
        table[f"p_{name}"] = found.probability[:, place]
    said = predicted_index(found.probability, classes.index(run.positive), 0.5)
    table["predicted"] = np.array(classes, object)[said]
    table["flags"] = store.table["flags"].to_numpy()[rows]
    table["run"] = run_label(run)
    meta = {"classes": classes, "positive": run.positive, **_meta(run, store)}
    return Predictions(table, meta=meta)


def _embedding(run: Run, store: CutoutStore, rows: np.ndarray, found: Outputs) -> Embedding:
    names = [f"feature_{i}" for i in range(found.features.shape[1])]
    table = pd.DataFrame(found.features, columns=names)
    table.insert(0, "id", store.ids[rows])
    table.insert(1, "run", run_label(run))
    return Embedding(table, meta=_meta(run, store))
