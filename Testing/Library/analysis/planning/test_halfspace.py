"""The share of a voxel beyond a plane, against geometry and against samples."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.analysis.planning.halfspace import VoxelShare

STEPS = np.diag([3.0, 0.8, 0.5])


def unit(*direction: float) -> np.ndarray:
    return np.array(direction) / np.linalg.norm(direction)


def test_a_plane_across_an_axis_shares_by_length() -> None:
    share = VoxelShare(unit(1, 0, 0), STEPS)
    distance = np.array([-1.6, -1.5, -0.75, 0.0, 0.75, 1.5, 9.0])
    np.testing.assert_allclose(share(distance), [0, 0, 0.25, 0.5, 0.75, 1, 1], atol=2e-5)


def test_a_plane_along_one_edge_shares_by_triangle() -> None:
    """Through the middles of two sides of a square: an eighth of it lies beyond."""
    share = VoxelShare(unit(0, 1, 1), np.eye(3))
    assert share(np.array([-np.sqrt(0.5) / 2]))[0] == pytest.approx(1 / 8, abs=2e-4)


def test_a_corner_is_a_tetrahedron() -> None:
    """A plane that cuts t of each edge of a corner leaves t³ / 6 of the cube."""
    share = VoxelShare(unit(1, 1, 1), np.eye(3))
    for t in (0.1, 0.5, 1.0):
        distance = -(1.5 - t) / np.sqrt(3)
        assert share(np.array([distance]))[0] == pytest.approx(t**3 / 6, rel=1e-9)
        assert share(np.array([-distance]))[0] == pytest.approx(1 - t**3 / 6, rel=1e-9)


def test_any_plane_against_samples() -> None:
    rng = np.random.default_rng(1)
    samples = (np.stack(np.meshgrid(*[np.arange(60)] * 3), axis=-1).reshape(-1, 3) + 0.5) / 60 - 0.5
    for _ in range(10):
        normal = unit(*rng.normal(size=3))
        share = VoxelShare(normal, STEPS)
        reach = samples @ STEPS @ normal
        for distance in rng.uniform(-1.2, 1.2, 5) * share.half_mm:
            assert share(np.array([distance]))[0] == pytest.approx((reach + distance > 0).mean(), abs=2e-3)


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 0), (1, 1e-7, 0), (1, 1e-3, 1e-5), (0.3, 0.5, 0.8)])
def test_shares_of_a_column_add_up_to_its_length(direction: tuple[float, float, float]) -> None:
    """Voxels one behind the other along z: what lies beyond is what the plane cuts off, to a millionth."""
    normal = unit(*direction)
    share = VoxelShare(normal, np.diag([3.0, 3.0, 3.0]))
    for offset in np.linspace(0, 1, 7):
        distance = 3.0 * (np.arange(-400, 400) + offset) * normal[0]
        if normal[0] > 0.2:
            assert share(distance).sum() == pytest.approx(400 - 0.5 + offset, abs=1e-6)
        else:
            np.testing.assert_allclose(share(distance), 0.5, atol=1e-9)
