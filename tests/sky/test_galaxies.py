"""What galaxies look like: arms that wind as told, inclined disks, blue knots, smooth ellipticals."""

from __future__ import annotations

import galsim
import numpy as np
import pytest

from galcat_core.sky import population
from galcat_core.sky.brush import Brush
from galcat_core.sky.exposures import point_spread
from galcat_core.sky.galaxies import Disk, disk_image, face_on, has_disk
from galcat_core.sky.measured import petrosian
from galcat_core.sky.telescopes import TELESCOPES

PIXELS = 161


@pytest.fixture(scope="module")
def galaxies():
    table = population.draw_galaxies(np.random.default_rng(4), 500)
    return table.assign(petro_arcsec=petrosian(table))


def seen(row: dict, survey: str = "des") -> dict[str, np.ndarray]:
    """Draw one galaxy without noise in the middle of small images."""
    telescope = TELESCOPES[survey]
    pixel = telescope.pixel_arcsec
    wcs = galsim.JacobianWCS(pixel, 0, 0, pixel)
    canvas = {band: galsim.ImageF(PIXELS, PIXELS, wcs=wcs) for band in "gri"}
    random = np.random.default_rng(1)
    psfs = {band: point_spread(telescope, band, 1.0, random) for band in "gri"}
    middle = (PIXELS + 1) / 2
    Brush(telescope, canvas, psfs).draw(row, galsim.PositionD(middle, middle))
    return {band: image.array for band, image in canvas.items()}


def polar(image: np.ndarray, scale: float, radii: np.ndarray) -> np.ndarray:
    """Sample an image on circles, (radius, angle)."""
    from scipy.ndimage import map_coordinates

    angle = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    middle = (image.shape[0] - 1) / 2
    at = [middle + np.outer(radii * scale, f(angle)) for f in (np.sin, np.cos)]
    return map_coordinates(image, at, order=1)


@pytest.mark.parametrize("winding", ["cw", "acw"])
def test_arms_wind_the_way_and_as_tightly_as_told(galaxies, winding):
    kept = galaxies[(galaxies["arms"] == 2) & (galaxies["winding"] == winding)]
    kept = kept[(kept["arm_strength"] > 0.7) & (kept["pitch_deg"] > 10) & ~kept["bar"]].head(8)
    pitches = []
    for row in kept.to_dict("records"):
        old, _, _ = face_on(row, row["scale_arcsec"] * 0.06)
        radii = np.linspace(1.0, 1.9, 30)
        rings = polar(old, 1 / 0.06, radii)
        phase = np.unwrap(np.angle(np.fft.fft(rings, axis=1)[:, 2])) / -2
        slope = np.polyfit(np.log(radii), phase, 1)[0]  # d angle / d ln radius
        assert (slope > 0) == (winding == "cw")
        pitches.append(np.degrees(np.arctan(1 / abs(slope))) - row["pitch_deg"])
    assert len(pitches) >= 4 and abs(np.median(pitches)) < 4


def test_flux_is_the_catalogue_s_in_every_band(galaxies):
    whole = galaxies[galaxies["re_arcsec"].between(1.2, 2.2)].groupby("morphology").head(3)
    for survey, zero in (("sdss", 22.5), ("des", 30.0)):
        for row in whole.to_dict("records"):
            for band, image in seen(row, survey).items():
                lost = 0.16 if row["morphology"] == "elliptical" else 0.05  # wings below the sky
                magnitude = zero - 2.5 * np.log10(image.sum())
                assert row[f"mag_{band}"] - 0.01 < magnitude < row[f"mag_{band}"] + lost


def test_inclined_disks_are_flat_and_never_thinner_than_they_are(galaxies):
    spirals = galaxies[(galaxies["morphology"] == "spiral") & (galaxies["stage"] > 0.4)]
    for low, high, ratio in ((0, 25, (0.75, 1.0)), (55, 65, (0.4, 0.75)), (84, 90, (0.08, 0.4))):
        row = spirals[spirals["inclination_deg"].between(low, high)].iloc[0].to_dict()
        image = Disk(row).image("r")
        y, x = np.mgrid[: image.shape[0], : image.shape[1]] - np.array(
            [[[(image.shape[0] - 1) / 2]], [[(image.shape[1] - 1) / 2]]]
        )
        spread = np.sqrt((image * y**2).sum() / (image * x**2).sum())
        assert ratio[0] < spread < ratio[1]


