"""Segmentation of a case: from its CT to liver, tumors and their table.

The command line, the Slicer module, the demonstration and cohort runs all call `segment_case`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.analysis import (
    CaseMeasurement,
    TumorMeasurement,
    measure_case,
    measure_tumors,
    tumor_csv,
)
from LiverTumorAttentionLib.analysis.neck import neck_warnings
from LiverTumorAttentionLib.analysis.segments import LiverSegments
from LiverTumorAttentionLib.analysis.tumors import with_segments
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference import Device, ImportedRun, choose_device
from LiverTumorAttentionLib.inference.candidate_predictor import load_candidate_predictor
from LiverTumorAttentionLib.io import (
    collected_warnings,
    making_folder,
    write_image,
    write_segmentation,
)
from LiverTumorAttentionLib.io.couinaud_segments import write_couinaud
from LiverTumorAttentionLib.memory import give_back
from LiverTumorAttentionLib.models import ModelDescription, ModelPackage, find_model
from LiverTumorAttentionLib.phases.comparison import Comparison
from LiverTumorAttentionLib.phases.estimate import PhaseEstimate
from LiverTumorAttentionLib.pictures import write_preview
from LiverTumorAttentionLib.pipeline.arterial_policy import usage_warnings
from LiverTumorAttentionLib.pipeline.attention_maps import Attention
from LiverTumorAttentionLib.pipeline.candidates import find_candidates
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob, averaging_cost
from LiverTumorAttentionLib.pipeline.liver_segments import SOURCE_KEY, proposed_segments
from LiverTumorAttentionLib.pipeline.outputs import (
    Writer,
    check_outputs,
    output_files,
    write_all,
    write_json,
)
from LiverTumorAttentionLib.pipeline.read_case import ReadCase, read_case, reported_phases
from LiverTumorAttentionLib.pipeline.second_look import (
    SecondLook,
    calibration_warnings,
    operating_point_of,
    second_look,
)
from LiverTumorAttentionLib.pipeline.stages import load_stages, postprocessing_settings
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import RegistrationResult, RegistrationVerdict, write_transform
from LiverTumorAttentionLib.voxels.geometry import to_lps
from LiverTumorAttentionLib.voxels.parts import in_few_bits, part_from_lps, whole_of
from LiverTumorAttentionLib.wording import counted, measured, quantity


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """Result of a segmentation. Images lie on the portal volume's own grid.

    What is full of zeros or seldom asked for, such as the probability and the registered volume, is made when it is.
    """

    portal: sitk.Image
    """The portal volume as it was read, HU."""
    instances: sitk.Image
    """0 background, 1 liver, 2, 3, … one value a tumor, the largest first; uint8 where the values fit, else uint16."""
    tumors: tuple[TumorMeasurement, ...]
    """The tumors in the order of their values; may be empty."""
    case: CaseMeasurement
    """The liver as a whole."""
    probability_part: sitk.Image
    """float32: probability of tumor on the part of the grid around the liver; the mean where it is averaged."""
    alignment: RegistrationResult | None
    """The registration, which gives the registered volume; None when no arterial volume was given."""
    arterial_used: bool
    """Whether the tumors were found in the arterial phase too."""
    warnings: tuple[str, ...]
    """Warnings for the user, one sentence each."""
    model: ModelDescription
    """The model that was used."""
    device: str
    """The device that it ran on, in words."""
    attention: Attention | None = None
    """Attention of the tumor network; None when it was not asked for."""
    deviation_part: sitk.Image | None = None
    """float32: standard deviation of the probability over flips and turns, likewise; None where it is not averaged."""
    second_look: SecondLook | None = None
    """What the second look at each candidate did; None for a model that gives no lesion probability."""
    seen: str | None = None
    """Where the networks of a model of another program ran, in words; None for the project's own."""
    tumor_passes: int | None = None
    """How often such a network ran for each patch; None for the project's own."""
    further: Mapping[str, RegistrationResult] = field(default_factory=dict)
    """Registrations of the delayed and the native phase, by name, where they were given."""
    further_used: tuple[str, ...] = ()
    """Which of these phases the tumors were found in, too."""
    segments: LiverSegments | None = None
    """Couinaud segments as the network proposes them; None when they were not asked for."""
    phases: Mapping[str, PhaseEstimate] = field(default_factory=dict)
    """What each volume seems to be, by what it was given as."""
    compared: Comparison | None = None
    """What portal and arterial volume show beside each other; None where each tells its phase by itself."""
    chosen: tuple[str, ...] = ()
    """Which series of a study were chosen and why, one sentence each; empty where volumes were given."""

    @property
    def probability(self) -> sitk.Image:
        """float32: probability of tumor; the mean where it is averaged."""
        return whole_of(self.probability_part, self.portal)

    @property
    def deviation(self) -> sitk.Image | None:
        """float32: standard deviation of the probability over flips and turns; None where it is not averaged."""
        return None if self.deviation_part is None else whole_of(self.deviation_part, self.portal)

    @property
    def registered(self) -> sitk.Image | None:
        """The arterial volume on the portal grid, HU; None when none was given; resampled when first asked for."""
        return None if self.alignment is None else self.alignment.registered

    @property
    def transform(self) -> sitk.Transform | None:
        """Portal points to arterial points, LPS mm; None when no arterial volume was given."""
        return None if self.alignment is None else self.alignment.transform

    @property
    def registration(self) -> RegistrationVerdict | None:
        """Verdict on the registration; None when no arterial volume was given."""
        return None if self.alignment is None else self.alignment.verdict

    def summary(self) -> str:
        """Return the result in a few lines for the terminal."""
        lines = [
            f"{self.model.title}: {self.model.statement}",
            f"liver {measured(self.case.liver_volume_ml, 'mL')}, {counted(len(self.tumors), 'tumor')}, "
            f"{measured(self.case.tumor_volume_ml, 'mL')} together",
        ]
        lines[1:1] = self.chosen
        lines += [
            f"  Tumor {t.number}: {measured(t.volume_ml, 'mL')}, {quantity(t.longest_axial_diameter_mm, 'mm')} x "
            f"{measured(t.perpendicular_diameter_mm, 'mm')}, portal {measured(t.mean_hu_portal, 'HU')}"
            + (f", arterial {measured(t.mean_hu_arterial, 'HU')}" if t.mean_hu_arterial is not None else "")
            + "".join(
                f", {phase} {measured(hu, 'HU')}"
                for phase, hu in (("delayed", t.mean_hu_delayed), ("native", t.mean_hu_native))
                if hu is not None
            )
            + (f", segment {t.segments}" if t.segments else "")
            + (f", lesion probability {t.lesion_probability:.2f}" if t.lesion_probability is not None else "")
            for t in self.tumors
        ]
        if self.segments is not None:
            lines.append(f"Couinaud segments {self.segments.source}")
        if self.seen is not None:
            lines.append(f"the networks ran {self.seen}")
        if self.second_look is not None and self.second_look.dropped:
            lines.append(self.second_look.sentence())
        return "\n".join(lines)

    def to_dict(self, job: SegmentationJob) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "notice": NOT_FOR_CLINICAL_USE,
            "version": __version__,
            "model": {
                "id": self.model.id,
                "title": self.model.title,
                "version": self.model.version,
                "statement": self.model.statement,
                "sha256": self.model.checksums,
            },
            "device": self.device,
            "settings": job.reported_settings(self.model.id),
            "averaging": averaging_cost(job.averaging, self.tumor_passes),
            "networks_ran": self.seen,
            "phases": ["portal", *(["arterial"] if self.arterial_used else []), *self.further_used],
            **reported_phases(self.phases, self.compared, self.chosen, job),
            "registration": self.registration.as_dict() if self.registration else None,
            "further_registrations": {name: each.verdict.as_dict() for name, each in self.further.items()},
            "liver": {
                "volume_ml": self.case.liver_volume_ml,
                "tumor_volume_ml": self.case.tumor_volume_ml,
                "tumor_burden_percent": self.case.tumor_burden_percent,
            },
            "segments": None if self.segments is None else self.segments.as_dict(),
            "candidates": self.second_look.to_dict() if self.second_look else None,
            "tumors": [asdict(tumor) for tumor in self.tumors],
            "warnings": job.reported_warnings(self.warnings),
        }


