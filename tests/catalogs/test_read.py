"""Survey tables become Catalogs: exact ids, degrees, sentinels as NaN, bad rows kept with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import Angle
from astropy.table import Table

from galcat_core.catalogs.read import degrees, from_table, read_catalog, read_with_rejects
from galcat_core.catalogs.surveys import PETROSIAN_PER_KRON
from galcat_core.errors import GalcatError
from galcat_core.records import Catalog, Clusters
from galcat_core.tables import write_table

IDS = [587722981736579107, 1237648720142401611, 2**63 - 1]


def sdss(**changes: object) -> pd.DataFrame:
    table = pd.DataFrame({"objid": IDS, "ra": [0.0, 180.25, 359.999], "dec": [-90.0, 0.5, 90.0]})
    return table.assign(u=[18.5, -9999.0, 17.0], r=17.0, petroRad_r=[5.0, 99.0, -9999.0], **changes)


def des(**changes: object) -> pd.DataFrame:
    table = pd.DataFrame({"COADD_OBJECT_ID": IDS, "RA": [1.0, 2.0, 3.0], "DEC": 0.0})
    table = table.assign(MAG_AUTO_G=[99.0, 18.0, 17.0], WAVG_SPREAD_MODEL_I=[-99.0, 0.01, 0.02])
    return table.assign(KRON_RADIUS=3.5, A_IMAGE=[10.0, 99.0, 0.0], FLAGS_G=[0, 99, 3], **changes)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".fits", ".vot", ".parquet"])
def test_every_format_gives_the_same_catalogue(tmp_path: Path, suffix: str) -> None:
    write_table(sdss(), tmp_path / f"c{suffix}")
    catalog = read_catalog(tmp_path / f"c{suffix}")
    assert catalog.ids.dtype == np.int64
    assert catalog.ids.tolist() == IDS
    assert catalog.survey == "sdss"
    assert catalog.table["ra_deg"].tolist() == [0.0, 180.25, 359.999]
    assert catalog.table["dec_deg"].tolist() == [-90.0, 0.5, 90.0]
    assert catalog.table["u"].isna().tolist() == [False, True, False]
    assert catalog.meta["sentinels"] == {"u": 1, "petroRad_r": 1}
    assert catalog.meta["rejected"] == {}


def test_fits_written_by_astropy_with_strings_and_units(tmp_path: Path) -> None:
    table = Table({"COADD_OBJECT_ID": np.array(IDS), "name": ["a ", "bc", "d"]})
    table["ra"], table["dec"] = np.radians([10.0, 20.0, 30.0]), np.radians([1.0, 2.0, 3.0])
    table["ra"].unit = table["dec"].unit = "rad"
    table.write(tmp_path / "c.fits")
    catalog = read_catalog(tmp_path / "c.fits")
    np.testing.assert_allclose(catalog.table["ra_deg"], [10, 20, 30], rtol=1e-14)
    np.testing.assert_allclose(catalog.table["dec_deg"], [1, 2, 3], rtol=1e-14)
    assert catalog.table["name"].tolist() == ["a", "bc", "d"]


def test_sentinels_differ_by_survey_and_by_kind_of_column() -> None:
    catalog, _ = from_table(des())
    assert catalog.survey == "des"
    assert catalog.meta["sentinels"] == {"MAG_AUTO_G": 1, "WAVG_SPREAD_MODEL_I": 1}
    # 99 is a legal count of flags and a legal size in pixels
    assert catalog.table["FLAGS_G"].tolist() == [0, 99, 3]
    assert catalog.table["A_IMAGE"].tolist() == [10.0, 99.0, 0.0]
    # 99 arcsec is a legal radius of SDSS
    assert from_table(sdss())[0].table["petroRad_r"].tolist()[1] == 99.0
    foreign = pd.DataFrame({"id": [1, 2], "ra": 1.0, "dec": 2.0, "mag_g": [-99, 15], "z_spec": 99})
    catalog, _ = from_table(foreign)
    assert catalog.survey == "unknown"
    assert catalog.meta["sentinels"] == {"mag_g": 1}


def test_size_is_the_petrosian_radius_and_its_like_in_des() -> None:
    size = from_table(sdss())[0].table["size_arcsec"]
    assert size.tolist()[:2] == [5.0, 99.0]
    assert np.isnan(size[2])
    size = from_table(des())[0].table["size_arcsec"]
    assert size[0] == pytest.approx(PETROSIAN_PER_KRON * 3.5 * 10 * 0.263)
    assert np.isnan(size[2])


def test_index_columns_are_dropped() -> None:
    raw = sdss().assign(**{"Unnamed: 0": 0, "Unnamed: 0.1": 1, "Unnamed: 12": 2})
    assert "Unnamed" not in "".join(from_table(raw)[0].table.columns)


def test_the_user_says_which_column_is_which(tmp_path: Path) -> None:
    raw = pd.DataFrame({"key": IDS, "lon": [1.0, 2, 3], "lat": 0.5, "objid": 7, "r50": 2.0})
    raw.to_csv(tmp_path / "c.csv")
    named = {"id": "key", "ra": "lon", "dec": "lat", "size": "r50"}
    catalog = read_catalog(tmp_path / "c.csv", "mine", named)
    assert catalog.ids.tolist() == IDS
    assert catalog.survey == "mine"
    assert catalog.table["ra_deg"].tolist() == [1, 2, 3]
    assert catalog.table["size_arcsec"].tolist() == [2, 2, 2]
    assert "r50" in catalog.table


def test_a_saved_catalogue_is_taken_as_it_is(tmp_path: Path) -> None:
    catalog, _ = from_table(sdss())
    catalog.save(tmp_path / "c.parquet")
    again, rejects = read_with_rejects(tmp_path / "c.parquet")
    pd.testing.assert_frame_equal(again.table, catalog.table)
    assert (again.meta, len(rejects)) == (catalog.meta, 0)
    assert read_catalog(tmp_path / "c.parquet", survey="other").survey == "other"


def test_votes_need_no_positions() -> None:
    votes = pd.DataFrame({"OBJID": IDS, "P_EL_DEBIASED": 0.1, "P_CS_DEBIASED": 0.9, "NVOTE": 30})
    catalog, rejects = from_table(votes)
    assert (catalog.survey, len(catalog), len(rejects)) == ("galaxy_zoo", 3, 0)
    assert catalog.table["ra_deg"].isna().all()


SEXAGESIMAL = ["00:00:00.41", "23 59 59.99", "12h34m56.7s", "12h 34m 56.7s", "5:6:7", "10:20:30"]
SEXAGESIMAL_DEC = [
    "-00:00:00.5",
    "+89 59 59.9",
    "-12d34m56.7s",
    "+12d 34m 56.7s",
    "-0:6:7",
    "−10:20:30",
]


def test_sexagesimal_text_as_astropy_reads_it() -> None:
    found, unread = degrees(pd.Series(SEXAGESIMAL), "", hours=True)
    assert not unread.any()
    expected = [Angle(text, "hourangle").deg for text in SEXAGESIMAL]
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    found, unread = degrees(pd.Series(SEXAGESIMAL_DEC), "", hours=False)
    assert not unread.any()
    plain = [text.replace("−", "-") for text in SEXAGESIMAL_DEC]
    np.testing.assert_allclose(found, Angle(plain, "deg").deg, rtol=1e-14)


def test_degrees_and_sexagesimal_in_one_column(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(
        "objid,ra,dec\n1,10.5,-0.25\n2,00:42:00,-00:15:00\n3,10d30m00s,-0.25\n4,,\n5,here,there\n"
    )
    catalog, rejects = read_with_rejects(tmp_path / "c.csv")
    assert catalog.table["ra_deg"].tolist() == [10.5, 10.5, 10.5]
    assert catalog.table["dec_deg"].tolist() == [-0.25, -0.25, -0.25]
    assert rejects["reason"].tolist() == ["no position", "position not readable"]


def test_degrees_are_preferred_where_both_stand() -> None:
    raw = pd.DataFrame({"OBJID": [1], "RA": ["00:42:00"], "DEC": ["-00:15:00"]})
    raw = raw.assign(raj2000=10.5000001, dej2000=-0.2500001)
    catalog, _ = from_table(raw)
    assert catalog.table["ra_deg"][0] == 10.5000001
    assert catalog.table["dec_deg"][0] == -0.2500001
    assert catalog.table["RA"][0] == "00:42:00"


def test_rows_without_a_valid_position_are_kept_with_the_reason(tmp_path: Path) -> None:
    ra = [1.0, np.nan, 360.5, -0.1, 10.0, np.inf, 360.0, 5.0]
    dec = [1.0, 1.0, 1.0, 1.0, 90.5, 1.0, 1.0, -90.1]
    raw = pd.DataFrame({"objid": range(8), "ra": ra, "dec": dec, "note": list("abcdefgh")})
    write_table(raw, tmp_path / "c.parquet")
    catalog, rejects = read_with_rejects(tmp_path / "c.parquet")
    assert catalog.ids.tolist() == [0, 6]
    assert catalog.table["ra_deg"].tolist() == [1.0, 0.0]
    assert rejects["id"].tolist() == [1, 2, 3, 4, 5, 7]
    assert rejects["reason"].tolist() == [
        "no position",
        "ra outside 0..360",
        "ra outside 0..360",
        "dec outside -90..90",
        "no position",
        "dec outside -90..90",
    ]
    assert rejects["note"].tolist() == list("bcdefh")
    assert sum(catalog.meta["rejected"].values()) == 6


def test_minutes_of_sixty_are_no_position() -> None:
    raw = pd.DataFrame({"objid": [1, 2], "ra": ["1:60:00", "1:00:00"], "dec": ["0:0:61", "0:0:1"]})
    assert from_table(raw)[1]["reason"].tolist() == ["position not readable"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("objid,ra,dec\n5.87722981736579E+17,1,2\n", "lost digits"),
        ("objid,ra,dec\n587722981736579107.0,1,2\n", "lost digits"),
        ("objid,ra,dec\n1,1,2\n1,3,4\n", "1 ids stand more than once (first 1)"),
        ("objid,ra,dec\n9223372036854775808,1,2\n", "larger than 9223372036854775807"),
        ("objid,ra,dec\n,1,2\n7,1,2\n", "1 rows have no id"),
        ("key,ra,dec\n1,1,2\n", "no id column among key, ra, dec"),
        ("objid,lon,lat\n1,1,2\n", "no ra and dec column among objid, lon, lat"),
        ("objid,ra,dec\n", "no rows"),
        ("objid,ra,dec\n1,nan,nan\n", "none of the 1 rows has a valid position"),
        ("", "empty"),
    ],
)
def test_bad_tables_are_told_in_one_line(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text(content)
    with pytest.raises(GalcatError) as error:
        read_catalog(path)
    assert told in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"id": "objectid"}, "Did you mean 'objid'?"),
        ({"identity": "objid"}, "'identity' is unknown; legal are id, ra, dec, size"),
        ({"ra": "ra"}, "name both 'ra' and 'dec'"),
    ],
)
def test_a_wrong_column_is_told_in_one_line(columns: dict, told: str) -> None:
    with pytest.raises(GalcatError) as error:
        from_table(sdss(), columns=columns)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(GalcatError, match="no such file"):
        read_catalog(tmp_path / "no.fits")


def test_another_record_is_no_catalogue(tmp_path: Path) -> None:
    Clusters(pd.DataFrame({"id": [1], "cluster": [0]})).save(tmp_path / "k.parquet")
    with pytest.raises(GalcatError, match="Clusters"):
        read_catalog(tmp_path / "k.parquet")


@pytest.mark.real
def test_the_real_catalogues(real_data: Path) -> None:
    sdss_real = read_catalog(real_data / "catalogs" / "sdss_des_overlap.csv.gz")
    des_real = read_catalog(real_data / "catalogs" / "des_dr1_objects.csv.gz")
    assert (sdss_real.survey, len(sdss_real)) == ("sdss", 16922)
    assert (des_real.survey, len(des_real)) == ("des", 16984)
    assert sdss_real.meta["sentinels"] == {"u": 1, "i": 1, "z": 1}
    assert des_real.table["MAG_AUTO_G"].max() < 99
    assert des_real.table["WAVG_SPREAD_MODEL_I"].min() > -1
    assert des_real.meta["sentinels"]["WAVG_SPREAD_MODEL_I"] == 725
    assert not sdss_real.meta["rejected"]


@pytest.mark.real
def test_des_sizes_have_the_median_of_sdss(real_data: Path) -> None:
    """The constant in plain sight is what the real pairs give."""
    folder = real_data / "catalogs"
    pairs = pd.read_csv(folder / "expected_full_overlap_pairs.csv.gz")
    size = [
        read_catalog(folder / name).table.set_index("id")["size_arcsec"]
        for name in ("sdss_des_overlap.csv.gz", "des_dr1_objects.csv.gz")
    ]
    ratio = (
        size[0][pairs["SDSS_OBJID"]].to_numpy() / size[1][pairs["DES_COADD_OBJECT_ID"]].to_numpy()
    )
    assert np.median(ratio) == pytest.approx(1.0, abs=1e-3)
    assert isinstance(read_catalog(folder / "sdss_des_overlap.csv.gz"), Catalog)
