"""A model on what it was never trained on: held-out real slices, real volumes, implants in real CT, reserved phantoms.

One row a slice, volume, phantom and case with implants, one a lesion; each carries the model's id, the first digits of
its weights' SHA-256 and the settings of the run, so that several models stand side by side in the same files, and a run
goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import nearest
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.file_identity import check_outside
from LiverTumorAttentionLib.io import making_folder
from LiverTumorAttentionLib.models import ModelPackage, find_model
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.progress import Progress
from training.data.held_out import VALIDATION, is_held_out
from training.data.layouts import find_cases
from training.data.real_volumes import RealVolume, there
from training.data.synthesis.implanted_cohort import background_names
from training.evaluation.assessed_cases import (
    DRAWN_SEEDS,
    FREE_SEEDS,
    IMPLANTS_A_BACKGROUND,
    Made,
    Runner,
    implant_row,
    phantom_row,
    slice_row,
    volume_row,
)
from training.evaluation.assessment_tables import DIGITS, Identity, add_rows, has_row
from training.evaluation.tumor_slices import tumor_slice_row

SLICES_FOLDER = "msd-liver-slices"
TUMOR_SLICES = ("msd_dark_slices", "msd_free_slices")
"""Layouts of real slices that tell where tumors are, and where none is seen."""
PARTS = ("slices", "tumor-slices", "volumes", "implants", "phantoms", "phantoms-portal")
WITHOUT_DATA = ("phantoms", "phantoms-portal")
"""Parts that need no real data."""
BASELINE = "demonstration"
"""The model that others are compared with; its liver stage says where implants may lie, whatever model is assessed."""


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What is assessed, and where the rows go. Raises `InputError` for settings or parts that are unknown."""

    model: str
    """Id or path."""
    output: Path
    """Folder of the tables."""
    data: Path | None = None
    """Folder of the real data; None leaves them out."""
    parts: tuple[str, ...] = PARTS
    """Some of `PARTS`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `SegmentationJob` that decide what is found, such as {"averaging": "flips"}."""
    phantom_size: str = "full"
    """As `generate_phantom` takes it."""
    seeds: tuple[int, ...] = (*DRAWN_SEEDS, *FREE_SEEDS)
    """Of the phantoms."""
    implants: int = IMPLANTS_A_BACKGROUND
    """Cases with implants of each background."""
    liver_model: str = BASELINE
    """Whose liver stage says where implants may lie; the same for all models that are compared."""
    device: str = "auto"

    def __post_init__(self) -> None:
        known = settable()
        for name in self.settings:
            if name not in known:
                raise InputError(f"{name!r} is no setting of a segmentation{nearest(name, known)}")
        for part in self.parts:
            if part not in PARTS:
                raise InputError(f"there is no part {part!r}{nearest(part, PARTS)}")
        if self.data is None and not set(self.parts) <= set(WITHOUT_DATA):
            raise InputError(
                "slices, tumor-slices, volumes and implants are real data: say where they lie with --data, or ask for "
                f"{' and '.join(WITHOUT_DATA)} alone"
            )
        if self.implants < 1:
            raise InputError(
                f"the number of cases with implants must be at least 1, got {self.implants}: give a larger number"
            )


def settable() -> tuple[str, ...]:
    """Return the fields of `SegmentationJob` that decide what is found; files, series and device do not."""
    files = ("portal", "arterial", "output", "table", "report", "preview", "model", "device")
    others = ("portal_series", "arterial_series", "attention_point")
    names = [entry.name for entry in fields(SegmentationJob)]
    return tuple(n for n in names if n not in (*files, *others) and not n.startswith("save_"))


def assess(assessment: Assessment, progress: Progress | None = None) -> int:
    """Add the missing rows of a model; return how many were added. Raises `InputError`, `OutputError`, `Cancelled`."""
    progress = progress or Progress()
    package = find_model(assessment.model)
    check_outside(assessment.output, {"model": package.path, "data": assessment.data})
    identity = Identity.of(package, assessment.settings)
    work = list(_work(assessment, package))
    added = 0
    with making_folder(assessment.output, name="folder of tables", parents=True):
        for number, one in enumerate(work):
            progress.update(number / len(work), f"{one.part} {one.name}")
            path = assessment.output / f"{one.part}.csv"
            if has_row(path, identity, one.name, one.made_by):
                continue
            row, lesions = one.make()
            add_rows(assessment.output / f"{one.part}-lesions.csv", identity, one.name, lesions)
            add_rows(path, identity, one.name, [{**row, **one.made_by}])
            added += 1
    progress.update(1.0)
    return added


@dataclass(frozen=True, kw_only=True)
class _Item:
    """A row that is to be there."""

    part: str
    name: str
    make: Callable[[], Made]
    made_by: Mapping[str, str] = field(default_factory=dict)
    """Columns that must hold these values; a row with others is made anew."""


def _work(assessment: Assessment, package: ModelPackage) -> Iterator[_Item]:
    """Yield all rows that are to be there; those of one phantom or background one after the other."""
    wanted, data = assessment.parts, assessment.data
    runner = Runner(model=assessment.model, device=assessment.device, settings=assessment.settings)
    if data is not None and "slices" in wanted and not assessment.settings:  # of the liver stage alone
        for case in find_cases("msd_liver_slices", data / SLICES_FOLDER):
            if is_held_out(case.facts):
                make = partial(slice_row, case, package, assessment.device)
                yield _Item(part="slices", name=case.name, make=make)
    if data is not None and "tumor-slices" in wanted and not assessment.settings:
        for layout in TUMOR_SLICES:
            for case in find_cases(layout, data / SLICES_FOLDER):
                if is_held_out(case.facts):
                    make = partial(tumor_slice_row, case, package, assessment.device)
                    yield _Item(part="tumor-slices", name=case.name, make=make)
    if data is not None and "volumes" in wanted:
        for volume in there(data):
            yield _Item(part="volumes", name=volume.name, make=partial(volume_row, volume, data, runner))
    if data is not None and "implants" in wanted:
        yield from _implants(assessment, data, runner)
    for seed in assessment.seeds:
        for part in WITHOUT_DATA:
            if part in wanted:
                arterial, size = part == "phantoms", assessment.phantom_size
                yield _Item(
                    part=part,
                    name=str(seed),
                    make=partial(phantom_row, seed, size, runner, arterial=arterial),
                    made_by={"size": size},
                )


def _implants(assessment: Assessment, data: Path, runner: Runner) -> Iterator[_Item]:
    backgrounds = implant_backgrounds(there(data))
    if not backgrounds:
        raise InputError(
            f"no real volume that validates lies below '{data}': check it, or leave out implants"
        )
    liver = find_model(assessment.liver_model).description
    for background in backgrounds:
        for number in range(assessment.implants):
            yield _Item(
                part="implants",
                name=f"{background}-{number}",
                make=partial(implant_row, background, number, data, assessment.liver_model, runner),
                made_by={"liver_from": f"{liver.id} {liver.liver_stage.sha256[:DIGITS]}"},
            )


def implant_backgrounds(volumes: Sequence[RealVolume]) -> list[str]:
    """Return the names of what lesions are implanted in: what is free of tumor in the volumes that validate."""
    return [name for volume in volumes if volume.use == VALIDATION for name in background_names(volume)]
