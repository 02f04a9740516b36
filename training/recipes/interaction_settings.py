"""The settings of a recipe that say how users are simulated who click on lesions."""

from __future__ import annotations

from dataclasses import dataclass, fields

from LiverTumorAttentionLib.errors import InputError
from training.recipes.settings import check_at_least


@dataclass(frozen=True, kw_only=True)
class InteractionSettings:
    """What a sample of a network that answers clicks shows. A share is that of the samples, 0 to 1."""

    correction_share: float = 0.45
    """A lesion that stands, with something wrong about it; the others show one that nobody has marked yet."""
    most_clicks: int = 4
    """Clicks at most, the earlier ones among them."""
    boundary_share: float = 0.15
    """Of first clicks: near the lesion's outline."""
    middle_share: float = 0.4
    """Of first clicks: in its middle. All others but the wrong ones lie anywhere in it."""
    wrong_share: float = 0.1
    """Of first clicks: up to 3 mm outside of it."""
    arterial_dropped_share: float = 0.3
    """Without the arterial phase that the case has."""
    probability_share: float = 0.35
    """With a map of the probability of tumor, made of the truth with errors: misses, wrong outlines, false blobs."""
    unknown_others_share: float = 0.3
    """Other lesions are not known; still they are not meant."""
    axis_scale: float = 0.08
    """Standard deviation of the logarithm of a factor on each axis."""
    liver_error_mm: float = 2.0
    """Standard deviation of the error of the liver's outline, in half of the samples."""
    least_diameter_mm: float = 4.0
    """Smaller lesions train nothing; the diameter is that of a ball of the same volume."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value < 0 or (entry.name.endswith("_share") and value > 1):
                wanted = "a share from 0 to 1" if entry.name.endswith("_share") else "0 or more"
                raise InputError(f"interaction: {entry.name} must be {wanted}, got {value:g}: correct it")
        check_at_least("interaction: most_clicks", self.most_clicks, 1)
        if self.boundary_share + self.middle_share + self.wrong_share > 1:
            raise InputError(
                "interaction: boundary_share, middle_share and wrong_share are parts of one whole, got "
                f"{self.boundary_share:g}, {self.middle_share:g} and {self.wrong_share:g}: lower one of them"
            )
