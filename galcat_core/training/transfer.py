"""A run + galaxies of another survey -> the table of Dominguez Sanchez et al. 2019: four ways to bring it over."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.evaluation import metrics, plots, style
from galcat_core.files import write_text
from galcat_core.inference.look import fitted_digests
from galcat_core.inference.predicting import predict
from galcat_core.provenance import Provenance
from galcat_core.records import Predictions, Split
from galcat_core.tables import provenance_of, write_table
from galcat_core.training.fit import train

if TYPE_CHECKING:
    from galcat_core.images.store import CutoutStore
    from galcat_core.runs import Run

# arXiv:1807.00807, section 4.1: experiments (a) to (d). name: (what the table says, layers that
# learn or None, whether they start from the run's weights)
EXPERIMENTS: dict[str, tuple[str, str | None, bool]] = {
    "as_it_is": ("as it is", None, True),
    "all_layers": ("fine-tuned, all layers", "all", True),
    "dense_layers": ("fine-tuned, dense layers", "dense", True),
    "from_scratch": ("from scratch", "all", False),
}
COLUMNS = {
    "tpr": "recall",
    "precision": "precision",
    "accuracy": "accuracy",
    "f1": "f1",
    "auc": "roc_auc",
}


def transfer(
    run: Run,
    store: CutoutStore,
    split: Split,
    config: Config,
    out: str | Path,
    workers: int = 1,
    limit: int = 400,
    survey: str | None = None,
    provenance: Provenance | None = None,
) -> pd.DataFrame:
    """Bring a run to another survey in four ways, and judge each on that survey's test galaxies.

    As it is; fine-tuned on `limit` galaxies with all layers or the dense layers learning; and trained
    from scratch on the same galaxies. Killed at any moment it goes on where it was; what is done is
    not done again.

    Parameters
    ----------
    run : Run
        Trained on the first survey.
    store : CutoutStore
        Pictures of the other survey.
    split : Split
        Its `train` and `validation` galaxies of the other survey are learnt from, its labelled
        `test` galaxies are judged on.
    config : Config
        Sections `train`, `augment` and `evaluate`; fine-tuning takes `train.fine_tune_rate` and
        `train.fine_tune_epochs`.
    out : str or Path
        Folder: a run for each training, `predictions/NAME.parquet` of the test galaxies,
        `transfer.csv`, `metrics.json`, and `roc.png` and `.pdf`.
    workers : int
    limit : int
        Training galaxies of the other survey, 0 for all. The validation set shrinks in proportion.
    survey : str, optional
        The other survey (default: the store's).
    provenance : Provenance, optional
        Kept in the runs.

    Returns
    -------
    pandas.DataFrame
        One row an experiment: `experiment`, `run`, `ntrain`, `ntest`, `npos` (of the test galaxies),
        `tpr`, `precision`, `accuracy`, `f1`, `auc`, and for each of these `NAME_low`, `NAME_high`.

    Raises
    ------
    GalcatError
        As `fit.train`; or no labelled test galaxy has a picture.
    """
    out, survey = Path(out), survey or store.survey
    labels = labels_to_judge(split, store, survey)
    rows, results = [], {}
    for name, (told, layers, from_run) in EXPERIMENTS.items():
        judged = run
        if layers is not None:
            judged = train(
                out / name,
                store,
                split,
                _settings(config, run, layers, limit),
                workers,
                survey,
                parent=run if from_run else None,
                provenance=provenance,
            )
        predictions = predicted(judged, store, labels, out / "predictions" / f"{name}.parquet")
        result = metrics.evaluate(predictions, labels, config.evaluate)
        results[told] = result
        learnt = 0 if layers is None else sum(judged.info["samples"]["train"].values())
        rows.append({"experiment": told, "run": judged.name, **figures_of(result, learnt)})
    table = pd.DataFrame(rows)
    write_table(table, out / "transfer.csv")
    write_text(out / "metrics.json", metrics.to_json(results))
    style.save(plots.roc(results), out / "roc")
    return table


def _settings(config: Config, run: Run, layers: str, limit: int) -> Config:
    """Return the settings of one training; network and positive class are the run's in all of them."""
    same = {"network": run.network, "input_px": run.config.train.input_px, "positive": run.positive}
    return config.replace(train={"layers": layers, "limit": limit, **same})


def labels_to_judge(split: Split, store: CutoutStore, survey: str) -> pd.DataFrame:
    """Return `id`, `label`, `certain` of the test galaxies that have label and picture."""
    rows = split.rows(survey, "test")
    rows = rows[rows["label"].notna() & rows["id"].isin(store.ids)]
    if not len(rows):
        raise GalcatError(
            f"no labelled test galaxy of survey '{survey}' has a picture in {store.path}; give the "
            "store and the split of the same catalogue, with labels"
        )
    return rows[["id", "label", "certain"]].reset_index(drop=True)


def predicted(run: Run, store: CutoutStore, labels: pd.DataFrame, path: Path) -> Predictions:
    """Predict the test galaxies, or load what was predicted by the same run on the same pictures."""
    ids = np.sort(labels["id"].to_numpy())
    fitted = fitted_digests(run.folder)
    inputs = {"run": run.digest, "store": store.digest, **fitted}
    asked = hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()
    work = Provenance("transfer", inputs, {"ids": asked})
    if work.same_work(provenance_of(path)):
        return Predictions.load(path)
    found = predict(run, store, ids)
    found = Predictions(found.table, work, found.meta)
    found.save(path)
    return found


def figures_of(result: dict[str, Any], learnt: int) -> dict[str, Any]:
    """Return the figures of one experiment."""
    row = {
        "ntrain": learnt,
        "ntest": result["n"],
        "npos": result["classes"][result["positive"]],
    }
    measured = result["metrics"]
    row |= {column: measured[name]["value"] for column, name in COLUMNS.items()}
    for column, name in COLUMNS.items():
        row |= {f"{column}_{end}": measured[name][end] for end in ("low", "high")}
    return row
