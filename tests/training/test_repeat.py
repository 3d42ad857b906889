"""A run repeated from its folder: the same weights, its inputs checked, moved inputs found by a new path."""

import json
import shutil

import h5py
import numpy as np
import pytest

from galcat_core import models, stages
from galcat_core.cli import main
from galcat_core.errors import GalcatError
from galcat_core.records import Split
from galcat_core.runs import BOX, Run
from galcat_core.training import sameness
from galcat_core.training.repeat import inputs_of
from tests.training.tiny import NAME, TINY

# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(models.NETWORKS, NAME, TINY)


@pytest.fixture(scope="module")
def project(tmp_path_factory, make_store, make_table, make_split, config):
    """A store, a split in a file, a run of pretrained weights, and one that was fine-tuned from it."""
    folder = tmp_path_factory.mktemp("project")
    table = make_table(30)
    make_store(folder / "store", table)
    make_split(table, {"train": 18, "validation": 12}).save(folder / "split.parquet")
    weights = folder / "pretrained.weights.h5"
    TINY.application(False, None, (32, 32, 3)).save_weights(weights)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(models.NETWORKS, NAME, TINY)
        given = {"network": NAME, "weights": str(weights), "input_px": 32, "fine_tune_epochs": 1}
        settings = config.replace(train={**given, "limit": 16})
        made = folder / "store", folder / "split.parquet"
        stages.train(*made, folder / "first", settings)
        stages.train(*made, folder / "second", settings, parent=folder / "first")
    weights.unlink()  # the run keeps what it began with
    return folder


@pytest.fixture
def moved(project, tmp_path):
    """A copy of the project that a test may break."""
    return shutil.copytree(project, tmp_path / "moved")


def test_a_run_is_repeated_to_the_same_bits(project, tmp_path, capsys):
    first, out = Run.open(project / "first"), tmp_path / "again"
    assert main(["repeat", str(first.folder), "-o", str(out)]) == 0
    again = Run.open(out)
    assert again.weights.read_bytes() == first.weights.read_bytes()
    assert again.digest == first.digest
    assert again.info["computed_on"] == first.info["computed_on"]
    assert again.info["provenance"]["inputs"] == first.info["provenance"]["inputs"]
    told = json.loads((out / "repeat.json").read_text())
    assert (told["same"], told["exact"], told["changed"], told["epochs"]) == (True, True, 0, 0)
    assert told["of"] == {"name": "first", "digest": first.digest, "path": told["of"]["path"]}
    assert (out / told["of"]["path"]).resolve() == first.folder.resolve()
    spoken = capsys.readouterr()
    assert "the same, bit for bit" in spoken.err
    assert "val loss" in spoken.out
    # at the second time nothing is trained
    before = again.weights.stat().st_mtime_ns
    assert stages.repeat(first.folder, out).exact
    assert again.weights.stat().st_mtime_ns == before


def test_a_fine_tuned_run_from_what_it_kept(moved, tmp_path, capsys):
    second = Run.open(moved / "second")
    assert inputs_of(second).parent.folder == moved / "first"
    (moved / "first").rename(tmp_path / "elsewhere")
    with pytest.raises(
        GalcatError, match=r"first is gone, the run .*\(first, .*--from RUN.*--kept"
    ):
        inputs_of(second)
    with pytest.raises(GalcatError, match=r"shipped is not the run that .*second began from"):
        inputs_of(second, parent=BOX)
    given = inputs_of(second, parent=tmp_path / "elsewhere")
    assert (given.parent.digest, given.kept) == (second.info["parent"]["digest"], [])
    assert inputs_of(second, known=(tmp_path / "elsewhere",)).parent.digest == given.parent.digest
    (moved / "split.parquet").unlink()
    assert main(["repeat", str(second.folder), "-o", str(tmp_path / "own"), "--kept"]) == 0
    assert "galaxies, first weights as the run itself keeps them" in capsys.readouterr().err
    assert Run.open(tmp_path / "own").digest == second.digest


