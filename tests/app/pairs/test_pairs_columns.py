"""The columns of pairs: what both surveys' tables hold, joined by exact ids, and what is derived from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from galcat_app.state.pairs.page import PairsState
from synthetic_pairs import joined

from galcat_core.tables import read_table, write_table

N = 300
MAG = "left.catalog.catalogue.modelMag_r"


@pytest.fixture
def state(own_twins: Path) -> PairsState:
    return PairsState(own_twins)


def test_columns_are_joined_by_exact_ids(state: PairsState) -> None:
    wanted = joined(state.path)
    for key, name in (
        (MAG, "left_modelMag_r"),
        ("right.catalog.catalogue.MAG_AUTO_R", "right_MAG_AUTO_R"),
        ("separation_arcsec", "separation_arcsec"),
    ):
        assert np.array_equal(state.known.numbers(key), wanted[name].to_numpy(float))
    told = read_table(state.path / "predictions/des_by_sdss.parquet")[0].set_index("id")["p_spiral"]
    p = state.known.numbers("right.predictions.des_by_sdss.p_spiral")
    assert np.array_equal(p, told.loc[wanted["right_id"]].to_numpy())
    votes = read_table(state.path / "galaxy_zoo.csv.gz")[0].set_index("OBJID")["P_CS_DEBIASED"]
    key = "left.votes.votes.P_CS_DEBIASED"
    assert np.array_equal(state.known.numbers(key), votes.loc[wanted["left_id"]].to_numpy())
    assert state.known["left_id"].kind == "id"
    assert state.known.series("left_id").tolist() == wanted["left_id"].tolist()


def test_a_side_that_a_table_does_not_know_is_missing_and_ids_stay_whole(own_twins: Path) -> None:
    des, meta = read_table(own_twins / "catalogs/des.parquet")
    des["twin_id"] = 9_007_199_254_740_993 + np.arange(len(des))  # no floats
    write_table(des.iloc[: N // 2], own_twins / "catalogs/des.parquet", meta)
    state = PairsState(own_twins)
    known = state.known.series("right.catalog.catalogue.twin_id")
    assert known.isna().sum() == N - N // 2
    assert known[0] == 9_007_199_254_740_993
    assert np.isnan(state.known.numbers("right.catalog.catalogue.MAG_AUTO_R")[-1])
    # positions of the others come from their pictures
    assert np.isfinite(state.positions["right"][: N - 6]).all()


def test_offsets_agree_with_the_separation_across_right_ascension_zero(state: PairsState) -> None:
    east, north = (state.known.numbers(f"{axis}_arcsec") for axis in ("east", "north"))
    away = state.project.table["separation_arcsec"]
    assert np.allclose(np.hypot(east, north), away, atol=2e-5)


def test_agreement_compares_both_surveys_predictions(state: PairsState) -> None:
    codes, words = state.known.words("agree")
    told = [
        state.known.series(f"{side}.predictions.{name}.predicted")
        for side, name in (("left", "sdss_by_sdss"), ("right", "des_by_sdss"))
    ]
    assert words == ["no", "yes"]
    assert np.array_equal(codes == 1, (told[0] == told[1]).to_numpy())
