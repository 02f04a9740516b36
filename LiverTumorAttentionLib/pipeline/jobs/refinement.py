"""Job of a segmentation to correct by prompts."""

from __future__ import annotations

from dataclasses import dataclass

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.pipeline.jobs.base import LabelledJob


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
    """Path of a model of the kind "interaction" that improves answers to clicks, or `clicks` for the one that ships;
    None for the random walker alone."""
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
