"""The recipe: dark sky, kept colours, cores that are not blown out, the same face at every depth."""

from __future__ import annotations

import numpy as np
import pytest
from fields import settings

from galcat_core.errors import GalcatError
from galcat_core.images.render import ABSENT, compose
from galcat_core.images.stamps import BAD, GOOD
from galcat_core.images.store import Flag

COLOUR = np.array([1.6, 1.0, 0.5], np.float32)  # i, r, g of an elliptical, nanomaggies


def galaxy(noise: float, bright: float = 1.0, seed: int = 0, sky: float = 0.0) -> np.ndarray:
    """Return a round exponential galaxy, (1, 64, 64, 3), of central surface brightness `bright`."""
    yy, xx = np.indices((64, 64)) - 31.5
    profile = bright * np.exp(-np.hypot(yy, xx) / 6.0)
    light = profile[..., None] * COLOUR + sky
    return (light + np.random.default_rng(seed).normal(0, noise, light.shape)).astype(np.float32)[
        None
    ]


def render(flux: np.ndarray, state: np.ndarray | None = None, **changes: object) -> np.ndarray:
    state = np.full(flux.shape, GOOD, np.uint8) if state is None else state
    return compose(flux, state, settings(**changes)).images[0].astype(float)


@pytest.mark.parametrize("stretch", ["lupton", "sigma"])
def test_sky_level_and_units_do_not_matter(stretch):
    one = render(galaxy(0.003), stretch=stretch)
    assert np.abs(one - render(galaxy(0.003, sky=7.5), stretch=stretch)).max() <= 1
    assert np.abs(one - render(galaxy(0.003) * 900, stretch=stretch)).max() <= 1


def test_a_shallow_and_a_deep_survey_look_alike():
    deep, shallow = render(galaxy(0.002, seed=1)), render(galaxy(0.008, seed=2))
    assert np.corrcoef(deep.ravel(), shallow.ravel())[0, 1] > 0.97
    assert np.abs(deep.mean(axis=(0, 1)) - shallow.mean(axis=(0, 1))).max() < 8


def test_sky_is_dark_core_bright_and_brightness_falls_outwards():
    picture = render(galaxy(0.003))
    assert picture[:8, :8].mean() < 15
    assert picture[31:33, 31:33].max() > 200
    assert (picture == 255).all(axis=-1).sum() == 0
    radius = np.hypot(*(np.indices((64, 64)) - 31.5))
    profile = [picture.sum(-1)[(radius >= r) & (radius < r + 2)].mean() for r in range(0, 24, 2)]
    assert (np.diff(profile) < 0).all()


def test_colours_are_kept_and_noise_is_grey():
    picture = render(galaxy(0.003))
    ring = picture[31, 42:46].mean(axis=0)
    assert ring[0] > 1.3 * ring[2]
    sky = render(galaxy(0.02, bright=0.0))
    assert (sky.max(axis=-1) - sky.min(axis=-1)).mean() < 0.35 * sky.mean() + 5


def test_the_papers_recipe():
    flux = galaxy(0.01)
    picture = render(flux, stretch="sigma", channel_scale=[1.0, 1.0, 1.0])
    for c in range(3):
        band = flux[0, ..., c]
        faint = np.sort(band.ravel())[: band.size // 2]
        wanted = np.clip((band - faint.mean() + faint.std()) / (6 * faint.std()), 0, 1) * 255
        assert np.abs(picture[..., c] - wanted).max() <= 1


@pytest.mark.parametrize("band", [0, 1, 2])
@pytest.mark.parametrize("kind", [ABSENT, BAD])
def test_a_missing_band_gets_a_likely_colour(band, kind):
    flux = galaxy(0.003)
    whole = render(flux)
    state = np.full(flux.shape, GOOD, np.uint8)
    state[..., band] = kind
    flux[..., band] = 1e9
    made = compose(flux, state, settings())
    wanted = Flag.BAND_MISSING | (Flag.MASKED if kind == BAD else 0)
    assert made.flags.tolist() == [wanted]
    assert np.abs(made.images[0] - whole).mean() < 7


def test_one_band_alone_is_grey_and_none_is_blank():
    flux = galaxy(0.003)
    state = np.full(flux.shape, ABSENT, np.uint8)
    state[..., 1] = GOOD
    made = compose(flux, state, settings())
    assert made.flags.tolist() == [Flag.BAND_MISSING]
    assert np.ptp(made.images[0], axis=-1).max() == 0
    assert made.images[0].max() > 150
    state[..., 1] = ABSENT
    made = compose(flux, state, settings())
    assert made.flags.tolist() == [Flag.BLANK]
    assert made.images.std() == 0


def test_pictures_of_a_batch_do_not_touch_each_other():
    batch = np.concatenate([galaxy(0.003, seed=s, bright=0.2 + s) for s in range(5)])
    state = np.full(batch.shape, GOOD, np.uint8)
    state[3, 20:25, 10:40, 1] = BAD
    together = compose(batch, state, settings())
    for k in range(5):
        alone = compose(batch[k : k + 1], state[k : k + 1], settings())
        assert np.array_equal(alone.images[0], together.images[k])
        assert alone.flags[0] == together.flags[k]


def test_three_factors_are_wanted():
    with pytest.raises(GalcatError, match="three numbers are wanted"):
        render(galaxy(0.003), channel_scale=[1.0, 2.0])
