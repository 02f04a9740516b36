"""The longest diameter in space against geometry."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis.longest_3d_diameter import farthest_pairs, longest_3d_diameter
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from Testing.Library.analysis.bodies import CENTRE_MM, GRIDS, ball, cuboid, grid, painted, turned

STEPS = np.diag([3.0, 0.8, 0.5])


def measured(image: sitk.Image) -> tuple[float, np.ndarray, np.ndarray]:
    axes = ImageAxes.of(image)
    chord = longest_3d_diameter(sitk.GetArrayFromImage(image), axes.steps_mm)
    return chord.length_mm, axes.origin_mm + chord.start - CENTRE_MM, axes.origin_mm + chord.end - CENTRE_MM


def test_one_voxel_is_as_long_as_its_longest_side() -> None:
    mask = np.zeros((4, 5, 6), bool)
    mask[3, 2, 1] = True
    chord = longest_3d_diameter(mask, STEPS)
    assert chord.length_mm == pytest.approx(3.0)
    np.testing.assert_allclose((chord.start + chord.end) / 2, [9.0, 1.6, 0.5])


@pytest.mark.parametrize(("shape", "length"), [((7, 1, 1), 21.0), ((1, 7, 1), 5.6), ((1, 1, 7), 3.5)])
def test_a_row_of_voxels_is_as_long_as_all_of_them(shape: tuple[int, int, int], length: float) -> None:
    assert longest_3d_diameter(np.ones(shape, bool), STEPS).length_mm == pytest.approx(length)


def test_a_line_across_is_drawn_out_by_half_a_step_at_both_ends() -> None:
    """From (0, 0, 0) to (2, 3, 5) in voxels: one tenth of the line more."""
    mask = np.zeros((3, 4, 6), bool)
    mask[0, 0, 0] = mask[2, 3, 5] = True
    length = np.sqrt(6.0**2 + 2.4**2 + 2.5**2)
    assert longest_3d_diameter(mask, STEPS).length_mm == pytest.approx(1.1 * length)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("radius", [4.0, 10.0, 20.0])
def test_balls(name: str, radius: float) -> None:
    length, start, end = measured(painted(grid(name, 2 * radius + 8), (1, ball((0, 0, 0), radius))))
    assert -0.1 < length - 2 * radius < 1.0
    assert np.linalg.norm(end - start) == pytest.approx(length)
    assert (start + end) / 2 == pytest.approx(np.zeros(3), abs=1.6)


@pytest.mark.parametrize("name", GRIDS)
def test_a_slender_box_at_an_angle(name: str) -> None:
    """50 by 8 by 8 mm, turned twice: its diagonal, along its first axis."""
    turn = turned(35.0) @ turned(40.0, 1)
    image = painted(grid(name, 60.0), (1, cuboid((-25, -4, -4), (25, 4, 4), turn)))
    length, start, end = measured(image)
    assert length == pytest.approx(np.sqrt(50**2 + 2 * 8**2), abs=max(GRIDS[name][1]))
    assert abs((end - start) @ turn[:, 0]) > 48.0


@pytest.mark.parametrize("flat", [True, False])
def test_a_hull_drops_no_end(flat: bool) -> None:
    """Many voxels, in one tilted plane or all over, against all pairs."""
    rng = np.random.default_rng(11)
    mask = rng.uniform(size=(30, 30, 30)) > 0.7
    if flat:
        z, y, x = np.indices(mask.shape)
        mask &= z + y - 29 == 0 * x
    voxels = np.argwhere(mask)
    points = voxels @ STEPS
    length = np.linalg.norm(points[:, None] - points[None], axis=2) if flat else None
    chord = longest_3d_diameter(mask, STEPS)
    if length is None:
        ends = np.concatenate([voxels[[0, -1]], voxels[voxels[:, 0] == 0], voxels[voxels[:, 0] == 29]])
        length = np.linalg.norm((ends[:, None] - ends[None]) @ STEPS, axis=2)
    assert chord.length_mm * 1.0 >= length.max()
    assert chord.length_mm <= length.max() * (1 + 1 / 29)


def test_of_equally_far_pairs_the_longest_line_counts() -> None:
    """(0, 0, 3) and (2, 1, 2) both lie 3 mm from the origin: drawn out to 4 mm and to 3.6 mm."""
    for ends in ([(0, 0, 3), (2, 1, 2)], [(3, 0, 0), (2, 1, 2)], [(0, 3, 0), (1, 2, 2)]):
        mask = np.zeros((4, 4, 4), bool)
        mask[0, 0, 0] = True
        mask[tuple(np.array(ends).T)] = True
        for axis in range(3):
            assert longest_3d_diameter(np.flip(mask, axis), np.eye(3)).length_mm == pytest.approx(4.0)


def test_farthest_pairs_across_blocks() -> None:
    """Of 1500 points near the origin two lie far out, one at either end of the list."""
    points = np.random.default_rng(0).uniform(size=(1500, 3))
    points[3], points[1400] = (-9, 0, 0), (9, 0, 0)
    assert {tuple(sorted(pair)) for pair in farthest_pairs(points)} == {(3, 1400)}
