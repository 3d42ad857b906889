"""The report: one page that needs nothing else, and says what the JSON beside it says."""

from __future__ import annotations

import io
import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from reports import CONFIG, Page, begin, download, made, make_project, said

from galcat_core.errors import GalcatError
from galcat_core.evaluation import metrics
from galcat_core.evaluation.report.tables import escaped
from galcat_core.records import Predictions
from galcat_core.runs import Run
from galcat_core.stages import report


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def built(project) -> tuple[str, dict]:
    return made(
        project, project / "report.html", config=CONFIG.replace(evaluate={"bin_by": ["r_mag"]})
    )


def test_the_page_needs_nothing_from_elsewhere(built):
    text, _ = built
    assert "://" not in text
    for tag, attrs in Page(text).tags:
        for name in ("src", "href", "data"):
            if attrs.get(name):
                assert attrs[name].startswith(("data:", "#")), (tag, attrs[name][:50])
    assert not re.search(r"url\((?!#|data:)", text)


def test_what_is_said_is_what_was_measured(built, project):
    text, told = built
    page = Page(text)
    labels = pd.read_csv(project / "des.csv")
    found = Predictions.load(project / "des.parquet")
    expected = metrics.evaluate(found, labels, CONFIG.evaluate)
    assert told["sets"]["DES test"]["metrics"] == expected["metrics"]
    assert told["sets"]["DES test"]["raw"]["metrics"] == expected["raw"]["metrics"]
    flat = " ".join(page.text.split())
    for measure in ("accuracy", "roc_auc", "f1", "average_precision", "ece", "brier"):
        value, low, high = (expected["metrics"][measure][k] for k in ("value", "low", "high"))
        assert f"{value:.3f}{low:.3f}–{high:.3f}" in flat, measure
    table = pd.read_csv(io.BytesIO(download(text, "metrics.csv")))
    row = table[(table["test_set"] == "DES test") & (table["part"] == "all")].iloc[0]
    assert row["roc_auc"] == expected["metrics"]["roc_auc"]["value"]
    assert row["ece_high"] == expected["metrics"]["ece"]["high"]
    assert set(table["part"]) == {"all", "certain labels", "uncertain labels"}
    latex = download(text, "metrics.tex").decode()
    accuracy = expected["metrics"]["accuracy"]
    assert f"${accuracy['value']:.3f}^{{+" in latex and latex.count(r"\\") == 7


def test_every_picture_and_figure_is_described(built):
    text, told = built
    page = Page(text)
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(images) == 2 * sum(len(g["ids"]) for g in told["galleries"].values())
    assert all(re.search(r"predicted \w+ with probability", attrs["alt"]) for attrs in images)
    drawn = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert all(a["role"] == "img" and len(a["aria-label"]) > 40 for a in drawn)
    for number, figure in enumerate(told["figures"], 1):
        assert figure["number"] == number
        assert f"Figure {number}." in page.text
        assert " ".join(figure["caption"].split()) in " ".join(page.text.split())
    galaxies = [f for f in told["figures"] if "180 (90 elliptical, 90 spiral)" in f["caption"]]
    assert {"roc", "probabilities", "coverage"} <= {f["name"] for f in galaxies}


