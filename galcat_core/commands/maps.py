"""Verbs from features to the catalogue: the network's features, their maps and clusters, all in one table."""

from __future__ import annotations

from collections.abc import Callable

from galcat_core.arguments import Parser, add_images, add_out, add_settings, config_of
from galcat_core.commands.labelling import label


def _embed(parser: Parser) -> Callable:
    add_images(parser)
    add_out(parser, "TABLE", "table of features")
    return lambda args, stages: label(args, stages.embed, "embed")


def _project(parser: Parser) -> Callable:
    parser.add_argument("embedding", help="table of features")
    add_out(parser, "TABLE", "table of map coordinates")
    add_settings(parser, "project")
    return lambda args, stages: stages.project(
        args.embedding, args.out, config_of(args), args.force
    )


def _cluster(parser: Parser) -> Callable:
    parser.add_argument("embedding", help="table of features")
    parser.add_argument(
        "--predictions", metavar="TABLE", help="predictions: tells how well the clusters agree"
    )
    add_out(parser, "TABLE", "table of clusters")
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
        "--columns",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="columns of the catalogue to carry over, as magnitudes",
    )
    add_out(parser, "TABLE", "catalogue: .parquet, .fits or .vot, one or several", nargs="+")
    return lambda args, stages: stages.publish(
        args.catalog,
        args.predictions,
        args.out,
        args.map,
        args.clusters,
        args.force,
        args.columns,
    )


def _atlas(parser: Parser) -> Callable:
    parser.add_argument("catalogue", help="published catalogue with a map")
    parser.add_argument("--images", metavar="STORE", help="cutout store with their pictures")
    parser.add_argument("--title", help="heading (default: the catalogue's name)")
    parser.add_argument(
        "--most", type=int, default=50_000, help="galaxies at most, else a sample (default 50000)"
    )
    parser.add_argument(
        "--pictures", type=int, default=5_000, help="pictures at most, 2 kB each (default 5000)"
    )
    add_out(parser, "PAGE", "the page: .html")
    return lambda args, stages: stages.atlas(
        args.catalogue, args.out, args.images, args.most, args.pictures, args.title, args.force
    )


VERBS: dict[str, tuple[Callable, str, str]] = {
    "embed": (
        _embed,
        "extract the network's features of every galaxy",
        "galcat embed cutouts/des --run runs/sdss -o embedding.parquet\n"
        "  galcat embed cutouts/des --run runs/sdss -o embedding.parquet --workers 2\n"
        "  galcat embed cutouts/des --run runs/sdss -o embedding.parquet --on slurm --nodes 8",
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
        "galcat publish catalogs/des.parquet predictions.parquet --columns MAG_AUTO_G MAG_AUTO_R "
        "-o catalogue.parquet catalogue.fits",
    ),
    "atlas": (
        _atlas,
        "write the map as one web page that needs no server: to share, or to put beside a paper",
        "galcat atlas catalogue.parquet --images cutouts/des -o atlas.html",
    ),
}
