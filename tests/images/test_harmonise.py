"""Harmonised pictures: the galaxy stays, what the survey's rendering added goes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from galcat_core.errors import GalcatError
from galcat_core.images.harmonise import harmonise, mend_lines
from galcat_core.images.store import Flag
from galcat_core.sections import Harmonise


def draw(
    width: int = 120,
    height: int | None = None,
    scale: float = 8.0,
    axis_ratio: float = 0.5,
    angle_deg: float = 30.0,
    x: float | None = None,
    y: float | None = None,
    noise: float = 0.003,
    seed: int = 1,
) -> np.ndarray:
    """Return a galaxy's light, (H, W): an exponential disk of scale length `scale` pixels, peak 1."""
    height = height or width
    x = (width - 1) / 2 if x is None else x
    y = (height - 1) / 2 if y is None else y
    yy, xx = np.indices((height, width), dtype=float)
    angle = np.radians(angle_deg)
    along = (xx - x) * np.cos(angle) + (yy - y) * np.sin(angle)
    across = (yy - y) * np.cos(angle) - (xx - x) * np.sin(angle)
    light = np.exp(-np.hypot(along, across / axis_ratio) / scale)
    return light + np.random.default_rng(seed).normal(0, noise, light.shape)


def render(light: np.ndarray, sky: float = 0.06, gain: float = 0.9, bend: float = 0.0):
    """Return the picture, (H, W, 3) uint8; bend 0 is linear, 10 the asinh stretch of many surveys."""
    if bend:
        light = np.arcsinh(bend * light) / np.arcsinh(bend)
    grey = (255 * np.clip(sky + gain * light, 0, 1)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def difference(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - two).mean()) / 255


def test_measures_centre_size_and_shape():
    found = harmonise(render(draw(x=55.0, y=66.0)))
    assert (found.x, found.y) == (pytest.approx(55, abs=0.5), pytest.approx(66, abs=0.5))
    assert found.axis_ratio == pytest.approx(0.5, abs=0.06)
    assert found.angle_deg == pytest.approx(30, abs=2)
    # an exponential disk cut at a tenth of its peak: four times 0.97 scale lengths, and some blur
    assert found.size_px == pytest.approx(4 * 0.97 * 8, rel=0.1)
    assert found.width_px == pytest.approx(Harmonise().size_factor * found.size_px)
    assert found.snr > 20
    assert not found.touches_edge and found.flags == 0


def test_the_galaxy_comes_out_centred():
    picture = harmonise(render(draw(x=50.0, y=70.0))).picture[..., 0].astype(float)
    rows, columns = np.indices(picture.shape)
    middle = (len(picture) - 1) / 2
    assert (picture * columns).sum() / picture.sum() == pytest.approx(middle, abs=1)
    assert (picture * rows).sum() / picture.sum() == pytest.approx(middle, abs=1)


@pytest.mark.parametrize("width", [60, 240, 423])
def test_pixel_scale_vanishes(width):
    usual = harmonise(render(draw(120, scale=8)))
    other = harmonise(render(draw(width, scale=8 * width / 120)))
    assert other.size_px == pytest.approx(usual.size_px * width / 120, rel=0.08)
    assert difference(usual.picture, other.picture) < 0.03


STYLES = {
    "plain": {},
    "sky": {"sky": 0.3, "gain": 0.6},
    "asinh": {"bend": 4.0},
    "clip": {"gain": 2.0},
}


@pytest.mark.parametrize("style", ["sky", "asinh", "clip"])
def test_stretch_nearly_vanishes(style):
    one, other = harmonise(render(draw())), harmonise(render(draw(), **STYLES[style]))
    assert difference(one.picture, other.picture) < 0.03
    assert other.size_px == pytest.approx(one.size_px, rel=0.3)


@pytest.mark.parametrize("style", ["sky", "asinh", "clip"])
def test_the_galaxy_is_equally_bright_in_every_stretch(style):
    picture = harmonise(render(draw(), **STYLES[style])).picture[..., 0] / 255
    plain = harmonise(render(draw())).picture[..., 0] / 255
    assert np.median(picture[picture > 0.2]) == pytest.approx(
        np.median(plain[plain > 0.2]), abs=0.05
    )
    assert picture.max() > 0.98 and np.median(picture[:8]) == 0


def test_a_crop_on_a_wide_field_is_the_same_galaxy():
    wide, close = (harmonise(render(draw(width))) for width in (300, 90))
    assert difference(wide.picture, close.picture) < 0.03


def test_neighbours_are_taken_out():
    alone = draw()
    yy, xx = np.indices(alone.shape)
    crowded = alone + sum(
        np.exp(-(((xx - a) ** 2 + (yy - b) ** 2) / 8)) for a, b in ((104, 60), (60, 20), (30, 90))
    )
    one, other = harmonise(render(alone)), harmonise(render(crowded))
    assert other.size_px == pytest.approx(one.size_px, rel=0.05)
    assert difference(one.picture, other.picture) < 0.02


def test_a_brighter_neighbour_is_not_mistaken_for_the_galaxy():
    light = 0.3 * draw(scale=5)
    yy, xx = np.indices(light.shape)
    light += np.exp(-(((xx - 95) ** 2 + (yy - 90) ** 2) / 12))
    found = harmonise(render(light))
    assert np.hypot(found.x - 59.5, found.y - 59.5) < 2


