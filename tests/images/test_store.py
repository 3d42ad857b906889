"""The store: any picture at once, killed and resumed to the same bytes, never half taken for whole."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import fields
import numpy as np
import pandas as pd
import psutil
import pytest
import slow_store

from galcat_core.errors import GalcatError
from galcat_core.images.plan import plan_shards
from galcat_core.images.shards import write_store
from galcat_core.images.store import CutoutStore, Flag, flag_names
from galcat_core.provenance import Provenance

HERE = Path(__file__).parent


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (100, 16, 16, 3), np.uint8)


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame({"id": np.arange(100) + 2**60, "label": ["spiral", None] * 50})


@pytest.fixture
def store(tmp_path, pictures, rows) -> CutoutStore:
    rejects = pd.DataFrame({"id": [5], "reason": ["outside every tile"]})
    work = Provenance("cutouts", {"one.csv": "12"}, {"a": 1}, "0")
    return write_store(
        tmp_path / "store",
        pictures,
        rows,
        survey="sdss",
        rejects=rejects,
        provenance=work,
        shard_rows=30,
    )


def test_pictures_come_in_the_order_asked(store, pictures):
    order = np.random.default_rng(1).permutation(100)
    assert np.array_equal(store.images(order), pictures[order])
    assert np.array_equal(store.images([7, 7, 3]), pictures[[7, 7, 3]])
    assert np.array_equal(store.images(slice(20, 75)), pictures[20:75])
    assert np.array_equal(store.images(slice(None, None, -7)), pictures[::-7])
    assert store.images([]).shape == (0, 16, 16, 3)


def test_a_run_in_one_shard_is_a_view_of_the_file(store):
    run = store.images(np.arange(31, 59))
    assert not run.flags.owndata
    assert not run.flags.writeable
    assert np.shares_memory(run, store.images([40]))


def test_ids_are_exact_and_carry_their_columns(store, rows):
    assert store.ids.dtype == np.int64
    assert np.array_equal(store.ids, rows["id"])
    assert store.rows_of([2**60 + 40, 2**60 + 7]).tolist() == [40, 7]
    assert store.table["label"].tolist() == rows["label"].tolist()
    assert store.survey == "sdss"
    assert store.provenance.inputs == {"one.csv": "12"}
    assert len(store) == 100


def test_unknown_and_rejected_ids_are_told(store):
    with pytest.raises(GalcatError, match="first 12"):
        store.rows_of([2**60, 12])
    with pytest.raises(GalcatError, match=r"first 5 \(rejected: outside every tile\)"):
        store.rows_of([5])
    with pytest.raises(GalcatError, match="rows are 0 to 99"):
        store.images([100])
    with pytest.raises(GalcatError, match="rows are 0 to 99"):
        store.images([-1])


def test_a_pickled_store_serves_other_processes(store, pictures):
    store.images([0])
    assert np.array_equal(pickle.loads(pickle.dumps(store)).images([99]), pictures[[99]])
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert np.array_equal(pool.submit(store.images, [50, 2]).result(), pictures[[50, 2]])


def test_opening_reads_the_index_alone(store):
    for file in store.path.glob("shard-*"):
        file.unlink()
    again = CutoutStore.open(store.path)
    assert len(again) == 100
    with pytest.raises(GalcatError, match=r"shard-00000\.npy: missing or damaged"):
        again.images([0])


def test_text_ids_and_many_shards(tmp_path, pictures):
    names = pd.DataFrame({"id": [f"deep/{i}.png" for i in range(100)]})
    store = write_store(tmp_path / "s", pictures, names, survey="x", shard_rows=1)
    assert store.rows_of(["deep/90.png"]).tolist() == [90]
    assert np.array_equal(store.images(np.arange(99, -1, -1)), pictures[::-1])


def test_equal_work_gives_equal_digests(tmp_path, pictures, rows, store):
    again = write_store(tmp_path / "b", pictures, rows, survey="sdss", shard_rows=30)
    assert again.digest == store.digest
    assert (again.path / "DIGEST").read_text().strip() == again.digest
    other = write_store(tmp_path / "c", pictures[::-1], rows, survey="sdss", shard_rows=30)
    assert other.digest != store.digest


def test_damage_is_found(store):
    store.verify()
    file = store.path / "shard-00002.npy"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    with pytest.raises(GalcatError, match=r"shard-00002\.npy: its pictures are not those"):
        CutoutStore.open(store.path).verify()
    file.write_bytes(raw[:200])
    with pytest.raises(GalcatError, match="damaged"):
        CutoutStore.open(store.path).images([70])


def test_no_store_and_unfinished_store(tmp_path, store):
    with pytest.raises(GalcatError, match="no such folder"):
        CutoutStore.open(tmp_path / "nowhere")
    with pytest.raises(GalcatError, match="no cutout store"):
        CutoutStore.open(tmp_path)
    (store.path / "index.parquet").unlink()
    (store.path / "shard-00003.parquet").unlink()
    with pytest.raises(GalcatError, match=r"not finished \(3 of 4 shards\); run the command"):
        CutoutStore.open(store.path)


def test_other_settings_and_inputs_are_refused_by_name(tmp_path):
    def write(folder="s", size=16, survey="sdss", shift=0, inputs="12", **settings):
        images = np.zeros((4, size, size, 3), np.uint8)
        ids = pd.DataFrame({"id": np.arange(4) + shift})
        work = Provenance("cutouts", {"one.csv": inputs}, {}, "0")
        return write_store(
            tmp_path / folder,
            images,
            ids,
            survey=survey,
            settings={"q": 1, **settings},
            provenance=work,
        )

    first = write()
    assert write().digest == first.digest
    with pytest.raises(GalcatError, match=r"q was 1, is 2.*choose another -o, or delete"):
        write(q=2)
    with pytest.raises(GalcatError, match='survey was "sdss", is "des"'):
        write(survey="des")
    with pytest.raises(GalcatError, match=r'input one\.csv was "12", is "13"'):
        write(inputs="13")
    with pytest.raises(GalcatError, match="other objects, positions, columns or image files"):
        write(shift=1)


def test_a_folder_of_something_else_is_left_alone(tmp_path, pictures, rows):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(GalcatError, match="no cutout store"):
        write_store(tmp_path, pictures, rows, survey="x")
    with pytest.raises(GalcatError, match="is a file"):
        write_store(tmp_path / "thesis.tex", pictures, rows, survey="x")
    assert (tmp_path / "thesis.tex").read_text() == "x"


def test_wrong_arrays_are_refused(tmp_path, pictures, rows):
    with pytest.raises(GalcatError, match=r"\(N, size, size, 3\) is wanted"):
        write_store(tmp_path / "s", pictures[:, :8], rows, survey="x")
    with pytest.raises(GalcatError, match="100 rows for 99 pictures"):
        write_store(tmp_path / "s", pictures[:99], rows, survey="x")
    with pytest.raises(GalcatError, match="stand more than once"):
        write_store(tmp_path / "s", pictures, rows.assign(id=7), survey="x")
    with pytest.raises(GalcatError, match="no picture can be made"):
        write_store(tmp_path / "s", pictures[:0], rows[:0], survey="x")


def test_units_keep_a_tile_together():
    table = pd.DataFrame({"id": range(12)})
    groups = ["a"] * 2 + ["b"] * 3 + ["c"] * 6 + ["d"]
    units = plan_shards(table, 4, groups)
    assert [unit.job for unit in units] == [["a"], ["b"], ["c"], ["d"]]
    assert [unit.first for unit in units] == [0, 1, 2, 4]
    assert [[len(s) for s in unit.shards] for unit in units] == [[2], [3], [4, 2], [1]]
    small = plan_shards(table, 6, groups)
    assert [unit.job for unit in small] == [["a", "b"], ["c"], ["d"]]


def test_flags_have_names():
    assert flag_names(Flag.EDGE | Flag.BAND_MISSING) == "EDGE BAND_MISSING"
    assert flag_names(0) == ""


def _start(folder: Path, workers: int, pause: float) -> subprocess.Popen:
    code = "import slow_store; slow_store.main()"
    command = [sys.executable, "-c", code, str(folder), str(workers), str(pause)]
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    return subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE, text=True
    )


def _until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_in_the_middle_and_resumed_to_the_same_bytes(tmp_path, workers):
    slow_store.build(tmp_path / "straight")
    folder = tmp_path / "killed"
    process = _start(folder, workers, pause=0.4)
    _until(lambda: len(list(folder.glob("shard-*.parquet"))) >= 2)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _until(lambda: not any(p.is_running() and p.status() != "zombie" for p in family))
    done = {p.name: p.stat().st_mtime_ns for p in folder.glob("shard-*.parquet")}
    assert 2 <= len(done) < 6
    with pytest.raises(GalcatError, match="not finished"):
        CutoutStore.open(folder)
    (folder / ".partial-123-shard-00005.npy").write_bytes(b"torn")
    store = slow_store.build(folder)
    assert len(store) == 54
    assert store.rejects["id"].tolist() == [10**18 + 9 + 10 * i for i in range(6)]
    assert fields.contents(folder) == fields.contents(tmp_path / "straight")
    assert {n: (folder / n).stat().st_mtime_ns for n in done} == done, "done shards were made again"


def test_pictures_that_were_made_but_not_indexed_are_made_again(tmp_path):
    slow_store.build(tmp_path / "straight")
    slow_store.build(tmp_path / "s")
    for name in ("index.parquet", "shard-00002.parquet"):
        (tmp_path / "s" / name).unlink()
    (tmp_path / "s" / "shard-00002.npy").write_bytes(b"half")
    slow_store.build(tmp_path / "s")
    assert fields.contents(tmp_path / "s") == fields.contents(tmp_path / "straight")


def test_two_writers_at_once_are_refused(tmp_path):
    process = _start(tmp_path / "s", 1, pause=0.5)
    _until(lambda: (tmp_path / "s" / "store.json").is_file())
    with pytest.raises(GalcatError, match="another galcat is writing"):
        slow_store.build(tmp_path / "s")
    assert process.wait(60) == 0, process.communicate()
    process.stderr.close()
    assert len(CutoutStore.open(tmp_path / "s")) == 54


def test_a_full_disk_is_told_in_one_line_and_nothing_half_written_stays(tmp_path):
    """The limit on the size of files stands in for the disk: writing fails in the same places."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(GalcatError, match=r"cannot write .*shard-00000\.npy: ") as told:
            slow_store.build(tmp_path / "s")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(told.value)
    assert [p.name for p in (tmp_path / "s").iterdir()] == ["store.json"]
    with pytest.raises(GalcatError, match="not finished"):
        CutoutStore.open(tmp_path / "s")
    assert len(slow_store.build(tmp_path / "s")) == 54


def test_a_script_needs_no_guard(tmp_path):
    """Spawned workers would run the script again if they were told of it."""
    script = tmp_path / "script.py"
    script.write_text(
        f"import slow_store, pathlib\nprint('once')\n"
        f"slow_store.build(pathlib.Path({str(tmp_path / 's')!r}), workers=2)\n"
    )
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "once\n"
    assert len(CutoutStore.open(tmp_path / "s")) == 54


def test_a_worker_that_dies_is_told(tmp_path):
    process = _start(tmp_path / "s", 2, pause=1.0)
    _until(lambda: list((tmp_path / "s").glob("shard-*.parquet")))
    workers = [
        p
        for p in psutil.Process(process.pid).children()
        if "multiprocessing.spawn" in " ".join(p.cmdline())
    ]
    workers[0].kill()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "GalcatError: a worker process died" in told
    assert len(slow_store.build(tmp_path / "s")) == 54
