"""What the deformable step maximises, and that its gradient is the gradient of its value."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.registration import RegistrationSettings, mutual_information
from LiverTumorAttentionLib.registration.bspline_grid import BSplineGrid
from LiverTumorAttentionLib.registration.mutual_information import (
    ConditionalMutualInformation,
    MutualInformation,
    Part,
)
from LiverTumorAttentionLib.registration.objective import Objective
from LiverTumorAttentionLib.registration.working_pair import ResampledPair

IDENTITY = sitk.TranslationTransform(3)


def samples(count: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return fixed values, moving ones that depend on them, and which of them lie in the liver."""
    rng = np.random.default_rng(3)
    fixed = rng.normal(0.0, 40.0, count)
    liver = rng.uniform(size=count) < 0.4
    fixed[liver] = 110.0 + 5.0 * rng.normal(size=liver.sum())
    return fixed, np.where(liver, 150.0 - fixed, 0.7 * fixed) + 3.0 * rng.normal(size=count), liver


def conditional(fixed: np.ndarray, moving: np.ndarray, liver: np.ndarray, weight: float):
    parts = [
        Part(members, MutualInformation(fixed[members], (float(moving.min()), float(moving.max())), 20), w)
        for members, w in ((np.flatnonzero(liver), weight), (np.flatnonzero(~liver), 1.0))
    ]
    return ConditionalMutualInformation(parts, len(fixed))


def test_parts_are_measured_each_by_itself_and_added_up_by_size_and_weight() -> None:
    fixed, moving, liver = samples()
    known = np.ones(len(fixed), bool)
    wide = (float(moving.min()), float(moving.max()))
    inside, outside = (MutualInformation(fixed[m], wide, 20)(moving[m], known[m])[0] for m in (liver, ~liver))
    expected = 5.0 * liver.mean() * inside + (~liver).mean() * outside
    assert conditional(fixed, moving, liver, 5.0)(moving, known)[0] == pytest.approx(expected)


def test_the_derivative_by_the_moving_values_is_that_of_the_sum() -> None:
    fixed, moving, liver = samples()
    known = np.random.default_rng(4).uniform(size=len(fixed)) < 0.9
    measure = conditional(fixed, moving, liver, 5.0)
    derivative = measure(moving, known)[1]
    assert not derivative[~known].any()
    for direction in (np.sin(np.arange(len(fixed))), liver.astype(float), (~liver).astype(float) * fixed):
        within = (moving > np.sort(moving)[5]) & (moving < np.sort(moving)[-5])
        step = 0.05 * direction * within
        change = (measure(moving + step, known)[0] - measure(moving - step, known)[0]) / 2
        assert (derivative * step).sum() == pytest.approx(change, rel=0.02, abs=1e-7)


def test_blocks_of_values_give_what_all_of_them_give_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed, moving, _ = samples()
    known = np.random.default_rng(4).uniform(size=len(fixed)) < 0.9
    measure = MutualInformation(fixed, (float(moving.min()), float(moving.max())), 20)
    found = []
    for size in (len(fixed), 700):  # the last block is a smaller one
        monkeypatch.setattr(mutual_information, "BLOCK", size)
        found.append(measure(moving, known))
    (value, derivative), (in_blocks, derivative_in_blocks) = found
    assert in_blocks == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(derivative_in_blocks, derivative, rtol=1e-5, atol=1e-12)


def test_a_clipped_value_pulls_nowhere() -> None:
    fixed, moving, _ = samples()
    known = np.ones(len(fixed), bool)
    value, derivative = MutualInformation(fixed, (20.0, 60.0), 20)(moving, known)
    outside = (moving < 20.0) | (moving > 60.0)
    assert outside.any()
    assert not derivative[outside].any()
    assert derivative[~outside].any()
    assert value == MutualInformation(fixed, (20.0, 60.0), 20)(np.clip(moving, 20.0, 60.0), known)[0]