def test_beyond_the_frame_nothing_is_stretched_and_no_frame_is_seen():
    found = harmonise(render(draw(60, scale=20, axis_ratio=0.9)))
    assert found.flags == Flag.EDGE and found.width_px > 60
    assert found.picture.shape == (96, 96, 3)
    assert not found.picture[0].any() and not found.picture[:, -1].any()
    # a straight frame would show as a jump along whole rows
    grey = found.picture[..., 0].astype(float)
    assert np.abs(np.diff(grey.mean(axis=1))).max() < 12


def test_a_galaxy_that_is_cut_off_is_told():
    assert harmonise(render(draw(100, axis_ratio=0.2, angle_deg=0, scale=25))).touches_edge
    assert not harmonise(render(draw(100, scale=5))).touches_edge


def test_pictures_that_are_not_square():
    found = harmonise(render(draw(160, 90)))
    assert (found.x, found.y) == (pytest.approx(79.5, abs=0.5), pytest.approx(44.5, abs=0.5))
    assert difference(found.picture, harmonise(render(draw(160))).picture) < 0.03


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((62, 62, 3), np.uint8),
        np.full((62, 62, 3), 255, np.uint8),
        np.full((16, 16, 3), 7, np.uint8),
        np.random.default_rng(3).normal(30, 5, (62, 62, 3)).clip(0, 255).astype(np.uint8),
    ],
    ids=["black", "white", "tiny", "noise"],
)
def test_blank_pictures_are_flagged(image):
    found = harmonise(image)
    assert found.flags == Flag.BLANK
    assert found.picture.shape == (96, 96, 3) and not found.picture.any()
    assert np.isnan(found.size_px) and found.snr == 0


def test_small_and_saturated_pictures():
    small = harmonise(render(draw(39, scale=4)))
    assert small.flags == 0 and small.picture.max() > 240
    burnt = harmonise(render(draw(), gain=8.0))
    assert burnt.flags & Flag.BLANK == 0
    assert burnt.picture.max() > 240 and (burnt.picture == 0).any()


def test_grid_lines_of_a_plot_are_mended():
    clean = render(draw())
    lined = clean.copy()
    lined[[0, 40, 80]] = 230
    lined[:, [30, 60, 119]] = 230
    assert difference(clean, mend_lines(lined)) < 0.01
    assert difference(harmonise(clean).picture, harmonise(lined).picture) < 0.03
    np.testing.assert_array_equal(mend_lines(clean), clean)


def test_colour_is_kept_on_request():
    image = render(draw())
    image[..., 2] //= 3
    picture = harmonise(image, dataclasses.replace(Harmonise(), grey=False)).picture
    middle = picture[40:56, 40:56].astype(float).mean(axis=(0, 1))
    assert middle[0] > 1.5 * middle[2]
    grey = harmonise(image).picture
    assert (grey[..., 0] == grey[..., 2]).all()


def test_the_same_picture_gives_the_same_bytes_and_is_left_alone():
    image = render(draw())
    before = image.copy()
    assert harmonise(image).picture.tobytes() == harmonise(image).picture.tobytes()
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("size_px", [32, 69, 128])
def test_size_of_the_picture(size_px):
    settings = dataclasses.replace(Harmonise(), size_px=size_px)
    assert harmonise(render(draw()), settings).picture.shape == (size_px, size_px, 3)


def test_a_grey_array_is_a_picture_too():
    image = render(draw())
    np.testing.assert_array_equal(harmonise(image[..., 0]).picture, harmonise(image).picture)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((62, 62, 3)), "uint8 is wanted"),
        (np.zeros((62, 62, 4), np.uint8), r"\(height, width, 3\)"),
        (np.zeros((15, 62, 3), np.uint8), "16 x 16 is the least"),
    ],
)
def test_what_is_no_picture_is_told(image, said):
    with pytest.raises(GalcatError, match=said):
        harmonise(image)


@pytest.mark.real
def test_twins_of_two_real_surveys_get_one_angular_size(real_data):
    pairs = pd.read_csv(real_data / "pairs" / "pairs.csv")
    pairs = pairs[pairs["px"] == 62]
    ratios = []
    for row in pairs.itertuples():
        arcsec = {"sdss": 4 * row.petroRad_r / 62, "des": 24 * row.des_kron_radius * 0.263 / 62}
        sizes = {
            side: harmonise(_read(real_data / "pairs" / side / row.file)).size_px * arcsec[side]
            for side in arcsec
        }
        ratios.append(sizes["sdss"] / sizes["des"])
    assert np.median(ratios) == pytest.approx(1, abs=0.05)
    assert np.percentile(np.abs(np.log(ratios)), 68) < 0.15


@pytest.mark.real
def test_no_real_picture_is_lost(real_data):
    for folder in ("sdss_gz1", "sdss_spirals", "sdss_ngc", "des_unlabelled"):
        files = sorted((real_data / "images" / folder).iterdir())[::60]
        found = [harmonise(_read(file)) for file in files]
        assert not any(f.flags & Flag.BLANK for f in found), folder


def _read(file) -> np.ndarray:
    return np.asarray(Image.open(file).convert("RGB"))
