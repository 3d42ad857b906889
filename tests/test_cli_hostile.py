"""Wrong input at the command line: told in one line as what it is, nothing lost, nothing left half made."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from blobs import blobs
from command_line import galcat
from PIL import Image

from galcat_core.images.shards import write_store
from galcat_core.records import Embedding, Predictions, Split
from galcat_core.runs import BOX

# Keras 3.15 converts TensorFlow arrays in a way that NumPy 2 warns of
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn.t accept a copy keyword:DeprecationWarning"
)
COUNT = 40


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, catalogues, a split, predictions and an embedding of the same galaxies; pictures."""
    p = tmp_path_factory.mktemp("made")
    images, long = blobs(COUNT, 48, seed=3)
    ids = 1000 + np.arange(COUNT)
    label = np.where(long, "spiral", "elliptical")
    table = pd.DataFrame({"id": ids, "label": label})
    write_store(p / "store", images, table, survey="sdss")
    write_store(p / "others", images, table.assign(id=ids + 500), survey="des")
    table.to_csv(p / "labels.csv", index=False)
    table.assign(label="comet").to_csv(p / "comets.csv", index=False)
    placed = table.assign(ra=10 + 0.01 * np.arange(COUNT), dec=0.0)
    placed.to_csv(p / "sdss.csv", index=False)
    placed.assign(id=ids + 500).to_csv(p / "des.csv", index=False)
    pd.DataFrame({"speed": [1.5, 2.5]}).to_csv(p / "wind.csv", index=False)
    sets = np.repeat(["train", "validation", "test"], [20, 10, 10])
    rows = table.assign(survey="sdss", set=sets, certain=True, group=np.arange(COUNT))
    Split(rows).save(p / "split.parquet")
    chance = np.where(long, 0.8, 0.2)
    told = pd.DataFrame({"id": ids, "p_elliptical": 1 - chance, "p_spiral": chance, "run": "a"})
    told = told.assign(predicted=label)
    Predictions(told, None, {"classes": ["elliptical", "spiral"], "positive": "spiral"}).save(
        p / "predictions.parquet"
    )
    features = pd.DataFrame(
        np.eye(COUNT, 4, dtype=np.float32), columns=[f"feature_{i}" for i in range(4)]
    )
    Embedding(features.assign(id=ids, run="a")).save(p / "embedding.parquet")
    (p / "pictures").mkdir()
    for name, image in zip("abcd", images, strict=False):
        Image.fromarray(image).save(p / f"pictures/{name}.png")
    names = pd.DataFrame({"file": ["a.png", "b.png"], "kind": ["disk", "round"]})
    names.to_csv(p / "pictures.csv", index=False)
    (p / "file").write_text("not a folder\n")
    return p


