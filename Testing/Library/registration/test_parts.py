"""The parts of registration, each against an answer known by geometry or by ITK."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import Cancelled, OutputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import resample_onto, transform_io, write_transform
from LiverTumorAttentionLib.registration.bspline_grid import BSplineGrid
from LiverTumorAttentionLib.registration.initial_alignment import execute_watched, is_better
from LiverTumorAttentionLib.registration.mutual_information import (
    MutualInformation,
    Similarity,
    mutual_information,
    similarity,
)
from LiverTumorAttentionLib.registration.objective import bending_energy
from LiverTumorAttentionLib.registration.transform_io import (
    displacement_field,
    flattened,
    jacobian_determinant,
)
from LiverTumorAttentionLib.registration.verdict import LiverOverlap, liver_overlap
from LiverTumorAttentionLib.registration.working_pair import body_mask, centroid, downsampled
from LiverTumorAttentionLib.voxels.geometry import to_lps

TILTED = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.2, -0.1, 0.3)


def grid(size: tuple[int, ...] = (20, 16, 12), tilted: bool = False) -> sitk.Image:
    image = sitk.Image(list(size), sitk.sitkFloat32)
    image.SetSpacing((2.0, 3.0, 4.0))
    image.SetOrigin((-11.0, 7.0, 30.0))
    if tilted:
        image.SetDirection(TILTED.GetMatrix())
    return image


@pytest.fixture
def spline() -> tuple[BSplineGrid, np.ndarray, sitk.Image]:
    image = grid(tilted=True)
    lattice = BSplineGrid.over(image, 15.0)
    coefficients = np.random.default_rng(0).normal(0.0, 2.0, lattice.zeros().shape)
    return lattice, coefficients, image


def test_the_spline_is_the_one_of_itk(spline: tuple[BSplineGrid, np.ndarray, sitk.Image]) -> None:
    lattice, coefficients, image = spline
    ours = np.moveaxis(lattice.basis(image).evaluate(coefficients), 0, -1)
    np.testing.assert_allclose(ours, displacement_field(lattice.as_transform(coefficients), image), atol=1e-5)


def test_gather_is_the_transpose_of_evaluate(spline: tuple[BSplineGrid, np.ndarray, sitk.Image]) -> None:
    lattice, coefficients, image = spline
    basis = lattice.basis(image)
    values = np.random.default_rng(1).normal(size=(3, 12, 16, 20)).astype(np.float32)
    there = float((values * basis.evaluate(coefficients)).sum())
    assert there == pytest.approx(float((basis.adjoint(values) * coefficients).sum()), rel=1e-4)


def test_refined_and_faded_keep_the_function(spline: tuple[BSplineGrid, np.ndarray, sitk.Image]) -> None:
    lattice, coefficients, image = spline
    before = lattice.basis(image).evaluate(coefficients)
    for other, values in (lattice.refined(coefficients), lattice.zero_padded(coefficients)):
        np.testing.assert_allclose(other.basis(image).evaluate(values), before, atol=1e-5)


def test_faded_comes_to_nothing_at_its_border(spline: tuple[BSplineGrid, np.ndarray, sitk.Image]) -> None:
    wider, values = spline[0].zero_padded(spline[1])
    corner = tuple(float(v) for v in wider.origin + wider.direction @ np.full(3, 1e-6))
    np.testing.assert_allclose(wider.as_transform(values).TransformPoint(corner), corner, atol=1e-9)


def test_bending_energy_of_a_parabola_and_its_gradient() -> None:
    mesh_mm = np.array([10.0, 20.0, 5.0])
    x = np.arange(7) * 10.0
    coefficients = np.zeros((3, 4, 5, 7))
    coefficients[0] = 0.5 * 0.03 * x**2  # second derivative 0.03 / mm along x, nothing else
    energy, _ = bending_energy(coefficients, mesh_mm)
    assert energy == pytest.approx(0.03**2 * 5 / 7)  # five of seven points have a neighbour on each side
    rng = np.random.default_rng(0)
    coefficients, step = rng.normal(size=(3, 4, 5, 7)), 1e-5 * rng.normal(size=(3, 4, 5, 7))
    _, gradient = bending_energy(coefficients, mesh_mm)
    high, low = (bending_energy(coefficients + s * step, mesh_mm)[0] for s in (1, -1))
    assert (gradient * step).sum() == pytest.approx((high - low) / 2, rel=1e-5)


def test_mutual_information_and_its_derivative() -> None:
    rng = np.random.default_rng(0)
    fixed = rng.normal(size=5000)
    related, unrelated = -(fixed**3) + 0.1 * rng.normal(size=5000), rng.normal(size=5000)
    known = rng.uniform(size=5000) < 0.8
    measure = MutualInformation(fixed, (-70.0, 70.0), 32)
    assert measure(related * 3, known)[0] > 5 * MutualInformation(fixed, (-5.0, 5.0), 32)(unrelated, known)[0]
    _, slope = measure(related, known)
    assert np.all(slope[~known] == 0)
    step = 1e-3 * rng.normal(size=5000)
    change = (measure(related + step, known)[0] - measure(related - step, known)[0]) / 2
    assert (slope * step).sum() == pytest.approx(change, rel=2e-2)


def test_similarity_of_equal_and_unrelated_values() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 16, 40_000).astype(float)
    assert mutual_information(a, 100 - 3 * a, 16)[0] == pytest.approx(1.0, abs=1e-3)
    assert mutual_information(a, rng.permutation(a), 16)[0] == pytest.approx(0.0, abs=2e-3)


def test_covering_more_is_no_gain_where_the_volumes_fit_worse() -> None:
    part = Similarity(normalized=0.20, mutual=0.5, coverage=0.25)
    elsewhere = Similarity(normalized=0.07, mutual=0.3, coverage=0.85)
    right = Similarity(normalized=0.25, mutual=0.6, coverage=0.85)
    assert elsewhere.score > part.score
    assert not is_better(part, elsewhere)
    assert is_better(part, right)
    assert not is_better(right, right)


def test_coverage_is_the_share_that_lies_inside() -> None:
    fixed = grid()
    region = sitk.Cast(fixed == 0, sitk.sitkUInt8)
    quarter = sitk.TranslationTransform(3, (2.0 * 5, 0.0, 0.0))
    assert similarity(fixed, fixed, quarter, region).coverage == pytest.approx(15 / 20)
    assert similarity(fixed, fixed, sitk.TranslationTransform(3, (900.0, 0.0, 0.0)), region).score == 0.0


@pytest.mark.parametrize("tilted", [False, True])
def test_jacobian_of_a_linear_map(tilted: bool) -> None:
    image = grid(tilted=tilted)
    matrix = np.array([[1.2, 0.1, 0.0], [0.0, 0.9, -0.2], [0.3, 0.0, 1.1]])
    affine = sitk.AffineTransform(3)
    affine.SetMatrix([float(v) for v in matrix.ravel()])
    found = jacobian_determinant(displacement_field(affine, image), image)
    np.testing.assert_allclose(found, np.linalg.det(matrix), rtol=1e-9)


def test_jacobian_by_slabs_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    field = np.random.default_rng(8).normal(0, 0.4, (11, 6, 5, 3)).astype(np.float32)
    grid = sitk.Image([5, 6, 11], sitk.sitkUInt8)
    grid.SetSpacing((1.5, 2.0, 3.0))
    whole = jacobian_determinant(field, grid)
    for thick in (1, 3, 10):
        monkeypatch.setattr(transform_io, "JACOBIAN_SLICES", thick)
        np.testing.assert_array_equal(jacobian_determinant(field, grid), whole)


def test_jacobian_sees_a_fold() -> None:
    image = grid()
    field = displacement_field(sitk.Transform(3, sitk.sitkIdentity), image)
    field[..., 0] = -1.5 * np.arange(20) * 2.0  # x -> x - 1.5 x
    assert jacobian_determinant(field, image).max() == pytest.approx(-0.5)


def slab(first: int) -> sitk.Image:
    mask = np.zeros((20, 20, 20), np.uint8)
    mask[first : first + 5] = 1
    image = sitk.GetImageFromArray(mask)
    image.SetSpacing((1.0, 1.0, 2.5))
    return image


def test_overlap_of_shifted_slabs() -> None:
    as_given = sitk.Transform(3, sitk.sitkIdentity)
    overlap = liver_overlap(slab(5), slab(7), as_given)
    assert overlap.dice == pytest.approx(2 * 3 / 10)
    assert overlap.surface_mm is not None
    assert 2.5 < overlap.surface_mm <= 5.0
    assert liver_overlap(slab(5), slab(5), as_given) == LiverOverlap(dice=1.0, surface_mm=0.0)
    assert liver_overlap(slab(5), slab(5) * 0, as_given) == LiverOverlap(dice=0.0, surface_mm=None)
    assert liver_overlap(slab(5) * 0, slab(5), as_given) == LiverOverlap(dice=None, surface_mm=None)


def test_coarser_keeps_physical_space() -> None:
    image = grid((40, 32, 24), tilted=True)
    x, y, z = (
        sitk.GetArrayFromImage(
            sitk.PhysicalPointSource(
                sitk.sitkVectorFloat64,
                image.GetSize(),
                image.GetOrigin(),
                image.GetSpacing(),
                image.GetDirection(),
            )
        )[..., k]
        for k in range(3)
    )
    values = sitk.GetImageFromArray((0.5 * x + 2 * y - z).astype(np.float32))
    values.CopyInformation(image)
    small = downsampled(values, 7.0)
    assert small.GetSpacing() == (7.0, 7.0, 7.0)
    index = (4, 5, 6)
    px, py, pz = small.TransformIndexToPhysicalPoint(index)
    assert small[index] == pytest.approx(0.5 * px + 2 * py - pz, abs=0.01)
    assert downsampled(values, 1.0).GetSize() == values.GetSize()


def test_body_mask_drops_the_table_and_fills_the_lungs() -> None:
    array = np.full((12, 40, 40), -1000.0, np.float32)
    array[:, 5:28, 6:34] = 30.0
    array[:, 10:18, 12:20] = -850.0
    array[:, 35:39, :] = 100.0  # a table, too thick for the opening to remove
    image = sitk.GetImageFromArray(array)
    mask = sitk.GetArrayFromImage(body_mask(image))
    assert mask[6, 14, 16] == 1
    assert mask[6, 37, 20] == 0
    assert centroid(body_mask(image)) == pytest.approx([19.5, 16.0, 5.5], abs=0.2)


def test_oriented_puts_a_left_handed_volume_right() -> None:
    image = grid()
    image.SetDirection((0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0))
    flipped = sitk.Flip(image, (True, False, False))
    for volume in (image, flipped):
        assert to_lps(volume).GetDirection() == tuple(np.eye(3).ravel())


def composite() -> sitk.CompositeTransform:
    image = grid()
    lattice = BSplineGrid.over(image, 15.0)
    spline = lattice.as_transform(np.random.default_rng(3).normal(0.0, 1.0, lattice.zeros().shape))
    inner = sitk.CompositeTransform([TILTED, sitk.TranslationTransform(3, (1.0, 2.0, 3.0))])
    return sitk.CompositeTransform([inner, spline])


@pytest.mark.parametrize("suffix", [".h5", ".tfm"])
def test_a_written_transform_is_the_same_and_flat(tmp_path: Path, suffix: str) -> None:
    transform = composite()
    path = write_transform(tmp_path / f"to_arterial{suffix}", transform)
    back = sitk.ReadTransform(str(path)).Downcast()
    assert isinstance(back, sitk.CompositeTransform)
    parts = [type(back.GetNthTransform(k)) for k in range(back.GetNumberOfTransforms())]
    assert parts == [sitk.AffineTransform, sitk.AffineTransform, sitk.BSplineTransform]
    for point in ((0.0, 20.0, 50.0), (3.0, 25.0, 41.0), (500.0, 0.0, 0.0)):
        np.testing.assert_allclose(back.TransformPoint(point), transform.TransformPoint(point), atol=1e-9)
    assert list(tmp_path.iterdir()) == [path]


def test_a_transform_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"give it a name that ends in \.h5 or \.tfm"):
        write_transform(tmp_path / "transform.nii", composite())
    with pytest.raises(OutputError, match="does not exist"):
        write_transform(tmp_path / "nowhere" / "transform.h5", composite())
    assert list(tmp_path.iterdir()) == []


def test_flattened_keeps_the_order() -> None:
    transform = composite()
    point = (2.0, 22.0, 45.0)
    np.testing.assert_allclose(
        flattened(transform).TransformPoint(point), transform.TransformPoint(point), atol=1e-9
    )


def test_resample_onto_follows_the_transform_and_fills_the_outside() -> None:
    fixed = grid()
    x = sitk.GetArrayFromImage(
        sitk.PhysicalPointSource(sitk.sitkVectorFloat64, (60, 60, 60), (-60.0, -40.0, 0.0), (2.0, 2.0, 2.0))
    )[..., 0]
    moving = sitk.GetImageFromArray(x.astype(np.float32))
    moving.SetSpacing((2.0, 2.0, 2.0))
    moving.SetOrigin((-60.0, -40.0, 0.0))
    lattice = BSplineGrid.over(fixed, 20.0)
    spline = lattice.as_transform(np.random.default_rng(4).normal(0.0, 3.0, lattice.zeros().shape))
    for transform in (spline, sitk.TranslationTransform(3, (4.0, 0.0, 0.0))):
        found = sitk.GetArrayFromImage(resample_onto(moving, fixed, transform))
        px = sitk.GetArrayFromImage(
            sitk.PhysicalPointSource(
                sitk.sitkVectorFloat64, fixed.GetSize(), fixed.GetOrigin(), fixed.GetSpacing()
            )
        )[..., 0]
        np.testing.assert_allclose(found, px + displacement_field(transform, fixed)[..., 0], atol=0.15)
    outside = resample_onto(moving, fixed, sitk.TranslationTransform(3, (900.0, 0.0, 0.0)))
    assert set(np.unique(sitk.GetArrayViewFromImage(outside))) == {-1024.0}


def test_cancelling_itk_is_quiet_and_raises_the_cause(capfd: pytest.CaptureFixture[str]) -> None:
    noise = sitk.GetImageFromArray(np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32))
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetOptimizerAsLBFGSB()
    method.SetInitialTransform(sitk.TranslationTransform(3), True)
    with pytest.raises(Cancelled):
        execute_watched(method, noise, noise, Progress(cancelled=lambda: True), 10)
    assert capfd.readouterr().err == ""
