"""Verbs of the pictures and their sets: cut out or taken from a folder, then divided into sets."""

from __future__ import annotations

from collections.abc import Callable

from galcat_core.arguments import (
    Parser,
    add_out,
    add_picture_table,
    add_review,
    add_settings,
    config_of,
    picture_table_of,
)


def _cutouts(parser: Parser) -> Callable:
    parser.add_argument("catalog", nargs="?", help="catalogue of the galaxies to cut out")
    parser.add_argument("--tiles", metavar="FOLDER", help="folder of FITS tiles (.fits, .fits.fz)")
    parser.add_argument(
        "--pictures", metavar="FOLDER", help="instead of tiles: a folder of JPEG or PNG pictures"
    )
    add_picture_table(
        parser,
        "table of the pictures: files, ids, labels",
        classes="rename labels; those not named are left without one",
    )
    parser.add_argument(
        "--pairs", metavar="TABLE", help="pairs: both pictures of a pair get one angular size"
    )
    parser.add_argument(
        "--survey", metavar="NAME", help="name of the survey (default: by the catalogue)"
    )
    add_out(parser, "STORE", "folder of the cutout store")
    add_settings(parser, "cutouts", "pictures")
    return lambda args, stages: stages.cutouts(
        args.out,
        config_of(args),
        catalog=args.catalog,
        tiles=args.tiles,
        pictures=args.pictures,
        **picture_table_of(args),
        pairs=args.pairs,
        survey=args.survey,
    )


def _split(parser: Parser) -> Callable:
    parser.add_argument("inputs", nargs="+", metavar="CATALOG_OR_STORE", help="one for each survey")
    parser.add_argument("--pairs", metavar="TABLE", help="pairs: twins stay on one side")
    parser.add_argument(
        "--apart-from",
        nargs="+",
        metavar="TABLE",
        default=[],
        help="tables of galaxies that must be in no set (by id or position)",
    )
    add_review(
        parser, "its bad matches tie nothing, its bad pictures are in no set, its labels count"
    )
    add_out(parser, "TABLE", "table of sets")
    add_settings(parser, "split")
    return lambda args, stages: stages.split(
        args.inputs,
        args.out,
        config_of(args),
        args.pairs,
        args.apart_from,
        args.force,
        args.review,
    )


VERBS: dict[str, tuple[Callable, str, str]] = {
    "cutouts": (
        _cutouts,
        "cut galaxies out of FITS tiles, or take a folder of pictures",
        "galcat cutouts des.csv.gz --tiles tiles/des -o cutouts/des\n"
        "  galcat cutouts --pictures jpegs --table labels.csv -o cutouts/mine",
    ),
    "split": (
        _split,
        "draw training, validation and test sets that share no galaxy",
        "galcat split catalogs/sdss.parquet catalogs/des.parquet --pairs pairs.parquet -o split.parquet",
    ),
}
