r"""Adapting the model in the box to a few labelled pictures of another survey: what it gains, cross-validated.

`python -m benchmarks.finetune -o finetune` parts the galaxies of the SDSS-DES pairs into five folds
and does for each what these do, with the labels of the other four:

  galcat finetune DATA/pairs/des --table FOLD/learn.csv --id-column file --survey des -o FOLD/run
  galcat predict DATA/pairs/des --table FOLD/judge.csv --id-column file --run FOLD/run -o FOLD/told.parquet

Every galaxy is judged once, by a network that has seen neither it nor its twin. A second call goes on
where the first was stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from benchmarks.real import DATA, on_sphere, pairs_table
from galcat_core import stages
from galcat_core.config import Config
from galcat_core.evaluation.measures import Scored, bootstrap, with_intervals
from galcat_core.evaluation.metrics import join
from galcat_core.files import write_text
from galcat_core.records import Predictions
from galcat_core.runs import BOX, ENSEMBLE
from galcat_core.stages.finetuning import settings
from galcat_core.tables import write_table

FOLDS = 5
SAME_ARCSEC = 10.0  # closer pictures show one galaxy
MEASURES = {"accuracy": "accuracy", "roc_auc": "ROC AUC", "ece": "ECE"}
HEAD = ("galaxies", "number", "network", *MEASURES.values())


def main(
    out: str | Path, side: str = "des", seed: int = 1, config: Config | None = None
) -> list[dict[str, Any]]:
    """Cross-validate; return one row for each network and set of galaxies.

    Parameters
    ----------
    out : path
    side : str
        Whose pictures: "des" or "sdss".
    seed : int
        Of the folds, and of the trainings.
    config : Config, optional
        Default: what `galcat finetune` takes.
    """
    out, images = Path(out) / f"{side}-{seed}", DATA / "pairs" / side
    table = pairs_table(DATA).assign(galaxy=galaxies(DATA))
    table["fold"] = parted(table, FOLDS, seed)
    write_table(table, out / "pairs.csv")
    config = (config or settings()).replace(train={"seed": seed})
    told = {
        "the network, as it is": as_it_is(images, out),
        "all networks of the box": box(images, out),
    }
    told["fine-tuned"] = pooled(
        [adapted(images, table, fold, out / f"fold{fold}", config, side) for fold in range(FOLDS)]
    )
    labels = table.rename(columns={"file": "id"})[["id", "label", "certain"]]
    rows = judged(told, labels, config)
    write_text(out / "scores.json", json.dumps(rows, indent=1) + "\n")
    return rows


def galaxies(data: Path) -> np.ndarray:
    """Return a number for each pair, (N,): the same for pictures of one galaxy."""
    pairs = pd.read_csv(data / "pairs" / "pairs.csv")
    places = on_sphere(pairs.rename(columns={"sdss_ra": "ra", "sdss_dec": "dec"}))
    links = [cKDTree(places).query_pairs(np.radians(SAME_ARCSEC / 3600), output_type="ndarray")]
    for name in ("SDSS_OBJID", "DES_COADD_OBJECT_ID"):
        code = pd.factorize(pairs[name])[0]
        first = pd.Series(np.arange(len(pairs))).groupby(code).transform("first").to_numpy()
        links.append(np.stack([np.arange(len(pairs)), first], axis=1))
    one, two = np.concatenate(links).T
    linked = coo_array((np.ones(len(one)), (one, two)), shape=(len(pairs), len(pairs)))
    return connected_components(linked, directed=False)[1]


def parted(table: pd.DataFrame, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each row, (N,): classes and certain labels spread alike, a galaxy in one."""
    from sklearn.model_selection import StratifiedGroupKFold

    kind = table["label"] + table["certain"].astype(str)
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold = np.full(len(table), -1)
    for number, (_, held) in enumerate(parts.split(table, kind, table["galaxy"])):
        fold[held] = number
    return fold


