"""Verbs that train networks: from nothing, from another network, on another survey."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from galcat_core.arguments import (
    Parser,
    add_classes,
    add_out,
    add_picture_table,
    add_place,
    add_settings,
    add_workers,
    config_of,
    picture_table_of,
    place_of,
    renamed,
)


def _train(parser: Parser) -> Callable:
    parser.add_argument("store", help="cutout store")
    parser.add_argument("--split", required=True, metavar="TABLE", help="table of sets")
    add_out(parser, "RUN", "folder of the run")
    add_workers(parser)
    parser.set_defaults(workers=None)  # a place may say how many
    parser.add_argument(
        "--from", dest="parent", metavar="RUN", help="start from the weights of this run"
    )
    add_place(parser)
    add_settings(parser, "train", "augment", "calibrate")

    def call(args: argparse.Namespace, stages: object) -> None:
        inputs = args.store, args.split, args.out, config_of(args)
        place = place_of(args)
        if args.on is None:
            workers = 1 if args.workers is None else args.workers
            stages.train(*inputs, workers, args.parent)
            return
        from galcat_core.stages import jobs

        jobs.start_train(*inputs, workers=args.workers, parent=args.parent, **place)

    return call


def _finetune(parser: Parser) -> Callable:
    parser.add_argument("images", help="folder of pictures, or cutout store with labels")
    add_out(parser, "RUN", "folder of the new run")
    add_picture_table(
        parser,
        "table of a folder's pictures: files, labels",
        classes="what its labels are called in the run that is adapted",
    )
    parser.add_argument("--survey", metavar="NAME", help="name of the survey (default: the folder)")
    parser.add_argument(
        "--run", metavar="RUN", help="run that is adapted (default: the model in the box)"
    )
    add_workers(parser)
    add_settings(parser, "split", "train", "augment", "calibrate")
    return lambda args, stages: stages.finetune(
        args.images,
        args.out,
        config_of(args, stages.finetuning.settings(args.run)),
        **picture_table_of(args),
        survey=args.survey,
        run=args.run,
        workers=args.workers,
    )


def _repeat(parser: Parser) -> Callable:
    parser.add_argument("run", help="finished run; its folder tells what it was made from")
    add_out(parser, "RUN", "folder of the repetition")
    group = parser.add_argument_group("new places", "of inputs that have moved since")
    group.add_argument("--store", metavar="STORE", help="the pictures that the run learnt from")
    group.add_argument("--split", metavar="TABLE", help="the table of sets")
    group.add_argument("--from", dest="parent", metavar="RUN", help="the run that it began from")
    parser.add_argument(
        "--kept",
        action="store_true",
        help="take the galaxies and first weights that the run's folder keeps, without split and parent",
    )
    return lambda args, stages: stages.repeat(
        args.run,
        args.out,
        store=args.store,
        split=args.split,
        parent=args.parent,
        kept=args.kept,
    )


def _transfer(parser: Parser) -> Callable:
    parser.add_argument("run", help="run trained on the first survey")
    parser.add_argument("store", help="cutout store of the other survey")
    parser.add_argument("--split", required=True, metavar="TABLE", help="table of sets")
    add_out(parser, "FOLDER", "folder of the new runs and the table")
    add_workers(parser)
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
    add_out(parser, "FOLDER", "folder of the runs and the table")
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
    add_workers(parser)
    group = parser.add_argument_group(
        "what is learnt from", "a simulated sky of its own, sized by --scale, if none is given"
    )
    group.add_argument("--sky", metavar="FOLDER", help="a simulated sky (galcat simulate)")
    group.add_argument("--source", metavar="STORE", help="or: pictures of the first survey (SDSS)")
    group.add_argument("--target", metavar="STORE", help="and of the second (DES)")
    group.add_argument(
        "--split", metavar="TABLE", help="with the sets and labels of both, for one question"
    )
    add_classes(group, "what its labels mean to the question, as spiral=featured elliptical=smooth")
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


VERBS: dict[str, tuple[Callable, str, str]] = {
    "train": (
        _train,
        "train a network, on several processes if wanted",
        "galcat train cutouts/sdss --split split.parquet -o runs/sdss --workers 2\n"
        "  galcat train cutouts/sdss --split split.parquet -o runs/sdss --on slurm --nodes 2",
    ),
    "finetune": (
        _finetune,
        "adapt a network to a few hundred labelled pictures of another survey, in minutes",
        "galcat finetune pictures/ --table labels.csv -o runs/mine",
    ),
    "repeat": (
        _repeat,
        "train a finished run once more from its folder, and tell whether it comes to the same",
        "galcat repeat runs/sdss -o runs/sdss_again",
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
}
