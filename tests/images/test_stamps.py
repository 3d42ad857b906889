"""Stamps show the right sky the right way up, in the same units, however a tile is written."""

from __future__ import annotations

import gzip

import fields
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from fields import BANDS, COMPANIONS, catalog, field, peak_near, plain, settings

from galcat_core.images import stamps
from galcat_core.images.footprints import index_tiles
from galcat_core.images.store import Flag
from galcat_core.images.tiles import OpenTile, cut

WAYS = {
    "usual": {},
    "east right, as a DES cutout": {"east_right": True},
    "a quarter turned, as SDSS frames": {"angle": 90.0},
    "turned and mirrored": {"angle": 37.0, "east_right": True},
    "finer pixels": {"scale": 0.2},
    "coarser pixels": {"scale": 0.75},
}
PLACES = {"equator": (150.0, 2.0), "ra 0": (0.0005, -30.0), "pole": (211.0, 89.995)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_north_is_up_and_east_is_left(tmp_path, way, place):
    ra, dec = PLACES[place]
    head = fields.header(*fields.offset(ra, dec, 3.0, -4.0), size=320, **WAYS[way])
    fields.write_tile(tmp_path / "t", "one", field(ra, dec, head, 320), head)
    store = cut(
        catalog([ra], [dec], 9.0), tmp_path / "t", tmp_path / "s", settings(size_px=72), workers=1
    )
    assert store.table["width_arcsec"].tolist() == [36.0]
    assert store.table["flags"].tolist() == [0]
    picture = store.images([0])[0]
    middle, per_arcsec = 35.5, 2.0
    for east, north in [(0.0, 0.0), *COMPANIONS]:
        row, col = middle - north * per_arcsec, middle - east * per_arcsec
        found = peak_near(picture, row, col)
        assert found == pytest.approx((row, col), abs=0.35), (east, north)


def test_ra_wraps_around_within_a_tile(tmp_path):
    head = fields.header(0.0, 0.0)
    spots = [(359.9985, 0.002), (0.0015, -0.002)]
    images = {b: fields.stars(head, [(*s, 3.0) for s in spots]) for b in BANDS}
    fields.write_tile(tmp_path / "t", "one", images, head)
    store = cut(catalog(*zip(*spots, strict=True), 3.0), tmp_path / "t", tmp_path / "s", settings())
    assert len(store) == 2
    for picture in store.images([0, 1]):
        assert peak_near(picture, 23.5, 23.5) == pytest.approx((23.5, 23.5), abs=0.3)


def test_galactic_tiles(tmp_path):
    from astropy.coordinates import SkyCoord

    there = SkyCoord(150.0, 2.0, unit="deg").galactic
    head = fields.header(there.l.deg, there.b.deg)
    head["CTYPE1"], head["CTYPE2"] = "GLON-TAN", "GLAT-TAN"
    places = [(150.0, 2.0, 4.0), (*fields.offset(150.0, 2.0, 0.0, 12.0), 3.0)]
    spots = [
        (c.l.deg, c.b.deg, f)
        for ra, dec, f in places
        if (c := SkyCoord(ra, dec, unit="deg").galactic)
    ]
    fields.write_tile(tmp_path / "t", "one", {b: fields.stars(head, spots) for b in BANDS}, head)
    store = cut(catalog([150.0], [2.0], 9.0), tmp_path / "t", tmp_path / "s", settings(size_px=72))
    assert peak_near(store.images([0])[0], 11.5, 35.5) == pytest.approx((11.5, 35.5), abs=0.35)


def test_every_surveys_units_mean_the_same_light(tmp_path):
    """One star of 4 nanomaggies, written with the units of SDSS, DES, HSC and PanSTARRS stacks."""
    alpha = 2.5 / np.log(10)
    cases = {
        "sdss": ({"BUNIT": "nanomaggy"}, lambda f: f),
        "des": ({"MAGZERO": 30.0}, lambda f: f * 1000),
        "hsc": ({"FLUXMAG0": 10**10.8}, lambda f: f * 10 ** (0.4 * 4.5)),
        "ps1": (
            {"HIERARCH FPA.ZP": 25.0, "EXPTIME": 100.0, "BOFFSET": 3.0, "BSOFTEN": 40.0},
            lambda f: alpha * np.arcsinh((f * 1000 - 3.0) / 80.0),
        ),
    }
    seen = {}
    for name, (cards, change) in cases.items():
        head = fields.header(**cards)
        light = field(150.0, 2.0, head, noise=1e-4)
        images = {b: change(image).astype(np.float32) for b, image in light.items()}
        fields.write_tile(tmp_path / name, "one", images, head)
        (tile,) = index_tiles(tmp_path / name)
        rows = pd.DataFrame({"ra_deg": [150.0], "dec_deg": [2.0], "width_arcsec": [12.0]})
        opened = OpenTile(tile, settings(size_px=40), rows)
        flux, state = opened.stamps(rows)
        opened.close()
        assert (state == stamps.GOOD).all()
        seen[name] = flux[0]
        assert flux[0].sum(axis=(0, 1)) * 0.3**2 == pytest.approx(np.full(3, 4.0), rel=0.02)
    for name in seen:
        assert np.allclose(seen[name], seen["sdss"], atol=2e-3 * seen["sdss"].max()), name


@pytest.mark.parametrize("size_px", [20, 33, 60, 140])
def test_light_is_kept_when_shrinking_and_enlarging(tmp_path, size_px):
    head = fields.header()
    fields.write_tile(tmp_path / "t", "one", field(150.0, 2.0, head, noise=1e-4), head)
    (tile,) = index_tiles(tmp_path / "t")
    rows = pd.DataFrame({"ra_deg": [150.0], "dec_deg": [2.0], "width_arcsec": [30.0]})
    opened = OpenTile(tile, settings(size_px=size_px), rows)
    flux, _ = opened.stamps(rows)
    opened.close()
    total = flux[0].sum(axis=(0, 1)) * (30.0 / size_px) ** 2
    assert total == pytest.approx(np.full(3, 10.0), rel=0.02)


@pytest.mark.parametrize("suffix", [".fits.gz", ".fits.fz"])
@pytest.mark.parametrize("weighted", [False, True])
def test_compressed_tiles_give_the_same_pictures(tmp_path, suffix, weighted):
    weight = np.ones((200, 200), np.float32) if weighted else None
    plain(tmp_path / "a")
    plain(tmp_path / "b", suffix=".fits" if suffix == ".fits.gz" else suffix, weight=weight)
    if suffix == ".fits.gz":
        for file in (tmp_path / "b").iterdir():
            file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
            file.unlink()
    ra, dec = fields.offset(150.0, 2.0, 2.0, 1.0)
    objects = catalog([150.0] * 10, [2.0 + i / 3600 for i in range(10)], 5.0)
    one = catalog([ra], [dec], 5.0)
    for number, some in enumerate((objects, one)):  # many crops: read as a whole; one: in pieces
        a, b = (cut(some, tmp_path / k, tmp_path / f"{k}{number}", settings()) for k in "ab")
        difference = a.images(slice(None)).astype(int) - b.images(slice(None))
        assert np.abs(difference).max() <= (0 if suffix == ".fits.gz" else 6)
        assert a.table["flags"].tolist() == b.table["flags"].tolist() == [0] * len(some)


def test_whole_and_piecewise_reading_agree(tmp_path):
    weight = np.ones((200, 200), np.float32)
    weight[95:97] = 0
    (tile,) = index_tiles(plain(tmp_path / "t", suffix=".fits.fz", weight=weight))
    layer = tile.layers["r"]
    crops = []
    for rows in (1, 10_000):
        pixels = stamps.Pixels(layer, wanted_rows=rows)
        crops.append(pixels.crop(20, 130, 60, 140))
        pixels.close()
    assert np.array_equal(crops[0][0], crops[1][0])
    assert np.array_equal(crops[0][1], crops[1][1])
    assert crops[0][1].sum() == 220


@pytest.mark.parametrize("galaxies", [1, 30])
def test_plain_images_with_packed_weights_and_scaled_integers(tmp_path, galaxies):
    head = fields.header()
    images = field(150.0, 2.0, head, noise=0.02)
    fields.write_tile(tmp_path / "plain", "one", images, head)
    weight = np.random.default_rng(0).uniform(1, 2, (200, 200)).astype(np.float32)
    (tmp_path / "odd").mkdir()
    for band, image in images.items():
        head["FILTER"] = band
        packed = fits.CompImageHDU(weight, head, name="WGT", quantize_level=16.0)
        hdus = fits.HDUList([fits.PrimaryHDU(image, head), packed])
        if band == "r":
            hdus[0].scale("int16", bscale=1e-5, bzero=0.2)
        hdus.writeto(tmp_path / "odd" / f"one_{band}.fits")
    objects = catalog([150.0] * galaxies, [2.0] * galaxies)
    plain, odd = (
        cut(objects, tmp_path / k, tmp_path / f"s{k}", settings()).images([0])[0].astype(int)
        for k in ("plain", "odd")
    )
    assert np.abs(plain - odd).max() <= 4


def test_cubes_and_z_instead_of_i(tmp_path):
    head = fields.header(BANDS="grz", SURVEY="DECaLS", scale=0.262)
    images = field(150.0, 2.0, head)
    (tmp_path / "t").mkdir()
    cube = np.stack([images["g"], images["r"], images["i"] * 3])
    fits.writeto(tmp_path / "t" / "cube.fits", cube, head)
    store = cut(
        catalog([150.0], [2.0], survey="legacy"), tmp_path / "t", tmp_path / "s", settings()
    )
    assert store.table["flags"].tolist() == [0]
    red, _, blue = store.images([0])[0].astype(float).mean(axis=(0, 1))
    assert red > 1.1 * blue
    only_i = settings(bands=["i", "r", "g"])
    store = cut(catalog([150.0], [2.0], survey="legacy"), tmp_path / "t", tmp_path / "i", only_i)
    assert store.table["flags"].tolist() == [Flag.BAND_MISSING]
