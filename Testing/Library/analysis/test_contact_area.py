"""Where bodies touch: areas and lengths against geometry."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis.contact_area import Contact, contact_between
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from Testing.Library.analysis.bodies import GRIDS, Body, ball, cuboid, grid, painted, tube, turned


def touching(name: str, wall: Body, other: Body, size_mm: float = 44.0) -> Contact | None:
    image = grid(name, size_mm)
    masks = [sitk.GetArrayFromImage(painted(image, (1, body))) > 0 for body in (wall, other)]
    return contact_between(masks[0], masks[1], ImageAxes.of(image).steps_mm)


def test_a_block_on_a_slab() -> None:
    """4 by 6 voxels of 0.8 by 0.5 mm on a slab across z: 9.6 mm², from middle to middle 2.4 by 2.5 mm."""
    slab, block = np.zeros((2, 12, 30, 30), bool)
    slab[2:6] = True
    block[6:9, 10:14, 12:18] = True
    contact = contact_between(slab, block, np.diag([3.0, 0.8, 0.5]))
    assert contact is not None
    assert contact.area_mm2 == pytest.approx(4 * 0.8 * 6 * 0.5, rel=1e-5)
    assert contact.length_mm == pytest.approx(np.hypot(3 * 0.8, 5 * 0.5))
    assert contact.middle_index[0] == 5.5


def test_bodies_apart_and_bodies_at_a_corner_have_none() -> None:
    slab, block = np.zeros((2, 8, 8, 8), bool)
    slab[:3, :4] = True
    block[4:] = True
    assert contact_between(slab, block, np.eye(3)) is None
    block[:] = False
    block[3:, 4:] = True
    assert contact_between(slab, block, np.eye(3)) is None


@pytest.mark.parametrize("name", GRIDS)
def test_the_whole_surface_of_a_ball(name: str) -> None:
    contact = touching(name, ball((0, 0, 0), 15.0), lambda p: ~ball((0, 0, 0), 15.0)(p))
    assert contact is not None
    assert contact.area_mm2 == pytest.approx(4 * np.pi * 15.0**2, rel=0.07)
    assert contact.length_mm == pytest.approx(30.0, abs=max(GRIDS[name][1]))


@pytest.mark.parametrize("name", GRIDS)
def test_a_tumor_around_a_vessel(name: str) -> None:
    """A tube of 5 mm that a ball of 18 mm encloses, whether or not it claims the tube's voxels too."""
    vessel, tumor = tube(0, (0, 0), 5.0), ball((0, 0, 0), 18.0)
    contact = touching(name, vessel, tumor)
    enclosed = 2 * np.sqrt(18.0**2 - 5.0**2)
    assert contact is not None
    assert contact.area_mm2 == pytest.approx(2 * np.pi * 5.0 * enclosed, rel=0.08)
    beside = touching(name, vessel, lambda p: tumor(p) & ~vessel(p))
    assert beside == contact


def test_a_tilted_plane_counts_no_stairs() -> None:
    """A rod of 12 by 20 mm standing on a plane at 37 degrees."""
    turn = turned(37.0, 1)
    contact = touching(
        "straight", cuboid((-90, -90, -90), (90, 90, 0), turn), cuboid((-6, -10, 0), (6, 10, 9), turn)
    )
    assert contact is not None
    assert contact.area_mm2 == pytest.approx(240.0, rel=0.05)
    assert contact.length_mm == pytest.approx(np.hypot(12, 20), abs=2.0)
