"""Trainings that differ in one ingredient of configs/real.toml, cut down: their pictures, and how they are judged.

`benchmarks.ablation` and `benchmarks.missing` share the runs: in one folder nothing is trained twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks import real
from galcat_core import stages
from galcat_core.config import Config
from galcat_core.evaluation.measures import Scored, bootstrap, with_intervals
from galcat_core.evaluation.metrics import join
from galcat_core.images.harmonise import harmonise
from galcat_core.images.rerender import draw, rerender
from galcat_core.records import Predictions
from galcat_core.runs import Run
from galcat_core.sections import Evaluate
from galcat_core.tables import write_table

GALAXIES = 4000  # of the SDSS pictures, drawn by SEED
SEED = 1
MISSING = {"missing_pixels": 0.4, "missing_band_rate": 0.2}
CUT = {  # what differs from configs/real.toml
    "pictures": {"renderings": 1},
    "split": {"validation": 0.15, "test": 0.2},
    "train": {"epochs": 6, "patience": 6},
    "augment": MISSING,
}
QUICK = {
    "pictures": {"renderings": 1},
    "split": {"validation": 0.2, "test": 0.2, "duplicate_arcsec": 0.0},
    "train": {"network": "ds18", "epochs": 1, "batch_size": 16},  # is traced sooner than resnet12
    "augment": MISSING,
    "evaluate": {"bootstrap": 50},
}
INGREDIENTS: dict[str, dict[str, dict[str, Any]]] = {  # what is changed to be without it
    "the whole recipe": {},
    "no missing data": {"augment": {"missing_pixels": 0.0, "missing_band_rate": 0.0}},
    "no other surveys' looks": {"augment": {"renderings": 0.0}},
    # other looks rest on the galaxy that harmonising finds: without it there are none
    "no harmonised pictures": {"pictures": {"harmonise": False, "renderings": 0}},
    "no rotation": {"augment": {"rotation_deg": 0.0, "flip": False}},
    "no blur, no noise": {"augment": {"blur_px": 0.0, "noise": 0.0}},
    "no stretch": {"augment": {"gamma": 0.0, "colour": 0.0}},
    "no zoom, no shift": {"augment": {"zoom": [1.0, 1.0], "shift": 0.0}},
    "no cosine, no weight decay": {"train": {"schedule": "plateau", "weight_decay": 0.0}},
}
WHOLE, NO_LOSS = "the whole recipe", "no missing data"
MEASURES = {"accuracy": "Accuracy", "roc_auc": "ROC AUC"}


@dataclass(frozen=True)
class Trials:
    """A folder of trainings and what they learn from and are judged on.

    Attributes
    ----------
    out : Path
    config : Config
        The whole recipe, cut down.
    pictures : Path
        Folder of the SDSS-side pictures.
    table : pandas.DataFrame
        `file` (below `pictures`), `label`, `certain` and more (see `real.sdss_table`).
    pairs : dict of str to Path
        Folder of the pictures of the same other galaxies, by survey.
    pair_labels : pandas.DataFrame
        `id` (file in both folders), `label`, `certain`.
    """

    out: Path
    config: Config
    pictures: Path
    table: pd.DataFrame
    pairs: dict[str, Path]
    pair_labels: pd.DataFrame

    def without(self, ingredient: str, seed: int) -> Config:
        """Return the settings of a training."""
        return self.config.replace(**INGREDIENTS[ingredient]).replace(train={"seed": seed})

    def store(self, config: Config) -> Path:
        """Make the pictures that a training learns from, once for all that share them."""
        folder = self.out / ("pictures" if config.pictures.harmonise else "unharmonised")
        write_table(self.table, self.out / "sdss.csv")
        given = {"pictures": self.pictures, "table": self.out / "sdss.csv", "survey": "sdss"}
        stages.cutouts(folder, config, **given)
        return folder

    def split(self) -> Path:
        """Draw the sets, the same for all trainings."""
        path = self.out / "split.parquet"
        stages.split([self.store(self.config)], path, self.config)
        return path

    def run(self, ingredient: str, seed: int) -> Run:
        """Train without an ingredient, or find the run that has ended."""
        config = self.without(ingredient, seed)
        return stages.train(self.store(config), self.split(), self.folder(ingredient, seed), config)

    def folder(self, ingredient: str, seed: int) -> Path:
        """Return the run's folder: "no blur, no noise" -> runs/no_blur_no_noise-1."""
        return self.out / "runs" / f"{_slug(ingredient)}-{seed}"

    def judged(self, ingredient: str, seed: int) -> dict[str, Scored]:
        """Return what a run says of its validation galaxies and of the pairs, by set."""
        run = self.run(ingredient, seed)
        config = self.without(ingredient, seed)
        out = self.out / "predictions" / run.name
        path = stages.predict(
            self.store(config), out / "validation.parquet", run=run.folder, split=self.split(),
            set_name="validation",
        )  # fmt: skip
        truth = self.table.rename(columns={"file": "id"})[["id", "label"]]
        found = {"SDSS validation": scored(Predictions.load(path), truth)}
        sure = self.pair_labels[self.pair_labels["certain"]]
        for survey, folder in self.pairs.items():
            path = stages.predict(
                folder, out / f"{survey}.parquet", run=run.folder,
                batch_size=min(64, len(self.pair_labels)),
            )  # fmt: skip
            told = Predictions.load(path)
            found[f"{survey.upper()} pairs, certain"] = scored(told, sure)
            found[f"{survey.upper()} pairs, all"] = scored(told, self.pair_labels)
        return found


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name).replace("__", "_")


