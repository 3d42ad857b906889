"""Anyone's pictures: every kind of file, tables that name them in many ways, broken ones told."""

from __future__ import annotations

from pathlib import Path

import fields
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from galcat_core.errors import GalcatError
from galcat_core.images.decode import NoPicture, read_picture, square
from galcat_core.images.harmonise import harmonise
from galcat_core.images.pictures import import_pictures
from galcat_core.images.store import CutoutStore, Flag
from galcat_core.sections import Harmonise

AS_THEY_ARE = Harmonise(harmonise=False, size_px=24)


def galaxy(seed: int = 0, size: tuple[int, int] = (60, 60)) -> np.ndarray:
    """Return a fuzzy blob on a dark sky, (H, W, 3), uint8."""
    rng = np.random.default_rng(seed)
    yy, xx = np.indices(size)
    radius = np.hypot(yy - size[0] / 2, (xx - size[1] / 2) / rng.uniform(0.6, 1.0))
    light = 220 * np.exp(-radius / rng.uniform(3, 6))[..., None] * rng.uniform(0.6, 1.0, 3)
    return (light + rng.uniform(5, 15, light.shape)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path) -> Path:
    found = tmp_path / "pictures"
    (found / "deep").mkdir(parents=True)
    for i in range(6):
        Image.fromarray(galaxy(i)).save(found / f"{1000 + i}.png")
    Image.fromarray(galaxy(6)).save(found / "deep" / "1006.jpg", quality=95)
    return found


@pytest.fixture
def table(folder) -> pd.DataFrame:
    names = [f"{1000 + i}.png" for i in range(6)] + ["deep/1006.jpg"]
    return pd.DataFrame(
        {"file": names, "ra": np.linspace(10, 20, 7), "dec": -1.5, "kind": list("sesesxe"),
         "objid": 2**60 + np.arange(7)}
    )  # fmt: skip


def run(folder: Path, table=None, out="store", **kwargs) -> CutoutStore:
    kwargs.setdefault("settings", AS_THEY_ARE)
    return import_pictures(folder, table, folder.parent / out, **kwargs)


def test_without_a_table_every_picture_is_taken(folder):
    store = run(folder)
    assert store.ids.tolist() == [*(f"{1000 + i}.png" for i in range(6)), "deep/1006.jpg"]
    assert store.survey == "pictures"
    assert store.images([2])[0].shape == (24, 24, 3)
    wanted = square(np.asarray(Image.open(folder / "1002.png")), 24)
    assert np.array_equal(store.images([2])[0], wanted)
    assert store.table["flags"].tolist() == [0] * 7
    assert store.table["ra_deg"].isna().all()


def test_a_tables_columns_are_carried_over(folder, table):
    table.to_csv(folder.parent / "t.csv", index=False)
    store = run(folder, folder.parent / "t.csv", label_column="kind", id_column="objid")
    assert store.ids.dtype == np.int64
    assert store.ids.tolist() == table["objid"].tolist()
    assert store.table["ra_deg"].tolist() == pytest.approx(table["ra"])
    assert store.table["dec_deg"].tolist() == pytest.approx(table["dec"])
    assert store.table["label"].tolist() == list("sesesxe")
    assert store.table["file"].tolist() == table["file"].tolist()


def test_classes_rename_labels_and_drop_others(folder, table):
    store = run(folder, table, label_column="kind", classes={"s": "spiral", "e": "elliptical"})
    assert store.table["label"].tolist() == [
        "spiral", "elliptical", "spiral", "elliptical", "spiral", None, "elliptical",
    ]  # fmt: skip
    with pytest.raises(GalcatError, match="none of the labels q; there are e, s, x"):
        run(folder, table, "b", label_column="kind", classes={"q": "spiral"})
    with pytest.raises(GalcatError, match="--label-column"):
        run(folder, table, "b", classes={"s": "spiral"})


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("filename", lambda name: name),
        ("iauname", lambda name: Path(name).stem),
        ("dr7objid", lambda name: int(Path(name).stem)),
        ("image", lambda name: f"/home/someone/png/{Path(name).name}"),
        ("my own name for it", lambda name: f"./{name}"),
    ],
)
def test_the_file_column_is_found(folder, table, column, change):
    table = table.rename(columns={"file": column})
    table[column] = [change(name) for name in table[column]]
    store = run(folder, table)
    assert len(store) == 7
    assert store.ids.tolist()[-1] == "deep/1006.jpg"
    assert store.table["kind"].tolist() == list("sesesxe")


