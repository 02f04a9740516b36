"""The field between the phases: bounded, invertible, and the one that the arterial volume really follows."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.phantoms import STRUCTURES, Phantom
from LiverTumorAttentionLib.phantoms.motion import Motion, draw_motion, inverse, jacobian
from LiverTumorAttentionLib.phantoms.shapes import Grid

GRID = Grid.over((-180, -120, -150), (180, 120, 150), 6.0)


def drawn(seed: int) -> Motion:
    return draw_motion(
        np.random.default_rng(seed), GRID, (-45, -10, 25), (0, 45, 0), (85, 95, 85), largest_mm=25.0
    )


@pytest.mark.parametrize("seed", range(5))
def test_field_is_bounded_and_keeps_orientation(seed: int) -> None:
    motion = drawn(seed)
    length = np.sqrt(sum(c.astype(float) ** 2 for c in motion.u))
    assert 8.0 < length.max() <= 25.0 + 1e-4
    assert jacobian(motion.u, motion.grid).min() > 0.2


def test_jacobian_of_a_known_stretch() -> None:
    x, y, z = np.broadcast_arrays(*GRID.coordinates())
    np.testing.assert_allclose(jacobian((0.1 * x, -0.2 * y, 0.5 * z), GRID), 1.1 * 0.8 * 1.5, rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_inverse_undoes_the_field(seed: int) -> None:
    motion = drawn(seed)
    points = np.random.default_rng(seed).uniform((-140, -90, -110), (140, 90, 110), (4000, 3))
    back = motion.forward(motion.backward(points))
    error = np.linalg.norm(back - points, axis=1)
    assert error.max() < 0.35
    assert error.mean() < 0.03


def test_inverse_of_a_shift_is_the_opposite_shift() -> None:
    u = tuple(np.full(GRID.shape, s, np.float32) for s in (3.0, -4.0, 12.0))
    for forward, backward in zip(u, inverse(u, GRID), strict=True):
        np.testing.assert_allclose(backward, -forward, atol=1e-4)


def test_the_liver_moves_more_than_the_spine(five_lesions: Phantom) -> None:
    u = np.linalg.norm(sitk.GetArrayViewFromImage(five_lesions.displacement), axis=-1)
    structures = sitk.GetArrayViewFromImage(five_lesions.structures)
    liver = u[structures == STRUCTURES["liver"]].mean()
    assert liver > 2 * u[structures == STRUCTURES["spinal_canal"]].mean()


def test_written_field_is_bounded_and_keeps_orientation(five_lesions: Phantom) -> None:
    field = five_lesions.displacement
    assert field.GetNumberOfComponentsPerPixel() == 3
    assert field.GetPixelID() == sitk.sitkVectorFloat32
    assert np.linalg.norm(sitk.GetArrayViewFromImage(field), axis=-1).max() <= 25.0
    determinant = sitk.DisplacementFieldJacobianDeterminant(sitk.Cast(field, sitk.sitkVectorFloat64))
    inner = sitk.GetArrayViewFromImage(determinant)[1:-1, 1:-1, 1:-1]
    assert inner.min() > 0.2


def arterial_on_portal(phantom: Phantom, *, sign: float = 1.0) -> np.ndarray:
    values = sign * sitk.GetArrayFromImage(phantom.displacement).astype(np.float64)
    field = sitk.GetImageFromArray(values, isVector=True)
    field.CopyInformation(phantom.displacement)
    transform = sitk.DisplacementFieldTransform(field)
    moved = sitk.Resample(phantom.arterial_structures, phantom.portal, transform, sitk.sitkNearestNeighbor, 0)
    return sitk.GetArrayFromImage(moved)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


@pytest.mark.parametrize(
    ("names", "least"),
    [
        (("liver", "portal_vein", "hepatic_vein", "lesion"), 0.975),
        (("lesion",), 0.93),
        (("kidney",), 0.94),
        (("spleen",), 0.95),
    ],
)
def test_truth_field_brings_the_arterial_anatomy_onto_the_portal_one(
    five_lesions: Phantom, names: tuple[str, ...], least: float
) -> None:
    values = [STRUCTURES[n] for n in names]
    portal = np.isin(sitk.GetArrayFromImage(five_lesions.structures), values)
    inside = np.zeros_like(portal)
    inside[8:-8] = True  # the arterial volume ends where the portal one does
    moved = np.isin(arterial_on_portal(five_lesions), values)
    still = np.isin(sitk.GetArrayFromImage(five_lesions.arterial_structures), values)
    wrong_way = np.isin(arterial_on_portal(five_lesions, sign=-1.0), values)
    aligned = dice(moved & inside, portal & inside)
    assert aligned > least
    assert aligned > dice(still & inside, portal & inside) + 0.03
    assert aligned > dice(wrong_way & inside, portal & inside) + 0.06
