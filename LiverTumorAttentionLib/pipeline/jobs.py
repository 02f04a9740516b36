"""Jobs: what a run reads, how it is set and what it writes, as the command line, Slicer and scripts fill it in.

Paths are strings, as they come from a command line or a JSON file. Every job refuses values out of range, two results
in one file, and a result over a file that is read.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.contrast_phase import REGISTERED_ROLES
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.file_identity import check_apart, check_given
from LiverTumorAttentionLib.identifying_names import settings_without_names, without_names
from LiverTumorAttentionLib.lesion_classifier import OPERATING_POINTS
from LiverTumorAttentionLib.voxels.plane_symmetries import SYMMETRIES

J = TypeVar("J", bound="Job")

TRAINING_CASE_FILES = ("portal.nii.gz", "labels.nii.gz", "arterial.nii.gz", "case.json")
"""Files of a case for training; without an arterial volume there is none of it."""

AVERAGING = {name: len(symmetries) for name, symmetries in SYMMETRIES.items()}
"""How often the tumor network runs on a case, by what its probability is averaged over."""

REGISTERED_OUTPUTS = {
    "save_registered": "arterial",
    "save_transform": "arterial",
    "save_delayed": "delayed",
    "save_native": "native",
}
"""Fields of a `SegmentationJob` that name a file of a registration, and the volume that is registered."""

SEGMENTATION_SETTINGS = (
    *(
        "model",
        "phases_as_given",
        "minimum_diameter_mm",
        "tumor_threshold",
        "averaging",
        "whole_volume",
        "bfloat16",
    ),
    *("operating_point", "seed"),
)
"""Fields of a `SegmentationJob` that set how any case is segmented: what a cohort has in common."""

PLAIN_SETTINGS = frozenset({"model", "device", "averaging", "operating_point"})
"""Settings whose text is no name."""

PROPOSE_SEGMENTS = "propose"
"""In place of a file of Couinaud segments: the network that ships with the library proposes them."""

CASE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class Job(ABC):
    """Base of all jobs."""

    @classmethod
    def from_dict(cls: type[J], values: Mapping[str, Any]) -> J:
        """Build a job from JSON values. Raises `InputError` naming an unknown key and the nearest known one."""
        return from_mapping(cls, values, where="job")

    def to_dict(self) -> dict[str, Any]:
        """Return the job as JSON values, from which `from_dict` builds the same one."""
        return asdict(self)

    @abstractmethod
    def inputs(self) -> dict[str, str | None]:
        """Return the files and folders that the run reads, by what they hold; None where one is not given."""

    @abstractmethod
    def outputs(self) -> dict[str, str | None]:
        """Return the files that the run writes, by what they hold; None where one is not asked for."""

    def folders(self) -> dict[str, str | None]:
        """Return the folders that the run fills, made where they are missing, likewise."""
        return {}

    def _check_files(self) -> None:
        """Raise `InputError` when a name is empty, two results would be one file, or one would replace an input."""
        read, written, filled = self.inputs(), self.outputs(), self.folders()
        check_given({**read, **filled, **written})
        check_apart(written, read)


@dataclass(frozen=True, kw_only=True)
class ReportedJob(Job):
    """Base of jobs whose report tells their settings."""

    paths: bool = False
    """Whether the report holds the names of files, folders and series; they may be those of patients."""

    def reported_settings(self, model: str) -> dict[str, Any]:
        """Return the settings for the report: with `paths` those of `to_dict`, else without names.

        model: id of the model that was used, which stands in place of its path.
        """
        values = self.to_dict()
        return values if self.paths else settings_without_names({**values, "model": model}, PLAIN_SETTINGS)

    def reported_warnings(self, warnings: Iterable[str]) -> list[str]:
        """Return the warnings for the report, likewise."""
        return [warning if self.paths else without_names(warning) for warning in warnings]


@dataclass(frozen=True, kw_only=True)
class LabelledJob(Job):
    """Base of jobs that read a segmentation of any origin."""

    labels: tuple[str, ...] = ()
    """What segments or label values are, where their code or name does not say it: "NAME=meaning", the meaning one of
    liver, tumor, vessel, ignore."""


@dataclass(frozen=True, kw_only=True)
class SegmentationJob(ReportedJob):
    """One case to segment. Raises `InputError` for a value out of range or files that collide."""

    portal: str = ""
    """Portal venous CT: a NIfTI, NRRD or MHA file, or a DICOM folder."""
    study: str | None = None
    """DICOM folder of a study, from which the phases are chosen; given in place of the volumes. Series that are named
    are taken as they are."""
    study_uid: str | None = None
    """StudyInstanceUID of the study that is meant, where its folder holds several."""
    arterial: str | None = None
    """Arterial CT of the same examination, likewise; None segments on the portal phase alone."""
    delayed: str | None = None
    """Delayed CT of the same examination, likewise; it is registered and measured as the arterial one is."""
    native: str | None = None
    """CT without contrast of the same examination, likewise."""
    portal_series: str | None = None
    """Which DICOM series of the portal folder: its UID, its number in the list, or words of its description."""
    arterial_series: str | None = None
    """Which DICOM series of the arterial folder, likewise."""
    delayed_series: str | None = None
    """Which DICOM series of the delayed folder, likewise."""
    native_series: str | None = None
    """Which DICOM series of the native folder, likewise."""
    headers: str | None = None
    """JSON file with what the DICOM headers say of volumes that are no DICOM themselves; see
    `pipeline.headers_file`."""
    phases_as_given: bool = False
    """Whether the volumes are used as they were given where they look like other phases, or are of two studies."""
    model: str = "demonstration"
    """Id of an installed model, or the path of a model folder or zip."""
    device: str = "auto"
    """"auto", "cpu", "cuda" or "cuda:N"."""
    output: str | None = None
    """Where the segmentation goes: .seg.nrrd, a label map (.nii.gz, .nrrd, .mha …) or DICOM SEG (.dcm)."""
    table: str | None = None
    """Where the table of tumors goes, as CSV."""
    report: str | None = None
    """Where the whole report goes, as JSON."""
    preview: str | None = None
    """Where the preview picture goes, as PNG."""
    save_registered: str | None = None
    """Where the arterial volume, registered onto the portal one, goes."""
    save_delayed: str | None = None
    """Where the delayed volume, registered onto the portal one, goes."""
    save_native: str | None = None
    """Where the native volume, registered onto the portal one, goes."""
    save_transform: str | None = None
    """Where the registration's transform goes (.h5, .tfm); it maps portal points to arterial ones, LPS mm."""
    save_segments: str | None = None
    """Where the Couinaud segments go that the network proposes from the liver's shape; they are told of each tumor
    then. None proposes none."""
    save_probability: str | None = None
    """Where the probability of tumor, on the portal grid, goes."""
    save_attention: str | None = None
    """Folder for the attention maps and weights of the tumor network; made where it is missing."""
    attention_point: tuple[float, float, float] | None = None
    """Point from which attention between places is recorded, LPS mm; None takes where tumor is most probable."""
    minimum_diameter_mm: float | None = None
    """Tumors smaller than a ball of this diameter are dropped; None takes the model's own setting."""
    tumor_threshold: float | None = None
    """Probability from which a voxel is tumor; None takes the model's own setting."""
    averaging: str = "none"
    """What the probability of tumor is averaged over: "none", "flips" (the tumor network runs 4 times) or
    "flips-and-turns" (8 times)."""
    whole_volume: bool = False
    """Whether the networks of a model that another program trained run on the whole volume, as that program runs them,
    instead of only where there is body, and liver where that is known already."""
    bfloat16: bool = False
    """Whether such networks run in bfloat16 where the device multiplies in it: faster, with a few voxels in a thousand
    decided otherwise. The project's own always do."""
    operating_point: str | None = None
    """Which candidates are findings, by their lesion probability: "sensitive", "balanced" or "specific"; None takes
    "balanced" where the model gives a lesion probability, and needs none where it does not."""
    seed: int = 0
    """Seed of random numbers (registration samples its voxels)."""

    def __post_init__(self) -> None:
        if not self.portal and not self.study:
            raise InputError("no portal venous volume was given: name a file or a DICOM folder, or a study")
        if self.study and any((self.portal, self.arterial, self.delayed, self.native)):
            raise InputError(
                "a study and a volume were both given: give the study alone, and name series of it where they are "
                "not the right ones, or give volumes alone"
            )
        if self.study_uid and not self.study:
            raise InputError(
                "the UID of a study was given, but no folder of it: name the folder, or leave out the UID"
            )
        if self.study and self.headers:
            raise InputError("the series of a study have headers of their own: leave out the file of headers")
        if self.minimum_diameter_mm is not None and not 0 <= self.minimum_diameter_mm <= 200:
            raise InputError(
                f"the smallest diameter must lie between 0 and 200 mm, got {self.minimum_diameter_mm:g}"
                ": give a diameter in that range"
            )
        if self.tumor_threshold is not None and not 0 < self.tumor_threshold < 1:
            raise InputError(
                f"the tumor threshold must lie between 0 and 1, got {self.tumor_threshold:g}"
                ": give a number in between"
            )
        if self.averaging not in AVERAGING:
            raise InputError(f"unknown averaging {self.averaging!r}: choose {', '.join(AVERAGING)}")
        if self.operating_point is not None and self.operating_point not in OPERATING_POINTS:
            raise InputError(
                f"unknown operating point {self.operating_point!r}: choose {', '.join(OPERATING_POINTS)}"
            )
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}: give 0 or more")
        if self.attention_point is not None and self.save_attention is None:
            raise InputError(
                "a point of attention was given, but no folder for the maps: name one, or leave it out"
            )
        for field, phase in REGISTERED_OUTPUTS.items():
            if getattr(self, field) and getattr(self, phase) is None and self.study is None:
                what = "transform" if field == "save_transform" else f"registered {phase} volume"
                raise InputError(
                    f"there will be no {what} to save, because no {phase} volume was given: "
                    "give one, or leave out the file for it"
                )
        self._check_files()

    def inputs(self) -> dict[str, str | None]:
        """Return what the run reads."""
        names = ("study", "arterial", "delayed", "native", "headers", "model")
        return {"portal": self.portal or None, **{name: getattr(self, name) for name in names}}

    def outputs(self) -> dict[str, str | None]:
        """Return what the run writes."""
        return {
            "segmentation": self.output,
            "table": self.table,
            "report": self.report,
            "preview": self.preview,
            "registered": self.save_registered,
            "delayed": self.save_delayed,
            "native": self.save_native,
            "transform": self.save_transform,
            "probability": self.save_probability,
            "Couinaud segments": self.save_segments,
        }

    def folders(self) -> dict[str, str | None]:
        """Return the folder of the attention maps."""
        return {"attention": self.save_attention}


