"""Registration of pairs whose true displacement is known by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.progress import Progress, ProgressEvent
from LiverTumorAttentionLib.registration import RegistrationResult, RegistrationSettings, register_phases
from LiverTumorAttentionLib.voxels.parts import box_of_part
from Testing.Library.registration.abdomen import (
    CENTRE,
    Case,
    abdomen_hu,
    breathing,
    empty_grid,
    make_case,
    points_of,
)

IDENTITY = sitk.Transform(3, sitk.sitkIdentity)


def registered(case: Case, **more: object) -> RegistrationResult:
    masks = {"portal_liver": case.portal_liver, "arterial_liver": case.arterial_liver}
    return register_phases(case.portal, case.arterial, **{**masks, **more})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def breathing_case() -> Case:
    return make_case(breathing)


@pytest.fixture(scope="module")
def breathing_result(breathing_case: Case) -> RegistrationResult:
    return registered(breathing_case)


def test_a_smooth_deformation_is_found_although_the_contrast_differs(
    breathing_case: Case, breathing_result: RegistrationResult
) -> None:
    before = breathing_case.errors_mm(IDENTITY)
    after = breathing_case.errors_mm(breathing_result.transform)
    assert before.mean() > 10.0
    assert after.mean() < 1.5
    assert np.percentile(after, 95) < 3.0
    verdict = breathing_result.verdict
    assert verdict.grade == "good", verdict
    assert verdict.kept == "deformable"
    assert verdict.similarity_after > verdict.similarity_before + 0.1
    assert verdict.liver_dice_after is not None
    assert verdict.liver_dice_after > 0.95 > verdict.liver_dice_before
    assert verdict.liver_surface_after_mm < 1.5 < verdict.liver_surface_before_mm
    assert verdict.folded_share == 0.0
    assert verdict.jacobian_min > 0.5
    assert verdict.displacement_mean_mm == pytest.approx(before.mean(), abs=1.5)


def test_the_registered_volume_lies_on_the_portal_grid(
    breathing_case: Case, breathing_result: RegistrationResult
) -> None:
    image = breathing_result.registered
    assert image.GetSize() == breathing_case.portal.GetSize()
    assert image.GetOrigin() == breathing_case.portal.GetOrigin()
    assert image.GetDirection() == breathing_case.portal.GetDirection()
    assert image.GetPixelID() == breathing_case.arterial.GetPixelID()
    liver = sitk.GetArrayViewFromImage(breathing_case.portal_liver) > 0
    truth = abdomen_hu(points_of(breathing_case.portal), "arterial")[liver]
    difference = sitk.GetArrayViewFromImage(image)[liver] - truth
    unmoved = sitk.GetArrayViewFromImage(breathing_case.arterial)[liver] - truth
    assert np.abs(difference).mean() < 0.5 * np.abs(unmoved).mean()


def test_the_same_input_and_seed_give_the_same_transform(breathing_case: Case) -> None:
    few = RegistrationSettings(deform_samples=6000, deform_iterations=6, rigid_iterations=10)
    points = [tuple(map(float, p)) for p in breathing_case.liver_points()[::50]]
    one, same, other = (registered(breathing_case, seed=seed, settings=few).transform for seed in (0, 0, 1))
    assert [one.TransformPoint(p) for p in points] == [same.TransformPoint(p) for p in points]
    assert [one.TransformPoint(p) for p in points] != [other.TransformPoint(p) for p in points]


def test_without_masks_the_bodies_are_registered(breathing_case: Case) -> None:
    result = register_phases(breathing_case.portal, breathing_case.arterial)
    after = breathing_case.errors_mm(result.transform)
    assert after.mean() < 0.4 * breathing_case.errors_mm(IDENTITY).mean()
    assert result.verdict.grade == "good"
    assert result.verdict.liver_dice_after is None


def test_a_rigid_motion_is_recovered() -> None:
    rotation = sitk.Euler3DTransform()
    rotation.SetCenter([float(v) for v in CENTRE])
    rotation.SetRotation(0.10, -0.08, 0.20)
    rotation.SetTranslation((9.0, -6.0, 12.0))
    matrix = np.array(rotation.GetMatrix()).reshape(3, 3)

    def u(points: np.ndarray) -> np.ndarray:
        return (points - CENTRE) @ matrix.T + CENTRE + np.array([9.0, -6.0, 12.0]) - points

    case = make_case(u)
    assert case.errors_mm(IDENTITY).mean() > 14.0
    result = registered(case)
    assert case.errors_mm(result.transform).mean() < 1.2
    assert result.verdict.grade == "good"


def test_tables_sixty_millimetres_apart() -> None:
    def u(points: np.ndarray) -> np.ndarray:
        return breathing(points) * 0.5 + np.array([0.0, 8.0, 60.0])

    case = make_case(u, arterial_grid=empty_grid(shift=(0.0, 8.0, 60.0)))
    result = registered(case)
    assert case.errors_mm(result.transform).mean() < 1.5
    assert result.verdict.grade == "good"


def test_coordinates_that_share_nothing_are_no_obstacle() -> None:
    far = (500.0, -300.0, 900.0)
    case = make_case(
        lambda points: np.zeros_like(points) + np.array(far), arterial_grid=empty_grid(shift=far)
    )
    result = registered(case)
    assert case.errors_mm(result.transform).mean() < 1.2
    assert result.verdict.similarity_before == 0.0
    assert result.verdict.grade == "good"


LEFT_HANDED = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) @ np.diag([-1.0, 1.0, 1.0])
FLIPPED = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@pytest.mark.parametrize(
    ("direction", "size", "spacing"),
    [
        pytest.param(LEFT_HANDED, (72, 88, 40), (3.6, 3.6, 5.0), id="left-handed, axes exchanged"),
        pytest.param(FLIPPED, (88, 40, 72), (3.6, 5.0, 3.6), id="coronal, flipped"),
    ],
)
def test_orientation_and_handedness_do_not_matter(
    breathing_case: Case,
    breathing_result: RegistrationResult,
    direction: np.ndarray,
    size: tuple[int, ...],
    spacing: tuple[float, ...],
) -> None:
    grid = empty_grid(size, spacing, direction)
    turned = make_case(breathing, arterial_grid=grid)
    result = registered(turned)
    assert turned.errors_mm(result.transform).mean() < 1.5
    points = [tuple(map(float, p)) for p in turned.liver_points()[::50]]
    apart = [
        np.subtract(result.transform.TransformPoint(p), breathing_result.transform.TransformPoint(p))
        for p in points
    ]
    assert np.linalg.norm(apart, axis=1).mean() < 1.0


def test_a_portal_volume_stored_left_handed() -> None:
    case = make_case(breathing, portal_grid=empty_grid((72, 88, 40), (3.6, 3.6, 5.0), LEFT_HANDED))
    result = registered(case)
    assert case.errors_mm(result.transform).mean() < 1.5
    assert result.registered.GetDirection() == case.portal.GetDirection()


def test_thick_slices_against_thin_ones() -> None:
    case = make_case(breathing, arterial_grid=empty_grid((100, 80, 29), (3.0, 3.0, 7.0)))
    result = registered(case)
    assert case.errors_mm(result.transform).mean() < 1.8
    assert result.verdict.grade == "good"


def test_another_region_is_refused(breathing_case: Case) -> None:
    legs = empty_grid()
    points = points_of(legs)
    x, y = points[..., 0] - CENTRE[0], points[..., 1] - CENTRE[1]
    thigh = np.hypot(np.abs(x) - 75.0, y) < 62.0
    bone = np.hypot(np.abs(x) - 75.0, y) < 14.0
    noise = np.random.default_rng(3).normal(0.0, 8.0, thigh.shape)
    array = np.where(bone, 600.0, np.where(thigh, 50.0, -1000.0)) + noise
    image = sitk.GetImageFromArray(array.astype(np.int16))
    image.CopyInformation(legs)
    verdict = register_phases(breathing_case.portal, image, portal_liver=breathing_case.portal_liver).verdict
    assert verdict.grade == "refused", verdict
    assert "do not show the same anatomy" in verdict.reason


def test_a_volume_that_holds_little_of_the_liver_is_refused() -> None:
    case = make_case(arterial_grid=empty_grid((88, 72, 18), shift=(0.0, 0.0, 72.0)))
    result = registered(case)
    assert 0.05 < result.verdict.liver_share_inside < 0.45
    assert result.verdict.grade == "refused"
    assert case.errors_mm(result.transform).mean() < 3.0  # it was not moved to where it covers more
    assert "of the liver seen in the portal volume; at least 60 % is needed" in result.verdict.reason


def test_two_thirds_of_the_liver_are_enough() -> None:
    case = make_case(
        lambda points: 0.4 * breathing(points), arterial_grid=empty_grid((88, 72, 26), shift=(0.0, 0.0, 26.0))
    )
    result = registered(case)
    assert 0.6 < result.verdict.liver_share_inside < 0.95
    assert result.verdict.grade != "refused", result.verdict
    seen = case.errors_mm(result.transform)
    assert seen.mean() < case.errors_mm(IDENTITY).mean()


def test_a_pair_that_already_fits_is_left_almost_where_it_is() -> None:
    case = make_case()
    result = registered(case)
    assert case.errors_mm(result.transform).mean() < 1.0
    assert result.verdict.similarity_after >= result.verdict.similarity_before - 0.005


def test_noise_is_not_registered(breathing_case: Case) -> None:
    """Nothing can be gained on noise, so nothing may be kept that lowers the similarity, and it is refused."""
    noise = sitk.GetImageFromArray(
        np.random.default_rng(0).normal(50.0, 100.0, (40, 72, 88)).astype(np.int16)
    )
    noise.CopyInformation(breathing_case.arterial)
    verdict = register_phases(breathing_case.portal, noise, portal_liver=breathing_case.portal_liver).verdict
    assert verdict.grade == "refused"
    assert verdict.similarity_after >= verdict.similarity_before - 0.01


def test_a_step_that_lowers_the_similarity_is_not_kept(
    breathing_case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    from LiverTumorAttentionLib.registration import register

    def astray(*_: object) -> sitk.Transform:
        return sitk.TranslationTransform(3, (25.0, 25.0, 25.0))

    monkeypatch.setattr(register, "deform", astray)
    result = registered(breathing_case)
    assert result.verdict.kept == "rigid"
    assert result.verdict.grade == "doubtful"
    assert "only a rigid motion" in result.verdict.reason
    assert breathing_case.errors_mm(result.transform).mean() < 5.0


@pytest.mark.parametrize("after", [0.05, 0.2, 0.3, 0.5, 0.7, 0.9])
def test_cancel_ends_every_step(
    breathing_case: Case, after: float, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[ProgressEvent] = []
    progress = Progress(seen.append, lambda: bool(seen) and seen[-1].fraction >= after)
    with pytest.raises(Cancelled):
        registered(breathing_case, progress=progress)
    assert after <= seen[-1].fraction < after + 0.12
    assert capfd.readouterr().err == ""


def test_progress_rises_to_one(breathing_case: Case) -> None:
    seen: list[ProgressEvent] = []
    registered(breathing_case, progress=Progress(seen.append))
    fractions = [event.fraction for event in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) > 50


def test_wrong_input_is_named(breathing_case: Case) -> None:
    flat = sitk.Image(10, 10, sitk.sitkInt16)
    with pytest.raises(InputError, match="the arterial volume must be 3D"):
        register_phases(breathing_case.portal, flat)
    with pytest.raises(InputError, match="the portal liver mask must lie on the grid of its volume"):
        registered(breathing_case, portal_liver=breathing_case.portal_liver[:20])
    with pytest.raises(InputError, match="shows no body"):
        register_phases(breathing_case.portal * 0 - 1000, breathing_case.arterial)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mesh_mm": 0.0}, "mesh_mm must be above 0"),
        ({"window_hu": (100.0, 0.0)}, "window_hu must be two rising values"),
        ({"least_coverage": 1.5}, "least_coverage must lie between 0 and 1"),
        ({"reach_mm": -1.0}, "reach_mm must be 0 or more"),
    ],
)
def test_settings_are_checked(values: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RegistrationSettings(**values)  # type: ignore[arg-type]


def test_a_box_of_the_registered_volume_has_the_values_of_the_whole(
    breathing_result: RegistrationResult,
) -> None:
    """Of a deformable transform, whose field is sampled for the box alone, and of a rigid one."""
    size = breathing_result.registered.GetSize()
    box = tuple(slice(length // 3, length - length // 4) for length in size[::-1])
    for transform in (breathing_result.transform, sitk.TranslationTransform(3, (3.3, -2.1, 4.7))):
        result = replace(breathing_result, transform=transform)
        whole, part = sitk.GetArrayFromImage(result.registered), result.registered_in(box)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(part), whole[box])
        assert box_of_part(part, result.registered) == box
    corner = (slice(0, 2), slice(0, 3), slice(size[0] - 4, size[0]))
    whole = sitk.GetArrayFromImage(breathing_result.registered)
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(breathing_result.registered_in(corner)), whole[corner]
    )


def test_the_whole_volume_is_resampled_only_when_it_is_asked_for(
    breathing_result: RegistrationResult,
) -> None:
    fresh = replace(breathing_result)
    fresh.registered_in((slice(0, 2), slice(0, 2), slice(0, 2)))
    assert "registered" not in vars(fresh)
    assert fresh.registered is fresh.registered
