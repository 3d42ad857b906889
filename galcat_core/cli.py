"""galcat VERB: reads arguments, calls the stage of that name, tells mistakes in one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from galcat_core import __version__
from galcat_core.arguments import Parser, add_columns, add_settings, columns_of, config_of, renamed
from galcat_core.backend import BACKENDS
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
    add_settings(parser, "train", "augment", "calibrate")
    return lambda args, stages: stages.train(
        args.store, args.split, args.out, config_of(args), args.workers, args.parent
    )


def _finetune(parser: Parser) -> Callable:
    parser.add_argument("images", help="folder of pictures, or cutout store with labels")
    parser.add_argument("-o", "--out", required=True, metavar="RUN", help="folder of the new run")
    parser.add_argument(
        "--table", metavar="TABLE", help="table of a folder's pictures: files, labels"
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
        help="what its labels are called in the run that is adapted",
    )
    parser.add_argument("--survey", metavar="NAME", help="name of the survey (default: the folder)")
    parser.add_argument(
        "--run", metavar="RUN", help="run that is adapted (default: the model in the box)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes (Horovod); default 1"
    )
    add_settings(parser, "split", "train", "augment", "calibrate")

    def call(args: argparse.Namespace, stages: object) -> None:
        stages.finetune(
            args.images,
            args.out,
            config_of(args, stages.finetuning.settings(args.run)),
            table=args.table,
            label_column=args.label_column,
            id_column=args.id_column,
            file_column=args.file_column,
            classes=renamed(args.classes),
            survey=args.survey,
            run=args.run,
            workers=args.workers,
        )

    return call


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


def _ds19(parser: Parser) -> Callable:
    parser.add_argument(
        "-o", "--out", required=True, metavar="FOLDER", help="folder of the runs and the table"
    )
    parser.add_argument(
        "--question",
        dest="questions",
        nargs="+",
        action="extend",
        default=[],
        metavar="Q",
        help="q1 (disk or features), q2 (edge-on), q3 (bar); default all three",
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=0.1,
        metavar="X",
        help="times the paper's numbers of training galaxies (default 0.1; 1 is the paper's)",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes (Horovod); default 1"
    )
    group = parser.add_argument_group(
        "what is learnt from", "a simulated sky of its own, sized by --scale, if none is given"
    )
    group.add_argument("--sky", metavar="FOLDER", help="a simulated sky (galcat simulate)")
    group.add_argument("--source", metavar="STORE", help="or: pictures of the first survey (SDSS)")
    group.add_argument("--target", metavar="STORE", help="and of the second (DES)")
    group.add_argument(
        "--split", metavar="TABLE", help="with the sets and labels of both, for one question"
    )
    group.add_argument(
        "--classes",
        nargs="+",
        metavar="LABEL=CLASS",
        default=[],
        help="what its labels mean to the question, as spiral=featured elliptical=smooth",
    )
    group.add_argument(
        "--votes", metavar="TABLE", help="or with Galaxy Zoo 2's votes, by the first survey's ids"
    )
    group.add_argument("--pairs", metavar="TABLE", help="and the pairs of both surveys")
    add_settings(parser, "train", "augment", "evaluate", "split")

    def call(args: argparse.Namespace, stages: object) -> None:
        from galcat_core.training.ds19_published import settings

        stages.ds19(
            args.out,
            config_of(args, settings()),
            questions=args.questions,
            scale=args.scale,
            workers=args.workers,
            sky=args.sky,
            source=args.source,
            target=args.target,
            split=args.split,
            votes=args.votes,
            pairs=args.pairs,
            classes=renamed(args.classes),
            force=args.force,
        )

    return call


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
        "--run",
        "--model",
        dest="run",
        action="append",
        metavar="RUN",
        help="run that predicts (default: the model in the box)",
    )
    parser.add_argument(
        "--any-recipe",
        action="store_true",
        help="accept pictures rendered otherwise than the run's own",
    )
    parser.add_argument(
        "--batch-size", type=int, default=64, metavar="N", help="pictures at a time (default 64)"
    )
    parser.add_argument(
        "--backend",
        choices=tuple(BACKENDS),
        help="what the network computes on (default: KERAS_BACKEND, or the first that is installed)",
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
        "backend",
        "any_recipe",
        "force",
        "out",
    )
    return {"images": args.store or args.images, **{name: getattr(args, name) for name in names}}


def _predict(parser: Parser) -> Callable:
    _add_images(parser)
    parser.add_argument(
        "-o", "--out", required=True, metavar="TABLE", help="table of probabilities"
    )
    group = parser.add_argument_group(
        "how sure it is",
        "--run RUN --run RUN makes an ensemble: the mean of the runs' calibrated probabilities.\n"
        "It and --dropout-passes add the columns epistemic (how much the networks disagree)\n"
        "and aleatoric (how unsure they are all the same), in nats.",
    )
    group.add_argument(
        "--dropout-passes",
        type=int,
        default=0,
        metavar="N",
        help="let each run look N times more with its dropout at work; probabilities stay as they are",
    )
    group.add_argument(
        "--dropout-seed", type=int, default=1, metavar="N", help="seed of the dropout (default 1)"
    )
    group.add_argument(
        "--tta",
        action="store_true",
        help="test-time augmentation: the mean over the eight turned and mirrored pictures",
    )
    group.add_argument(
        "--calibration",
        metavar="SURVEY",
        help="whose calibration corrects the probabilities, or none (default: that of the pictures' "
        "survey; where the run has none for it, that of the survey which the run learnt from)",
    )
    group.add_argument(
        "--domain-percentile",
        type=float,
        metavar="P",
        help="out_of_domain is what lies further from the training galaxies than P%% of the "
        "validation galaxies do (default 99)",
    )
    return lambda args, stages: stages.predict(
        **_images(args),
        domain_percentile=args.domain_percentile,
        tta=args.tta,
        dropout_passes=args.dropout_passes,
        dropout_seed=args.dropout_seed,
        calibration=args.calibration,
    )


def _calibrate(parser: Parser) -> Callable:
    parser.add_argument("run", help="finished run; its calibration.json is written")
    parser.add_argument(
        "--images",
        metavar="STORE",
        help="cutout store of labelled galaxies (default: the run's own validation galaxies)",
    )
    parser.add_argument("--split", metavar="TABLE", help="table of sets: labels of --set")
    parser.add_argument(
        "--set", dest="set_name", default="validation", metavar="SET", help="default validation"
    )
    _add_labels(parser)
    parser.add_argument(
        "--survey",
        metavar="NAME",
        help="survey or rendering that the calibration is for (default: the store's)",
    )
    parser.add_argument(
        "--any-recipe",
        action="store_true",
        help="accept pictures rendered otherwise than the run's own",
    )
    parser.add_argument_group(
        "which calibration is taken",
        "A run keeps one calibration for each survey or rendering. Its training ends with\n"
        "that of its own survey, fitted on its validation galaxies. galcat predict takes the\n"
        "calibration of the pictures' survey (the name of their store); where the run has\n"
        "none for it, that of the survey which it learnt from, and says so.",
    )
    add_settings(parser, "calibrate")
    return lambda args, stages: stages.calibrate(
        args.run,
        config_of(args),
        images=args.images,
        split=args.split,
        set_name=args.set_name,
        labels=args.labels,
        id_column=args.id_column,
        label_column=args.label_column,
        survey=args.survey,
        any_recipe=args.any_recipe,
    )


def _add_labels(parser: Parser) -> None:
    parser.add_argument(
        "--labels", metavar="TABLE", help="instead of a split: a table with id and label"
    )
    parser.add_argument(
        "--id-column", metavar="NAME", default="id", help="its column of ids (default id)"
    )
    parser.add_argument(
        "--label-column", metavar="NAME", default="label", help="its column of labels"
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
    parser.add_argument("--split", metavar="TABLE", help="table of sets: labels of --set")
    parser.add_argument(
        "--set", dest="set_name", default="test", metavar="SET", help="which set (default test)"
    )
    parser.add_argument(
        "--survey", metavar="NAME", help="which survey's rows (default: by the ids)"
    )
    _add_labels(parser)
    parser.add_argument("-o", "--out", metavar="FILE", help="write the JSON here too")
    add_settings(parser, "evaluate")
    return lambda args, stages: stages.threshold(
        args.predictions,
        config_of(args),
        split=args.split,
        set_name=args.set_name,
        survey=args.survey,
        labels=args.labels,
        id_column=args.id_column,
        label_column=args.label_column,
        purity=args.purity,
        completeness=args.completeness,
        name=args.name,
        out=args.out,
    )


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
    parser.add_argument(
        "--id-column", metavar="NAME", default="id", help="their column of ids (default id)"
    )
    parser.add_argument(
        "--label-column", metavar="NAME", default="label", help="their column of labels"
    )
    parser.add_argument(
        "--classes",
        nargs="+",
        metavar="LABEL=CLASS",
        default=[],
        help="what labels are called in the run, as smooth=elliptical",
    )
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
    parser.add_argument(
        "--any-recipe",
        action="store_true",
        help="accept pictures rendered otherwise than the run's own",
    )
    parser.add_argument(
        "-o", "--out", required=True, metavar="PAGE", help="the page, report.html; and report.json"
    )
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
    "finetune": (
        _finetune,
        "adapt a network to a few hundred labelled pictures of another survey, in minutes",
        "galcat finetune pictures/ --table labels.csv -o runs/mine",
    ),
    "transfer": (
        _transfer,
        "bring a network to another survey: as it is, fine-tuned, from scratch",
        "galcat transfer runs/sdss cutouts/des --split split.parquet -o runs/des",
    ),
    "ds19": (
        _ds19,
        "repeat the five experiments of Dominguez Sanchez et al. 2019, beside their table",
        "galcat ds19 -o ds19 --question q1 q2 q3 --scale 0.1",
    ),
    "predict": (
        _predict,
        "give every galaxy its probabilities",
        "galcat predict --images FOLDER -o table.csv\n"
        "  galcat predict cutouts/des --run runs/sdss -o predictions.parquet\n"
        "  galcat predict cutouts/des --run runs/one --run runs/two --tta -o predictions.parquet",
    ),
    "calibrate": (
        _calibrate,
        "make a run's probabilities hold for a survey, by labelled galaxies it has not learnt from",
        "galcat calibrate runs/sdss --images cutouts/des --labels my_labels.csv\n"
        "  galcat calibrate runs/sdss --images cutouts/des --split split.parquet --method platt",
    ),
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
