"""Cutouts from tiles: the right sky, the right way up, in every survey; what is missing is flagged."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import fields
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from fields import catalog, settings

from galcat_core.errors import GalcatError
from galcat_core.images import stamps, tiles
from galcat_core.images.footprints import index_tiles
from galcat_core.images.store import CutoutStore, Flag
from galcat_core.images.tiles import OpenTile, cut
from galcat_core.records import Catalog, Pairs

BANDS = ("g", "r", "i")
COMPANIONS = [(9.0, 0.0), (0.0, 12.0), (-7.0, -10.0)]  # arcsec east and north of the galaxy


def field(ra: float, dec: float, head: fits.Header, size: int = 200, **kwargs) -> dict:
    """Return images of a bright star at (ra, dec) and three fainter ones around it."""
    places = [(ra, dec, 4.0)]
    places += [(*fields.offset(ra, dec, *at), 2.0) for at in COMPANIONS]
    return {b: fields.stars(head, places, size, seed=i, **kwargs) for i, b in enumerate(BANDS)}


def plain(folder: Path, head: fits.Header | None = None, suffix: str = ".fits", **kwargs) -> Path:
    """Write one tile around (150, 2) in a folder and return that folder."""
    head = fields.header() if head is None else head
    fields.write_tile(folder, "one", field(150.0, 2.0, head), head, suffix, **kwargs)
    return folder


def peak_near(picture: np.ndarray, row: float, col: float, within: int = 3) -> tuple[float, float]:
    """Return the centroid (row, column) of the light around a place."""
    r, c = round(row), round(col)
    box = picture[r - within : r + within + 1, c - within : c + within + 1].astype(float).sum(-1)
    box = box - box.min()
    rows, cols = np.indices(box.shape) - within
    return r + (rows * box).sum() / box.sum(), c + (cols * box).sum() / box.sum()


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


def test_beyond_the_edge_is_sky_and_flagged(tmp_path):
    head = fields.header()
    ra, dec = fields.offset(150.0, 2.0, 24.0, 0.0)  # 6 arcsec from the eastern edge, at 30
    images = {b: fields.stars(head, [(150.0, 2.0, 4.0), (ra, dec, 4.0)]) for b in BANDS}
    fields.write_tile(tmp_path / "t", "one", images, head)
    store = cut(catalog([150.0, ra], [2.0, dec], 5.0), tmp_path / "t", tmp_path / "s", settings())
    assert store.table["flags"].tolist() == [0, Flag.EDGE]
    assert store.table["edge_fraction"].to_numpy() == pytest.approx([0, 0.2], abs=0.03)
    whole, clipped = store.images([0, 1]).astype(float)
    beyond, sky = clipped[:, :8], clipped[:, -8:]
    assert beyond.std() == 0
    assert beyond.mean() == pytest.approx(sky.mean(), abs=6)
    # nothing is stretched: both stars are alike where both are seen
    assert peak_near(clipped, 23.5, 23.5) == pytest.approx((23.5, 23.5), abs=0.35)
    core = np.s_[18:30, 18:30]
    assert np.corrcoef(whole[core].ravel(), clipped[core].ravel())[0, 1] > 0.95
    assert whole[core].mean() == pytest.approx(clipped[core].mean(), rel=0.1)


def test_outside_and_without_position_or_size_is_rejected_with_a_reason(tmp_path):
    plain(tmp_path / "t")
    ra = [150.0, 150.5, np.nan, 150.0, 150.0, 330.0]
    dec = [2.0, 2.0, 2.0, 2.0, 2.0, -2.0]
    objects = catalog(ra, dec, [4.0, 4.0, 4.0, np.nan, -1.0, 4.0])
    store = cut(objects, tmp_path / "t", tmp_path / "s", settings())
    assert store.ids.tolist() == [10**18]
    reasons = dict(zip(store.rejects["id"] - 10**18, store.rejects["reason"], strict=True))
    assert {i: r.split(":")[0] for i, r in reasons.items()} == {
        1: "outside every tile", 2: "no position", 3: "no size", 4: "no size", 5: "outside every tile",
    }  # fmt: skip
    assert "2 rejected: outside every tile" in store.summary()
    with pytest.raises(GalcatError, match="no picture can be made: 1 x outside every tile"):
        cut(catalog([10.0], [2.0]), tmp_path / "t", tmp_path / "x", settings())


@pytest.mark.parametrize("how", ["weight", "nan", "zeros"])
def test_bad_pixels_are_mended_and_flagged(tmp_path, how):
    head = fields.header()
    plain(tmp_path / "good")
    images = field(150.0, 2.0, head)
    weight = np.ones((200, 200), np.float32)
    hole = np.zeros((200, 200), bool)
    hole[104:107, 60:140] = True  # a bad row beside the galaxy's core
    if how == "weight":
        weight[hole] = 0
    for image in images.values():
        image[hole] = {"weight": 1e6, "nan": np.nan, "zeros": 0.0}[how]
    fields.write_tile(tmp_path / "bad", "one", images, head, weight=weight)
    stores = [
        cut(catalog([150.0], [2.0], 5.0), tmp_path / k, tmp_path / f"s{k}", settings())
        for k in ("good", "bad")
    ]
    good, bad = (store.images([0])[0].astype(float) for store in stores)
    assert stores[1].table["flags"].tolist() == [Flag.MASKED]
    assert stores[1].table["masked_fraction"][0] == pytest.approx(3 / 66, abs=0.03)
    assert np.abs(good - bad).mean() < 1.5
    assert np.abs(good - bad).max() < 60


def test_a_hole_in_one_band_is_filled_from_the_others(tmp_path):
    head = fields.header()
    plain(tmp_path / "good")
    images = field(150.0, 2.0, head)
    images["g"][102:125, 90:112] = np.nan  # a fifth of the picture, up to the core
    fields.write_tile(tmp_path / "bad", "one", images, head)
    good, bad = (
        cut(catalog([150.0], [2.0], 4.0), tmp_path / k, tmp_path / f"s{k}", settings())
        for k in ("good", "bad")
    )
    assert bad.table["flags"].tolist() == [Flag.MASKED]
    assert np.abs(good.images([0]).astype(float) - bad.images([0])).mean() < 3


def test_mask_bits_of_des(tmp_path):
    head = fields.header(FILTER="g", MAGZERO=30.0, DES_EXT="IMAGE")
    image = np.random.default_rng(0).normal(5, 1, (100, 100)).astype(np.float32)
    mask = np.zeros((100, 100), np.int16)
    mask[10] = 32  # near a star: light all the same
    mask[20] = 1
    hdus = [fits.PrimaryHDU(image, head), fits.ImageHDU(mask, name="MSK")]
    fits.HDUList(hdus).writeto(tmp_path / "x_g.fits")
    (tile,) = index_tiles(tmp_path)
    pixels = stamps.Pixels(tile.layers["g"], 1)
    bad = pixels.crop(0, 100, 0, 100)[1]
    pixels.close()
    assert np.flatnonzero(bad.all(axis=1)).tolist() == [20]


def test_a_missing_band_and_a_blank_tile_are_flagged(tmp_path):
    head = fields.header()
    images = field(150.0, 2.0, head)
    fields.write_tile(tmp_path / "two", "one", {b: images[b] for b in "gr"}, head)
    nothing = {b: np.full((200, 200), np.nan, np.float32) for b in BANDS}
    fields.write_tile(tmp_path / "none", "one", nothing, head)
    two, none = (
        cut(catalog([150.0], [2.0]), tmp_path / k, tmp_path / f"s{k}", settings())
        for k in ("two", "none")
    )
    assert two.table["flags"].tolist() == [Flag.BAND_MISSING]
    picture = two.images([0])[0].astype(float)
    assert picture[..., 0].max() > 100, "the red channel is filled"
    assert none.table["flags"].tolist() == [Flag.BLANK | Flag.MASKED]
    assert none.images([0]).std() == 0


def test_the_tile_where_a_galaxy_lies_deepest_is_taken(tmp_path):
    east = fields.offset(150.0, 2.0, 40.0, 0.0)
    for name, (ra, dec) in {"a": (150.0, 2.0), "b": east}.items():
        head = fields.header(ra, dec)
        fields.write_tile(tmp_path / "t", name, field(150.0, 2.0, head), head)
    at = [fields.offset(150.0, 2.0, east, 0.0) for east in (5.0, 18.0, 22.0, 38.0)]
    store = cut(catalog(*zip(*at, strict=True)), tmp_path / "t", tmp_path / "s", settings())
    assert store.table["tile"].tolist() == ["a_*", "a_*", "b_*", "b_*"]
    # a tile that lacks a band comes second
    (tmp_path / "t" / "b_r.fits").unlink()
    store = cut(catalog(*zip(*at, strict=True)), tmp_path / "t", tmp_path / "s2", settings())
    assert store.table["tile"].tolist() == ["a_*", "a_*", "a_*", "b_*"]
    assert store.table["flags"].tolist() == [0, 0, 0, Flag.BAND_MISSING]


def test_bands_may_be_shifted_against_each_other(tmp_path):
    """SDSS frames of one field differ by some pixels from band to band."""
    for shift, band in enumerate(BANDS):
        head = fields.header(*fields.offset(150.0, 2.0, 4.0 * shift, -3.0 * shift))
        fields.write_tile(tmp_path / "t", "one", {band: field(150.0, 2.0, head)[band]}, head)
    store = cut(catalog([150.0], [2.0], 9.0), tmp_path / "t", tmp_path / "s", settings(size_px=72))
    picture = store.images([0])[0]
    for channel in range(3):
        found = peak_near(picture[..., channel : channel + 1], 11.5, 35.5)
        assert found == pytest.approx((11.5, 35.5), abs=0.4)


def test_weights_in_files_of_their_own(tmp_path):
    head = fields.header()
    weight = np.ones((200, 200), np.float32)
    weight[:, 100:103] = 0
    images = field(150.0, 2.0, head)
    for band, image in images.items():
        for kind, data in (("image", image), ("invvar", weight)):
            head["FILTER"] = band
            (tmp_path / "t").mkdir(exist_ok=True)
            fits.writeto(tmp_path / "t" / f"legacysurvey-1-{kind}-{band}.fits", data, head)
        fits.writeto(tmp_path / "t" / f"legacysurvey-1-nexp-{band}.fits", weight, head)
    (tile,) = index_tiles(tmp_path / "t")
    assert set(tile.layers) == set(BANDS)
    store = cut(catalog([150.0], [2.0]), tmp_path / "t", tmp_path / "s", settings())
    assert store.table["flags"].tolist() == [Flag.MASKED]


def test_each_file_is_opened_once_for_all_galaxies(tmp_path, monkeypatch):
    plain(tmp_path / "t", suffix=".fits.fz", weight=np.ones((200, 200), np.float32))
    opened = Counter()
    real = stamps.open_fits

    def counting(file, **options):
        opened[Path(file).name] += 1
        return real(file, **options)

    class Watched(stamps.Pixels):
        def __init__(self, layer, wanted_rows):
            asked.append(wanted_rows)
            super().__init__(layer, wanted_rows)

    asked: list[int] = []
    monkeypatch.setattr(stamps, "open_fits", counting)
    monkeypatch.setattr(tiles, "Pixels", Watched)
    rng = np.random.default_rng(5)
    objects = catalog(150 + rng.uniform(-5e-3, 5e-3, 40), 2 + rng.uniform(-5e-3, 5e-3, 40))
    store = cut(objects, tmp_path / "t", tmp_path / "s", settings(), workers=1)
    assert len(store) == 40
    assert len(list(store.path.glob("*.npy"))) == 5
    assert opened == {f"one_{b}.fits.fz": 1 for b in BANDS}
    assert min(asked) > 200, "many galaxies: a packed tile is unpacked once as a whole"


def _many(folder: Path) -> Catalog:
    ra, dec = [], []
    for number in range(4):
        head = fields.header(150.0 + 0.1 * number, 2.0)
        fields.write_tile(folder, f"t{number}", field(150.0 + 0.1 * number, 2.0, head), head)
        rng = np.random.default_rng(number)
        ra += list(150.0 + 0.1 * number + rng.uniform(-6e-3, 6e-3, 11))
        dec += list(2.0 + rng.uniform(-6e-3, 6e-3, 11))
    order = np.random.default_rng(9).permutation(len(ra))
    return catalog(np.array(ra)[order], np.array(dec)[order], label=["spiral", None] * 22)


def test_workers_do_not_change_a_byte(tmp_path):
    objects = _many(tmp_path / "t")
    stores = [
        cut(objects, tmp_path / "t", tmp_path / f"s{n}", settings(), workers=n) for n in (1, 2)
    ]
    assert fields.contents(stores[0].path) == fields.contents(stores[1].path)
    assert set(stores[0].ids) == set(objects.ids)
    labels = dict(zip(objects.ids, objects.table["label"], strict=True))
    assert [labels[i] for i in stores[0].ids] == stores[0].table["label"].tolist()
    assert stores[0].table["tile"].is_monotonic_increasing


def test_a_resumed_cut_gives_the_same_bytes(tmp_path):
    objects = _many(tmp_path / "t")
    whole = cut(objects, tmp_path / "t", tmp_path / "s", settings(), workers=1)
    before = fields.contents(whole.path)
    for name in ("index.parquet", "DIGEST", "rejects.parquet", "shard-00003.parquet"):
        (whole.path / name).unlink()
    with pytest.raises(GalcatError, match="not finished"):
        CutoutStore.open(whole.path)
    again = cut(objects, tmp_path / "t", tmp_path / "s", settings(), workers=1)
    assert fields.contents(again.path) == before
    with pytest.raises(GalcatError, match=r"size_px was 48, is 32"):
        cut(objects, tmp_path / "t", tmp_path / "s", settings(size_px=32))


def test_twins_share_a_width(tmp_path):
    plain(tmp_path / "t")
    ids = 10**18 + np.arange(2)
    table = pd.DataFrame(
        {"left_id": ids, "right_id": ids + 50, "separation_arcsec": 0.1, "ambiguous": False,
         "size_arcsec": [6.0, np.nan]}
    )  # fmt: skip
    pairs = Pairs(table, meta={"left_survey": "sdss", "right_survey": "des"})
    left = catalog([150.0] * 3, [2.0] * 3, [4.0, 5.0, 3.0], survey="sdss")
    right = Catalog(left.table.assign(id=left.table["id"] + 50), meta={"survey": "des"})
    widths = [
        cut(c, tmp_path / "t", tmp_path / c.survey, settings(), pairs=pairs).table["width_arcsec"]
        for c in (left, right)
    ]
    assert widths[0].tolist() == widths[1].tolist() == [24.0, 20.0, 12.0]
    clipped = settings(min_arcsec=15.0, max_arcsec=18.0)
    store = cut(left, tmp_path / "t", tmp_path / "c", clipped, pairs=pairs)
    assert store.table["width_arcsec"].tolist() == [18.0, 18.0, 15.0]


def test_one_width_for_all_needs_no_size(tmp_path):
    plain(tmp_path / "t")
    objects = Catalog(catalog([150.0], [2.0]).table.drop(columns="size_arcsec"))
    with pytest.raises(GalcatError, match="no column size_arcsec"):
        cut(objects, tmp_path / "t", tmp_path / "s", settings())
    store = cut(objects, tmp_path / "t", tmp_path / "s", settings(min_arcsec=20.0, max_arcsec=20.0))
    assert store.table["width_arcsec"].tolist() == [20.0]


def test_settings_that_make_no_sense(tmp_path):
    plain(tmp_path / "t")
    for wrong, told in (
        ({"bands": ["r"]}, "three are wanted"),
        ({"bands": ["u", "y", "u"]}, "bands g, i, r are there, none of"),
        ({"min_arcsec": 50.0, "max_arcsec": 10.0}, "is more than max_arcsec"),
        ({"channel_scale": [1.0]}, "three numbers are wanted"),
    ):
        with pytest.raises(GalcatError, match=told):
            cut(
                catalog([150.0], [2.0]),
                tmp_path / "t",
                tmp_path / "s",
                settings(**wrong),
                workers=1,
            )


def test_broken_and_useless_folders(tmp_path):
    def run(folder: Path, **kwargs):
        return cut(catalog([150.0], [2.0], **kwargs), folder, tmp_path / "s", settings())

    with pytest.raises(GalcatError, match="no FITS file there"):
        run(tmp_path / "nowhere")
    plain(tmp_path / "adu", fields.header(BUNIT="adu"))
    with pytest.raises(GalcatError, match=r"no zero point in its header.*cutouts.zero_point"):
        run(tmp_path / "adu")
    plain(tmp_path / "short")
    file = tmp_path / "short" / "one_r.fits"
    file.write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(GalcatError, match=r"one_r\.fits is cut short"):
        run(tmp_path / "short")
    plain(tmp_path / "mixed", fields.header(DES_EXT="IMAGE", MAGZERO=30.0))
    fields.write_tile(
        tmp_path / "mixed", "two", {"g": np.ones((200, 200), np.float32)},
        fields.header(ORIGIN="SDSS", BUNIT="nanomaggy"),
    )  # fmt: skip
    with pytest.raises(GalcatError, match="tiles of des, sdss together"):
        run(tmp_path / "mixed")
    assert run(tmp_path / "mixed", survey="des").table["tile"].tolist() == ["one_*"]


def test_packed_pixels_that_are_broken_inside(tmp_path):
    plain(tmp_path / "t", suffix=".fits.gz")
    file = tmp_path / "t" / "one_g.fits.gz"
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 200] = bytes(200)
    file.write_bytes(raw)
    with pytest.raises(GalcatError, match=r"one_g\.fits\.gz.*fetch it again"):
        cut(catalog([150.0], [2.0]), tmp_path / "t", tmp_path / "s", settings())


def test_patterns_files_and_lists_of_tiles(tmp_path):
    plain(tmp_path / "a")
    fields.write_tile(
        tmp_path / "a", "two", {"g": np.ones((20, 20), np.float32)}, fields.header(size=20)
    )
    (tmp_path / "a" / "notes.txt").write_text("x")
    assert [t.name for t in index_tiles(tmp_path / "a")] == ["one_*", "two_*"]
    assert [t.name for t in index_tiles(str(tmp_path / "a" / "one_*.fits"))] == ["one_*"]
    assert [t.name for t in index_tiles(tmp_path)] == ["a/one_*", "a/two_*"]
    (single,) = index_tiles(tmp_path / "a" / "one_g.fits")
    assert list(single.layers) == ["g"]
    files = sorted((tmp_path / "a").glob("one*"))
    assert sorted(index_tiles(files)[0].layers) == ["g", "i", "r"]


class TestReal:
    """The one spiral that three surveys saw, and the Legacy Survey's cubes."""

    AT = (27.95212904, 0.26382349)

    @pytest.fixture(scope="class")
    @classmethod
    def pictures(cls, real_data, tmp_path_factory) -> dict[str, np.ndarray]:
        folder = tmp_path_factory.mktemp("three")
        found = {}
        for survey in ("des", "sdss", "ps1"):
            store = cut(
                catalog([cls.AT[0]], [cls.AT[1]], 11.0, survey=survey),
                real_data / "fits" / "one_galaxy_three_surveys",
                folder / survey,
                settings(size_px=96),
            )
            assert store.table["flags"].tolist() == [0]
            found[survey] = store.images([0])[0].astype(float)
        return found

    @pytest.mark.parametrize("other", ["sdss", "ps1"])
    def test_three_surveys_look_alike(self, pictures, other):
        des, seen = pictures["des"], pictures[other]
        best = np.corrcoef(des.ravel(), seen.ravel())[0, 1]
        assert best > 0.96
        for turned in (seen[::-1], seen[:, ::-1], np.rot90(seen), seen.transpose(1, 0, 2)):
            assert np.corrcoef(des.ravel(), turned.ravel())[0, 1] < best - 0.03
        for larger in (0.9, 1.1):
            assert np.corrcoef(des.ravel(), _zoomed(seen, larger).ravel())[0, 1] < best - 0.004
        assert np.abs(des.mean(axis=(0, 1)) - seen.mean(axis=(0, 1))).max() < 12

    def test_the_sky_is_dark_and_the_core_is_not_blown_out(self, pictures):
        for picture in pictures.values():
            assert np.median(picture[:6, -6:]) < 40
            assert (picture == 255).all(axis=-1).mean() < 0.002
            assert picture.max() > 220

    def test_decals_cubes(self, real_data, tmp_path):
        at = {"example_a_ba79bb": (146.714208787, -1.04128156958),
              "example_bad_pix_09782d": (147.456742041, 1.09255093644)}  # fmt: skip
        store = cut(
            catalog(*zip(*at.values(), strict=True), [8.0, 11.0], survey="legacy"),
            [real_data / "fits" / "decals_grz" / f"{name}.fits" for name in at],
            tmp_path / "s",
            settings(),
        )
        assert store.table["tile"].tolist() == sorted(at)
        assert store.table["flags"].tolist() == [0, Flag.MASKED | Flag.BAND_MISSING]
        assert store.table["masked_fraction"][1] > 0.5

    def test_the_incomplete_cube_is_refused(self, real_data, tmp_path):
        folder = real_data / "fits" / "decals_grz"
        with pytest.raises(GalcatError, match=r"example_incomplete_\w+\.fits is cut short"):
            cut(catalog([146.7], [-1.0]), folder, tmp_path / "s", settings())
        assert not (tmp_path / "s").exists()


def _zoomed(picture: np.ndarray, factor: float) -> np.ndarray:
    from scipy import ndimage

    middle = (np.array(picture.shape[:2]) - 1) / 2
    planes = [
        ndimage.affine_transform(
            picture[..., c], np.eye(2) / factor, middle - middle / factor, order=1, mode="nearest"
        )
        for c in range(3)
    ]
    return np.stack(planes, axis=-1)
