"""galcat VERB: reads arguments, calls the stage of that name, tells mistakes in one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from galcat_core import __version__
from galcat_core.arguments import Parser, add_columns, add_settings, columns_of, config_of, renamed
from galcat_core.config import Config
from galcat_core.errors import GalcatError

# One pair of functions a verb, in the order of the work: what it takes, what it calls.


def _simulate(parser: Parser) -> Callable:
    parser.add_argument("-o", "--out", required=True, metavar="FOLDER", help="folder of the sky")
    add_settings(parser, "simulate")
    return lambda args, stages: stages.simulate(args.out, config_of(args))


def _match(parser: Parser) -> Callable:
    parser.add_argument(
        "left", help="catalogue whose objects look for a partner (CSV, FITS, VOTable, Parquet)"
    )
    parser.add_argument("right", help="catalogue in which they look")
    parser.add_argument("-o", "--out", required=True, metavar="TABLE", help="table of pairs")
    add_columns(parser)
    add_settings(parser, "match")
    return lambda args, stages: stages.match(
        args.left, args.right, args.out, config_of(args), columns_of(args), args.force
    )


def _select(parser: Parser) -> Callable:
    parser.add_argument("catalog", help="a survey's catalogue (CSV, FITS, VOTable, Parquet)")
    parser.add_argument("-o", "--out", required=True, metavar="TABLE", help="cleaned catalogue")
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


def _cutouts(parser: Parser) -> Callable:
    parser.add_argument("catalog", nargs="?", help="catalogue of the galaxies to cut out")
    parser.add_argument("--tiles", metavar="FOLDER", help="folder of FITS tiles (.fits, .fits.fz)")
    parser.add_argument(
        "--pictures", metavar="FOLDER", help="instead of tiles: a folder of JPEG or PNG pictures"
    )
    parser.add_argument(
        "--table", metavar="TABLE", help="table of the pictures: files, ids, labels"
    )
    parser.add_argument("--label-column", metavar="NAME", help="its column of labels")
    parser.add_argument(
        "--id-column", metavar="NAME", help="its column of ids (else the file name)"
    )
    parser.add_argument("--file-column", metavar="NAME", help="its column of file names")
    parser.add_argument(
        "--classes",
        nargs="+",
        metavar="LABEL=CLASS",
        default=[],
        help="rename labels; those not named are left without one",
    )
    parser.add_argument(
        "--pairs", metavar="TABLE", help="pairs: both pictures of a pair get one angular size"
    )
    parser.add_argument(
        "--survey", metavar="NAME", help="name of the survey (default: by the catalogue)"
    )
    parser.add_argument(
        "-o", "--out", required=True, metavar="STORE", help="folder of the cutout store"
    )
    add_settings(parser, "cutouts", "pictures")
    return lambda args, stages: stages.cutouts(
        args.out,
        config_of(args),
        catalog=args.catalog,
        tiles=args.tiles,
        pictures=args.pictures,
        table=args.table,
        label_column=args.label_column,
        id_column=args.id_column,
        file_column=args.file_column,
        classes=renamed(args.classes),
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
    parser.add_argument("-o", "--out", required=True, metavar="TABLE", help="table of sets")
    add_settings(parser, "split")
    return lambda args, stages: stages.split(
        args.inputs, args.out, config_of(args), args.pairs, args.apart_from, args.force
    )


def _train(parser: Parser) -> Callable:
    parser.add_argument("store", help="cutout store")
    parser.add_argument("--split", required=True, metavar="TABLE", help="table of sets")
    parser.add_argument("-o", "--out", required=True, metavar="RUN", help="folder of the run")
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes (Horovod); default 1"
    )
    parser.add_argument(
        "--from", dest="parent", metavar="RUN", help="start from the weights of this run"
    )
    add_settings(parser, "train", "augment")
    return lambda args, stages: stages.train(
        args.store, args.split, args.out, config_of(args), args.workers, args.parent
    )


def _transfer(parser: Parser) -> Callable:
    parser.add_argument("run", help="run trained on the first survey")
    parser.add_argument("store", help="cutout store of the other survey")
    parser.add_argument("--split", required=True, metavar="TABLE", help="table of sets")
    parser.add_argument(
        "-o", "--out", required=True, metavar="FOLDER", help="folder of the new runs and the table"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes (Horovod); default 1"
    )
    parser.add_argument(
        "--galaxies",
        type=int,
        default=400,
        metavar="N",
        help="galaxies to learn from (default 400)",
    )
    add_settings(parser, "train", "augment", "evaluate")
    return lambda args, stages: stages.transfer(
        args.run,
        args.store,
        args.split,
        args.out,
        config_of(args),
        args.workers,
        args.galaxies,
        args.force,
    )


def _add_images(parser: Parser) -> None:
    parser.add_argument("store", nargs="?", help="cutout store, or folder of pictures")
    parser.add_argument("--images", metavar="FOLDER", help="the same, by name")
    parser.add_argument(
        "--table", metavar="TABLE", help="table of a folder's pictures: files and ids"
    )
    parser.add_argument(
        "--id-column", metavar="NAME", help="its column of ids (else the file name)"
    )
    parser.add_argument("--file-column", metavar="NAME", help="its column of file names")
    parser.add_argument(
        "--split", metavar="TABLE", help="table of sets: only the galaxies of --set"
    )
    parser.add_argument(
        "--set", dest="set_name", metavar="SET", help="one of its sets, as unlabelled"
    )
    parser.add_argument(
        "--run", metavar="RUN", help="run that predicts (default: the model in the box)"
    )
    parser.add_argument(
        "--any-recipe",
        action="store_true",
        help="accept pictures rendered otherwise than the run's own",
    )
    parser.add_argument(
        "--batch-size", type=int, default=64, metavar="N", help="pictures at a time (default 64)"
    )


def _images(args: argparse.Namespace) -> dict:
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
        "force",
        "out",
    )
    return {"images": args.store or args.images, **{name: getattr(args, name) for name in names}}


def _predict(parser: Parser) -> Callable:
    _add_images(parser)
    parser.add_argument(
        "-o", "--out", required=True, metavar="TABLE", help="table of probabilities"
    )
    return lambda args, stages: stages.predict(**_images(args))


def _embed(parser: Parser) -> Callable:
    _add_images(parser)
    parser.add_argument("-o", "--out", required=True, metavar="TABLE", help="table of features")
    return lambda args, stages: stages.embed(**_images(args))


def _evaluate(parser: Parser) -> Callable:
    parser.add_argument("predictions", help="table of predictions")
    parser.add_argument(
        "--split", metavar="TABLE", help="table of sets: labels, and which galaxies to count"
    )
    parser.add_argument(
        "--set", dest="set_name", default="test", metavar="SET", help="which set (default test)"
    )
    parser.add_argument(
        "--survey", metavar="NAME", help="which survey's rows (default: by the ids)"
    )
    parser.add_argument(
        "--labels", metavar="TABLE", help="instead of a split: a table with id and label"
    )
    parser.add_argument(
        "--id-column", metavar="NAME", default="id", help="its column of ids (default id)"
    )
    parser.add_argument(
        "--label-column", metavar="NAME", default="label", help="its column of labels"
    )
    parser.add_argument("--images", metavar="STORE", help="cutout store: adds galleries")
    parser.add_argument(
        "-o", "--out", required=True, metavar="FOLDER", help="folder of metrics.json and plots"
    )
    add_settings(parser, "evaluate")
    return lambda args, stages: stages.evaluate(
        args.predictions,
        args.out,
        config_of(args),
        split=args.split,
        set_name=args.set_name,
        survey=args.survey,
        labels=args.labels,
        id_column=args.id_column,
        label_column=args.label_column,
        images=args.images,
        force=args.force,
    )


def _project(parser: Parser) -> Callable:
    parser.add_argument("embedding", help="table of features")
    parser.add_argument(
        "-o", "--out", required=True, metavar="TABLE", help="table of map coordinates"
    )
    add_settings(parser, "project")
    return lambda args, stages: stages.project(
        args.embedding, args.out, config_of(args), args.force
    )


def _cluster(parser: Parser) -> Callable:
    parser.add_argument("embedding", help="table of features")
    parser.add_argument(
        "--predictions", metavar="TABLE", help="predictions: tells how well the clusters agree"
    )
    parser.add_argument("-o", "--out", required=True, metavar="TABLE", help="table of clusters")
    add_settings(parser, "project")
    return lambda args, stages: stages.cluster(
        args.embedding, args.out, config_of(args), args.predictions, args.force
    )


def _publish(parser: Parser) -> Callable:
    parser.add_argument("catalog", help="catalogue of the galaxies")
    parser.add_argument("predictions", help="table of predictions")
    parser.add_argument("--map", metavar="TABLE", help="map coordinates")
    parser.add_argument("--clusters", metavar="TABLE", help="clusters")
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        nargs="+",
        metavar="TABLE",
        help="catalogue: .parquet, .fits or .vot, one or several",
    )
    return lambda args, stages: stages.publish(
        args.catalog, args.predictions, args.out, args.map, args.clusters, args.force
    )


def _app(parser: Parser) -> Callable:
    parser.add_argument(
        "project", nargs="?", default=".", help="project folder (default: this one)"
    )
    parser.add_argument(
        "--port", type=int, default=8866, help="port, or the next free one (default 8866)"
    )
    parser.add_argument("--open", action="store_true", help="open the web browser")
    return lambda args, stages: stages.app(args.project, args.port, args.open)


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


def _settings_verb(parser: Parser) -> Callable:
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="TOML file to write")
    return lambda args, stages: config_of(args).save(args.out)


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
    "train": (
        _train,
        "train a network, on several processes if wanted",
        "galcat train cutouts/sdss --split split.parquet -o runs/sdss --workers 2",
    ),
    "transfer": (
        _transfer,
        "bring a network to another survey: as it is, fine-tuned, from scratch",
        "galcat transfer runs/sdss cutouts/des --split split.parquet -o runs/des",
    ),
    "predict": (
        _predict,
        "give every galaxy its probabilities",
        "galcat predict --images FOLDER -o table.csv\n"
        "  galcat predict cutouts/des --run runs/sdss -o predictions.parquet",
    ),
    "evaluate": (
        _evaluate,
        "measure predictions against labels",
        "galcat evaluate predictions.parquet --split split.parquet -o report\n"
        "  galcat evaluate table.csv --labels labels.csv -o report",
    ),
    "embed": (
        _embed,
        "extract the network's features of every galaxy",
        "galcat embed cutouts/des --run runs/sdss -o embedding.parquet",
    ),
    "project": (
        _project,
        "draw t-SNE and UMAP maps of the features",
        "galcat project embedding.parquet -o map.parquet",
    ),
    "cluster": (
        _cluster,
        "find clusters in the features",
        "galcat cluster embedding.parquet --predictions predictions.parquet -o clusters.parquet",
    ),
    "publish": (
        _publish,
        "write the catalogue in the formats astronomers use",
        "galcat publish catalogs/des.parquet predictions.parquet -o catalogue.parquet catalogue.fits",
    ),
    "app": (_app, "serve the dashboards of a project folder", "galcat app demo"),
    "demo": (
        _demo,
        "do all of it on a simulated survey, and serve the dashboards",
        "galcat demo -o demo --workers 2",
    ),
    "config": (
        _settings_verb,
        "write a config file with every setting and its default",
        "galcat config -o galcat.toml",
    ),
}


def parser() -> Parser:
    """Return the parser of the whole command line."""
    whole = Parser(
        prog="galcat",
        description="From survey images to galaxy morphology catalogues.",
        epilog="galcat VERB --help tells more of each verb, with an example.",
    )
    whole.add_argument("--version", action="version", version=f"galcat {__version__}")
    whole.verbs = tuple(VERBS)
    verbs = whole.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    for name, (add, what, example) in VERBS.items():
        verb = verbs.add_parser(
            name,
            help=what,
            description=what[0].upper() + what[1:] + ".",
            epilog=f"example:\n  {example}",
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.set_defaults(call=add(verb), parser=verb)
        verb.add_argument(
            "--config", metavar="FILE", help="TOML file of settings (galcat config -o FILE)"
        )
        verb.add_argument(
            "--force", action="store_true", help="make the result again even if it is up to date"
        )
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code (0 done, 2 a mistake told in one line, 130 interrupted)."""
    args, unknown = parser().parse_known_args(argv)
    if unknown:
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        from galcat_core import stages

        args.call(args, stages)
    except GalcatError as error:
        return _told(args.verb, str(error), 2)
    except KeyboardInterrupt:
        return _told(args.verb, "interrupted; run the same command again to go on", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if os.environ.get("GALCAT_TRACEBACK"):
            raise
        what = str(error).strip().split("\n")[0] or "no message"
        return _told(
            args.verb,
            f"unexpected {type(error).__name__}: {what} (GALCAT_TRACEBACK=1 shows where)",
            1,
        )
    return 0


def _told(verb: str, message: str, code: int) -> int:
    print(f"galcat {verb}: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
