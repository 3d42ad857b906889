"""One setting: declared with its help and limits, checked when read, written as TOML."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from dataclasses import field
from typing import Any

from galcat_core.errors import GalcatError, listed, nearest


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple | None = None,
) -> Any:
    """Declare a setting with its default, its help text, and what is legal."""
    metadata = {"help": help, "low": low, "high": high, "choices": choices}
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def section_from_dict(section: type, values: dict[str, Any], where: str) -> Any:
    """Build one section, checking each key's name, type and limits (errors as in `Config.from_dict`)."""
    fields = {f.name: f for f in dataclasses.fields(section)}
    hints = typing.get_type_hints(section)
    made = {}
    for name, value in values.items():
        if name not in fields:
            raise GalcatError(
                f"{where} has no key '{name}'; legal are {listed(fields, 40)}."
                f"{nearest(name, fields)}"
            )
        made[name] = check_value(fields[name], hints[name], value, f"{where} {name}")
    return section(**made)


def check_value(item: dataclasses.Field, kind: Any, value: Any, where: str) -> Any:
    """Return the value in its setting's type, or say what is legal."""
    element = typing.get_args(kind)[0] if isinstance(kind, types.GenericAlias) else None
    if element is not None:
        if not isinstance(value, list | tuple) or not all(_is(v, element) for v in value):
            raise GalcatError(f"{where} = {value!r}: a list of {element.__name__} is wanted")
        return [element(v) for v in value]
    if not _is(value, kind):
        raise GalcatError(f"{where} = {value!r}: a value of type {kind.__name__} is wanted")
    value = kind(value)
    low, high, choices = (item.metadata[k] for k in ("low", "high", "choices"))
    if choices and kind is str:
        value = {choice.lower(): choice for choice in choices}.get(value.lower(), value)
    if choices and value not in choices:
        raise GalcatError(
            f"{where} = {value!r}: legal are {listed(choices)}.{nearest(str(value), choices)}"
        )
    if kind in (int, float):
        low_end, high_end = (
            (-math.inf if low is None else low),
            (math.inf if high is None else high),
        )
        if not (math.isfinite(value) and low_end <= value <= high_end):
            raise GalcatError(f"{where} = {value!r}: {bounds(low, high)} is legal")
    return value


def bounds(low: float | None, high: float | None) -> str:
    """Return the limits of a number in words."""
    if low is None:
        return "a finite number" if high is None else f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"


def _is(value: Any, kind: type) -> bool:
    if kind is bool:
        return isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def to_toml(value: Any) -> str:
    """Return a setting's value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # TOML knows no surrogate pairs
    if isinstance(value, list):
        return "[" + ", ".join(to_toml(v) for v in value) + "]"
    return repr(value)
