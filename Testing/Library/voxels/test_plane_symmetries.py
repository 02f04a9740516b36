"""Flips and quarter turns against numpy's own, and their boxes against where marked voxels go."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.voxels.plane_symmetries import SYMMETRIES, PlaneSymmetry

ALL = SYMMETRIES["flips-and-turns"]
VOLUME = np.arange(2 * 3 * 5).reshape(2, 3, 5)


def test_the_sets_are_the_identity_the_four_flips_and_the_eight_symmetries_of_a_square() -> None:
    assert [len(SYMMETRIES[name]) for name in ("none", "flips", "flips-and-turns")] == [1, 4, 8]
    flips = [VOLUME, VOLUME[:, :, ::-1], VOLUME[:, ::-1], VOLUME[:, ::-1, ::-1]]
    turns = [np.rot90(flip, axes=(1, 2)) for flip in flips]
    wanted = {(volume.shape, *volume.ravel()) for volume in (*flips, *turns)}
    got = [symmetry.applied(VOLUME) for symmetry in ALL]
    assert len(wanted) == 8
    assert {(volume.shape, *volume.ravel()) for volume in got} == wanted
    for name, symmetries in SYMMETRIES.items():
        assert symmetries[0].is_identity, name
        assert not any(symmetry.is_identity for symmetry in symmetries[1:])
    np.testing.assert_array_equal(
        [symmetry.applied(VOLUME) for symmetry in SYMMETRIES["flips"]],
        flips,
    )


@pytest.mark.parametrize("symmetry", ALL)
def test_undone_gives_back_what_was_applied(symmetry: PlaneSymmetry) -> None:
    np.testing.assert_array_equal(symmetry.undone(symmetry.applied(VOLUME)), VOLUME)


@pytest.mark.parametrize("symmetry", ALL)
def test_a_box_goes_where_its_voxels_go(symmetry: PlaneSymmetry) -> None:
    box = (slice(1, 2), slice(0, 2), slice(1, 5))
    marked = np.zeros(VOLUME.shape, bool)
    marked[box] = True
    moved = symmetry.applied_to_box(box, VOLUME.shape)
    wanted = symmetry.applied(marked)
    got = np.zeros(wanted.shape, bool)
    got[moved] = True
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(symmetry.undone(symmetry.applied(VOLUME)[moved]), VOLUME[box])
