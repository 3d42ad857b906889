"""Verbs that label galaxies: probabilities of every galaxy, and the calibration that makes them hold."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from galcat_core.arguments import (
    Parser,
    add_any_recipe,
    add_images,
    add_labels,
    add_out,
    add_settings,
    config_of,
    images_of,
    labels_of,
    place_of,
)


def _predict(parser: Parser) -> Callable:
    add_images(parser)
    add_out(parser, "TABLE", "table of probabilities")
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
    looks = ("domain_percentile", "tta", "dropout_passes", "dropout_seed", "calibration")
    return lambda args, stages: label(
        args, stages.predict, "predict", **{name: getattr(args, name) for name in looks}
    )


def label(args: argparse.Namespace, stage: Callable, verb: str, **looks: Any) -> None:
    """Call a stage that looks at pictures, here and now or as a job."""
    given, place = images_of(args) | looks, place_of(args)
    if args.on is None:
        stage(**given, workers=1 if args.workers is None else args.workers)
        return
    from galcat_core.stages import jobs

    jobs.start_labelling(verb, **given, **place, workers=args.workers)


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
    add_labels(parser)
    parser.add_argument(
        "--survey",
        metavar="NAME",
        help="survey or rendering that the calibration is for (default: the store's)",
    )
    add_any_recipe(parser)
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
        **labels_of(args),
        survey=args.survey,
        any_recipe=args.any_recipe,
    )


VERBS: dict[str, tuple[Callable, str, str]] = {
    "predict": (
        _predict,
        "give every galaxy its probabilities",
        "galcat predict --images FOLDER -o table.csv\n"
        "  galcat predict cutouts/des --run runs/sdss -o predictions.parquet\n"
        "  galcat predict cutouts/des --run runs/one --run runs/two --tta -o predictions.parquet\n"
        "  galcat predict cutouts/des --run runs/sdss -o predictions.parquet --workers 2\n"
        "  galcat predict cutouts/des --run runs/sdss -o predictions.parquet --on slurm --nodes 8",
    ),
    "calibrate": (
        _calibrate,
        "make a run's probabilities hold for a survey, by labelled galaxies it has not learnt from",
        "galcat calibrate runs/sdss --images cutouts/des --labels my_labels.csv\n"
        "  galcat calibrate runs/sdss --images cutouts/des --split split.parquet --method platt",
    ),
}
