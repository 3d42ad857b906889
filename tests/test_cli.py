"""The command line from end to end on a small simulated sky, and what it says of bad input."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from command_line import galcat
from PIL import Image

from galcat_core.cli import VERBS, parser
from galcat_core.images.store import CutoutStore
from galcat_core.records import Pairs, Split
from galcat_core.tables import provenance_of, read_table


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project made by the verbs themselves, as a user types them."""
    p = tmp_path_factory.mktemp("project")
    steps = f"""
        simulate -o {p}/sky --overlap 70 --unlabelled 30 --seed 5
        match {p}/sky/sdss.csv.gz {p}/sky/des.csv.gz -o {p}/pairs.parquet --radius 1
        select {p}/sky/sdss.csv.gz --votes {p}/sky/galaxy_zoo.csv.gz -o {p}/catalogs/sdss.parquet
        select {p}/sky/des.csv.gz --pairs {p}/pairs.parquet -o {p}/catalogs/des.parquet
        split {p}/catalogs/sdss.parquet {p}/catalogs/des.parquet --pairs {p}/pairs.parquet -o {p}/split.parquet
        cutouts {p}/catalogs/sdss.parquet --tiles {p}/sky/tiles/sdss -o {p}/cutouts/sdss --size 72
        cutouts {p}/catalogs/des.parquet --tiles {p}/sky/tiles/des -o {p}/cutouts/des --size 72
        train {p}/cutouts/sdss --split {p}/split.parquet -o {p}/runs/sdss --epochs 1
    """
    for line in steps.strip().splitlines():
        assert galcat(*line.split()) == 0, line
    return p


def test_every_verb_has_help_with_an_example(capsys: pytest.CaptureFixture) -> None:
    for verb in VERBS:
        assert galcat(verb, "--help") == 0
        assert f"example:\n  galcat {verb}" in capsys.readouterr().out


def test_examples_in_help_can_be_parsed() -> None:
    for _, _, example in VERBS.values():
        for line in example.splitlines():
            args, unknown = parser().parse_known_args(line.split()[1:])
            assert not unknown
            assert args.verb == line.split()[1]


