"""Arguments made from the config's settings: one flag a setting, with its help, its limits, its default."""

from __future__ import annotations

import argparse
import dataclasses
import typing
from collections.abc import Sequence
from typing import NoReturn

from galcat_core.config import Config
from galcat_core.errors import GalcatError, nearest

SHORT = {  # flags that people guess, beside those made from the settings' names
    ("match", "radius_arcsec"): "--radius",
    ("cutouts", "size_px"): "--size",
    ("train", "learning_rate"): "--lr",
}

NAMED = {  # flags that are named otherwise than their settings
    ("evaluate", "bins"): "--reliability-bins",
    ("evaluate", "bin_by"): "--bins",
}


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, with the nearest legal word."""

    verbs: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        flags = [flag for action in self._actions for flag in action.option_strings]
        if message.startswith("unrecognized arguments: "):
            wrong = message.split(": ", 1)[1].split()[0]
            message = f"{wrong}: no such argument.{nearest(wrong, flags)}"
        elif "invalid choice: '" in message and "VERB" in message:
            wrong = message.split("invalid choice: '")[1].split("'")[0]
            message = f"there is no verb '{wrong}'.{nearest(wrong, self.verbs)}"
        self.exit(2, f"{self.prog}: {message.rstrip('.')}. See {self.prog} --help\n")


def add_settings(parser: Parser, *sections: str) -> None:
    """Give a verb one flag for each setting of its config sections."""
    hints = typing.get_type_hints(Config)
    taken: set[str] = set()
    for section in sections:
        group = parser.add_argument_group(f"settings [{section}]", hints[section].__doc__)
        kinds = typing.get_type_hints(hints[section])
        for item in dataclasses.fields(hints[section]):
            flag = NAMED.get((section, item.name), "--" + item.name.replace("_", "-"))
            if flag in taken:  # two sections of one verb have a setting of this name
                flag = f"--{section}-{flag[2:]}"
            taken.add(flag)
            _add_setting(group, section, item, kinds[item.name], flag)


def _add_setting(
    group: argparse._ArgumentGroup,
    section: str,
    item: dataclasses.Field,
    kind: typing.Any,
    flag: str,
) -> None:
    flags = [flag]
    if (section, item.name) in SHORT:
        flags.insert(0, SHORT[section, item.name])
    default = item.default if item.default is not dataclasses.MISSING else item.default_factory()
    shown = " ".join(map(str, default)) or "none" if isinstance(default, list) else default
    options: dict[str, typing.Any] = {
        "dest": f"{section}.{item.name}",
        "default": argparse.SUPPRESS,
        "help": f"{item.metadata['help']} (default {shown})".replace("%", "%%"),
    }
    if kind is bool:
        group.add_argument(*flags, action=argparse.BooleanOptionalAction, **options)
    elif typing.get_origin(kind) is list:
        group.add_argument(*flags, nargs="+", type=typing.get_args(kind)[0], metavar="X", **options)
    else:
        group.add_argument(
            *flags,
            type=str.lower if item.metadata["choices"] else kind,  # as MobileNetV3Small is written
            choices=item.metadata["choices"],
            metavar=None if item.metadata["choices"] else "X",
            **options,
        )


def config_of(args: argparse.Namespace, default: Config | None = None) -> Config:
    """Build the config: the file's settings, or a verb's own, over them those of the command line."""
    config = default if default is not None and args.config is None else Config.load(args.config)
    changes: dict[str, dict] = {}
    for name, value in vars(args).items():
        section, dot, key = name.partition(".")
        if dot:
            changes.setdefault(section, {})[key] = value
    return config.replace(**changes)


def columns_of(args: argparse.Namespace) -> dict | None:
    named = {"id": args.id_column, "ra": args.ra_column, "dec": args.dec_column}
    return {k: v for k, v in named.items() if v} or None


def add_columns(parser: Parser) -> None:
    group = parser.add_argument_group("columns", "names, where galcat does not know them")
    for name, what in (("id", "object id"), ("ra", "right ascension"), ("dec", "declination")):
        group.add_argument(f"--{name}-column", metavar="NAME", help=f"column of the {what}")


def renamed(given: Sequence[str]) -> dict[str, str] | None:
    wrong = [
        item for item in given if item.count("=") != 1 or item.startswith("=") or item.endswith("=")
    ]
    if wrong:
        raise GalcatError(f"--classes {wrong[0]}: write LABEL=CLASS, for example spiral_cw=spiral")
    return dict(item.split("=") for item in given) or None