def test_headings_and_anchors_are_in_order(built):
    page = Page(built[0])
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    ids = [attrs["id"] for _, attrs in page.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    targets = [a["href"][1:] for _, a in page.tags if a.get("href", "").startswith("#")]
    assert set(targets) <= set(ids)
    assert dict(page.tags)["html"]["lang"] == "en"


def test_each_figure_is_there_to_be_taken_away(built):
    text, told = built
    names = {f["name"] for f in told["figures"]}
    assert names == {
        *("roc", "precision_recall", "probabilities", "reliability", "coverage", "confusion"),
        *("bins_r_mag", "learning_first", "learning_run"),
    }
    for name in names | set(told["galleries"]):
        assert download(text, f"{name}.pdf").startswith(b"%PDF")
        assert Image.open(io.BytesIO(download(text, f"{name}.png"))).width > 800
        assert b"/CreationDate" not in download(text, f"{name}.pdf")
    assert text.count("var(--ink, #1a1a1a)") > 100  # the figures follow the page into the dark


def test_galleries_hold_the_galaxies_that_they_name(built):
    _, told = built
    rows = {name: pd.DataFrame(told["sets"][name]["confusion"]["counts"]) for name in told["sets"]}
    assert all(frame.to_numpy().sum() > 0 for frame in rows.values())
    wrong = told["galleries"]["sdss_test_des_test_wrong"]["ids"]
    assert all(int(right) == int(left) + 1000 for left, right in wrong)
    assert set(told["galleries"]) == {
        f"sdss_test_des_test_{name}"
        for name in ("surest_elliptical", "surest_spiral", "least_sure", "wrong", "disagree")
    }


def test_galaxies_that_were_learnt_from_are_not_judged(built, project):
    text, told = built
    sdss = told["sets"]["SDSS test"]
    assert sdss["n"] == 180 - 2  # 65 and 66 trained the run, 67 to 70 validated it
    assert sdss["notes"][0] == "2 galaxies that the run learnt from are left out."
    assert sdss["notes"][1].startswith("4 of its galaxies are in the run's validation set")
    assert sdss["notes"][0] in text
    assert told["sets"]["DES test"]["notes"] == []
    table = project / "learnt.csv"
    pd.DataFrame({"id": [65, 66], "label": ["spiral", "elliptical"]}).to_csv(table, index=False)
    with pytest.raises(GalcatError, match="the run learnt from all 2 of its galaxies"):
        report(
            project / "run",
            project / "none.html",
            CONFIG,
            sets=[f"A={project}/sdss.parquet"],
            labels=[str(table)],
        )


def test_ancestors_are_told_and_a_lost_one_too(built, project, tmp_path):
    text, told = built
    assert [run["name"] for run in told["ancestors"]] == ["first"]
    assert told["run"]["parent"] == "first" and told["run"]["settings"]["train.epochs"] == 7
    assert told["run"]["changed"] == ["train.epochs"]
    assert "learning_first" in text
    alone = begin(tmp_path / "alone", list(range(1, 9)), Run.open(project / "first"))
    found = said(alone, np.arange(100, 160), 5, "sdss")
    found.save(tmp_path / "alone.parquet")
    page = report(
        alone.folder,
        tmp_path / "alone.html",
        CONFIG,
        sets=[f"A={tmp_path}/alone.parquet"],
        labels=[f"{project}/sdss.csv"],
    )
    assert "started from the run first, which is not where it was" in page.read_text()
    assert "Galleries" not in page.read_text()


def test_without_calibration_no_before_and_after(built, project, tmp_path):
    assert "calibration.csv" in built[0]
    found = Predictions.load(project / "des.parquet")
    plain = Predictions(
        found.table.drop(columns=["raw_p_elliptical", "raw_p_spiral"]), None, found.meta
    )
    plain.save(tmp_path / "plain.parquet")
    page = report(
        project / "run",
        tmp_path / "plain.html",
        CONFIG,
        sets=[f"{tmp_path}/plain.parquet"],
        labels=[f"{project}/des.csv"],
    )
    assert "calibration.csv" not in page.read_text() and "grey squares" not in page.read_text()


def test_the_same_bytes_again_and_nothing_is_made_twice(project, tmp_path, capsys):
    first, _ = made(project, tmp_path / "one.html", pictures=False)
    again, _ = made(project, tmp_path / "two.html", pictures=False)
    assert first == again
    assert (tmp_path / "one.json").read_text() == (tmp_path / "two.json").read_text()
    before = (tmp_path / "one.html").stat().st_mtime_ns
    made(project, tmp_path / "one.html", pictures=False)
    assert (tmp_path / "one.html").stat().st_mtime_ns == before
    assert "one.html: up to date" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"labels": []}, "has no labels: give --split TABLE, or --labels"),
        ({"labels": ["DSE={p}/des.csv"]}, "no test set 'DSE'.*Did you mean 'DES'"),
        ({"out": "report.pdf"}, "a report is an HTML page; name it with -o report.html"),
        ({"sets": ["DES={p}/nowhere.parquet"]}, "nowhere.parquet: no such store or table"),
        ({"sets": ["={p}/des.parquet"]}, "write NAME=PATH"),
        ({"sets": ["A={p}/des.parquet", "A={p}/sdss.parquet"]}, "two test sets have one name"),
        ({"sets": ["DES={p}"]}, "no cutout store"),
        ({"label_column": "class"}, "no column 'class'.*name it with --label-column"),
        ({"count": 0}, "--gallery 0: at least 1"),
        ({"same_ids": True, "pairs": "pairs.csv"}, "both say which galaxies are twins"),
        ({"sets": []}, "name test sets with --set"),
    ],
)
def test_a_wrong_argument_is_told_in_one_line(project, tmp_path, change, told):
    asked = {"sets": ["DES={p}/des.parquet"], "labels": ["{p}/des.csv"]} | change
    out = tmp_path / asked.pop("out", "report.html")
    for name in ("sets", "labels"):
        asked[name] = [item.format(p=project) for item in asked[name]]
    with pytest.raises(GalcatError, match=told) as error:
        report(project / "run", out, CONFIG, **asked)
    assert "\n" not in str(error.value)
    assert not out.exists()


def test_latex_shows_names_as_they_are():
    assert escaped("50% of a_b & c") == r"50\% of a\_b \& c"
    assert escaped("‘spiral’ 1–2") == "`spiral' 1--2"


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 400])
def test_a_browser_shows_it(built, project, width, chromium):
    told = []
    page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme="dark")
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto((project / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.fonts.check('16px STIX')")
    with page.expect_download() as taken:
        page.click("#figure-roc button")
    svg = Path(taken.value.path()).read_text()
    page.close()
    assert told == []
    assert svg.startswith("<svg") and "var(" not in svg and "#332288" in svg