def smooth(seed: int, shape: tuple[int, int, int]) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.5)
    return (60.0 * noise / noise.std()).astype(np.float32)


def image(values: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(values)
    made.SetSpacing((2.0, 2.0, 3.0))
    return made


def pair(noise_hu: float = 0.0, liver: bool = True) -> ResampledPair:
    """Return a volume and itself with contrast remapped; each with noise of its own."""
    shape = (24, 36, 40)
    values, rng = smooth(5, shape), np.random.default_rng(6)
    half = np.zeros(shape, np.uint8)
    half[4:-4, 4:-4, 10:30] = 1
    region = np.zeros(shape, np.uint8)
    region[3:-3, 4:-4, 4:-4] = 1  # so that no voxel leaves the moving volume
    fixed, moving = (
        v + noise_hu * rng.normal(size=shape).astype(np.float32) for v in (values, 40.0 - 0.8 * values)
    )
    return ResampledPair(
        fixed=image(fixed.astype(np.float32)),
        moving=image(moving.astype(np.float32)),
        region=image(region),
        liver=image(half) if liver else None,
    )


def objective(
    case: ResampledPair, spacing_mm: float = 2.0, **settings: float
) -> tuple[Objective, BSplineGrid]:
    lattice = BSplineGrid.over(case.fixed, 24.0)
    made = Objective.at_level(
        case, IDENTITY, lattice, spacing_mm, RegistrationSettings(**settings), np.random.default_rng(0)
    )
    assert made is not None
    return made, lattice


@pytest.mark.parametrize("liver", [True, False])
def test_the_gradient_by_the_coefficients_is_that_of_the_objective(liver: bool) -> None:
    made, lattice = objective(pair(liver=liver))
    rng = np.random.default_rng(7)
    at = rng.normal(0.0, 1.5, lattice.zeros().shape)
    gradient = made(at)[1]
    direction = ndimage.gaussian_filter(rng.normal(size=at.shape), (0, 1, 1, 1))
    change = (made(at + 0.02 * direction)[0] - made(at - 0.02 * direction)[0]) / 0.04
    assert (gradient * direction).sum() == pytest.approx(change, rel=0.05)


def test_noise_does_not_draw_volumes_apart_that_lie_on_each_other() -> None:
    made, lattice = objective(pair(noise_hu=20.0), bending_weight=1.0)
    shifted = lattice.zeros()
    at_rest = made(shifted)[0]
    for axis, voxel_mm in enumerate((2.0, 2.0, 3.0)):
        shifted = lattice.zeros()
        shifted[axis] = voxel_mm / 2
        assert made(shifted)[0] < at_rest


def test_a_dim_vessel_counts_in_the_liver_and_not_beside_bone() -> None:
    """With one histogram for all, what lies around the liver would take the bins and the say."""
    case = pair(noise_hu=2.0)
    values, region = sitk.GetArrayFromImage(case.fixed), sitk.GetArrayFromImage(case.liver) > 0
    dim = np.where(region, values / 10.0 + 100.0, values * 5.0)
    case = dataclasses.replace(
        case, fixed=image(dim.astype(np.float32)), moving=image(dim.astype(np.float32))
    )

    def pull(liver: sitk.Image | None) -> float:
        """Return how much a shift of the liver alone costs."""
        made, lattice = objective(dataclasses.replace(case, liver=liver), bending_weight=1.0)
        moved = lattice.zeros()
        moved[2, :, :, 2:-2] = 4.0
        return made(lattice.zeros())[0] - made(moved)[0]

    assert pull(case.liver) > 2.0 * pull(None) > 0.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"liver_percentiles": (99.0, 3.0)}, "liver_percentiles must be two rising values between 0 and 100"),
        ({"liver_percentiles": (-1.0, 99.0)}, "liver_percentiles"),
        ({"liver_bins": 0}, "liver_bins must be above 0"),
        ({"liver_weight": 0.0}, "liver_weight must be above 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        RegistrationSettings(**wrong)
