"""galcat scaling on a real Slurm: one worker on one node, two on two."""

import json
from pathlib import Path

import pytest

from galcat_core import jobs
from galcat_core.cli import main as galcat

pytestmark = [
    pytest.mark.slow,
    pytest.mark.slurm,
    pytest.mark.horovod,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("idle_nodes"),
]


def test_points_on_one_node_and_on_two(tmp_path, monkeypatch, capfd):
    (tmp_path / "places.toml").write_text('[slurm]\npartition = "short"\ntime = "30"\n')
    monkeypatch.setenv("PYTHONPATH", str(Path(jobs.__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    words = ["scaling", "-o", "s", "--workers", "1", "2", "--turns", "1", "--on", "slurm"]
    words += ["--epochs", "2", "--pictures", "32", "--batch-size", "8"]
    assert galcat(words) == 0, capfd.readouterr().err
    told = json.loads(Path("s/scaling.json").read_text())
    assert [point["workers"] for point in told["points"]] == [1, 2]
    assert told["points"][1]["exchanges"]
    shapes = [job.shape for job in jobs.jobs_of("jobs")]
    assert [(shape.nodes, shape.tasks_per_node) for shape in shapes] == [(1, 1), (2, 1)]
    capfd.readouterr()
    assert galcat(words) == 0
    assert "2 workers, turn 1: measured before" in capfd.readouterr().err
    assert len(jobs.jobs_of("jobs")) == 2
