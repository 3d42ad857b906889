"""Prediction on a real Slurm of two nodes: the bytes of one process, whoever is killed."""

import numpy as np
import pandas as pd
import psutil
import pytest

from galcat_core import jobs
from galcat_core.cli import main as galcat
from galcat_core.images.shards import write_store
from galcat_core.inference.predicting import predict_to
from tests.blobs import blobs
from tests.small_runs import two_runs

COUNT = 120
pytestmark = [
    pytest.mark.slow,
    pytest.mark.slurm,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("idle_nodes"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn.t accept a copy"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    images, _ = blobs(COUNT, 40, seed=3)
    table = pd.DataFrame({"id": np.arange(COUNT)})
    return write_store(tmp_path_factory.mktemp("store") / "mine", images, table, survey="mine")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return two_runs(tmp_path_factory.mktemp("runs"))[0]


@pytest.fixture
def words(store, run, tmp_path, monkeypatch):
    """A command line that predicts on both nodes, one worker on each."""
    (tmp_path / "places.toml").write_text('[slurm]\npartition = "short"\ntime = "30"\n')
    monkeypatch.setenv("PYTHONPATH", str(jobs.__path__[0]).removesuffix("/galcat_core/jobs"))
    monkeypatch.chdir(tmp_path)
    given = ["predict", str(store.path), "--run", str(run), "--any-recipe", "--batch-size", "4"]
    return [*given, "-o", "p.parquet", "--on", "slurm", "--nodes", "2"]


@pytest.fixture(scope="module")
def alone(store, run, tmp_path_factory):
    """The table that one process writes."""
    out = tmp_path_factory.mktemp("alone") / "p.parquet"
    predict_to(out, run, store, batch_size=4, any_recipe=True, progress=False)
    return pd.read_parquet(out)


def test_two_nodes_write_what_one_process_writes(words, alone, tmp_path):
    assert galcat(words) == 0
    job = jobs.find("predict-1")
    state = jobs.wait(job)
    assert state.name == "finished", job.attempts[-1].log.read_text()
    assert pd.read_parquet("p.parquet").equals(alone)
    assert f"{COUNT}/{COUNT}" in job.attempts[-1].log.read_text()
    assert all(job.attempts[-1].rank_log(rank).is_file() for rank in (0, 1))
    assert not (tmp_path / "p.parquet.parts").exists()


def test_kill_9_of_a_node_s_worker_leaves_its_parts_to_the_other(words, alone, tmp_path, until):
    assert galcat(words) == 0
    job = jobs.find("predict-1")

    def workers():
        found = {}
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            if "galcat_core.inference.worker" in line and str(tmp_path) in line[-1]:
                found[process.environ().get("SLURM_PROCID")] = process
        return found

    until(lambda: len(workers()) == 2, "for both workers")
    workers()["1"].kill()
    state = jobs.wait(job)
    log = job.attempts[-1].log.read_text()
    assert state.name == "finished", log
    assert "worker 1 of 2 was killed by SIGKILL (is the memory full?): the others take" in log
    assert pd.read_parquet("p.parquet").equals(alone)
