"""Tables survive every format digit for digit, and broken ones are refused in one line."""

from __future__ import annotations

import errno
import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.io.votable.ucd import check_ucd
from astropy.units import Unit

from galcat_core.columns import COLUMNS
from galcat_core.errors import GalcatError
from galcat_core.formats import Note
from galcat_core.provenance import Provenance
from galcat_core.tables import FORMATS, check_ids, format_of, provenance_of, read_table, write_table

LONG = [587722981736579107, 2**63 - 1, 3, 1237648720142401611]
META = {
    "kind": "Catalog",
    "quotes": "it's \"quoted\" & 'so' on ' '",
    "long": "x" * 2000,
    "umlaut": "Größe",
    "nested": {"a": [1, 2.5, None, True]},
}


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": np.array(LONG, np.int64),
            "ra_deg": [0.1 + 0.2, 359.99999999999994, np.nan, 1e-17],
            "mag": np.array([17.123456, np.nan, 99.5, -1], np.float32),
            "label": ["spiral", None, "elliptical", 'it\'s, "odd"'],
            "certain": [True, False, True, False],
            "flags": np.array([0, 1, 2, 15], np.int32),
        }
    )


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_every_format_returns_what_it_was_given(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    write_table(table(), path, META)
    found, meta = read_table(path)
    assert meta == META
    assert found["id"].dtype == np.int64
    if FORMATS[suffix] == "csv":  # text has no 32-bit numbers
        expected = table().astype({"mag": float, "flags": np.int64})
        pd.testing.assert_frame_equal(found, expected, rtol=1e-7)
        assert found["ra_deg"].equals(expected["ra_deg"])
    else:
        pd.testing.assert_frame_equal(found, table(), check_exact=True)
    assert found["label"][1] is None


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_equal_tables_make_equal_bytes(tmp_path: Path, suffix: str) -> None:
    one, two = tmp_path / f"a{suffix}", tmp_path / "other" / f"a{suffix}"
    write_table(table(), one, META)
    write_table(table().copy(), two, META)
    assert one.read_bytes() == two.read_bytes()
    assert sorted(p.name for p in tmp_path.rglob(".partial*")) == []


@pytest.mark.parametrize("suffix", [".parquet", ".fits", ".vot", ".csv"])
def test_ids_beside_a_missing_one_keep_their_digits(tmp_path: Path, suffix: str) -> None:
    ids = pd.Series([LONG[0], None, LONG[1]], dtype="Int64")
    write_table(pd.DataFrame({"objid": ids, "x": [1.0, 2.0, 3.0]}), tmp_path / f"t{suffix}")
    found = read_table(tmp_path / f"t{suffix}")[0]["objid"]
    assert found.dtype == "Int64"
    assert found.tolist() == ids.tolist()


def test_parquet_written_by_pandas_keeps_its_index_as_a_column(tmp_path: Path) -> None:
    table().set_index("id").to_parquet(tmp_path / "p.parquet")
    assert read_table(tmp_path / "p.parquet")[0]["id"].tolist() == LONG


def test_rewriting_a_csv_without_metadata_removes_the_old(tmp_path: Path) -> None:
    write_table(table(), tmp_path / "t.csv", META)
    write_table(table(), tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv")[1] == {}
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    "text",
    [
        "objid,ra,name\n587722981736579107,1.5,a\n12,2.5,b\n",
        "\ufeffobjid,ra,name\n587722981736579107,1.5,a\n12,2.5,b\n",
        "objid;ra;name\r\n587722981736579107;1.5;a\r\n12;2.5;b\r\n",
        "objid\tra\tname\n587722981736579107\t1.5\ta\n12\t2.5\tb",
        "# made by hand\n\n# twice\nobjid, ra, name\n587722981736579107, 1.5, a\n12, 2.5, b\n",
        "# objid,ra,name\n587722981736579107,1.5,a\n12,2.5,b\n",
        '"objid","ra","name"\n"587722981736579107","1.5","a"\n"12","2.5","b"\n',
    ],
)
def test_csv_dialects(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode())
    found, _ = read_table(tmp_path / "t.csv")
    assert found["objid"].tolist() == [587722981736579107, 12]
    assert found["objid"].dtype == np.int64
    assert found["ra"].tolist() == [1.5, 2.5]
    assert found["name"].tolist() == ["a", "b"]


def test_csv_names_keep_zeros_and_hashes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,note\n007,a#1\n012,b\n")
    found = read_table(tmp_path / "t.csv")[0]
    assert found["id"].tolist() == ["007", "012"]
    assert found["note"].tolist() == ["a#1", "b"]


def test_csv_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",ra,ra,ra\n0,1,2,3\n")
    assert list(read_table(tmp_path / "t.csv")[0].columns) == ["Unnamed: 0", "ra", "ra.1", "ra.2"]


