"""Catalogues on files: simulate, match, select, publish."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core.config import Config
from galcat_core.provenance import Provenance, digests
from galcat_core.stages.work import (
    keep_rejects,
    load_catalog,
    made_already,
    need,
    result,
    save,
    say,
    settings,
)

if TYPE_CHECKING:
    import pandas as pd

    from galcat_core.records import Catalog


def simulate(out: str | Path, config: Config) -> Path:
    """Make the simulated twin survey in a folder (see `galcat_core.sky.simulate`)."""
    from galcat_core.sky.simulate import simulate as run

    run(Path(out), config.simulate, Provenance("simulate", {}, settings(config.simulate)))
    return Path(out)


def match(
    left: str | Path,
    right: str | Path,
    out: str | Path,
    config: Config,
    columns: dict | None = None,
    force: bool = False,
    review: str | Path | None = None,
) -> Path:
    """Cross-match two catalogues on the sky; write Pairs, without the bad matches of a `review`."""
    given = [path for path in (left, right, review) if path is not None]
    for path in given:
        need(path, "file", "give a catalogue (CSV, FITS, VOTable or Parquet)")
    out = result(out, *given)
    work = Provenance("match", digests(*given), settings(config.match, columns=columns))
    if made_already(out, work, force):
        return out
    from galcat_core.catalogs.crossmatch import crossmatch

    sides = [load_catalog(path, columns=columns, out=out) for path in (left, right)]
    pairs, rejects = crossmatch(*sides, config.match), None
    if review is not None:
        from galcat_core.catalogs.review import without_bad_matches
        from galcat_core.records import Review

        pairs, rejects = without_bad_matches(pairs, Review.load(review))
    save(pairs, out, work)
    keep_rejects(rejects, out)
    ambiguous = int(pairs.table["ambiguous"].sum())
    say(
        f"{len(pairs)} pairs of {len(sides[0])} and {len(sides[1])} objects within "
        f"{config.match.radius_arcsec:g} arcsec, {ambiguous} of them ambiguous: {out}"
    )
    return out


def select(
    catalog: str | Path,
    out: str | Path,
    config: Config,
    votes: str | Path | None = None,
    pairs: str | Path | None = None,
    columns: dict | None = None,
    force: bool = False,
) -> Path:
    """Read a catalogue, add labels from votes, keep what is worth a picture; write a Catalog.

    With `votes` the Galaxy Zoo table gives `label` and `certain`. With `pairs` the galaxies in a pair
    stay, and of the others those that pass the quality cuts.
    """
    given = [p for p in (catalog, votes, pairs) if p is not None]
    for path in given:
        need(path, "file", "give a catalogue (CSV, FITS, VOTable or Parquet)")
    out = result(out, *given)
    asked = {"columns": columns, "votes": votes is not None, "pairs": pairs is not None}
    work = Provenance("select", digests(*given), settings(config.select, **asked))
    if made_already(out, work, force):
        return out
    chosen = load_catalog(catalog, columns=columns, out=out)
    if votes is not None:
        chosen = _label(chosen, votes, config)
    rejects = None
    if pairs is not None:
        chosen, rejects = _worth_a_picture(chosen, Path(pairs), config)
    save(chosen, out, work)
    keep_rejects(rejects, out)
    say(f"{len(chosen)} objects of {chosen.survey}: {out}")
    return out


def _label(catalog: Catalog, votes: str | Path, config: Config) -> Catalog:
    from galcat_core.catalogs.select import label

    return label(catalog, load_catalog(votes), config.select)


def _worth_a_picture(catalog: Catalog, pairs: Path, config: Config) -> tuple[Catalog, pd.DataFrame]:
    from galcat_core.catalogs.select import unlabelled_with_rejects
    from galcat_core.records import Catalog, Pairs

    matched = Pairs.load(pairs)
    good, rejects = unlabelled_with_rejects(catalog, matched, config.select)
    twins = set(matched.table["left_id"]) | set(matched.table["right_id"])
    paired = catalog.table["id"].isin(twins)
    keep = paired | catalog.table["id"].isin(good.table["id"])
    rejects = rejects[~rejects["id"].isin(twins)].reset_index(drop=True)
    return Catalog(catalog.table[keep], None, good.meta), rejects


def publish(
    catalog: str | Path,
    predictions: str | Path,
    outs: Sequence[str | Path],
    projection: str | Path | None = None,
    clusters: str | Path | None = None,
    force: bool = False,
    columns: Sequence[str] = (),
) -> list[Path]:
    """Join all that is known of each galaxy; write the catalogue in one or several formats.

    `columns` are the catalogue's own to carry over, such as magnitudes.
    """
    from galcat_core.records import Clusters, Predictions, Projection

    given = [p for p in (catalog, predictions, projection, clusters) if p is not None]
    for path in given:
        need(path, "file", "give a table that galcat wrote")
    outs = [result(out, *given) for out in outs]
    chosen = {"columns": list(columns)} if columns else {}
    work = Provenance("publish", digests(*given), chosen)
    missing = [out for out in outs if not made_already(out, work, force)]
    if not missing:
        return outs
    from galcat_core.catalogs.publish import publish as join

    made = join(
        load_catalog(catalog),
        Predictions.load(predictions),
        Projection.load(projection) if projection else None,
        Clusters.load(clusters) if clusters else None,
        columns,
    )
    for out in missing:
        save(made, out, work)
        say(f"{len(made)} galaxies: {out}")
    return outs
