"""The form of a new training: the training config's own fields, what was typed, what is wrong with it."""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from galcat_app.state.training_inputs import Inputs
from galcat_core.arguments import Parser, settings_told
from galcat_core.commands.learning import VERBS
from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.jobs.control import check_shared
from galcat_core.jobs.places import Place, Shape
from galcat_core.runs import Run
from galcat_core.settings import bounds, check_value
from galcat_core.training import distributed, schedule, start

SECTIONS = {  # of the config -> what they are called in the form
    "train": "Network and optimisation",
    "augment": "Augmentation",
    "calibrate": "Calibration",
}
INPUTS = ("store", "split", "parent", "name", "place", "nodes", "tasks")
RUNS = "runs"  # folder of the project in which the form puts runs
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
LONGEST = 500  # characters of one value


@dataclass(frozen=True)
class Field:
    """One setting as the form shows it.

    Attributes
    ----------
    key : str
        "train.epochs".
    label, help : str
    kind : type
        Of the value, or of the values of a list.
    many : bool
        Whether it is a list.
    choices : tuple of str
        Empty where anything may be written.
    legal : str
        Limits in words, or empty.
    default : str
        As it is typed.
    setting : dataclasses.Field
        That the core checks values by.
    """

    key: str
    label: str
    help: str
    kind: type
    many: bool
    choices: tuple[str, ...]
    legal: str
    default: str
    setting: dataclasses.Field

    def read(self, text: str) -> Any:
        """Return the value that a text means, checked by the core.

        Raises
        ------
        GalcatError
            It is not legal.
        """
        words = text.replace(",", " ").split() if self.many else [text.strip()]
        values = [_value(self.kind, word) for word in words]
        kind = list[self.kind] if self.many else self.kind  # type: ignore[name-defined]
        return check_value(
            self.setting, kind, values if self.many else values[0], self.setting.name
        )


def _value(kind: type, word: str) -> Any:
    """Return what a word means; the word itself, where it means nothing of the kind: the check tells."""
    if kind is bool:
        return {"true": True, "false": False}.get(word.lower(), word)
    try:
        return kind(word)
    except ValueError:
        return word


def _fields() -> dict[str, Field]:
    """Return the fields of the sections that `galcat train` takes, in their order."""
    sections, found = typing.get_type_hints(Config), {}
    for section in SECTIONS:
        hints = typing.get_type_hints(sections[section])
        for item in dataclasses.fields(sections[section]):
            many = typing.get_origin(hints[item.name]) is list
            kind = typing.get_args(hints[item.name])[0] if many else hints[item.name]
            low, high, choices = (item.metadata[k] for k in ("low", "high", "choices"))
            limited = low is not None or high is not None
            found[f"{section}.{item.name}"] = Field(
                f"{section}.{item.name}",
                item.name.replace("_", " ").capitalize(),
                item.metadata["help"],
                kind,
                many,
                tuple(choices or ()),
                bounds(low, high) if limited else "",
                text_of(getattr(sections[section](), item.name)),
                item,
            )
    return found


def text_of(value: Any) -> str:
    """Return a value as it is typed into its field."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(text_of(v) for v in value)
    return str(value)


FIELDS = _fields()


@dataclass
class Draft:
    """What was chosen and typed so far.

    Attributes
    ----------
    inputs : dict of str to str
        By the names of `INPUTS`; empty is the page's own suggestion.
    texts : dict of str to str
        Settings that were touched, by key.
    """

    inputs: dict[str, str] = field(default_factory=lambda: dict.fromkeys(INPUTS, ""))
    texts: dict[str, str] = field(default_factory=dict)

    def set(self, key: Any, text: Any) -> None:
        """Take what was typed into a field.

        Raises
        ------
        GalcatError
            There is no such field, or the text is none or too long.
        """
        if not isinstance(text, str) or len(text) > LONGEST or not text.isprintable():
            raise GalcatError(f"a value is one line of at most {LONGEST} characters")
        if key in INPUTS:
            self.inputs[key] = text.strip()
        elif isinstance(key, str) and key in FIELDS:
            self.texts[key] = text
        else:
            raise GalcatError("there is no such field in the form; reload the page")

    def changed(self) -> list[str]:
        """Return the settings that are not the defaults."""
        return [key for key, text in self.texts.items() if text.strip() != FIELDS[key].default]


@dataclass(frozen=True)
class Checked:
    """A draft, checked.

    Attributes
    ----------
    errors : dict of str to str
        What is wrong, by field; the key "" for what belongs to no field.
    config : Config
        Of the values that are right.
    out : str
        The run's folder, as seen from the project.
    place : Place or None
    shape : Shape or None
    values : dict of str to str
        Of the inputs, suggestions filled in.
    """

    errors: dict[str, str]
    config: Config
    out: str
    place: Place | None
    shape: Shape | None
    values: dict[str, str]

    def words(self) -> list[str]:
        """Return the command line that starts the same training."""
        told, parser = self.values, Parser()
        VERBS["train"][0](parser)
        words = ["galcat", "train", told["store"] or "STORE", "--split", told["split"] or "SPLIT"]
        words += ["-o", self.out]
        if told["parent"]:
            words += ["--from", told["parent"]]
        words += ["--on", self.place.name if self.place else told["place"]]
        if self.shape and self.place and self.shape != self.place.shape():
            if self.place.kind == "slurm":
                words += ["--nodes", str(self.shape.nodes)]
            words += ["--tasks-per-node", str(self.shape.tasks_per_node)]
        return [*words, *settings_told(parser, self.config)]

    @property
    def command(self) -> str:
        """The same as one line of shell."""
        return shlex.join(self.words())


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


def key_of(message: str, otherwise: str = "") -> str:
    """Return the field that an error of the core is about: it names it as "train.epochs"."""
    found = re.search(rf"\b({'|'.join(SECTIONS)})\.([a-z_]+)", message)
    return found[0] if found and found[0] in FIELDS else otherwise


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
