r"""The recipe for real galaxies: SDSS pictures in, scores on SDSS and DES galaxies never seen out.

`python -m benchmarks.real -o real` makes two tables of the real data and then does what these do:

  galcat cutouts --pictures DATA/images --table real/sdss.csv --survey sdss -o real/sdss --config configs/real.toml
  galcat split real/sdss -o real/split.parquet --config configs/real.toml
  galcat train real/sdss --split real/split.parquet -o real/run --config configs/real.toml
  galcat train real/sdss --split real/split.parquet -o real/run2 --config configs/real_imagenet.toml
  galcat predict --images DATA/pairs/des --table real/pairs.csv --run real/run --run real/run2 \
    -o real/pairs_des.parquet
  galcat evaluate real/pairs_des.parquet --labels real/pairs.csv --id-column file -o real/pairs_des

Nothing of the pairs is used but to score; no galaxy of the sky where the surveys overlap is learnt.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galcat_core import stages
from galcat_core.config import Config
from galcat_core.evaluation.metrics import evaluate
from galcat_core.files import write_text
from galcat_core.records import Predictions, Split
from galcat_core.tables import write_table

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("GALCAT_REAL_DATA", "") or HERE.parents[1] / "shared" / "data" / "real")
RECIPE = HERE.parent / "configs" / "real.toml"
RUNS = {"run": RECIPE, "run2": RECIPE.with_name("real_imagenet.toml")}  # they predict together
WANTED = {  # (set, subset, measure) -> what to reach
    ("SDSS", "all", "accuracy"): 0.95,
    ("SDSS", "certain", "accuracy"): 0.98,
    ("DES pairs", "all", "roc_auc"): 0.95,
    ("DES pairs", "certain", "roc_auc"): 0.998,
    ("DES pairs", "certain", "accuracy"): 0.985,
}
ROUND = 0.5  # axis ratio above which a disk is not seen edge-on
MEASURES = ("accuracy", "roc_auc", "ece")


def main(
    quick: bool = False, out: str | Path = "real", workers: int = 1, box: bool = False
) -> list[dict[str, Any]]:
    """Train by the recipe, or take the model in the box, and judge; return one row a score.

    The note of a row is its interval.
    """
    out = Path(out)
    config = _recipe(RECIPE, quick)
    write_table(sdss_table(DATA), out / "sdss.csv")
    write_table(pairs_table(DATA), out / "pairs.csv")
    stages.cutouts(
        out / "sdss", config, pictures=DATA / "images", table=out / "sdss.csv", survey="sdss"
    )
    stages.split([out / "sdss"], out / "split.parquet", config)
    for name, recipe in {} if box else RUNS.items():
        told = _recipe(recipe, quick)
        stages.train(out / "sdss", out / "split.parquet", out / name, told, workers)
    judged = _judged(out, config, None if box else [out / name for name in RUNS])
    found = {name: evaluate(*of, config.evaluate) for name, of in judged.items()}
    write_text(out / "scores.json", json.dumps(found, indent=1, sort_keys=True) + "\n")
    return [row for name, result in found.items() for row in _rows(name, result)]


def _recipe(path: Path, quick: bool) -> Config:
    config = Config.load(path)
    if not quick:
        return config
    short = {"limit": 300, "epochs": 2, "stage_epochs": [1, 1][: len(config.train.stage_epochs)]}
    return config.replace(train=short, evaluate={"bootstrap": 100})


def sdss_table(data: Path) -> pd.DataFrame:
    """Return the SDSS pictures: file (below images/), label, certain, ra, dec, source.

    Galaxy Zoo's labels are the largest raw vote, doubtful ones too: what volunteers make of a picture
    is what a picture can teach, and how many of them say "spiral" ranks galaxies nearly as the
    votes corrected for faintness and size do (AUC 0.98 over `galaxy_zoo1_votes`).
    Galaxy Zoo's "spiral" holds the disks seen edge-on; its "elliptical" most lenticulars. Irregulars,
    mergers, edge-on lenticulars and what voters did not know are neither. Galaxies within 10 arcsec
    of any in the SDSS-DES overlap, or with the id of one, are left out: transfer is judged on them.
    """
    images = data / "images"
    zoo = pd.read_csv(images / "sdss_gz1.csv").assign(source="sdss_gz1")
    zoo["label"] = zoo["gz1_class"].map(
        {"elliptical": "elliptical"}
        | dict.fromkeys(("edge_on", "spiral_cw", "spiral_acw"), "spiral")
    )
    zoo["certain"] = zoo["high_certainty_label"].notna()
    zoo = zoo[~zoo["sdss_objid"].isin(_overlap_ids(data))]
    spirals = pd.read_csv(images / "sdss_spirals.csv").assign(source="sdss_spirals")
    ngc = pd.read_csv(images / "sdss_ngc.csv").assign(source="sdss_ngc")
    ngc["label"] = ngc["hubble_class"].where(ngc["hubble_class"].isin(["elliptical", "spiral"]))
    # voters take a lenticular for an elliptical (103 of the 109 sure ones), unless it is edge-on
    round_disk = ngc["minor_axis_arcmin"] > ROUND * ngc["major_axis_arcmin"]
    ngc.loc[(ngc["hubble_class"] == "lenticular") & round_disk, "label"] = "elliptical"
    rows = pd.concat([zoo, spirals, ngc], ignore_index=True)
    rows = rows[rows["label"].notna() & ~_in_overlap(rows, data)]
    rows["file"] = rows["source"] + "/" + rows["file"]
    rows["certain"] = rows["certain"].eq(True)
    columns = ["file", "label", "certain", "ra", "dec", "source"]
    return rows[columns].reset_index(drop=True)


def _overlap_ids(data: Path) -> set[int]:
    catalogs = data / "catalogs"
    ids = set(pd.read_csv(catalogs / "sdss_des_overlap.csv.gz", usecols=["objid"])["objid"])
    for name in ("full_overlap", "high_probability"):
        ids |= set(pd.read_csv(catalogs / f"expected_{name}_pairs.csv.gz")["SDSS_OBJID"])
    return ids | set(pd.read_csv(data / "pairs" / "pairs.csv")["SDSS_OBJID"])


def _in_overlap(rows: pd.DataFrame, data: Path, arcsec: float = 10.0) -> pd.Series:
    from scipy.spatial import cKDTree

    overlap = pd.read_csv(data / "catalogs" / "sdss_des_overlap.csv.gz", usecols=["ra", "dec"])
    placed = rows["ra"].notna()
    near, _ = cKDTree(on_sphere(overlap)).query(on_sphere(rows[placed]))
    inside = pd.Series(False, index=rows.index)
    inside[placed] = near < np.radians(arcsec / 3600)
    return inside


def on_sphere(table: pd.DataFrame) -> np.ndarray:
    ra, dec = np.radians(table["ra"].to_numpy()), np.radians(table["dec"].to_numpy())
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


def pairs_table(data: Path) -> pd.DataFrame:
    """Return file, label (the larger debiased vote) and certain (that vote is 0.8 or more)."""
    pairs = pd.read_csv(data / "pairs" / "pairs.csv")
    certain = pairs[["P_EL_DEBIASED", "P_CS_DEBIASED"]].max(axis=1) >= 0.8
    return pairs[["file", "label"]].assign(certain=certain)


def _judged(
    out: Path, config: Config, runs: list[Path] | None
) -> dict[str, tuple[Predictions, pd.DataFrame]]:
    """Predict what is judged, with the model in the box if no runs are named.

    Returns predictions and labels by name.
    """
    told = Predictions.load(
        stages.predict(out / "sdss", out / "sdss_predictions.parquet", run=runs)
    )
    test = tested(pd.read_csv(out / "sdss.csv"), Split.load(out / "split.parquet"))
    # only Galaxy Zoo's own pictures are labelled by votes, as the galaxies of the pairs are
    judged = {"SDSS": _only(told, test[test["id"].str.startswith("sdss_gz1/")])}
    judged["SDSS, all sources"] = _only(told, test.drop(columns="certain"))
    labels = pairs_table(DATA).rename(columns={"file": "id"})
    for side in ("sdss", "des"):
        path = stages.predict(DATA / "pairs" / side, out / f"pairs_{side}.parquet", run=runs)
        judged[f"{side.upper()} pairs"] = _only(Predictions.load(path), labels)
    return judged


def tested(table: pd.DataFrame, split: Split) -> pd.DataFrame:
    """Return id, label and certain of the test set."""
    rows = split.rows("sdss")
    table = table.rename(columns={"file": "id"})[["id", "label", "certain"]]
    return table[table["id"].isin(rows.loc[rows["set"] == "test", "id"])].reset_index(drop=True)


def _only(told: Predictions, labels: pd.DataFrame) -> tuple[Predictions, pd.DataFrame]:
    import dataclasses

    return dataclasses.replace(told, table=told.table[told.table["id"].isin(labels["id"])]), labels


def _rows(name: str, result: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for subset, part in {"all": result, **result["subsets"]}.items():
        if subset not in ("all", "certain"):
            continue
        for measure in MEASURES:
            score = part["metrics"][measure]
            interval = (
                f"{score['low']:.3f} to {score['high']:.3f}" if score["low"] is not None else ""
            )
            rows.append(
                {
                    "what": f"{name}, {subset}: {measure}",
                    "galcat": score["value"],
                    "wanted": WANTED.get((name, subset, measure)),
                    "note": f"{part['n']} galaxies, {interval}",
                }
            )
    return rows


if __name__ == "__main__":
    from benchmarks.__main__ import markdown

    parser = argparse.ArgumentParser(prog="python -m benchmarks.real", description=__doc__)
    parser.add_argument("-o", "--out", default="real", help="folder of the project (default real)")
    parser.add_argument("--workers", type=int, default=1, help="processes that train")
    parser.add_argument(
        "--box", action="store_true", help="train nothing: judge the model in the box"
    )
    parser.add_argument("--quick", action="store_true", help="few galaxies: does it run at all?")
    args = parser.parse_args()
    print(markdown(main(args.quick, args.out, args.workers, args.box)))