def segment_case(
    job: SegmentationJob, progress: Progress | None = None, *, read: ReadCase | None = None
) -> CaseResult:
    """Segment one case and write what the job asks for.

    read: the case where it was read and checked already, as by the client of a server; else its files are read.
    Returns the liver, the tumors and their table, on the portal volume's own grid.
    Raises `InputError`, `ModelError`, `DeviceError`, `OutputError` or `Cancelled`; then nothing is written.
    """
    progress = progress or Progress()
    package = find_model(job.model)
    check_outputs(job, model=package.path)
    device = choose_device(job.device)
    if job.study is None:
        _check_phases_given(job, package)
    if read is None:
        read = read_case(
            job, progress.part(0.0, 0.08), lambda chosen: check_outputs(chosen, model=package.path)
        )
    job = read.job
    _check_phases_given(job, package)
    images = dict(read.images)
    portal, arterial = images.pop("portal"), images.pop("arterial", None)
    read = replace(read, images={})
    part = progress.part(0.08, 0.95)
    result = segment_volumes(portal, arterial, package, device, job, part, further=images)
    result = replace(
        result,
        warnings=(*read.warnings, *result.warnings),
        phases=read.estimates,
        compared=read.compared,
        chosen=read.chosen,
    )
    write_results(result, job, progress.part(0.95, 1.0, "writing"))
    return result


def _check_phases_given(job: SegmentationJob, package: ModelPackage) -> None:
    """Raise `ModelError` where the model needs a phase that the job does not have."""
    missing = [phase for phase in package.description.needed_phases if getattr(job, phase) is None]
    if missing:
        raise ModelError(
            f"the model {package.description.id!r} needs the {' and the '.join(missing)} phase beside the portal "
            "venous one: give it too, or choose another model"
        )


