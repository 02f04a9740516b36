"""Patches of the candidates of cohorts, with their truth: what the network of the second look trains on.

    DIR/collection.json             model and settings; a folder is only ever continued with the same ones
    DIR/cases/COHORT--CASE.npy      patches (candidates, 7, STORED, STORED, STORED), float16
    DIR/cases/COHORT--CASE.json     of each whether it is a lesion; written last

The candidates of a case are found at several thresholds of the probability of tumor: the lower ones give more of what
is no lesion, and other outlines of what is one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import making_folder, replacing
from LiverTumorAttentionLib.metrics.lesions import Components
from LiverTumorAttentionLib.pipeline.candidates import find_candidates
from LiverTumorAttentionLib.pipeline.second_look import Candidates
from LiverTumorAttentionLib.pipeline.stages import Stages, tumor_instances
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.labels import TUMOR, tumor_value
from LiverTumorAttentionLib.voxels.parts import whole_of
from training.candidates.collect import (
    CASES_FOLDER,
    CollectionSettings,
    Wanted,
    check_settings,
    lesions_of,
    source_of,
    stages_of,
    wanted_cases,
)
from training.data.layouts.files import read_json
from training.data.layouts.reading import read_case
from training.parallel import each

STORED = 48
"""Samples along each side of a patch that is kept: more than the network sees, so that it can be turned and moved."""
LOWER = (0.6, 0.3)
"""Further thresholds, as shares of the collection's own."""


@dataclass(frozen=True, kw_only=True)
class CasePatches:
    """The patches of a case. Field names are the keys of its file, but for the patches."""

    case: str
    """Its name in its cohort."""
    source: str
    """What it was made from, as a model tells it."""
    lesion: tuple[bool, ...]
    """Of each patch, whether the candidate is a lesion."""


def collect_patches(
    model: str,
    cohorts: Sequence[Path],
    output: Path,
    settings: CollectionSettings,
    *,
    layout: str = "plain",
    device: str = "auto",
    processes: int | None = None,
    progress: Progress | None = None,
) -> tuple[list[Path], list[str]]:
    """Collect the patches of all cases of some cohorts; return their files, and what went wrong with the other cases.

    Cases whose files are there are not run again. Raises `InputError` for a folder of other settings, `OutputError`,
    `Cancelled`.
    """
    wanted = list(wanted_cases(cohorts, layout, portal_alone=False))
    with making_folder(output, name="folder of patches", parents=True):
        check_settings(output, settings)
    folder, failed = output / CASES_FOLDER, []
    with making_folder(folder, name="folder of patches"):
        missing = [one for one in wanted if not (folder / f"{one.name}.json").is_file()]
        work = functools.partial(_collect_case, model, device, settings, folder)
        for place, result in each(
            work, missing, processes=processes, progress=progress, name=lambda one: one.name
        ):
            if isinstance(result, InputError):
                failed.append(f"{missing[place].name}: {result}")
            elif isinstance(result, Exception):
                raise result
    return [path for one in wanted if (path := folder / f"{one.name}.json").is_file()], failed


def read_patches(path: Path) -> tuple[CasePatches, NDArray[np.float16]]:
    """Return the patches of a case, which stay on the disk until they are looked at. Raises `InputError`."""
    about = from_mapping(CasePatches, read_json(path), where=f"'{path}'")
    try:
        patches = np.load(path.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path.with_suffix('.npy')} cannot be read ({error}): remove both files of the case, and collect again"
        ) from error
    if len(patches) != len(about.lesion):
        raise InputError(
            f"'{path}' tells of {len(about.lesion)} patches and there are {len(patches)}: remove both files of the "
            "case, and collect again"
        )
    return about, patches


def case_patches(
    wanted: Wanted, stages: Stages, settings: CollectionSettings, progress: Progress | None = None
) -> tuple[CasePatches, NDArray[np.float16]]:
    """Run a model on a case and return the patches of its candidates. Raises `InputError`, `Cancelled`."""
    loaded = read_case(wanted.case)
    own = from_mapping(PostprocessingSettings, settings.postprocessing, where="postprocessing")
    found = find_candidates(loaded.portal, loaded.arterial, stages, own, progress or Progress())
    truth = Components.of(sitk.GetArrayViewFromImage(loaded.labels) == TUMOR)
    patches, lesion = [], []
    for share in (1.0, *LOWER):
        threshold = share * own.tumor_threshold
        lower = replace(own, tumor_threshold=threshold, minimum_peak_probability=threshold)
        instances = tumor_instances(found.probability, found.liver.mask, lower)
        values = sitk.GetArrayFromImage(whole_of(instances, found.portal))
        candidates = Candidates(replace(found, instances=instances))
        for number, patch in candidates.patches(samples=STORED).items():
            patches.append(patch.astype(np.float16))
            lesion.append(bool(lesions_of(values == tumor_value(number), truth)))
    about = CasePatches(case=wanted.case.name, source=source_of(wanted.case), lesion=tuple(lesion))
    shape = (0, 7, STORED, STORED, STORED)
    return about, np.stack(patches) if patches else np.zeros(shape, np.float16)


def _collect_case(
    model: str, device: str, settings: CollectionSettings, folder: Path, wanted: Wanted
) -> None:
    about, patches = case_patches(wanted, stages_of(model, device, settings.averaging), settings)
    arrays, text = folder / f"{wanted.name}.npy", folder / f"{wanted.name}.json"
    with replacing(arrays, name="patches") as temporary, temporary.open("wb") as file:
        np.save(file, patches, allow_pickle=False)
    with replacing(text, name="patches") as temporary:
        temporary.write_text(json.dumps(asdict(about)) + "\n", encoding="utf-8")
