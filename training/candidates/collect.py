"""Candidates of cohorts with their truth: one JSON file a case, so that a killed run loses one case.

    DIR/collection.json                 model and settings; a folder is only ever continued with the same ones
    DIR/cases/COHORT--CASE.json         the candidates of a case, their features, and which of them are lesions
    DIR/cases/COHORT--CASE--portal.json the same on the portal phase alone

Candidates come from the library's own inference, by `find_candidates`.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.file_identity import check_outside
from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.inference.candidate_predictor import CandidatePredictor
from LiverTumorAttentionLib.io import making_folder, replacing
from LiverTumorAttentionLib.lesion_classifier import NETWORK_FEATURE
from LiverTumorAttentionLib.metrics.lesions import Components
from LiverTumorAttentionLib.models import ModelPackage, find_model
from LiverTumorAttentionLib.models.candidate_network import CandidateNetworkDescription
from LiverTumorAttentionLib.pipeline.candidates import find_candidates
from LiverTumorAttentionLib.pipeline.second_look import Candidates
from LiverTumorAttentionLib.pipeline.stages import Stages, load_stages
from LiverTumorAttentionLib.postprocessing import FEATURES, PostprocessingSettings
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.labels import TUMOR, tumor_value
from LiverTumorAttentionLib.voxels.parts import whole_of
from training.candidates.network_file import predictor_of
from training.data.case import SourceCase
from training.data.layouts import find_cases
from training.data.layouts.files import read_json
from training.data.layouts.reading import read_case
from training.parallel import each

TRUE_SHARE = 0.1
"""A candidate is a lesion when at least this share of it lies in lesions,"""
COVERED_SHARE = 0.5
"""or when it covers at least this share of one."""
COLLECTION_FILE, CASES_FOLDER = "collection.json", "cases"


@dataclass(frozen=True, kw_only=True)
class CollectionSettings:
    """What all cases of a collection share."""

    model: str
    """Id of the model."""
    weights: tuple[str, ...]
    """SHA-256 of the weights of each of its stages."""
    postprocessing: dict[str, float]
    """How candidates are found; a model that gets the classifier gets these settings too."""
    averaging: str
    """What the probability of tumor is averaged over."""
    features: tuple[str, ...]
    """Names of the features."""
    run_with: tuple[str, ...] = ()
    """Pixels and scales that each stage is run with, in words."""
    network: str = ""
    """SHA-256 of the weights of the network whose logit is one of them; empty without."""

    @classmethod
    def of(
        cls,
        package: ModelPackage,
        *,
        threshold: float | None = None,
        minimum_diameter_mm: float = 4.0,
        averaging: str = "none",
        network: str = "",
    ) -> CollectionSettings:
        """Return the settings that find the candidates of a model: its own, without what drops uncertain ones.

        threshold: probability of a tumor voxel, None for the model's own. network: SHA-256 of its weights.
        """
        values = dict(package.description.postprocessing)
        own = values.get("tumor_threshold", PostprocessingSettings.tumor_threshold)
        values["tumor_threshold"] = values["minimum_peak_probability"] = (
            own if threshold is None else threshold
        )
        values["minimum_diameter_mm"] = minimum_diameter_mm
        values["minimum_core_share"] = 0.0
        from_mapping(PostprocessingSettings, values, where="postprocessing")
        description = package.description
        return cls(
            model=description.id,
            weights=tuple(stage.sha256 for stage in description.stages),
            postprocessing=values,
            averaging=averaging,
            features=(*(feature.name for feature in FEATURES), *([NETWORK_FEATURE] if network else [])),
            run_with=tuple(run_with(asdict(stage)) for stage in description.stages),
            network=network,
        )


def run_with(stage: Mapping[str, Any]) -> str:
    """Return in words on which pixels and scales a stage (as in `model.json`) is run."""
    pixels = (stage.get("grid") or {}).get("in_plane_spacing_mm")
    scales = (stage.get("slices") or {}).get("scales") or [1.0]
    told = "pixels of the volume" if pixels is None else f"pixels of {pixels:g} mm"
    return (
        told if list(scales) == [1.0] else f"{told} at scales {', '.join(f'{scale:g}' for scale in scales)}"
    )


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One candidate with its truth."""

    is_lesion: bool
    """Whether it is one; see TRUE_SHARE."""
    lesions: tuple[int, ...]
    """Numbers, from 1 on, of the lesions that it makes found; empty where it is none."""
    features: dict[str, Any]
    """By name; None for what was not measured."""


