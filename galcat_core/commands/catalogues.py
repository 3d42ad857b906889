"""Verbs of the survey tables: a simulated sky, clean catalogues with labels, pairs of two surveys."""

from __future__ import annotations

from collections.abc import Callable

from galcat_core.arguments import (
    Parser,
    add_columns,
    add_out,
    add_review,
    add_settings,
    columns_of,
    config_of,
)


def _simulate(parser: Parser) -> Callable:
    add_out(parser, "FOLDER", "folder of the sky")
    add_settings(parser, "simulate")
    return lambda args, stages: stages.simulate(args.out, config_of(args))


def _select(parser: Parser) -> Callable:
    parser.add_argument("catalog", help="a survey's catalogue (CSV, FITS, VOTable, Parquet)")
    add_out(parser, "TABLE", "cleaned catalogue")
    parser.add_argument("--votes", metavar="TABLE", help="Galaxy Zoo votes: gives labels")
    parser.add_argument(
        "--pairs", metavar="TABLE", help="pairs: keeps good galaxies that are in none of them"
    )
    add_columns(parser)
    add_settings(parser, "select")
    return lambda args, stages: stages.select(
        args.catalog,
        args.out,
        config_of(args),
        args.votes,
        args.pairs,
        columns_of(args),
        args.force,
    )


def _match(parser: Parser) -> Callable:
    parser.add_argument(
        "left", help="catalogue whose objects look for a partner (CSV, FITS, VOTable, Parquet)"
    )
    parser.add_argument("right", help="catalogue in which they look")
    add_review(parser, "its bad matches are left out")
    add_out(parser, "TABLE", "table of pairs")
    add_columns(parser)
    add_settings(parser, "match")
    return lambda args, stages: stages.match(
        args.left, args.right, args.out, config_of(args), columns_of(args), args.force, args.review
    )


VERBS: dict[str, tuple[Callable, str, str]] = {
    "simulate": (
        _simulate,
        "make a small sky seen by an SDSS-like and a DES-like telescope",
        "galcat simulate -o sky",
    ),
    "select": (
        _select,
        "read a catalogue, apply quality cuts, add labels from votes",
        "galcat select sdss.csv.gz --votes galaxy_zoo.csv.gz -o catalogs/sdss.parquet",
    ),
    "match": (
        _match,
        "cross-match two catalogues on the sky",
        "galcat match sdss.csv.gz des.csv.gz -o pairs.parquet --radius 1",
    ),
}
