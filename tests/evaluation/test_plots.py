"""Figures: each is drawn, in the house's style alone, and its files are the same bytes each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from galcat_core.errors import GalcatError
from galcat_core.evaluation import galleries, maps, plots, style
from galcat_core.evaluation.figures import draw
from galcat_core.evaluation.metrics import evaluate, join
from galcat_core.records import Clusters, Projection
from galcat_core.sections import Evaluate

ROOT = Path(__file__).resolve().parents[2]


class Pictures:
    """As much of a cutout store as a gallery asks for: the picture's red is its id."""

    def __init__(self, ids: np.ndarray):
        self.ids = np.asarray(ids)

    def rows_of(self, ids) -> np.ndarray:
        return np.array([list(self.ids).index(i) for i in ids])

    def images(self, rows) -> np.ndarray:
        made = np.zeros((len(rows), 24, 24, 3), np.uint8)
        made[..., 0] = (self.ids[rows] % 256)[:, None, None]
        return made


@pytest.fixture(scope="module")
def result(case) -> dict:
    predictions, labels, *_ = case
    return evaluate(predictions, labels, Evaluate(bootstrap=50))


def ink(path: Path) -> float:
    """Return the share of a picture that is not white."""
    return float((np.asarray(Image.open(path).convert("L")) < 250).mean())


def test_report_writes_every_figure(case, tmp_path):
    predictions, labels, *_ = case
    result = evaluate(predictions, labels, Evaluate(bootstrap=50))
    rng = np.random.default_rng(0)
    spread = pd.DataFrame(
        rng.normal(size=(700, 4)), columns=["tsne_x", "tsne_y", "umap_x", "umap_y"]
    )
    projection = Projection(spread.assign(id=predictions.ids))
    clusters = Clusters(pd.DataFrame({"id": predictions.ids, "cluster": rng.integers(-1, 2, 700)}))
    store = Pictures(predictions.ids[:500])
    files = draw(tmp_path, result, predictions, labels, store, projection, clusters)
    assert json.loads(files[0].read_text())["n"] == 700
    names = {file.stem for file in files[1:]}
    assert names == {
        "confusion",
        "roc",
        "probabilities",
        "coverage",
        "reliability",
        "gallery_surest_elliptical",
        "gallery_surest_spiral",
        "gallery_least_sure",
        "gallery_wrong",
        "map_probability",
        "map_cluster",
    }
    for file in files[1:]:
        if file.suffix == ".png":
            assert 0.005 < ink(file) < 0.95, file.name
        else:
            assert (
                file.read_bytes().startswith(b"%PDF") and b"/CreationDate" not in file.read_bytes()
            )


def test_equal_bytes_in_another_process(tmp_path):
    """Two processes with different hash seeds write the same PNG and PDF."""
    script = (
        "import sys, numpy as np, pandas as pd\n"
        "from galcat_core.sections import Evaluate\n"
        "from galcat_core.evaluation import metrics, plots, style\n"
        "from galcat_core.records import Predictions\n"
        "p = np.linspace(0, 1, 90); t = np.sin(p * 40) < p * 2 - 1\n"
        "table = pd.DataFrame({'id': np.arange(90), 'p_a': 1 - p, 'p_b': p})\n"
        "said = Predictions(table.assign(predicted='a', run='r'), None, {'classes': ['a', 'b']})\n"
        "labels = pd.DataFrame({'id': np.arange(90), 'label': np.where(t, 'b', 'a')})\n"
        "r = metrics.evaluate(said, labels, Evaluate(bootstrap=20))\n"
        "style.save(plots.roc({'a': r, 'b': r}), sys.argv[1] + '/roc')\n"
    )
    written = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", script, str(folder)], check=True, env=env, cwd=ROOT)
        written.append({file.name: file.read_bytes() for file in sorted(folder.iterdir())})
    assert set(written[0]) == {"roc.png", "roc.pdf"}
    assert written[0] == written[1]


