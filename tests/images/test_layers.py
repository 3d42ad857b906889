"""Headers of every survey: band, zero point, place; broken files refused with their name."""

from __future__ import annotations

import gzip
from pathlib import Path

import fields
import numpy as np
import pytest
from astropy.io import fits

from galcat_core.errors import GalcatError
from galcat_core.images.headers import band_in
from galcat_core.images.layers import name_without_band, read_layers

NOISE = np.random.default_rng(1).normal(0, 1, (60, 50)).astype(np.float32)


def _write(path: Path, **cards: object) -> Path:
    fits.writeto(path, NOISE, fields.header(**cards))
    return path


@pytest.mark.parametrize(
    ("text", "band"),
    [
        ("g DECam SDSS c0001 4720.0 1520.0", "g"),
        ("i.00000", "i"),
        ("HSC-I", "i"),
        ("sdss_r", "r"),
        ("DES0151+0001_r2624p01_g", "g"),
        ("frame-r-004073-4-0060", "r"),
        ("rings.v3.skycell.1329.005.stk.z.unconv", "z"),
        ("Bessell V", None),
        ("image", None),
    ],
)
def test_band_in(text, band):
    assert band_in(text) == band


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("DES0001_g", "DES0001_r"),
        ("g/tile", "r/tile"),
        ("legacysurvey-0001p000-image-g", "legacysurvey-0001p000-invvar-r"),
        ("frame-g-004073-4-0060", "frame-r-004073-4-0060"),
    ],
)
def test_bands_of_a_tile_share_its_name(one, two):
    names = [
        name_without_band(Path(f"{name}.fits.fz"), band) for name, band in ((one, "g"), (two, "r"))
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    ("cards", "zero_point"),
    [
        ({"BUNIT": "nanomaggy"}, 22.5),
        ({"BUNIT": "electrons", "MAGZERO": 30.0}, 30.0),
        ({"HIERARCH FPA.ZP": 25.0, "EXPTIME": 100.0}, 30.0),
        ({"FLUXMAG0": 10**10.8}, 27.0),
        ({"SURVEY": "DECaLS"}, 22.5),
        ({"BUNIT": "adu"}, None),
    ],
)
def test_zero_points(tmp_path, cards, zero_point):
    (layer,) = read_layers(_write(tmp_path / "x_r.fits", **cards))
    assert layer.zero_point == pytest.approx(zero_point)
    assert layer.band == "r"
    assert layer.shape == (60, 50)
    assert layer.pixel_area == pytest.approx(0.09)
    assert read_layers(tmp_path / "x_r.fits", zero_point=31.0)[0].zero_point == 31.0


def test_surveys_are_told_apart(tmp_path):
    for cards, survey in (
        ({"DES_EXT": "IMAGE"}, "des"),
        ({"TELESCOP": "2.5m", "ORIGIN": "SDSS"}, "sdss"),
        ({"PSCAMERA": "GPC1"}, "ps1"),
        ({"ORIGIN": "DESI Legacy Imaging Surveys"}, "legacy"),
        ({"ORIGIN": "galcat"}, None),
    ):
        (layer,) = read_layers(_write(tmp_path / f"{survey}_g.fits", **cards))
        assert layer.survey == survey


def test_a_cube_has_a_layer_for_each_named_plane(tmp_path):
    cube = np.stack([NOISE] * 3)
    fits.writeto(tmp_path / "c.fits", cube, fields.header(BANDS="grz", SURVEY="LegacySurvey"))
    layers = read_layers(tmp_path / "c.fits")
    assert [(la.band, la.image.index) for la in layers] == [("g", 0), ("r", 1), ("z", 2)]
    assert layers[0].pixel_area == pytest.approx(0.262**2), "their viewer keeps native pixels' flux"
    fits.writeto(tmp_path / "d.fits", cube, fields.header())
    with pytest.raises(GalcatError, match=r"cube of 3 planes.*BANDS = 'grz'"):
        read_layers(tmp_path / "d.fits")


def test_weights_and_masks_stay_with_their_image(tmp_path):
    head = fields.header(FILTER="g", MAGZERO=30.0)
    hdus = [fits.PrimaryHDU()]
    hdus += [fits.CompImageHDU(NOISE, head, name=name) for name in ("SCI", "MSK", "WGT")]
    fits.HDUList(hdus).writeto(tmp_path / "t_g.fits.fz")
    (layer,) = read_layers(tmp_path / "t_g.fits.fz")
    assert (layer.image.hdu, layer.mask.hdu, layer.weight.hdu) == (1, 2, 3)
    assert layer.image.packed


def test_several_images_in_a_file(tmp_path):
    hdus = [fits.PrimaryHDU()]
    hdus += [fits.ImageHDU(NOISE, fields.header(FILTER=b, MAGZERO=30.0)) for b in "gri"]
    fits.HDUList(hdus).writeto(tmp_path / "all.fits")
    assert [(la.band, la.image.hdu) for la in read_layers(tmp_path / "all.fits")] == [
        ("g", 1), ("r", 2), ("i", 3),
    ]  # fmt: skip


def test_tables_have_no_layer(tmp_path):
    fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(3))]).writeto(
        tmp_path / "table.fits"
    )
    assert read_layers(tmp_path / "table.fits") == []


@pytest.mark.parametrize("change", ["drop", "nan", "zero"])
def test_no_usable_wcs(tmp_path, change):
    head = fields.header()
    if change == "drop":
        del head["CTYPE*"]
    elif change == "zero":
        head["CD1_1"] = head["CD2_2"] = head["CD1_2"] = head["CD2_1"] = 0.0
    else:
        del head["CRVAL1"]
        head["CTYPE1"] = "NONSENSE"
    fits.writeto(tmp_path / "x_g.fits", NOISE, head)
    with pytest.raises(GalcatError, match=r"x_g\.fits: no celestial WCS"):
        read_layers(tmp_path / "x_g.fits")


@pytest.mark.parametrize("suffix", [".fits", ".fits.fz", ".fits.gz"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_files_cut_short(tmp_path, suffix, kept):
    image = np.random.default_rng(1).normal(0, 1, (300, 300)).astype(np.float32)
    fields.write_tile(tmp_path, "x", {"g": image}, fields.header(), suffix)
    file = tmp_path / f"x_g{suffix}"
    assert len(read_layers(file)) == 1
    raw = file.read_bytes()
    file.write_bytes(raw[: int(len(raw) * kept)])
    with pytest.raises(GalcatError, match=r"x_g.*cut short \(truncated\): fetch it again"):
        read_layers(file)


def test_files_that_are_no_fits(tmp_path):
    for name, raw in (("a.fits", b"<html>404</html>" * 300), ("b.fits", b""), ("c.fits.gz", b"xx")):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(GalcatError, match=f"{name} is (no FITS file|cut short)"):
            read_layers(tmp_path / name)
    (tmp_path / "d.fits.gz").write_bytes(gzip.compress(b"no fits" * 1000))
    with pytest.raises(GalcatError, match=r"d\.fits\.gz is no FITS file"):
        read_layers(tmp_path / "d.fits.gz")
    with pytest.raises(GalcatError, match="no such file"):
        read_layers(tmp_path / "e.fits")


def test_a_band_that_cannot_be_told(tmp_path):
    with pytest.raises(GalcatError, match="cannot tell its band; write FILTER"):
        read_layers(_write(tmp_path / "image.fits"))
    (layer,) = read_layers(_write(tmp_path / "euclid.fits", FILTER="VIS", MAGZERO=24.0))
    assert layer.band == "VIS"
