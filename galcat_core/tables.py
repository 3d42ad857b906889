"""Tables on disk: CSV, FITS, VOTable, Parquet <-> DataFrame; ids exact, provenance kept, written whole."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed
from galcat_core.files import whole, write_text
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
META_KEY = "galcat"


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

    Integers stay integers: 64-bit object ids come back digit for digit. Masked integers of FITS and
    VOTable files become pandas' nullable Int64.

    Returns
    -------
    table : pandas.DataFrame
    meta : dict
        What `write_table` was given, or an empty dict.

    Raises
    ------
    GalcatError
        The file is missing, cut short, or not of the format its name says.
    """
    path = Path(path)
    kind = format_of(path)
    if not path.is_file():
        raise GalcatError(f"{path}: no such file")
    try:
        return _READERS[kind](path)
    except GalcatError:
        raise
    except Exception as error:  # every reader has errors of its own
        raise GalcatError(f"{path}: not a whole {kind} file ({_first_line(error)})") from error


def write_table(table: pd.DataFrame, path: str | Path, meta: dict | None = None) -> None:
    """Write a table in the format of the suffix, whole or not at all, the same bytes each time.

    Parquet, FITS and VOTable carry `meta` (JSON types) inside; beside a CSV it stands in
    `NAME.meta.json`, so that the CSV stays plain.
    """
    path, meta = Path(path), meta or {}
    kind = format_of(path)
    with whole(path) as temporary:
        _WRITERS[kind](table, temporary, meta)
    if kind == "csv" and meta:
        write_text(_sidecar(path), json.dumps(meta, sort_keys=True, indent=1) + "\n")


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".meta.json")


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:160] if text else type(error).__name__


def _read_parquet(path: Path) -> tuple[pd.DataFrame, dict]:
    import pyarrow.parquet as pq

    arrow = pq.read_table(path)
    meta = (arrow.schema.metadata or {}).get(META_KEY.encode(), b"{}")
    return arrow.to_pandas(), json.loads(meta)


def _write_parquet(table: pd.DataFrame, path: Path, meta: dict) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    kept = dict(arrow.schema.metadata or {})
    kept[META_KEY.encode()] = json.dumps(meta, sort_keys=True).encode()
    pq.write_table(arrow.replace_schema_metadata(kept), path, compression="zstd")


def _read_csv(path: Path) -> tuple[pd.DataFrame, dict]:
    table = pd.read_csv(path, comment="#", skipinitialspace=True)
    side = _sidecar(path)
    return table, json.loads(side.read_text()) if side.is_file() else {}


def _write_csv(table: pd.DataFrame, path: Path, meta: dict) -> None:
    text = table.to_csv(index=False, lineterminator="\n").encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.name.lower().endswith(".gz") else text)


def _from_astropy(found) -> pd.DataFrame:
    wide = [name for name in found.colnames if len(found[name].shape) > 1]
    found.remove_columns(wide)
    table = found.to_pandas()
    for name in table.columns[table.dtypes == object]:
        first = next((v for v in table[name] if v is not None), None)
        if isinstance(first, bytes):
            table[name] = table[name].str.decode("utf-8", "replace").str.rstrip()
    return table


def _read_fits(path: Path) -> tuple[pd.DataFrame, dict]:
    from astropy.io import fits
    from astropy.table import Table

    with warnings.catch_warnings():
        # astropy warns of a file cut short and reads on with what is there
        warnings.filterwarnings("error", message=".*truncated.*")
        warnings.filterwarnings("ignore", category=fits.verify.VerifyWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module="astropy.units")
        with fits.open(path, memmap=False) as hdus:
            hdu = next(
                (i for i, h in enumerate(hdus) if isinstance(h, fits.BinTableHDU | fits.TableHDU)),
                None,
            )
            if hdu is None:
                raise GalcatError(f"{path}: holds no table, only images; give a catalogue")
            meta = json.loads(hdus[hdu].header.get(META_KEY.upper(), "{}"))
            found = Table.read(hdus[hdu], unit_parse_strict="silent")
    return _from_astropy(found), meta


def _to_astropy(table: pd.DataFrame):
    from astropy.table import Table

    return Table.from_pandas(table)


def _write_fits(table: pd.DataFrame, path: Path, meta: dict) -> None:
    from astropy.io import fits

    hdu = fits.table_to_hdu(_to_astropy(table))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=fits.verify.VerifyWarning)
        if meta:
            hdu.header[META_KEY.upper()] = json.dumps(meta, sort_keys=True, ensure_ascii=True)
        hdus = fits.HDUList([fits.PrimaryHDU(), hdu])
        if path.name.lower().endswith(".gz"):
            raw = path.with_suffix("")
            hdus.writeto(raw)
            path.write_bytes(gzip.compress(raw.read_bytes(), mtime=0))
            raw.unlink()
        else:
            hdus.writeto(path)


def _read_votable(path: Path) -> tuple[pd.DataFrame, dict]:
    from astropy.io.votable import parse

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = parse(path)
        first = document.get_first_table()
        infos = {info.name: info.value for info in document.resources[0].infos}
        found = first.to_table(use_names_over_ids=True)
    return _from_astropy(found), json.loads(infos.get(META_KEY, "{}"))


def _write_votable(table: pd.DataFrame, path: Path, meta: dict) -> None:
    from astropy.io.votable import from_table
    from astropy.io.votable.tree import Info

    document = from_table(_to_astropy(table))
    document.resources[0].infos.append(Info(name=META_KEY, value=json.dumps(meta, sort_keys=True)))
    document.to_xml(str(path))


_READERS = {
    "parquet": _read_parquet,
    "csv": _read_csv,
    "fits": _read_fits,
    "votable": _read_votable,
}
_WRITERS = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "fits": _write_fits,
    "votable": _write_votable,
}


def provenance_of(path: str | Path) -> Provenance | None:
    """Return the provenance written in a table of galcat's, or None (absent, foreign, broken)."""
    if not Path(path).is_file():
        return None
    try:
        meta = read_table(path)[1].get("provenance")
    except GalcatError:
        return None
    return Provenance(**meta) if meta else None


def check_ids(ids: pd.Series, where: str) -> pd.Series:
    """Return object ids as int64 or str, each once, or say what is wrong with them.

    Raises
    ------
    GalcatError
        Ids that were floats (their last digits are lost above 2**53), missing or repeated ids.
    """
    if ids.isna().any():
        raise GalcatError(f"{where}: {int(ids.isna().sum())} rows have no id; every row needs one")
    if pd.api.types.is_float_dtype(ids):
        small = (ids.abs() < 2**53) & (ids == np.floor(ids))
        if not small.all():
            raise GalcatError(
                f"{where}: ids such as {ids[~small].iloc[0]!r} were read or written as floats and have "
                "lost digits; write the id column as 64-bit integers (no exponent, no decimal point)"
            )
        ids = ids.astype(np.int64)
    elif pd.api.types.is_integer_dtype(ids):
        ids = ids.astype(np.int64)
    else:
        ids = ids.astype(str)
        broken = ids.str.fullmatch(r"[+-]?\d*\.?\d+[eE]\+?\d+")
        if broken.any():
            raise GalcatError(
                f"{where}: id {ids[broken].iloc[0]!r} is a float's text and has lost digits; "
                "write the id column as 64-bit integers"
            )
    repeated = ids[ids.duplicated()]
    if len(repeated):
        raise GalcatError(
            f"{where}: {len(repeated)} ids stand more than once (first {repeated.iloc[0]}); "
            "keep one row for each object"
        )
    return ids
