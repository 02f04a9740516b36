"""Lesions of prepared cases one by one: their boxes, voxels and sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from Testing.Training.prepared import write_case
from training.sampling.lesions import lesions_of

SHAPE = (10, 30, 40)


def labels(*boxes: tuple[slice, ...]) -> np.ndarray:
    made = np.ones(SHAPE, np.uint8)
    for box in boxes:
        made[box] = 2
    return made


ONE, TWO = (slice(2, 5), slice(3, 9), slice(30, 38)), (slice(6, 9), slice(20, 24), slice(1, 5))


def test_each_component_is_a_lesion_with_its_voxels_and_the_diameter_of_a_ball_as_large(
    tmp_path: Path,
) -> None:
    cases = [
        write_case(tmp_path / "a", np.zeros(SHAPE), labels(), spacing_mm=(2.0, 1.0, 1.0)),
        write_case(tmp_path / "b", np.zeros(SHAPE), labels(ONE, TWO), spacing_mm=(2.0, 1.0, 1.0)),
    ]
    found = lesions_of(cases, 1.0)
    assert [(lesion.case, lesion.voxels.box) for lesion in found] == [(1, ONE), (1, TWO)]
    assert found[0].diameter_mm == pytest.approx((6 * 3 * 6 * 8 * 2 / np.pi) ** (1 / 3))
    assert all(lesion.voxels.mask.all() for lesion in found)


def test_a_lesion_that_is_too_small_is_left_out(tmp_path: Path) -> None:
    case = write_case(tmp_path / "a", np.zeros(SHAPE), labels(ONE, TWO))
    assert [lesion.voxels.box for lesion in lesions_of([case], 5.0)] == [ONE]  # 6.5 mm; the other has 4.5 mm


@pytest.mark.parametrize(
    "box", [ONE, (slice(0, 10), slice(0, 30), slice(0, 40)), (slice(3, 9), slice(5, 22), slice(0, 33))]
)
def test_its_voxels_in_a_box_are_those_of_the_whole_case_there(
    tmp_path: Path, box: tuple[slice, ...]
) -> None:
    (first, _) = lesions_of([write_case(tmp_path / "a", np.zeros(SHAPE), labels(ONE, TWO))], 1.0)
    wanted = np.zeros(SHAPE, bool)
    wanted[ONE] = True
    np.testing.assert_array_equal(first.voxels.read(box), wanted[box])
    assert not first.voxels.read(TWO).any()
