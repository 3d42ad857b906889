"""A run or several + a store of pictures -> Predictions and Embedding, the same bytes each time."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed
from galcat_core.evaluation import calibration
from galcat_core.evaluation.metrics import predicted_index
from galcat_core.images.store import CutoutStore
from galcat_core.inference.look import (
    Found,
    Size,
    calibration_of,
    entropy_of,
    look,
    mean_of,
)
from galcat_core.inference.parts import in_parts, unit_of
from galcat_core.progress import bar
from galcat_core.provenance import Provenance
from galcat_core.records import Embedding, Predictions
from galcat_core.runs import Run, members
from galcat_core.sections import Cutouts, Harmonise
from galcat_core.tables import check_ids, format_of

Runs = Run | str | Path | Sequence[Run | str | Path]
BATCH = 64
# settings of a store that do not change what a galaxy looks like, or belong to its survey
NO_RECIPE = {"shard_rows", "zero_point", "renderings"}
RECIPE = {f.name for kind in (Cutouts, Harmonise) for f in dataclasses.fields(kind)} - NO_RECIPE


def predict(
    run: Runs,
    store: CutoutStore,
    ids: Any = None,
    batch_size: int = BATCH,
    progress: bool = True,
    any_recipe: bool = False,
    **looks: Any,
) -> Predictions:
    """Give each galaxy the probability of each class.

    Parameters
    ----------
    run : Run or path, or sequence of them
        Finished. Several, or one that others are packed with, are an ensemble: the mean of their
        calibrated probabilities.
    store : CutoutStore
    ids : array_like, optional
        Which galaxies, in the order of the result; all of the store, if not given.
    batch_size : int
        Pictures the network sees at once. It changes the speed, and the network's own probabilities
        by less than 1e-6.
    progress : bool
        Show a bar.
    any_recipe : bool
        Accept pictures that were rendered otherwise than those the run learnt from.
    **looks
        What else is looked at, as in `inference.look.Size`: `turned` (bool: test-time augmentation,
        the mean over the eight turned and mirrored pictures), `passes` and `seed` (Monte Carlo
        dropout), `calibration` (a survey's, or "none"; default: see `Calibrations.of`),
        `percentile` (of `domain_distance`, above which a galaxy is `out_of_domain`; 99).

    Returns
    -------
    Predictions
        `id`, `p_CLASS` (float32) for each class, `predicted`, `flags` (of the picture), `run` (its
        name and the start of its digest). Of a calibrated run also `raw_p_CLASS`, the network's own;
        of several runs or with dropout `epistemic` and `aleatoric` (nats); of a run that knows its
        domain `domain_distance` (percentage of its validation galaxies that lie nearer to its training
        galaxies, the mean over the runs) and `out_of_domain`. The same galaxies give the same bytes, in
        whatever order they are asked for.

    Raises
    ------
    GalcatError
        The run is missing or not finished; its pictures were rendered otherwise; an id is not in
        the store, stands twice, or there is none; runs of other classes, or one given twice.

    Notes
    -----
    With members m (the runs, or each run's passes with dropout) that say p_m, H the entropy,
    `aleatoric` is the mean of H(p_m), what remains however sure the networks are of themselves, and
    `epistemic` is H(mean p_m) minus that: the mutual information between class and network, how much
    they disagree (Depeweg et al. 2018, arXiv:1710.07283; Smith & Gal 2018, arXiv:1803.08533).
    """
    return predict_and_embed(run, store, ids, batch_size, progress, any_recipe, **looks)[0]


def embed(
    run: Runs,
    store: CutoutStore,
    ids: Any = None,
    batch_size: int = BATCH,
    progress: bool = True,
    any_recipe: bool = False,
) -> Embedding:
    """Give each galaxy the features of the (first) run's embedding layer; all else as `predict`."""
    run = _checked(run, store, batch_size, any_recipe)[:1]
    return predict_and_embed(run, store, ids, batch_size, progress, any_recipe)[1]


def predict_and_embed(
    run: Runs,
    store: CutoutStore,
    ids: Any = None,
    batch_size: int = BATCH,
    progress: bool = True,
    any_recipe: bool = False,
    **looks: Any,
) -> tuple[Predictions, Embedding]:
    """Return probabilities and features (of the first run) of the same pass; all else as `predict`."""
    runs = _checked(run, store, batch_size, any_recipe)
    rows = _rows(store, ids)
    by_place = np.argsort(rows, kind="stable")  # shard after shard, whatever the order asked
    size = Size.of(len(rows), batch_size, features=True, **looks)
    _check_calibration(runs, store, size)
    found = []
    total = len(rows) * size.looks * len(runs)
    unit = unit_of(total // len(rows))
    with bar(total, "Predicting", unit, disable=not progress) as shown:
        for each in runs:
            made = look(each, store, rows[by_place], size, tell=shown.update)
            found.append(made.take(np.argsort(by_place, kind="stable")))
    embedding = _embedding(runs[0], store, rows, found[0])
    return _predictions(runs, store, rows, found, size), embedding


def predict_to(
    path: str | Path,
    run: Runs,
    store: CutoutStore,
    ids: Any = None,
    batch_size: int = BATCH,
    *,
    embedding: str | Path | None = None,
    workers: int = 1,
    part_rows: int | None = None,
    provenance: Provenance | None = None,
    progress: bool = True,
    any_recipe: bool = False,
    **looks: Any,
) -> Predictions:
    """Predict into a file, part by part: killed at any moment it goes on with the part in hand.

    Finished parts lie in PATH.parts/ until the whole is written; the file has the bytes that
    `predict` followed by `save` gives.

    Parameters
    ----------
    path : str or Path
        Of the table of Predictions, in a format of `tables.FORMATS`.
    run, store, ids, batch_size, progress, any_recipe, **looks
        As `predict`.
    embedding : str or Path, optional
        Write the Embedding of the same pass (of the first run) here.
    workers : int
        Processes that share the parts, here or on the nodes of the Slurm job that this process is;
        each has a network, cores and a GPU of its own. The bytes are the same, however many they are,
        and another call with more or fewer of them goes on with the parts that are there.
    part_rows : int, optional
        Pictures in a part, rounded up to whole batches (default: see `Size.of`).
    provenance : Provenance, optional
        Kept in the files.

    Returns
    -------
    Predictions

    Raises
    ------
    GalcatError
        As `predict`; or another process is making the same file, no worker is left, or the disk is
        full.
    """
    runs = _checked(run, store, batch_size, any_recipe)
    for file in (path, *([embedding] if embedding is not None else [])):
        format_of(file)
    rows = _rows(store, ids)
    features = embedding is not None
    size = Size.of(len(rows), batch_size, part_rows, features=features, **looks)
    _check_calibration(runs, store, size)
    with in_parts(path, runs, store, rows, size, workers, progress) as found:
        if embedding is not None:
            embedded = _embedding(runs[0], store, rows, found[0])
            dataclasses.replace(embedded, provenance=provenance).save(embedding)
        predictions = _predictions(runs, store, rows, found, size)
        predictions = dataclasses.replace(predictions, provenance=provenance)
        predictions.save(path)
    return predictions


def embed_to(
    path: str | Path,
    run: Runs,
    store: CutoutStore,
    ids: Any = None,
    batch_size: int = BATCH,
    *,
    workers: int = 1,
    part_rows: int | None = None,
    provenance: Provenance | None = None,
    progress: bool = True,
    any_recipe: bool = False,
) -> Embedding:
    """Write the features of the (first) run into a file part by part; all else as `predict_to`."""
    run = _checked(run, store, batch_size, any_recipe)[0]
    format_of(path)
    rows = _rows(store, ids)
    size = Size.of(len(rows), batch_size, part_rows, features=True)
    with in_parts(path, [run], store, rows, size, workers, progress) as found:
        embedding = _embedding(run, store, rows, found[0])
        embedding = dataclasses.replace(embedding, provenance=provenance)
        embedding.save(path)
    return embedding


def _checked(run: Runs, store: CutoutStore, batch_size: int, any_recipe: bool) -> list[Run]:
    """Return the runs, finished and made for pictures such as the store's, or say what is wrong."""
    given = [run] if isinstance(run, Run | str | Path) else list(run)
    named = [one if isinstance(one, Run) else Run.open(one) for one in given]
    folders = {one.folder for one in named}
    # those who predict together may come one by one already
    runs = [m for one in named for m in members(one) if m is one or m.folder not in folders]
    if not runs:
        raise GalcatError("no run is given to predict with; name one or several")
    if batch_size < 1:
        raise GalcatError(f"batch size {batch_size}: at least 1 is legal")
    for place, one in enumerate(runs):
        one.digest  # noqa: B018  tells of an unfinished run
        if one.digest in [other.digest for other in runs[:place]]:
            raise GalcatError(f"{one.folder}: this run is given twice; name each run once")
        if (one.classes, one.positive) != (runs[0].classes, runs[0].positive):
            raise GalcatError(
                f"{one.folder} tells {listed(one.classes)} apart, {runs[0].folder} "
                f"{listed(runs[0].classes)}; give runs of the same classes"
            )
        if not any_recipe:
            check_recipe(one, store)
    return runs


def _check_calibration(runs: list[Run], store: CutoutStore, size: Size) -> None:
    """Say that a calibration is not there before anything is looked at."""
    for run in runs:
        calibration_of(run, store.survey, size.calibration)


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


def _meta(runs: list[Run], store: CutoutStore) -> dict[str, Any]:
    meta = {"survey": store.survey, "run_digest": _digest(runs), "store_digest": store.digest}
    return meta | ({"members": [run_label(run) for run in runs]} if len(runs) > 1 else {})


def _digest(runs: list[Run]) -> str:
    if len(runs) == 1:
        return runs[0].digest
    return hashlib.sha256("\n".join(run.digest for run in runs).encode()).hexdigest()


def _predictions(
    runs: list[Run], store: CutoutStore, rows: np.ndarray, found: list[Found], size: Size
) -> Predictions:
    """Return the table of what one run or an ensemble found."""
    classes, positive = runs[0].classes, runs[0].positive
    fitted = [calibration_of(run, store.survey, size.calibration) for run in runs]
    calibrated = any((run.folder / calibration.FILE).is_file() for run in runs)
    calibrated &= size.calibration != "none"
    threshold = float(np.mean([each.threshold for _, each in fitted]))
    probability = mean_of([each.calibrated for each in found])
    table = pd.DataFrame({"id": store.ids[rows]})
    for place, name in enumerate(classes):
        table[f"p_{name}"] = probability[:, place]
    if calibrated:
        raw = mean_of([each.raw for each in found])
        for place, name in enumerate(classes):
            table[f"raw_p_{name}"] = raw[:, place]
    said = predicted_index(probability, classes.index(positive), threshold)
    table["predicted"] = np.array(classes, object)[said]
    if len(runs) > 1 or size.passes:
        table["epistemic"], table["aleatoric"] = _uncertainty(found, size)
    if all(each.distance.shape[1] for each in found):
        far = mean_of([each.distance[:, 0] for each in found])
        table["domain_distance"], table["out_of_domain"] = far, far > size.percentile
    table["flags"] = store.table["flags"].to_numpy()[rows]
    table["run"] = run_label(runs[0]) if len(runs) == 1 else f"ensemble-{_digest(runs)[:12]}"
    meta = {"classes": classes, "positive": positive, **_meta(runs, store)}
    if calibrated:
        told = [{"survey": name, "method": each.method} for name, each in fitted]
        meta |= {"calibration": told, "threshold": threshold}
    return Predictions(table, meta=meta)


def _uncertainty(found: list[Found], size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Return epistemic and aleatoric part, (N,) each, float32, nats (see `predict`)."""
    if size.passes:
        members = [each.sampled for each in found]
        aleatoric = np.mean([each.entropy[:, 0] for each in found], axis=0, dtype=float)
    else:
        members = [each.calibrated for each in found]
        aleatoric = np.mean([entropy_of(each) for each in members], axis=0)
    total = entropy_of(np.mean(members, axis=0, dtype=float))
    epistemic = np.maximum(total - aleatoric, 0)  # below 0 by rounding only
    return epistemic.astype(np.float32), aleatoric.astype(np.float32)


def _embedding(run: Run, store: CutoutStore, rows: np.ndarray, found: Found) -> Embedding:
    names = [f"feature_{i}" for i in range(found.features.shape[1])]
    table = pd.DataFrame(found.features, columns=names)
    table.insert(0, "id", store.ids[rows])
    table.insert(1, "run", run_label(run))
    return Embedding(table, meta=_meta([run], store))
