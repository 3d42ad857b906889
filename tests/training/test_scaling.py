"""galcat scaling: two real Horovod workers on tiny pictures, what is written, what is kept, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from galcat_core import jobs
from galcat_core.cli import main as galcat
from galcat_core.config import Config
from galcat_core.evaluation import scaling_plot
from galcat_core.results_scaling import scaling_tables
from galcat_core.runs import Run
from galcat_core.sky.sketch import sketch
from galcat_core.training import distributed, scaling, scaling_report
from galcat_core.training.scaling import Course
from galcat_core.training.scaling_model import Costs

TRUE = Costs(picture=0.01, waiting=0.02, latency=0.003, seconds_a_byte=2e-10)
BYTES = 10_000_000
needs_two_cores = pytest.mark.skipif(
    not distributed.has_horovod() or scaling.places_here()[0] < 2, reason="two workers are wanted"
)


def course(folder: Path, workers=(1, 2), kind="weak", turns=2) -> Course:
    config = Config().replace(train={"batch_size": 16, "epochs": 3})
    return Course(folder, workers, kind, 16, turns, config, 0, max(workers))


def turn(workers: int, number: int) -> dict:
    """What a worker would find if the model were the truth."""
    step = TRUE.step(workers, 16, BYTES) * (1 + 0.01 * number)
    speed = 16 * workers / step
    return {
        "workers": workers,
        "pictures": 1600,
        "steps": 100 // workers,
        "batch": 16.0,
        "gradient_bytes": BYTES,
        "epochs": [
            {"images_per_second": speed, "seconds": 1600 / speed, "val_loss": loss}
            for loss in (0.6, 0.4, 0.2)
        ],
        "exchanges": [
            {"bytes": size, "seconds": [TRUE.communicating(workers, size)] * 3}
            for size in (BYTES, BYTES // 64)
            if workers > 1
        ],
        "host": "n1",
        "device": "NVIDIA K80",
        "cores": None,
    }


def told_of(folder: Path, workers=(1, 2), **more) -> dict:
    found = {count: [turn(count, number) for number in range(2)] for count in workers}
    return scaling_report.report(course(folder, workers), found, **more)


def test_speeds_efficiencies_and_what_the_model_expects(tmp_path):
    told = told_of(tmp_path)
    one, two = told["points"]
    assert (one["speed_up"]["median"], one["efficiency"]["median"]) == (1, 1)
    assert two["efficiency"]["median"] == pytest.approx(0.16 / TRUE.step(2, 16, BYTES))
    assert two["ideal_images_per_second"] == 2 * one["images_per_second"]["median"]
    assert told["target_loss"] == 0.2
    assert one["seconds_to_loss"]["median"] == pytest.approx(3 * 1.005 * 16, rel=0.01)
    model = told["model"]
    assert (model["label"], model["source"]) == ("MODEL", "allreduce")
    assert [row["workers"] for row in model["expected"]] == [8, 16, 32, 64, 128, 256, 512]
    last = model["expected"][-1]["efficiency"]
    assert last["low"] <= 0.16 / TRUE.step(512, 16, BYTES) <= last["high"]
    assert "weak scaling" in " ".join(model["assumptions"])
    table = scaling_report.table(told)
    assert set(table["kind"]) >= {"measured", "MODEL", "Khan et al. 2019"}
    assert (table.groupby("kind").size()[["measured", "MODEL"]] == [2, 7]).all()


def test_the_time_to_a_loss_is_between_epochs_and_without_the_first_one_s_compiling():
    epochs = [{"seconds": s, "val_loss": loss} for s, loss in ((60, 0.8), (10, 0.4), (10, 0.3))]
    assert scaling_report.seconds_to(0.8, epochs) == 10
    assert scaling_report.seconds_to(0.6, epochs) == 15
    assert scaling_report.seconds_to(0.3, epochs) == 30
    assert scaling_report.seconds_to(0.1, epochs) is None


@pytest.mark.parametrize(
    ("workers", "more"),
    [((1, 2, 4), {}), ((1,), {}), ((1,), {"bandwidth_gb_s": 1.0, "latency_us": 20_000.0})],
)
def test_the_figure_is_drawn_the_same_each_time(tmp_path, workers, more):
    told = told_of(tmp_path, workers, **more)
    files = [scaling_plot.save(scaling_plot.scaling(told), tmp_path / name) for name in "ab"]
    assert [file.suffix for file in files[0]] == [".png", ".svg"]
    for one, two in zip(*files, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert np.ptp(np.asarray(Image.open(files[0][0]))) > 0
    assert all(table.row_count for table in scaling_tables(told))


def test_sketches_are_the_same_however_many(tmp_path):
    few, label = sketch(10, 40)
    many, _ = sketch(300, 40)
    assert (many[:10] == few).all() and few.shape == (10, 40, 40, 3)
    assert list(label[:2]) == ["elliptical", "spiral"]


@needs_two_cores
@pytest.mark.horovod
@pytest.mark.slow
def test_two_real_workers_and_again_nothing_is_measured_twice(tmp_path, capfd, monkeypatch):
    words = ["scaling", "-o", str(tmp_path / "s"), "--workers", "2", "1", "--turns", "1"]
    words += ["--epochs", "2", "--pictures", "64", "--batch-size", "8"]
    assert galcat(words) == 0, capfd.readouterr().err
    told = json.loads((tmp_path / "s/scaling.json").read_text())
    assert [point["workers"] for point in told["points"]] == [1, 2]
    for point in told["points"]:
        assert point["images_per_second"]["median"] > 0 and point["seconds_to_loss"]
    exchanges = told["points"][1]["exchanges"]
    assert len(exchanges) == 4 and all(one["median"] > 0 for one in exchanges)
    assert told["gradient_bytes"] == 4 * 2_602_849  # all of DS18
    assert told["model"]["source"] == "allreduce"
    table = pd.read_csv(tmp_path / "s/scaling.csv")
    assert (table["kind"] == "measured").sum() == 2
    assert all((tmp_path / f"s/scaling.{kind}").stat().st_size > 10_000 for kind in ("png", "svg"))
    assert "MODEL, not measured" in capfd.readouterr().out
    points = sorted((tmp_path / "s/points").glob("*/point.json"))
    assert len(points) == 2
    assert not list((tmp_path / "s/points").glob("*/*.h5"))  # nothing is left lying about
    before, found, again = points[1].stat().st_mtime_ns, points[0].read_text(), []

    def measure(run: Run, shares: int) -> None:
        again.append(run.info["workers"])
        (run.folder / scaling.POINT).write_text(found)

    points[0].unlink()  # one that was not measured to its end
    monkeypatch.setattr(scaling, "measure", measure)
    assert galcat(words) == 0
    assert "2 workers, turn 1: measured before" in capfd.readouterr().err
    assert (again, points[1].stat().st_mtime_ns) == ([1], before)
    assert galcat([*words, "--learning-rate", "0.1"]) == 2
    assert "train.learning_rate was 0.001, is 0.1" in capfd.readouterr().err


@needs_two_cores
@pytest.mark.horovod
@pytest.mark.slow
def test_points_as_jobs(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("PYTHONPATH", str(Path(jobs.__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    words = ["scaling", "-o", "s", "--workers", "2", "--turns", "1", "--on", "local"]
    assert galcat([*words, "--epochs", "2", "--pictures", "32", "--batch-size", "8"]) == 0
    assert json.loads(Path("s/scaling.json").read_text())["points"][0]["workers"] == 2
    assert jobs.state(jobs.find("scaling_point-1")).name == "finished"
    assert "one worker alone" not in capfd.readouterr().err


def test_what_cannot_be_measured_is_told_in_one_line(tmp_path, capfd):
    most = scaling.places_here()[0]
    out = ["-o", str(tmp_path / "s")]
    wrong = {
        ("--workers", str(most + 1)): "workers that share one measure nothing",
        ("--workers", "0"): "at least 1 is wanted",
        ("--workers", "1", "1"): "give each number once",
        ("--workers", "1", "--epochs", "1"): "the first epoch compiles and is not counted",
        ("--workers", "1", "--turns", "0"): "at least 1 is wanted",
        ("--workers", "1", "--latency-us", "-1"): "--latency-us -1: above 0 is wanted",
        ("--workers", "1", "--pictures", "3"): "3 pictures to learn from",
        (str(tmp_path), "--workers", "1"): "STORE and --split go together",
    }
    if most > 1:
        share = ("--workers", "1", "2", "--scaling", "strong", "--batch-size", "7")
        wrong[share] = "cannot be shared alike by 2 workers; give a multiple of 2"
    for words, told in wrong.items():
        assert galcat(["scaling", *words, *out]) == 2, words
        said = capfd.readouterr().err.strip().splitlines()
        assert told in said[-1], said


def test_pictures_come_out_even():
    assert scaling.limit_of(1000, 16, (1, 2, 4), "weak") == 960
    assert scaling.limit_of(100, 16, (1, 2, 3, 4), "weak") == 100  # fewer than 12 x 16
    assert scaling.limit_of(1000, 64, (1, 2, 4), "strong") == 960
