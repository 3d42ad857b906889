"""What stands in the tiles: positions, fluxes, depth, sharpness, orientation and bad data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from galcat_core.sections import Simulate
from galcat_core.sky.defects import defects
from galcat_core.sky.exposures import draw_tile
from galcat_core.sky.layout import patches
from galcat_core.sky.sources import sources
from galcat_core.sky.telescopes import BANDS, TELESCOPES


def opened(sky: Path, survey: str, band: str) -> dict[str, tuple[np.ndarray, fits.Header]]:
    found = {}
    for path in sorted((sky / "tiles" / survey).glob(f"*_{band}.fits")):
        with fits.open(path) as hdus:
            found[path.name[: -len(f"_{band}.fits")]] = hdus[0].data.copy(), hdus[0].header.copy()
    return found


def noise(image: np.ndarray) -> float:
    """Sigma of the sky, from differences of neighbours two pixels apart."""
    steps = image[:, 4:] - image[:, :-4]
    return 1.4826 * np.nanmedian(np.abs(steps)) / np.sqrt(2)


def one_source(row: dict, survey: str, shift: tuple[float, float]) -> tuple:
    """Draw a single source near the centre of a small tile; return tile, table and images."""
    patch = patches(Simulate(overlap=10, unlabelled=0))[0]
    tile = patch.tiles()[0 if survey == "des" else 1]
    ra, dec = patch.sky(*np.array([[shift[0]], [shift[1]]]))
    table = pd.DataFrame([row]).assign(ra_deg=ra, dec_deg=dec)
    return tile, table, draw_tile(tile, table, [1, 2, 3])


STAR = {"kind": "star", "mag_g": 15.3, "mag_r": 15.0, "mag_i": 14.8, "re_arcsec": np.nan}
GALAXY = STAR | {
    "kind": "field",
    "morphology": "",
    "sersic_n": 1.0,
    "re_arcsec": 2.5,
    "axis_ratio": 0.4,
    "theta_deg": 30.0,
}


@pytest.mark.parametrize("survey", ["sdss", "des"])
@pytest.mark.parametrize("row", [STAR, GALAXY], ids=["star", "galaxy"])
def test_light_lies_where_the_wcs_says_and_is_as_bright_as_it_should(survey, row):
    tile, table, drawn = one_source(row, survey, (14.3, 4.1))
    wcs = WCS(tile.cards)
    y, x = np.mgrid[: tile.height, : tile.width]
    for band in BANDS:
        image = drawn[band]["image"].astype(float)
        image -= np.median(image)
        at = wcs.all_world2pix(table["ra_deg"], table["dec_deg"], 0)
        near = np.hypot(x - at[0], y - at[1]) * TELESCOPES[survey].pixel_arcsec < 9
        flux = image[near].sum()
        centre = (image * x)[near].sum() / flux, (image * y)[near].sum() / flux
        ra, dec = wcs.all_pix2world(*centre, 0)
        east = ((ra - table["ra_deg"][0] + 180) % 360 - 180) * 3600
        assert np.hypot(east, (dec - table["dec_deg"][0]) * 3600) < 0.03
        magnitude = TELESCOPES[survey].zero_point - 2.5 * np.log10(flux)
        assert magnitude == pytest.approx(row[f"mag_{band}"], abs=0.05)


@pytest.mark.parametrize("survey", ["sdss", "des"])
def test_major_axis_points_as_told_on_the_sky(survey):
    tile, table, drawn = one_source(GALAXY, survey, (14.3, 4.1))
    image = drawn["r"]["image"].astype(float)
    image -= np.median(image)
    y, x = np.mgrid[: tile.height, : tile.width]
    ra, dec = WCS(tile.cards).all_pix2world(x, y, 0)
    u = -((ra - table["ra_deg"][0] + 180) % 360 - 180) * 3600  # to the West
    v = (dec - table["dec_deg"][0]) * 3600
    weight = image * (np.hypot(u, v) < 6)
    moments = [(weight * a).sum() for a in (u * u, v * v, u * v)]
    angle = np.degrees(0.5 * np.arctan2(2 * moments[2], moments[0] - moments[1]))
    assert angle == pytest.approx(30, abs=1.5)


def test_headers_speak_as_the_surveys_do(sky):
    for _, header in opened(sky, "sdss", "r").values():
        assert header["BUNIT"] == "nanomaggy" and header["FILTER"] == "r"
        assert abs(header["CD1_2"]) > 10 * abs(header["CD1_1"])  # the camera's rotation
    for name, (_, header) in opened(sky, "des", "g").items():
        assert header["MAGZERO"] == 30 and header["BAND"] == "g" and header["TILENAME"] == name
        scale = np.sqrt(abs(np.linalg.det(WCS(header).pixel_scale_matrix))) * 3600
        assert scale == pytest.approx(0.263, abs=1e-6)


def test_des_is_deeper_by_a_magnitude_and_a_half_and_sharper(sky):
    for band in BANDS:
        depth = {}
        for survey, zero, pixel in (("sdss", 22.5, 0.396), ("des", 30.0, 0.263)):
            sigma = np.median([noise(image) for image, _ in opened(sky, survey, band).values()])
            depth[survey] = zero - 2.5 * np.log10(sigma / pixel)
        assert depth["des"] - depth["sdss"] == pytest.approx(1.5, abs=0.25)
        seeing = {
            survey: [header["PSF_FWHM"] for _, header in opened(sky, survey, band).values()]
            for survey in ("sdss", "des")
        }
        assert max(seeing["des"]) < min(seeing["sdss"])
        assert len(set(seeing["sdss"])) > 1  # the seeing changes from frame to frame


def test_bad_data_is_there_and_marked(sky):
    frames = {band: opened(sky, "sdss", band) for band in BANDS}
    lost = set(frames["g"]) - set(frames["i"])
    assert len(lost) == 1  # one frame has no i band
    assert any(np.isnan(image).any() for band in BANDS for image, _ in frames[band].values())
    holes, saturated = 0, 0
    for path in sorted((sky / "tiles" / "des").iterdir()):
        with fits.open(path) as hdus:
            image, weight = hdus[0].data, hdus["WGT"].data
            assert weight.shape == image.shape and np.isfinite(image).all() and (weight > 0).any()
            holes += int(((weight == 0) & (image == 0)).sum())
            full = image >= hdus[0].header["SATURATE"]
            saturated += int(full.sum())
            assert (weight[full] == 0).all()
    assert holes > 100 and saturated > 10


def test_catalogue_flags_what_the_tile_lacks(sky, small):
    des = pd.read_csv(sky / "des.csv.gz")
    assert not des.filter(like="NEPOCHS").eq(0).any().any() or des.eq(99).any().any()
    patch = patches(small)[0]
    tile = patch.tiles()[0]
    found = [d for d in defects(tile, small.seed, 0) if d.kind == "hole"]
    assert found
    with fits.open(sky / "tiles" / "des" / f"{tile.name}_{found[0].band}.fits") as hdus:
        assert hdus["WGT"].data[int(found[0].y), int(found[0].x)] == 0


def test_every_survey_galaxy_stands_in_a_frame_and_in_its_tile():
    for patch in patches(Simulate(overlap=900, unlabelled=200)):
        table = sources(patch, 5)
        galaxy = table[table["kind"] == "galaxy"]
        assert len(galaxy) == patch.count
        assert (galaxy["frame"] >= 0).all() == patch.overlap
        tile = patch.tiles()[0]
        room = tile.border(*tile.pixels(galaxy["ra_deg"], galaxy["dec_deg"]))
        assert (room > 0).all()
        assert 0 < (room * 0.263 < 2 * galaxy["petro_arcsec"]).mean() < 0.15  # some are cut


def test_tiles_of_a_large_sky_have_names_of_their_own():
    many = patches(Simulate(overlap=200_000, unlabelled=30_000))
    tiles = [(tile.survey, tile.name) for patch in many for tile in patch.tiles()]
    assert len(many) > 600 and len(set(tiles)) == len(tiles)
    assert sum(patch.count for patch in many if patch.overlap) == 200_000
    sides = {patch.side_arcsec for patch in many}
    assert max(sides) <= 8 * 60 and all(0 <= patch.ra_deg < 360 for patch in many)
