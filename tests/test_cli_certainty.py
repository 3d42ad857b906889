"""The verbs that tell how sure predictions are, typed on the command line, and what they say of bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import galcat

from galcat_core.config import Config
from galcat_core.images.shards import write_store
from galcat_core.records import Predictions, Split
from galcat_core.tables import provenance_of

# Keras 3.15 converts TensorFlow arrays in a way that NumPy 2 warns of
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn.t accept a copy keyword:DeprecationWarning"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two surveys' stores of bright and dim squares, a run, labels with magnitudes."""
    from galcat_core.training.fit import train

    p, rng = tmp_path_factory.mktemp("project"), np.random.default_rng(1)
    for survey, first in (("sdss", 1000), ("des", 5000)):
        wide = rng.random(100) < 0.5
        images = rng.integers(0, 40, (100, 32, 32, 3), np.uint8)
        images[:, 12:20, 12:20] += 120
        images[wide, 4:28, 14:18] = 160
        table = pd.DataFrame({"id": first + np.arange(100)})
        table["label"] = np.where(wide, "spiral", "elliptical")
        store = write_store(p / survey, images, table, survey=survey, settings={"size_px": 32})
        table["mag_r"] = rng.normal(17, 1, 100).round(3)
        table.rename(columns={"label": "class"}).to_csv(p / f"{survey}.csv", index=False)
        if survey == "sdss":
            sets = np.repeat(["train", "validation", "test"], [50, 30, 20])
            rows = store.table[["id", "label"]].assign(
                survey="sdss", set=sets, certain=True, group=np.arange(100)
            )
            Split(rows).save(p / "split.parquet")
            config = Config().replace(train={"epochs": 2, "batch_size": 10})
            train(p / "run", store, Split(rows), config)
    return p


def test_predict_calibrate_predict_evaluate_threshold(
    project: Path, capsys: pytest.CaptureFixture
) -> None:
    p = project
    asked = ["predict", p / "des", "--run", p / "run", "-o", p / "des.parquet"]
    assert galcat(*asked) == 0
    assert "has no calibration for des" in capsys.readouterr().err
    before = provenance_of(p / "des.parquet")
    labels = ["--labels", p / "des.csv", "--label-column", "class"]
    calibrated = ["calibrate", p / "run", "--images", p / "des", *labels, "--method", "platt"]
    assert galcat(*calibrated) == 0
    told = capsys.readouterr().err
    assert "platt (taken)" in told and "calibration.json: des by platt" in told
    assert galcat(*asked) == 0  # another calibration: other work
    assert "up to date" not in capsys.readouterr().err
    assert not before.same_work(provenance_of(p / "des.parquet"))
    assert Predictions.load(p / "des.parquet").meta["calibration"][0]["survey"] == "des"
    assert galcat(*asked) == 0
    assert "up to date" in capsys.readouterr().err

    judged = ["evaluate", p / "des.parquet", *labels, "--bins", "mag_r", "--bin-count", 2]
    assert galcat(*judged, "--bootstrap", 50, "-o", p / "report") == 0
    told = capsys.readouterr().err
    assert "How well the probabilities hold" in told and "In bins of mag_r" in told
    metrics = json.loads((p / "report/metrics.json").read_text())
    assert [part["n"] for part in metrics["bins"]["mag_r"]["bins"]] == [50, 50]
    assert metrics["raw"]["metrics"]["ece"]["value"] is not None

    chosen = ["threshold", p / "des.parquet", *labels, "--purity", 0.8]
    assert galcat(*chosen, "-o", p / "threshold.json") == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found == json.loads((p / "threshold.json").read_text())
    assert found["expected"]["purity"]["value"] >= 0.8
    assert "a purity of 0.8" in shown.err


def test_own_validation_galaxies_and_those_of_a_split(project: Path) -> None:
    assert galcat("calibrate", project / "run", "--method", "temperature") == 0
    own = json.loads((project / "run/calibration.json").read_text())["surveys"]["sdss"]
    assert own["method"] == "temperature" and own["told"]["source"] == "validation galaxies"
    split = ["--images", project / "sdss", "--split", project / "split.parquet"]
    assert galcat("calibrate", project / "run", *split, "--method", "temperature") == 0
    again = json.loads((project / "run/calibration.json").read_text())["surveys"]["sdss"]
    assert again["slope"] == own["slope"]  # the same galaxies


def test_every_look_by_its_flag(project: Path) -> None:
    out = project / "looks.csv"
    flags = ["--dropout-passes", 2, "--tta", "--calibration", "none", "--domain-percentile", 90]
    assert galcat("predict", project / "sdss", "--model", project / "run", *flags, "-o", out) == 0
    table = pd.read_csv(out)
    assert {"epistemic", "aleatoric", "domain_distance", "out_of_domain"} <= set(table)
    assert "raw_p_spiral" not in table
    assert (table["out_of_domain"] == (table["domain_distance"] > 90)).all()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("calibrate {p}/run --labels {p}/des.csv", "--images STORE"),
        ("calibrate {p}/none", "no such run folder"),
        ("calibrate {p}/run --images {p}/des --labels {p}/des.csv", "no column 'label'"),
        ("calibrate {p}/run --images {p}/des --split a --labels b", "say once where the labels"),
        ("calibrate {p}/run --method plat", "--method"),
        ("threshold {p}/des.parquet --labels {p}/des.csv --purity 0.9", "no column 'label'"),
        ("threshold {p}/sure.parquet {l}", "either --purity P or --completeness C"),
        ("threshold {p}/sure.parquet {l} --purity 95", "purity 95: above 0 and at most 1"),
        ("threshold {p}/sure.parquet --purity 0.9", "say where the labels come from"),
        ("evaluate {p}/sure.parquet {l} -o {p}/r --bins mag_g", "Did you mean 'mag_r'"),
        ("predict {p}/des --run {p}/run -o {p}/x.csv --calibration dess", "no calibration for"),
        ("predict {p}/des --run {p}/run --run {p}/run -o {p}/x.csv", "given twice"),
        ("predict {p}/des --run {p}/run --dropout-passes -1 -o {p}/x.csv", "passes = -1"),
        ("embed {p}/des --run {p}/run --run {p}/two -o {p}/x.csv", "no such run folder"),
    ],
)
def test_mistakes_are_told_in_one_line(
    project: Path, capsys: pytest.CaptureFixture, words: str, told: str
) -> None:
    p = project
    table = pd.DataFrame({"id": 5000 + np.arange(100), "run": "r", "predicted": "spiral"})
    table["p_spiral"] = np.linspace(0.01, 0.99, 100)
    table["p_elliptical"] = 1 - table["p_spiral"]
    Predictions(table, None, {"positive": "spiral"}).save(p / "sure.parquet")
    labels = f"--labels {p}/des.csv --label-column class"
    assert galcat(*words.format(p=p, l=labels).split()) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert told in said and said.startswith("galcat ")
