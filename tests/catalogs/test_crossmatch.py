"""Nearest neighbours on the sphere: against brute force, at the poles, across RA 0, and on real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord

from galcat_core.catalogs.crossmatch import crossmatch
from galcat_core.catalogs.read import read_catalog
from galcat_core.catalogs.sphere import nearest_within, separation_arcsec
from galcat_core.errors import GalcatError
from galcat_core.records import Catalog
from galcat_core.sections import Match

ARCSEC = 1 / 3600


def catalog(ra: list, dec: list, ids: list | None = None, **columns: object) -> Catalog:
    table = pd.DataFrame({"ra_deg": np.asarray(ra, float), "dec_deg": np.asarray(dec, float)})
    table["id"] = np.arange(len(table)) if ids is None else ids
    return Catalog(table.assign(**columns), None, {"survey": "x"})


def sphere(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.uniform(0, 360, n), np.degrees(np.arcsin(draw.uniform(-1, 1, n)))


def scattered(ra: np.ndarray, dec: np.ndarray, arcsec: float, seed: int) -> tuple:
    """Move positions by about `arcsec`, at the poles too."""
    draw = np.random.default_rng(seed)
    sky = SkyCoord(ra, dec, unit="deg")
    moved = sky.directional_offset_by(
        draw.uniform(0, 360, len(ra)) * sky.ra.unit,
        draw.rayleigh(arcsec, len(ra)) * ARCSEC * sky.ra.unit,
    )
    return moved.ra.deg, moved.dec.deg


def brute_force(left: tuple, right: tuple, radius: float) -> tuple:
    apart = separation_arcsec(left[0][:, None], left[1][:, None], right[0], right[1])
    near = apart <= radius
    row = np.where(near.any(axis=1), np.where(near, apart, np.inf).argmin(axis=1), -1)
    return row, np.where(near, apart, np.inf).min(axis=1), near.sum(axis=1) > 1


def field(kind: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions where something could go wrong."""
    draw = np.random.default_rng(5)
    if kind == "whole sky":
        return sphere(n, 5)
    if kind == "north pole":
        return draw.uniform(0, 360, n), 90 - draw.uniform(0, 30, n) * ARCSEC
    if kind == "south pole":
        return draw.uniform(0, 360, n), -90 + draw.uniform(0, 30, n) * ARCSEC
    if kind == "seam":
        return draw.uniform(-30, 30, n) * ARCSEC % 360, draw.uniform(-30, 30, n) * ARCSEC
    if kind == "crowded":
        return 77 + draw.uniform(0, 90, n) * ARCSEC, 45 + draw.uniform(0, 60, n) * ARCSEC
    ra, dec = 12 + draw.integers(0, 9, n) * ARCSEC, -45 + draw.integers(0, 9, n) * ARCSEC
    return ra, dec  # "lattice": many on one place, many ties