def real_trials(out: str | Path) -> Trials:
    """Return the trials on the real SDSS pictures and the SDSS-DES pairs."""
    table = real.sdss_table(real.DATA)
    table = table.sample(n=min(GALAXIES, len(table)), random_state=SEED).sort_index()
    labels = real.pairs_table(real.DATA).rename(columns={"file": "id"})
    pairs = {survey: real.DATA / "pairs" / survey for survey in ("des", "sdss")}
    config = Config.load(real.RECIPE).replace(**CUT)
    return Trials(
        Path(out), config, real.DATA / "images", table.reset_index(drop=True), pairs, labels
    )


def simulated_trials(out: str | Path, galaxies: int = 80, pairs: int = 16) -> Trials:
    """Draw galaxies and return trials on them; the DES side is theirs in another survey's look."""
    out = Path(out)
    folders = {name: out / "drawn" / name for name in ("images", "sdss", "des")}
    files = [f"{number:04d}.png" for number in range(galaxies + pairs)]
    labels = ["elliptical" if number % 2 else "spiral" for number in range(len(files))]
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    for number, (file, label) in enumerate(zip(files, labels, strict=True)):
        random = np.random.default_rng([SEED, number])
        picture = galaxy(random, label)
        if number < galaxies:
            Image.fromarray(picture).save(folders["images"] / file)
            continue
        other = rerender(picture, harmonise(picture), draw(random), number)
        for survey, shown in (("sdss", picture), ("des", other)):
            Image.fromarray(shown).save(folders[survey] / file)
    table = pd.DataFrame({"file": files, "label": labels}).assign(certain=True)
    config = Config.load(real.RECIPE).replace(**QUICK)
    sides = {survey: folders[survey] for survey in ("des", "sdss")}
    of_pairs = table[galaxies:].rename(columns={"file": "id"})[["id", "label", "certain"]]
    return Trials(out, config, folders["images"], table[:galaxies], sides, of_pairs)


def galaxy(random: np.random.Generator, label: str, size: int = 96) -> np.ndarray:
    """Draw a galaxy as a colour picture would show it, (size, size, 3), uint8."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    angle = random.uniform(0, np.pi)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    radius = np.hypot(u, v / random.uniform(0.6, 1)) / size
    light = np.exp(-radius / 0.07)[..., None] * np.array([1.0, 0.85, 0.6])
    if label == "spiral":
        arms = np.cos(2 * np.arctan2(v, u) - 40 * radius) > 0.2
        disk = np.exp(-radius / 0.16) * (0.3 + 0.7 * arms)
        light = 0.4 * light + 0.6 * disk[..., None] * np.array([0.7, 0.8, 1.0])
    return np.clip(200 * light + random.normal(12, 4, light.shape), 0, 255).astype(np.uint8)


def scored(told: Predictions, labels: pd.DataFrame) -> Scored:
    """Put labels beside the network's own probabilities, sorted by id, ready to be measured.

    Not the calibrated ones: each run chooses its own calibration, which would be a second difference.
    """
    table, _ = join(told, labels)
    truth = (table["label"] == told.positive).to_numpy(np.int64)
    column = f"p_{told.positive}"
    own = f"raw_{column}"
    probability = table[own if own in table else column].to_numpy(float)
    return Scored(truth, (probability >= 0.5).astype(np.int64), probability, 1, Evaluate().bins)


def cell(found: Scored, measure: str, settings: Evaluate) -> str:
    """Return a measure and its interval: "0.788 (0.673-0.904)"."""
    score = with_intervals(found, settings)[measure]
    if score["value"] is None:
        return "none"
    return f"{score['value']:.3f} ({score['low']:.3f}-{score['high']:.3f})"


def change(of: Scored, against: Scored, measure: str, settings: Evaluate) -> str:
    """Return how much better one run is than another on the same galaxies: "+0.010 (-0.020-+0.040)".

    Both are resampled together, so that what is common to them (how hard the drawn galaxies are)
    does not widen the interval.
    """
    if not np.array_equal(of.truth, against.truth):
        raise ValueError("the two were judged on different galaxies")
    apart = bootstrap(of, settings)[measure] - bootstrap(against, settings)[measure]
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(apart, [tail, 1 - tail])
    ends = [with_intervals(one, settings)[measure]["value"] for one in (of, against)]
    return f"{ends[0] - ends[1]:+.3f} ({low:+.3f} to {high:+.3f})"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def about(trials: Trials, command: str) -> str:
    """Return what stands above the tables: the command, and what was trained on what."""
    config = trials.config
    return (
        f"Made by `{command}`: {config.train.network}, {config.train.epochs} epochs, "
        f"{len(trials.table)} SDSS-side pictures with {config.pictures.renderings} other look each "
        f"({config.split.validation:.0%} to validate, {config.split.test:.0%} to test), "
        f"up to {config.augment.missing_pixels:.0%} of the pixels missing in half of the training "
        f"pictures and a band in {config.augment.missing_band_rate:.0%}; all else as in "
        f"`configs/real.toml`. Intervals: {config.evaluate.confidence:.0%}, "
        f"{config.evaluate.bootstrap} resamplings of the galaxies, not of the trainings. Judged by "
        "the networks' own probabilities, from 0.5 on a spiral."
    )
