"""Boxes and lassos: exactly the points inside, whatever the shape, whatever a browser sends."""

from __future__ import annotations

import numpy as np
import pytest
from galcat_app.state import selection
from matplotlib.path import Path as Outline

from galcat_core.errors import GalcatError


def _points(number: int = 5000) -> np.ndarray:
    points = np.random.default_rng(3).random((number, 2))
    points[::97] = np.nan
    return points


@pytest.mark.parametrize("vertices", [3, 7, 60, 900])
def test_a_lasso_holds_the_points_that_another_reckoning_finds(vertices: int) -> None:
    rng = np.random.default_rng(vertices)
    angle = np.sort(rng.uniform(0, 2 * np.pi, vertices))
    radius = rng.uniform(0.1, 0.5, vertices)
    drawn = 0.5 + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = _points()
    found = selection.rows_inside(points, "lasso", drawn.tolist())
    known = np.nan_to_num(points, nan=-9.0)
    assert 0 < len(found) < len(points)
    assert np.array_equal(found, np.flatnonzero(Outline(drawn).contains_points(known)))


def test_a_lasso_that_crosses_itself_follows_the_even_odd_rule() -> None:
    star = [[np.cos(a), np.sin(a)] for a in np.deg2rad(90 + 144 * np.arange(5))]
    points = np.array([[0.0, 0.0], [0.0, 0.8], [0.0, 5.0]])  # the middle is wound around twice
    assert selection.rows_inside(points, "lasso", star).tolist() == [1]


def test_each_point_is_in_one_of_two_lassos_that_share_an_edge() -> None:
    points = np.stack(np.meshgrid(np.linspace(0, 1, 11), np.linspace(0, 1, 11)), -1).reshape(-1, 2)
    left = selection.inside_polygon(points, np.array([[-1, -1], [0.5, -1], [0.5, 2], [-1, 2.0]]))
    right = selection.inside_polygon(points, np.array([[0.5, -1], [2, -1], [2, 2], [0.5, 2.0]]))
    assert not (left & right).any()
    assert (left | right).all()


def test_a_box_holds_its_edges_and_never_a_galaxy_without_a_place() -> None:
    points = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 1.01], [np.nan, 0.5]])
    assert selection.rows_inside(points, "box", [[1, 1], [0, 0]]).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("shape", "points"),
    [
        ("box", None),
        ("box", [[0, 0]]),
        ("lasso", [[0, 0], [1, "x"]]),
        ("lasso", [[0, 0], [1, float("inf")], [2, 2]]),
        ("lasso", [[0, 0, 0], [1, 1, 1]]),
        ("lasso", [[0, 0]] * 30_000),
        ("__class__", [[0, 0], [1, 1]]),
        (None, {"a": 1}),
    ],
)
def test_what_is_no_shape_is_refused(shape: object, points: object) -> None:
    with pytest.raises(GalcatError, match="shape"):
        selection.rows_inside(_points(10), shape, points)  # type: ignore[arg-type]


def test_modes_add_and_take_away() -> None:
    old, new = np.array([1, 5, 9]), np.array([9, 5, 7])
    assert selection.combine(old, new, "replace").tolist() == [5, 7, 9]
    assert selection.combine(old, new, "add").tolist() == [1, 5, 7, 9]
    assert selection.combine(old, new, "remove").tolist() == [1]
    with pytest.raises(GalcatError, match="legal are replace, add, remove"):
        selection.combine(old, new, "xor")
