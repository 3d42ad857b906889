"""The benchmarks of missing data and of the recipe's ingredients run on drawn galaxies, and repeat no training."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ablation, missing, trials
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.evaluation.measures import Scored
from galcat_core.sections import Evaluate

INTERVAL = r"\d\.\d{3} \(\d\.\d{3}-\d\.\d{3}\)"
SPOILED = ["as they are", "30% of the pixels missing", "no r, left black"]
CHANGE = r"[+-]\d\.\d{3} \([+-]\d\.\d{3} to [+-]\d\.\d{3}\)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("trials")


@pytest.fixture(scope="module")
def page(folder) -> str:
    return missing.main(folder, quick=True, conditions=SPOILED)


def rows_of(page: str) -> list[list[str]]:
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_condition_is_measured_with_its_interval(page, folder):
    assert (folder / "missing.md").read_text() == page
    rows = [row for row in rows_of(page) if row[0] in missing.CONDITIONS]
    assert [row[0] for row in rows] == 3 * SPOILED  # SDSS test, both sides of the pairs
    for row in rows:
        for number, text in enumerate(row[1:]):
            assert re.fullmatch(CHANGE if number % 3 == 2 else INTERVAL, text), row


def test_an_ablation_repeats_no_training_and_names_what_was_not_measured(page, folder):
    runs = folder / "runs"
    before = {p.name: (p / "report.json").stat().st_mtime_ns for p in runs.iterdir()}
    assert len(before) == 2
    only = [trials.WHOLE, trials.NO_LOSS, "no harmonised pictures"]
    found = ablation.main(folder, quick=True, only=only)
    assert {
        p.name: (p / "report.json").stat().st_mtime_ns for p in runs.iterdir() if p.name in before
    } == before
    assert (folder / "ablation.md").read_text() == found
    names = [row[0] for row in rows_of(found) if row[0] in trials.INGREDIENTS]
    assert names == 2 * only + 2 * only[1:]  # two measures, and the change of both
    told = found[found.index("Not measured:") :]
    assert all((name in told) == (name not in only) for name in trials.INGREDIENTS)


def test_an_unknown_ingredient_is_refused(folder):
    with pytest.raises(GalcatError, match=r"no ingredient 'no zoom' .* no zoom, no shift"):
        ablation.main(folder, quick=True, only=["no zoom"])


def test_spoiled_pictures_of_another_recipe_are_refused(page, folder):
    other = trials.simulated_trials(folder)
    other.config.pictures.median = 0.3
    judged = missing.Judged("DES pairs", other.pairs["des"], other.pair_labels)
    with pytest.raises(GalcatError, match=r"holds other pictures than these: delete it"):
        judged.spoiled("as they are", other)


@pytest.mark.parametrize("part", [0.1, 0.3])
def test_pixels_are_blanked_in_the_given_picture_by_the_seed(part):
    picture = np.full((50, 62, 3), 90, np.uint8)
    spoil = missing.without_pixels(part)
    holed = spoil(picture, 4_000_000_000)  # a checksum may be larger than an int32
    assert (holed == 0).all(axis=-1).mean() == pytest.approx(part, abs=1e-3)
    assert np.array_equal(holed, spoil(picture, 4_000_000_000))
    assert not np.array_equal(holed, spoil(picture, 5))
    assert set(np.unique(holed)) == {0, 90}


def test_every_condition_spoils_the_picture_and_says_how():
    picture = trials.galaxy(np.random.default_rng(2), "spiral")
    made = {name: spoil(picture, 3) for name, spoil in missing.CONDITIONS.items()}
    assert np.array_equal(made.pop("as they are"), picture)
    for channel, band in enumerate(missing.BANDS):
        others = [c for c in range(3) if c != channel]
        black, shown = made[f"no {band}, left black"], made[f"no {band}, as galcat renders it"]
        assert not black[..., channel].any()
        assert shown[..., channel].max() > 50
        assert np.abs(shown[..., channel].astype(int) - picture[..., channel]).max() > 0
        for one in (black, shown):
            assert np.array_equal(one[..., others], picture[..., others])
    assert len({image.tobytes() for image in made.values()}) == len(missing.CONDITIONS) - 1


def test_both_networks_of_the_recipe_learn_from_the_same_pictures():
    first, second = (Config.load(path).to_dict() for path in trials.real.RUNS.values())
    assert {name for name in first if first[name] != second[name]} == {"train"}


def test_each_ingredient_changes_the_recipe():
    whole = Config.load(trials.real.RECIPE).replace(**trials.CUT)
    made = [whole.replace(**changes).to_dict() for changes in trials.INGREDIENTS.values()]
    assert made[0] == whole.to_dict()
    assert all(a != b for i, a in enumerate(made) for b in made[:i])


def test_a_change_is_resampled_on_the_same_galaxies():
    random = np.random.default_rng(1)
    truth = random.integers(0, 2, 300)
    good = np.clip(0.5 + 0.2 * (2 * truth - 1) + random.normal(0, 0.2, 300), 0, 1)
    one = Scored(truth, (good > 0.5).astype(int), good, 1, 10)
    worse = np.clip(good + random.normal(0, 0.3, 300), 0, 1)
    two = Scored(truth, (worse > 0.5).astype(int), worse, 1, 10)
    settings = Evaluate(bootstrap=200)
    assert trials.change(one, one, "roc_auc", settings) == "+0.000 (+0.000 to +0.000)"
    value, low, high = map(
        float, re.findall(r"[+-][\d.]+", trials.change(one, two, "roc_auc", settings))
    )
    assert 0 < low < value < high
    with pytest.raises(ValueError, match="different galaxies"):
        trials.change(one, Scored(1 - truth, two.said, worse, 1, 10), "roc_auc", settings)