def averaging_cost(averaging: str, passes: int | None = None) -> dict[str, Any]:
    """Return what the report says of the averaging: its name, and how often the tumor network ran on the case.

    passes: how often, where the model says so itself.
    """
    return {"over": averaging, "tumor_network_passes": passes or AVERAGING[averaging]}


@dataclass(frozen=True, kw_only=True)
class RegistrationJob(ReportedJob):
    """Two phases to register. Raises `InputError` for a value out of range or files that collide."""

    fixed: str
    """Portal venous CT: a file or a DICOM folder."""
    moving: str
    """Arterial CT of the same examination, likewise."""
    fixed_series: str | None = None
    """Which DICOM series of the fixed folder: its UID, its number in the list, or words of its description."""
    moving_series: str | None = None
    """Which DICOM series of the moving folder, likewise."""
    model: str = "demonstration"
    """Model whose liver stage finds the livers that mask the registration."""
    device: str = "auto"
    """"auto", "cpu", "cuda" or "cuda:N"."""
    output: str | None = None
    """Where the moving volume on the fixed volume's grid goes."""
    transform: str | None = None
    """Where the transform goes; it maps points of the fixed volume to points of the moving one, LPS mm."""
    inverse: str | None = None
    """Where the inverse transform goes, from points of the moving volume to points of the fixed one, likewise."""
    preview: str | None = None
    """Where a picture for checking by eye goes, as PNG: checkerboards and differences, before and after."""
    report: str | None = None
    """Where the verdict and its numbers go, as JSON."""
    seed: int = 0
    """Seed of the voxels that are sampled."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}: give 0 or more")
        self._check_files()

    def inputs(self) -> dict[str, str | None]:
        """Return what the run reads."""
        return {"fixed": self.fixed, "moving": self.moving, "model": self.model}

    def outputs(self) -> dict[str, str | None]:
        """Return what the run writes."""
        return {
            "registered": self.output,
            "transform": self.transform,
            "inverse": self.inverse,
            "preview": self.preview,
            "report": self.report,
        }


@dataclass(frozen=True, kw_only=True)
class RefinementJob(LabelledJob):
    """A segmentation to correct by prompts. Raises `InputError` for a value out of range or files that collide."""

    portal: str
    """Portal venous CT that was segmented: a file or a DICOM folder."""
    segmentation: str
    """The segmentation on its grid: .seg.nrrd, DICOM SEG, or a label map (its tumors are taken apart)."""
    output: str
    """Where the corrected segmentation goes, in the format of its suffix, as for `SegmentationJob`."""
    prompts: str | None = None
    """JSON file that says what to do; see `correction.prompts`. None to sign or reopen alone."""
    sign: bool = False
    """Whether the reader signs the case, after the prompts."""
    reopen: str | None = None
    """Why the reader reopens a signed case, before the prompts."""
    reader: str | None = None
    """Name of who signs or reopens."""
    arterial: str | None = None
    """Arterial CT of the same examination: on the portal grid (registered), or on one of its own."""
    portal_series: str | None = None
    """Which DICOM series of the portal folder: its UID, its number in the list, or words of its description."""
    arterial_series: str | None = None
    """Which DICOM series of the arterial folder, likewise."""
    register: bool = False
    """Whether to register the arterial volume, whatever its grid; else it is taken as it lies in the patient."""
    probability: str | None = None
    """The probability of tumor that was saved with the segmentation; None does without."""
    history: str | None = None
    """Log of earlier corrections of this segmentation, to resume: what is accepted or rejected stays so."""
    log: str | None = None
    """Where the log of all corrections goes, as JSON."""
    model: str | None = None
    """Id of the model that made the segmentation, for the log."""
    click_model: str | None = None
    """Path of a model of the kind "interaction" that answers clicks; None for the random walker."""
    seed: int = 0
    """Seed of the voxels that registration samples."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}: give 0 or more")
        if self.prompts is None and not self.sign and self.reopen is None:
            raise InputError("nothing is asked for: give prompts, or sign or reopen the case")
        if (self.sign or self.reopen is not None) != (self.reader is not None):
            raise InputError(
                "who signs or reopens a case is named, and nobody else: give --reader with --sign or --reopen"
            )
        if self.register and self.arterial is None:
            raise InputError("there is no arterial volume to register: give one, or leave out --register")
        self._check_files()

    def inputs(self) -> dict[str, str | None]:
        """Return what the run reads."""
        names = ("portal", "segmentation", "prompts", "arterial", "probability", "history")
        return {name: getattr(self, name) for name in names}

    def outputs(self) -> dict[str, str | None]:
        """Return what the run writes."""
        return {"segmentation": self.output, "log": self.log}


