"""What every stage on files does: check its inputs, keep what is current, save, tell, keep rejects."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core.errors import GalcatError
from galcat_core.files import write_text
from galcat_core.provenance import Provenance
from galcat_core.tables import format_of, provenance_of, write_table

if TYPE_CHECKING:
    import pandas as pd

    from galcat_core.records import Catalog, Record

PROVENANCE = "provenance.json"


def say(text: str) -> None:
    """Tell the user something on standard error, where progress goes."""
    print(text, file=sys.stderr, flush=True)


def settings(*sections: object, **more: object) -> dict:
    named = {type(s).__name__.lower(): dataclasses.asdict(s) for s in sections}  # type: ignore[call-overload]
    return named | {k: v for k, v in more.items() if v is not None}


def made_already(out: Path, work: Provenance, force: bool) -> bool:
    """Tell whether `out` already holds the result of this very work."""
    if force or not work.same_work(provenance_of(out)):
        return False
    say(f"{out}: up to date")
    return True


def folder_made_already(folder: Path, work: Provenance, force: bool) -> bool:
    """Tell whether a folder already holds the result of this very work (see `mark_folder`)."""
    mark = folder / PROVENANCE
    if force or not mark.is_file() or not work.same_work(Provenance.from_json(mark.read_text())):
        return False
    say(f"{folder}: up to date")
    return True


def mark_folder(folder: Path, work: Provenance) -> None:
    """Write what made a folder's result, last of all."""
    write_text(folder / PROVENANCE, work.to_json() + "\n")


def need(path: str | Path, what: str, mend: str) -> Path:
    """Return an input's path, or say that it is not there or no such thing ("file", "folder", ...)."""
    path = Path(path)
    if not path.exists():
        raise GalcatError(f"{path}: no such {what}; {mend}")
    if what == "file" and path.is_dir():
        raise GalcatError(f"{path} is {_kind_of(path)}, a file is wanted; {mend}")
    if what == "folder" and not path.is_dir():
        raise GalcatError(f"{path} is a file, a folder is wanted; {mend}")
    return path


def _kind_of(folder: Path) -> str:
    """Return what a folder holds of galcat's."""
    known = {"store.json": "a cutout store", "run.json": "a run"}
    return next((kind for name, kind in known.items() if (folder / name).is_file()), "a folder")


def result(out: str | Path, *inputs: str | Path | None) -> Path:
    """Return the path of a table that is written; it may not be one of those that are read.

    Raises
    ------
    GalcatError
        The name tells no format, a folder is there, it is an input, or the place cannot be written.
    """
    out = Path(out)
    if out.is_dir():
        raise GalcatError(
            f"{out} is {_kind_of(out)}, a file is to be written: name a table with -o"
        )
    format_of(out)
    return spared(out, *inputs)


def spared(out: str | Path, *inputs: str | Path | None) -> Path:
    """Return the path of a file that is written, once it is clear that no input is lost by it.

    Raises
    ------
    GalcatError
        It is one of the inputs, or a part of its folder's name is a file.
    """
    out = Path(out)
    given = [Path(path) for path in inputs if path is not None]
    if out.exists() and any(path.exists() and out.samefile(path) for path in given):
        raise GalcatError(f"{out} is read, and would be lost: name another file with -o")
    file = next((above for above in out.parents if above.is_file()), None)
    if file is not None:
        raise GalcatError(f"cannot write {out}: {file} is a file; choose another place with -o")
    return out


def save(record: Record, out: Path, work: Provenance) -> None:
    dataclasses.replace(record, provenance=work).save(out)


def keep_rejects(rejects: pd.DataFrame | None, out: Path) -> None:
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
    path: str | Path,
    survey: str | None = None,
    columns: dict | None = None,
    out: Path | None = None,
) -> Catalog:
    """Load a Catalog of galcat's, or read a survey's own table; rejected rows are told and kept.

    `out` is the result that the catalogue is read for: rows without a valid position go beside it.
    """
    from galcat_core.catalogs.read import read_with_rejects

    path = need(path, "file", "give a catalogue (CSV, FITS, VOTable or Parquet)")
    catalog, rejects = read_with_rejects(path, survey, columns)
    if len(rejects) and out is not None:
        keep_rejects(rejects, out.with_name(f"{out.name.split('.')[0]}.{path.name.split('.')[0]}"))
    return catalog
