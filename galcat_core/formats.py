"""One reader and one writer for each table format: a file <-> (DataFrame, metadata, units)."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError

META_KEY = "galcat"
ID_COLUMN = re.compile(r"(?i)(.*_)?id|.*(obj|object|galaxy|source|dr\d)_?id")


@dataclass(frozen=True)
class Note:
    """What a column holds.

    Attributes
    ----------
    description : str
    unit : str
        In FITS and VOTable spelling ("deg", "arcsec", "mag"); empty for none.
    ucd : str
        IVOA unified content descriptor ("pos.eq.ra;meta.main"); empty for none.
    """

    description: str
    unit: str = ""
    ucd: str = ""


Read = tuple[pd.DataFrame, dict]
Notes = dict[str, Note]


def read_parquet(path: Path) -> Read:
    """Read a Parquet file; integers stay integers also beside missing ones."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pq.read_table(path)
    table = arrow.to_pandas(ignore_metadata=True)  # else an index column may hide the ids
    for place, column in enumerate(arrow.columns):
        if pa.types.is_integer(column.type) and column.null_count:  # to_pandas made floats of them
            table.isetitem(place, pd.array(column.to_pylist(), dtype="Int64"))
    return _none_for_missing(table), read_parquet_meta(path)


def read_parquet_meta(path: Path) -> dict:
    """Read the metadata alone."""
    import pyarrow.parquet as pq

    return json.loads((pq.read_schema(path).metadata or {}).get(META_KEY.encode(), b"{}"))


def write_parquet(table: pd.DataFrame, path: Path, meta: dict, notes: Notes) -> None:
    """Write a Parquet file; notes stand in the fields' metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    fields = [
        field.with_metadata(vars(notes[field.name])) if field.name in notes else field
        for field in arrow.schema
    ]
    kept = {META_KEY: json.dumps(meta, sort_keys=True)}
    pq.write_table(arrow.cast(pa.schema(fields, kept)), path, compression="zstd")


def sidecar(path: Path) -> Path:
    """Return the file beside a CSV that holds its metadata."""
    return path.with_name(path.name + ".meta.json")


def read_csv(path: Path) -> Read:
    """Read a CSV; comma, semicolon, tab or bar, comments above the header, plain or gzipped."""
    skip, names, separator = _csv_head(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
        table = pd.read_csv(
            path,
            sep=separator,
            skiprows=skip,
            header=None,
            names=names,
            index_col=False,
            skipinitialspace=True,
            # a missing id would turn the column to floats; 007 is a name, not 7
            dtype={name: str for name in names if ID_COLUMN.fullmatch(name)},
            float_precision="round_trip",
            low_memory=False,
        )
    for name in names:
        if ID_COLUMN.fullmatch(name):
            table[name] = _numbers_if_exact(table[name])
    side = sidecar(path)
    return _none_for_missing(table), json.loads(side.read_text()) if side.is_file() else {}


def _csv_head(path: Path) -> tuple[int, list[str], str]:
    """Return how many lines stand above the data, the columns' names, and the separator."""
    packed = path.name.lower().endswith(".gz")
    comment = ""
    with (gzip.open if packed else open)(path, "rt", encoding="utf-8-sig", newline="") as stream:
        for above, line in enumerate(stream):  # noqa: B007
            if line.strip() and not line.startswith("#"):
                break
            comment = line.lstrip("# ") if line.strip() else comment
        else:
            raise GalcatError(f"{path}: empty; a header line and rows are wanted")
    separator = max(",;\t|", key=line.count)
    head, commented = (next(csv.reader([t], delimiter=separator)) for t in (line, comment or " "))
    # "#ra,dec" above "10.5,-3.2": the comment is the header
    if len(commented) == len(head) > 1 and any(_is_number(text) for text in head):
        head, above = commented, above - 1
    if not packed:
        _check_last_line(path, len(head), separator)
    return above + 1, _named(head), separator


def _named(head: list[str]) -> list[str]:
    """Return names as pandas gives them: none empty, none twice."""
    names: list[str] = []
    for place, name in enumerate(head):
        name = name.strip() or f"Unnamed: {place}"
        twice = sum(other == name or other.startswith(f"{name}.") for other in names)
        names.append(f"{name}.{twice}" if name in names else name)
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_last_line(path: Path, fields: int, separator: str) -> None:
    """Refuse a file whose last line breaks off: pandas would fill the rest with missing values."""
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - (1 << 16), 0))
        last = stream.read().splitlines(keepends=True)[-1].decode("utf-8", "replace")
    found = next(csv.reader([last], delimiter=separator), [])
    if not last.endswith(("\n", "\r")) and len(found) < fields:
        raise GalcatError(
            f"{path}: cut short in its last line ({len(found)} of {fields} fields); "
            "copy or download it again"
        )


def _numbers_if_exact(text: pd.Series) -> pd.Series:
    """Return a text column as integers, digit for digit, or as floats, or as it is."""
    known = text.dropna().str.strip()
    if known.str.fullmatch(r"-?(0|[1-9]\d*)").all() and len(known):
        numbers = [int(t) for t in known]
        if min(numbers) >= -(2**63) and max(numbers) < 2**63:
            exact = pd.Series(pd.NA, index=text.index, dtype="Int64")
            exact[known.index] = np.array(numbers, np.int64)
            return exact.astype(np.int64) if len(known) == len(text) else exact
        return text.str.strip()
    try:
        return pd.to_numeric(text) if not known.str.match(r"-?0\d").any() else text
    except ValueError:
        return text.str.strip()


