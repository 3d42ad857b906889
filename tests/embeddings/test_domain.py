"""The domain's distance against textbook formulas, its percentiles, and pictures that are no galaxies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf

from galcat_core.embeddings import domain
from galcat_core.embeddings.appearance import appearance
from galcat_core.embeddings.domain import Domain
from galcat_core.errors import GalcatError


def spaces(features: np.ndarray, other: np.ndarray | None = None) -> dict[str, np.ndarray]:
    other = np.random.default_rng(0).normal(size=(len(features), 3)) if other is None else other
    return {"features": features, "appearance": other}


def cloud(count: int, size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(size, size))
    return rng.normal(size=(count, size)) @ mixing + 5


def test_distance_is_mahalanobis_with_ledoit_and_wolfs_covariance():
    training, known = cloud(300, 6, 1), cloud(100, 6, 2)
    made = domain.fit(spaces(training), spaces(known)).spaces["features"]
    scaled = (training - training.mean(axis=0)) / training.std(axis=0)
    peer = LedoitWolf(assume_centered=True).fit(scaled)
    point = (known[:20] - training.mean(axis=0)) / training.std(axis=0)
    expected = [mahalanobis(p, np.zeros(6), peer.precision_) for p in point]
    assert np.allclose(made.distance(known[:20]) * made.unit, expected, rtol=5e-3)


def test_many_numbers_are_kept_in_few_axes():
    """Beyond the axes all directions count as one, as after shrinkage they nearly are."""
    rng = np.random.default_rng(3)

    def draw(count: int) -> np.ndarray:
        return rng.normal(size=(count, 20)) @ np.eye(20, 300) * 3 + rng.normal(size=(count, 300))

    made = domain.fit(spaces(draw(1500)), spaces(draw(200)))
    assert made.spaces["features"].axes.shape == (300, domain.COMPONENTS)
    odd = draw(50)
    odd[:, 250] += 12  # along no axis
    usual = made.spaces["features"].distance(draw(50))
    assert made.spaces["features"].distance(odd).min() > np.median(usual)
    assert np.abs(np.median(usual) - 1) < 0.15


def test_either_space_can_tell_a_stranger():
    rng = np.random.default_rng(4)
    made = domain.fit(
        spaces(cloud(400, 5, 1), rng.normal(size=(400, 3))),
        spaces(cloud(2000, 5, 2), rng.normal(size=(2000, 3))),
    )
    good, look = cloud(2000, 5, 3), rng.normal(size=(2000, 3))
    share = (made.percentile(made.distance(good, look)) > 99).mean()
    assert 0.004 < share < 0.02  # 1% are false alarms
    assert (made.percentile(made.distance(good + 40, look)) == 100).all()
    assert (made.percentile(made.distance(good, look + 20)) == 100).all()


def test_percentiles_are_those_of_the_known():
    known = spaces(cloud(400, 5, 2))
    made = domain.fit(spaces(cloud(400, 5, 1)), known)
    far = made.percentile(made.distance(*known.values()))
    assert far.min() == 0 and far.max() == 100
    assert np.allclose(np.sort(far), np.linspace(0, 100, 400), atol=0.3)


def test_file_is_small_survives_and_is_the_same_each_time(tmp_path):
    made = domain.fit(spaces(cloud(200, 64, 1)), spaces(cloud(60, 64, 2)))
    first = made.save(tmp_path).read_bytes()
    assert made.save(tmp_path).read_bytes() == first and len(first) < 40_000
    loaded = Domain.load(tmp_path)
    asked = spaces(cloud(30, 64, 3)).values()
    assert (loaded.distance(*asked) == made.distance(*asked)).all()
    assert Domain.load(tmp_path / "nowhere") is None
    (tmp_path / domain.FILE).write_bytes(first[:500])
    with pytest.raises(GalcatError, match="not a whole file") as caught:
        Domain.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_features_that_never_move_do_no_harm():
    training, known = cloud(100, 5, 1), cloud(50, 5, 2)
    training[:, 2] = known[:, 2] = 0
    made = domain.fit(spaces(training), spaces(known))
    odd = known.copy()
    odd[:, 2] = 100
    far = made.spaces["features"].distance(odd)
    assert np.isfinite(far).all() and far.min() > 3 * made.spaces["features"].distance(known).max()


def test_few_galaxies_are_told():
    with pytest.raises(GalcatError, match="100 galaxies learnt from and 7 others; at least 20"):
        domain.fit(spaces(cloud(100, 5, 1)), spaces(cloud(7, 5, 2)))


def galaxy(rng: np.random.Generator, size: int = 96) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    r = np.hypot(x, y / rng.uniform(0.5, 1)) / (size * rng.uniform(0.1, 0.14))
    light = 220 * np.exp(-r)[..., None] * [1.0, 0.9, 0.8] + rng.normal(20, 6, (size, size, 3))
    return light.clip(0, 255).astype(np.uint8)


def test_blank_noisy_streaked_and_tiny_pictures_look_otherwise():
    """By their looks alone: the network's features say nothing here."""
    rng = np.random.default_rng(5)
    galaxies = np.stack([galaxy(rng) for _ in range(260)])
    rest = rng.normal(size=(600, 4))
    made = domain.fit(
        {"features": rest[:180], "appearance": appearance(galaxies[:180])},
        {"features": rest[180:240], "appearance": appearance(galaxies[180:240])},
    ).spaces["appearance"]
    limit = made.distance(appearance(galaxies[180:240])).max()
    assert (made.distance(appearance(galaxies[240:])) <= 1.3 * limit).mean() > 0.8
    blank = rng.normal(20, 6, (10, 96, 96, 3)).clip(0, 255).astype(np.uint8)
    streaked = galaxies[240:250].copy()
    streaked[:, :, 45:50] = 255
    tiny = np.full((10, 96, 96, 3), 20, np.uint8)
    tiny[:, 32:64, 32:64] = galaxies[240:250, ::3, ::3]
    for odd in (blank, streaked, tiny, np.zeros((3, 96, 96, 3), np.uint8)):
        assert made.distance(appearance(odd)).min() > 1.5 * limit


def test_appearance_hardly_depends_on_turns_or_on_the_number_of_pixels():
    picture = galaxy(np.random.default_rng(6), 192)[None]
    halved = picture.reshape(1, 96, 2, 96, 2, 3).mean(axis=(2, 4)).astype(np.uint8)
    found = appearance(picture)
    assert found.shape == (1, 23) and found.dtype == np.float32
    turned = appearance(np.rot90(picture, 2, axes=(1, 2)))
    assert np.abs(found - turned).max() < 0.25
    assert np.abs(found - appearance(halved))[:, :8].max() < 0.1  # the rings' brightness
