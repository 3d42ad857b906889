"""Records check what they hold, and come back from disk as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from galcat_core.errors import GalcatError
from galcat_core.provenance import Provenance
from galcat_core.records import (
    Catalog,
    Catalogue,
    Clusters,
    Embedding,
    Pairs,
    Predictions,
    Projection,
    Split,
)

IDS = [587722981736579107, 12, 1237648720142401611]
MADE_BY = Provenance("match", {"a.csv": "0" * 64}, {"radius_arcsec": 1.0}, "0.1.0+gabc")


def frame(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"id": IDS, **columns})


def split_table(**changes: object) -> pd.DataFrame:
    table = frame(
        survey="sdss", set=["train", "test", "test"], label=["spiral", "elliptical", "spiral"]
    )
    return table.assign(certain=[True, True, False], group=[0, 1, 2], **changes)


def records() -> list:
    sky = {"ra_deg": [0.1, 359.9, 180.0], "dec_deg": [-90.0, 1e-9, 90.0]}
    label = {"label": ["spiral", None, "elliptical"], "certain": [True, False, True]}
    odds = {"p_elliptical": [0.1, 0.9, 0.5], "p_spiral": [0.9, 0.1, 0.5]}
    told = {"predicted": ["spiral", "elliptical", "spiral"], "run": "ds18", "flags": [0, 1, 2]}
    pairs = pd.DataFrame({"left_id": IDS, "right_id": [4, 4, 2**63 - 1]})
    pairs = pairs.assign(separation_arcsec=[0.1, 0.2, 0.3], ambiguous=[True, True, False])
    survey = {"survey": "des"}
    return [
        Catalog(frame(**sky, **label), MADE_BY, {"survey": "sdss"}),
        Pairs(pairs, MADE_BY, {"left_survey": "sdss", "right_survey": "des"}),
        Split(split_table(), MADE_BY),
        Predictions(frame(**odds, **told), MADE_BY, {"classes": ["elliptical", "spiral"]}),
        Embedding(frame(run="ds18", feature_0=np.float32([1, 2, 3])), MADE_BY),
        Projection(frame(tsne_x=[1.5, 2.5, np.nan]), MADE_BY),
        Clusters(frame(cluster=[0, -1, 1]), MADE_BY, {"agreement": {"ari": 0.5}}),
        Catalogue(
            frame(**survey, **sky, **odds, **told), MADE_BY, {"classes": ["elliptical", "spiral"]}
        ),
    ]


@pytest.mark.parametrize("suffix", [".parquet", ".fits", ".vot", ".csv", ".csv.gz"])
@pytest.mark.parametrize("record", records(), ids=lambda r: type(r).__name__)
def test_a_record_comes_back_as_it_was(record, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"r{suffix}"
    record.save(path)
    found = type(record).load(path)
    assert found.provenance == record.provenance
    assert found.meta == record.meta
    same_types = "csv" not in suffix
    pd.testing.assert_frame_equal(
        found.table, record.table, check_exact=True, check_dtype=same_types
    )


def test_another_kind_is_refused_by_its_name(tmp_path: Path) -> None:
    Clusters(frame(cluster=[0, 1, 1])).save(tmp_path / "c.parquet")
    with pytest.raises(GalcatError, match="holds Clusters, not Catalog"):
        Catalog.load(tmp_path / "c.parquet")


def test_columns_that_galcat_knows_are_described(tmp_path: Path) -> None:
    Catalog(frame(ra_deg=1.0, dec_deg=2.0), None, {"survey": "des"}).save(tmp_path / "c.fits")
    header = fits.getheader(tmp_path / "c.fits", 1)
    assert [header[f"TUCD{i}"] for i in (2, 3)] == ["pos.eq.ra;meta.main", "pos.eq.dec;meta.main"]
    assert [header[f"TUNIT{i}"] for i in (2, 3)] == ["deg", "deg"]


def test_a_plain_table_without_metadata_is_taken(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,predicted,run,p_bar\n587722981736579107,bar,x,0.5\n")
    found = Predictions.load(tmp_path / "p.csv")
    assert found.classes == ["bar"]
    assert found.ids.tolist() == [587722981736579107]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Catalog(frame(ra_degrees=0.0, dec_deg=0.0)), "column 'ra_deg' is missing"),
        (lambda: Catalog(frame(ra_degrees=0.0, dec_deg=0.0)), "Did you mean 'ra_degrees'?"),
        (lambda: Clusters(pd.DataFrame({"id": [1, 1], "cluster": 0})), "stand more than once"),
        (lambda: Clusters(pd.DataFrame({"id": [5.8e17], "cluster": 0})), "lost digits"),
        (lambda: Predictions(frame(predicted="a", run="r")), "no probability column"),
        (
            lambda: Pairs(
                pd.DataFrame(
                    {
                        "left_id": [1, 2],
                        "right_id": [5.8e17, 1],
                        "separation_arcsec": 0.0,
                        "ambiguous": False,
                    }
                )
            ),
            "lost digits",
        ),
        (
            lambda: Pairs(
                pd.DataFrame(
                    {
                        "left_id": [1, 1],
                        "right_id": [1, 2],
                        "separation_arcsec": 0.0,
                        "ambiguous": False,
                    }
                )
            ),
            "1 ids stand more than once (first 1)",
        ),
        (lambda: Split(split_table().assign(set="trial")), "set trial is not one of train"),
        (lambda: Split(split_table().assign(group=1)), "group 1 stands in more than one set"),
        (lambda: Split(split_table().assign(id=5)), "rows with the same survey and id"),
        (lambda: Split(split_table().assign(id=[5.8e17, 1, 2])), "lost digits"),
        (lambda: Split(split_table()).full_overlap(), "has_twin"),
    ],
)
def test_what_does_not_hold_is_refused_in_one_line(make, told: str) -> None:
    with pytest.raises(GalcatError) as error:
        make()
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_split_hands_out_its_sets() -> None:
    split = Split(split_table(has_twin=[True, False, True]))
    assert split.rows("sdss", "train")["id"].tolist() == IDS[:1]
    assert split.rows("des")["id"].tolist() == []
    assert split.high_probability("sdss")["id"].tolist() == IDS[1:2]
    assert split.full_overlap()["id"].tolist() == IDS[2:]


def test_predictions_know_their_classes() -> None:
    told = records()[3]
    assert (told.classes, told.positive) == (["elliptical", "spiral"], "spiral")
    assert told.probability().tolist() == [0.9, 0.1, 0.5]
    assert told.probability("elliptical").tolist() == [0.1, 0.9, 0.5]


def test_features_are_a_matrix() -> None:
    table = frame(run="r", **{f"feature_{i}": np.float32([i, i + 1, i + 2]) for i in range(12)})
    features = Embedding(table).features
    assert features.shape == (3, 12)
    assert features.dtype == np.float32
    assert features[0].tolist() == list(range(12))


def test_the_caller_s_table_stays_as_it_is() -> None:
    given = pd.DataFrame({"id": ["12", "7"], "cluster": [0, 1]}, index=[5, 9])
    assert Clusters(given).ids.tolist() == [12, 7]
    assert given["id"].tolist() == ["12", "7"]
    assert given.index.tolist() == [5, 9]