@dataclass(frozen=True, kw_only=True)
class ReviewJob(LabelledJob):
    """A segmented case to report on. Raises `InputError` for a value out of range or files that collide."""

    portal: str
    """Portal venous CT: a file or a DICOM folder."""
    segmentation: str
    """Liver and tumors on the portal grid: `.seg.nrrd`, DICOM SEG or a label map."""
    arterial: str | None = None
    """Arterial CT, registered onto the portal grid."""
    delayed: str | None = None
    """Delayed CT, likewise."""
    native: str | None = None
    """CT without contrast, likewise."""
    portal_series: str | None = None
    """Which DICOM series of the portal folder: its UID, its number in the list, or words of its description."""
    arterial_series: str | None = None
    """Which DICOM series of the arterial folder, likewise."""
    delayed_series: str | None = None
    """Which DICOM series of the delayed folder, likewise."""
    native_series: str | None = None
    """Which DICOM series of the native folder, likewise."""
    probability: str | None = None
    """Probability of tumor on the portal grid."""
    vessels: str | None = None
    """Named vessels on the portal grid: `.seg.nrrd`, DICOM SEG or a label map."""
    segments: str | None = None
    """Couinaud segments: a `.seg.nrrd`, DICOM SEG or label map of 1 to 8 on the portal grid, landmarks (.json), or
    "propose" for those of the network that ships with the library."""
    plan: str | None = None
    """Margins and resections to compute, as JSON; see `report/README.md`."""
    log: str | None = None
    """Log of corrections, which says who signed the case; None takes the one in the header of a `.seg.nrrd`."""
    report: str | None = None
    """What `segment` wrote as its report: model, versions and the verdict on the registration."""
    weight_kg: float | None = None
    """The body's weight, for what a resection leaves by kilogram; it counts before that of the plan."""
    height_cm: float | None = None
    """The body's height, for the estimated liver volume; likewise."""
    patient_name: str | None = None
    """Written at the head of the page. Nothing else that could identify a patient is written there."""
    arterial_source: str | None = None
    """DICOM folder of the arterial series before registration, which the DICOM SR then names as source."""
    delayed_source: str | None = None
    """DICOM folder of the delayed series before registration, likewise."""
    native_source: str | None = None
    """DICOM folder of the native series before registration, likewise."""
    output: str | None = None
    """Where the page goes, as HTML."""
    csv: str | None = None
    """Where the table of tumors goes, as CSV."""
    json: str | None = None
    """Where all numbers go, as JSON."""
    sr: str | None = None
    """Where the DICOM structured report goes (.dcm); the portal volume must be a DICOM folder then."""
    seg: str | None = None
    """Where the DICOM SEG goes that the structured report refers to, unless the segmentation is one itself."""
    rtstruct: str | None = None
    """Where the DICOM RT Structure Set goes (.dcm); the portal volume must be a DICOM folder then."""

    def __post_init__(self) -> None:
        for value, what in ((self.portal, "portal venous volume"), (self.segmentation, "segmentation")):
            if not value:
                raise InputError(f"no {what} was given: name a file")
        if not any(self.outputs().values()):
            raise InputError("nothing is asked for: name a file for the page, the table or the numbers")
        for size, what in ((self.weight_kg, "weight"), (self.height_cm, "height")):
            if size is not None and self.plan is None:
                raise InputError(
                    f"a {what} was given, but no plan that would need it: give one, or leave it out"
                )
        for phase, source in self.sources().items():
            if source is not None and (self.sr is None or getattr(self, phase) is None):
                raise InputError(
                    f"the source of the {phase} volume is named in a DICOM SR: ask for one and give the registered "
                    f"{phase} volume, or leave the source out"
                )
        self._check_files()

    def inputs(self) -> dict[str, str | None]:
        """Return what the run reads."""
        names = (
            "portal",
            "segmentation",
            *REGISTERED_ROLES,
            "probability",
            "vessels",
            "plan",
            "log",
            "report",
        )
        segments = None if self.segments == PROPOSE_SEGMENTS else self.segments
        sources = {f"{phase}_source": source for phase, source in self.sources().items()}
        return {**{name: getattr(self, name) for name in names}, "segments": segments, **sources}

    def sources(self) -> dict[str, str | None]:
        """Return the DICOM folders of the phases before registration, by phase."""
        return {phase: getattr(self, f"{phase}_source") for phase in REGISTERED_ROLES}

    def outputs(self) -> dict[str, str | None]:
        """Return what the run writes; the DICOM SEG before the structured report, which refers to it."""
        return {
            "page": self.output,
            "table": self.csv,
            "numbers": self.json,
            "DICOM SEG": self.seg,
            "structured report": self.sr,
            "RT Structure Set": self.rtstruct,
        }