@dataclass(frozen=True, kw_only=True)
class CaseCandidates:
    """The candidates of a case. Field names are the keys of its file."""

    cohort: str
    """Name of the cohort's folder."""
    case: str
    """Its name in the cohort."""
    patient: str
    """Cases of one patient are never split."""
    source: str = ""
    """What a model may tell of its origin: its fact `source`, or "phantom"; empty where it tells none."""
    phases: tuple[str, ...]
    """Phases that were given."""
    lesions_mm: tuple[float, ...]
    """Diameter of the ball of the volume of each lesion of the truth, the largest first."""
    candidates: tuple[Candidate, ...]
    """The largest first."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One case to collect."""

    cohort: str
    case: SourceCase
    portal_alone: bool = False

    @property
    def name(self) -> str:
        """Name of its file, without the suffix."""
        return f"{self.cohort}--{self.case.name}" + ("--portal" if self.portal_alone else "")


def collect(
    model: str,
    cohorts: Sequence[Path],
    output: Path,
    settings: CollectionSettings,
    *,
    layout: str = "plain",
    portal_alone: bool = False,
    network: CandidateNetworkDescription | None = None,
    device: str = "auto",
    processes: int | None = None,
    progress: Progress | None = None,
) -> tuple[list[CaseCandidates], list[str]]:
    """Collect the candidates of all cases of some cohorts; return them, and what went wrong with the other cases.

    model: id or path. portal_alone: cases with an arterial phase are run without it as well. network: of the second
    look, whose weights lie in `output`. Cases whose file is there are not run again. Raises `InputError` for a folder
    of other settings or one that is read, `OutputError`, `Cancelled`.
    """
    progress = progress or Progress()
    wanted = list(wanted_cases(cohorts, layout, portal_alone=portal_alone))
    read = {f"case {one.case.name} at": one.case.portal for one in wanted}
    check_outside(output, {**read, "model": find_model(model).path})
    with making_folder(output, name="folder of candidates", parents=True):
        check_settings(output, settings)
    cases = output / CASES_FOLDER
    with making_folder(cases, name="folder of candidates"):
        missing = [each_one for each_one in wanted if not (cases / f"{each_one.name}.json").is_file()]
        work = functools.partial(_collect_case, model, device, settings, network, cases)
        failed = []
        for place, result in each(
            work, missing, processes=processes, progress=progress, name=lambda one: one.name
        ):
            if isinstance(result, Exception):
                if not isinstance(result, InputError):
                    raise result
                failed.append(f"{missing[place].name}: {result}")
    found = [read_collected(path) for one in wanted if (path := cases / f"{one.name}.json").is_file()]
    return found, failed


def read_collected(path: Path) -> CaseCandidates:
    """Read the candidates of a case. Raises `InputError` for a damaged file."""
    return from_mapping(CaseCandidates, read_json(path), where=f"'{path}'")