def adapted(
    images: Path, table: pd.DataFrame, fold: int, out: Path, config: Config, survey: str
) -> Predictions:
    """Fine-tune on the other folds, predict this one."""
    here = table["fold"] == fold
    write_table(table.loc[~here, ["file", "label"]], out / "learn.csv")
    write_table(table.loc[here, ["file"]], out / "judge.csv")
    named = {"id_column": "file", "survey": survey}
    run = stages.finetune(images, out / "run", config, table=out / "learn.csv", **named)
    path = stages.predict(
        images, out / "told.parquet", run=run.folder, table=out / "judge.csv", id_column="file"
    )
    return Predictions.load(path)


def as_it_is(images: Path, out: Path) -> Predictions:
    """Predict with the network that is adapted, the first in the box, alone."""
    alone = out / "network"
    if not (alone / "run.json").is_file():
        shutil.copytree(
            BOX,
            alone,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns(ENSEMBLE, "member*", "run.json"),
        )
        shutil.copyfile(BOX / "run.json", alone / "run.json")  # last: now it is whole
    return Predictions.load(stages.predict(images, out / "as_it_is.parquet", run=alone))


def box(images: Path, out: Path) -> Predictions:
    """Predict as `galcat predict` does where no run is named."""
    return Predictions.load(stages.predict(images, out / "box.parquet"))


def pooled(parts: list[Predictions]) -> Predictions:
    """Return the predictions of all folds as one."""
    table = pd.concat([part.table for part in parts], ignore_index=True)
    return dataclasses.replace(parts[0], table=table)


def judged(
    told: dict[str, Predictions], labels: pd.DataFrame, config: Config
) -> list[dict[str, Any]]:
    """Measure on all and on the certain galaxies; of other networks the difference to the first too."""
    rows = []
    subsets = {"all": labels["label"].notna(), "certain": labels["certain"]}
    for subset, keep in subsets.items():
        base = None
        for name, predictions in told.items():
            scored = scored_of(predictions, labels[keep], config)
            found = with_intervals(scored, config.evaluate)
            drawn = bootstrap(scored, config.evaluate)  # the same galaxies are drawn for each
            base = base or (found, drawn)
            rows.append(
                {"galaxies": subset, "number": len(scored.truth), "network": name}
                | {key: found[key] for key in MEASURES}
                | {f"{key}_gained": _gained(key, (found, drawn), base, config) for key in MEASURES}
            )
    return rows


def scored_of(predictions: Predictions, labels: pd.DataFrame, config: Config) -> Scored:
    """Return truth and probabilities in the order of the labels' ids."""
    kept = predictions.table[predictions.table["id"].isin(labels["id"])].sort_values("id")
    table, _ = join(dataclasses.replace(predictions, table=kept), labels)
    table = table.sort_values("id")
    classes = predictions.classes
    place = {name: number for number, name in enumerate(classes)}
    truth, said = (table[name].map(place).to_numpy() for name in ("label", "predicted"))
    probability = table[f"p_{predictions.positive}"].to_numpy(float)
    at = classes.index(predictions.positive)
    return Scored(truth, said, probability, at, config.evaluate.bins)


def _gained(key: str, mine: tuple, base: tuple, config: Config) -> list[float]:
    """Return the difference to the first network and its interval, galaxies drawn in pairs."""
    tail = (1 - config.evaluate.confidence) / 2
    apart = mine[1][key] - base[1][key]
    ends = np.nanquantile(apart, [tail, 1 - tail])
    return [float(x) for x in (mine[0][key]["value"] - base[0][key]["value"], *ends)]


def markdown(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [f"| {' | '.join(HEAD)} |", f"| {' | '.join('---' for _ in HEAD)} |"]
    for row in rows:
        cells = [row["galaxies"], str(row["number"]), row["network"]]
        for key in MEASURES:
            found = row[key]
            cells.append(f"{found['value']:.3f} ({found['low']:.3f}-{found['high']:.3f})")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.finetune", description=__doc__)
    parser.add_argument("-o", "--out", default="finetune", help="folder (default finetune)")
    parser.add_argument("--side", choices=("des", "sdss"), default="des", help="whose pictures")
    parser.add_argument("--seed", type=int, default=1, help="of the folds and the trainings")
    args = parser.parse_args()
    print(markdown(main(args.out, args.side, args.seed)))
