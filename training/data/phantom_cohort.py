"""A cohort of phantoms in the plain layout: two-phase CT with full truth, for trials where no data are at hand.

    DIR/cohort.json        the settings; a cohort is only ever continued with the same ones
    DIR/phantom-100000/    portal, arterial, labels, displacement (.nii.gz) and lesions.json
    DIR/phantom-100001/    …

A case depends on its seed and the settings alone, so a cohort can be continued, lengthened, or made in parts.
"""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import making_folder, replacing
from LiverTumorAttentionLib.phantoms import generate_phantom, write_phantom
from LiverTumorAttentionLib.phantoms.enhancement import LESION_KINDS
from LiverTumorAttentionLib.phantoms.protocol import Request
from LiverTumorAttentionLib.progress import Progress
from training.data.layouts.json_file import read_json
from training.data.seeds import TRAINING_SEEDS
from training.parallel import each

FILES = ("portal.nii.gz", "arterial.nii.gz", "labels.nii.gz", "displacement.nii.gz", "lesions.json")


@dataclass(frozen=True, kw_only=True)
class PhantomSettings:
    """What all phantoms of a cohort share; None leaves a value to each phantom's own draw."""

    size: str = "small"
    """"small" (160 x 160 pixels, slices of 5.5 mm) or "full" (512 x 512, drawn thickness)."""
    lesions: int | None = None
    """Lesions of a case, 0 to 8; fewer where the liver has no room for so many."""
    kinds: tuple[str, ...] = ()
    """Types of lesions to choose from; () leaves them to the draw."""
    single_kind: bool = False
    """Every case has lesions of one type, the types in turn over the seeds."""
    matrix: int | None = None
    """Pixels a side."""
    slices: int | None = None
    """Number of slices, centred on the liver."""
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


def write_cohort(
    folder: Path,
    settings: PhantomSettings,
    *,
    count: int,
    seed: int = TRAINING_SEEDS,
    processes: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Write the phantoms of `count` seeds from `seed` on that are not in the folder yet; return how many that were.

    Raises `InputError` for settings that differ from those of the cohort in the folder, and, when all others are
    written, for phantoms that could not be made; `OutputError` when the folder cannot be written; `Cancelled`.
    """
    if count < 1 or seed < 0:
        raise InputError(
            f"a cohort needs at least one phantom and a seed from 0, got {count} from seed {seed}"
        )
    with making_folder(folder, name="cohort"):
        _settle(folder, settings)
    missing = [number for number in range(seed, seed + count) if not is_whole(case_folder(folder, number))]
    work = functools.partial(_write_case, folder, settings)
    failed: list[str] = []
    for place, result in each(work, missing, processes=processes, progress=progress, name=str):
        if isinstance(result, Exception):
            failed.append(f"{missing[place]} ({result})")
    if failed:
        raise InputError(
            f"{len(failed)} phantom(s) could not be made, seed {failed[0]}: run the command again"
        )
    return len(missing)


def case_folder(folder: Path, seed: int) -> Path:
    """Return where the phantom of a seed lies."""
    return folder / f"phantom-{seed}"


def is_whole(case: Path) -> bool:
    """Tell whether every file of a phantom is there; lesions.json is moved into place last."""
    return all((case / name).is_file() for name in FILES)


def _settle(folder: Path, settings: PhantomSettings) -> None:
    """Write the settings of a new cohort; raise `InputError` when the folder's cohort has others."""
    path = folder / "cohort.json"
    if path.is_file():
        there = from_mapping(PhantomSettings, read_json(path), where=f"'{path}'")
        old, new = asdict(there), asdict(settings)
        other = [name for name in new if new[name] != old[name]]
        if other:
            name = other[0]
            raise InputError(
                f"'{folder}' holds phantoms with {name} {_shown(old[name])}, not {_shown(new[name])}: "
                "ask for the same, or choose another folder"
            )
        return
    if any(folder.glob("phantom-*")):
        raise InputError(
            f"'{folder}' holds phantoms, but no cohort.json that tells of which kind: choose another"
        )
    with replacing(path, name="cohort") as temporary:
        temporary.write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")


def _shown(value: Any) -> str:
    return "drawn" if value in (None, ()) else str(value)


def _write_case(folder: Path, settings: PhantomSettings, seed: int) -> None:
    """Write one phantom; what an earlier, killed run left of it is removed."""
    case = case_folder(folder, seed)
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
            continue  # no room for so many in this liver
        write_phantom(phantom, case)
        return
