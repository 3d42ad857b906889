"""Project folders for the tests of the first page: half-way, with networks, jobs, reports and broken files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from synthetic_projects import draw_galaxies, make_project

from galcat_core.config import Config
from galcat_core.images.shards import write_store
from galcat_core.provenance import Provenance
from galcat_core.records import Catalog

PAGE = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="generator" content="galcat 0.1.0+gtest">\n<title>{title}</title>\n</head>\n'
    "<body><h1>{title}</h1>{body}</body></html>\n"
)


def write_report(path: Path, title: str, body: str = "") -> Path:
    """Write a page as `galcat report` does, its numbers beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PAGE.format(title=title, body=body))
    path.with_suffix(".json").write_text(json.dumps({"provenance": {"stage": "report"}}))
    return path


def write_catalogue(path: Path, survey: str, number: int = 60) -> Path:
    """Write a survey's catalogue."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"id": np.arange(1, number + 1, dtype=np.int64)})
    table["ra_deg"], table["dec_deg"] = rng.uniform(20, 40, number), rng.uniform(-10, 2, number)
    Catalog(table, Provenance("select", code="test"), {"survey": survey}).save(path)
    return path


def write_pictures(folder: Path, survey: str, number: int = 40) -> Path:
    """Write a cutout store."""
    rng = np.random.default_rng(5)
    images = draw_galaxies(rng, np.linspace(0, 1, number), 32)
    table = pd.DataFrame({"id": np.arange(1, number + 1, dtype=np.int64), "width_arcsec": 16.0})
    write_store(folder, images, table, survey=survey)
    return folder


def write_network(
    folder: Path,
    survey: str = "sdss",
    accuracy: float = 0.9,
    epochs: int = 4,
    finished: bool = True,
    parent: str | None = None,
    digest: str = "0123456789ab",
) -> Path:
    """Write what the pages read of a run."""
    folder.mkdir(parents=True)
    Config().replace(train={"epochs": 9}).save(folder / "config.toml")
    info = {"survey": survey, "network": "ds18", "classes": ["elliptical", "spiral"]}
    info |= {"positive": "spiral", "workers": 1, "store": {"path": f"../../cutouts/{survey}"}}
    info |= {"parent": {"name": parent} if parent else None, "samples": {}}
    (folder / "run.json").write_text(json.dumps(info))
    rising = accuracy - 0.05 * np.arange(epochs)[::-1]
    columns = {"epoch": range(1, epochs + 1), "val_accuracy": rising, "val_loss": 1 - rising}
    pd.DataFrame(columns).to_csv(folder / "history.csv", index=False)
    if finished:
        report = {"epochs": epochs, "val_accuracy": accuracy, "best_epoch": epochs}
        (folder / "report.json").write_text(json.dumps(report))
        (folder / "DIGEST").write_text(digest + "f" * 52)
    return folder


def write_scores(folder: Path, run: str, digest: str, accuracy: float) -> None:
    """Write the figures of `galcat evaluate`."""
    folder.mkdir(parents=True)
    measures = {
        name: {"value": accuracy, "low": accuracy - 0.04, "high": accuracy + 0.03}
        for name in ("accuracy", "roc_auc", "f1")
    }
    told = {"n": 372, "metrics": measures, "run": [f"{run}-{digest}"]}
    (folder / "metrics.json").write_text(json.dumps(told))


def make_whole(folder: Path) -> Path:
    """Make a project that has all there is: a map, twins, networks with scores, two reports."""
    make_project(folder, 400, 30, size_px=48)
    write_catalogue(folder / "catalogs/des.parquet", "des")
    write_network(folder / "runs/sdss", accuracy=0.91, digest="aaaaaaaaaaaa")
    all_layers = folder / "transfer/all_layers"
    write_network(all_layers, "des", 0.88, parent="sdss", digest="bbbbbbbbbbbb")
    write_network(folder / "runs/begun", epochs=2, finished=False)
    write_scores(folder / "report/sdss_test", "sdss", "aaaaaaaaaaaa", 0.87)
    write_scores(folder / "report/des_test", "all_layers", "bbbbbbbbbbbb", 0.93)
    write_report(folder / "report.html", "SDSS & DES <compared>".replace("<", "&lt;"))
    write_report(folder / "reports/second.html", "A second one")
    return folder
