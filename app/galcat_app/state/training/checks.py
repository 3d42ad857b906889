"""A form checked by the core's own checks: every mistake stands by its field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from galcat_app.state.training.fields import FIELDS, key_of
from galcat_app.state.training.form import RUNS, Checked, Draft
from galcat_app.state.training.inputs import Inputs
from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.jobs.control import check_shared
from galcat_core.jobs.places import Place, Shape
from galcat_core.runs import Run
from galcat_core.training import distributed, schedule, start

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


def check(draft: Draft, inputs: Inputs, path: Path) -> Checked:
    """Check a draft by the core's own checks; nothing is raised, every mistake stands by its field.

    Parameters
    ----------
    draft : Draft
    inputs : Inputs
        What there is to choose from.
    path : Path
        The project.
    """
    errors: dict[str, str] = {}
    values = _suggested(draft, inputs)
    for key, name, there in (
        ("store", "cutout store", inputs.stores),
        ("split", "split", inputs.splits),
        ("parent", "run", inputs.parents),
        ("place", "place", inputs.places),
    ):
        _check_choice(errors, key, name, values[key], there)
    config = _config(draft, errors)
    config = _with_parent(config, path, values, errors)
    _check_together(config, path, values, errors)
    place = inputs.places.get(values["place"])
    shape = _shape(place, values, path, errors)
    if not values["name"]:
        values["name"] = suggested_name(path, values, config.train.network)
    _check_name(path, values["name"], errors)
    return Checked(errors, config, f"{RUNS}/{values['name']}", place, shape, values)


def _suggested(draft: Draft, inputs: Inputs) -> dict[str, str]:
    """Return the inputs, the first that can be taken where nothing was chosen."""
    values = dict(draft.inputs)
    for key, there in (("store", inputs.stores), ("split", inputs.splits)):
        usable = [name for name, choice in there.items() if not choice.problem]
        values[key] = values[key] or next(iter(usable), "")
    values["place"] = values["place"] or "local"
    place = inputs.places.get(values["place"])
    if place:
        usual = place.shape()
        values["nodes"] = values["nodes"] or str(usual.nodes)
        values["tasks"] = values["tasks"] or str(usual.tasks_per_node)
    return values


def _check_choice(errors: dict, key: str, name: str, value: str, there: dict[str, Any]) -> None:
    if not value:
        if key in ("store", "split"):
            errors[key] = f"this project has no {name} yet"
    elif value not in there:
        errors[key] = f"there is no {name} '{value}' here.{nearest(value, there)}"
    elif getattr(there[value], "problem", ""):
        errors[key] = f"{value}: {there[value].problem}"


def _config(draft: Draft, errors: dict[str, str]) -> Config:
    """Return the config of the values that are right; keep what is wrong with the others."""
    right: dict[str, dict[str, Any]] = {}
    for key in draft.changed():
        section, _, name = key.partition(".")
        try:
            right.setdefault(section, {})[name] = FIELDS[key].read(draft.texts[key])
        except GalcatError as error:
            errors[key] = str(error)
    try:
        return Config().replace(**right)
    except GalcatError as error:  # values of a section that do not fit together
        key = key_of(str(error))
        errors[key] = str(error)
        section, _, name = key.partition(".")
        right.get(section, {}).pop(name, None)
    try:
        return Config().replace(**right)
    except GalcatError:
        return Config()


def _with_parent(
    config: Config, path: Path, values: dict[str, str], errors: dict[str, str]
) -> Config:
    """Return the config with the parent's network, as `galcat train --from` has it."""
    if not values["parent"] or "parent" in errors:
        return config
    try:
        return start.of_parent(config, Run.open(path / values["parent"]))
    except GalcatError as error:
        errors[key_of(str(error), "parent")] = str(error)
    return config


def _check_together(
    config: Config, path: Path, values: dict[str, str], errors: dict[str, str]
) -> None:
    """Check what no field can tell alone: stages, and the file of first weights."""
    try:
        schedule.stages(config.train, fine_tuning=bool(values["parent"]))
    except GalcatError as error:
        errors.setdefault(key_of(str(error), "train.stage_epochs"), str(error))
    weights = config.train.weights
    if weights in start.NO_FILE or values["parent"]:
        return
    if not (path / weights).resolve().is_relative_to(path.resolve()):
        errors["train.weights"] = (
            f"{weights} lies outside of the project: copy the file into it, or use galcat train"
        )
    elif not (path / weights).is_file():
        errors["train.weights"] = (
            f"{weights}: no such file in the project; legal are {listed(start.NO_FILE)}, and a file "
            "of the network's base without its top (.h5, .weights.h5, .keras)"
        )


def _shape(
    place: Place | None, values: dict[str, str], path: Path, errors: dict[str, str]
) -> Shape | None:
    """Return nodes and workers of the job, checked by its place."""
    if place is None:
        return None
    numbers = {}
    for key, name in (("nodes", "nodes"), ("tasks", "worker processes")):
        try:
            numbers[key] = int(values[key])
        except ValueError:
            errors[key] = f"{name} = '{values[key]}': a whole number is wanted"
    if len(numbers) < 2:
        return None
    if place.kind != "slurm":
        numbers["nodes"] = 1  # the form shows no field for it
    try:
        shape = place.shape(numbers["nodes"], numbers["tasks"])
    except GalcatError as error:
        errors["tasks" if str(error).startswith("tasks") else "nodes"] = str(error)
        return None
    _keep_error(errors, "place", lambda: check_shared(place, path))
    if place.kind == "local":
        _keep_error(errors, "tasks", lambda: distributed.check(shape.workers))
    return shape


def _keep_error(errors: dict[str, str], key: str, check: Any) -> None:
    try:
        check()
    except GalcatError as error:
        errors[key] = str(error)


def suggested_name(path: Path, values: dict[str, str], network: str) -> str:
    """Return a free name for the run: after its pictures and network, or after its parent."""
    store = Path(values["store"]).name or "run"
    parent = Path(values["parent"]).name
    told = f"{parent}-{store}" if parent else f"{store}-{network}"
    told = re.sub(r"[^A-Za-z0-9._-]+", "-", told).strip(".-")[:56] or "run"
    name, number = told, 2
    while (path / RUNS / name).exists():
        name, number = f"{told}-{number}", number + 1
    return name


def _check_name(path: Path, name: str, errors: dict[str, str]) -> None:
    if not NAME.fullmatch(name):
        errors["name"] = (
            f"'{name[:64]}' is no name for a run: up to 64 letters, digits, '-', '_' or '.', the "
            "first a letter or digit"
        )
    elif (path / RUNS / name).exists():
        errors["name"] = f"{RUNS}/{name} is there already: a run is never overwritten; name another"
