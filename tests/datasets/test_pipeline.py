"""Batches for training and validation: dealt to workers exactly, augmented only for training."""

import contextlib
import dataclasses
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from galcat_core.datasets import pipeline
from galcat_core.datasets.pipeline import Batches, Pictures, augmented, draws, plan, shuffled
from galcat_core.errors import GalcatError
from galcat_core.images.shards import plan_shards, write_units
from galcat_core.images.store import CutoutStore
from galcat_core.models import network
from galcat_core.sections import Augment

STILL = Augment(rotation_deg=0.0, shift=0.0, zoom=[1.0, 1.0], flip=False)
N = 29
DS18 = network("ds18")


@contextlib.contextmanager
def make_pictures(_: object):
    """Open a maker for `write_units`: a flat galaxy, brighter by one from row to row."""
    y, x = np.mgrid[:80, :80] - 39.5
    light = 200 * np.exp(-np.hypot(x, 2 * y) / 12)[..., None]
    none = pd.DataFrame({"id": pd.Series([], dtype="int64"), "reason": pd.Series([], dtype=str)})
    yield lambda rows: (
        np.stack([np.repeat(light + i, 3, axis=-1).astype(np.uint8) for i in rows["id"]]),
        rows,
        none,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> CutoutStore:
    """34 pictures in 4 shards."""
    table = pd.DataFrame({"id": np.arange(N + 5), "ra_deg": 1.0, "dec_deg": 1.0})
    table = table.assign(width_arcsec=20.0, flags=0, masked_fraction=0.0)
    return write_units(
        tmp_path_factory.mktemp("stores") / "sdss",
        plan_shards(table, 10),
        make_pictures,
        survey="sdss",
        size_px=80,
        settings={},
        workers=1,
    )


@pytest.fixture(scope="module")
def pictures(store) -> Pictures:
    return Pictures(store, np.arange(N)[::-1] + 5, DS18)


def batches(pictures, rank=0, size=1, batch_size=8) -> Batches:
    return Batches(pictures, np.arange(N) % 2, 1 + np.arange(N) / 10, batch_size, rank, size)


@pytest.mark.parametrize("n", [1, 2, 29, 64, 100])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_worker_has_as_many_steps_and_every_sample_is_seen_once(n, size):
    order = shuffled(n, seed=1, epoch=4)
    plans = [plan(order, 12 // size, rank, size) for rank in range(size)]
    assert len({p.index.shape for p in plans}) == 1
    assert all(np.array_equal(p.counts, plans[0].counts) for p in plans)
    seen = Counter(np.concatenate([p.index[p.index >= 0] for p in plans]).tolist())
    assert seen == Counter(range(n))
    assert plans[0].counts.max() - plans[0].counts.min() <= 1
    assert plans[0].index.shape[1] <= 12 // size


@pytest.mark.parametrize("size", [2, 3])
def test_a_step_of_all_workers_is_the_same_however_many_share_it(size):
    order = shuffled(100, seed=1, epoch=0)
    alone = plan(order, 12)
    plans = [plan(order, 12 // size, rank, size) for rank in range(size)]
    for step, mine in enumerate(alone.index):
        together = np.concatenate([p.index[step] for p in plans])
        assert set(together) - {-1} == set(mine) - {-1}


def test_the_order_changes_with_seed_and_epoch_alone():
    assert np.array_equal(shuffled(50, 1, 2), shuffled(50, 1, 2))
    assert not np.array_equal(shuffled(50, 1, 2), shuffled(50, 1, 3))
    assert not np.array_equal(shuffled(50, 1, 2), shuffled(50, 2, 2))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_sums_over_the_validation_batches_of_all_workers_are_exact(pictures, size):
    total = np.zeros(3)
    for rank in range(size):
        for images, label, weight in batches(pictures, rank, size).validation():
            assert images.shape[0] == label.shape[0] == weight.shape[0]
            total += [np.sum(weight), np.sum(weight * label), np.sum(weight > 0)]
    weight = 1 + np.arange(N) / 10
    assert total == pytest.approx([weight.sum(), weight[1::2].sum(), N], rel=1e-6)


def test_validation_pictures_are_those_of_inference(store, pictures):
    found = np.concatenate([images for images, _, _ in batches(pictures).validation()])
    expected = DS18.prepare(store.images(pictures.rows)).numpy()
    order = np.concatenate(batches(pictures).plan(np.arange(N)).index)
    assert np.array_equal(found[order >= 0], expected)


def test_training_pictures_are_shuffled_and_augmented_by_epoch(store, pictures):
    source = batches(pictures)
    first, again, later = (
        [tuple(part.numpy() for part in batch) for batch in source.training(epoch, 7, Augment())]
        for epoch in (0, 0, 1)
    )
    for one, two in zip(first, again, strict=True):
        assert all(map(np.array_equal, one, two))
    assert not np.array_equal(first[0][0], later[0][0])
    plain = DS18.prepare(store.images(pictures.rows)).numpy()
    order = np.concatenate(source.plan(shuffled(N, 7, 0)).index)
    seen = np.concatenate([images for images, _, _ in first])[order >= 0]
    changed = np.abs(seen - plain[order[order >= 0]]).max((1, 2, 3))
    assert (changed > 0.05).all()
    labels = np.concatenate([label for _, label, _ in first])[order >= 0]
    assert np.array_equal(labels, order[order >= 0] % 2)


def test_a_sample_looks_the_same_whichever_worker_and_step_sees_it(pictures):
    augment = Augment(noise=0.05, blur_px=1.0, gamma=0.2, colour=0.2)
    augment = dataclasses.replace(augment, missing_pixels=0.3, missing_band_rate=0.5)

    def seen(size: int, batch_size: int) -> dict[int, np.ndarray]:
        found = {}
        for rank in range(size):
            source = batches(pictures, rank, size, batch_size)
            index = np.concatenate(source.plan(shuffled(N, 7, 2)).index)
            images = np.concatenate([i for i, _, _ in source.training(2, 7, augment)])
            found |= {n: image for n, image in zip(index, images, strict=True) if n >= 0}
        return found

    alone, shared = seen(1, 8), seen(2, 5)
    assert alone.keys() == shared.keys() == set(range(N))
    assert all(np.abs(alone[n] - shared[n]).max() < 1e-5 for n in alone)


def test_pictures_that_lose_pixels_are_else_what_they_would_be(store, pictures):
    plain = Augment(noise=0.05, blur_px=1.0, gamma=0.2)
    lossy = dataclasses.replace(plain, missing_pixels=0.4, missing_pixels_rate=0.5)
    source = batches(Pictures(store, pictures.rows, network("resnet12")))

    def seen(augment: Augment, epoch: int) -> np.ndarray:
        return np.concatenate([i for i, _, w in source.training(epoch, 7, augment)])

    whole, holed = seen(plain, 2), seen(lossy, 2)
    lost = (holed == 0).all(-1) & (whole > 0).any(-1)
    assert np.array_equal(holed[~lost], whole[~lost])
    assert 5 < lost.any((1, 2)).sum() < len(lost) - 5
    assert np.array_equal(holed, seen(lossy, 2))
    later = (seen(lossy, 3) == 0).all(-1).sum((1, 2))
    assert not np.array_equal(later, (holed == 0).all(-1).sum((1, 2)))


def test_an_epoch_goes_on_from_any_step(pictures):
    source = batches(pictures)
    whole = [images.numpy() for images, _, _ in source.training(3, 7, Augment())]
    rest = [images.numpy() for images, _, _ in source.training(3, 7, Augment(), start=2)]
    assert len(rest) == len(whole) - 2
    assert all(map(np.array_equal, whole[2:], rest))
    assert list(source.training(3, 7, Augment(), start=len(whole))) == []


def test_pictures_kept_and_read_each_time_are_the_same(store, pictures):
    read = Pictures(store, pictures.rows, DS18, keep=False)
    index = np.array([3, 0, 28, 3])
    assert np.array_equal(pictures.take(index), read.take(index))
    for kept, fresh in zip(batches(pictures).validation(), batches(read).validation(), strict=True):
        assert all(map(np.array_equal, kept, fresh))


def chance(n: int, **fixed: float) -> np.ndarray:
    names = "rotation zoom shift_x shift_y flip_x flip_y blur noise gamma red green blue grey"
    values = np.full((n, pipeline.DRAWS), 0.5, np.float32)
    for name, value in fixed.items():
        values[:, names.split().index(name)] = value
    return values


@pytest.fixture(scope="module")
def uneven() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (2, 69, 69, 3), dtype=np.uint8)


def change(images: np.ndarray, settings: Augment, **fixed: float) -> np.ndarray:
    key = np.arange(2 * len(images), dtype=np.int32).reshape(-1, 2)
    return augmented(images, chance(len(images), **fixed), key, settings).numpy()


def test_nothing_asked_changes_nothing(uneven):
    assert np.allclose(change(uneven, STILL), uneven / 255.0, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "fixed", "expected"),
    [
        ({"flip": True}, {"flip_x": 0.1, "flip_y": 0.9}, lambda x: x[:, :, ::-1]),
        ({"flip": True}, {"flip_x": 0.9, "flip_y": 0.1}, lambda x: x[:, ::-1]),
        ({"rotation_deg": 180.0}, {"rotation": 0.75}, lambda x: np.rot90(x, 1, (1, 2))),
        ({"rotation_deg": 180.0}, {"rotation": 0.0}, lambda x: x[:, ::-1, ::-1]),
        ({"shift": 2 / 69}, {"shift_x": 1.0}, lambda x: np.roll(x, -2, axis=2)),
        ({"gamma": float(np.log(2.0))}, {"gamma": 1.0}, lambda x: x**2),
    ],
)
def test_each_change_is_what_it_says(uneven, settings, fixed, expected):
    still = {"rotation_deg": 0.0, "shift": 0.0, "zoom": [1.0, 1.0], "flip": False}
    found = change(uneven, Augment(**{**still, **settings}), **fixed)
    inner = (slice(None), slice(5, -5), slice(5, -5))
    assert np.allclose(found[inner], expected(uneven / 255.0)[inner], atol=1e-3)


def test_zoom_scales_the_galaxy(store):
    picture = DS18.resize(store.images([0]))
    twice = change(picture, Augment(0.0, 0.0, [2.0, 2.0], False))
    widths = [np.sum(x[0, 34, :, 0] > x[0, 34, :, 0].max() / 2) for x in (picture / 255.0, twice)]
    assert widths[1] == pytest.approx(2 * widths[0], abs=1)


def test_blur_keeps_the_light_and_spreads_it():
    point = np.zeros((2, 69, 69, 3), np.uint8)
    point[:, 34, 34] = 255
    blurred = change(point, Augment(0.0, 0.0, [1.0, 1.0], False, blur_px=2.0), blur=1.0)
    assert blurred.sum((1, 2)) == pytest.approx(1.0, abs=1e-4)
    assert blurred[0, 34, 34, 0] == pytest.approx(1 / (2 * np.pi * 4), rel=0.02)


def test_noise_has_its_sigma_and_each_sample_its_own():
    flat = np.full((2, 69, 69, 3), 128, np.uint8)
    noisy = change(flat, Augment(0.0, 0.0, [1.0, 1.0], False, noise=0.1), noise=0.5) - 128 / 255
    assert noisy.std() == pytest.approx(0.05, rel=0.02)
    assert abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.05


def test_colour_survives_the_division_by_the_maximum(uneven):
    settings = Augment(0.0, 0.0, [1.0, 1.0], False, colour=0.5)
    found = DS18.normalise(change(uneven, settings, grey=0.1))
    assert np.abs(found - DS18.normalise(uneven)).max() > 0.05


def test_chance_covers_its_range_and_differs_by_epoch():
    values, keys = draws(2000, seed=1, epoch=0)
    assert values.shape == (2000, pipeline.DRAWS)
    assert values.min() >= 0
    assert values.max() < 1
    assert np.abs(values.mean(0) - 0.5).max() < 0.05
    assert len(np.unique(keys, axis=0)) == 2000
    assert not np.array_equal(values, draws(2000, seed=1, epoch=1)[0])


@pytest.mark.parametrize("zoom", [[1.3, 0.75], [0.0, 1.0], [1.0], []])
def test_a_zoom_that_is_no_range_is_refused(zoom):
    with pytest.raises(GalcatError, match=r"augment\.zoom .* two positive numbers"):
        Augment(zoom=zoom)


@pytest.mark.parametrize("keep", [True, False])
def test_renderings_are_drawn_for_training_only(store, tmp_path, keep):
    @contextlib.contextmanager
    def darker(job):
        with make_pictures(job) as make:
            yield lambda rows: ((images := make(rows))[0] // 2, *images[1:])

    shuffled_table = store.table.iloc[::-1].drop(columns=["size_arcsec"], errors="ignore")
    other = write_units(
        tmp_path / "other",
        plan_shards(shuffled_table.reset_index(drop=True), 10),
        darker,
        survey="sdss",
        size_px=80,
        settings={},
        workers=1,
    )
    rows = np.arange(N)[::-1] + 5
    both = Batches(
        Pictures(store, rows, DS18, keep=keep, renderings=[other]), np.arange(N) % 2, np.ones(N), 8
    )
    plain = Batches(Pictures(store, rows, DS18, keep=keep), np.arange(N) % 2, np.ones(N), 8)
    look = pipeline.looks(N, 1, 0.5, seed=3, epoch=2)
    assert set(look) == {0, 1}
    still = dataclasses.replace(STILL, renderings=0.5)
    order = shuffled(N, 3, 2)
    seen = np.concatenate([
        np.asarray(both.pictures.take(index)) for index in np.array_split(order + N * look[order], 4)
    ])  # fmt: skip
    own = np.concatenate([np.asarray(plain.pictures.take(i)) for i in np.array_split(order, 4)])
    assert np.array_equal(seen[look[order] == 0], own[look[order] == 0])
    assert np.abs(seen[look[order] == 1] - own[look[order] == 1] / 2).max() <= 1.5
    drawn = [p for batch in both.training(2, 3, still) for p in batch[0].numpy()[batch[2] > 0]]
    assert np.allclose(np.stack(drawn), DS18.normalise(seen.astype(np.float32) / 255), atol=1e-5)
    for mine, theirs in zip(both.validation(), plain.validation(), strict=True):
        assert np.array_equal(mine[0], theirs[0])


def test_how_many_are_seen_in_another_look():
    look = pipeline.looks(20_000, 4, 0.75, seed=1, epoch=0)
    assert np.mean(look > 0) == pytest.approx(0.75, abs=0.02)
    assert np.bincount(look)[1:] == pytest.approx([3750] * 4, rel=0.06)
    assert not pipeline.looks(50, 0, 0.75, seed=1, epoch=0).any()
