"""One holder of a folder, whichever machine it is on: real processes, in real other host names."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from galcat_core.errors import GalcatError
from galcat_core.jobs import lease
from galcat_core.jobs.process import Process

HOLD = [sys.executable, "-m", "tests.jobs.programs", "hold"]
CAN_BE_ANOTHER_HOST = (
    shutil.which("unshare") is not None
    and subprocess.run(["unshare", "--uts", "true"], capture_output=True).returncode == 0
)
elsewhere = pytest.mark.skipif(
    not CAN_BE_ANOTHER_HOST, reason="no other host name may be had here (unshare --uts)"
)


@pytest.fixture
def holder():
    """Start processes that hold a folder; kill them in the end."""
    started = []

    def start(folder, host=None):
        other = ["unshare", "--uts", "sh", "-c", f'hostname {host}; exec "$0" "$@"'] if host else []
        process = subprocess.Popen(
            [*other, *HOLD, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_holder_is_refused_and_told_of_the_first(tmp_path, holder):
    process = holder(tmp_path)
    assert process.stdout.readline() == "held\n"
    assert lease.is_held(tmp_path)
    with (
        pytest.raises(GalcatError, match=f"is being trained by process {process.pid} on"),
        lease.held(tmp_path, "being trained"),
    ):
        pass


def test_a_holder_that_was_killed_holds_nothing(tmp_path, holder):
    process = holder(tmp_path)
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.wait()
    assert not lease.is_held(tmp_path)
    with lease.held(tmp_path, "being trained"):
        assert lease.is_held(tmp_path)
        assert [p.name for p in tmp_path.iterdir()] == [".held-000002"]
    assert not list(tmp_path.iterdir())


@elsewhere
def test_a_living_holder_on_another_machine_is_told_by_its_touches(
    tmp_path, holder, monkeypatch, capsys
):
    process = holder(tmp_path, "elsewhere")
    assert process.stdout.readline() == "held\n"
    assert lease.holder(tmp_path).process.alive() is None
    assert lease.is_held(tmp_path)
    with (
        pytest.raises(GalcatError, match=r"is being trained by process .* on elsewhere"),
        lease.held(tmp_path, "being trained"),
    ):
        pass
    assert "looking for a sign of life" in capsys.readouterr().err


@elsewhere
def test_a_dead_holder_on_another_machine_is_told_by_its_silence(tmp_path, holder, capsys):
    process = holder(tmp_path, "elsewhere")
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.wait()
    with lease.held(tmp_path, "being trained", quiet_seconds=1.0):
        assert lease.holder(tmp_path).process.alive()
    assert "looking for a sign of life" in capsys.readouterr().err


def test_one_of_many_gets_the_folder_of_a_dead_holder(tmp_path, holder):
    """Each time that it is free exactly one has it, and in the end all have had it."""
    process = holder(tmp_path)
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.wait()
    inside, most, lock = [], [], threading.Lock()

    def take(number):
        while True:
            try:
                with lease.held(tmp_path, "being trained"):
                    with lock:
                        inside.append(number)
                        most.append(len(inside))
                    time.sleep(0.002)
                    with lock:
                        inside.remove(number)
                return True
            except GalcatError:
                time.sleep(0.001)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(take, range(24)))
    assert most == [1] * 24


def test_who_lost_the_folder_is_interrupted(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.05)
    with pytest.raises(KeyboardInterrupt), lease.held(tmp_path, "being trained"):
        (tmp_path / ".held-000001").unlink()
        signal.pause()
    assert "another process took over" in capsys.readouterr().err


def test_a_file_that_is_not_whole_is_watched_not_believed(tmp_path):
    (tmp_path / ".held-000003").write_text('{"process"')
    with lease.held(tmp_path, "being trained", quiet_seconds=0.5):
        assert lease.holder(tmp_path).number == 4


def test_a_process_id_used_again_is_another_process():
    mine = Process.of(os.getpid())
    assert mine.alive()
    assert Process.from_dict(json.loads(json.dumps(mine.to_dict()))) == mine
    values = mine.to_dict()
    assert Process.from_dict({**values, "started": "12"}).alive() is False
    assert Process.from_dict({**values, "boot": "before"}).alive() is False
    assert Process.from_dict({**values, "space": "pid:[1]"}).alive() is None
    assert Process.from_dict({**values, "host": "elsewhere"}).alive() is None
