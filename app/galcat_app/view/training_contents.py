"""What the panels of the Training page show: JSON types made from the state."""

from __future__ import annotations

import math
from typing import Any

from galcat_app.menu import report_href
from galcat_app.state.training.course import Course
from galcat_app.state.training.fields import FIELDS, SECTIONS
from galcat_app.state.training.inputs import Choice
from galcat_app.state.training.listing import Training
from galcat_app.state.training.page import TrainingState
from galcat_core.jobs.places import Place

ENDED = {"early": "stopped early: no better for long enough", "epochs": "all epochs were used"}
DIGITS = 6  # of a number in a curve


def list_content(state: TrainingState) -> dict[str, Any]:
    """Return the list of trainings."""
    return {"trainings": [_line(t) for t in state.trainings]}


def _line(training: Training) -> dict[str, Any]:
    job = training.job.id if training.job and training.job.id != training.title else ""
    where = training.place or ("" if training.job else "in a terminal")
    many = f"{training.workers} workers" if training.workers > 1 else ""
    return {
        "key": training.key,
        "title": training.title,
        "name": training.name,
        "state": training.state.name,
        "reason": training.state.reason,
        "told": " · ".join(p for p in (job, where, many) if p) or "a job",
        "began": training.began,
        "live": training.live,
    }


def form_content(state: TrainingState) -> dict[str, Any]:
    """Return the form: its fields with help and limits, and what may be chosen; nothing typed."""
    inputs = state.inputs
    return {
        "sections": [
            {"key": key, "title": title, "fields": _fields(key)} for key, title in SECTIONS.items()
        ],
        "stores": _choices(inputs.stores),
        "splits": _choices(inputs.splits),
        "parents": _choices(inputs.parents),
        "places": [_place(place) for place in inputs.places.values()],
        "empty": _missing(state),
    }


def _fields(section: str) -> list[dict[str, Any]]:
    return [
        {
            "key": f.key,
            "label": f.label,
            "help": f.help,
            "kind": "choice" if f.choices else "list" if f.many else f.kind.__name__,
            "choices": list(f.choices),
            "legal": f.legal,
            "default": f.default,
        }
        for f in FIELDS.values()
        if f.key.startswith(f"{section}.")
    ]


def _choices(there: dict[str, Choice]) -> list[dict[str, Any]]:
    return [{"value": c.value, "label": c.label, "problem": c.problem} for c in there.values()]


def _place(place: Place) -> dict[str, Any]:
    """Return a place, and in a line what it is set to that is not the default."""
    usual, settings = type(place.settings)(), place.settings
    told = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in vars(settings).items()
        if value != getattr(usual, name) and isinstance(value, str | int) and name != "template"
    ]
    what = {"local": "this machine", "slurm": "cluster, Slurm", "script": "cluster, by script"}
    return {
        "value": place.name,
        "label": f"{place.name} · {what[place.kind]}",
        "kind": place.kind,
        "told": ", ".join(told),
    }


def _missing(state: TrainingState) -> dict[str, Any] | None:
    """Return what to do first, where a project has nothing to learn from."""
    inputs = state.inputs
    steps = []
    if not any(not c.problem for c in inputs.stores.values()):
        steps.append(
            (
                "galcat cutouts --pictures FOLDER --table labels.csv --label-column class -o cutouts/mine",
                "the pictures, with their labels",
            )
        )
    if not inputs.splits:
        store = next((c.value for c in inputs.stores.values() if not c.problem), "cutouts/mine")
        steps.append(
            (
                f"galcat split {store} -o split.parquet",
                "which galaxies it learns, validates, tests on",
            )
        )
    return {"steps": steps} if steps else None


