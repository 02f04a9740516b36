"""What can be set about the registration of two phases."""

from __future__ import annotations

from dataclasses import dataclass

from LiverTumorAttentionLib.errors import InputError


@dataclass(frozen=True, kw_only=True)
class RegistrationSettings:
    """How the arterial volume is brought onto the portal one, and when the result is believed.

    window_hu: values are clipped to this range before they are compared.
    coarse_spacing_mm, rigid_spacing_mm, deform_spacing_mm: voxel size of the working grids of the search for
        a start, of the rigid step and of the B-spline step. A coarser volume keeps its own voxel size.
    reach_mm: how far apart along each axis the two volumes may lie beyond the starts that are tried.
    region_margin_mm: how far around the liver the two phases are compared.
    mesh_mm: distance of the B-spline's control points at the last level.
    levels: levels of the B-spline step; each has half the mesh distance of the one before.
    histogram_bins: bins of the Mattes mutual information, each side.
    liver_bins, liver_percentiles, liver_weight: the B-spline step compares the liver with itself alone: bins each
        side, the share of its values below and above which they are clipped, and how many voxels around the
        liver one of it counts for. Chosen on generated pairs and on pairs from label maps together.
    rigid_samples, deform_samples: how many points of the region the metric looks at; at most all of them.
    rigid_iterations, deform_iterations: upper limit of optimizer iterations, a level.
    bending_weight: of the mean squared curvature (1/mm^2) of the field against the mutual information (nat).
    least_jacobian: a field whose Jacobian falls below this in the region counts as folding; a coarser mesh
        is then tried.
    least_coverage: share of the portal liver that must lie inside the arterial volume.
    refuse_similarity, good_similarity: normalized mutual information (0 to 1) in the region below which the
        result is refused, and from which it may be called good. Measured after registration on generated
        cases: right pairs 0.35 to 0.48, with 9 mm slices and 25 HU of noise 0.26 to 0.30; pairs of two patients
        0.17 to 0.24; an upside-down volume or another region 0.05 to 0.09.
    refuse_liver_dice, good_liver_dice: the same for the overlap of the two livers, where both are known.
    good_inverse_error_mm: a result is doubtful where the registration of the exchanged volumes disagrees by more
        than this on average in the liver. Measured on generated cases, it follows the true error from 2 mm on;
        right pairs 0.8 to 2.2 mm, pairs of two patients 2.8 to 11 mm.
    """

    window_hu: tuple[float, float] = (-150.0, 350.0)
    coarse_spacing_mm: float = 8.0
    rigid_spacing_mm: float = 4.0
    deform_spacing_mm: float = 2.0
    reach_mm: float = 80.0
    region_margin_mm: float = 18.0
    mesh_mm: float = 24.0
    levels: int = 3
    histogram_bins: int = 32
    liver_bins: int = 48
    liver_percentiles: tuple[float, float] = (3.0, 99.0)
    liver_weight: float = 8.0
    rigid_samples: int = 20_000
    deform_samples: int = 400_000
    rigid_iterations: int = 60
    deform_iterations: int = 30
    bending_weight: float = 1000.0
    least_jacobian: float = 0.1
    least_coverage: float = 0.6
    refuse_similarity: float = 0.12
    good_similarity: float = 0.25
    refuse_liver_dice: float = 0.7
    good_liver_dice: float = 0.85
    good_inverse_error_mm: float = 3.0

    def __post_init__(self) -> None:
        if len(self.window_hu) != 2 or not self.window_hu[0] < self.window_hu[1]:
            raise InputError(
                f"window_hu must be two rising values, not {self.window_hu}: give the lower value first"
            )
        percentiles = self.liver_percentiles
        if len(percentiles) != 2 or not 0.0 <= percentiles[0] < percentiles[1] <= 100.0:
            raise InputError(
                f"liver_percentiles must be two rising values between 0 and 100, not {percentiles}"
                ": give the lower value first"
            )
        positive = (
            "coarse_spacing_mm",
            "rigid_spacing_mm",
            "deform_spacing_mm",
            "region_margin_mm",
            "mesh_mm",
            "liver_weight",
            "good_inverse_error_mm",
        )
        counts = (
            "histogram_bins",
            "liver_bins",
            "rigid_samples",
            "deform_samples",
            "rigid_iterations",
            "deform_iterations",
        )
        for name in positive + counts:
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be above 0, not {getattr(self, name)}: give a larger number")
        if self.reach_mm < 0:
            raise InputError(f"reach_mm must be 0 or more, not {self.reach_mm}: give such a length")
        shares = ("least_jacobian", "least_coverage", "refuse_similarity", "good_similarity")
        for name in shares + ("refuse_liver_dice", "good_liver_dice"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(
                    f"{name} must lie between 0 and 1, not {getattr(self, name)}: give a number in between"
                )