NOTES = {
    "ra_deg": Note("right ascension", "deg", "pos.eq.ra;meta.main"),
    "label": Note("class by votes"),
    "absent": Note("not in the table"),
}


def test_notes_stand_where_other_programs_look(tmp_path: Path) -> None:
    write_table(table(), tmp_path / "t.fits", {}, NOTES)
    header = fits.getheader(tmp_path / "t.fits", 1)
    number = next(i for i in range(1, 7) if header[f"TTYPE{i}"] == "ra_deg")
    assert header[f"TUNIT{number}"] == "deg"
    assert header[f"TCOMM{number}"] == "right ascension"
    assert header[f"TUCD{number}"] == "pos.eq.ra;meta.main"
    write_table(table(), tmp_path / "t.vot", {}, NOTES)
    field = parse_single_table(tmp_path / "t.vot").get_field_by_id_or_name("ra_deg")
    assert (str(field.unit), field.ucd) == ("deg", "pos.eq.ra;meta.main")
    assert field.description == "right ascension"
    for name in ("t.fits", "t.vot"):
        assert read_table(tmp_path / name)[0].attrs["units"] == {"ra_deg": "deg"}


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_unknown_suffix() -> None:
    with pytest.raises(GalcatError) as error:
        format_of("catalog.xlsx")
    assert "catalog.xlsx" in one_line(error)
    assert ".parquet" in one_line(error)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(GalcatError) as error:
        read_table(tmp_path / "no.csv")
    assert one_line(error) == f"{tmp_path / 'no.csv'}: no such file"


@pytest.mark.parametrize("suffix", [".parquet", ".csv.gz", ".fits", ".fits.gz", ".vot", ".csv"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.97])
def test_a_table_cut_short_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"t{suffix}"
    many = pd.concat([table().assign(text="abcdefgh" * 4)] * 500, ignore_index=True)
    write_table(many, path)
    content = path.read_bytes()
    # a CSV is cut inside a row: one that ends with a row is whole as far as anyone can tell
    end = content.rindex(b",", 0, int(kept * len(content)) + 1) if suffix == ".csv" and kept else 0
    path.write_bytes(content[: end or int(kept * len(content))])
    with pytest.raises(GalcatError) as error:
        read_table(path)
    assert str(path) in one_line(error)


@pytest.mark.parametrize("suffix", [".parquet", ".fits", ".vot"])
def test_a_file_of_another_format_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_text("id,ra,dec\n1,2,3\n")
    with pytest.raises(GalcatError) as error:
        read_table(path)
    assert str(path) in one_line(error)


def test_a_picture_is_no_catalogue(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "i.fits")
    with pytest.raises(GalcatError) as error:
        read_table(tmp_path / "i.fits")
    assert "holds no table, only images" in one_line(error)


def test_rows_longer_than_the_header_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,ra\n1,2,3\n4,5,6\n")
    with pytest.raises(GalcatError) as error:
        read_table(tmp_path / "t.csv")
    assert "t.csv" in one_line(error)


