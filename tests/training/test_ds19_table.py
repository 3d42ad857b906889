"""The five experiments: their table beside the published one, on tiny pictures of two surveys."""

import json

import numpy as np
import pandas as pd
import pytest

from galcat_core.errors import GalcatError
from galcat_core.records import Split
from galcat_core.results import ds19_table
from galcat_core.runs import Run
from galcat_core.stages import ds19
from galcat_core.training.ds19_plot import published_point
from galcat_core.training.ds19_published import QUESTIONS, TABLE, settings

# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
QUICK = settings().replace(
    train={"epochs": 1, "fine_tune_epochs": 1, "batch_size": 8}, evaluate={"bootstrap": 20}
)


@pytest.fixture(scope="module")
def project(tmp_path_factory, make_store, make_table):
    """Stores of the same 72 galaxies in two surveys, their pairs, and votes on bars."""
    folder = tmp_path_factory.mktemp("ds19")
    source, target = make_table(72), make_table(72, first=5000)
    make_store(folder / "sdss", source, "sdss")
    make_store(folder / "des", target, "des")
    pairs = pd.DataFrame({"left_id": source["id"], "right_id": target["id"]})
    pairs.assign(separation_arcsec=0.1, ambiguous=False).to_parquet(folder / "pairs.parquet")
    barred = (source["label"] == "spiral").to_numpy()
    agreed = np.where(np.arange(72) % 12 < 11, 20, 11)  # some with answers that are not robust
    votes = {"t03_bar_a06_bar_count": np.where(barred, agreed, 20 - agreed)}
    votes["t03_bar_a07_no_bar_count"] = 20 - votes["t03_bar_a06_bar_count"]
    pd.DataFrame({"id": source["id"], **votes}).to_parquet(folder / "votes.parquet")
    return folder


def asked(folder, **more):
    """Run the stage on the stores and votes."""
    given = {"source": folder / "sdss", "target": folder / "des"}
    given |= {"votes": folder / "votes.parquet", "pairs": folder / "pairs.parquet"}
    return ds19(folder / "out", QUICK, questions=["q3"], scale=0.001, **given, **more)


@pytest.fixture(scope="module")
def table(project):
    return asked(project)


def test_the_table_stands_beside_the_published_one(project, table):
    assert table["letter"].tolist() == ["0", "a", "b", "c", "d"]
    assert table["ntrain"].tolist() == [20, 0, 20, 20, 20]
    assert table["published_ntrain"].tolist() == [10000, 0, 300, 300, 300]
    assert table["published_accuracy"].tolist() == [0.96, 0.95, 0.95, 0.89, 0.10]
    assert table["ntest"].between(10, 20).all()
    told = json.loads((project / "out/metrics.json").read_text())["q3"]
    for row in table.itertuples():
        assert told[row.letter]["metrics"]["accuracy"]["value"] == row.accuracy
        assert told[row.letter]["positive"] == "bar"
    assert pd.read_csv(project / "out/ds19.csv")["accuracy"].tolist() == table["accuracy"].tolist()
    assert (project / "out/roc.pdf").read_bytes().startswith(b"%PDF")
    shown = ds19_table(table, "q3")
    accuracies = list(next(c for c in shown.columns if c.header == "accuracy").cells)
    assert accuracies[1::2] == ["0.96", "0.95", "0.95", "0.89", "0.10"]
    assert [cell[:5] for cell in accuracies[::2]] == [f"{x:.3f}" for x in table["accuracy"]]


def test_runs_are_the_papers(project, table):
    first = Run.open(project / "out/q3/sdss")
    runs = {
        n: Run.open(project / "out/q3/des" / n)
        for n in ("all_layers", "dense_layers", "from_scratch")
    }
    assert first.config.train.class_weights and first.positive == "bar"
    assert first.config.augment.rotation_deg == 45 and first.config.calibrate.method == "none"
    assert runs["all_layers"].info["parent"]["digest"] == first.digest
    assert runs["dense_layers"].config.train.layers == "dense"
    assert runs["from_scratch"].info["parent"] is None


def test_only_robust_answers_are_learnt_and_judged_and_no_twin_is_on_two_sides(project, table):
    sets = Split.load(project / "out/q3/split.parquet")
    labelled = sets.table[sets.table["label"].notna()]
    assert set(labelled["label"]) == {"bar", "no_bar"}
    vague = {1000 + k for k in range(72) if k % 12 == 11}
    assert not vague & set(labelled["id"])
    sides = labelled.assign(galaxy=labelled["id"] % 1000 % 4000).groupby("galaxy")["set"].nunique()
    assert (sides == 1).all()


def test_done_again_nothing_is_trained(project, table):
    kept = [*(project / "out").rglob("*.h5"), *(project / "out").rglob("roc.*")]
    before = [path.stat().st_mtime_ns for path in kept]
    assert asked(project).equals(pd.read_csv(project / "out/ds19.csv", dtype={"letter": str}))
    assert [path.stat().st_mtime_ns for path in kept] == before


def test_published_figures_are_whole():
    assert len(TABLE) == 15
    assert {name for name, _ in TABLE} == set(QUESTIONS)
    for row in TABLE.values():
        assert 0 < row.npos < row.ntest and 0 < row.precision <= 1
    # question 3 from scratch: all are called bars; recall 1, and precision the share of bars
    point = published_point(
        pd.Series({f"published_{k}": v for k, v in vars(TABLE["q3", "d"]).items()})
    )
    assert point == (1.0, 1.0)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"questions": ["q4"]}, "q4: legal are q1, q2, q3"),
        ({"scale": 0.0}, "--scale 0: above 0"),
        ({"source": "x"}, "--source and --target go together"),
        ({"votes": "x"}, "need --source STORE and --target STORE"),
        ({"source": "x", "target": "y"}, "say where the labels come from"),
        ({"source": "x", "target": "y", "votes": "v"}, "--votes and --pairs go together"),
        ({"source": "x", "target": "y", "sky": "s"}, "give one of them"),
        (
            {"source": "x", "target": "y", "split": "s", "questions": ["q1", "q2"]},
            "the labels of one question",
        ),
        ({"source": "x", "target": "y", "split": "s"}, "x: no such store"),
    ],
)
def test_what_does_not_go_together_is_told_in_one_line(tmp_path, given, told):
    with pytest.raises(GalcatError, match=told) as error:
        ds19(tmp_path / "out", QUICK, **given)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_labels_of_a_split_are_given_the_questions_names(project, tmp_path):
    source = pd.read_parquet(project / "out/q3/split.parquet")
    Split(source.assign(label=source["label"].replace({"bar": "SB"}))).save(tmp_path / "s.parquet")
    given = {"source": project / "sdss", "target": project / "des", "split": tmp_path / "s.parquet"}
    with pytest.raises(
        GalcatError, match="classes no_bar, bar; say which is which, as --classes SB="
    ):
        ds19(tmp_path / "out", QUICK, questions=["q3"], **given)
