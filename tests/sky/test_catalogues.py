"""What stands in the tables: the surveys' columns, exact ids, sentinels, votes, and the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from galcat_core.sky.catalogues import TRUTH_COLUMNS

REAL = {
    "sdss.csv.gz": "sdss_des_overlap.csv.gz",
    "galaxy_zoo.csv.gz": "galaxy_zoo1_votes.csv.gz",
    "des.csv.gz": "des_dr1_objects.csv.gz",
}


@pytest.fixture(scope="module")
def matched(tables) -> pd.DataFrame:
    """SDSS galaxies with their votes, truth and nearest DES object."""
    sdss, des = tables["sdss.csv.gz"], tables["des.csv.gz"]
    left = SkyCoord(sdss["ra"], sdss["dec"], unit="deg")
    right = SkyCoord(des["RA"], des["DEC"], unit="deg")
    nearest, separation, _ = left.match_to_catalog_sky(right)
    table = sdss.merge(tables["galaxy_zoo.csv.gz"], left_on="objid", right_on="OBJID")
    truth = tables["truth.parquet"].query("sdss_id != 0")
    table = table.merge(truth, left_on="objid", right_on="sdss_id", suffixes=("", "_true"))
    twins = des.iloc[nearest].reset_index(drop=True)
    return pd.concat([table, twins], axis=1).assign(separation=separation.to(units.arcsec).value)


def test_columns_are_the_surveys_own(tables):
    assert " ".join(tables["sdss.csv.gz"]) == (
        "objid ra dec u g r i z run rerun camcol field petroRad_r"
    )
    assert " ".join(tables["galaxy_zoo.csv.gz"]) == (
        "OBJID NVOTE P_EL P_CW P_ACW P_EDGE P_DK P_MG P_CS "
        "P_EL_DEBIASED P_CS_DEBIASED SPIRAL ELLIPTICAL UNCERTAIN"
    )
    flags = " ".join(f"FLAGS_{b} IMAFLAGS_ISO_{b} NEPOCHS_{b}" for b in "GRIZY")
    spreads = " ".join(
        f"{name}_{b}"
        for name in ("SPREAD_MODEL", "WAVG_SPREAD_MODEL", "WAVG_SPREADERR_MODEL")
        for b in "GRIZY"
    )
    assert " ".join(tables["des.csv.gz"]) == (
        "COADD_OBJECT_ID RA DEC TILENAME "
        "MAG_AUTO_G MAG_AUTO_R MAG_AUTO_I MAG_AUTO_Z MAG_AUTO_Y "
        "A_IMAGE B_IMAGE THETA_J2000 KRON_RADIUS XWIN_IMAGE YWIN_IMAGE FLUX_RADIUS_R EBV_SFD98 "
        f"{flags} MAGERR_AUTO_G MAGERR_AUTO_R MAGERR_AUTO_I MAGERR_AUTO_Z MAGERR_AUTO_Y "
        f"CLASS_STAR_I {spreads}"
    )
    assert list(tables["truth.parquet"]) == list(TRUTH_COLUMNS)


@pytest.mark.real
def test_columns_types_and_medians_are_those_of_the_real_files(tables, real_data):
    real = {name: pd.read_csv(real_data / "catalogs" / file) for name, file in REAL.items()}
    for name, table in real.items():
        assert list(tables[name]) == list(table)
        assert (
            tables[name]
            .dtypes.map(lambda kind: kind.kind)
            .equals(table.dtypes.map(lambda kind: kind.kind))
        )
    for name, column, off in (
        ("sdss.csv.gz", "petroRad_r", 0.6),
        ("sdss.csv.gz", "r", 0.15),
        ("galaxy_zoo.csv.gz", "NVOTE", 3),
        ("galaxy_zoo.csv.gz", "P_EL", 0.12),
        ("galaxy_zoo.csv.gz", "P_CS", 0.15),
        ("galaxy_zoo.csv.gz", "P_EDGE", 0.06),
    ):
        simulated = tables[name][column].median()
        assert simulated == pytest.approx(real[name][column].median(), abs=off), column
    for first, second in (("g", "r"), ("r", "i"), ("u", "g")):
        colour = [
            (t[first] - t[second]).median() for t in (tables["sdss.csv.gz"], real["sdss.csv.gz"])
        ]
        assert colour[0] == pytest.approx(colour[1], abs=0.12)


def test_ids_are_exact_and_told_apart(tables, tmp_path):
    sdss, des, truth = (tables[n] for n in ("sdss.csv.gz", "des.csv.gz", "truth.parquet"))
    assert sdss["objid"].dtype == np.int64 and (sdss["objid"] > 2**53).all()
    assert sdss["objid"].is_unique and des["COADD_OBJECT_ID"].is_unique
    assert len(set(sdss["objid"].astype(float))) < len(sdss)  # as floats they would not be
    # bits of an SDSS id: rerun, run, camcol, field
    for column, shift, bits in (
        ("rerun", 48, 11),
        ("run", 32, 16),
        ("camcol", 29, 3),
        ("field", 16, 12),
    ):
        assert (np.right_shift(sdss["objid"], shift) % 2**bits == sdss[column]).all()
    assert (tables["galaxy_zoo.csv.gz"]["OBJID"] == sdss["objid"]).all()
    assert set(truth["sdss_id"]) - {0} == set(sdss["objid"])
    assert set(truth["des_id"]) - {0} == set(des["COADD_OBJECT_ID"])
    sdss.to_csv(tmp_path / "sdss.csv", index=False)
    assert pd.read_csv(tmp_path / "sdss.csv")["objid"].equals(sdss["objid"])


def test_twins_match_as_the_real_ones_do(tables, matched):
    close = matched["separation"] < 1
    assert 0.003 < 1 - close.mean() < 0.03  # about a percent has no counterpart
    assert matched.loc[close, "separation"].median() == pytest.approx(0.17, abs=0.04)
    right = (matched["COADD_OBJECT_ID"] == matched["des_id"])[close]
    assert right.mean() > 0.98
    assert (matched["des_seen"][~close] != "yes").mean() > 0.8
    ra = tables["sdss.csv.gz"]["ra"]
    assert ((ra > 359.5).any() and (ra < 0.5).any()) and ra.between(0, 360).all()
    des = SkyCoord(tables["des.csv.gz"]["RA"], tables["des.csv.gz"]["DEC"], unit="deg")
    left = SkyCoord(matched["ra"], matched["dec"], unit="deg")
    _, second, _ = left.match_to_catalog_sky(des, nthneighbor=2)
    assert 0.01 < (second < 1 * units.arcsec).mean() < 0.05  # ambiguous ones


def test_measurements_scatter_about_the_truth(matched):
    for band in "gri":
        assert (matched[band] - matched[f"mag_{band}"]).std() < 0.05
        own = matched[f"MAG_AUTO_{band.upper()}"]
        both = matched[band][(own < 90) & (matched["separation"] < 1)]
        assert (own - both).median() == pytest.approx(
            {"g": -0.08, "r": -0.04, "i": 0.01}[band], abs=0.03
        )
    size = 3.5 * matched["A_IMAGE"] * 0.263 / matched["petroRad_r"]
    assert size.median() == pytest.approx(1.8, abs=0.12)
    assert (matched["KRON_RADIUS"] == 3.5).mean() == pytest.approx(0.98, abs=0.02)
    assert (matched["XWIN_IMAGE"] > 0.5).all() and matched["THETA_J2000"].between(-90, 90).all()


def test_sentinels_and_flags_are_the_surveys_own(tables):
    des = tables["des.csv.gz"]
    for band in "GRIZY":
        gone = des[f"MAG_AUTO_{band}"] == 99
        assert (gone == (des[f"NEPOCHS_{band}"] == 0)).all()
        assert (des.loc[gone, f"MAGERR_AUTO_{band}"] == 99).all()
        lost = des[f"WAVG_SPREAD_MODEL_{band}"] == -99
        assert 0.01 < lost.mean() < 0.1
        assert (lost == (des[f"WAVG_SPREADERR_MODEL_{band}"] == -99)).all()
    assert (des[[f"MAG_AUTO_{band}" for band in "GRI"]] == 99).any().any()
    assert (des["FLAGS_I"] >= 4).any() and (des["FLAGS_I"] == 0).any()
    assert (des[[f"IMAFLAGS_ISO_{band}" for band in "GRI"]] > 0).any().any()
    assert not tables["sdss.csv.gz"].isna().any().any() and not des.isna().any().any()


def test_stars_and_faint_galaxies_make_cuts_matter(tables):
    truth = tables["truth.parquet"].query("des_id != 0").set_index("des_id")
    des = tables["des.csv.gz"].set_index("COADD_OBJECT_ID")
    kind = truth["kind"].reindex(des.index)
    spread = des["WAVG_SPREAD_MODEL_I"][des["WAVG_SPREAD_MODEL_I"] > -1]
    star = kind.reindex(spread.index) == "star"
    assert star.sum() > 30 and (spread[star] < 0.005).mean() > 0.95
    assert (spread[kind.reindex(spread.index) == "galaxy"] > 0.005).mean() > 0.97
    bright_stars = des["MAG_AUTO_G"][kind == "star"] < 18
    assert bright_stars.sum() > 5  # the magnitude cut alone would keep them
    unlabelled = des[(des["DEC"] < -20) & (kind == "galaxy")]
    assert len(unlabelled) == 200 and 0.7 < (unlabelled["MAG_AUTO_G"] < 18).mean() < 1


def test_votes_add_up(tables):
    zoo = tables["galaxy_zoo.csv.gz"]
    answers = zoo[["P_EL", "P_CW", "P_ACW", "P_EDGE", "P_DK", "P_MG"]].sum(axis=1)
    assert np.allclose(answers, 1, atol=0.004)
    assert np.allclose(zoo["P_CS"], zoo["P_CW"] + zoo["P_ACW"] + zoo["P_EDGE"], atol=0.002)
    counts = zoo["P_EL"] * zoo["NVOTE"]
    assert np.allclose(counts, counts.round(), atol=0.05)  # shares of whole volunteers
    debiased = zoo["P_EL_DEBIASED"] + zoo["P_CS_DEBIASED"]
    assert np.allclose(debiased, zoo["P_EL"] + zoo["P_CS"], atol=0.003)
    assert (zoo["P_CS_DEBIASED"] >= zoo["P_CS"] - 0.002).all()
    assert (zoo[["SPIRAL", "ELLIPTICAL", "UNCERTAIN"]].sum(axis=1) == 1).all()


def test_votes_get_uncertain_as_galaxies_get_faint(matched):
    sure = matched[["P_EL_DEBIASED", "P_CS_DEBIASED"]].max(axis=1)
    by_magnitude = sure.groupby(
        pd.cut(matched["mag_r"], [13, 16, 17, 17.4, 17.8]), observed=True
    ).mean()
    assert (by_magnitude.diff().dropna() < 0).all()
    by_size = sure.groupby(pd.qcut(matched["petro_arcsec"], 3), observed=True).mean()
    assert by_size.is_monotonic_increasing
    clean = (matched["SPIRAL"] + matched["ELLIPTICAL"]).groupby(matched["mag_r"] < 16).mean()
    assert clean[True] > 0.75 and clean[False] < 0.5


def test_labels_are_mostly_right_but_no_oracle(matched):
    spiral = matched["P_CS_DEBIASED"] > matched["P_EL_DEBIASED"]
    right = spiral == (matched["truth_class"] == "spiral")
    assert 0.88 < right.mean() < 0.98
    certain = (matched["P_CS_DEBIASED"] >= 0.985) | (matched["P_EL_DEBIASED"] >= 0.926)
    assert certain.mean() > 0.05 and right[certain].mean() > 0.98
    for name in ("spiral", "elliptical"):
        assert 0.01 < (certain & (matched["truth_class"] == name)).mean() < 0.15


def test_clockwise_spirals_are_called_so(matched):
    face_on = matched[(matched["visibility"] > 0.8) & (matched["inclination_deg"] < 50)]
    face_on = face_on[face_on["arm_strength"] > 0.5]
    assert len(face_on) > 10
    said = np.where(face_on["P_CW"] > face_on["P_ACW"], "cw", "acw")
    assert (said == face_on["winding"]).mean() > 0.95


def test_truth_is_complete_and_makes_sense(tables):
    truth = tables["truth.parquet"]
    galaxy = truth[truth["kind"] == "galaxy"]
    assert len(galaxy) == 1100 and galaxy["overlap"].sum() == 900
    assert set(galaxy["truth_class"]) == {"spiral", "elliptical"}
    assert ((galaxy["truth_class"] == "spiral") == (galaxy["morphology"] == "spiral")).all()
    spiral = galaxy[galaxy["morphology"] == "spiral"]
    assert (spiral["arms"] >= 2).all() and spiral["inclination_deg"].between(0, 90).all()
    assert spiral["bar"].mean() == pytest.approx(1 / 3, abs=0.07)
    assert (spiral["inclination_deg"] > 80).any() and (spiral["inclination_deg"] < 20).any()
    elliptical = galaxy[galaxy["morphology"] == "elliptical"]
    assert (
        elliptical["sersic_n"].between(2.75, 6).all() and (elliptical["bulge_fraction"] == 1).all()
    )
    colour = (galaxy["mag_g"] - galaxy["mag_r"]).groupby(galaxy["truth_class"]).median()
    assert colour["elliptical"] > colour["spiral"] + 0.2
    assert galaxy["redshift"].between(0.005, 0.35).all()
    assert galaxy["mag_r"].max() < 17.78 and (galaxy["mag_r"] > 17).mean() > 0.4
    assert (galaxy["sdss_bad_bands"] != "").any() and (galaxy["des_bad_bands"] != "").any()
    assert galaxy["des_edge"].any()
    hosts = truth.loc[truth["host_des_id"] != 0, "host_des_id"]
    assert len(hosts) and set(hosts) <= set(truth["des_id"])
