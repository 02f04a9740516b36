"""Two time points of balls in a ball of liver, without and with an error of the registration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import measure_case, measure_tumors
from LiverTumorAttentionLib.followup.changes import TimePoint
from LiverTumorAttentionLib.followup.matching import Matching, match_over_time
from LiverTumorAttentionLib.followup.measures import FollowUpMeasures
from LiverTumorAttentionLib.registration import RegistrationVerdict

SIZE, SPACING = (60, 60, 30), (2.5, 2.5, 5.0)
Ball = tuple[tuple[float, float, float], float]


def verdict(grade: str = "good", error_mm: float = 1.0) -> RegistrationVerdict:
    """Return a verdict whose disagreement with itself is `error_mm`."""
    return RegistrationVerdict(
        grade=grade,  # type: ignore[arg-type]
        reason="as the test says",
        kept="deformable",
        similarity_before=0.2,
        similarity_after=0.4,
        liver_share_inside=1.0,
        jacobian_min=0.8,
        jacobian_max=1.2,
        folded_share=0.0,
        displacement_mean_mm=10.0,
        displacement_max_mm=25.0,
        liver_surface_after_mm=0.8,
        inverse_error_mean_mm=error_mm,
    )


def visit(*lesions: Ball | Sequence[Ball], liver_mm: float = 60.0, slices: int | None = None) -> sitk.Image:
    """Return instances: balls (center, radius; mm from the middle) in a liver; a list of balls is one lesion.

    slices: so many of the volume alone, from the lowest on.
    """
    middle = (np.array(SIZE) - 1) * SPACING / 2
    z, y, x = np.meshgrid(
        *(np.arange(n) * s for n, s in zip(SIZE[::-1], SPACING[::-1], strict=True)), indexing="ij"
    )
    points = np.stack([x, y, z], axis=-1) - middle
    labels = (np.linalg.norm(points, axis=-1) <= liver_mm).astype(np.uint16)
    for value, lesion in enumerate(lesions, start=2):
        balls = [lesion] if isinstance(lesion[1], float | int) else lesion
        for center, radius in balls:  # type: ignore[union-attr]
            labels[np.linalg.norm(points - np.array(center), axis=-1) <= radius] = value
    image = sitk.GetImageFromArray(labels if slices is None else labels[:slices])
    image.SetSpacing(SPACING)
    image.SetOrigin([float(v) for v in -middle])
    return image


def point(instances: sitk.Image) -> TimePoint:
    """Return what is measured of instances."""
    return TimePoint(
        case=measure_case(instances),
        tumors={tumor.number: tumor for tumor in measure_tumors(instances, instances)},
    )


def matched(
    before: sitk.Image,
    after: sitk.Image,
    shift_mm: Sequence[float] = (0.0, 0.0, 0.0),
    grade: str = "good",
    error_mm: float = 1.0,
    **options: object,
) -> Matching:
    """Return the matching; shift_mm: the error of the registration; error_mm: what it says of itself."""
    volumes = [{n: t.volume_ml for n, t in point(image).tumors.items()} for image in (before, after)]
    transform = sitk.TranslationTransform(3, [float(v) for v in shift_mm])
    return match_over_time(
        before, after, transform, verdict(grade, error_mm), (volumes[0], volumes[1]), **options
    )  # type: ignore[arg-type]


def told(matching: Matching) -> list[tuple[tuple[int, ...], tuple[int, ...], str]]:
    """Return the matches in short; the status of what is uncertain ends in "?"."""
    return [(m.baseline, m.followup, m.status + ("?" if m.uncertain else "")) for m in matching.matches]


def measures_over_time(*, uncertain: bool) -> FollowUpMeasures:
    """Return measures of a lesion that stays; another one is gone. uncertain: whether the latter may be a new one."""
    stays, other = ((-30.0, 0.0, 0.0), 9.0), ((30.0, 0.0, 0.0), 5.0)
    images = visit(stays, other), visit(stays, *([((43.0, 0.0, 0.0), 5.0)] if uncertain else []))
    points = point(images[0]), point(images[1])
    return FollowUpMeasures(
        points=points, lesions=matched(*images).lesions, viable=({}, {}), slice_mm=SPACING[2]
    )
