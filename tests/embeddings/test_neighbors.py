"""Neighbours are those of scikit-learn; clusters find the groups, and the agreement is told honestly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

from galcat_core.embeddings.neighbors import Neighbors, agreement, cluster, nearest
from galcat_core.errors import GalcatError
from galcat_core.records import Predictions
from galcat_core.sections import Project


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_nearest_are_those_of_scikit_learn(groups, metric):
    embedding, _ = groups
    peer = NearestNeighbors(n_neighbors=9, metric=metric, algorithm="brute").fit(embedding.features)
    distance, rows = peer.kneighbors(embedding.features[:40])
    search = Neighbors(embedding, metric)
    for row in range(40):
        found = search.nearest(embedding.ids[row], 8)
        assert list(found["id"]) == list(embedding.ids[rows[row, 1:]])
        assert np.allclose(found["distance"], distance[row, 1:], atol=1e-3)


def test_nearest_to_features_includes_the_galaxy_itself(groups):
    embedding, _ = groups
    found = nearest(embedding, embedding.features[7] * 3, k=3)
    assert found["id"][0] == embedding.ids[7]
    assert found["distance"][0] == pytest.approx(0, abs=1e-6)


def test_nearest_gives_no_more_than_there_are(embedding_of):
    embedding = embedding_of(np.eye(4) + 0.1, np.array(["a.jpg", "b.jpg", "c.jpg", "d.jpg"]))
    found = nearest(embedding, "b.jpg", k=50)
    assert list(found["id"]) == ["a.jpg", "c.jpg", "d.jpg"]  # equally far: in their order
    assert len(nearest(embedding_of(np.ones((1, 3))), 0)) == 0


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_nearest_to_several_are_those_to_their_mean_without_them(groups, metric):
    embedding, _ = groups
    rows = [3, 50, 199]
    points = embedding.features.astype(float)
    if metric == "cosine":
        points = points / np.linalg.norm(points, axis=1, keepdims=True)
    peer = NearestNeighbors(n_neighbors=12, metric=metric, algorithm="brute").fit(points)
    order = [n for n in peer.kneighbors(points[rows].mean(axis=0)[None])[1][0] if n not in rows]
    found = Neighbors(embedding, metric).nearest_to_all(embedding.ids[rows], 9)
    assert list(found["id"]) == list(embedding.ids[order[:9]])
    assert len(Neighbors(embedding).nearest_to_all(embedding.ids, 9)) == 0
    for ids, told in (([], "no galaxy is given"), ([embedding.ids[0], 5], "galaxy 5 is not in")):
        with pytest.raises(GalcatError, match=told):
            Neighbors(embedding).nearest_to_all(np.array(ids), 9)


@pytest.mark.parametrize(
    ("query", "k", "metric", "told"),
    [
        (5, 3, "cosine", "galaxy 5 is not in this embedding of 400"),
        (np.zeros(3), 3, "cosine", r"features of shape \(3,\): 24 numbers"),
        (5, 0, "cosine", "at least 1 neighbour"),
        (5, 3, "manhattan", "legal are cosine, euclidean"),
    ],
)
def test_bad_questions_are_told(groups, query, k, metric, told):
    with pytest.raises(GalcatError, match=told):
        nearest(groups[0], query, k, metric)


@pytest.mark.parametrize("method", ["kmeans", "gaussian_mixture"])
def test_clusters_find_the_groups(groups, predicted, method):
    embedding, group = groups
    found = cluster(embedding, Project(cluster_method=method), predicted)
    named = found.table["cluster"].to_numpy()
    assert adjusted_rand_score(group, named) > 0.85
    assert found.meta["sizes"] == [(named == 0).sum(), (named == 1).sum()]
    assert found.meta["sizes"][0] >= found.meta["sizes"][1]
    margin = found.table["margin"]
    assert margin.between(0, 1).all() and margin.dtype == np.float32
    again = cluster(embedding, Project(cluster_method=method), predicted)
    assert again.table.equals(found.table) and again.meta == found.meta


def test_predictions_have_no_part_in_the_clusters(groups, predicted):
    embedding, _ = groups
    alone = cluster(embedding, Project())
    assert alone.table.equals(cluster(embedding, Project(), predicted).table)
    assert "agreement" not in alone.meta


def test_agreement_is_told_for_both_halves(groups, predicted):
    embedding, _ = groups
    found = cluster(embedding, Project(), predicted)
    told = found.meta["agreement"]
    said = predicted.table["predicted"].to_numpy()
    named = found.table["cluster"].to_numpy()
    assert told["all"]["n"] == 400
    assert told["all"]["adjusted_rand"] == pytest.approx(adjusted_rand_score(said, named), abs=1e-6)
    counts = pd.crosstab(named, said)
    assert told["all"]["purity"] == pytest.approx(counts.max(axis=1).sum() / 400)
    assert told["all"]["purity_without_clusters"] == pytest.approx(counts.sum(axis=0).max() / 400)
    sure = told["confident_half"]
    unsure = told["uncertain_half"]
    assert sure["n"] == unsure["n"] == 200
    assert sure["adjusted_rand"] > told["all"]["adjusted_rand"] > unsure["adjusted_rand"]
    assert sum(n for row in unsure["counts"].values() for n in row.values()) == 200


def test_galaxies_without_prediction_are_counted(groups, predicted):
    some = Predictions(predicted.table.head(300), None, predicted.meta)
    found = cluster(groups[0], Project(), some)
    assert found.meta["without_prediction"] == 100
    assert len(found) == 400 and found.meta["agreement"]["all"]["n"] == 300


def test_clusters_that_mean_nothing_have_no_agreement(groups, predicted):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"id": groups[0].ids, "cluster": rng.integers(0, 2, 400)})
    told = agreement(table, predicted)["all"]
    assert abs(told["adjusted_rand"]) < 0.03 and abs(told["mutual_information"]) < 0.03
    assert told["purity"] < told["purity_without_clusters"] + 0.03


def test_bad_clusterings_are_told(groups, predicted, embedding_of):
    with pytest.raises(GalcatError, match="1 galaxies cannot make 2 clusters"):
        cluster(embedding_of(np.ones((1, 3))))
    elsewhere = Predictions(predicted.table.assign(id=np.arange(400)), None, predicted.meta)
    with pytest.raises(GalcatError, match="no galaxy in common"):
        cluster(groups[0], Project(), elsewhere)
    assert cluster(groups[0], Project(clusters=5)).table["cluster"].nunique() == 5
