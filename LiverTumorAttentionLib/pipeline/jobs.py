"""What a run is asked to do: the one description that the command line, Slicer and scripts all fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError


@dataclass(frozen=True, kw_only=True)
class SegmentationJob:
    """One case to segment. Paths are strings, as they come from a command line or a JSON file.

    Raises `InputError` when a value cannot be meant.
    """

    portal: str
    """Portal venous CT: a NIfTI, NRRD or MHA file, or a DICOM folder."""
    arterial: str | None = None
    """Arterial CT of the same examination, likewise; None segments on the portal phase alone."""
    portal_series: str | None = None
    """Which DICOM series of the portal folder: its UID, its number in the list, or words of its description."""
    arterial_series: str | None = None
    """Which DICOM series of the arterial folder, likewise."""
    model: str = "demonstration"
    """Id of an installed model, or the path of a model folder or zip."""
    device: str = "auto"
    """"auto", "cpu", "cuda" or "cuda:N"."""
    output: str | None = None
    """Where the segmentation goes: .seg.nrrd, a label map (.nii.gz, .nrrd, .mha …) or DICOM SEG (.dcm)."""
    table: str | None = None
    """Where the table of tumours goes, as CSV."""
    report: str | None = None
    """Where the whole report goes, as JSON."""
    preview: str | None = None
    """Where a picture for a first look goes, as PNG."""
    save_registered: str | None = None
    """Where the arterial volume, registered onto the portal one, goes."""
    save_transform: str | None = None
    """Where the registration's transform goes (.h5, .tfm); it maps portal points to arterial ones, LPS mm."""
    save_probability: str | None = None
    """Where the probability of tumour, on the portal grid, goes."""
    save_attention: str | None = None
    """Folder for the maps and weights of the attention that found the tumours; made where it is missing."""
    attention_point: tuple[float, float, float] | None = None
    """Where a network that relates places is looked at, LPS mm; None takes where tumour is most probable."""
    minimum_diameter_mm: float | None = None
    """Tumours smaller than a ball of this diameter are dropped; None takes the model's own setting."""
    tumor_threshold: float | None = None
    """Probability from which a voxel is tumour; None takes the model's own setting."""
    seed: int = 0
    """Seed of whatever is drawn at random (registration samples its voxels)."""

    def __post_init__(self) -> None:
        if not self.portal:
            raise InputError("no portal venous volume was given: name a file or a DICOM folder")
        if self.minimum_diameter_mm is not None and not 0 <= self.minimum_diameter_mm <= 200:
            raise InputError(
                f"the smallest diameter must lie between 0 and 200 mm, got {self.minimum_diameter_mm:g}"
            )
        if self.tumor_threshold is not None and not 0 < self.tumor_threshold < 1:
            raise InputError(f"the tumour threshold must lie between 0 and 1, got {self.tumor_threshold:g}")
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}")
        if self.attention_point is not None and self.save_attention is None:
            raise InputError(
                "a point of attention was given, but no folder for the maps: name one, or leave it out"
            )
        for file, what in (
            (self.save_registered, "registered arterial volume"),
            (self.save_transform, "transform"),
        ):
            if file and self.arterial is None:
                raise InputError(
                    f"there will be no {what} to save, because no arterial volume was given: "
                    "give one, or leave out the file for it"
                )
        _check_apart(self.outputs())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SegmentationJob:
        """Build a job from JSON values. Raises `InputError` naming an unknown key and the nearest known one."""
        return from_mapping(cls, values, where="job")

    def to_dict(self) -> dict[str, Any]:
        """Return the job as JSON values, from which `from_dict` builds the same one."""
        return asdict(self)

    def outputs(self) -> dict[str, str | None]:
        """Return the files that the run writes, by what they hold; None where nothing is asked for."""
        return {
            "segmentation": self.output,
            "table": self.table,
            "report": self.report,
            "preview": self.preview,
            "registered": self.save_registered,
            "transform": self.save_transform,
            "probability": self.save_probability,
        }


@dataclass(frozen=True, kw_only=True)
class RegistrationJob:
    """Two phases to bring together. Raises `InputError` when a value cannot be meant."""

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
    """Where the way back goes, from points of the moving volume to points of the fixed one, likewise."""
    preview: str | None = None
    """Where a picture for checking by eye goes, as PNG: checkerboards and differences, before and after."""
    report: str | None = None
    """Where the verdict and its numbers go, as JSON."""
    seed: int = 0
    """Seed of the voxels that are sampled."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}")
        _check_apart(self.outputs())

    def to_dict(self) -> dict[str, Any]:
        """Return the job as JSON values."""
        return asdict(self)

    def outputs(self) -> dict[str, str | None]:
        """Return the files that the run writes, by what they hold; None where nothing is asked for."""
        return {
            "registered": self.output,
            "transform": self.transform,
            "inverse": self.inverse,
            "preview": self.preview,
            "report": self.report,
        }


@dataclass(frozen=True, kw_only=True)
class RefinementJob:
    """A segmentation to correct by prompts. Raises `InputError` when a value cannot be meant."""

    portal: str
    """Portal venous CT that was segmented: a file or a DICOM folder."""
    segmentation: str
    """The segmentation on its grid: .seg.nrrd, DICOM SEG, or a label map (its tumours are taken apart)."""
    prompts: str
    """JSON file that says what to do; see `interaction.prompts`."""
    output: str
    """Where the corrected segmentation goes, in the format of its suffix, as for `SegmentationJob`."""
    arterial: str | None = None
    """Arterial CT of the same examination: on the portal grid (registered), or on one of its own."""
    portal_series: str | None = None
    """Which DICOM series of the portal folder: its UID, its number in the list, or words of its description."""
    arterial_series: str | None = None
    """Which DICOM series of the arterial folder, likewise."""
    register: bool = False
    """Whether to register an arterial volume that lies on another grid; else it is taken as it lies in the patient."""
    probability: str | None = None
    """The probability of tumour that was saved with the segmentation; None does without."""
    history: str | None = None
    """Log of earlier corrections of this segmentation, to go on from: what is accepted or rejected stays so."""
    log: str | None = None
    """Where the log of all corrections goes, as JSON."""
    model: str | None = None
    """Id of the model that made the segmentation, for the log."""
    seed: int = 0
    """Seed of the voxels that registration samples."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}")
        if self.register and self.arterial is None:
            raise InputError("there is no arterial volume to register: give one, or leave out --register")
        _check_apart(self.outputs())

    def outputs(self) -> dict[str, str | None]:
        """Return the files that the run writes, by what they hold; None where nothing is asked for."""
        return {"segmentation": self.output, "log": self.log}


def _check_apart(outputs: Mapping[str, str | None]) -> None:
    """Raise `InputError` when two results would be written to one file."""
    paths = [path for path in outputs.values() if path]
    for path in paths:
        if paths.count(path) > 1:
            raise InputError(f"two results would be written to {path}: give each its own file")
