"""Cutouts from tiles: grouped, resumed, flagged, rejected with reasons; bad folders refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import fields
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from fields import BANDS, catalog, field, peak_near, plain, settings

from galcat_core.errors import GalcatError
from galcat_core.images import stamps, tiles
from galcat_core.images.footprints import index_tiles
from galcat_core.images.store import CutoutStore, Flag
from galcat_core.images.tiles import cut
from galcat_core.records import Catalog, Pairs


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


@pytest.mark.parametrize("suffix", [".fits", ".fits.fz"])
def test_a_tile_with_other_pixels_is_another_tile(tmp_path, suffix):
    plain(tmp_path / "t", suffix=suffix)
    objects = catalog([150.0], [2.0])
    cut(objects, tmp_path / "t", tmp_path / "s", settings())
    with fits.open(tmp_path / "t" / f"one_r{suffix}", mode="update") as hdus:
        hdus[-1].data[100, 100] += 1
    with pytest.raises(GalcatError, match="image files"):
        cut(objects, tmp_path / "t", tmp_path / "s", settings())


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
