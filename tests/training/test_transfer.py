"""Four ways to bring a run to another survey, in one table."""

import json

import numpy as np
import pandas as pd
import pytest

from galcat_core.errors import GalcatError
from galcat_core.records import Predictions, Split
from galcat_core.runs import Run
from galcat_core.training.fit import train
from galcat_core.training.transfer import transfer

# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def quick(config):
    short = {"epochs": 1, "fine_tune_epochs": 1, "batch_size": 8}
    return config.replace(train=short, evaluate={"bootstrap": 20})


@pytest.fixture(scope="module")
def run(tmp_path_factory, store, split, quick) -> Run:
    return train(tmp_path_factory.mktemp("runs") / "sdss", store, split, quick)


@pytest.fixture(scope="module")
def des(tmp_path_factory, make_store, make_table, make_split):
    """A store and a split of another survey: 48 galaxies, 20 of them to be judged on."""
    table = make_table(48, first=5000)
    store = make_store(tmp_path_factory.mktemp("stores") / "des", table, "des")
    return store, make_split(table, {"train": 20, "validation": 8, "test": 20}, "des")


@pytest.fixture(scope="module")
def done(tmp_path_factory, run, des, quick):
    folder = tmp_path_factory.mktemp("transfer") / "out"
    return folder, transfer(run, *des, quick, folder, limit=12)


def test_the_table_has_the_four_experiments(done):
    _, table = done
    assert table["experiment"].tolist() == [
        "as it is",
        "fine-tuned, all layers",
        "fine-tuned, dense layers",
        "from scratch",
    ]
    assert table["run"].tolist() == ["sdss", "all_layers", "dense_layers", "from_scratch"]
    assert table["ntrain"].tolist() == [0, 12, 12, 12]
    assert (table["ntest"] == 20).all()
    assert (table["npos"] == 10).all()
    for name in ("tpr", "accuracy", "auc"):
        assert table[name].between(0, 1).all()
        assert (table[f"{name}_low"] <= table[name]).all()
        assert (table[name] <= table[f"{name}_high"]).all()


def test_each_training_is_a_run_of_its_own_on_the_same_galaxies(done, run):
    folder, _ = done
    names = ["all_layers", "dense_layers", "from_scratch"]
    runs = [Run.open(folder / name) for name in names]
    assert all(found.finished for found in runs)
    assert all(found.samples.equals(runs[0].samples) for found in runs)
    assert [bool(found.info["parent"]) for found in runs] == [True, True, False]
    assert [found.config.train.layers for found in runs] == ["all", "dense", "all"]
    assert all(found.classes == run.classes for found in runs)
    rates = [found.history["learning_rate"][0] for found in runs]
    assert rates == pytest.approx([3e-4, 3e-4, 1e-3])


def test_no_galaxy_is_judged_on_that_was_learnt_from(done, des):
    folder, _ = done
    test = set(des[1].rows("des", "test")["id"])
    for name in ("as_it_is", "all_layers", "dense_layers", "from_scratch"):
        found = Predictions.load(folder / "predictions" / f"{name}.parquet")
        assert set(found.ids) == test
        if name != "as_it_is":
            assert not set(Run.open(folder / name).samples["id"]) & test


def test_the_figures_are_those_of_the_predictions(done, des):
    folder, table = done
    found = Predictions.load(folder / "predictions" / "all_layers.parquet")
    label = des[1].table.set_index("id")["label"].loc[found.ids].to_numpy()
    expected = np.mean(found.table["predicted"].to_numpy() == label)
    assert table["accuracy"][1] == pytest.approx(expected)
    assert pd.read_csv(folder / "transfer.csv")["accuracy"][1] == pytest.approx(expected)
    told = json.loads((folder / "metrics.json").read_text())
    assert told["fine-tuned, all layers"]["metrics"]["accuracy"]["value"] == pytest.approx(expected)
    assert (folder / "roc.png").stat().st_size > 10_000


def test_done_again_nothing_is_trained_or_predicted(done, run, des, quick):
    folder, table = done
    kept = [*folder.glob("*/*.h5"), *folder.glob("predictions/*")]
    before = [path.stat().st_mtime_ns for path in kept]
    assert transfer(run, *des, quick, folder, limit=12).equals(table)
    assert [path.stat().st_mtime_ns for path in kept] == before


def test_a_survey_without_test_labels_is_refused(tmp_path, run, des, quick):
    store, split = des
    table = split.table.assign(label=split.table["label"].where(split.table["set"] != "test"))
    with pytest.raises(GalcatError, match="no labelled test galaxy of survey 'des'"):
        transfer(run, store, Split(table), quick, tmp_path / "out")
