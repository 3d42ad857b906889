"""Verbs that judge predictions against labels: measures, a threshold for a sample, a page that tells all."""

from __future__ import annotations

from collections.abc import Callable

from galcat_core.arguments import (
    Parser,
    add_any_recipe,
    add_classes,
    add_label_columns,
    add_labels,
    add_out,
    add_settings,
    config_of,
    labels_of,
    renamed,
)


def _add_rows(parser: Parser, split: str) -> None:
    """Add which rows of a table of predictions count, and their labels."""
    parser.add_argument("--split", metavar="TABLE", help=split)
    parser.add_argument(
        "--set", dest="set_name", default="test", metavar="SET", help="which set (default test)"
    )
    parser.add_argument(
        "--survey", metavar="NAME", help="which survey's rows (default: by the ids)"
    )
    add_labels(parser)


def _evaluate(parser: Parser) -> Callable:
    parser.add_argument("predictions", help="table of predictions")
    _add_rows(parser, split="table of sets: labels, and which galaxies to count")
    parser.add_argument("--images", metavar="STORE", help="cutout store: adds galleries")
    add_out(parser, "FOLDER", "folder of metrics.json and plots")
    add_settings(parser, "evaluate")
    return lambda args, stages: stages.evaluate(
        args.predictions,
        args.out,
        config_of(args),
        **labels_of(args),
        survey=args.survey,
        images=args.images,
        force=args.force,
    )


def _threshold(parser: Parser) -> Callable:
    parser.add_argument("predictions", help="table of predictions")
    parser.add_argument("--purity", type=float, metavar="P", help="wanted purity, as 0.95")
    parser.add_argument(
        "--completeness", type=float, metavar="C", help="instead: wanted completeness"
    )
    parser.add_argument(
        "--class", dest="name", metavar="CLASS", help="class of the sample (default: the positive)"
    )
    _add_rows(parser, split="table of sets: labels of --set")
    add_out(parser, "FILE", "write the JSON here too", required=False)
    add_settings(parser, "evaluate")
    return lambda args, stages: stages.threshold(
        args.predictions,
        config_of(args),
        **labels_of(args),
        survey=args.survey,
        purity=args.purity,
        completeness=args.completeness,
        name=args.name,
        out=args.out,
    )


def _report(parser: Parser) -> Callable:
    parser.add_argument("run", nargs="?", help="run that is judged (default: the model in the box)")
    parser.add_argument(
        "--set",
        dest="sets",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=PATH",
        help="test sets: cutout stores, or tables of predictions (default: the run's own "
        "validation galaxies)",
    )
    parser.add_argument("--split", metavar="TABLE", help="table of sets: labels of all test sets")
    parser.add_argument(
        "--split-set", default="test", metavar="SET", help="which of its sets (default test)"
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=TABLE",
        help="instead of a split: tables with id and label; TABLE alone for all test sets "
        "(default: the labels in the stores)",
    )
    add_label_columns(parser, whose="their")
    add_classes(parser, "what labels are called in the run, as smooth=elliptical")
    parser.add_argument(
        "--images",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=STORE",
        help="pictures of tables of predictions: adds galleries",
    )
    parser.add_argument(
        "--pairs", metavar="TABLE", help="pairs: shows galaxies of two sets side by side"
    )
    parser.add_argument(
        "--same-ids", action="store_true", help="instead: galaxies of equal id are the same"
    )
    parser.add_argument(
        "--gallery", type=int, default=16, metavar="N", help="galaxies in a gallery (default 16)"
    )
    parser.add_argument("--title", metavar="TEXT", help="title of the page")
    add_any_recipe(parser)
    add_out(parser, "PAGE", "the page, report.html; and report.json")
    add_settings(parser, "evaluate")
    return lambda args, stages: stages.report(
        args.run,
        args.out,
        config_of(args),
        sets=args.sets,
        split=args.split,
        set_name=args.split_set,
        labels=args.labels,
        id_column=args.id_column,
        label_column=args.label_column,
        classes=renamed(args.classes),
        images=args.images,
        pairs=args.pairs,
        same_ids=args.same_ids,
        title=args.title,
        count=args.gallery,
        any_recipe=args.any_recipe,
        force=args.force,
    )


VERBS: dict[str, tuple[Callable, str, str]] = {
    "evaluate": (
        _evaluate,
        "measure predictions against labels",
        "galcat evaluate predictions.parquet --split split.parquet -o report\n"
        "  galcat evaluate table.csv --labels labels.csv --bins petroRad_r z -o report",
    ),
    "threshold": (
        _threshold,
        "choose the threshold that gives a sample its purity or completeness",
        "galcat threshold predictions.parquet --labels labels.csv --purity 0.95",
    ),
    "report": (
        _report,
        "write a page of figures, tables and galleries that judges a run on test sets",
        "galcat report runs/sdss --set SDSS=cutouts/sdss DES=cutouts/des --split split.parquet "
        "--pairs pairs.parquet -o report.html",
    ),
}
