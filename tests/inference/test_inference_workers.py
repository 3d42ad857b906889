"""Prediction and features by several processes: the same bytes, whoever is killed; as a job; on JAX."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from blobs import blobs
from command_line import galcat
from small_runs import two_runs

from galcat_core import backend, jobs
from galcat_core.errors import GalcatError
from galcat_core.images.shards import write_store
from galcat_core.images.store import CutoutStore
from galcat_core.inference import crew, worker
from galcat_core.inference.look import Size
from galcat_core.inference.plan import Plan
from galcat_core.inference.predicting import predict_to

# Keras 3.15 converts TensorFlow arrays in a way that NumPy 2 warns of
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn.t accept a copy keyword:DeprecationWarning"
)
ROOT = Path(__file__).resolve().parents[2]

RUNS: list[Path] = []  # two, see `runs`
COUNT = 120
SMALL = {"batch_size": 4, "part_rows": 4, "any_recipe": True}
SCRIPT = f"""
import sys
from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore
from galcat_core.inference.predicting import predict_to
try:
    predict_to(sys.argv[1], sys.argv[3:], CutoutStore.open(sys.argv[2]), workers=2, **{SMALL})
except GalcatError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module", autouse=True)
def runs(tmp_path_factory) -> None:
    RUNS[:] = two_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> CutoutStore:
    images, _ = blobs(COUNT, 40, seed=3)
    table = pd.DataFrame({"id": 2**60 + np.random.default_rng(0).permutation(COUNT)})
    folder = tmp_path_factory.mktemp("store") / "mine"
    return write_store(folder, images, table, survey="mine", shard_rows=50)


@pytest.fixture(scope="module")
def alone(store, tmp_path_factory) -> Path:
    """The table that one process makes of two runs."""
    out = tmp_path_factory.mktemp("alone") / "p.parquet"
    predict_to(out, RUNS, store, progress=False, **SMALL)
    return out


def begin(out: Path, store: CutoutStore, script: str = SCRIPT) -> subprocess.Popen:
    """Start a process that predicts with two workers."""
    return subprocess.Popen(
        [sys.executable, "-c", script, str(out), str(store.path), *map(str, RUNS)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        stderr=subprocess.PIPE,
        text=True,
    )


def parts_of(out: Path) -> list[Path]:
    return list(out.with_name(f"{out.name}.parts").glob("*/part-*.npz"))


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """Return the workers by their ranks."""
    children = psutil.Process(process.pid).children()
    return sorted(children, key=lambda child: child.environ()["GALCAT_RANK"])


def wait_for(condition, process: subprocess.Popen | None = None):
    deadline = time.monotonic() + 300
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        assert process is None or process.poll() is None, process.communicate()[1]
        time.sleep(0.005)
    return found


def test_two_workers_write_what_one_writes(store, tmp_path, capfd):
    """As of `embed` below, in a job, and with features beside them in test_predicting.py."""
    given = [store.path, "--run", RUNS[0], "--any-recipe", "--batch-size", 8]
    tables = [tmp_path / f"{workers}.parquet" for workers in (1, 2)]
    for workers, table in enumerate(tables, 1):
        assert galcat("predict", *given, "-o", table, "--workers", workers) == 0
    assert tables[0].read_bytes() == tables[1].read_bytes()
    assert np.ptp(pd.read_parquet(tables[0])["p_spiral"]) > 0
    assert f"{COUNT}/{COUNT}" in capfd.readouterr().err  # one bar over both


def test_a_worker_that_is_killed_leaves_its_parts_to_the_other(store, alone, tmp_path):
    """And to nobody else: another call on the same output is refused meanwhile."""
    out = tmp_path / "p.parquet"
    process = begin(out, store)
    wait_for(lambda: len(parts_of(out)) > 2, process)
    workers = workers_of(process)
    for one in workers:
        one.suspend()
    with pytest.raises(GalcatError, match="another galcat is making it"):
        predict_to(out, RUNS, store, progress=False, **SMALL)
    workers[1].kill()
    workers[0].resume()
    told = process.communicate()[1]
    assert process.returncode == 0, told
    assert "worker 1 of 2 was killed by SIGKILL (is the memory full?): the others take" in told
    assert out.read_bytes() == alone.read_bytes()
    assert not out.with_name("p.parquet.parts").exists()


def test_when_all_are_killed_it_is_told_and_another_call_makes_only_what_is_missing(
    store, alone, tmp_path, monkeypatch
):
    out = tmp_path / "p.parquet"
    process = begin(out, store)
    wait_for(lambda: len(parts_of(out)) > 2, process)
    for one in workers_of(process):
        one.kill()
    told = process.communicate()[1].strip().splitlines()[-1]
    assert process.returncode == 1
    assert "prediction stopped: worker 0 of 2 was killed by SIGKILL" in told
    assert told.endswith("the same command goes on from there")
    kept, made = len(parts_of(out)), []
    assert 2 < kept < 60
    make = Plan.make
    monkeypatch.setattr(Plan, "make", lambda self, *rest: (made.append(rest), make(self, *rest)))
    predict_to(out, RUNS, store, progress=False, **SMALL)  # by one process now
    assert len(made) == 60 - kept
    assert out.read_bytes() == alone.read_bytes()


def test_workers_end_with_a_head_that_is_killed(store, alone, tmp_path):
    out = tmp_path / "p.parquet"
    process = begin(out, store)
    workers = wait_for(lambda: workers_of(process), process)
    wait_for(lambda: parts_of(out), process)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(w.is_running() and w.status() != "zombie" for w in workers))
    predict_to(out, RUNS, store, progress=False, workers=2, **SMALL)
    assert out.read_bytes() == alone.read_bytes()


