"""A cohort of phantoms in the layout "plain": two-phase CT with full truth, for trials without patient data."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.phantoms import generate_phantom, write_phantom
from LiverTumorAttentionLib.phantoms.enhancement import LESION_KINDS
from LiverTumorAttentionLib.phantoms.protocol import Request
from LiverTumorAttentionLib.progress import Progress
from training.data.synthesis import TRAINING_SEEDS
from training.data.synthesis.cohort_folder import CohortKind


@dataclass(frozen=True, kw_only=True)
class PhantomSettings:
    """What all phantoms of a cohort share; None leaves a value to each phantom's own draw."""

    size: str = "small"
    """"small" (160 x 160 pixels, slices of 5.5 mm) or "full" (512 x 512, drawn thickness)."""
    lesions: int | None = None
    """Lesions of a case, 0 to 8; fewer where the liver has no room for them."""
    kinds: tuple[str, ...] = ()
    """Types of lesions to choose from; () leaves them to the draw."""
    single_kind: bool = False
    """Every case has lesions of one type, the types in turn over the seeds."""
    matrix: int | None = None
    """Pixels a side."""
    slices: int | None = None
    """Number of slices, centered on the liver."""
    thickness_mm: float | None = None
    """Thickness and distance of the slices."""

    def __post_init__(self) -> None:
        self.request(self.lesions).check(0)

    def request(self, lesions: int | None, seed: int = 0) -> Request:
        """Return the arguments of `generate_phantom` for a seed, `lesions` in place of the number asked for."""
        return Request(
            size=self.size,
            lesions=lesions,
            matrix=self.matrix,
            spacing_mm=None,
            thickness_mm=self.thickness_mm,
            slices=self.slices,
            lesion_kinds=self.kinds_of(seed),
            lesion_diameters_mm=None,
            max_displacement_mm=None,
            arterial_offset_mm=0.0,
            arterial_slices=None,
        )

    def kinds_of(self, seed: int) -> tuple[str, ...] | None:
        """Return the types that a case's lesions get in turn; None draws them."""
        if self.single_kind:
            kinds = self.kinds or LESION_KINDS
            return (kinds[seed % len(kinds)],)
        return self.kinds or None


PHANTOMS = CohortKind(
    name="phantom",
    settings=PhantomSettings,
    files=("portal.nii.gz", "arterial.nii.gz", "labels.nii.gz", "displacement.nii.gz", "lesions.json"),
)
"""lesions.json is moved into place last."""


def write_phantom_cohort(
    folder: Path,
    settings: PhantomSettings,
    *,
    count: int,
    seed: int = TRAINING_SEEDS,
    processes: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Write the phantoms of `count` seeds from `seed` on that are not in the folder yet; return their number.

    Raises `InputError`, `OutputError` and `Cancelled` as `CohortKind.fill` does.
    """
    return PHANTOMS.fill(
        folder, settings, _write_case, count=count, seed=seed, processes=processes, progress=progress
    )


def _write_case(case: Path, settings: PhantomSettings, seed: int) -> None:
    """Write one phantom; what an earlier, killed run left of it is removed."""
    for left in case.glob(".phantom-*"):
        shutil.rmtree(left, ignore_errors=True)
    counts: Sequence[int | None] = [None]
    if settings.lesions is not None:
        counts = range(settings.lesions, -1, -1)
    for count in counts:
        try:
            phantom = generate_phantom(seed, **vars(settings.request(count, seed)))
        except InputError:
            if not count:
                raise
            continue  # no room for that many in this liver
        write_phantom(phantom, case)
        return
