"""Settings of click segmentation and of lesion refinement.

All defaults were chosen on phantoms with seeds 90000 to 90019, for few clicks to a Dice overlap of 0.85.
Log-odds are natural logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ClickSettings:
    """How one click becomes a lesion: a coarse search for its extent, then a delineation in small blocks."""

    search_half_side_mm: float = 52.0
    """Half the side of the box that is searched: room for a lesion of 80 mm."""
    search_block_mm: float = 1.2
    """Shortest side of a block of the search, at least."""
    most_blocks: int = 60_000
    """Upper limit of blocks in a grid; bounds the time of a click."""
    core_radius_mm: float = 2.0
    """Radius of the ball around the click that is taken for lesion at first."""
    probability_ramp: tuple[float, float] = (0.2, 0.5)
    """Highest probability in that ball up to which the network's probability is not used, and from which it counts in
    full; linear between, since a step would turn rounding errors of the network into another lesion. The upper end is
    the network's own threshold; Dice on the phantoms does not depend on it."""
    excluded_radius_mm: float = 6.0
    """Liver nearer to the click than this is no sample of the parenchyma in the search."""
    size_penalty: float = 3.0
    """Log-odds against a voxel at twice the estimated radius from the click; linear in the distance."""
    cavity_log_odds: float = 0.5
    """Least log-odds of a cavity, such as a scar as dense as liver."""
    radius_factor: float = 1.1
    """The delineation allows for this multiple of the radius that the search found."""
    least_radius_mm: float = 2.5
    """Least radius that the search is taken to have found."""
    margin_mm: float = 8.0
    """Least margin of the delineation's box around what the search found."""
    margin_share: float = 0.4
    """The same as a share of the estimated radius; the larger of the two counts."""
    delineation_rounds: int = 3
    """Delineations, each with the appearance of the one before."""
    contrast: float = 1.5 / 9
    """Fall of the random walker's edge weights with the squared difference of normalized intensities."""
    trust: float = 1.0
    """Weight of a voxel's own probability in the random walker."""
    shell_mm: float = 1.5
    """Thickness of the shells around the click by which the extent is estimated."""
    most_reach_mm: float = 50.0
    """Largest extent that is estimated."""
    shell_share: float = 0.6
    """The lesion extends through shells of which at least this share is lesion."""
    rim_share: float = 0.62
    """A core as dense as liver is passed over where a shell around it is lesion to at least this share."""
    deepest_core_mm: float = 14.0
    """Largest radius of such a core."""


@dataclass(frozen=True, kw_only=True)
class RefinementSettings:
    """How seeds change a lesion. The reach of a seed is its distance to the outline when it was placed."""

    most_blocks: int = 60_000
    """Upper limit of blocks in the grid; bounds the time of a click."""
    most_reach_mm: float = 80.0
    """Largest reach of a seed."""
    box_mm: float = 10.0
    """Half the side of the box that is solved: this and `box_reaches` reaches of the new seeds."""
    box_reaches: float = 4.0
    """See `box_mm`."""
    box_radii: float = 1.6
    """Half the side is at least this many radii of the lesion and `box_more_mm`, up to `box_lesion_mm`."""
    box_more_mm: float = 6.0
    """See `box_radii`."""
    box_lesion_mm: float = 40.0
    """See `box_radii`."""
    least_box_mm: float = 15.0
    """Least half side of the box."""
    largest_box_mm: float = 70.0
    """Largest half side of the box."""
    ball_share: float = 0.5
    """Radius, as a share of the reach, of the ball around a new seed whose label is fixed."""
    ball_reach_mm: float = 12.0
    """Largest reach that counts for that ball."""
    near_reaches: float = 1.5
    """Length of the spatial kernel: this many reaches and `near_mm`."""
    near_mm: float = 2.0
    """See `near_reaches`."""
    outline_log_odds: float = 2.0
    """For the previous outline far from new seeds; less than the evidence's limit, so that all of it can improve."""
    beyond_log_odds: float = 2.0
    """Against a voxel half a radius and 2 mm beyond the previous lesion and the new seeds; linear in the distance."""
    probability_ramp: tuple[float, float] = (0.2, 0.2)
    """The same as for clicks, in the previous lesion and the foreground seeds; a step."""
    evidence_limit: float = 3.0
    """Limit of the log-odds of the border evidence, both ways."""
    seed_margin: float = 3.0
    """Log-odds by which the potential makes every seed hold its label: m in `seed_potential`."""
    similar_radii: float = 1.0
    """Length of the kernel for similar voxels, in radii of the lesion; at least that of the spatial kernel."""
    similar_deviations: float = 3.0
    """Width of that kernel in normalized intensity, deviations of the noise."""
    liver_deviations: float = 3.0
    """A seed whose strength is below about this says nothing about similar voxels, since liver is similar to it."""
    prior_weight: float = 0.3
    """Kernel weight of the prior "no change": the larger, the faster the potential falls with distance."""
    rounds: int = 2
    """Solutions, each with the appearance of the one before."""
    contrast: float = 1.5 / 9
    """Fall of the random walker's edge weights with the squared difference of normalized intensities."""
    trust: float = 0.6
    """Weight of a voxel's own probability in the random walker."""
    seed_weight: float = 3.0
    """Weight of foreground seeds among the samples of the lesion's appearance; other voxels have 1."""
    part_share: float = 0.25
    """A component without a seed stays if this share of it was lesion."""
    lesion_share: float = 0.3
    """And, once there are foreground seeds, if it holds this share of the previous lesion."""