def test_style_leaves_the_callers_settings_alone(result, tmp_path):
    with matplotlib.rc_context({"font.size": 31, "lines.linewidth": 9}):
        style.save(plots.coverage(result), tmp_path / "loud")
        assert matplotlib.rcParams["font.size"] == 31
    style.save(plots.coverage(result), tmp_path / "plain.png")
    assert (tmp_path / "loud.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_roc_enlarges_the_corner_of_good_curves_only(result, predictions_of, labels_of):
    rng = np.random.default_rng(1)
    truth = np.arange(400) < 200
    poor = evaluate(predictions_of(rng.random(400)), labels_of(truth), Evaluate(bootstrap=20))
    good = np.clip(rng.normal(np.where(truth, 0.9, 0.1), 0.17), 0, 1)
    good = evaluate(predictions_of(good), labels_of(truth), Evaluate(bootstrap=20))
    assert not plots.roc(poor).axes[0].child_axes
    inset = plots.roc({"poor": poor, "good": good}).axes[0].child_axes[0]
    assert inset.get_ylim()[1] > 1 > inset.get_ylim()[0] > 0.5
    labels = [t.get_text() for t in plots.roc({"poor": poor, "good": good}).legends[0].get_texts()]
    assert labels[0].startswith("poor:") and labels[1].startswith("good:")


def test_confusion_shows_the_counts(result):
    texts = {text.get_text() for text in plots.confusion(result).axes[0].texts}
    for row in result["confusion"]["counts"]:
        assert texts >= {f"{count:,}" for count in row}


def test_figures_of_a_result_with_gaps(tmp_path, predictions_of, labels_of):
    """Nothing predicted positive: undefined precision, empty bins, an F1 of zero."""
    truth = np.arange(40) < 20
    predictions, labels = predictions_of(np.linspace(0, 0.4, 40)), labels_of(truth)
    result = evaluate(predictions, labels, Evaluate(bootstrap=10))
    files = draw(tmp_path, result, predictions, labels)
    assert len(files) == 11


def test_picks_are_the_telling_ones(case):
    predictions, labels, *_ = case
    table, _ = join(predictions, labels)
    chosen = galleries.picks(table, predictions, 10)
    rows = table.set_index("id")
    assert (
        rows.loc[chosen["surest_spiral"], "p_spiral"].min()
        >= (rows["p_spiral"].sort_values().iloc[-10])
    )
    distance = (rows["p_spiral"] - 0.5).abs()
    assert distance[chosen["least_sure"]].max() <= distance.sort_values().iloc[9]
    wrong = rows.loc[chosen["wrong"]]
    assert (wrong["label"] != wrong["predicted"]).all()
    assert "wrong" not in galleries.picks(predictions.table, predictions)


def test_gallery_shows_each_galaxy_its_own_picture(case):
    predictions, labels, *_ = case
    table, _ = join(predictions, labels)
    ids = galleries.picks(table, predictions, 11)["least_sure"]
    made = galleries.gallery(Pictures(predictions.ids), table, ids, predictions, "Least sure")
    shown = [axes for axes in made.axes if axes.get_visible()]
    assert len(shown) == 11
    for name, axes in zip(ids, shown, strict=True):
        assert axes.images[0].get_array()[0, 0, 0] == name % 256
        assert axes.get_xlabel().startswith(table.set_index("id")["predicted"][name])


def test_maps_refuse_what_is_not_there(case):
    predictions, *_ = case
    projection = Projection(
        pd.DataFrame({"id": predictions.ids, "tsne_x": 0.0, "tsne_y": np.arange(700.0)})
    )
    with pytest.raises(GalcatError, match="no map 'umap'; it has tsne"):
        maps.probability_map(projection, predictions, "umap")
    elsewhere = Projection(projection.table.assign(id=np.arange(700)))
    with pytest.raises(GalcatError, match="no galaxy in common"):
        maps.probability_map(elsewhere, predictions)


def test_a_sheet_shows_lines_of_pictures_with_names_and_captions() -> None:
    few, many = (Pictures(np.arange(n) + 10).images(np.arange(n)) for n in (2, 5))
    made = galleries.sheet({"SDSS": many, "DES": few}, {"DES": ["one", "two"]}, "Both")
    shown = [axes.images[0].get_array() for axes in made.axes if axes.images]
    assert [int(picture[0, 0, 0]) for picture in shown] == [10, 11, 12, 13, 14, 10, 11]
    assert [axes.get_ylabel() for axes in made.axes if axes.get_ylabel()] == ["SDSS", "DES"]
    assert [axes.get_xlabel() for axes in made.axes if axes.get_xlabel()] == ["one", "two"]
    with pytest.raises(GalcatError, match="no picture to show"):
        galleries.sheet({"SDSS": many[:0]})
