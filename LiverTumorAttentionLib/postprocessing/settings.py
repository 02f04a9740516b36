"""Settings of the postprocessing."""

from __future__ import annotations

from dataclasses import dataclass

from LiverTumorAttentionLib.errors import InputError


@dataclass(frozen=True, kw_only=True)
class PostprocessingSettings:
    """How probabilities become a liver and a list of tumors.

    liver_threshold: a voxel is liver from this probability on.
    liver_opening_mm: radius of the ball that opens the liver, which cuts thin bridges to neighboring
        organs before the largest part is kept; 0 leaves the liver as it is.
    tumor_threshold: a voxel is tumor from this probability on.
    minimum_peak_probability: a tumor must reach this probability somewhere (hysteresis), or it is dropped
        as too uncertain; equal to `tumor_threshold` it drops nothing.
    minimum_diameter_mm: a tumor whose volume is below that of a ball of this diameter is dropped.
    rim_mm: a tumor may reach this far out of the liver, because a coarse liver mask often misses the
        tumors at its surface; what it covers there becomes part of the liver. A tumor that lies outside
        the liver altogether is dropped.
    border_mm, minimum_core_share: a tumor of which less than this share lies deeper in the liver than
        border_mm is dropped; 0 drops nothing. Where a coarse liver laps over a neighboring organ, what is
        found there lies in its border; but so does a small tumor under the capsule.
    """

    liver_threshold: float = 0.5
    liver_opening_mm: float = 0.0
    tumor_threshold: float = 0.5
    minimum_peak_probability: float = 0.5
    minimum_diameter_mm: float = 4.0
    rim_mm: float = 5.0
    border_mm: float = 3.0
    minimum_core_share: float = 0.0

    def __post_init__(self) -> None:
        for name in ("liver_threshold", "tumor_threshold", "minimum_peak_probability"):
            value = getattr(self, name)
            if not 0.0 < value <= 1.0:
                raise InputError(f"{name} is {value:g}; choose a probability above 0 and at most 1")
        for name, largest in (
            ("liver_opening_mm", 50.0),
            ("minimum_diameter_mm", 200.0),
            ("rim_mm", 50.0),
            ("border_mm", 50.0),
        ):
            value = getattr(self, name)
            if not 0.0 <= value <= largest:
                raise InputError(f"{name} is {value:g} mm; choose a length from 0 to {largest:g} mm")
        if not 0.0 <= self.minimum_core_share <= 1.0:
            raise InputError(f"minimum_core_share is {self.minimum_core_share:g}; choose a share from 0 to 1")
        if self.minimum_peak_probability < self.tumor_threshold:
            raise InputError(
                f"minimum_peak_probability is {self.minimum_peak_probability:g}, below the tumor_threshold "
                f"of {self.tumor_threshold:g} that every tumour voxel reaches; choose at least that"
            )
