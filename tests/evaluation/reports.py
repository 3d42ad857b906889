"""What tests of the report are made of: a run with its parent, predictions of two surveys, a page that is read."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd

from galcat_core import runs
from galcat_core.config import Config
from galcat_core.images.shards import plan_shards, write_units
from galcat_core.records import Predictions
from galcat_core.runs import Run
from galcat_core.stages import report


@contextlib.contextmanager
def make_pictures(_: object):
    """Open a maker for `write_units`: grey pictures whose brightness is the id's."""
    none = pd.DataFrame({"id": pd.Series([], dtype="int64"), "reason": pd.Series([], dtype=str)})

    def draw(rows: pd.DataFrame):
        shades = (rows["id"].to_numpy() % 200 + 20).astype(np.uint8)
        return np.broadcast_to(shades[:, None, None, None], (len(rows), 24, 24, 3)), rows, none

    yield draw


CONFIG = Config().replace(evaluate={"bootstrap": 40})


def begin(folder: Path, train: list[int], parent: Run | None = None) -> Run:
    """Make the folder of a finished run that learnt from some galaxies of SDSS."""
    samples = pd.DataFrame({"id": train, "label": ["elliptical", "spiral"] * (len(train) // 2)})
    samples = samples.assign(set="train", weight=1.0)
    samples.loc[samples.index[-4:], "set"] = "validation"
    info = {
        "classes": ["elliptical", "spiral"],
        "positive": "spiral",
        "survey": "sdss",
        "network": "ds18",
        "workers": 2,
        "code": "0.1.0",
        "store": {"path": "../sdss", "digest": "ab" * 32, "size_px": 24, "settings": {}},
        "samples": {
            "digest": "bb",
            "train": {"elliptical": len(train) // 2 - 2, "spiral": len(train) // 2 - 2},
            "validation": {"elliptical": 2, "spiral": 2},
            "rejected": {"blank picture": 3},
        },
        "parent": parent
        and {"name": parent.name, "digest": parent.digest, "path": f"../{parent.name}"},
    }
    run = runs.create(folder, CONFIG.replace(train={"epochs": 7}), info)
    samples.to_parquet(folder / "samples.parquet")
    history = {name: [0.6, 0.5, 0.4] for name in runs.HISTORY} | {"epoch": [1, 2, 3]}
    pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    runs.write_json(
        folder / "report.json",
        {"epochs": 3, "best_epoch": 2, "val_loss": 0.5, "val_accuracy": 0.5, "seconds": 9.0},
    )
    runs.seal(run, f"weights of {folder.name}")
    return run


def said(run: Run, ids: np.ndarray, seed: int, survey: str) -> Predictions:
    """Make predictions of a run, calibrated: raw ones are further out."""
    rng = np.random.default_rng(seed)
    raw = 1 / (1 + np.exp(-2 * rng.normal(np.where(ids % 2, 1.5, -1.5), 1.5)))
    probability = 0.5 + 0.8 * (raw - 0.5)
    table = pd.DataFrame({"id": ids, "p_elliptical": 1 - probability, "p_spiral": probability})
    table = table.assign(raw_p_elliptical=1 - raw, raw_p_spiral=raw, flags=0)
    table["predicted"] = np.where(probability >= 0.5, "spiral", "elliptical")
    table["run"] = f"{run.name}-{run.digest[:12]}"
    meta = {"classes": ["elliptical", "spiral"], "positive": "spiral", "survey": survey}
    return Predictions(table, None, meta)


def make_project(folder: Path) -> Path:
    """Make a run with its parent, predictions on two surveys' pictures of the same galaxies, stores."""
    first = begin(folder / "first", list(range(1, 41)))
    run = begin(folder / "run", list(range(31, 71)), first)
    ids = {"sdss": np.arange(65, 245), "des": np.arange(1065, 1245)}
    for seed, (survey, mine) in enumerate(ids.items()):
        found = said(run, mine, seed, survey)
        found.save(folder / f"{survey}.parquet")
        rows = pd.DataFrame({"id": mine, "ra_deg": 1.0, "dec_deg": 1.0, "width_arcsec": 20.0})
        rows = rows.assign(flags=0, masked_fraction=0.0)
        write_units(
            folder / f"{survey}_store",
            plan_shards(rows, 64),
            make_pictures,
            survey=survey,
            size_px=24,
            settings={},
            workers=1,
        )
        label = np.where(mine % 2, "spiral", "elliptical")
        table = pd.DataFrame(
            {"id": mine, "label": label, "certain": mine % 3 > 0, "r_mag": mine / 20}
        )
        table.to_csv(folder / f"{survey}.csv", index=False)
    pairs = pd.DataFrame({"left_id": ids["sdss"], "right_id": ids["des"]})
    pairs.to_csv(folder / "pairs.csv", index=False)
    return folder


def made(project: Path, out: Path, pictures: bool = True, **more) -> tuple[str, dict]:
    """Make the report of both surveys; return page and JSON."""
    names = {"SDSS test": "sdss", "DES test": "des"}
    report(
        project / "run",
        out,
        more.pop("config", CONFIG),
        sets=[f"{name}={project}/{survey}.parquet" for name, survey in names.items()],
        labels=[f"{name}={project}/{survey}.csv" for name, survey in names.items()],
        images=[f"{n}={project}/{survey}_store" for n, survey in names.items() if pictures],
        pairs=project / "pairs.csv",
        count=8,
        **more,
    )
    return out.read_text(), json.loads(out.with_suffix(".json").read_text())


class Page(HTMLParser):
    """The tags of a page, and the text of its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.headings: list[tuple[int, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        if "style" in self._open or "script" in self._open:
            return
        self.text += data
        if self._open and re.fullmatch("h[1-6]", self._open[-1]):
            level, told = self.headings[-1]
            self.headings[-1] = (level, told + data)


def download(text: str, name: str) -> bytes:
    """Return the content of a file that the page offers."""
    found = re.search(rf'download="{re.escape(name)}" href="data:[^;]*;base64,([^"]*)"', text)
    return base64.b64decode(found[1])