def write_csv(table: pd.DataFrame, path: Path, meta: dict, notes: Notes) -> None:
    """Write a plain CSV; `write_table` puts the metadata beside it."""
    text = table.to_csv(index=False, lineterminator="\n").encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.name.lower().endswith(".gz") else text)


def read_fits(path: Path) -> Read:
    """Read the first table of a FITS file."""
    from astropy.io import fits
    from astropy.table import Table

    with warnings.catch_warnings():
        # astropy warns of a file cut short and reads on with what is there
        warnings.filterwarnings("error", message=".*truncated.*")
        warnings.filterwarnings("ignore", category=fits.verify.VerifyWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module="astropy.units")
        with fits.open(path, memmap=False) as hdus:
            hdu = next((h for h in hdus if isinstance(h, fits.BinTableHDU | fits.TableHDU)), None)
            if hdu is None:
                raise GalcatError(f"{path}: holds no table, only images; give a catalogue")
            meta = json.loads(hdu.header.get(META_KEY.upper(), "{}"))
            found = Table.read(hdu, unit_parse_strict="silent")
    return _from_astropy(found), meta


def write_fits(table: pd.DataFrame, path: Path, meta: dict, notes: Notes) -> None:
    """Write a FITS table; notes stand in TUNITn, TCOMMn and TUCDn, which TOPCAT shows."""
    from astropy.io import fits

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=fits.verify.VerifyWarning)
        try:
            hdu = fits.table_to_hdu(_to_astropy(table, notes))
        except UnicodeEncodeError as error:
            raise GalcatError(
                f"{path}: FITS holds ASCII only, not {error.object!r}; write .parquet or .vot"
            ) from error
        for number, name in enumerate(table.columns, 1):
            if name in notes:
                hdu.header[f"TCOMM{number}"] = notes[name].description
                if notes[name].ucd:
                    hdu.header[f"TUCD{number}"] = notes[name].ucd
        if meta:
            hdu.header[META_KEY.upper()] = json.dumps(meta, sort_keys=True, ensure_ascii=True)
        raw = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(raw)
    packed = path.name.lower().endswith(".gz")
    path.write_bytes(gzip.compress(raw.getvalue(), mtime=0) if packed else raw.getvalue())


def read_votable(path: Path) -> Read:
    """Read the first table of a VOTable."""
    from astropy.io.votable import parse

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = parse(path)
        first = document.get_first_table()
        infos = {info.name: info.value for info in document.resources[0].infos}
        found = first.to_table(use_names_over_ids=True)
    return _from_astropy(found), json.loads(infos.get(META_KEY, "{}"))


def write_votable(table: pd.DataFrame, path: Path, meta: dict, notes: Notes) -> None:
    """Write a VOTable; notes stand in the fields' unit, ucd and DESCRIPTION."""
    from astropy.io.votable import from_table
    from astropy.io.votable.tree import Info

    document = from_table(_to_astropy(table, notes))
    for field in document.get_first_table().fields:
        if field.name in notes:
            field.description = notes[field.name].description
            field.ucd = notes[field.name].ucd or None
    document.resources[0].infos.append(Info(name=META_KEY, value=json.dumps(meta, sort_keys=True)))
    document.to_xml(str(path))


def _to_astropy(table: pd.DataFrame, notes: Notes):
    from astropy.table import Table

    # these formats have no missing text, only empty
    text = {
        n: table[n].where(table[n].notna(), "").map(str)
        for n in table.select_dtypes(object).columns
    }
    made = Table.from_pandas(table.assign(**text))
    for name in text:
        made[name] = made[name].astype(str)
    for name in made.colnames:
        if name in notes and notes[name].unit:
            made[name].unit = notes[name].unit
    return made


def _from_astropy(found) -> pd.DataFrame:
    """Return a DataFrame of the columns that hold one value a row, units in `attrs["units"]`."""
    found.remove_columns([name for name in found.colnames if len(found[name].shape) > 1])
    units = {name: str(found[name].unit) for name in found.colnames if found[name].unit}
    table = found.to_pandas()
    for name in table.select_dtypes(object).columns:
        first = next((v for v in table[name] if v is not None), None)
        if isinstance(first, bytes):
            table[name] = table[name].str.decode("utf-8", "replace").str.rstrip()
        table[name] = table[name].where(table[name] != "", None)
    table = _none_for_missing(table)
    table.attrs["units"] = units
    return table


def _none_for_missing(table: pd.DataFrame) -> pd.DataFrame:
    for name in table.select_dtypes(object).columns:
        table[name] = table[name].where(table[name].notna(), None)
    return table


READERS = {"parquet": read_parquet, "csv": read_csv, "fits": read_fits, "votable": read_votable}
WRITERS = {
    "parquet": write_parquet,
    "csv": write_csv,
    "fits": write_fits,
    "votable": write_votable,
}
