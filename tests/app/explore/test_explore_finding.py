"""Search: ids by their beginning, and coordinates in every way that astronomers write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from galcat_app.state.explore.page import ExploreState
from galcat_app.state.finding import Finder, angle_text, place_of
from synthetic_projects import FIRST_DES

from galcat_core.errors import GalcatError


@pytest.mark.parametrize(
    "text",
    [
        "35.2 -4.5",
        "35.2,-4.5",
        "35.2, -4.5",
        "35.2-4.5",
        "35.2 −4.5",
        "02:20:48 -04:30:00",
        "02:20:48, -04:30:00.0",
        "2:20:48.0 -4:30:0",
        "02 20 48 -04 30 00",
        "2h20m48s -4d30m00s",
        "02h20m48.00s, -04d30m00.0s",
        "J022048-043000",
        "J022048.00-043000.0",
        "022048-043000",
    ],
)
def test_coordinates_are_read_as_they_are_written(text: str) -> None:
    assert place_of(text) == pytest.approx((35.2, -4.5), abs=1e-9)


def test_just_south_of_the_equator_and_the_ends_of_the_circle() -> None:
    assert place_of("00:00:04 -00:00:36") == pytest.approx((1 / 60, -0.01))
    assert place_of("360 90") == (0.0, 90.0)


@pytest.mark.parametrize(
    "text", ["", "1008", "1008000000000000001", "my galaxy 7.jpg", "1 2 3", "a,b"]
)
def test_what_is_no_coordinates_is_left_to_the_ids(text: str) -> None:
    assert place_of(text) is None


@pytest.mark.parametrize("text", ["361 0", "35 91", "25:00:00 +10:00:00", "-1 0"])
def test_places_that_are_not_on_the_sky_are_told(text: str) -> None:
    with pytest.raises(GalcatError, match=r"not on the sky.*0 to 360"):
        place_of(text)


def test_the_nearest_galaxy_is_astropys_with_its_separation(project: Path) -> None:
    state = ExploreState(project)
    table = state.project.table
    sky = SkyCoord(table["ra_deg"].to_numpy() * units.deg, table["dec_deg"].to_numpy() * units.deg)
    for place in (SkyCoord("02h00m07s -03d12m01s"), SkyCoord(359.9 * units.deg, 88 * units.deg)):
        row, separation, _ = place.match_to_catalog_sky(sky)
        state.find(place.to_string("hmsdms", sep=":", precision=4))
        assert state.focus == row
        assert state.found.separation_arcsec == pytest.approx(separation[0].arcsec, abs=1e-2)
        assert state.remark.startswith(f"The nearest galaxy is {angle_text(separation[0].arcsec)} ")


def test_an_id_goes_before_coordinates() -> None:
    names = pd.DataFrame(
        {"id": ["35.2 -4.5", "other"], "ra_deg": [1.0, 2.0], "dec_deg": [0.0, 0.0]}
    )
    assert Finder(names).find("35.2 -4.5").separation_arcsec is None
    assert Finder(names).find("2.0 0").row == 1


def test_a_catalogue_without_positions_says_so() -> None:
    with pytest.raises(GalcatError, match="no positions"):
        Finder(pd.DataFrame({"id": [FIRST_DES]})).find("35.2 -4.5")
    nowhere = pd.DataFrame({"id": [1], "ra_deg": [np.nan], "dec_deg": [np.nan]})
    with pytest.raises(GalcatError, match="no galaxy of this catalogue has a position"):
        Finder(nowhere).find("35.2 -4.5")


def test_angles_are_told_in_the_unit_that_reads_best() -> None:
    assert [angle_text(a) for a in (0.214, 59.99, 90, 5400)] == ["0.21″", "59.99″", "1.5′", "1.50°"]
