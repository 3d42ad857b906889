"""The settings that `galcat train` takes, as fields: help, limits, default, and what a typed text means."""

from __future__ import annotations

import dataclasses
import re
import typing
from dataclasses import dataclass
from typing import Any

from galcat_core.config import Config
from galcat_core.settings import bounds, check_value

SECTIONS = {  # of the config -> what they are called in the form
    "train": "Network and optimisation",
    "augment": "Augmentation",
    "calibrate": "Calibration",
}


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


def key_of(message: str, otherwise: str = "") -> str:
    """Return the field that an error of the core is about: it names it as "train.epochs"."""
    found = re.search(rf"\b({'|'.join(SECTIONS)})\.([a-z_]+)", message)
    return found[0] if found and found[0] in FIELDS else otherwise
