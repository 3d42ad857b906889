"""Maps: they keep neighbours together, come out the same each time, and bear few galaxies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

from galcat_core.config import Config
from galcat_core.embeddings import graph
from galcat_core.embeddings.features import components
from galcat_core.embeddings.project import METHODS, project, project_to
from galcat_core.errors import GalcatError
from galcat_core.records import Projection
from galcat_core.sections import Project

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def projection(groups) -> Projection:
    return project(groups[0], Project(), progress=False)


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_maps_keep_neighbours_and_groups_together(groups, projection, method):
    embedding, group = groups
    points = projection.table[[f"{method}_x", f"{method}_y"]].to_numpy()
    assert (projection.ids == embedding.ids).all()
    assert trustworthiness(components(embedding).points, points, n_neighbors=10) > 0.8
    assert silhouette_score(points, group) > 0.3


def test_the_meta_tells_what_was_used(projection):
    assert projection.meta["run"] == ["baseline-0123456789ab"]
    assert projection.meta["settings"]["perplexity"] == 30
    assert projection.meta["settings"]["neighbors"] == 15
    assert projection.meta["notes"] == ["2 features are the same for every galaxy: left out"]


def test_same_bytes_in_another_process_with_another_number_of_threads(groups, projection, tmp_path):
    """t-SNE and UMAP both; TensorFlow is not imported by the way."""
    script = (
        "import sys, numpy as np\n"
        "from galcat_core.embeddings import project as room\n"
        "from galcat_core.records import Embedding\n"
        "room.THREADS_FROM = 0\n"
        "room.project(Embedding.load(sys.argv[1]), progress=False).save(sys.argv[2])\n"
        "assert 'tensorflow' not in sys.modules and 'umap' in sys.modules\n"
        "import umap.umap_\n"
    )
    groups[0].save(tmp_path / "embedding.parquet")
    projection.save(tmp_path / "here.parquet")
    out = tmp_path / "there.parquet"
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"}
    arguments = [sys.executable, "-c", script, str(tmp_path / "embedding.parquet"), str(out)]
    subprocess.run(arguments, check=True, env=env, cwd=ROOT)
    assert out.read_bytes() == (tmp_path / "here.parquet").read_bytes()


def test_methods_are_chosen_in_the_config(groups):
    settings = Config().replace(project={"methods": ["tsne"]}).project
    columns = project(groups[0], settings, progress=False).table.columns
    assert list(columns) == ["id", "tsne_x", "tsne_y"]
    with pytest.raises(GalcatError, match=r"no map 'tnse'; legal are tsne, umap. Did you mean"):
        project(groups[0], Project(methods=["tnse"]))
    with pytest.raises(GalcatError, match="no map is asked for"):
        project(groups[0], Project(methods=[]))


@pytest.mark.parametrize("count", [1, 2, 4, 5, 9, 20])
def test_few_galaxies_are_mapped_and_it_is_told(embedding_of, capsys, count):
    features = np.random.default_rng(1).normal(size=(count, 6))
    made = project(embedding_of(features), Project())
    assert len(made) == count
    assert np.isfinite(made.table[["tsne_x", "tsne_y", "umap_x", "umap_y"]].to_numpy()).all()
    told = capsys.readouterr().err
    if count < 5:
        assert f"{count} galaxies are too few for a map" in told
        expected = components(embedding_of(features)).points[:, :2]
        assert np.array_equal(made.table[["tsne_x", "tsne_y"]].to_numpy(), expected)
    else:
        assert "perplexity 30 needs 91 galaxies" in told
        assert made.meta["settings"]["perplexity"] == pytest.approx((count - 1) / 3)


def test_equal_galaxies_and_one_feature_do_no_harm(embedding_of):
    rng = np.random.default_rng(2)
    twice = np.repeat(rng.normal(size=(30, 5)), 2, axis=0)
    made = project(embedding_of(twice), Project(), progress=False)
    assert np.isfinite(made.table["umap_x"]).all() and np.isfinite(made.table["tsne_x"]).all()
    line = project(embedding_of(rng.normal(size=(40, 1))), Project(), progress=False)
    assert np.isfinite(line.table["tsne_x"]).all()


def test_features_that_cannot_be_mapped_are_told(embedding_of):
    with pytest.raises(GalcatError, match="all 7 galaxies have the same features"):
        project(embedding_of(np.ones((7, 4))))
    broken = np.random.default_rng(0).normal(size=(9, 4))
    broken[2, 1] = np.nan
    with pytest.raises(GalcatError, match="features of 1 galaxies are not numbers"):
        project(embedding_of(broken))


def test_components_are_scikit_learns(groups):
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    found = components(groups[0], 5)
    alive = groups[0].features[:, groups[0].features.std(axis=0) > 0].astype(float)
    fit = PCA(5, svd_solver="full").fit(StandardScaler().fit_transform(alive))
    expected = fit.transform(StandardScaler().fit_transform(alive))
    assert np.allclose(np.abs(found.points), np.abs(expected), atol=1e-4)
    assert found.constant == 2
    assert found.explained == pytest.approx(fit.explained_variance_ratio_.sum(), abs=1e-5)
    assert components(groups[0], 0).points.shape[1] == 22


def test_the_graph_is_exact_in_blocks(groups, monkeypatch):
    points = components(groups[0], 8).points
    monkeypatch.setattr(graph, "BLOCK", 400 * 37)
    index, distance = graph.neighbor_graph(points, 12, progress=False)
    found = NearestNeighbors(n_neighbors=13).fit(points).kneighbors(points)
    assert np.allclose(distance, found[0][:, 1:], atol=1e-4)
    assert np.mean(index == found[1][:, 1:]) > 0.999
    assert (index != np.arange(400)[:, None]).all()


@pytest.mark.slow
def test_the_approximate_graph_of_very_many_galaxies(groups, monkeypatch):
    points = components(groups[0], 8).points
    exact, _ = graph.neighbor_graph(points, 10, progress=False)
    monkeypatch.setattr(graph, "EXACT_UP_TO", 100)
    index, distance = graph.neighbor_graph(points, 10, progress=False)
    again, _ = graph.neighbor_graph(points, 10, progress=False)
    assert np.array_equal(index, again)
    assert (index != np.arange(400)[:, None]).all() and (np.diff(distance, axis=1) >= 0).all()
    shared = [len(set(a) & set(b)) for a, b in zip(exact, index, strict=True)]
    assert np.mean(shared) > 9


def test_a_map_that_is_finished_outlives_a_kill(groups, projection, tmp_path, monkeypatch):
    embedding, _ = groups
    out = tmp_path / "map.parquet"
    drawn = []

    def counted(graph, method=METHODS["tsne"]):
        drawn.append("tsne")
        return method(graph)

    def killed(graph):
        raise KeyboardInterrupt

    monkeypatch.setitem(METHODS, "tsne", counted)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setitem(METHODS, "umap", killed)
        project_to(out, embedding, progress=False)
    assert not out.exists()
    made = project_to(out, embedding, progress=False)
    assert drawn == ["tsne"]
    assert made.table.equals(projection.table)
    assert Projection.load(out).table.equals(projection.table)
    assert not (tmp_path / "map.parquet.parts").exists()