def case_candidates(
    wanted: Wanted,
    stages: Stages,
    settings: CollectionSettings,
    progress: Progress | None = None,
    predictor: CandidatePredictor | None = None,
) -> CaseCandidates:
    """Run a model on a case and return its candidates with their truth. Raises `InputError`, `Cancelled`.

    predictor: the network of the second look.
    """
    loaded = read_case(wanted.case, arterial=not wanted.portal_alone)
    found = find_candidates(
        loaded.portal,
        loaded.arterial,
        stages,
        from_mapping(PostprocessingSettings, settings.postprocessing, where="postprocessing"),
        progress or Progress(),
    )
    truth = Components.of(sitk.GetArrayViewFromImage(loaded.labels) == TUMOR)
    instances = sitk.GetArrayFromImage(whole_of(found.instances, found.portal))
    voxel_mm3 = math.prod(loaded.portal.GetSpacing())
    phases = ("portal",) if loaded.arterial is None else ("portal", "arterial")
    case = wanted.case
    return CaseCandidates(
        cohort=wanted.cohort,
        case=case.name,
        patient=case.patient or f"{wanted.cohort}/{case.name}",
        source=source_of(case),
        phases=phases,
        lesions_mm=tuple(round(float((6 * n * voxel_mm3 / math.pi) ** (1 / 3)), 2) for n in truth.voxels),
        candidates=tuple(
            Candidate(
                is_lesion=bool(lesions := lesions_of(instances == tumor_value(number), truth)),
                lesions=lesions,
                features={
                    name: None if math.isnan(value) else round(value, 6) for name, value in features.items()
                },
            )
            for number, features in Candidates(found).features(predictor).items()
        ),
    )


def source_of(case: SourceCase) -> str:
    """Return what a model may tell of a case's origin: its fact `source`, or "phantom"; empty where it tells none."""
    return case.facts.get("source", "phantom" if case.lesions is not None else "")


def lesions_of(candidate: NDArray[np.bool_], truth: Components) -> tuple[int, ...]:
    """Return the lesions that a candidate makes found: those it touches, where it is a lesion at all.

    candidate: (z, y, x). A candidate is a lesion when a `TRUE_SHARE` of it lies in lesions, or when it covers a
    `COVERED_SHARE` of one.
    """
    numbers = truth.numbers[candidate]
    touched, common = np.unique(numbers[numbers > 0], return_counts=True)
    if not touched.size:
        return ()
    within = common.sum() >= TRUE_SHARE * numbers.size
    covers = (common >= COVERED_SHARE * truth.voxels[touched - 1]).any()
    return tuple(int(number) for number in touched) if within or covers else ()


def wanted_cases(cohorts: Sequence[Path], layout: str, *, portal_alone: bool) -> Iterator[Wanted]:
    """Yield the cases of some cohorts. Raises `InputError` where two of these have one name."""
    names = [cohort.resolve().name for cohort in cohorts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two cohorts are called {twice[0]!r}: rename one of the folders")
    for name, cohort in zip(names, cohorts, strict=True):
        for case in find_cases(layout, cohort):
            yield Wanted(cohort=name, case=case)
            if portal_alone and case.arterial is not None:
                yield Wanted(cohort=name, case=case, portal_alone=True)


def check_settings(folder: Path, settings: CollectionSettings) -> None:
    """Write the settings of a new collection; raise `InputError` when the folder's has others."""
    path = folder / COLLECTION_FILE
    new = json.loads(json.dumps(asdict(settings)))
    if path.is_file():
        old = read_json(path)
        other = [name for name in new if old.get(name) != new[name]]
        if other:
            raise InputError(
                f"'{folder}' holds candidates of another {other[0]}: choose another folder, or ask for the same"
            )
        return
    with replacing(path, name="collection") as temporary:
        temporary.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")


def _collect_case(
    model: str,
    device: str,
    settings: CollectionSettings,
    network: CandidateNetworkDescription | None,
    folder: Path,
    wanted: Wanted,
) -> None:
    stages = stages_of(model, device, settings.averaging)
    predictor = None if network is None else predictor_of(folder.parent, network)
    found = case_candidates(wanted, stages, settings, predictor=predictor)
    values: Mapping[str, Any] = asdict(found)
    with replacing(folder / f"{wanted.name}.json", name="candidates") as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


@functools.lru_cache(maxsize=1)
def stages_of(model: str, device: str, averaging: str) -> Stages:
    """Return a model's networks, built once in every process."""
    return load_stages(find_model(model), choose_device(device), averaging=averaging)
