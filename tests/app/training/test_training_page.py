"""The Training page in a real browser, with real trainings: they outlive the tab and the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from galcat_app import Server, serve
from trainable import make_trainable, start_program
from visits import Visit

from galcat_core import jobs
from galcat_core.runs import Run

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EPOCHS = "document.querySelector('.g-detail-of .g-now dd')?.textContent.match(/^(\\d+) of/)?.[1]"

NAMELESS = """() => [...document.querySelectorAll(".galcat :is(input, select, button, a)")]
  .filter((e) => !(e.labels?.length || e.textContent.trim() || e.getAttribute("aria-label")))
  .map((e) => e.outerHTML)"""
WIDE = """() => [...document.querySelectorAll(".galcat :is(.g-field, .g-toolbar > *, .g-form-go > *)")]
  .filter((e) => e.offsetParent)
  .filter((e) => {
    const around = e.closest(".g-panel, .g-header").getBoundingClientRect();
    return e.getBoundingClientRect().right > around.right + 0.5;
  })
  .map((e) => e.className)"""


@pytest.fixture
def own(own: Path) -> Path:
    """A project to train in, where a job cannot be read."""
    return _with_broken_job(own)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a job that failed, whose log has HTML in it."""
    folder = _with_broken_job(make_trainable(tmp_path_factory.mktemp("failed") / "survey"))
    job = start_program(folder, "fail")
    jobs.wait(job, 60)
    with job.attempts[-1].log.open("a") as log:
        log.write("<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>\n")
    return folder


@pytest.fixture(scope="module")
def running(failed: Path) -> Iterator[Server]:
    with serve(failed, port=0, say=lambda _: None) as server:
        yield server


def _with_broken_job(folder: Path) -> Path:
    (folder / "jobs/train-7").mkdir(parents=True)
    (folder / "jobs/train-7/job.json").write_text('{"command": ["galcat", "tr')
    return folder


def _open(chromium: Any, server: Server, **options: Any) -> Visit:
    visit = Visit(chromium, f"{server.url}training", reduced_motion="reduce", **options)
    visit.page.wait_for_selector(".g-form .g-fields", state="attached")
    return visit


def _type(visit: Visit, label: str, text: str) -> None:
    visit.page.get_by_label(label, exact=True).fill(text)


def _epochs(visit: Visit, at_least: int) -> None:
    visit.page.wait_for_function(f"Number({EPOCHS}) >= {at_least}")


def test_a_training_outlives_tab_and_server_and_two_sessions_see_what_the_other_does(
    chromium: Any, own: Path
) -> None:
    with serve(own, port=0, say=lambda _: None) as first:
        visit = _open(chromium, first)
        _type(visit, "Epochs", "500")
        _type(visit, "Patience", "500")
        _type(visit, "Batch size", "8")
        _type(visit, "Name of the run", "long one")
        start = visit.page.get_by_role("button", name="Start training")
        visit.page.wait_for_selector("[data-field=name].g-is-wrong")
        assert start.is_disabled()
        _type(visit, "Name of the run", "long")
        start.click()
        visit.page.wait_for_selector(".g-detail-of .g-is-running")
        _epochs(visit, 1)
        assert visit.errors == []
        visit.context.close()
    (job,) = jobs.jobs_of(own / "jobs")
    assert jobs.state(job).name == "running"
    seen = len(Run(own / "runs/long").history)

    with serve(own, port=0, say=lambda _: None) as second:
        visit, other = _open(chromium, second), _open(chromium, second)
        page = visit.page
        for one in (visit, other):
            one.page.wait_for_selector(".g-train:has-text('long') .g-is-running")
        _epochs(visit, seen + 1)  # it went on by itself, and goes on in the page
        _epochs(visit, seen + 2)
        assert page.locator(".g-chart circle.g-validation").count() > 2 * seen
        page.locator(".g-curves [value=table]").check()
        page.wait_for_selector(".g-curve-table tbody tr")
        other.page.get_by_role("button", name="Cancel", exact=True).click()
        other.page.get_by_role("button", name="Let it run").click()
        assert jobs.state(job).name == "running"
        other.page.get_by_role("button", name="Cancel", exact=True).click()
        other.page.get_by_role("button", name="Cancel it").click()
        for one in (other, visit):  # what one session does, the other one sees
            one.page.wait_for_selector(".g-detail-of .g-is-cancelled")
        assert jobs.state(job).name == "cancelled"
        assert page.get_by_role("button", name="Resume").is_visible()

        page.get_by_role("button", name="Use its settings").click()
        _type(visit, "Epochs", "2")
        _type(visit, "Name of the run", "short")
        page.wait_for_function(
            "document.querySelector('.g-form .g-command code').textContent.includes('--epochs 2')"
        )
        page.get_by_role("button", name="Start training").click()
        other.page.locator(".g-train:has-text('short')").click()
        for one in (visit, other):
            one.page.wait_for_selector(".g-detail-of .g-is-finished")
            one.page.wait_for_selector(".g-results:has-text('best epoch')")
        run = Run.open(own / "runs/short")
        assert run.finished
        config = run.config.train
        assert (config.epochs, config.patience, config.batch_size) == (2, 500, 8)
        page.wait_for_selector(
            ".g-next code:has-text('galcat predict cutouts/sdss --run runs/short')"
        )
        for one in (visit, other):
            assert one.errors == []
            one.context.close()


