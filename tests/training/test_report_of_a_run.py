"""A report straight from a run and a store: what it predicts on the way, and its own validation galaxies."""

import json

import numpy as np
import pytest

from galcat_core.errors import GalcatError
from galcat_core.records import Predictions
from galcat_core.stages import report
from galcat_core.training.fit import train

# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def project(tmp_path_factory, store, split, config):
    """A run beside its split; the store is elsewhere."""
    folder = tmp_path_factory.mktemp("project")
    short = config.replace(train={"epochs": 1, "batch_size": 8})
    train(folder / "run", store, split, short)
    split.save(folder / "split.parquet")
    return folder


def test_a_store_is_predicted_and_judged_on_the_splits_set(project, store, split, config):
    quick = config.replace(evaluate={"bootstrap": 20})
    arguments = {"sets": [f"test={store.path}"], "split": project / "split.parquet", "count": 4}
    page = report(project / "run", project / "report.html", quick, **arguments)
    told = json.loads(page.with_suffix(".json").read_text())
    test = split.rows("sdss", "test").set_index("id")["label"]
    found = Predictions.load(project / "report_predictions/test.parquet")
    assert set(found.ids) == set(test.index)
    right = np.mean(found.table["predicted"].to_numpy() == test.loc[found.ids].to_numpy())
    if found.threshold == 0.5:
        assert told["sets"]["test"]["metrics"]["accuracy"]["value"] == pytest.approx(right)
    assert told["sets"]["test"]["notes"] == []
    assert len(told["run"]["history"]) == 1
    before = (project / "report_predictions/test.parquet").stat().st_mtime_ns
    report(project / "run", project / "report.html", quick, title="Anew", **arguments)
    assert "<h1>Anew</h1>" in page.read_text()
    assert (project / "report_predictions/test.parquet").stat().st_mtime_ns == before


def test_without_a_set_the_runs_own_validation_galaxies_are_judged(project, split, config):
    quick = config.replace(evaluate={"bootstrap": 20})
    page = report(project / "run", project / "own.html", quick, count=4)
    told = json.loads(page.with_suffix(".json").read_text())["sets"]["validation galaxies"]
    assert told["n"] == len(split.rows("sdss", "validation"))
    assert "chose the best epoch" in told["notes"][0]


def test_a_set_without_labelled_pictures_is_refused(project, store, split, config):
    with pytest.raises(GalcatError, match="no labelled galaxy of survey 'sdss' in its set 'unlab"):
        report(
            project / "run",
            project / "none.html",
            config,
            sets=[f"test={store.path}"],
            split=project / "split.parquet",
            set_name="unlabelled",
        )
