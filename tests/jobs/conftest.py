"""A project whose jobs run in the root of the checkout, a real Slurm, and a way to wait for what they do."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from galcat_core import jobs
from galcat_core.config import Config
from galcat_core.runs import Run
from galcat_core.stages.jobs import start_train
from galcat_core.training import distributed
from tests.jobs import slurm_jobs
from tests.jobs.cluster import Cluster, cluster, why_not
from tests.training.conftest import split_of, store_of, table_of

Found = TypeVar("Found")
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 300.0
EPOCHS = 2


def wait_for(condition: Callable[[], Found], what: str = "") -> Found:
    """Return the first true value of `condition()`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain {what}"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="session")
def until():
    return wait_for


@pytest.fixture(autouse=True)
def at_root(monkeypatch):
    """The jobs of the tests are modules of the checkout."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A store, a split and a config that two workers learn from in seconds."""
    if not distributed.has_horovod():
        pytest.skip("Horovod is not installed")
    folder = tmp_path_factory.mktemp("project")
    store_of(folder / "store", table_of(64))
    split_of(table_of(64), {"train": 37, "validation": 13, "test": 14}).save(
        folder / "split.parquet"
    )
    settings = {"epochs": EPOCHS, "batch_size": 4, "seed": 3, "checkpoint_seconds": 0.0}
    Config().replace(train=settings, augment={"noise": 0.02}).save(folder / "config.toml")
    return folder


@pytest.fixture(scope="session")
def local_job(project: Path) -> jobs.Job:
    """A training by two workers on this machine, started as a job and finished."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        config = Config.load("config.toml")
        job = start_train("store", "split.parquet", "runs/here", config, "local", workers=2)
        assert jobs.wait(job, PATIENCE_SECONDS).name == "finished"
    return job


@pytest.fixture(scope="session")
def local_run(local_job: jobs.Job) -> Run:
    return Run.open(local_job.out)


@pytest.fixture(scope="session")
def slurm() -> Iterator[Cluster]:
    """A real Slurm: nodes `n1` and `n2` of partition `short`, others aside."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with cluster() as made:
        yield made


@pytest.fixture(scope="session")
def waiting(request, slurm: Cluster, tmp_path_factory) -> dict[str, tuple[jobs.Job, Path]]:
    """Jobs that mostly wait, by the name of their test: begun early, if it is among those that run."""
    asked = {item.name for item in request.session.items}
    made = {}
    for test, begin in slurm_jobs.WAITING.items():
        if test in asked:
            folder = tmp_path_factory.mktemp("waiting")
            made[test] = begin(slurm, folder, wait_for), folder
    return made


@pytest.fixture
def idle_nodes(slurm: Cluster, waiting) -> None:
    """The test begins with both nodes idle."""
    for partition in ("short", "urgent"):
        slurm.ask("scancel", f"--partition={partition}")
    wait_for(slurm.ready, "for idle nodes")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of jobs; what is left of them ends with the test."""
    yield tmp_path / "jobs"
    for job in jobs.jobs_of(tmp_path / "jobs"):
        if jobs.state(job).live:
            jobs.cancel(job)
    shutil.rmtree(tmp_path / "jobs", ignore_errors=True)