def test_a_wrong_value_is_marked_and_nothing_starts(
    chromium: Any, running: Server, failed: Path
) -> None:
    visit = _open(chromium, running)
    page = visit.page
    page.get_by_role("button", name="New training").click()
    field = page.get_by_label("Batch size", exact=True)
    field.fill("0")
    page.wait_for_selector("[data-field='train.batch_size'].g-is-wrong")
    assert field.get_attribute("aria-invalid") == "true"
    told = [
        page.locator(f"#{name}").text_content()
        for name in field.get_attribute("aria-describedby").split()
    ]
    assert told == [
        "pictures a step and worker · at least 1 · default 30",
        "batch_size = 0: at least 1 is legal",
    ]
    assert page.get_by_role("button", name="Start training").is_disabled()
    page.get_by_label("Find a setting").fill("zoom")
    assert page.locator(".g-section .g-field:visible label").all_text_contents() == ["Zoom"]
    page.locator(".g-faults button:has-text('Batch size')").click()
    assert field.evaluate("e => e === document.activeElement")
    page.get_by_role("button", name="Reset Batch size to 30").click()
    page.wait_for_selector(".g-field.g-is-wrong", state="detached")
    assert field.input_value() == "30"
    assert len(jobs.jobs_of(failed / "jobs")) == 1
    assert not (failed / "runs").exists()
    assert visit.errors == []
    visit.context.close()


def test_a_log_is_text_and_a_failure_one_line(chromium: Any, running: Server) -> None:
    visit = _open(chromium, running)
    page = visit.page
    page.locator(".g-train:has-text('train-7')").click()
    page.wait_for_selector(".g-detail-of .g-is-unreadable")
    assert "jobs/train-7/job.json: not whole" in page.locator(".g-why").text_content()
    page.locator(".g-train:has-text('programs-1')").click()
    page.wait_for_selector(".g-log:has-text('<script>window.broken = 1</script><img src=x')")
    assert page.evaluate("window.broken") is None
    assert page.locator(".g-log *").count() == 0
    page.wait_for_selector(".g-why:has-text('the store is gone; make it again')")
    assert page.locator(".g-detail-of .g-is-failed").is_visible()
    assert visit.errors == []
    visit.context.close()


@pytest.mark.parametrize("width", [1024, 1440])
def test_every_control_has_a_name_and_nothing_is_wider_than_the_page(
    chromium: Any, running: Server, width: int
) -> None:
    visit = _open(chromium, running, color_scheme="dark")
    page = visit.page
    page.set_viewport_size({"width": width, "height": 768})
    page.get_by_role("button", name="New training").click()
    page.evaluate("document.querySelectorAll('.g-section').forEach((s) => { s.open = true; })")
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(WIDE) == []
    page.locator(".g-train:has-text('programs-1')").click()
    page.wait_for_selector(".g-detail-of .g-log", state="visible")
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(WIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    visit.context.close()