def test_help_needs_no_heavy_library() -> None:
    heavy = ("numpy", "pandas", "astropy", "tensorflow", "sklearn", "matplotlib")
    code = (
        "import sys; from galcat_core.cli import parser; parser().format_help();"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_stages_hand_on_what_they_made(project: Path) -> None:
    pairs, split = Pairs.load(project / "pairs.parquet"), Split.load(project / "split.parquet")
    stores = {s: CutoutStore.open(project / "cutouts" / s) for s in ("sdss", "des")}
    assert len(pairs) > 50
    for survey, column in (("sdss", "left_id"), ("des", "right_id")):
        placed = set(stores[survey].ids) | set(stores[survey].rejects["id"])
        assert set(pairs.table[column]) <= placed
    sides = split.table.set_index(["survey", "id"])["set"]
    for left, right in zip(pairs.table["left_id"], pairs.table["right_id"], strict=True):
        assert sides["sdss", left] == sides["des", right]
    made_by = provenance_of(project / "pairs.parquet")
    assert made_by.stage == "match"
    assert set(made_by.inputs) == {"sdss.csv.gz", "des.csv.gz"}


def test_second_run_makes_nothing_anew(project: Path, capsys: pytest.CaptureFixture) -> None:
    sky, out = project / "sky", project / "pairs.parquet"
    before = out.stat().st_mtime_ns
    assert galcat("match", sky / "sdss.csv.gz", sky / "des.csv.gz", "-o", out, "--radius", 1) == 0
    assert "up to date" in capsys.readouterr().err
    assert out.stat().st_mtime_ns == before
    assert (
        galcat(
            "match", sky / "sdss.csv.gz", sky / "des.csv.gz", "-o", out, "--radius", 1, "--force"
        )
        == 0
    )
    assert out.stat().st_mtime_ns > before


def test_predict_embed_map_cluster_publish(project: Path) -> None:
    p = project
    chosen = ["--run", p / "runs/sdss", "--split", p / "split.parquet", "--set", "unlabelled"]
    assert galcat("predict", p / "cutouts/des", *chosen, "-o", p / "u.parquet") == 0
    assert galcat("embed", p / "cutouts/des", *chosen, "-o", p / "e.parquet") == 0
    assert galcat("project", p / "e.parquet", "-o", p / "m.parquet", "--methods", "tsne") == 0
    assert (
        galcat("cluster", p / "e.parquet", "--predictions", p / "u.parquet", "-o", p / "c.parquet")
        == 0
    )
    outs = [p / "catalogue.fits", p / "catalogue.parquet"]
    published = ["publish", p / "catalogs/des.parquet", p / "u.parquet", "--map", p / "m.parquet"]
    assert galcat(*published, "--clusters", p / "c.parquet", "-o", *outs) == 0
    carried = ["--columns", "MAG_AUTO_G", "MAG_AUTO_R", "-o", p / "carried.parquet"]
    assert galcat(*published, *carried) == 0
    assert {"MAG_AUTO_G", "MAG_AUTO_R"} <= set(read_table(p / "carried.parquet")[0])
    assert galcat(*published, "--columns", "MAG_AUTO_X", "-o", p / "no.parquet") == 2
    catalogue = read_table(outs[1])[0]
    unlabelled = Split.load(p / "split.parquet").rows("des", "unlabelled")
    assert set(catalogue["id"]) <= set(unlabelled["id"])
    assert {"ra_deg", "dec_deg", "p_spiral", "flags", "tsne_x", "cluster", "run"} <= set(catalogue)
    with fits.open(outs[0]) as hdus:
        assert hdus[1].data["id"].tolist() == catalogue["id"].tolist()


def test_evaluate_writes_figures_and_metrics(project: Path) -> None:
    p = project
    chosen = ["--run", p / "runs/sdss", "--split", p / "split.parquet", "--set", "test"]
    assert galcat("predict", p / "cutouts/des", *chosen, "-o", p / "t.csv") == 0
    assert (
        galcat(
            "evaluate",
            p / "t.csv",
            "--split",
            p / "split.parquet",
            "-o",
            p / "report",
            "--bootstrap",
            50,
            "--images",
            p / "cutouts/des",
        )
        == 0
    )
    metrics = json.loads((p / "report/metrics.json").read_text())
    assert metrics["n"] == len(read_table(p / "t.csv")[0])
    assert {"roc.png", "roc.pdf", "confusion.png"} <= {f.name for f in (p / "report").iterdir()}


def test_predict_of_a_folder_of_pictures(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    rng = np.random.default_rng(1)
    for name in ("b.png", "a.jpg"):
        Image.fromarray(rng.integers(0, 255, (50, 50, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    out = tmp_path / "table.csv"
    assert galcat("predict", "--images", tmp_path, "--run", project / "runs/sdss", "-o", out) == 0
    table = pd.read_csv(out)
    assert sorted(table["id"]) == ["a.jpg", "b.png"]
    assert np.allclose(table["p_spiral"] + table["p_elliptical"], 1, atol=1e-6)
    assert pd.read_csv(tmp_path / "table.rejects.csv")["id"].tolist() == ["broken.jpg"]
    assert not list(tmp_path.glob(".*"))


@pytest.fixture
def bad(project: Path, tmp_path: Path) -> Path:
    """A folder of bad inputs beside links to good ones."""
    rows = pd.DataFrame({"objid": [1, 2, 3], "ra": [10.0, 11, 12], "dec": [0.0, 1, 2]})
    rows.to_csv(tmp_path / "good.csv", index=False)
    rows.assign(objid=[1, 1, 2]).to_csv(tmp_path / "twice.csv", index=False)
    rows.assign(objid=[5.877e17, 5.878e17, 5.879e17]).to_csv(tmp_path / "floats.csv", index=False)
    rows.assign(ra=np.nan).to_csv(tmp_path / "nowhere.csv", index=False)
    rows.assign(ra=rows["ra"] + 90).to_csv(tmp_path / "far.csv", index=False)
    rows.drop(columns="dec").to_csv(tmp_path / "nodec.csv", index=False)
    (tmp_path / "table.parquet").write_bytes(b"PAR1 cut short")
    (tmp_path / "typo.toml").write_text("[match]\nradius_arcsecs = 2\n")
    (tmp_path / "nosection.toml").write_text("[trian]\nepochs = 2\n")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/x.jpg").write_bytes(b"nothing of the kind")
    (tmp_path / "empty").mkdir()
    labelled = rows.assign(label="spiral", certain=True)
    labelled.to_csv(tmp_path / "oneclass.csv", index=False)
    tile = next((project / "sky/tiles/des").glob("*_g.fits"))
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / tile.name).write_bytes(tile.read_bytes()[:20000])
    (tmp_path / "nowcs").mkdir()
    fits.PrimaryHDU(np.zeros((50, 50), np.float32)).writeto(tmp_path / "nowcs/a_g.fits")
    return tmp_path


BAD = {
    "missing file": ("match {b}/none.csv {b}/good.csv -o {o}", "none.csv: no such file"),
    "unknown format": (
        "match {b}/good.csv {b}/good.csv -o {b}/out.xyz",
        "cannot tell the table's format",
    ),
    "wrong column": (
        "match {b}/good.csv {b}/good.csv -o {o} --ra-column raa",
        "Did you mean 'ra'?",
    ),
    "no declination": ("match {b}/nodec.csv {b}/good.csv -o {o}", "dec"),
    "duplicate ids": ("match {b}/twice.csv {b}/good.csv -o {o}", "more than once"),
    "ids as floats": ("match {b}/floats.csv {b}/good.csv -o {o}", "lost digits"),
    "negative radius": ("match {b}/good.csv {b}/good.csv -o {o} --radius -1", "radius_arcsec = -1"),
    "NaN positions": ("match {b}/nowhere.csv {b}/good.csv -o {o}", "valid position"),
    "empty match": ("match {b}/good.csv {b}/far.csv -o {o}", "no "),
    "cut parquet": ("match {b}/table.parquet {b}/good.csv -o {o}", "not a whole parquet file"),
    "misspelt key": (
        "match {b}/good.csv {b}/good.csv -o {o} --config {b}/typo.toml",
        "'radius_arcsec'?",
    ),
    "misspelt section": (
        "match {b}/good.csv {b}/good.csv -o {o} --config {b}/nosection.toml",
        "'train'?",
    ),
    "misspelt flag": ("match {b}/good.csv {b}/good.csv -o {o} --radus 1", "'--radius'?"),
    "truncated FITS": ("cutouts {p}/catalogs/des.parquet --tiles {b}/cut -o {o}", "cut"),
    "FITS without WCS": ("cutouts {p}/catalogs/des.parquet --tiles {b}/nowcs -o {o}", "WCS"),
    "outside the tiles": (
        "cutouts {b}/good.csv --tiles {p}/sky/tiles/des -o {o} --min-arcsec 20 --max-arcsec 20",
        "tile",
    ),
    "no tiles": ("cutouts {b}/good.csv --tiles {b}/empty -o {o}", "{b}/empty"),
    "no pictures": ("cutouts --pictures {b}/empty -o {o}", "no picture"),
    "no picture is one": ("cutouts --pictures {b}/pictures -o {o}", "picture"),
    "one class": ("split {b}/oneclass.csv -o {o}", "class"),
    "not a store": ("train {b} --split {p}/split.parquet -o {o}", "store"),
    "not a split": (
        "train {p}/cutouts/sdss --split {p}/pairs.parquet -o {o}",
        "holds Pairs, not Split",
    ),
    "not a run": ("predict {p}/cutouts/des --run {b} -o {o}", "holds no run"),
    "zero epochs": (
        "train {p}/cutouts/sdss --split {p}/split.parquet -o {o} --epochs 0",
        "epochs = 0",
    ),
    "not a number": (
        "train {p}/cutouts/sdss --split {p}/split.parquet -o {o} --epochs many",
        "many",
    ),
    "labels missing": ("evaluate {p}/pairs.parquet -o {b}/r", "--labels"),
    "no map": ("project {p}/pairs.parquet -o {o}", "holds Pairs, not Embedding"),
    "no project folder": ("app {b}/good.csv", "good.csv"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_in_one_line(
    name: str, bad: Path, project: Path, capsys: pytest.CaptureFixture
) -> None:
    words, told = (text.format(b=bad, p=project, o=bad / "out.parquet") for text in BAD[name])
    assert galcat(*words.split()) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert told in lines[-1]
    assert lines[-1].startswith("galcat")
    assert not any("Traceback" in line for line in lines)
    assert not (bad / "out.parquet").is_file()


def test_full_disk_leaves_nothing_half_written(project: Path, tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
    ignore = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    sky, out = project / "sky", tmp_path / "pairs.parquet"
    words = ["match", str(sky / "sdss.csv.gz"), str(sky / "des.csv.gz"), "-o", str(out)]
    code = f"{limit}{ignore}import sys; from galcat_core.cli import main; sys.exit(main({words!r}))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 2
    assert "cannot write" in ended.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_unexpected_errors_have_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from galcat_core import stages

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(stages, "simulate", broken)
    monkeypatch.delenv("GALCAT_TRACEBACK", raising=False)
    assert galcat("simulate", "-o", "nowhere") == 1
    assert capsys.readouterr().err.startswith("galcat simulate: unexpected RuntimeError: a bug")


def test_config_file_holds_every_setting(tmp_path: Path) -> None:
    from galcat_core.config import Config

    assert galcat("config", "-o", tmp_path / "all.toml") == 0
    assert Config.load(tmp_path / "all.toml") == Config()
    shutil.rmtree(tmp_path)


def test_a_packed_run_predicts_as_the_whole_one(project: Path, tmp_path: Path) -> None:
    from galcat_core.models.ship import pack
    from galcat_core.runs import Run

    whole = Run.open(project / "runs/sdss")
    packed = pack(whole, tmp_path / "packed")
    assert packed.weights.stat().st_size < 0.55 * whole.weights.stat().st_size
    held = {path.name for path in packed.folder.iterdir()}
    asked = {"run.json", "config.toml", "report.json", "weights.weights.h5", "DIGEST"}
    assert asked <= held <= asked | {"calibration.json", "domain.npz"}
    assert "path" not in packed.info["store"]
    for run in (whole, packed):
        out = tmp_path / f"{run.name}.csv"
        assert galcat("predict", project / "cutouts/des", "--run", run.folder, "-o", out) == 0
    a, b = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("sdss", "packed"))
    assert a["id"].tolist() == b["id"].tolist()
    assert np.allclose(a["p_spiral"], b["p_spiral"], atol=2e-3)
    assert a["run"][0] != b["run"][0]


def test_without_a_run_the_model_in_the_box_predicts(tmp_path: Path) -> None:
    y, x = np.mgrid[-60:60, -60:60]
    light = 220 * np.exp(-np.hypot(x, y) / 9)[..., None]
    noisy = light + np.random.default_rng(2).normal(12, 3, (120, 120, 3))
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / "round.png")
    assert galcat("predict", "--images", tmp_path, "-o", tmp_path / "table.csv") == 0
    table = pd.read_csv(tmp_path / "table.csv")
    assert table["id"].tolist() == ["round.png"]
    assert table["predicted"].tolist() == ["elliptical"]