def test_each_input_that_is_gone_or_changed_is_named(moved, tmp_path, make_store, make_table):
    first, out = moved / "first", tmp_path / "again"
    split = Split.load(moved / "split.parquet")
    (moved / "split.parquet").rename(tmp_path / "sets.parquet")
    with pytest.raises(
        GalcatError, match=r"split\.parquet, which is gone; .*--split TABLE.*--kept"
    ):
        stages.repeat(first, out)
    fewer = split.table.assign(label=["spiral", *split.table["label"].tolist()[1:]])
    Split(fewer[fewer["id"] != 1005]).save(moved / "split.parquet")
    told = r"split\.parquet: not the galaxies .*first learnt from \(.*have another set or label.*--split"
    with pytest.raises(GalcatError, match=told):
        stages.repeat(first, out)
    given = {"split": tmp_path / "sets.parquet"}

    (moved / "store").rename(tmp_path / "pictures")
    with pytest.raises(GalcatError, match=r"pictures that are gone.*store 'store' is with --store"):
        stages.repeat(first, out, **given)
    make_store(moved / "store", make_table(31))
    with pytest.raises(GalcatError, match=r"not the pictures that .*\(sha256 .*was .*--store"):
        stages.repeat(first, out, **given)
    assert not out.exists()
    run, given = Run.open(first), {"store": tmp_path / "pictures", **given}
    assert inputs_of(run, **given).kept == []
    shard = tmp_path / "pictures" / "shard-00000.npy"
    pictures = np.load(shard)
    pictures[3, 40, 40] += 1
    np.save(shard, pictures)
    with pytest.raises(GalcatError, match=r"shard-00000\.npy: its pictures are not those"):
        inputs_of(run, **given)


def test_what_cannot_be_repeated_is_said(moved, tmp_path):
    with pytest.raises(GalcatError, match="a packed model, without the way"):
        stages.repeat(BOX, tmp_path / "again")
    with pytest.raises(GalcatError, match="is the run that is to be repeated"):
        stages.repeat(moved / "first", moved / "first")
    with pytest.raises(GalcatError, match="began with no other run's weights; leave out --from"):
        stages.repeat(moved / "first", tmp_path / "again", parent=moved / "second")
    with h5py.File(moved / "second" / "weights.weights.h5", "a") as file:
        file.attrs["touched"] = 1
    with pytest.raises(GalcatError, match="not the weights that the training wrote"):
        stages.repeat(moved / "second", tmp_path / "again")
    (moved / "first" / "report.json").unlink()
    with pytest.raises(GalcatError, match="is interrupted, not finished; let galcat train end"):
        stages.repeat(moved / "first", tmp_path / "again")


def test_a_run_that_names_no_split_has_its_own_galaxies(moved):
    """As those that were begun from Python with a split in no file."""
    run = Run.open(moved / "first")
    (run.folder / "run.json").write_text(json.dumps({**run.info, "split": None}))
    found = inputs_of(run)
    assert found.kept == ["galaxies"]
    assert found.split.table[["id", "set", "label"]].equals(run.samples[["id", "set", "label"]])
    (run.folder / "samples.parquet").unlink()
    with pytest.raises(GalcatError, match=r"samples\.parquet: gone; .*--split TABLE"):
        inputs_of(run)


def test_it_computes_with_as_many_threads_as_the_run_began_with(moved, monkeypatch):
    """Which the last bits depend on; the machine may have other cores by now."""
    from galcat_core.training import loop

    run, asked = Run.open(moved / "first"), []
    told = run.info["computed_on"]
    assert int(told["threads"]) >= 1 and "numpy" in told
    changed = {**run.info, "computed_on": {**told, "threads": "3"}}
    (run.folder / "run.json").write_text(json.dumps(changed))
    threading = loop.tf.config.threading  # which takes no other number once something was computed
    monkeypatch.setattr(threading, "set_intra_op_parallelism_threads", asked.append)
    loop.keep_threads(Run.open(run.folder), loop.Workers(0, 2))
    assert asked == []
    loop.keep_threads(Run.open(run.folder), loop.Workers())
    assert asked == [3]


def test_what_differs_is_told_and_several_workers_have_a_tolerance(moved, tmp_path):
    """A weight in ten is changed by hand: for one process too much, for several it depends."""
    run = Run.open(moved / "first")
    again = Run(shutil.copytree(run.folder, tmp_path / "again"))
    assert sameness.compare(run, again).exact

    def shift(part: float) -> sameness.Sameness:
        shutil.copyfile(run.weights, again.weights)
        with h5py.File(again.weights, "a") as file:
            kernel = file["layers/dense/vars/0"]
            values = kernel[()].ravel()
            values[::10] *= 1 + part
            kernel[...] = values.reshape(kernel.shape)
        return sameness.compare(run, again)

    little, much = shift(1e-4), shift(1.0)
    assert 0 < little.changed < little.total / 5
    assert 0 < little.weights < sameness.TOLERANCE["weights"] < much.weights
    assert not little.same
    assert "not the same: " in little.verdict()
    info = {**run.info, "workers": 2, "computed_on": {"tensorflow": "2.0.0"}}
    (moved / "first" / "run.json").write_text(json.dumps(info))
    assert shift(1e-4).same
    assert "the same within the tolerance for 2 workers" in shift(1e-4).verdict()
    assert not shift(1.0).same
    assert "tensorflow was 2.0.0, is" in shift(1.0).verdict()
