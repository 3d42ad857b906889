"""The atlas: one HTML page of a catalogue's map, looked at with a real browser and without a server."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galcat_core.cli import main as galcat
from galcat_core.embeddings.atlas import atlas
from galcat_core.embeddings.sprites import sprites
from galcat_core.errors import GalcatError
from galcat_core.images.shards import write_store
from galcat_core.images.store import CutoutStore
from galcat_core.records import Catalogue

FIRST = 1_008_000_000_000_000_001  # beyond 2**53: a number of JavaScript's would round it
NUMBER = 300


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A published catalogue of 300 galaxies on a map, and pictures of all but the last ten."""
    folder, rng = tmp_path_factory.mktemp("atlas"), np.random.default_rng(3)
    p = rng.random(NUMBER)
    table = pd.DataFrame(
        {
            "id": FIRST + np.arange(NUMBER),
            "survey": "des",
            "ra_deg": rng.uniform(0, 10, NUMBER),
            "dec_deg": rng.uniform(-5, 5, NUMBER),
            "mag_r": rng.uniform(15, 19, NUMBER),
            "p_elliptical": 1 - p,
            "p_spiral": p,
            "predicted": np.where(p > 0.5, "spiral", "elliptical"),
            "tsne_x": rng.normal(size=NUMBER),
            "tsne_y": rng.normal(size=NUMBER),
            "umap_x": rng.normal(size=NUMBER),
            "umap_y": rng.normal(size=NUMBER),
            "cluster": (p > 0.5).astype(int),
            "flags": 0,
            "run": "run </script><b>x",
        }
    )
    table.loc[0, ["tsne_x", "tsne_y", "umap_x", "umap_y"]] = np.nan
    meta = {"classes": ["elliptical", "spiral"], "positive": "spiral", "runs": ["r1 </script>"]}
    Catalogue(table, None, meta).save(folder / "catalogue.parquet")
    images = np.zeros((NUMBER - 10, 32, 32, 3), np.uint8)
    images[:, :, :, 0] = (np.arange(NUMBER - 10) % 256)[:, None, None]
    write_store(folder / "des", images, table[["id"]].iloc[: NUMBER - 10], survey="des")
    return folder


@pytest.fixture(scope="module")
def page_of(project, chromium):
    """The page in a real browser, opened as a file; whatever it asks of a network fails the test."""
    out = project / "atlas.html"
    images = ["--images", str(project / "des")]
    assert galcat(["atlas", str(project / "catalogue.parquet"), *images, "-o", str(out)]) == 0
    asked, errors = [], []
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(out.as_uri())
    page.wait_for_selector(".bk-Canvas")
    yield page
    page.close()
    assert not errors
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)


def drawn(page) -> dict:
    """Return the map's columns, the selection, and what the points are coloured by."""
    return page.evaluate(
        """() => {
          const found = [...Bokeh.documents[0]._all_models.values()];
          const glyph = found.find((m) => m.type === "GlyphRenderer");
          return {ids: [...glyph.data_source.data.id], x: [...glyph.data_source.data.x],
                  selected: [...glyph.data_source.selected.indices],
                  field: glyph.glyph.fill_color.field};
        }"""
    )


def canvas(page) -> dict:
    return page.locator(".bk-Canvas").first.bounding_box()


def test_a_box_selects_and_the_csv_has_exactly_those_ids(page_of, project):
    table = pd.read_parquet(project / "catalogue.parquet")
    box = canvas(page_of)
    page_of.locator("[title='Box Select']").first.click()
    page_of.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page_of.mouse.down()
    page_of.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.7, steps=8)
    page_of.mouse.up()
    page_of.wait_for_selector("h2:has-text('galaxies selected')")
    state = drawn(page_of)
    assert 10 < len(state["selected"]) < NUMBER - 1
    with page_of.expect_download() as download:
        page_of.get_by_role("button", name="Save the selection as CSV").click()
    with Path(download.value.path()).open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == [state["ids"][i] for i in sorted(state["selected"])]
    known = table.set_index(table["id"].astype(str))
    for row in rows:
        assert float(row["p_spiral"]) == pytest.approx(known.loc[row["id"], "p_spiral"], abs=1e-6)
        assert row["predicted"] == known.loc[row["id"], "predicted"]
    # the table beside the map tells the same, and the pictures are those galaxies'
    pictured = page_of.locator(".pictures i").first.get_attribute("aria-label")
    assert pictured == f"galaxy {rows[0]['id']}"


