"""The published catalogue: everything joined by id, exact in every format, described for other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Table

from galcat_core.catalogs.crossmatch import crossmatch
from galcat_core.catalogs.publish import publish
from galcat_core.catalogs.read import read_catalog
from galcat_core.errors import GalcatError
from galcat_core.records import Catalog, Catalogue, Clusters, Predictions, Projection
from galcat_core.sections import Match

IDS = np.array([2**63 - 1, 587722981736579107, 12, 1237648720142401611])


def catalog() -> Catalog:
    table = pd.DataFrame({"id": IDS, "ra_deg": [3.0, 1.0, 0.1 + 0.2, 2.0], "dec_deg": -45.0})
    return Catalog(table.assign(MAG_AUTO_G=[17.0, np.nan, 16.5, 16.0]), None, {"survey": "des"})


def predictions() -> Predictions:
    spiral = np.array([0.1, 0.123456789012345678, 0.9])
    table = pd.DataFrame({"id": IDS[:3], "p_elliptical": 1 - spiral, "p_spiral": spiral})
    table = table.assign(predicted=np.where(spiral > 0.5, "spiral", "elliptical"), run="ds18-sdss")
    table["flags"] = np.array([0, 3, 8], np.int32)
    return Predictions(table, None, {"classes": ["elliptical", "spiral"], "positive": "spiral"})


def projection() -> Projection:
    table = pd.DataFrame({"id": IDS[[0, 1, 3]], "run": "ds18-sdss"})
    return Projection(table.assign(**{name: [1.5, -2.5, 0.0] for name in ("tsne_x", "tsne_y")}))


def clusters() -> Clusters:
    return Clusters(pd.DataFrame({"id": IDS[:2], "cluster": [1, 0]}))


def published() -> Catalogue:
    return publish(catalog(), predictions(), projection(), clusters(), columns=["MAG_AUTO_G"])


def test_everything_is_joined_by_id() -> None:
    table = published().table
    assert table["id"].tolist() == [12, 587722981736579107, 2**63 - 1]
    assert list(table.columns) == [
        "id",
        "survey",
        "ra_deg",
        "dec_deg",
        "MAG_AUTO_G",
        "p_elliptical",
        "p_spiral",
        "predicted",
        "tsne_x",
        "tsne_y",
        "cluster",
        "flags",
        "run",
    ]
    assert table["survey"].unique().tolist() == ["des"]
    assert table["ra_deg"].tolist() == [0.1 + 0.2, 1.0, 3.0]
    np.testing.assert_array_equal(table["MAG_AUTO_G"], [16.5, np.nan, 17.0])
    assert table["p_spiral"].tolist() == [0.9, 0.123456789012345678, 0.1]
    assert table["predicted"].tolist() == ["spiral", "elliptical", "elliptical"]
    np.testing.assert_array_equal(table["tsne_x"], [np.nan, -2.5, 1.5])
    assert table["cluster"].tolist() == [-1, 0, 1]
    assert table["flags"].tolist() == [8, 3, 0]
    assert table["run"].unique().tolist() == ["ds18-sdss"]


def test_what_was_left_out_is_counted() -> None:
    meta = published().meta
    assert meta["left_out"] == {"without_prediction": 1, "not_on_map": 1, "without_cluster": 1}
    assert meta["classes"] == ["elliptical", "spiral"]
    assert meta["runs"] == ["ds18-sdss"]


def test_map_and_clusters_may_be_absent() -> None:
    table = publish(catalog(), predictions()).table
    assert not {"tsne_x", "cluster"} & set(table.columns)
    assert len(table) == 3


def test_what_else_the_predictions_hold_is_kept() -> None:
    more = Predictions(predictions().table.assign(uncertainty=0.25), None, predictions().meta)
    assert publish(catalog(), more).table["uncertainty"].tolist() == [0.25] * 3


@pytest.mark.parametrize("suffix", [".parquet", ".fits", ".fits.gz", ".vot", ".csv"])
def test_it_comes_back_exactly(tmp_path: Path, suffix: str) -> None:
    made = published()
    made.save(tmp_path / f"c{suffix}")
    found = Catalogue.load(tmp_path / f"c{suffix}")
    pd.testing.assert_frame_equal(
        found.table, made.table, check_exact=True, check_dtype=suffix != ".csv"
    )
    assert found.meta == made.meta


def test_other_programs_read_ids_units_and_descriptions(tmp_path: Path) -> None:
    published().save(tmp_path / "c.fits")
    published().save(tmp_path / "c.vot")
    published().save(tmp_path / "c.parquet")
    expected = sorted(IDS[:3].tolist())
    raw = fits.getdata(tmp_path / "c.fits", 1)
    assert raw["id"].tolist() == expected
    assert Table.read(tmp_path / "c.fits")["ra_deg"].unit == "deg"
    votable = parse_single_table(tmp_path / "c.vot")
    assert votable.array["id"].tolist() == expected
    assert pd.read_parquet(tmp_path / "c.parquet")["id"].tolist() == expected
    header = fits.getheader(tmp_path / "c.fits", 1)
    for number, name in enumerate(raw.names, 1):
        if name == "MAG_AUTO_G":  # the survey's own column: its meaning is the survey's to tell
            continue
        field = votable.get_field_by_id_or_name(name)
        assert header[f"TCOMM{number}"] == " ".join(field.description.split())
        assert header[f"TUCD{number}"] == field.ucd
    assert header["TCOMM6"] == "probability of class elliptical"


def test_a_published_catalogue_is_a_catalogue_again(tmp_path: Path) -> None:
    published().save(tmp_path / "c.fits")
    again = read_catalog(tmp_path / "c.fits")
    assert again.survey == "des"
    pairs = crossmatch(again, catalog(), Match())
    assert (pairs.table["left_id"] == pairs.table["right_id"]).all()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda: publish(Catalog(catalog().table[1:]), predictions()),
            f"1 predicted galaxies are not in the catalogue (first {2**63 - 1})",
        ),
        (
            lambda: publish(catalog(), predictions(), columns=["MAG_AUTO_H"]),
            "Did you mean 'MAG_AUTO_G'?",
        ),
        (
            lambda: publish(catalog(), predictions(), Projection(projection().table[2:])),
            "the map holds none of the 3 predicted galaxies",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(make, told: str) -> None:
    with pytest.raises(GalcatError) as error:
        make()
    assert told in str(error.value)
    assert "\n" not in str(error.value)
