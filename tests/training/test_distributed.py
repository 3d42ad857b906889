"""Workers started, watched and stopped: real processes, without TensorFlow where it does not matter."""

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from galcat_core.errors import GalcatError
from galcat_core.jobs import crew
from galcat_core.training import distributed

ACTORS = "tests.training.actors"
ROOT = Path(__file__).resolve().parents[2]
LAUNCH = (
    "import sys\nfrom pathlib import Path\nfrom galcat_core.training.distributed import launch\n"
    f"launch({ACTORS!r}, ['sleep', sys.argv[1]], 2, Path(sys.argv[1]), None)\n"
)

pytestmark = pytest.mark.skipif(not distributed.has_horovod(), reason="Horovod is not installed")


@pytest.fixture(autouse=True)
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def wait_for(condition, seconds: float = 60.0):
    """Return the first true value of `condition()`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def pids(folder: Path) -> list[int] | None:
    files = [folder / f"pid-{rank}" for rank in range(2)]
    texts = [file.read_text() if file.is_file() else "" for file in files]
    return [int(text) for text in texts] if all(texts) else None


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def launcher(folder: Path) -> tuple[subprocess.Popen, list[int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(folder)], stderr=subprocess.DEVNULL
    )
    return process, wait_for(lambda: pids(folder))


def test_a_killed_worker_ends_the_job_with_the_reason_in_one_line(tmp_path):
    with pytest.raises(GalcatError) as told:
        distributed.launch(ACTORS, ["die", str(tmp_path)], 2, tmp_path, None)
    message = str(told.value)
    assert "worker 1 of 2 was killed by SIGKILL (is the memory full?)" in message
    assert "goes on from the last checkpoint" in message
    assert "\n" not in message


def test_the_worker_that_began_it_is_told_not_its_victim(tmp_path):
    with pytest.raises(GalcatError, match=r"worker 1 of 2 failed \(ZeroDivisionError: division"):
        distributed.launch(ACTORS, ["fail", str(tmp_path)], 2, tmp_path, None)


def test_a_mistake_in_the_input_is_told_as_if_there_were_no_workers(tmp_path):
    with pytest.raises(GalcatError, match=r"^the store is gone; make it again$"):
        distributed.launch(ACTORS, ["refuse", str(tmp_path)], 2, tmp_path, None)


def test_rank_0_alone_talks_to_the_terminal(tmp_path, capfd, monkeypatch):
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.delenv(name, raising=False)
    distributed.launch(ACTORS, ["say", str(tmp_path)], 2, tmp_path / "logs", None)
    assert capfd.readouterr().err == "progress of rank 0\n"
    logs = [(tmp_path / "logs" / f"rank-{rank}.txt").read_text() for rank in range(2)]
    assert logs == ["into the log\n", "into the log\nprogress of rank 1\n"]
    each = str(max(1, len(os.sched_getaffinity(0)) // 2))
    assert (tmp_path / "threads-1").read_text() == f"{each} {each}"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="workers share a single core")
def test_each_worker_has_cores_of_its_own(tmp_path):
    distributed.launch(ACTORS, ["say", str(tmp_path)], 2, tmp_path / "logs", None)
    (first, threads), (second, _) = (
        ast.literal_eval((tmp_path / f"cores-{rank}").read_text()) for rank in range(2)
    )
    assert len(first) == len(second) == threads == len(os.sched_getaffinity(0)) // 2
    assert not first & second
    assert crew.cores_of(0, 1) == crew.cores_of(0, 10_000) == set()


def test_ctrl_c_ends_all_workers(tmp_path):
    process, workers = launcher(tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) != 0
    assert all(map(gone, workers))


def test_workers_end_when_their_launcher_is_killed(tmp_path):
    process, workers = launcher(tmp_path)
    process.kill()
    process.wait()
    wait_for(lambda: all(map(gone, workers)), 10)


def test_numbers_of_workers_that_cannot_be_had(monkeypatch):
    with pytest.raises(GalcatError, match="workers = 0: at least 1"):
        distributed.check(0)
    distributed.check(2)
    monkeypatch.setattr(distributed, "has_horovod", lambda: False)
    distributed.check(1)
    with pytest.raises(
        GalcatError, match=r"2 workers need Horovod.*galcat\[horovod\].*--workers 1"
    ):
        distributed.check(2)