CUTOUTS = "cutouts --pictures {p}/pictures -o {o}"
TRAIN = "train {p}/store -o {o} --split"
EVALUATE = "evaluate {p}/predictions.parquet -o {o}"
MATCH = "match {p}/sdss.csv {p}/des.csv -o"
WRONG = {
    "folder as table": (
        "match {p}/pictures {p}/des.csv -o {o}.csv",
        "is a folder, a file is wanted",
    ),
    "folder as labels": (f"{EVALUATE} --labels {{p}}/pictures", "is a folder, a file is wanted"),
    "folder as catalogue": ("split {p}/pictures -o {o}.csv", "is a folder, a file is wanted"),
    "folder as config": (f"{MATCH} {{o}}.csv --config {{p}}", "is a folder, a TOML file is wanted"),
    "store as split": (f"{TRAIN} {{p}}/store", "is a cutout store, a file is wanted"),
    "file as folder": ("predict {p}/labels.csv -o {o}.csv", "is a file, a folder is wanted"),
    "folder as result": (f"{MATCH} {{p}}/store", "is a cutout store, a file is to be written"),
    "result is an input": (f"{MATCH} {{p}}/sdss.csv", "is read, and would be lost"),
    "file within the result's path": (
        f"{MATCH} {{p}}/file/m.csv",
        "file is a file; choose another",
    ),
    "evaluation below a file": (
        "evaluate {p}/predictions.parquet --split {p}/split.parquet -o {p}/file/report",
        "file is a file; choose another",
    ),
    "config below a file": ("config -o {p}/file/all.toml", "its folder cannot be made"),
    "sky below a file": ("simulate -o {p}/file/sky", "its folder cannot be made"),
    "no split": (
        f"predict {{p}}/store --run {BOX} -o {{o}}.csv --split {{p}}/x.csv --set test",
        "x.csv",
    ),
    "no such set": (
        f"predict {{p}}/store --run {BOX} -o {{o}}.csv --split {{p}}/split.parquet --set tset "
        "--any-recipe",
        "Did you mean 'test'?",
    ),
    "no predictions to compare": (
        "cluster {p}/embedding.parquet -o {o}.csv --predictions {p}/none.csv",
        "none.csv: no such file",
    ),
    "predictions as embedding": (
        "project {p}/predictions.parquet -o {o}.csv",
        "give a table that galcat embed wrote",
    ),
    "a galaxy to learn from": (f"{TRAIN} {{p}}/split.parquet --limit 1", "at least 2 is legal"),
    "zoom the wrong way": (f"{TRAIN} {{p}}/split.parquet --zoom 2 1", "the smaller first"),
    "other classes": (f"{EVALUATE} --labels {{p}}/comets.csv", "in column 'label' stand comet"),
    "unknown survey": (f"{EVALUATE} --split {{p}}/split.parquet --survey hsc", "there are sdss"),
    "wrong column": (f"{EVALUATE} --labels {{p}}/wind.csv", "name it with --id-column"),
    "pictures of others": (
        f"{EVALUATE} --split {{p}}/split.parquet --images {{p}}/others",
        "none of the galaxies that are judged has a picture",
    ),
    "catalogue with pictures": (
        "cutouts {p}/sdss.csv --pictures {p}/pictures -o {o}",
        "a catalogue goes with --tiles",
    ),
    "labels with tiles": (
        "cutouts {p}/sdss.csv --tiles {p}/pictures --label-column kind -o {o}",
        "--label-column goes with --pictures",
    ),
    "column without a table": (f"{CUTOUTS} --label-column kind", "give it with --table"),
    "no such label column": (
        f"{CUTOUTS} --table {{p}}/pictures.csv --label-column knid",
        "there are file, kind. Did you mean 'kind'?",
    ),
    "two channels": (
        "cutouts {p}/sdss.csv --tiles {p}/pictures -o {o} --channel-scale 1 2",
        "three numbers are wanted",
    ),
    "kept apart from nothing": (
        "split {p}/sdss.csv -o {o}.csv --apart-from {p}/wind.csv",
        "neither an id of these galaxies nor positions",
    ),
    "demonstration without workers": ("demo -o {o} --no-app --workers 0", "at least 1 is wanted"),
    "demonstration among others' files": ("demo -o {p}/pictures --no-app", "is not empty"),
    "misspelt verb": ("mtach {p}/sdss.csv", "Did you mean 'match'? See galcat --help"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_told_as_what_it_is(
    name: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    words, told = (text.format(p=made, o=tmp_path / "out") for text in WRONG[name])
    assert galcat(*words.split()) == 2
    shown = capsys.readouterr().err.strip().splitlines()
    assert told in shown[-1]
    assert shown[-1].startswith("galcat")
    assert "Traceback" not in "".join(shown)
    assert not list(tmp_path.iterdir()), "nothing is left half made"
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_what_a_table_leaves_out_is_told(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    asked = ["--table", made / "pictures.csv", "--label-column", "kind", "--classes", "disk=spiral"]
    assert galcat("cutouts", "--pictures", made / "pictures", *asked, "-o", tmp_path / "out") == 0
    told = capsys.readouterr().err
    assert (
        f"2 of 4 pictures in {made / 'pictures'} are in no row of {made / 'pictures.csv'}" in told
    )
    assert "1 without a label" in told


def test_a_folder_is_looked_at_anew_each_time(made: Path, tmp_path: Path) -> None:
    """As in a notebook: the same process, the same name for the result, other pictures."""
    pictures, out = tmp_path / "pictures", tmp_path / "table.csv"
    pictures.mkdir()
    found = []
    for name in "ab":
        shutil.copy(made / f"pictures/{name}.png", pictures / "galaxy.png")
        assert galcat("predict", pictures, "-o", out) == 0
        found.append(pd.read_csv(out)["p_spiral"][0])
    assert galcat("predict", pictures, "-o", out.with_name("again.csv")) == 0
    assert found[1] == pd.read_csv(out.with_name("again.csv"))["p_spiral"][0] != found[0]
