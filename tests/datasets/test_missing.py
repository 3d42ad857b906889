"""Pixels and bands that are taken from training pictures: as many as asked, the same for the same seed and epoch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from galcat_core.datasets import missing
from galcat_core.images.render import compose
from galcat_core.images.stamps import GOOD
from galcat_core.sections import Augment, Cutouts

KINDS = list(missing.KINDS)


def holes(part: float, kind: str, seed: int = 3, height: int = 64, width: int = 64) -> np.ndarray:
    key = np.array([[seed, 11]], np.int32)
    which = np.int32([KINDS.index(kind)])
    return missing.holes(height, width, np.float32([part]), which, key).numpy()[0]


def spoiled(images: np.ndarray, augment: Augment, epoch: int = 0) -> np.ndarray:
    return missing.spoiled(images, *missing.draws(len(images), 1, epoch), augment).numpy()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(64, 64), (62, 81)])
def test_exactly_as_many_pixels_are_missing_as_asked(kind, shape):
    for part in (0.0, 0.1, 0.3, 0.9):
        found = holes(part, kind, 5, *shape)
        assert found.shape == shape
        assert found.sum() == round(part * shape[0] * shape[1])


def test_each_kind_looks_as_it_is_called():
    rows, columns, blocks, bleed, scattered = (holes(0.1, kind) for kind in KINDS)
    whole = (rows.all(axis=1) | ~rows.any(axis=1)).sum()
    assert whole >= 63  # the last row may be lost in part
    assert (columns.all(axis=0) | ~columns.any(axis=0)).sum() >= 63
    assert 1 <= ndimage.label(blocks)[1] <= missing.BLOCKS
    assert 1 <= ndimage.label(bleed)[1] <= missing.STARS
    spans = [np.ptp(np.nonzero(bleed == 1)[axis]) for axis in (0, 1)]
    assert spans[0] > 0 and (bleed.sum(axis=0).max() > 2 * bleed.sum(axis=1).max())  # along columns
    assert ndimage.label(scattered)[1] > 150


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_lost_first_stays_lost_and_depends_on_the_key_alone(kind):
    few, many = holes(0.1, kind), holes(0.3, kind)
    assert not (few & ~many).any()
    assert np.array_equal(many, holes(0.3, kind))
    assert not np.array_equal(many, holes(0.3, kind, seed=4))


def test_pictures_lose_up_to_the_largest_part_at_the_rate_asked():
    images = np.full((400, 16, 16, 3), 0.5, np.float32)
    found = spoiled(images, Augment(missing_pixels=0.4, missing_pixels_rate=0.25))
    lost = (found == 0).all(axis=-1).mean(axis=(1, 2))
    assert np.array_equal((found == 0).any(axis=-1), (found == 0).all(axis=-1))
    assert set(np.unique(found)) == {np.float32(0), np.float32(0.5)}
    assert np.mean(lost > 0) == pytest.approx(0.25, abs=0.07)
    assert lost.max() <= 0.4 + 1 / 256
    assert lost[lost > 0].mean() == pytest.approx(0.2, abs=0.05)


def test_chance_has_a_stream_of_its_own_for_each_seed_and_epoch():
    first, again = missing.draws(50, 1, 2), missing.draws(50, 1, 2)
    assert all(map(np.array_equal, first, again))
    for other in (missing.draws(50, 1, 3), missing.draws(50, 2, 2)):
        assert not np.array_equal(first[0], other[0])
        assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize("fill", list(missing.FILLS))
def test_bands_are_lost_at_their_rate_each_as_often(fill):
    images = np.random.default_rng(1).random((600, 8, 8, 3), np.float32) * [0.9, 0.6, 0.4]
    images = images.astype(np.float32)
    augment = Augment(missing_band_rate=0.5, missing_band_fill=fill)
    other = np.abs(spoiled(images, augment) - images).max(axis=(1, 2)) > 0  # (600, 3)
    assert other.sum(axis=1).max() == 1
    assert other.any(axis=1).mean() == pytest.approx(0.5, abs=0.07)
    assert other.sum(axis=0) == pytest.approx([100] * 3, abs=35)


def galaxy() -> np.ndarray:
    """Return flux of a reddish galaxy, (1, 64, 64, 3), float32, with a little noise."""
    y, x = np.mgrid[:64, :64] - 31.5
    light = 3 * np.exp(-np.hypot(x, 1.6 * y) / 7)[..., None] * [1.5, 1.0, 0.45]
    noise = np.random.default_rng(2).normal(0, 0.003, light.shape)
    return (light + noise)[None].astype(np.float32)


@pytest.mark.parametrize("band", [0, 1, 2])
def test_a_missing_band_is_shown_as_galcat_renders_it(band):
    flux, state = galaxy(), np.full((1, 64, 64, 3), GOOD, np.uint8)
    settings = Cutouts(size_px=64)
    whole = compose(flux, state, settings).images[0].astype(float)
    state[..., band] = 3  # ABSENT
    as_rendered = compose(flux, state, settings).images[0].astype(float)
    shown = missing.rendered((whole[None] / 255).astype(np.float32), np.int32([band])).numpy()[0]
    others = [c for c in range(3) if c != band]
    assert np.array_equal(shown[..., others], (whole[..., others] / 255).astype(np.float32))
    # the stretch of a rendered picture follows the light of all bands, so a few levels remain
    apart = np.abs(255 * shown - as_rendered).mean()
    left_black = np.abs(whole * (np.arange(3) != band) - as_rendered).mean()
    assert apart < 6
    assert apart < 0.4 * left_black


def test_grey_pictures_lose_nothing_with_a_band():
    grey = np.random.default_rng(1).random((5, 16, 16, 1), np.float32).repeat(3, axis=-1)
    for band in range(3):
        shown = missing.rendered(grey, np.full(5, band, np.int32)).numpy()
        assert np.allclose(shown, grey, atol=1e-6)


def test_a_band_of_a_black_picture_is_black():
    black = np.zeros((3, 16, 16, 3), np.float32)
    assert not missing.rendered(black, np.arange(3, dtype=np.int32)).numpy().any()


def test_nothing_is_asked_by_default():
    assert not missing.wanted(Augment())
    for name in ("missing_pixels", "missing_band_rate"):
        assert missing.wanted(dataclasses.replace(Augment(), **{name: 0.1}))