def segment_volumes(
    portal: sitk.Image,
    arterial: sitk.Image | None,
    package: ModelPackage,
    device: Device,
    job: SegmentationJob,
    progress: Progress,
    *,
    further: Mapping[str, sitk.Image] | None = None,
) -> CaseResult:
    """Segment volumes in memory: the steps of `segment_case` between its files.

    portal, arterial: HU, of any orientation and any grids that overlap in the liver. further: the delayed and the
    native phase by name, likewise.
    """
    with collected_warnings() as warnings:
        result = _segment(portal, arterial, package, device, job, progress, further or {})
    return replace(result, warnings=(*warnings, *result.warnings))


def _segment(
    portal: sitk.Image,
    arterial: sitk.Image | None,
    package: ModelPackage,
    device: Device,
    job: SegmentationJob,
    progress: Progress,
    further: Mapping[str, sitk.Image],
) -> CaseResult:
    settings = postprocessing_settings(package, job)
    operating_point = operating_point_of(package.description, job)
    own_grid, portal = portal, to_lps(portal)
    predictor = load_candidate_predictor(package)
    stages = load_stages(
        package,
        device,
        record_attention=job.save_attention is not None,
        averaging=job.averaging,
        imported=ImportedRun(everywhere=job.whole_volume, bfloat16=job.bfloat16),
    )
    found = find_candidates(
        portal,
        arterial,
        stages,
        settings,
        progress,
        seed=job.seed,
        attention_point=job.attention_point,
        further=further,
    )
    instances, look = found.instances, None
    if package.description.candidates is not None and operating_point is not None:
        instances, look = second_look(found, package.description.candidates, operating_point, predictor)

    give_back()
    registration = found.registration
    verdict = registration.verdict if registration else None
    probability = part_from_lps(found.probability, own_grid)
    instances = whole_of(in_few_bits(part_from_lps(instances, own_grid)), own_grid)
    portal_model = None if package.description.taken_phases else package.description.id
    tumors = measure_tumors(
        instances,
        own_grid,
        None if found.arterial is None else part_from_lps(found.arterial, own_grid),
        probability,
        lesion_probabilities=look.probabilities if look else None,
        **{name: part_from_lps(part, own_grid) for name, part in found.further_parts.items()},
    )
    segments = None
    if job.save_segments is not None:
        segments = proposed_segments(instances, device=job.device)
        tumors = with_segments(tumors, segments, instances)
    return CaseResult(
        portal=own_grid,
        instances=instances,
        tumors=tuple(tumors),
        case=measure_case(instances),
        probability_part=probability,
        deviation_part=None if found.deviation is None else part_from_lps(found.deviation, own_grid),
        alignment=None if registration is None else replace(registration, own_grid=own_grid),
        arterial_used=found.arterial is not None and package.description.takes_arterial,
        further_used=tuple(name for name in found.further_parts if name in package.description.taken_phases),
        attention=found.tumors.attention,
        second_look=look,
        segments=segments,
        seen=stages.seen,
        tumor_passes=stages.tumor_passes,
        further={name: replace(each, own_grid=own_grid) for name, each in found.further.items()},
        warnings=(
            *usage_warnings(verdict, portal_model=portal_model),
            *(
                text
                for name, each in found.further.items()
                for text in usage_warnings(each.verdict, phase=name)
            ),
            *calibration_warnings(package.description, job, settings),
            *neck_warnings({tumor.number: tumor.neck_ratio for tumor in tumors}),
        ),
        model=package.description,
        device=stages.device.describe(),
    )


def write_results(result: CaseResult, job: SegmentationJob, progress: Progress) -> None:
    """Write what the job asks for: all of it, or nothing."""
    files = output_files(job, _writers(result, job))
    if not job.save_attention or result.attention is None:
        write_all(files, progress)
        return
    with making_folder(job.save_attention, name="attention") as folder:
        attention = result.attention.writers(result.portal)
        write_all([*files, *((folder / name, write) for name, write in attention.items())], progress)


def _writers(result: CaseResult, job: SegmentationJob) -> dict[str, Writer]:
    """Return the writer of each kind of output."""

    def segmentation(path: Path) -> None:
        write_segmentation(path, result.instances, source=job.portal, series=job.portal_series)

    def segments(path: Path) -> None:
        if result.segments is not None:
            write_couinaud(path, result.segments.labels, {SOURCE_KEY: result.segments.source})

    def registered(path: Path) -> None:
        if result.registered is not None:
            write_image(path, result.registered)

    def transform(path: Path) -> None:
        if result.transform is not None:
            write_transform(path, result.transform)

    def further(name: str) -> Writer:
        def write(path: Path) -> None:
            if name in result.further:
                write_image(path, result.further[name].registered)

        return write

    return {
        "segmentation": segmentation,
        "delayed": further("delayed"),
        "native": further("native"),
        "table": lambda path: path.write_text(tumor_csv(result.tumors), encoding="utf-8", newline=""),
        "report": lambda path: write_json(path, result.to_dict(job)),
        "preview": lambda path: write_preview(
            path, result.portal, result.instances, arterial=result.registered
        ),
        "registered": registered,
        "transform": transform,
        "probability": lambda path: write_image(path, result.probability),
        "Couinaud segments": segments,
    }
