"""Arguments of the verbs: one flag a setting of the config, and those that several verbs share."""

from __future__ import annotations

import argparse
import dataclasses
import typing
from collections.abc import Sequence
from typing import NoReturn

from galcat_core.backend import BACKENDS
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
        end = "" if message.endswith("?") else "."
        self.exit(2, f"{self.prog}: {message.rstrip('.')}{end} See {self.prog} --help\n")


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


def settings_told(parser: Parser, config: Config) -> list[str]:
    """Return the flags that tell a verb which settings are not the defaults: `config_of`, backwards."""
    default, told = Config().to_dict(), []
    for action in parser._actions:
        section, dot, key = action.dest.partition(".")
        value = getattr(getattr(config, section), key) if dot else None
        if not dot or value == default[section][key]:
            continue
        flag = action.option_strings[-1] if value is False else _long(action)
        if isinstance(value, bool):
            told.append(flag)
        elif isinstance(value, list):
            told += [flag, *map(str, value)]
        else:
            told += [flag, str(value)] if not str(value).startswith("-") else [f"{flag}={value}"]
    return told


def _long(action: argparse.Action) -> str:
    """Return the flag that is named like the setting; --no-FLAG follows it, a short one goes before."""
    flags = [flag for flag in action.option_strings if not flag.startswith("--no-")]
    return flags[-1]


def add_out(
    parser: Parser, metavar: str, what: str, required: bool = True, nargs: str | None = None
) -> None:
    parser.add_argument("-o", "--out", required=required, nargs=nargs, metavar=metavar, help=what)


def add_workers(parser: Parser, what: str = "processes (Horovod)") -> None:
    parser.add_argument("--workers", type=int, default=1, metavar="N", help=f"{what}; default 1")


def add_place(parser: Parser) -> None:
    """Add where a verb's work is done, if not here and now."""
    group = parser.add_argument_group("where", "as a job that runs without you, see galcat jobs")
    group.add_argument("--on", metavar="PLACE", help="local, slurm, or a place of places.toml")
    group.add_argument(
        "--nodes", type=int, metavar="N", help="nodes (default: what the place says)"
    )
    group.add_argument(
        "--tasks-per-node",
        type=int,
        metavar="N",
        help="worker processes on each node (default: what the place says)",
    )
    group.add_argument(
        "--places", metavar="FILE", help="file of places (default places.toml, if it is there)"
    )


def place_of(args: argparse.Namespace) -> dict:
    """Return `on`, `nodes`, `tasks_per_node` and `places`; the last three belong to a job only."""
    place = {name: getattr(args, name) for name in ("nodes", "tasks_per_node", "places")}
    given = [f"--{name.replace('_', '-')}" for name, value in place.items() if value]
    if given and args.on is None:
        raise GalcatError(f"{given[0]} is of a job: name its place too, as --on local")
    return {"on": args.on, **place}


def add_any_recipe(parser: Parser) -> None:
    parser.add_argument(
        "--any-recipe",
        action="store_true",
        help="accept pictures rendered otherwise than the run's own",
    )


def add_columns(parser: Parser) -> None:
    group = parser.add_argument_group("columns", "names, where galcat does not know them")
    for name, what in (("id", "object id"), ("ra", "right ascension"), ("dec", "declination")):
        group.add_argument(f"--{name}-column", metavar="NAME", help=f"column of the {what}")


def columns_of(args: argparse.Namespace) -> dict | None:
    named = {"id": args.id_column, "ra": args.ra_column, "dec": args.dec_column}
    return {k: v for k, v in named.items() if v} or None


def add_review(parser: argparse._ActionsContainer, what: str) -> None:
    parser.add_argument(
        "--review",
        metavar="TABLE",
        help=f"what was flagged on the page Pairs of galcat app: {what}",
    )


def add_classes(parser: argparse._ActionsContainer, what: str) -> None:
    parser.add_argument("--classes", nargs="+", metavar="LABEL=CLASS", default=[], help=what)