def test_missing_and_broken_pictures_are_rejected_with_a_reason(folder, table):
    raw = (folder / "deep" / "1006.jpg").read_bytes()
    (folder / "deep" / "1006.jpg").write_bytes(raw[: len(raw) // 2])
    (folder / "1001.png").write_text("<html>not found</html>")
    (folder / "1002.png").write_bytes(b"")
    (folder / "1003.png").unlink()
    png = (folder / "1004.png").read_bytes()
    (folder / "1004.png").write_bytes(png[:-200])
    Image.new("RGB", (5, 400)).save(folder / "1005.png")
    store = run(folder, table)
    assert store.ids.tolist() == ["1000.png"]
    reasons = dict(zip(store.rejects["id"], store.rejects["reason"], strict=True))
    assert {name: reason.split(":")[0] for name, reason in reasons.items()} == {
        "1001.png": "no picture",
        "1002.png": "no picture",
        "1003.png": "missing",
        "1004.png": "cut short (truncated)",
        "1005.png": "too small",
        "deep/1006.jpg": "cut short (truncated)",
    }
    assert "2 rejected: no picture" in store.summary()
    assert not any(str(folder) in reason for reason in reasons.values())


def test_nothing_left_is_an_error(folder):
    for file in folder.rglob("*.*"):
        file.write_text("no picture")
    with pytest.raises(GalcatError, match="none of 7 pictures could be made: 7 x no picture"):
        run(folder)
    with pytest.raises(GalcatError, match="not finished"):
        CutoutStore.open(folder.parent / "store")


def test_wrong_tables_and_folders(folder, table, tmp_path):
    with pytest.raises(GalcatError, match="stand more than once"):
        run(folder, pd.concat([table, table]))
    with pytest.raises(GalcatError, match="stand more than once"):
        run(folder, table.assign(objid=4), id_column="objid")
    with pytest.raises(GalcatError, match="lost digits"):
        run(folder, table.assign(objid=table["objid"].astype(float)), id_column="objid")
    with pytest.raises(GalcatError, match=r"no column 'kinds'.*Did you mean 'kind'"):
        run(folder, table, label_column="kinds")
    with pytest.raises(GalcatError, match="no column 'path'"):
        run(folder, table, file_column="path")
    with pytest.raises(GalcatError, match=r"names a picture.*such as 1000\.png.*--file-column"):
        run(folder, table.assign(file="x", objid=1))
    with pytest.raises(GalcatError, match="no such folder"):
        run(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(GalcatError, match="no picture in there"):
        run(tmp_path / "empty")


def test_same_names_in_two_folders_are_told_apart(folder, table):
    Image.fromarray(galaxy(9)).save(folder / "deep" / "1000.png")
    store = run(folder, table)
    assert np.array_equal(
        store.images([0])[0], square(np.asarray(Image.open(folder / "1000.png")), 24)
    )
    assert len(run(folder, out="all")) == 8


MODES = {
    "grey": lambda im: Image.fromarray(im[..., 0]),
    "palette": lambda im: Image.fromarray(im).quantize(200),
    "transparent": lambda im: Image.fromarray(
        np.dstack([im, np.full(im.shape[:2], 255, np.uint8)])
    ),
    "16 bit": lambda im: Image.fromarray(im[..., 0].astype(np.uint16) * 257),
    "12 bit in 16": lambda im: Image.fromarray(
        (im[..., 0] * (4095 / im[..., 0].max())).astype(np.uint16)
    ),
    "grey and alpha": lambda im: Image.fromarray(im).convert("LA"),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_kind_of_png_is_read(tmp_path, mode):
    image = galaxy(3)
    MODES[mode](image).save(tmp_path / "x.png")
    found = read_picture(tmp_path / "x.png")
    assert found.shape == (60, 60, 3)
    assert found.dtype == np.uint8
    assert np.corrcoef(found.mean(-1).ravel(), image.mean(-1).ravel())[0, 1] > 0.98
    assert found.max() > 100


def test_transparency_is_black(tmp_path):
    Image.new("RGBA", (20, 20), (250, 250, 250, 0)).save(tmp_path / "x.png")
    assert read_picture(tmp_path / "x.png").max() == 0


def test_fast_decoding_is_for_shrinking_alone(tmp_path):
    Image.fromarray(galaxy(1, (400, 400))).save(tmp_path / "x.jpg")
    assert read_picture(tmp_path / "x.jpg").shape == (400, 400, 3)
    assert read_picture(tmp_path / "x.jpg", 40).shape == (100, 100, 3)
    with pytest.raises(NoPicture, match="missing"):
        read_picture(tmp_path / "y.jpg")


@pytest.mark.parametrize("shape", [(60, 100), (100, 60), (61, 60)])
def test_pictures_are_cropped_never_stretched(shape):
    picture = np.zeros((*shape, 3), np.uint8)
    top, left = (shape[0] - 60) // 2, (shape[1] - 60) // 2
    picture[top : top + 60, left : left + 60] = galaxy(0)
    assert np.abs(square(picture, 60).astype(int) - galaxy(0)).max() == 0
    small = square(picture, 30).astype(float)
    assert np.abs(small - galaxy(0).reshape(30, 2, 30, 2, 3).mean(axis=(1, 3))).mean() < 4


def test_harmonised_pictures_are_those_of_the_function(folder):
    chosen = Harmonise(size_px=32)
    store = run(folder, settings=chosen)
    for row in (0, 5):
        wanted = harmonise(read_picture(folder / store.ids[row]), chosen)
        assert np.array_equal(store.images([row])[0], wanted.picture)
        assert store.table["axis_ratio"][row] == wanted.axis_ratio
    assert store.settings["harmonise"] is True
    with pytest.raises(GalcatError, match="harmonise was true, is false"):
        run(folder, settings=Harmonise(harmonise=False, size_px=32))


def test_blank_pictures_are_flagged(folder):
    Image.new("RGB", (50, 50)).save(folder / "1000.png")
    assert run(folder).table["flags"].tolist()[0] == Flag.BLANK
    assert run(folder, out="h", settings=Harmonise()).table["flags"].tolist()[0] == Flag.BLANK


def test_workers_and_resuming_do_not_change_a_byte(folder, table):
    stores = [run(folder, table, f"s{n}", shard_rows=2, workers=n) for n in (1, 2)]
    before = fields.contents(stores[0].path)
    assert fields.contents(stores[1].path) == before
    for name in ("index.parquet", "shard-00001.parquet"):
        (stores[1].path / name).unlink()
    run(folder, table, "s2", shard_rows=2, workers=1)
    assert fields.contents(stores[1].path) == before
    Image.fromarray(galaxy(77)).save(folder / "1003.png")
    with pytest.raises(GalcatError, match="other objects, positions, columns or image files"):
        run(folder, table, "s2", shard_rows=2)


@pytest.mark.parametrize("names", ["sdss_zoo_examples", "des_unlabelled"])
def test_real_pictures(real_data, tmp_path, names):
    csv = real_data / "images" / f"{names}.csv"
    folder = real_data / "images" / names
    store = import_pictures(folder, csv if csv.exists() else None, tmp_path / "s", workers=1)
    assert len(store) == len([p for p in folder.iterdir() if p.suffix != ".csv"])
    assert len(store.rejects) == 0
    assert set(store.ids) == {p.name for p in folder.iterdir()}


def test_real_pairs_have_labels_and_positions(real_data, tmp_path):
    for side in ("sdss", "des"):
        store = import_pictures(
            real_data / "pairs" / side,
            real_data / "pairs" / "pairs.csv",
            tmp_path / side,
            workers=1,
        )
        assert len(store) == 52
        assert set(store.table["label"]) == {"spiral", "elliptical"}
        assert store.table["ra_deg"].notna().all()
        assert store.survey == side
