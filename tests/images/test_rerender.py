"""The same galaxy in another survey's look: still that galaxy, never twice the same, always the same again."""

import dataclasses

import numpy as np
import pytest
from PIL import Image
from test_pictures import galaxy

from galcat_core.errors import GalcatError
from galcat_core.images.harmonise import harmonise
from galcat_core.images.pictures import import_pictures
from galcat_core.images.rerender import STRETCHES, draw, rerender
from galcat_core.images.store import CutoutStore
from galcat_core.sections import Harmonise

SETTINGS = Harmonise(size_px=48, renderings=2)


def spindle(angle_deg: float = 30.0, size: int = 150) -> np.ndarray:
    """Return an edge-on galaxy on a noisy sky, (size, size, 3), uint8."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    a = np.radians(angle_deg)
    along, across = x * np.cos(a) + y * np.sin(a), y * np.cos(a) - x * np.sin(a)
    light = 190 * np.exp(-np.hypot(along / 14, across / 4))[..., None] * [0.7, 0.9, 1.0]
    noise = np.random.default_rng(1).normal(8, 2, light.shape)
    return np.clip(light + noise, 0, 255).astype(np.uint8)


def test_a_look_is_drawn_and_drawn_again():
    looks = [draw(np.random.default_rng(seed)) for seed in range(300)]
    assert {look.stretch for look in looks} == set(STRETCHES)
    assert min(look.width for look in looks) < 1.7 < 3.5 < max(look.width for look in looks) < 4
    again = draw(np.random.default_rng(7))
    for field in dataclasses.fields(again):
        assert np.array_equal(getattr(again, field.name), getattr(looks[7], field.name))


def test_the_galaxy_keeps_its_shape_in_every_look():
    image = spindle()
    found = harmonise(image, SETTINGS)
    shapes = []
    for seed in range(40):
        look = dataclasses.replace(draw(np.random.default_rng(seed)), blur_px=0.0)
        other = rerender(image, found, look, seed)
        assert other.dtype == np.uint8
        assert 32 <= len(other) <= look.size_px
        assert other.shape == (len(other), len(other), 3)
        assert np.array_equal(other, rerender(image, found, look, seed)), "the same seed"
        if look.noise.mean() < 0.02:
            again = harmonise(other, SETTINGS)
            shapes.append((again.axis_ratio, again.angle_deg))
    assert len(shapes) > 8
    ratios, angles = np.array(shapes).T
    assert np.median(ratios) == pytest.approx(found.axis_ratio, abs=0.12)
    assert np.median(angles) == pytest.approx(30, abs=5)


@pytest.mark.parametrize("white", [0.0, 0.1, 0.4])
def test_as_much_is_burnt_out_as_asked(white):
    image = spindle()
    found = harmonise(image, SETTINGS)
    look = dataclasses.replace(
        draw(np.random.default_rng(3)), stretch="linear", white=white, noise=np.full(3, 1e-4),
        bands=np.empty(0, int), gains=np.ones(3), blur_px=0.0, quality=0, pedestal=0.0,
        width=2.5, size_px=120, power=1.0,
    )  # fmt: skip
    grey = rerender(image, found, look, 1).mean(axis=2)
    member = grey > 0.1 * grey.max()
    assert (grey >= 254)[member].mean() <= white + 0.05
    if white:
        assert (grey >= 254).sum() > 0.3 * white * member.sum()


def test_a_store_keeps_them_beside_its_own(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(5):
        Image.fromarray(galaxy(number)).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    store = import_pictures(folder, out=tmp_path / "s", settings=SETTINGS)
    assert len(store) == 5
    assert list(store.rejects["id"]) == ["broken.png"]
    assert [len(other) for other in store.renderings] == [5, 5]
    for other in store.renderings:
        assert list(other.ids) == list(store.ids)
        assert other.table["axis_ratio"].notna().all()
    every = [s.images(slice(0, 5)) for s in (store, *store.renderings)]
    assert not np.array_equal(every[0], every[1])
    assert not np.array_equal(every[1], every[2])
    plain = import_pictures(
        folder, out=tmp_path / "plain", settings=dataclasses.replace(SETTINGS, renderings=0)
    )
    assert plain.digest == store.digest, "its own pictures do not depend on them"
    assert plain.renderings == []
    # more of them later: what is there stays
    more = import_pictures(
        folder, out=tmp_path / "s", settings=dataclasses.replace(SETTINGS, renderings=3)
    )
    assert [other.digest for other in more.renderings[:2]] == [o.digest for o in store.renderings]
    assert len(CutoutStore.open(tmp_path / "s").renderings) == 3


def test_they_need_the_galaxy_to_be_found(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(galaxy(1)).save(folder / "1.png")
    settings = Harmonise(harmonise=False, renderings=1)
    with pytest.raises(GalcatError, match="renderings needs"):
        import_pictures(folder, out=tmp_path / "s", settings=settings)
