"""Verdict on a registration: a grade, one sentence of reason, and the measurements behind them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.registration.inverse_consistency import InverseConsistency
from LiverTumorAttentionLib.registration.mutual_information import Similarity, moved_onto, similarity_to
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.registration.transform_io import displacement_field, jacobian_determinant
from LiverTumorAttentionLib.registration.working_pair import ResampledPair, WorkingPair
from LiverTumorAttentionLib.voxels.surfaces import surface_distances_mm

Grade = Literal["good", "doubtful", "refused"]
TransformKind = Literal["as given", "rigid", "deformable"]


@dataclass(frozen=True, kw_only=True)
class VolumeNames:
    """What a verdict calls the two volumes: the fixed one, the moving one, both, and one of them."""

    fixed: str = "portal"
    moving: str = "arterial"
    both: str = "phases"
    one: str = "phase"


PHASES = VolumeNames()


@dataclass(frozen=True, kw_only=True)
class RegistrationVerdict:
    """How far a registration is to be believed.

    grade: good: use it; doubtful: use it and say so; refused: do without the arterial volume.
    reason: one plain sentence.
    kept: what the transform consists of; a step that does not raise the similarity is not kept.
    similarity_before, similarity_after: normalized mutual information in the region, 0 to 1, with the volumes
        as they were given and after registration.
    liver_share_inside: share of the portal liver (of the body where no liver is known) that the arterial
        volume holds.
    jacobian_min, jacobian_max, folded_share: of the Jacobian determinant in the liver (or body).
    displacement_mean_mm, displacement_max_mm: length of the displacement there.
    liver_dice_before, liver_dice_after, liver_surface_before_mm, liver_surface_after_mm: overlap and mean
        symmetric surface distance of the two livers, where both volumes have voxels; None where either is
        unknown or outside.
    inverse_error_mean_mm, inverse_error_p95_mm: how far a point of the liver (or body) ends from where it began
        when the exchanged volumes' own registration takes it back; None where that cannot be said.
    """

    grade: Grade
    reason: str
    kept: TransformKind
    similarity_before: float
    similarity_after: float
    liver_share_inside: float
    jacobian_min: float
    jacobian_max: float
    folded_share: float
    displacement_mean_mm: float
    displacement_max_mm: float
    liver_dice_before: float | None = None
    liver_dice_after: float | None = None
    liver_surface_before_mm: float | None = None
    liver_surface_after_mm: float | None = None
    inverse_error_mean_mm: float | None = None
    inverse_error_p95_mm: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return all fields by name, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class LiverOverlap:
    """Overlap of the portal liver with the warped arterial one: Dice, mean surface distance in mm.

    None where there is nothing to compare.
    """

    dice: float | None
    surface_mm: float | None


def liver_overlap(
    portal_liver: sitk.Image, arterial_liver: sitk.Image, transform: sitk.Transform
) -> LiverOverlap:
    """Return the overlap of two 0/1 masks inside the arterial volume's field of view."""
    warped = sitk.Resample(
        sitk.Cast(arterial_liver, sitk.sitkFloat32), portal_liver, transform, sitk.sitkLinear, -1.0
    )
    values = sitk.GetArrayViewFromImage(warped)
    inside = values >= 0
    a = (sitk.GetArrayViewFromImage(portal_liver) > 0) & inside
    b = (values >= 0.5) & inside
    if not a.any():
        return LiverOverlap(dice=None, surface_mm=None)
    dice = 2.0 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))
    distances_mm = np.concatenate(surface_distances_mm(a, b, portal_liver.GetSpacing()[::-1]))
    return LiverOverlap(dice=float(dice), surface_mm=float(distances_mm.mean()) if b.any() else None)


def verdict_on(
    work: WorkingPair,
    transform: sitk.Transform,
    kept: TransformKind,
    error: InverseConsistency | None,
    settings: RegistrationSettings,
    rigid_pair: ResampledPair | None = None,
    names: VolumeNames = PHASES,
) -> RegistrationVerdict:
    """Measure a transform and return the verdict on it.

    error: its inverse consistency, None where unknown. rigid_pair: what `work.resampled` gives for the spacing of the
    rigid step, where that is at hand.
    """
    pair = work.resampled(settings.rigid_spacing_mm) if rigid_pair is None else rigid_pair
    target = sitk.Resample(work.target, pair.fixed, sitk.Transform(), sitk.sitkNearestNeighbor, 0)

    as_given = sitk.Transform(3, sitk.sitkIdentity)
    before, after = (moved_onto(pair.fixed, pair.moving, t) for t in (as_given, transform))
    overlap = None
    if work.portal_liver is not None and work.arterial_liver is not None:
        both = work.portal_liver, work.arterial_liver
        overlap = (liver_overlap(*both, as_given), liver_overlap(*both, transform))
    return judge(
        liver=target,
        of_liver=work.portal_liver is not None,
        transform=transform,
        kept=kept,
        before=similarity_to(pair.fixed, before, pair.region),
        after=similarity_to(pair.fixed, after, pair.region),
        coverage=similarity_to(pair.fixed, after, target).coverage,
        overlap=overlap,
        error=error,
        settings=settings,
        names=names,
    )