def draft_content(state: TrainingState) -> dict[str, Any]:
    """Return what is in the form, what is wrong with it, and the command that does the same."""
    checked, draft = state.checked, state.draft
    parented = bool(checked.values["parent"])
    texts = {key: draft.texts.get(key, f.default) for key, f in FIELDS.items()}
    if parented:
        texts["train.network"] = checked.config.train.network
    asked = state.counted.asked == state.asked()
    return {
        "values": {**checked.values, **texts},
        "name_typed": bool(draft.inputs["name"]),
        "errors": state.errors,
        "missing": [key for key in ("store", "split") if not checked.values[key]],
        "changed": draft.changed(),
        "parented": parented,
        "galaxies": list(state.counted.text) if asked else [],
        "counting": bool(state.asked()) and not asked,
        "workers": checked.shape.workers if checked.shape else 0,
        "command": checked.command,
        "toml": checked.config.to_toml(),
        "out": checked.out,
    }


def detail_content(state: TrainingState) -> dict[str, Any]:
    """Return the head of the training that is looked at: state, progress, actions, results."""
    detail = state.detail
    training, course = detail.training, detail.course
    job = training.job
    facts = [] if course is None else list(course.facts)
    facts += _where(training)
    return {
        **_line(training),
        "job": job.id if job else "",
        "reason": _reason(training, course),
        "facts": facts,
        "progress": _progress(course, training.live) if course else None,
        "cancellable": training.live and job is not None,
        "resumable": training.resumable,
        "settings": training.folder is not None and not (course and course.problem),
        "results": _results(course) if course and course.report else None,
        "reports": [{"path": p, "href": report_href(p)} for p in detail.results.reports],
        "predictions": list(detail.results.predictions),
        "steps": [
            {"key": s.key, "what": s.what, "command": s.command, "out": s.out}
            for s in detail.results.steps
        ],
        "terminal": training.live and job is None,
    }


def _where(training: Training) -> list[tuple[str, str]]:
    """Return where it ran, and on how much."""
    if not training.verb:
        return []
    many = f"{training.workers} workers" if training.workers > 1 else "1 worker"
    if training.nodes > 1:
        many += f" on {training.nodes} nodes"
    where = f"{training.place}{f' ({training.state.nodes})' if training.state.nodes else ''}"
    return [("place", where or "a terminal"), ("with", many)]


def _reason(training: Training, course: Course | None) -> str:
    return " ".join(p for p in (training.state.reason, course.problem if course else "") if p)


def _progress(course: Course, live: bool) -> dict[str, Any]:
    done = course.epoch + (course.step / course.steps if course.steps else 0)
    return {
        "epoch": course.epoch,
        "most": course.most,
        "step": course.step,
        "steps": course.steps,
        "fraction": 1.0 if course.report else min(1.0, done / course.most) if course.most else 0.0,
        "speed": course.images_per_second,
        "left": None if course.seconds_left is None else round(course.seconds_left),
        "seconds": round(course.seconds, 1),
        "live": live,
    }


def _results(course: Course) -> list[tuple[str, str]]:
    """Return the figures of a finished run, as they are told."""
    report = course.report
    told = [("best epoch", f"{course.best} of {course.epoch}")]
    if not course.best:
        told = [("best epoch", f"none of {course.epoch}: the parent's weights stay")]
    for key, name in (("val_accuracy", "validation accuracy"), ("val_loss", "validation loss")):
        value = report.get(key)
        if isinstance(value, int | float):
            told.append((name, f"{value:.3f}"))
    told.append(("trained for", _duration(course.seconds)))
    return [*told, ("ended", ENDED.get(report.get("ended", ""), str(report.get("ended", ""))))]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def curves_content(state: TrainingState) -> dict[str, Any]:
    """Return the curves of the training that is looked at."""
    course = state.detail.course
    if course is None:
        return {"history": {}, "best": 0, "most": 0}
    history = {name: [_rounded(v) for v in values] for name, values in course.history.items()}
    return {"history": history, "best": course.best, "most": course.most}


def _rounded(value: float | None) -> float | None:
    if value is None or value == 0:
        return value
    return round(value, DIGITS - 1 - math.floor(math.log10(abs(value))))


def log_content(state: TrainingState) -> dict[str, Any]:
    """Return the end of the log."""
    detail = state.detail
    names = [(name, "the job" if name == "job" else f"worker {name}") for name in detail.logs]
    return {
        "names": names,
        "name": detail.log_of,
        "text": detail.log.text,
        "cut": detail.log.cut,
        "file": detail.log.file,
    }
