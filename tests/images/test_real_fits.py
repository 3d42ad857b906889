"""The one spiral that three surveys saw, and the Legacy Survey's cubes."""

from __future__ import annotations

import numpy as np
import pytest
from fields import catalog, settings

from galcat_core.errors import GalcatError
from galcat_core.images.store import Flag
from galcat_core.images.tiles import cut


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