def judge(
    *,
    liver: sitk.Image,
    of_liver: bool,
    transform: sitk.Transform,
    kept: TransformKind,
    before: Similarity,
    after: Similarity,
    coverage: float,
    overlap: tuple[LiverOverlap, LiverOverlap] | None,
    error: InverseConsistency | None,
    settings: RegistrationSettings,
    names: VolumeNames = PHASES,
) -> RegistrationVerdict:
    """Return the verdict on `transform` from what was measured.

    liver: 0/1 mask of the portal liver, or of the body when of_liver is false, on a working grid.
    coverage: share of it that lies inside the arterial volume.
    overlap: of the livers as given and after registration.
    error: how far the exchanged volumes' own registration disagrees.
    """
    inside = sitk.GetArrayViewFromImage(liver) > 0
    field = displacement_field(transform, liver)
    volume_change = jacobian_determinant(field, liver)[inside]
    length = np.linalg.norm(field[inside], axis=-1)
    folded = float((volume_change <= 0).mean())
    dice_after = overlap[1].dice if overlap else None
    grade, reason = _grade(
        after, coverage, of_liver, float(volume_change.min()), dice_after, error, settings, names
    )
    if grade != "refused" and kept == "as given":
        reason += "; no movement made the volumes more alike, so they are used as they lie"
    elif grade != "refused" and kept == "rigid":
        grade, reason = "doubtful", "only a rigid motion made the volumes more alike: check the result by eye"
    return RegistrationVerdict(
        grade=grade,
        reason=reason,
        kept=kept,
        similarity_before=before.normalized,
        similarity_after=after.normalized,
        liver_share_inside=coverage,
        jacobian_min=float(volume_change.min()),
        jacobian_max=float(volume_change.max()),
        folded_share=folded,
        displacement_mean_mm=float(length.mean()),
        displacement_max_mm=float(length.max()),
        liver_dice_before=overlap[0].dice if overlap else None,
        liver_dice_after=dice_after,
        liver_surface_before_mm=overlap[0].surface_mm if overlap else None,
        liver_surface_after_mm=overlap[1].surface_mm if overlap else None,
        inverse_error_mean_mm=None if error is None else error.mean_mm,
        inverse_error_p95_mm=None if error is None else error.p95_mm,
    )


def _grade(
    after: Similarity,
    coverage: float,
    of_liver: bool,
    jacobian_min: float,
    dice_after: float | None,
    error: InverseConsistency | None,
    settings: RegistrationSettings,
    names: VolumeNames,
) -> tuple[Grade, str]:
    if of_liver and coverage < settings.least_coverage:
        return "refused", (
            f"the {names.moving} volume covers {100 * coverage:.0f} % of the liver seen in the {names.fixed} volume; "
            f"at least {100 * settings.least_coverage:.0f} % is needed"
        )
    if jacobian_min <= 0:
        return "refused", f"the movement found between the {names.both} folds the liver onto itself"
    if after.normalized < settings.refuse_similarity:
        return "refused", (
            f"the {names.moving} and {names.fixed} volumes do not show the same anatomy: their similarity is "
            f"{after.normalized:.3f}, at least {settings.refuse_similarity:.3f} is needed"
        )
    if dice_after is not None and dice_after < settings.refuse_liver_dice:
        return "refused", (
            f"the livers of the two {names.both} overlap by a Dice of {dice_after:.2f} after registration; "
            f"at least {settings.refuse_liver_dice:.2f} is needed"
        )
    if after.normalized < settings.good_similarity:
        return (
            "doubtful",
            f"the two {names.both} are only weakly alike after registration: check the result by eye",
        )
    if dice_after is not None and dice_after < settings.good_liver_dice:
        return "doubtful", (
            f"the livers of the two {names.both} overlap by a Dice of only {dice_after:.2f} after registration: "
            "check the result by eye"
        )
    if error is not None and error.mean_mm > settings.good_inverse_error_mm:
        return "doubtful", (
            f"registering the {names.fixed} onto the {names.moving} {names.one} gives another answer, "
            f"{error.mean_mm:.1f} mm off on average: check the result by eye"
        )
    return "good", f"the two {names.both} lie on each other"