def test_fits_refuses_what_is_not_ascii_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(GalcatError) as error:
        write_table(pd.DataFrame({"id": ["größe"]}), tmp_path / "t.fits")
    assert "ASCII" in one_line(error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_full_disk_leaves_the_old_table(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"t{suffix}"
    write_table(table(), path, {"kind": "old"})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("galcat_core.files.os.fsync", full)
    with pytest.raises(GalcatError) as error:
        write_table(table()[:1], path, {"kind": "new"})
    assert "disk is full" in one_line(error)
    found, meta = read_table(path)
    assert (len(found), meta) == (4, {"kind": "old"})
    assert not list(tmp_path.glob(".partial*"))


def test_a_path_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").mkdir()
    with pytest.raises(GalcatError, match="is a folder"):
        write_table(table(), tmp_path / "t.parquet")


@pytest.mark.parametrize("suffix", [".parquet", ".fits", ".csv", ".vot"])
def test_provenance_of_finds_galcat_s_own(tmp_path: Path, suffix: str) -> None:
    made_by = Provenance("match", {"a.csv": "0" * 64}, {"radius": 1.0}, "0.1.0")
    path = tmp_path / f"t{suffix}"
    write_table(table(), path, {"provenance": json.loads(made_by.to_json())})
    assert provenance_of(path) == made_by
    write_table(table(), path)
    assert provenance_of(path) is None
    path.write_bytes(b"not a table")
    assert provenance_of(path) is None
    assert provenance_of(tmp_path / "absent.parquet") is None


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        ([5.87722981736579107e17, 1.0], "lost digits"),
        ([1.5, 2.0], "lost digits"),
        (["5.877229817e+17", "x"], "lost digits"),
        (["587722981736579107.0", "12"], "lost digits"),
        ([1, 1, 2, 2, 3], "2 ids stand more than once (first 1)"),
        ([1.0, np.nan], "1 rows have no id"),
        ([True, False], "True and False"),
        (np.array([2**63 + 5, 1], np.uint64), "larger than 9223372036854775807"),
        (["9223372036854775808", "1"], "larger than 9223372036854775807"),
    ],
)
def test_ids_that_are_not_exact_are_refused(ids: list, told: str) -> None:
    with pytest.raises(GalcatError) as error:
        check_ids(pd.Series(ids), "here")
    assert told in one_line(error)
    assert str(error.value).startswith("here: ")


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["587722981736579107", "-3"], [587722981736579107, -3]),
        (np.array([1, 2**63 - 1], np.uint64), [1, 2**63 - 1]),
        ([1.0, 2.0], [1, 2]),
        (pd.array([7, 8], dtype="Int64"), [7, 8]),
        (["007", "8"], ["007", "8"]),
        ([b"NGC 1", b"NGC 2"], ["NGC 1", "NGC 2"]),
        (["98765432109876543210x", "1"], ["98765432109876543210x", "1"]),
    ],
)
def test_ids_that_are_exact_are_taken(ids: list, expected: list) -> None:
    found = check_ids(pd.Series(ids), "here")
    assert found.tolist() == expected
    assert found.dtype == (np.int64 if isinstance(expected[0], int) else object)


def test_a_gzipped_csv_is_a_csv(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "t.csv.gz", "wt") as stream:
        stream.write("# from the archive\nobjid,ra\n587722981736579107,1\n")
    assert read_table(tmp_path / "t.csv.gz")[0]["objid"].tolist() == [587722981736579107]


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_table_without_rows(tmp_path: Path, suffix: str) -> None:
    write_table(table()[:0], tmp_path / f"t{suffix}", {"kind": "x"})
    found, meta = read_table(tmp_path / f"t{suffix}")
    assert list(found.columns) == list(table().columns)
    assert (len(found), meta) == (0, {"kind": "x"})


@pytest.mark.parametrize("suffix", [".fits", ".vot"])
def test_missing_truth_is_written_as_text(tmp_path: Path, suffix: str) -> None:
    mixed = pd.DataFrame({"id": [1, 2], "sure": [True, None], "none": [None, None]})
    write_table(mixed, tmp_path / f"t{suffix}")
    found = read_table(tmp_path / f"t{suffix}")[0]
    assert found["sure"].tolist() == ["True", None]
    assert found["none"].tolist() == [None, None]


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_ucds_and_units_are_of_the_vocabulary(name: str) -> None:
    note = COLUMNS[name]
    assert check_ucd(note.ucd, check_controlled_vocabulary=True, has_colon=False)
    assert Unit(note.unit).to_string("vounit") == note.unit
    assert len(note.description) <= 68  # a FITS card
