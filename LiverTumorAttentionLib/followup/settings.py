"""What is assumed of lesions between two time points, and when a pair counts as sure."""

from __future__ import annotations

from dataclasses import dataclass

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.registration import RegistrationVerdict


@dataclass(frozen=True, kw_only=True)
class MatchingSettings:
    """Priors of the matching. None of them was fitted to patients; they state what is assumed.

    found_again: probability that a lesion of the baseline is there in the follow-up.
    expected_new: number of new lesions that are expected in a liver.
    log_volume_sd: standard deviation of the natural logarithm of a lesion's change of volume (1: a factor of 2.7).
    log_volume_range: width of the range of the logarithm over which the volumes of new lesions lie (1 mm to 100 mm
        across are 13.8).
    growth_shift: share of the difference of two radii by which a center moves (one standard deviation, each axis),
        since lesions grow and shrink to one side.
    shape_shift: share of the smaller radius by which the center moves, since outlines differ.
    inside: mean share of a body that must lie inside another one to be a piece of it, or swallowed by it.
    surely_inside: from this share on it is sure. maybe_inside: from this share on it may be, and is marked.
    sure_odds: a part of the assignment is sure when it is so many times as probable as the best one without it.
    in_liver: share of a gone lesion's place that must lie in the follow-up's liver, else that liver is missing there;
        likewise within the field of view.
    error_factor: by which the registration's disagreement with itself is taken to underestimate its error.
    stated_pairs: how many pairs of lesions the error that the registration states counts as, beside what pairs tell.
    least_sd_mm: smallest standard deviation of a place after registration, each axis.
    refused_sd_mm: the same where the registration is refused; then no pair is sure.
    """

    found_again: float = 0.85
    expected_new: float = 1.0
    log_volume_sd: float = 1.0
    log_volume_range: float = 13.8
    growth_shift: float = 0.5
    shape_shift: float = 0.2
    inside: float = 0.5
    surely_inside: float = 0.65
    maybe_inside: float = 0.35
    sure_odds: float = 20.0
    in_liver: float = 0.5
    error_factor: float = 2.0
    stated_pairs: float = 1.0
    least_sd_mm: float = 2.0
    refused_sd_mm: float = 15.0

    def __post_init__(self) -> None:
        for name in ("found_again", "inside", "surely_inside", "maybe_inside", "in_liver"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise InputError(
                    f"{name} must lie between 0 and 1, not {getattr(self, name)}: give a number in between"
                )
        positive = ("expected_new", "log_volume_sd", "log_volume_range", "growth_shift", "shape_shift")
        for name in (*positive, "sure_odds", "error_factor", "stated_pairs", "least_sd_mm", "refused_sd_mm"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be above 0, not {getattr(self, name)}: give a larger number")

    def place_sd_mm(self, verdict: RegistrationVerdict, largest_spacing_mm: float) -> float:
        """Return the standard deviation, each axis, of where a point of the liver lies after registration.

        Three parts that do not depend on each other: the disagreement of the registration with that of the exchanged
        volumes (a mean length in space is 1.6 standard deviations of each axis), the distance of the two livers'
        surfaces, and half of the thickest slice.
        """
        if verdict.grade == "refused":
            return self.refused_sd_mm
        inverse_mm = verdict.inverse_error_mean_mm
        surface_mm = verdict.liver_surface_after_mm
        if inverse_mm is None:
            inverse_mm = surface_mm if surface_mm is not None else self.refused_sd_mm
        own = self.error_factor * inverse_mm / 1.6
        squares = own**2 + (surface_mm or 0.0) ** 2 + (0.5 * largest_spacing_mm) ** 2
        return float(max(self.least_sd_mm, squares**0.5))
