"""The stages on files: paths in, one result out, with its provenance; what is there already is kept.

Each function here loads records, calls the stage of the same name in its room, and saves. The command
line, the demo and the notebooks call these. A result whose inputs and settings are unchanged is not
made again, so that a second run of anything takes seconds.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed
from galcat_core.provenance import Provenance, digests
from galcat_core.tables import format_of, provenance_of, read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Catalog, Pairs, Record
    from galcat_core.runs import Run


def say(text: str) -> None:
    """Tell the user something on standard error, where progress goes."""
    print(text, file=sys.stderr, flush=True)


def _settings(*sections: object, **more: object) -> dict:
    named = {type(s).__name__.lower(): dataclasses.asdict(s) for s in sections}  # type: ignore[call-overload]
    return named | {k: v for k, v in more.items() if v is not None}


def _made(out: Path, work: Provenance, force: bool) -> bool:
    """Tell whether `out` already holds the result of this very work."""
    if force or not work.same_work(provenance_of(out)):
        return False
    say(f"{out}: up to date")
    return True


def _need(path: str | Path, what: str, mend: str) -> Path:
    path = Path(path)
    if not path.exists():
        raise GalcatError(f"{path}: no such {what}; {mend}")
    return path


def _save(record: Record, out: Path, work: Provenance) -> None:
    dataclasses.replace(record, provenance=work).save(out)


def _keep_rejects(rejects: pd.DataFrame | None, out: Path) -> None:
    """Write rejected rows beside the result, or remove those of an earlier run."""
    path = out.with_name(out.name.split(".")[0] + ".rejects.csv")
    if rejects is None or not len(rejects):
        path.unlink(missing_ok=True)
        return
    write_table(rejects, path)
    reasons = rejects["reason"].value_counts()
    told = "; ".join(f"{n} {reason}" for reason, n in reasons.items())
    say(f"{len(rejects)} rows rejected ({told}): see {path}")


def load_catalog(
    path: str | Path, survey: str | None = None, columns: dict | None = None
) -> Catalog:
    """Load a Catalog of galcat's, or read a survey's own table; rejected rows are told."""
    from galcat_core.catalogs.read import read_catalog
    from galcat_core.records import Catalog

    path = _need(path, "file", "give a catalogue (CSV, FITS, VOTable or Parquet)")
    if format_of(path) == "parquet" and read_table(path)[1].get("kind") == "Catalog":
        return Catalog.load(path)
    return read_catalog(path, survey=survey, columns=columns)


def simulate(out: str | Path, config: Config) -> Path:
    """Make the simulated twin survey in a folder (see `galcat_core.sky.simulate`)."""
    from galcat_core.sky.simulate import simulate as run

    run(Path(out), config.simulate, Provenance("simulate", {}, _settings(config.simulate)))
    return Path(out)


def match(
    left: str | Path,
    right: str | Path,
    out: str | Path,
    config: Config,
    columns: dict | None = None,
    force: bool = False,
) -> Path:
    """Cross-match two catalogues on the sky; write Pairs."""
    out = Path(out)
    format_of(out)
    for path in (left, right):
        _need(path, "file", "give a catalogue (CSV, FITS, VOTable or Parquet)")
    work = Provenance("match", digests(left, right), _settings(config.match, columns=columns))
    if _made(out, work, force):
        return out
    from galcat_core.catalogs.crossmatch import crossmatch

    sides = [load_catalog(path, columns=columns) for path in (left, right)]
    pairs = crossmatch(*sides, config.match)
    _save(pairs, out, work)
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
    """Read a catalogue, add labels from votes, or keep unlabelled galaxies; write a Catalog.

    With `votes` the Galaxy Zoo table gives `label` and `certain`. With `pairs` the quality cuts
    keep galaxies, and those of them in no pair are what is to be labelled.
    """
    out = Path(out)
    format_of(out)
    given = [p for p in (catalog, votes, pairs) if p is not None]
    for path in given:
        _need(path, "file", "give a catalogue (CSV, FITS, VOTable or Parquet)")
    work = Provenance(
        "select",
        digests(*given),
        _settings(config.select, columns=columns, labelled=votes is not None),
    )
    if _made(out, work, force):
        return out
    from galcat_core.catalogs import select as rooms
    from galcat_core.records import Pairs

    chosen = load_catalog(catalog, columns=columns)
    rejects = None
    if votes is not None:
        chosen = rooms.label(chosen, load_catalog(votes), config.select)
    if pairs is not None:
        chosen, rejects = rooms.unlabelled(chosen, Pairs.load(pairs), config.select)
    _save(chosen, out, work)
    _keep_rejects(rejects, out)
    say(f"{len(chosen)} objects of {chosen.survey}: {out}")
    return out
