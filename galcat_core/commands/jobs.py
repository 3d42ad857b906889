"""Verbs of jobs, which run at a place without whoever started them; and of what this machine can do."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from galcat_core.arguments import Parser, add_out, add_settings, config_of
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.jobs.systems import SYSTEMS

ACTIONS = {
    "list": "all jobs and their states (the default)",
    "show": "one job, whole",
    "log": "what a job says; --follow until it ends, --rank for one worker's libraries",
    "cancel": "end jobs",
    "resume": "go on with jobs that ended too early, from their last checkpoints",
    "collect": "check that what a finished job made is whole, tell its figures, copy it (-o)",
}


def _jobs(parser: Parser) -> Callable:
    told = "; ".join(f"{name}: {what}" for name, what in ACTIONS.items())
    parser.add_argument(
        "action", nargs="?", default="list", choices=tuple(ACTIONS), metavar="ACTION", help=told
    )
    parser.add_argument("jobs", nargs="*", metavar="JOB", help="a job's name, or its number alone")
    parser.add_argument(
        "--jobs",
        dest="folder",
        default="jobs",
        metavar="FOLDER",
        help="their folder (default jobs)",
    )
    parser.add_argument("--follow", "-f", action="store_true", help="log: until the job has ended")
    parser.add_argument("--rank", type=int, metavar="N", help="log: of one worker, from 0 on")
    parser.add_argument("--wait", action="store_true", help="collect: wait until it has ended")
    parser.add_argument("-o", "--out", metavar="FOLDER", help="collect: where it is copied to")

    def call(args: argparse.Namespace, _: object) -> None:
        from galcat_core.stages import jobs

        if args.action == "list":
            jobs.list_jobs(args.folder)
            return
        if not args.jobs:
            raise GalcatError(f"which job? galcat jobs {args.action} JOB; galcat jobs lists them")
        if args.action in ("cancel", "resume"):
            getattr(jobs, args.action)(args.jobs, args.folder)
            return
        if len(args.jobs) > 1:
            raise GalcatError(f"galcat jobs {args.action} takes one job, not {len(args.jobs)}")
        name = args.jobs[0]
        if args.action == "show":
            jobs.show(name, args.folder)
        elif args.action == "log":
            jobs.log(name, args.folder, args.follow, args.rank)
        else:
            jobs.collect(name, args.out, args.folder, args.wait)

    return call


def _places(parser: Parser) -> Callable:
    parser.add_argument("--places", metavar="FILE", help="file of places (default places.toml)")
    parser.add_argument(
        "--kind", choices=tuple(SYSTEMS), help="with -o: for which batch system", default="slurm"
    )
    parser.add_argument(
        "-o", "--out", metavar="FILE", help="write a file of places with every key, to be edited"
    )

    def call(args: argparse.Namespace, _: object) -> None:
        from galcat_core.stages import jobs

        if args.out:
            jobs.write_places(args.kind, args.out)
        else:
            jobs.list_places(args.places)

    return call


def _doctor(parser: Parser) -> Callable:
    parser.add_argument(
        "project", nargs="?", default=".", help="project folder (default: this one)"
    )
    parser.add_argument("--places", metavar="FILE", help="file of places (default places.toml)")

    def call(args: argparse.Namespace, _: object) -> None:
        from galcat_core.stages import jobs

        jobs.doctor(args.project, args.places)

    return call


def _scaling(parser: Parser) -> Callable:
    parser.add_argument(
        "store", nargs="?", help="cutout store (default: simulated pictures of galcat's own)"
    )
    parser.add_argument("--split", metavar="TABLE", help="table of sets, of the store")
    add_out(parser, "FOLDER", "folder of the figure, the tables and the measured points")
    parser.add_argument(
        "--workers",
        type=int,
        nargs="+",
        default=[1, 2],
        metavar="N",
        help="numbers of workers that are measured (default 1 2)",
    )
    parser.add_argument(
        "--scaling",
        dest="kind",
        choices=("weak", "strong"),
        default="weak",
        help="weak: each worker has batch_size pictures a step and the rate grows with the workers, as in "
        "Khan et al. 2019; strong: all workers share batch_size (default weak)",
    )
    parser.add_argument(
        "--turns", type=int, default=3, metavar="N", help="how often each is measured (default 3)"
    )
    parser.add_argument(
        "--pictures",
        type=int,
        metavar="N",
        help="simulated pictures to learn from, if no STORE is given",
    )
    parser.add_argument(
        "--target-loss",
        type=float,
        metavar="X",
        help="validation loss whose time is told (default: the lowest that all trainings reach)",
    )
    group = parser.add_argument_group(
        "MODEL",
        "what to expect of 8 to 512 workers like these; on another network than the one here:",
    )
    group.add_argument(
        "--bandwidth-gb-s", type=float, metavar="X", help="gigabytes a second between two workers"
    )
    group.add_argument("--latency-us", type=float, metavar="X", help="microseconds of a message")
    group = parser.add_argument_group("where", "each point as a job, see galcat jobs; else here")
    group.add_argument("--on", metavar="PLACE", help="local, slurm, or a place of places.toml")
    group.add_argument("--places", metavar="FILE", help="file of places (default places.toml)")
    parser.add_argument_group(
        "how it is measured",
        "Each point is a training of 4 epochs (--epochs) with a batch of 16 (--batch-size) and random\n"
        "first weights, if you do not say otherwise. Its first epoch, which compiles, is not counted.\n"
        "On one machine each worker has as many cores alone as in company. What is measured is kept.",
    )
    add_settings(parser, "train", "augment")

    def call(args: argparse.Namespace, stages: object) -> None:
        from galcat_core.stages.scaling import DEFAULTS

        stages.scaling(
            args.out,
            config_of(args, Config().replace(**DEFAULTS)),
            args.workers,
            store=args.store,
            split=args.split,
            kind=args.kind,
            turns=args.turns,
            pictures=args.pictures,
            target_loss=args.target_loss,
            bandwidth_gb_s=args.bandwidth_gb_s,
            latency_us=args.latency_us,
            on=args.on,
            places=args.places,
            force=args.force,
        )

    return call


VERBS: dict[str, tuple[Callable, str, str]] = {
    "jobs": (
        _jobs,
        "list, show, follow, cancel, resume, collect jobs: trainings that run without you",
        "galcat jobs\n"
        "  galcat train cutouts/sdss --split split.parquet -o runs/sdss --on local --workers 2\n"
        "  galcat jobs log train-1 --follow\n"
        "  galcat jobs cancel train-1\n"
        "  galcat jobs resume train-1",
    ),
    "places": (
        _places,
        "list where jobs can run, or write the file that tells it",
        "galcat places -o places.toml --kind slurm",
    ),
    "scaling": (
        _scaling,
        "measure a training at 1, 2, ... N workers, and tell what to expect of 8 to 512",
        "galcat scaling -o scaling --workers 1 2\n"
        "  galcat scaling cutouts/sdss --split split.parquet -o scaling --workers 1 2 4 8 16 --on slurm\n"
        "  galcat scaling -o scaling --workers 1 2 --bandwidth-gb-s 12.5 --latency-us 5",
    ),
    "doctor": (
        _doctor,
        "tell what this machine or job can do, and what is missing",
        "galcat doctor",
    ),
}
