"""The way there and back: a number that needs no truth."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import RegistrationSettings, inverted, register_phases
from LiverTumorAttentionLib.registration.initial_alignment import translation
from LiverTumorAttentionLib.registration.inverse_consistency import (
    backward_transform,
    inverse_consistency_error,
)
from LiverTumorAttentionLib.registration.working_pair import WorkingPair
from Testing.Library.registration.abdomen import breathing, make_case

NOWHERE = translation(np.zeros(3))


def grid(size: tuple[int, int, int]) -> sitk.Image:
    image = sitk.Image(size, sitk.sitkUInt8) + 1
    image.SetSpacing((2.0, 3.0, 4.0))
    image.SetOrigin((10.0, -20.0, 30.0))
    return image


def test_a_transform_and_its_inverse_lead_back() -> None:
    there = translation(np.array([4.0, 0.0, 0.0]))
    error = inverse_consistency_error(there, there.GetInverse(), grid((10, 10, 10)), grid((40, 10, 10)))
    assert error is not None
    assert error.mean_mm == pytest.approx(0.0, abs=1e-9)
    assert error.p95_mm == pytest.approx(0.0, abs=1e-9)


def test_what_is_missing_on_the_way_back_is_the_error() -> None:
    error = inverse_consistency_error(
        translation(np.array([3.0, 0.0, 4.0])), NOWHERE, grid((9, 9, 9)), grid((40, 40, 40))
    )
    assert error is not None
    assert error.mean_mm == pytest.approx(5.0)
    assert error.p95_mm == pytest.approx(5.0)


def test_points_that_leave_the_moving_volume_do_not_count() -> None:
    bend = sitk.BSplineTransformInitializer(grid((10, 10, 10)), [1, 1, 1])
    assert inverse_consistency_error(bend, NOWHERE, grid((10, 10, 10)), grid((3, 3, 3))) is not None
    assert (
        inverse_consistency_error(
            translation(np.array([500.0, 0, 0])), NOWHERE, grid((9, 9, 9)), grid((9, 9, 9))
        )
        is None
    )


def test_a_large_region_is_sampled_evenly() -> None:
    """Only the upper half of 27000 points is off; half of those that are looked at must be."""
    half = sitk.GetImageFromArray(np.repeat([0.0, 6.0], 15).reshape(30, 1, 1).repeat(30, 1).repeat(30, 2))
    zero = half * 0.0
    field = sitk.Compose(half, zero, zero)
    region = grid((30, 30, 30))
    field.CopyInformation(region)
    error = inverse_consistency_error(
        sitk.DisplacementFieldTransform(field), NOWHERE, region, grid((60, 60, 60))
    )
    assert error is not None
    assert error.mean_mm == pytest.approx(3.0, abs=0.2)


def test_both_ways_agree_on_a_pair_that_can_be_registered_and_the_grade_depends_on_it() -> None:
    case = make_case(breathing)
    masks = {"portal_liver": case.portal_liver, "arterial_liver": case.arterial_liver}
    verdict = register_phases(case.portal, case.arterial, **masks).verdict
    assert verdict.grade == "good"
    assert 0.0 < verdict.inverse_error_mean_mm < verdict.inverse_error_p95_mm < 8.0
    strict = RegistrationSettings(good_inverse_error_mm=0.9 * verdict.inverse_error_mean_mm)
    again = register_phases(case.portal, case.arterial, **masks, settings=strict).verdict
    assert again.grade == "doubtful"
    assert again.reason.startswith("registering the portal onto the arterial phase gives another answer")
    assert f"{verdict.inverse_error_mean_mm:.1f} mm off" in again.reason


@pytest.mark.parametrize("arterial_liver", [True, False])
def test_the_way_back_is_found_without_the_way_there(arterial_liver: bool) -> None:
    """Where the arterial liver is not known, the portal one is brought there by the linear part."""
    case = make_case(lambda points: 0.3 * breathing(points))
    settings = RegistrationSettings()
    work = WorkingPair.prepare(
        case.portal,
        case.arterial,
        case.portal_liver,
        case.arterial_liver if arterial_liver else None,
        settings,
        Progress(),
    )
    back = backward_transform(work, NOWHERE, settings, Progress(), 0)
    assert back is not None
    before = case.errors_mm(sitk.Transform(3, sitk.sitkIdentity)).mean()
    assert before > 3.0
    assert case.errors_mm(inverted(back, case.arterial)).mean() < 0.6 * before


def test_nothing_is_said_where_the_volumes_do_not_meet() -> None:
    case = make_case()
    settings = RegistrationSettings()
    work = WorkingPair.prepare(case.portal, case.arterial, case.portal_liver, None, settings, Progress())
    assert (
        backward_transform(work, translation(np.array([5000.0, 0.0, 0.0])), settings, Progress(), 0) is None
    )