@dataclass(frozen=True, kw_only=True)
class SegmentsJob(LabelledJob):
    """Couinaud segments of a segmented liver. Raises `InputError` for what collides."""

    segmentation: str
    """Liver and tumors: `.seg.nrrd`, DICOM SEG or a label map."""
    output: str
    """Where the segments go: .seg.nrrd or a label map."""
    vessels: str | None = None
    """Hepatic and portal veins, which the network looks at too: `.seg.nrrd`, DICOM SEG or a label map."""
    landmarks: str | None = None
    """Landmarks as JSON: the segments are those of the planes through them, and nothing is proposed."""
    segments: str | None = None
    """Segments that were made elsewhere, which are brought onto the liver instead."""
    save_landmarks: str | None = None
    """Where the landmarks go that the segments suggest, as JSON, to be moved and given as `landmarks`."""
    json: str | None = None
    """Where source, volumes and the segments of each tumor go, as JSON."""
    device: str = "auto"
    """"auto", "cpu", "cuda" or "cuda:N"."""

    def __post_init__(self) -> None:
        given = [name for name in ("landmarks", "segments", "vessels") if getattr(self, name) is not None]
        if len(given) > 1:
            raise InputError(
                f"{' and '.join(given)} were given together: segments are imported, or told by landmarks, or proposed, "
                "with the vessels where there are any: give one of them"
            )
        self._check_files()

    def inputs(self) -> dict[str, str | None]:
        """Return what the run reads."""
        return {name: getattr(self, name) for name in ("segmentation", "vessels", "landmarks", "segments")}

    def outputs(self) -> dict[str, str | None]:
        """Return what the run writes."""
        return {"Couinaud segments": self.output, "numbers": self.json, "landmarks": self.save_landmarks}