def renamed(given: Sequence[str]) -> dict[str, str] | None:
    wrong = [
        item for item in given if item.count("=") != 1 or item.startswith("=") or item.endswith("=")
    ]
    if wrong:
        raise GalcatError(f"--classes {wrong[0]}: write LABEL=CLASS, for example spiral_cw=spiral")
    return dict(item.split("=") for item in given) or None


def add_picture_table(parser: Parser, what: str, classes: str | None = None) -> None:
    """Add the table of a folder's pictures; its labels too, where `classes` says what renaming them does."""
    parser.add_argument("--table", metavar="TABLE", help=what)
    if classes:
        parser.add_argument("--label-column", metavar="NAME", help="its column of labels")
    parser.add_argument(
        "--id-column", metavar="NAME", help="its column of ids (else the file name)"
    )
    parser.add_argument("--file-column", metavar="NAME", help="its column of file names")
    if classes:
        add_classes(parser, classes)


def picture_table_of(args: argparse.Namespace) -> dict:
    names = ("table", "label_column", "id_column", "file_column")
    return {**{name: getattr(args, name) for name in names}, "classes": renamed(args.classes)}


def add_label_columns(parser: Parser, whose: str = "its") -> None:
    parser.add_argument(
        "--id-column", metavar="NAME", default="id", help=f"{whose} column of ids (default id)"
    )
    parser.add_argument(
        "--label-column", metavar="NAME", default="label", help=f"{whose} column of labels"
    )


def add_labels(parser: Parser) -> None:
    """Add the table of labels that stands in for a split."""
    parser.add_argument(
        "--labels", metavar="TABLE", help="instead of a split: a table with id and label"
    )
    add_label_columns(parser)


def labels_of(args: argparse.Namespace) -> dict:
    names = ("split", "set_name", "labels", "id_column", "label_column")
    return {name: getattr(args, name) for name in names}


def add_images(parser: Parser) -> None:
    """Add the pictures that runs look at, how they look, and who does it where."""
    parser.add_argument("store", nargs="?", help="cutout store, or folder of pictures")
    parser.add_argument("--images", metavar="FOLDER", help="the same, by name")
    add_picture_table(parser, "table of a folder's pictures: files and ids")
    parser.add_argument(
        "--split", metavar="TABLE", help="table of sets: only the galaxies of --set"
    )
    parser.add_argument(
        "--set", dest="set_name", metavar="SET", help="one of its sets, as unlabelled"
    )
    parser.add_argument(
        "--run",
        "--model",
        dest="run",
        action="append",
        metavar="RUN",
        help="run that predicts (default: the model in the box)",
    )
    add_any_recipe(parser)
    parser.add_argument(
        "--batch-size", type=int, default=64, metavar="N", help="pictures at a time (default 64)"
    )
    parser.add_argument(
        "--backend",
        choices=tuple(BACKENDS),
        help="what the network computes on (default: KERAS_BACKEND, or the first that is installed)",
    )
    add_workers(parser, "processes that share the galaxies, each with cores or a GPU of its own")
    parser.set_defaults(workers=None)  # a place may say how many
    add_place(parser)


def images_of(args: argparse.Namespace) -> dict:
    if (args.store is None) == (args.images is None):
        raise GalcatError(
            "give the pictures once: a cutout store or a folder of pictures, as --images FOLDER"
        )
    if (args.split is None) != (args.set_name is None):
        raise GalcatError("--split TABLE and --set NAME go together: one of the table's sets")
    if args.batch_size < 1:
        raise GalcatError(f"--batch-size {args.batch_size}: at least 1 is wanted")
    names = (
        "run",
        "table",
        "id_column",
        "file_column",
        "split",
        "set_name",
        "batch_size",
        "backend",
        "any_recipe",
        "force",
        "out",
    )
    return {"images": args.store or args.images, **{name: getattr(args, name) for name in names}}
