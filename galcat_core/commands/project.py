"""Verbs of a whole project: its dashboards, the demonstration that makes one, the file of its settings."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from galcat_core.arguments import Parser, add_out, config_of
from galcat_core.config import Config


def _app(parser: Parser) -> Callable:
    parser.add_argument(
        "project", nargs="?", default=".", help="project folder (default: this one)"
    )
    parser.add_argument(
        "--port", type=int, default=8866, help="port, or the next free one (default 8866)"
    )
    parser.add_argument("--open", action="store_true", help="open the web browser")

    def call(args: argparse.Namespace, stages: object) -> None:
        from galcat_app.server import run

        run(args.project, port=args.port, open_browser=args.open)

    return call


def _demo(parser: Parser) -> Callable:
    parser.add_argument(
        "-o", "--out", default="demo", metavar="FOLDER", help="project folder (default demo)"
    )
    parser.add_argument(
        "--workers", type=int, default=2, metavar="N", help="training processes (default 2)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a smaller sky and fewer epochs: a look in two minutes"
    )
    parser.add_argument(
        "--no-app", dest="app", action="store_false", help="do not serve the dashboards at the end"
    )
    parser.add_argument("--port", type=int, default=8866, help="port of the dashboards")

    def call(args: argparse.Namespace, stages: object) -> None:
        from galcat_core.demo import demo

        demo(
            args.out,
            Config.load(args.config) if args.config else None,
            workers=args.workers,
            quick=args.quick,
            app=args.app,
            port=args.port,
        )

    return call


def _config(parser: Parser) -> Callable:
    add_out(parser, "FILE", "TOML file to write")
    return lambda args, stages: config_of(args).save(args.out)


VERBS: dict[str, tuple[Callable, str, str]] = {
    "app": (_app, "serve the dashboards of a project folder", "galcat app demo"),
    "demo": (
        _demo,
        "do all of it on a simulated survey, and serve the dashboards",
        "galcat demo -o demo --workers 2",
    ),
    "config": (
        _config,
        "write a config file with every setting and its default",
        "galcat config -o galcat.toml",
    ),
}
