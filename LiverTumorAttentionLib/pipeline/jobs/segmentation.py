"""Job of a case to segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.lesion_classifier import OPERATING_POINTS
from LiverTumorAttentionLib.pipeline.jobs.base import ReportedJob
from LiverTumorAttentionLib.voxels.plane_symmetries import SYMMETRIES

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


SEGMENTATION_OUTPUTS = {
    "output": "segmentation",
    "table": "table",
    "report": "report",
    "preview": "preview",
    "save_registered": "registered",
    "save_delayed": "delayed",
    "save_native": "native",
    "save_transform": "transform",
    "save_probability": "probability",
    "save_segments": "Couinaud segments",
}
"""Fields of a `SegmentationJob` that name a file that is written, and what it holds."""


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
        return {name: getattr(self, field) for field, name in SEGMENTATION_OUTPUTS.items()}

    def folders(self) -> dict[str, str | None]:
        """Return the folder of the attention maps."""
        return {"attention": self.save_attention}


def averaging_cost(averaging: str, passes: int | None = None) -> dict[str, Any]:
    """Return what the report says of the averaging: its name, and how often the tumor network ran on the case.

    passes: how often, where the model says so itself.
    """
    return {"over": averaging, "tumor_network_passes": passes or AVERAGING[averaging]}
