"""Workers on machines to which a shared disk shows a run's folder at different times."""

import shutil

import numpy as np
import pytest

from galcat_core.training import checkpoint, disk, distributed
from galcat_core.training.distributed import Workers
from galcat_core.training.schedule import Progress


@pytest.mark.horovod
@pytest.mark.skipif(not distributed.has_horovod(), reason="Horovod is not installed")
def test_a_worker_to_whom_the_disk_shows_an_older_checkpoint_waits(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for name in ("run.json", "config.toml", "samples.parquet"):
        (run / name).write_text(name)
    shutil.copytree(run, tmp_path / "before")
    np.savez(run / checkpoint.NAME, progress=np.array(Progress(step=7).to_json()))
    (tmp_path / "seen-0").symlink_to(run)
    (tmp_path / "seen-1").symlink_to(tmp_path / "before")
    logs = tmp_path / "logs"
    distributed.launch("tests.training.actors", ["see_late", str(tmp_path)], 2, logs, None)
    for rank in (0, 1):
        refused, step = (tmp_path / f"told-{rank}").read_text().splitlines()
        assert "worker 1 does not see there what worker 0 sees, after 1 s" in refused
        assert step == "7"


def test_what_nobody_sees_is_not_waited_for(tmp_path):
    disk.wait_until_alike(tmp_path / "nowhere", Workers(), patience_seconds=0.0)