def test_dust_dims_the_middle_of_edge_on_disks(galaxies):
    row = galaxies[(galaxies["inclination_deg"] > 86) & (galaxies["dust"] > 0.5)].iloc[0].to_dict()
    clear, dusty = (Disk(row | {"dust": dust}).maps for dust in (0.0, row["dust"]))
    middle = clear["dust"].shape[0] // 2
    lost = [
        disk_image(dusty, 1, 0, band)[middle].sum() / disk_image(clear, 1, 0, band)[middle].sum()
        for band in "gri"
    ]
    assert lost[0] < lost[1] < lost[2] < 1  # a lane, and a red one


def test_arms_and_knots_are_bluer_than_the_rest(galaxies):
    kept = galaxies[(galaxies["young_fraction"] > 0.3) & (galaxies["inclination_deg"] < 40)]
    for row in kept.head(3).to_dict("records"):
        images = {band: Disk(row).image(band) for band in "gr"}
        middle = (images["r"].shape[0] - 1) / 2
        y, x = np.indices(images["r"].shape) - middle
        ring = np.abs(np.hypot(x, y) / middle - 0.4) < 0.06
        bright = images["r"] > np.quantile(images["r"][ring], 0.85)
        faint = images["r"] < np.quantile(images["r"][ring], 0.4)
        ratio = images["g"] / np.maximum(images["r"], 1e-12)
        assert ratio[ring & bright].mean() > 1.02 * ratio[ring & faint].mean()


def test_ellipticals_are_smooth_and_spirals_are_not(galaxies):
    def roughness(row: dict) -> float:
        image = seen(row)["r"]
        turned = np.rot90(image, 2)
        middle = PIXELS // 2
        y, x = np.indices(image.shape) - middle
        outer = (np.hypot(x, y) * 0.263 > 0.6 * row["petro_arcsec"] / 2) & (
            np.hypot(x, y) * 0.263 < row["petro_arcsec"]
        )
        return float(np.abs(image - turned)[outer].sum() / image[outer].sum())

    big = galaxies[galaxies["petro_arcsec"].between(5, 9)]
    face_on_spiral = big[(big["inclination_deg"] < 55) & (big["arm_strength"] > 0.6)].head(6)
    elliptical = big[big["morphology"] == "elliptical"].head(6)
    rough = [roughness(row) for row in face_on_spiral.to_dict("records")]
    smooth = [roughness(row) for row in elliptical.to_dict("records")]
    assert max(smooth) < 0.05 < np.median(rough)


def test_petrosian_radius_is_what_the_picture_shows(galaxies):
    ratios = []
    for row in galaxies[galaxies["petro_arcsec"] < 9].head(24).to_dict("records"):
        image = seen(row, "sdss")["r"]
        y, x = np.indices(image.shape) - PIXELS // 2
        order = np.argsort(np.hypot(x, y).ravel())
        radius = np.hypot(x, y).ravel()[order] * 0.396
        light = np.concatenate([[0], np.cumsum(image.ravel()[order], dtype=float)])
        for r in np.arange(1.5, 25, 0.1):
            a, b, c = np.searchsorted(radius, [0.8 * r, r, 1.25 * r])
            if (light[c] - light[a]) / (c - a) < 0.2 * light[b] / b:
                ratios.append(r / row["petro_arcsec"])
                break
    assert len(ratios) == 24 and np.median(ratios) == pytest.approx(1, abs=0.1)
    assert np.std(ratios) < 0.2


def test_same_galaxy_same_look_in_both_surveys(galaxies):
    row = galaxies[(galaxies["petro_arcsec"] > 8) & (galaxies["morphology"] == "spiral")]
    row = row.iloc[0].to_dict() | {"mag_r": 15.0}
    from scipy.ndimage import gaussian_filter, zoom

    sdss, des = seen(row, "sdss")["r"], seen(row, "des")["r"]
    blurred = gaussian_filter(des, np.sqrt(1.32**2 - 0.96**2) / 2.355 / 0.263)
    same = zoom(blurred, 0.263 / 0.396, order=1)
    half = same.shape[0] // 2 - 4
    part = [
        a[c - half : c + half, c - half : c + half].ravel()
        for a, c in ((sdss, PIXELS // 2), (same, same.shape[0] // 2))
    ]
    assert np.corrcoef(*part)[0, 1] > 0.97


def test_draw_is_seeded():
    first, again, other = (
        population.draw_galaxies(np.random.default_rng(seed), 20) for seed in (1, 1, 2)
    )
    assert first.equals(again) and not first.equals(other)
    assert any(has_disk(row) for row in first.to_dict("records"))
