"""Segments as lesions: number, name, terminology code and status."""

from __future__ import annotations

import re
from dataclasses import dataclass

import slicer
import vtk

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.labelmap_layers import BINARY_LABELMAP
from LiverTumorAttentionGui.scene.node_attributes import LESION_TAG, LIVER_SEGMENT, TERMINOLOGY_TAG
from LiverTumorAttentionGui.scene.voxel_grid import voxel_array
from LiverTumorAttentionLib.io.meanings import left_out_text
from LiverTumorAttentionLib.io.terminology import Segment, described_by_entry, segment_kind, tumor_segment

_STATUS = slicer.vtkSlicerSegmentationsModuleLogic
STATUSES = {
    "draft": _STATUS.InProgress,
    "accepted": _STATUS.Completed,
    "rejected": _STATUS.Flagged,
}
TAKE_IN = _(
    "To take one in, name it for what it is, such as Tumor 3, or choose its terminology "
    "in the Segment Editor."
)
VESSEL_KINDS = ("vessel", "")
"""Kinds of the segments that are taken for vessels where vessels are chosen."""
_NUMBERED = re.compile(r"Tumor (\d+)")
_MAX_LESION_NUMBER = 65534


def liver_of(segmentation: slicer.vtkSegmentation) -> str | None:
    """Return the id of the liver's segment; None without one."""
    named = segmentation.GetSegmentIdBySegmentName(LIVER_SEGMENT)
    if named:
        return str(named)
    found = (each for each in segmentation.GetSegmentIDs() if kind_of(segmentation, each) == "liver")
    return next(found, None)


def lesions_of(segmentation: slicer.vtkSegmentation, also: tuple[str, ...] = ()) -> dict[int, str]:
    """Return the segments that are lesions by their number, in the order of the segments.

    A number is that of the segment's tag, else of its name "Tumor n", else the next free one; numbers are unique.
    also: segments that are lesions whatever their name.
    """
    numbers: dict[int, str] = {}
    lesions = [
        each
        for each in segmentation.GetSegmentIDs()
        if each in also or kind_of(segmentation, each) == "tumor"
    ]
    known: set[str] = set()
    for read in (number_in_tag, number_in_name):
        for each in lesions:
            number = read(segmentation.GetSegment(each)) if each not in known else None
            if number and number not in numbers:
                numbers[number] = each
                known.add(each)
    without = [each for each in lesions if each not in known]
    for number, each in enumerate(without, start=max(numbers, default=0) + 1):
        numbers[number] = each
    number_of = {each: number for number, each in numbers.items()}
    return {number_of[each]: each for each in lesions}


def kind_of(segmentation: slicer.vtkSegmentation, segment_id: str) -> str:
    """Return "liver", "tumor" or another kind of the library's `segment_kind`, by tag, code, region and name."""
    segment = segmentation.GetSegment(segment_id)
    if number_in_tag(segment):
        return "tumor"
    return segment_kind(described_by_entry(segment.GetName() or "", tag_of(segment, TERMINOLOGY_TAG)))


def left_out(segmentation: slicer.vtkSegmentation, used: tuple[str, ...], what: str) -> str:
    """Return a sentence about the segments with voxels of none of the kinds that are used; empty for none.

    what: the segmentation in the user's words.
    """
    segments = [
        (segmentation.GetSegment(each).GetName() or each, kind_of(segmentation, each))
        for each in segmentation.GetSegmentIDs()
        if _has_voxels(segmentation.GetSegment(each))
    ]
    text = left_out_text(segments, used=used, what=what)
    return f"{text}. {TAKE_IN}" if text else ""


def _has_voxels(segment: slicer.vtkSegment) -> bool:
    image = segment.GetRepresentation(BINARY_LABELMAP)
    return image is not None and bool((voxel_array(image) == segment.GetLabelValue()).any())


def number_in_tag(segment: slicer.vtkSegment) -> int | None:
    text = tag_of(segment, LESION_TAG)
    return int(text) if text.isdecimal() and 0 < int(text) <= _MAX_LESION_NUMBER else None


def number_in_name(segment: slicer.vtkSegment) -> int | None:
    match = _NUMBERED.fullmatch(segment.GetName() or "")
    return int(match[1]) if match and 0 < int(match[1]) <= _MAX_LESION_NUMBER else None


def tag_of(segment: slicer.vtkSegment, name: str) -> str:
    """Return a segment's tag, empty when it has none."""
    text = vtk.reference("")
    return str(text) if segment.GetTag(name, text) else ""


def status_of(segment: slicer.vtkSegment) -> str:
    """Return the status of a lesion from Slicer's segment status; "draft" for a segment without."""
    status = _STATUS.GetSegmentStatus(segment)
    return next((word for word, value in STATUSES.items() if value == status), "draft")


def set_number_and_status(segment: slicer.vtkSegment, number: int, status: str) -> None:
    """Write number and status of a lesion into its segment where they differ."""
    if tag_of(segment, LESION_TAG) != str(number):
        segment.SetTag(LESION_TAG, str(number))
    if _STATUS.GetSegmentStatus(segment) != STATUSES[status]:
        _STATUS.SetSegmentStatus(segment, STATUSES[status])


def has_accepted_lesion(segmentation: slicer.vtkSegmentation) -> bool:
    """Return whether a lesion is accepted by the status of its segment."""
    return any(
        status_of(segmentation.GetSegment(each)) == "accepted" for each in lesions_of(segmentation).values()
    )


@dataclass(frozen=True)
class SegmentAppearance:
    """Name, color and terminology code of a lesion's segment."""

    name: str
    color: tuple[float, float, float]
    terminology: str

    @classmethod
    def of_number(cls, number: int) -> SegmentAppearance:
        """Return the library's appearance of a lesion."""
        known: Segment = tumor_segment(number + 1)
        return cls(known.name, known.color, known.terminology_entry())

    @classmethod
    def of_segment(cls, segment: slicer.vtkSegment) -> SegmentAppearance:
        entry = tag_of(segment, TERMINOLOGY_TAG)
        return cls(segment.GetName(), tuple(segment.GetColor()), entry)

    def apply_to(self, segment: slicer.vtkSegment) -> None:
        segment.SetName(self.name)
        segment.SetNameAutoGenerated(False)
        segment.SetColor(*self.color)
        segment.SetColorAutoGenerated(False)
        segment.SetTag(TERMINOLOGY_TAG, self.terminology)
