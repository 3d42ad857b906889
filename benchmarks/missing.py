"""How well networks do on pictures that lack pixels or a band, trained with such pictures and without.

`python -m benchmarks.missing -o trials` takes two trainings of `benchmarks.ablation` (the recipe cut
down, whole and without missing data; those that have ended are not repeated). Pixels and bands are
taken from the pictures as a survey gives them, before galcat finds and harmonises the galaxy: SDSS
test galaxies and the SDSS-DES pairs, all of which no weight was learnt from. Stop it at any moment:
started again it goes on. The tables are written to trials/missing.md.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.real import tested
from benchmarks.trials import (
    MEASURES,
    NO_LOSS,
    WHOLE,
    Trials,
    about,
    cell,
    change,
    markdown,
    real_trials,
    scored,
    simulated_trials,
)
from galcat_core import stages
from galcat_core.errors import GalcatError
from galcat_core.evaluation.measures import Scored
from galcat_core.files import write_text
from galcat_core.images.decode import read_picture
from galcat_core.images.harmonise import harmonise
from galcat_core.images.shards import write_store
from galcat_core.images.store import CutoutStore
from galcat_core.progress import track
from galcat_core.records import Predictions, Split

Spoil = Callable[[np.ndarray, int], np.ndarray]
BANDS = ("i", "r", "g")  # of the red, green and blue channel, in SDSS pictures and in the pairs'


def as_it_is(image: np.ndarray, seed: int) -> np.ndarray:
    """Return the picture, (H, W, 3), uint8."""
    return image


def without_pixels(part: float) -> Spoil:
    """Blank a part of the pixels, in one of the ways of `datasets.missing`, drawn by the seed."""

    def spoil(image: np.ndarray, seed: int) -> np.ndarray:
        from galcat_core.datasets import missing  # brings TensorFlow

        kind = np.random.default_rng([seed, 7]).integers(len(missing.KINDS))
        key = np.array([[seed % 2**31, 7]], np.int32)
        hole = missing.holes(*image.shape[:2], np.float32([part]), np.int32([kind]), key)
        return np.where(hole.numpy()[0, ..., None], 0, image).astype(np.uint8)

    return spoil


def without_band(channel: int, fill: str) -> Spoil:
    """Take a band away and show it as `datasets.missing.FILLS` does."""

    def spoil(image: np.ndarray, seed: int) -> np.ndarray:
        from galcat_core.datasets import missing

        bright = (image[None] / 255).astype(np.float32)
        shown = missing.FILLS[fill](bright, np.int32([channel])).numpy()[0]
        return (255 * shown + 0.5).astype(np.uint8)

    return spoil


CONDITIONS: dict[str, Spoil] = {
    "as they are": as_it_is,
    "10% of the pixels missing": without_pixels(0.1),
    "30% of the pixels missing": without_pixels(0.3),
    **{f"no {b}, as galcat renders it": without_band(c, "rendered") for c, b in enumerate(BANDS)},
    **{f"no {b}, left black": without_band(c, "blank") for c, b in enumerate(BANDS)},
}


@dataclass(frozen=True)
class Judged:
    """Pictures that are judged on: their folder, and `id` (file below it), `label` of each."""

    name: str
    folder: Path
    labels: pd.DataFrame

    def spoiled(self, condition: str, trials: Trials) -> CutoutStore:
        """Return the pictures in a condition, harmonised as those learnt from; made once."""
        out = trials.out / "spoiled" / f"{_slug(self.name)}-{_slug(condition)}"
        recipe = trials.config.pictures
        told = {k: v for k, v in asdict(recipe).items() if k != "renderings"}
        if (out / "index.parquet").is_file():
            store = CutoutStore.open(out)
            if store.settings != told or set(store.ids) != set(self.labels["id"]):
                raise GalcatError(
                    f"{out} holds other pictures than these: delete it, or name another -o"
                )
            return store
        pictures, spoil = [], CONDITIONS[condition]
        for file in track(self.labels["id"].tolist(), f"{self.name}, {condition}", unit="pictures"):
            image = spoil(read_picture(self.folder / file), zlib.crc32(file.encode()))
            pictures.append(harmonise(image, recipe).picture)
        table = self.labels[["id"]].reset_index(drop=True)
        return write_store(out, np.stack(pictures), table, survey="sdss", settings=told)


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name.lower()).replace("__", "_")


def main(
    out: str | Path = "trials",
    quick: bool = False,
    seed: int = 1,
    conditions: Sequence[str] = tuple(CONDITIONS),
) -> str:
    """Train with missing data and without, judge both in each condition; write and return the page."""
    trials = simulated_trials(out) if quick else real_trials(out)
    runs = {name: trials.run(name, seed) for name in (NO_LOSS, WHOLE)}
    parts = [about(trials, "python -m benchmarks.missing")]
    for judged in _sets(trials):
        found: dict[str, dict[str, Scored]] = {}
        for condition in conditions:
            store = judged.spoiled(condition, trials)
            found[condition] = {
                name: scored(_told(run.folder, store, trials), judged.labels)
                for name, run in runs.items()
            }
        parts.append(f"## {judged.name}, {len(judged.labels)} galaxies")
        parts.append(_table(found, trials))
    page = "\n\n".join(parts) + "\n"
    write_text(trials.out / "missing.md", page)
    return page


def _told(run: Path, store: CutoutStore, trials: Trials) -> Predictions:
    path = trials.out / "predictions" / run.name / f"{store.path.name}.parquet"
    few = min(64, len(store))  # a batch is filled up to its size
    return Predictions.load(stages.predict(store.path, path, run=run, batch_size=few))


def _sets(trials: Trials) -> Iterator[Judged]:
    labels = tested(trials.table, Split.load(trials.split()))
    yield Judged("SDSS test", trials.pictures, labels)
    for survey, folder in trials.pairs.items():
        yield Judged(f"{survey.upper()} pairs", folder, trials.pair_labels)


def _table(found: dict[str, dict[str, Scored]], trials: Trials) -> str:
    """Return a row a condition: each measure without and with missing data, and the change."""
    settings = trials.config.evaluate
    head = ["pictures"]
    for title in MEASURES.values():
        head += [f"{title}, trained without", "with", "change"]
    rows = []
    for condition, by_run in found.items():
        cells = [condition]
        for measure in MEASURES:
            cells += [cell(by_run[name], measure, settings) for name in (NO_LOSS, WHOLE)]
            cells.append(change(by_run[WHOLE], by_run[NO_LOSS], measure, settings))
        rows.append(cells)
    return markdown(head, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.missing", description=__doc__)
    parser.add_argument("-o", "--out", default="trials", help="folder to work in (default trials)")
    parser.add_argument("--quick", action="store_true", help="a few simulated galaxies")
    parser.add_argument("--seed", type=int, default=1, help="of both trainings")
    args = parser.parse_args()
    print(main(args.out, args.quick, args.seed))
