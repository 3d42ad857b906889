"""The model in the box, adapted to labelled pictures of another survey by one command."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from galcat_core.cli import main
from galcat_core.runs import BOX, Run
from galcat_core.stages.finetuning import settings

# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Forty pictures of a survey that nobody knows, and a table of what they show."""
    folder = tmp_path_factory.mktemp("lsst")
    rng = np.random.default_rng(5)
    rows = []
    for number in range(40):
        y, x = np.mgrid[:70, :70] - 34.5
        angle, flat = rng.uniform(0, np.pi), (0.25 if number % 2 else 0.85)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        light = 170 * np.exp(-np.hypot(along / 9, across / (9 * flat)))[..., None]
        picture = light * rng.uniform(0.7, 1, 3) + rng.uniform(4, 12, (70, 70, 3))
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"g{number:02d}.png")
        rows.append((f"g{number:02d}.png", "disk" if number % 2 else "smooth"))
    pd.DataFrame(rows, columns=["file", "morphology"]).to_csv(folder / "labels.csv", index=False)
    return folder


def finetune(pictures, out, *more: str) -> int:
    table = ["--table", str(pictures / "labels.csv"), "--label-column", "morphology"]
    return main(["finetune", str(pictures), *table, "-o", str(out), *more])


def test_a_run_of_its_own_that_predicts(pictures, tmp_path, capsys):
    names = ["--classes", "disk=spiral", "smooth=elliptical"]
    assert finetune(pictures, tmp_path / "mine", *names, "--fine-tune-epochs", "2") == 0
    run = Run.open(tmp_path / "mine")
    assert run.finished
    assert run.info["parent"]["digest"] == Run.open(BOX).digest
    assert run.config.train.fine_tune_epochs == 2
    assert run.config.augment == settings().augment, "as the model in the box was trained"
    counts = run.info["samples"]
    assert sum(counts["validation"].values()) == pytest.approx(10, abs=3)
    assert sum(counts["train"].values()) + sum(counts["validation"].values()) == 40
    # at the second time all of it is there
    assert finetune(pictures, tmp_path / "mine", *names, "--fine-tune-epochs", "2") == 0
    out = tmp_path / "table.csv"
    assert main(["predict", str(pictures), "--run", str(run.folder), "-o", str(out)]) == 0
    table = pd.read_csv(out, comment="#")
    assert len(table) == 40
    assert {"id", "p_spiral", "p_elliptical"} <= set(table)
    assert run.digest[:12] in table["run"][0]


def test_what_is_wrong_is_said(pictures, tmp_path, capsys):
    assert main(["finetune", str(pictures), "-o", str(tmp_path / "x")]) == 2
    assert "--table" in capsys.readouterr().err
    assert finetune(pictures, tmp_path / "y") == 2, "labels of other names"
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert "disk" in told
    assert "spiral" in told


def test_the_box_says_what_it_holds():
    assert json.loads((BOX / "run.json").read_text())["parent"] is None