@pytest.mark.parametrize(
    "kind", ["whole sky", "north pole", "south pole", "seam", "crowded", "lattice"]
)
@pytest.mark.parametrize("radius", [0.0, 0.01, 1.0, 7.5, 600.0, 3600.0])
@pytest.mark.parametrize(("n", "m"), [(700, 600), (20, 900), (900, 20), (1, 1)])
def test_as_brute_force(kind: str, radius: float, n: int, m: int) -> None:
    right = field(kind, m)
    pick = np.random.default_rng(6).integers(0, m, n)
    left = scattered(right[0][pick], right[1][pick], 0.7, 7)
    left = tuple(
        np.r_[own[: n // 2], other[pick][n // 2 :]] for own, other in zip(left, right, strict=True)
    )
    row, separation, several = nearest_within(*left, *right, radius)
    expected_row, expected_separation, expected_several = brute_force(left, right, radius)
    np.testing.assert_array_equal(separation, expected_separation)
    np.testing.assert_array_equal(row, expected_row)
    np.testing.assert_array_equal(several, expected_several)
    assert (row >= 0).sum() >= n // 2  # those left objects are right ones


def test_as_astropy_on_the_whole_sky() -> None:
    right = sphere(20_000, 1)
    left = scattered(*right, 0.5, 2)
    row, separation, _ = nearest_within(*left, *right, 1.0)
    theirs, apart, _ = SkyCoord(*left, unit="deg").match_to_catalog_sky(
        SkyCoord(*right, unit="deg")
    )
    inside = apart.arcsec <= 1.0
    assert 10_000 < inside.sum() < 19_000
    np.testing.assert_array_equal(row, np.where(inside, theirs, -1))
    np.testing.assert_allclose(separation[inside], apart.arcsec[inside], atol=1e-9)


@pytest.mark.parametrize("small", [1e-12, 1e-9, 1e-6, 1e-3, 1.0])
def test_separation_is_exact_at_small_angles(small: float) -> None:
    step = small * ARCSEC
    assert separation_arcsec(0.0, 0.0, step, 0.0) == pytest.approx(small, rel=1e-12)
    assert separation_arcsec(0.0, 0.0, 0.0, step) == pytest.approx(small, rel=1e-12)
    # at declination 60 a step in RA is half as long
    assert separation_arcsec(0.0, 60.0, step, 60.0) == pytest.approx(small / 2, rel=1e-12)


def test_separation_across_the_seam_and_over_the_poles() -> None:
    assert separation_arcsec(360 - ARCSEC, 0.0, ARCSEC, 0.0) == pytest.approx(2.0, rel=1e-9)
    assert separation_arcsec(359.0, 0.0, 1.0, 0.0) == pytest.approx(7200.0, rel=1e-12)
    assert separation_arcsec(0.0, 90 - ARCSEC, 180.0, 90 - ARCSEC) == pytest.approx(2.0, rel=1e-9)
    assert separation_arcsec(0.0, 90.0, 123.0, 90.0) == pytest.approx(0.0, abs=1e-9)
    assert separation_arcsec(0.0, 0.0, 180.0, 0.0) == pytest.approx(180 * 3600, rel=1e-7)
    np.testing.assert_array_equal(separation_arcsec(10.0, 5.0, np.r_[10.0, 370.0], 5.0), [0, 0])


def test_ambiguous_where_two_lie_inside_or_one_is_shared() -> None:
    left = catalog([10, 20, 30, 30 + 0.2 * ARCSEC, 40], [0] * 5)
    right = catalog([10, 20, 20 + 0.5 * ARCSEC, 30, 40, 40 + 1.5 * ARCSEC], [0] * 6)
    pairs = crossmatch(left, right, Match())
    assert pairs.table["left_id"].tolist() == [0, 1, 2, 3, 4]
    assert pairs.table["right_id"].tolist() == [0, 1, 3, 3, 4]
    assert pairs.table["ambiguous"].tolist() == [False, True, True, True, False]
    assert pairs.meta["ambiguous"] == 3


def test_one_to_one_keeps_the_closest() -> None:
    left = catalog(
        [30.0, 30 + 0.2 * ARCSEC, 30 - 0.2 * ARCSEC, 50, 50], [0] * 5, ids=[5, 4, 3, 2, 1]
    )
    right = catalog([30 + 0.15 * ARCSEC, 50], [0, 0])
    pairs = crossmatch(left, right, Match(one_to_one=True))
    # of equally close ones the smallest id stays
    assert pairs.table[["left_id", "right_id"]].to_numpy().tolist() == [[4, 0], [1, 1]]
    assert pairs.table["ambiguous"].all()
    assert (pairs.meta["unmatched"], pairs.meta["dropped"]) == (0, 3)


def test_ties_go_to_the_smallest_id_whatever_the_order() -> None:
    left = catalog([10.0], [0.0])
    for ids in ([7, 3, 5], [3, 5, 7], [5, 7, 3]):
        right = catalog([10.0 + 0.1 * ARCSEC] * 3, [0.0] * 3, ids=ids)
        assert crossmatch(left, right, Match()).table["right_id"].tolist() == [3]


def test_ids_may_be_names() -> None:
    left = catalog([10.0], [0.0], ids=["NGC 1"])
    right = catalog([10.0, 10.0], [0.0, 0.0], ids=["b", "a"])
    assert crossmatch(left, right, Match()).table["right_id"].tolist() == ["a"]


def test_row_order_does_not_matter() -> None:
    right = sphere(500, 1)
    left = scattered(*right, 0.5, 2)
    left, right = catalog(*left), catalog(*right)
    turned = [Catalog(c.table[::-1], None, c.meta) for c in (left, right)]
    one, two = crossmatch(left, right, Match()), crossmatch(*turned, Match())
    pd.testing.assert_frame_equal(one.table, two.table[::-1].reset_index(drop=True))


def test_twins_share_one_size() -> None:
    left = catalog([10, 20, 30, 40], [0] * 4, size_arcsec=[4.0, np.nan, 5.0, np.nan])
    right = catalog([10, 20, 30, 40], [0] * 4, size_arcsec=[6.0, 3.0, np.nan, np.nan])
    size = crossmatch(left, right, Match()).table["size_arcsec"]
    np.testing.assert_array_equal(size, [5.0, 3.0, 5.0, np.nan])
    without = catalog([10, 20], [0, 0])
    assert "size_arcsec" not in crossmatch(without, without, Match()).table
    assert crossmatch(without, right, Match()).table["size_arcsec"].tolist() == [6.0, 3.0]


def one_line(error: pytest.ExceptionInfo) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_nothing_in_common_says_what_each_side_covers() -> None:
    with pytest.raises(GalcatError) as error:
        crossmatch(catalog([10, 11], [0, 1]), catalog([200], [-45]), Match())
    assert "no pair within 1 arcsec: left covers ra 10.000..11.000, dec 0.000..1.000" in one_line(
        error
    )
    assert "right ra 200.000..200.000" in one_line(error)


def test_an_empty_catalogue_has_no_pairs() -> None:
    with pytest.raises(GalcatError, match="no pair within 1 arcsec"):
        crossmatch(catalog([], []), catalog([1], [1]), Match())


@pytest.mark.parametrize("radius", [-1.0, np.nan, 4000.0])
def test_a_radius_that_is_not_legal(radius: float) -> None:
    with pytest.raises(GalcatError) as error:
        crossmatch(catalog([1], [1]), catalog([1], [1]), Match(radius_arcsec=radius))
    assert "from 0.0 to 3600.0 is legal" in one_line(error)


@pytest.mark.parametrize(("ra", "dec"), [(np.nan, 0), (0, np.nan), (-1, 0), (361, 0), (0, 91)])
def test_positions_that_are_none(ra: float, dec: float) -> None:
    with pytest.raises(GalcatError) as error:
        crossmatch(catalog([1], [1]), catalog([1, ra], [1, dec]), Match())
    assert "1 rows of the right catalogue have no valid position (first id 1)" in one_line(error)


@pytest.mark.real
def test_the_published_pairs_of_the_real_catalogues(real_data: Path) -> None:
    folder = real_data / "catalogs"
    sdss = read_catalog(folder / "sdss_des_overlap.csv.gz")
    des = read_catalog(folder / "des_dr1_objects.csv.gz")
    pairs = crossmatch(sdss, des, Match())
    expected = pd.read_csv(folder / "expected_full_overlap_pairs.csv.gz")
    assert len(expected) == 16759
    found = pairs.table.set_index("left_id").sort_index()
    expected = expected.set_index("SDSS_OBJID").sort_index()
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_array_equal(found["right_id"], expected["DES_COADD_OBJECT_ID"])
    np.testing.assert_allclose(
        found["separation_arcsec"], expected["separation_arcsec"], rtol=0, atol=0.5001e-4
    )
    assert pairs.meta["unmatched"] == 163
    assert (pairs.meta["left_survey"], pairs.meta["right_survey"]) == ("sdss", "des")
    assert pairs.table["size_arcsec"].notna().all()
