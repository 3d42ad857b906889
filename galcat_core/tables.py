"""Tables on disk: CSV, FITS, VOTable, Parquet <-> DataFrame; ids exact, provenance kept, written whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed
from galcat_core.files import whole
from galcat_core.formats import READERS, WRITERS, Note, read_parquet_meta, sidecar
from galcat_core.provenance import Provenance

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".fits": "fits",
    ".fit": "fits",
    ".fits.gz": "fits",
    ".vot": "votable",
    ".xml": "votable",
    ".votable": "votable",
}


MAX_ID = 2**63 - 1


def format_of(path: str | Path) -> str:
    """Return "parquet", "csv", "fits" or "votable" by the file's suffix.

    Raises
    ------
    GalcatError
        The suffix is none of `FORMATS`.
    """
    name = Path(path).name.lower()
    for suffix in sorted(FORMATS, key=len, reverse=True):
        if name.endswith(suffix):
            return FORMATS[suffix]
    raise GalcatError(
        f"{path}: cannot tell the table's format; name it with one of {listed(FORMATS)}"
    )


def read_table(path: str | Path) -> tuple[pd.DataFrame, dict]:
    """Read a table and the metadata that galcat wrote with it.

    Integers stay integers: 64-bit object ids come back digit for digit, also beside missing ones
    (then as pandas' nullable Int64). Missing text is None.

    Returns
    -------
    table : pandas.DataFrame
        `attrs["units"]` holds the units of FITS and VOTable columns, where there are any.
    meta : dict
        What `write_table` was given, or an empty dict.

    Raises
    ------
    GalcatError
        The file is missing, cut short, or not of the format its name says.
    """
    path = Path(path)
    if path.is_dir():
        raise GalcatError(f"{path} is a folder, a table is wanted ({listed(FORMATS)})")
    kind = format_of(path)
    if not path.is_file():
        raise GalcatError(f"{path}: no such file")
    try:
        return READERS[kind](path)
    except GalcatError:
        raise
    except Exception as error:  # every reader has errors of its own
        raise GalcatError(f"{path}: not a whole {kind} file ({_first_line(error)})") from error


def write_table(
    table: pd.DataFrame,
    path: str | Path,
    meta: dict | None = None,
    notes: dict[str, Note] | None = None,
) -> None:
    """Write a table in the format of the suffix, whole or not at all, the same bytes each time.

    Parquet, FITS and VOTable carry `meta` (JSON types) inside; beside a CSV it stands in
    `NAME.meta.json`, so that the CSV stays plain.

    Parameters
    ----------
    table : pandas.DataFrame
    path : str or Path
    meta : dict, optional
    notes : dict of str to Note, optional
        Unit, UCD and description of columns; kept by all formats but CSV.
    """
    path, meta, notes = Path(path), meta or {}, notes or {}
    kind = format_of(path)
    notes = {name: notes[name] for name in table.columns if name in notes}
    if kind != "csv":
        with whole(path) as temporary:
            WRITERS[kind](table, temporary, meta, notes)
        return
    # the CSV goes in place first and its metadata a moment later, both written by then
    with whole(sidecar(path)) as temporary_meta, whole(path) as temporary:
        temporary_meta.write_text(json.dumps(meta, sort_keys=True, indent=1) + "\n")
        WRITERS[kind](table, temporary, meta, notes)
    if not meta:
        sidecar(path).unlink()


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:160] if text else type(error).__name__


def provenance_of(path: str | Path) -> Provenance | None:
    """Return the provenance written in a table of galcat's, or None (absent, foreign, broken)."""
    path = Path(path)
    try:
        parquet = path.is_file() and format_of(path) == "parquet"
        # a large table need not be read for it
        meta = read_parquet_meta(path) if parquet else read_table(path)[1]
    except (GalcatError, OSError, ValueError):  # pyarrow's errors are among them
        return None
    made_by = meta.get("provenance")
    return Provenance(**made_by) if made_by else None


def exact_ids(ids: pd.Series, where: str) -> pd.Series:
    """Return object ids as int64 or str, or say what is wrong with them.

    Raises
    ------
    GalcatError
        Ids that were floats (their last digits are lost above 2**53), that need more than 63 bits,
        or that are missing.
    """
    if ids.isna().any():
        raise GalcatError(f"{where}: {int(ids.isna().sum())} rows have no id; every row needs one")
    if pd.api.types.is_bool_dtype(ids):
        raise GalcatError(f"{where}: the id column holds True and False; name the column of ids")
    if pd.api.types.is_float_dtype(ids):
        small = (ids.abs() < 2**53) & (ids == np.floor(ids))
        if not small.all():
            raise GalcatError(_lost_digits(where, ids[~small].iloc[0]))
        return ids.astype(np.int64)
    if pd.api.types.is_integer_dtype(ids):
        if len(ids) and int(ids.max()) > MAX_ID:
            raise GalcatError(_too_long(where, ids.max()))
        return ids.astype(np.int64)
    ids = ids.map(lambda v: v.decode() if isinstance(v, bytes) else str(v)).astype(object)
    floats = ids.str.fullmatch(r"[+-]?\d+\.0*|[+-]?\d*\.?\d+[eE]\+?\d+")
    if floats.any():
        raise GalcatError(_lost_digits(where, ids[floats].iloc[0]))
    numbers = ids[ids.str.fullmatch(r"\d{19,20}")]
    long = numbers[numbers.map(int) > MAX_ID]
    if len(long):
        raise GalcatError(_too_long(where, long.iloc[0]))
    if len(ids) and ids.str.fullmatch(r"-?(0|[1-9]\d*)").all():
        return ids.map(int).astype(np.int64)
    return ids


def _lost_digits(where: str, value: object) -> str:
    return (
        f"{where}: ids such as {value!s} were read or written as floats and have lost digits; write "
        "the id column as 64-bit integers (no exponent, no decimal point)"
    )


def _too_long(where: str, value: object) -> str:
    return (
        f"{where}: id {value!s} is larger than {MAX_ID}, the largest signed 64-bit integer; give "
        "another id column, or prefix the ids with a letter to have them taken as names"
    )


def check_ids(ids: pd.Series, where: str) -> pd.Series:
    """Return ids as `exact_ids` does, and refuse repeated ones too."""
    ids = exact_ids(ids, where)
    repeated = ids[ids.duplicated()]
    if len(repeated):
        raise GalcatError(
            f"{where}: {len(repeated)} ids stand more than once (first {repeated.iloc[0]}); "
            "keep one row for each object"
        )
    return ids