@dataclass(frozen=True, kw_only=True)
class TrainingExportJob(LabelledJob):
    """A corrected case to write as training reads it. Raises `InputError` for a bad name or files that collide."""

    portal: str
    """Portal venous CT: a file or a DICOM folder."""
    segmentation: str
    """The corrected segmentation on the portal grid."""
    name: str
    """Name of the case, which is that of its folder: letters, digits, dot, dash and underscore."""
    output: str
    """Folder of cases; made where it is missing."""
    arterial: str | None = None
    """Arterial CT on the portal grid (registered), or on one of its own: it is brought there by its position."""
    log: str | None = None
    """Log of the corrections, as JSON; it says how many lesions were accepted."""
    patient: str | None = None
    """Name of the patient; cases of one patient are never split."""

    def __post_init__(self) -> None:
        check_case_name(self.name)
        self._check_files()

    def inputs(self) -> dict[str, str | None]:
        """Return what the run reads."""
        return {name: getattr(self, name) for name in ("portal", "segmentation", "arterial", "log")}

    def outputs(self) -> dict[str, str | None]:
        """Return what the run writes, by the file's name in the case's folder."""
        names = [name for name in TRAINING_CASE_FILES if self.arterial or name != "arterial.nii.gz"]
        return {name: str(self.folder() / name) for name in names}

    def folder(self) -> Path:
        """Return the folder of the case. One that is there is replaced whole."""
        return Path(self.output) / self.name

    def folders(self) -> dict[str, str | None]:
        """Return the folder of cases."""
        return {"folder of cases": self.output}


def check_case_name(name: str) -> None:
    """Raise `InputError` for a name of a training case that is no file name."""
    if not CASE_NAME.fullmatch(name):
        raise InputError(
            f"a case is named by letters, digits, dot, dash and underscore, got {name!r}: give another name"
        )