def test_a_mistake_in_the_input_is_told_as_if_there_were_no_workers(store, tmp_path, capfd):
    broken = tmp_path / "broken"
    shutil.copytree(store.path, broken)
    (broken / "shard-00001.npy").write_bytes(b"nothing")
    given = [broken, "--run", RUNS[0], "--any-recipe", "--batch-size", 8, "--workers", 2]
    assert galcat("predict", *given, "-o", tmp_path / "p.csv") == 2
    told = capfd.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("galcat predict: ") and "shard-00001.npy: missing or damaged" in told
    assert galcat("predict", *given[:-1], 0, "-o", tmp_path / "p.csv") == 2
    assert "workers = 0: at least 1 is legal" in capfd.readouterr().err
    assert galcat("embed", *given, "--nodes", 2, "-o", tmp_path / "e.csv") == 2
    assert "--nodes is of a job: name its place too" in capfd.readouterr().err


@pytest.mark.skipif(not backend.installed("jax"), reason="JAX is not installed")
@pytest.mark.slow
def test_two_workers_on_jax_write_what_one_writes(store, tmp_path):
    tables = [tmp_path / f"{workers}.parquet" for workers in (1, 2)]
    for workers, table in enumerate(tables, 1):
        words = ["embed", store.path, "--run", RUNS[0], "--any-recipe", "--batch-size", 8]
        words += ["--backend", "jax", "-o", table, "--workers", workers]
        subprocess.run(
            [sys.executable, "-m", "galcat_core.cli", *map(str, words)],
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if k != backend.VARIABLE},
            check=True,
        )
    assert tables[0].read_bytes() == tables[1].read_bytes()


def test_as_a_job_on_this_machine(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    given = [store.path, "--run", RUNS[0], "--any-recipe", "--batch-size", 8]
    assert galcat("embed", *given, "-o", "job.parquet", "--on", "local", "--workers", 2) == 0
    job = jobs.find("embed-1")
    assert jobs.wait(job, 300).name == "finished", job.attempts[-1].log.read_text()
    assert (tmp_path / job.attempts[-1].rank_log(1)).is_file()
    assert galcat("embed", *given, "-o", "here.parquet") == 0
    assert Path("job.parquet").read_bytes() == Path("here.parquet").read_bytes()
    assert galcat("embed", *given, "-o", "x.parquet", "--on", "local", "--nodes", 2) == 2


class Counting:
    """A plan whose parts are empty files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made = folder, []

    def missing(self) -> list[int]:
        return [n for n in range(8) if not (self.folder / str(n)).exists()]

    def make(self, number: int) -> None:
        self.made.append(number)
        time.sleep(0.01)
        (self.folder / str(number)).touch()


def test_a_part_is_made_once_and_one_that_comes_free_is_made(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "claims").mkdir()
    plan, claims = Counting(tmp_path / "parts"), tmp_path / "claims"
    dead = claims / "0-000003"
    dead.write_text("7")
    run = [threading.Thread(target=worker.work, args=([plan], claims, r)) for r in (0, 1)]
    for thread in run:
        thread.start()
    wait_for(lambda: plan.missing() == [3])
    assert all(thread.is_alive() for thread in run)
    dead.unlink()
    for thread in run:
        thread.join()
    assert sorted(plan.made) == list(range(8))


def test_a_slurm_job_has_its_own_number_of_workers(monkeypatch):
    monkeypatch.setenv("GALCAT_SRUN", "2 4")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    crew.check(8)
    crew.check(1)  # the first node alone
    with pytest.raises(GalcatError, match=r"3 workers in a job of 2 nodes with 4 tasks.*workers 8"):
        crew.check(3)


def test_parts_are_cut_by_the_number_of_galaxies_alone():
    sizes = {count: Size.of(count, 64).part_rows for count in (10, 9_000, 10**6, 27 * 10**6)}
    assert sizes == {10: 80, 9_000: 512, 10**6: 3968, 27 * 10**6: 4096}


@pytest.mark.parametrize(
    ("told", "place", "seen"),
    [("0,1,2", 4, "1"), ("5", 1, "5"), ("", 1, ""), ("GPU-a,GPU-b", 1, "GPU-b")],
)
def test_each_worker_sees_a_gpu_of_its_own(monkeypatch, told, place, seen):
    for name in ("TF_FORCE_GPU_ALLOW_GROWTH", "XLA_PYTHON_CLIENT_PREALLOCATE"):
        monkeypatch.setenv(name, "false")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
    worker.see_own_gpu(place)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == seen
