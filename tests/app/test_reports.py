"""Evaluation reports in the pages: those of the project, with the token, apart from all else; nothing more."""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from galcat_app import Server, serve
from galcat_app.state.reports import read_report, reports_of
from home_projects import PAGE, write_report

TOKEN = "s3cret-and-long-enough"
STOLEN = """<script>document.title = "stolen " + document.cookie; window.ran = true;</script>
<img src="http://elsewhere.example/pixel.png"><img src="/voila/static/none.png" onerror="window.ran = true">
<iframe src="/home"></iframe><form action="http://elsewhere.example/"><button>send</button></form>"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two reports, and with all that is none but would like to be served."""
    folder = tmp_path_factory.mktemp("hostile")
    project, outside = folder / "project", folder / "outside"
    write_report(project / "report.html", "Good")
    write_report(project / "reports/of & two.html", "Second", STOLEN)
    write_report(outside / "secret.html", "Secret")
    (project / "mine.html").write_text("<title>a page of somebody's own</title>")
    (project / "alone.html").write_text(PAGE.format(title="no numbers beside it", body=""))
    write_report(project / "other.html", "numbers of another stage")
    (project / "other.json").write_text(json.dumps({"provenance": {"stage": "evaluate"}}))
    write_report(project / "broken.html", "broken numbers")
    (project / "broken.json").write_text('{"provenance"')
    write_report(project / "listed.html", "numbers that are a list")
    (project / "listed.json").write_text("[]")
    write_report(project / "a/b/deep.html", "too deep")
    write_report(project / ".hidden/report.html", "in a hidden folder")
    (project / "link.html").symlink_to(outside / "secret.html")
    (project / "link.json").symlink_to(outside / "secret.json")
    (project / "linked").symlink_to(outside)
    (project / "passwd.html").symlink_to("/etc/passwd")
    write_report(project / "swapped.html", "its numbers are a link")
    (project / "swapped.json").unlink()
    (project / "swapped.json").symlink_to(outside / "secret.json")
    (project / "folder.html").mkdir()
    os.mkfifo(project / "pipe.html")
    (project / "catalogue.parquet").write_bytes(b"PAR1 secret")
    return project


def test_only_pages_that_galcat_wrote_as_reports_are_listed(hostile: Path) -> None:
    found = {report.path: report.title for report in reports_of(hostile)}
    assert found == {"report.html": "Good", "reports/of & two.html": "Second"}


@pytest.mark.parametrize(
    "path",
    [
        "mine.html",
        "alone.html",
        "other.html",
        "link.html",
        "linked/secret.html",
        "passwd.html",
        "swapped.html",
        "pipe.html",
        "folder.html",
        "catalogue.parquet",
        "report.json",
        "../outside/secret.html",
        "reports/../report.html",
        "./report.html",
        "/etc/passwd",
        "report.html/",
        "report.html\0.png",
        "",
    ],
)
def test_nothing_else_is_read(hostile: Path, path: str) -> None:
    assert read_report(hostile, path) is None


def test_a_report_that_became_a_link_is_not_followed(hostile: Path, tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", "Mine")
    assert b"Mine" in (read_report(tmp_path, "report.html") or b"")
    (tmp_path / "report.html").unlink()
    (tmp_path / "report.html").symlink_to(hostile / "report.html")
    assert read_report(tmp_path, "report.html") is None


@pytest.fixture(scope="module")
def guarded(hostile: Path) -> Iterator[Server]:
    with serve(hostile, port=0, token=TOKEN, say=lambda _: None, preheat=False) as running:
        yield running


def _get(server: Server, path: str, token: str = "", **headers: str) -> tuple[int, str, Any]:
    asked = f"http://localhost:{server.port}/{path}" + (f"?token={token}" if token else "")
    try:
        request = urllib.request.Request(asked, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode(errors="replace"), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace"), error.headers


def test_a_report_is_shown_with_the_token_alone(guarded: Server) -> None:
    status, text, headers = _get(guarded, "report/report.html", TOKEN)
    assert (status, "<h1>Good</h1>" in text) == (200, True)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    for token in ("", "wrong"):
        assert "<h1>Good</h1>" not in _get(guarded, "report/report.html", token)[1]
    assert _get(guarded, "report/report.html", TOKEN, Host="rebound.example")[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "report/",
        "report/mine.html",
        "report/link.html",
        "report/linked/secret.html",
        "report/passwd.html",
        "report/catalogue.parquet",
        "report/../catalogue.parquet",
        "report/..%2foutside%2fsecret.html",
        "report/%2e%2e/outside/secret.html",
        "report//etc/passwd",
        "report/report.json",
        "report/report.html%00.png",
    ],
)
def test_no_other_file_is_served(guarded: Server, path: str) -> None:
    status, text, _ = _get(guarded, path, TOKEN)
    assert status >= 400
    assert not re.search(r"Secret|root:|PAR1|somebody's own", text)


@pytest.mark.browser
def test_a_report_runs_no_script_of_others_and_reaches_nothing(
    guarded: Server, chromium: Any
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    asked: list[str] = []
    blocked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda r: blocked.append(r.url) if r.failure == "csp" else None)
    path = f"report/{quote('reports/of & two.html')}"
    page.goto(f"http://localhost:{guarded.port}/{path}?token={TOKEN}")
    assert page.locator("h1").inner_text() == "Second"
    assert page.title() == "Second"
    assert page.evaluate("window.ran") is None
    assert page.evaluate("window.origin") == "null"
    sent = [url.partition("?")[0] for url in asked if url not in blocked]
    assert sent == [f"http://localhost:{guarded.port}/{path}"]
    assert "http://elsewhere.example/pixel.png" in blocked
    context.close()


@pytest.mark.browser
def test_the_script_of_a_real_report_runs(chromium: Any, tmp_path: Path) -> None:
    """The page as `galcat report` makes it keeps its downloads: its own script is the one allowed."""
    from galcat_core.evaluation.report.page import _style_and_script

    script = _style_and_script()["script"]
    body = f'<figure data-name="roc"><p class="files"></p></figure><script>{script}</script>'
    write_report(tmp_path / "report.html", "Real", body)
    with serve(tmp_path, port=0, say=lambda _: None, preheat=False) as server:
        page = chromium.new_page()
        page.goto(f"{server.url}report/report.html")
        page.locator("button", has_text="SVG").wait_for()
        page.close()