def test_hovering_shows_the_picture_of_that_galaxy(page_of, project):
    place = page_of.evaluate(
        """() => {
          const found = [...Bokeh.documents[0]._all_models.values()];
          const glyph = found.find((m) => m.type === "GlyphRenderer");
          const view = Bokeh.index.find_one(glyph);
          const [sx] = view.coordinates.x_scale.v_compute([glyph.data_source.data.x[7]]);
          const [sy] = view.coordinates.y_scale.v_compute([glyph.data_source.data.y[7]]);
          return [sx, sy, glyph.data_source.data.id[7]];
        }"""
    )
    box = canvas(page_of)
    page_of.mouse.move(box["x"] + place[0], box["y"] + place[1])
    page_of.mouse.move(box["x"] + place[0] + 1, box["y"] + place[1])
    page_of.wait_for_selector(f".bk-Tooltip:has-text('{place[2]}')")
    style = page_of.locator(".bk-Tooltip div[style*='--s']").first.get_attribute("style")
    made = sprites(CutoutStore.open(project / "des"), np.arange(1, NUMBER - 10))  # as on the map
    row = int(place[2]) - FIRST - 1
    assert "height:64px" in style.replace(" ", "")
    assert f"var(--s{made.sheet[row]}) -{made.x_px[row]}px -{made.y_px[row]}px" in style.replace(
        " 0px", " -0px"
    )


def test_another_map_and_another_colour(page_of, project):
    table = pd.read_parquet(project / "catalogue.parquet").iloc[1:]  # the first is on no map
    page_of.get_by_label("Map", exact=True).select_option(label="UMAP")
    assert drawn(page_of)["x"] == pytest.approx(table["umap_x"].tolist(), rel=1e-5)
    page_of.get_by_label("Colour by").select_option(label="Cluster")
    assert drawn(page_of)["field"] == "cluster"
    page_of.wait_for_selector("li:has-text('0 ')")


def test_the_same_page_is_not_made_twice(project, capsys):
    command = ["atlas", str(project / "catalogue.parquet"), "-o", str(project / "again.html")]
    assert galcat(command) == 0
    assert "up to date" not in capsys.readouterr().err
    assert galcat(command) == 0
    assert "up to date" in capsys.readouterr().err
    assert galcat([*command, "--most", "50"]) == 0
    assert "up to date" not in capsys.readouterr().err
    assert "50 of 300 galaxies of DES, no pictures" in (project / "again.html").read_text()


def test_what_cannot_be_shown_is_told(project, tmp_path, capsys):
    catalogue = Catalogue.load(project / "catalogue.parquet")
    without = catalogue.table.drop(columns=["tsne_x", "tsne_y", "umap_x", "umap_y"])
    with pytest.raises(GalcatError, match="has no map"):
        atlas(Catalogue(without, None, catalogue.meta))
    write_store(
        tmp_path / "other",
        np.zeros((2, 8, 8, 3), np.uint8),
        pd.DataFrame({"id": [1, 2]}),
        survey="des",
    )
    with pytest.raises(GalcatError, match="no picture of the catalogue's galaxies"):
        atlas(catalogue, CutoutStore.open(tmp_path / "other"))
    table = str(project / "catalogue.parquet")
    assert galcat(["atlas", table, "-o", str(tmp_path / "atlas.png")]) == 2
    assert "the page is HTML" in capsys.readouterr().err
    assert galcat(["atlas", table, "-o", str(tmp_path / "a.html"), "--most", "0"]) == 2
    assert "--most 0: at least 1" in capsys.readouterr().err
