"""Cubes of samples: where they lie, what they read of a volume, and what they give back to it."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.sample_cube import Cube

SPACING = (3.0, 1.0, 0.5)
SHAPE = (20, 50, 80)


def cube(step_mm: float = 1.5, center: tuple[float, float, float] = (9.0, 22.0, 41.0)) -> Cube:
    return Cube(center=center, step_mm=(step_mm,) * 3, samples=8, spacing_mm=SPACING, shape=SHAPE)


def plane() -> np.ndarray:
    """A volume that rises linearly along every axis, in millimetres."""
    z, y, x = (np.arange(n) * s for n, s in zip(SHAPE, SPACING, strict=True))
    return z[:, None, None] + 10 * y[None, :, None] + 100 * x[None, None, :]


@pytest.mark.parametrize("step", [0.4, 1.5, 2.0])
def test_samples_of_a_linear_volume_are_its_values_at_their_places(step: float) -> None:
    """Also where several voxels are averaged, two, three or four of them along an axis: a mean lies in their middle."""
    found = cube(step).sampled(plane().__getitem__)
    steps = (np.arange(8) - 3.5) * step
    z, y, x = (steps + c * s for c, s in zip((9.0, 22.0, 41.0), SPACING, strict=True))
    wanted = z[:, None, None] + 10 * y[None, :, None] + 100 * x[None, None, :]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_what_is_far_apart_is_averaged_so_that_noise_does_not_alias() -> None:
    noise = np.random.default_rng(0).normal(0, 10, SHAPE)
    found = cube(3.0).sampled(noise.__getitem__)
    assert found.std() < 10 / np.sqrt(3 * 6) * 1.3  # the mean of 1 x 3 x 6 voxels


def test_only_the_box_around_it_is_read() -> None:
    asked: list[Box] = []

    def read(box: Box) -> np.ndarray:
        asked.append(box)
        return np.zeros([side.stop - side.start for side in box])

    cube().sampled(read)
    assert len(asked) == 1
    assert all(side.stop - side.start < n for side, n in zip(asked[0], SHAPE, strict=True))


def test_beyond_the_volume_its_border_goes_on() -> None:
    found = cube(center=(0.0, 0.0, 0.0)).sampled(plane().__getitem__)
    assert found[0, 0, 0] == pytest.approx(found[3, 3, 3], abs=30)
    assert np.isfinite(found).all()


def test_spread_gives_a_linear_field_back_at_the_voxels_of_the_box() -> None:
    made = cube(2.0)
    steps = np.arange(8, dtype=np.float32)
    field = (steps[:, None, None] + 10 * steps[None, :, None] + 100 * steps[None, None, :]).astype(np.float32)
    found = made.spread(field)
    z, y, x = (side.start for side in made.box)
    assert found.shape == tuple(side.stop - side.start for side in made.box)
    for offset in ((0, 0, 0), (2, 3, 4)):
        index = made.index_of((z + offset[0], y + offset[1], x + offset[2]))
        assert found[offset] == pytest.approx(float(index @ (1, 10, 100)), abs=1e-2)


def test_the_box_holds_the_voxels_whose_centers_lie_in_the_cube() -> None:
    for axis, side in enumerate(cube().box):
        places = cube().places(axis)
        inside = np.flatnonzero(
            (np.arange(SHAPE[axis]) >= places[0]) & (np.arange(SHAPE[axis]) <= places[-1])
        )
        assert (side.start, side.stop - 1) == (inside[0], inside[-1])


def test_the_box_of_a_cube_at_the_end_of_a_volume_is_cut_off_there() -> None:
    box = cube(center=(19.0, 49.0, 79.0)).box
    assert [side.stop for side in box] == list(SHAPE)
