"""The five experiments of Dominguez Sanchez et al. 2019 on one question -> their table beside the published one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from galcat_core.config import Config
from galcat_core.evaluation import metrics
from galcat_core.provenance import Provenance
from galcat_core.training import ds19_published as published
from galcat_core.training.fit import train
from galcat_core.training.transfer import figures_of, labels_to_judge, predicted, transfer

if TYPE_CHECKING:
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Split

FEWEST = 20  # galaxies to train on, however small the scale


def experiments(
    question: str,
    source: CutoutStore,
    target: CutoutStore,
    split: Split,
    config: Config,
    out: str | Path,
    scale: float = 1.0,
    workers: int = 1,
    provenance: Provenance | None = None,
) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    """Train and judge the experiments 0, a, b, c and d of one question.

    Killed at any moment it goes on where it was; runs that are finished are not trained again.

    Parameters
    ----------
    question : str
        A key of `ds19_published.QUESTIONS`.
    source, target : CutoutStore
        Pictures of SDSS and of DES.
    split : Split
        Of both surveys, labelled by the question's classes.
    config : Config
        See `ds19_published.settings`; class weights and numbers of galaxies are the question's.
    out : str or Path
        Folder: the run `sdss`, the runs of `training.transfer` in `des`.
    scale : float
        Times the paper's numbers of training galaxies.
    workers : int
    provenance : Provenance, optional
        Kept in the runs.

    Returns
    -------
    table : pandas.DataFrame
        One row an experiment: `question`, `letter`, `experiment`, then the columns of
        `transfer.figures_of`, then `published_NAME` for `ntrain`, `ntest`, `npos`, `tpr`,
        `precision`, `accuracy`, and `published_note`.
    results : dict of str to dict
        Letter -> what `metrics.evaluate` returned.

    Raises
    ------
    GalcatError
        As `fit.train` and `transfer.transfer`.
    """
    out, asked = Path(out), published.QUESTIONS[question]
    config = config.replace(
        train={"positive": asked.positive, "class_weights": asked.class_weights}
    )
    first = config.replace(train={"limit": scaled(asked.train, scale)})
    run = train(out / "sdss", source, split, first, workers, provenance=provenance)
    labels = labels_to_judge(split, source, source.survey)
    found = predicted(run, source, labels, out / "predictions" / "sdss.parquet")
    own = metrics.evaluate(found, labels, config.evaluate)
    learnt = sum(run.info["samples"]["train"].values())
    limit = scaled(asked.fine_tune, scale)
    moved = transfer(run, target, split, config, out / "des", workers, limit, provenance=provenance)
    judged = json.loads((out / "des" / "metrics.json").read_text())
    results = {"sdss": own, **judged}
    figures = {"sdss": figures_of(own, learnt)}
    figures |= {row.pop("experiment"): row for row in moved.drop(columns="run").to_dict("records")}
    beside = published.rows(question)
    rows = [
        {"question": question, "letter": letter, "experiment": told, **figures[name]}
        | {f"published_{key}": value for key, value in beside[letter].items()}
        for letter, (told, name) in published.EXPERIMENTS.items()
    ]
    return pd.DataFrame(rows), {
        letter: results[name] for letter, (_, name) in published.EXPERIMENTS.items()
    }


def scaled(galaxies: int, scale: float) -> int:
    """Return the number of training galaxies at a scale."""
    return max(round(galaxies * scale), FEWEST)
