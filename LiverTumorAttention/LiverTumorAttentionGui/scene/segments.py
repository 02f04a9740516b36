"""Which segment is which lesion, what it is called and coded as, and what was decided about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import slicer
import vtk

from LiverTumorAttentionGui.scene.result_loading import LIVER_SEGMENT
from LiverTumorAttentionLib.io.terminology import Segment, recognise, tumor_segment

LESION_TAG = "LiverTumorAttention.Lesion"

_STATUS = slicer.vtkSlicerSegmentationsModuleLogic
STATUSES = {
    "draft": _STATUS.InProgress,
    "accepted": _STATUS.Completed,
    "rejected": _STATUS.Flagged,
}
_NUMBERED = re.compile(r"Tumor (\d+)")
_MOST = 65534


def liver_of(segmentation: slicer.vtkSegmentation) -> str | None:
    """Return the id of the whole liver's segment, None when there is none."""
    named = segmentation.GetSegmentIdBySegmentName(LIVER_SEGMENT)
    if named:
        return str(named)
    found = (each for each in segmentation.GetSegmentIDs() if kind_of(segmentation, each) == "liver")
    return next(found, None)


def lesions_of(segmentation: slicer.vtkSegmentation, also: tuple[str, ...] = ()) -> dict[int, str]:
    """Return the segments that are lesions by their number, in the order of the segments.

    A number is that of the segment's tag, else of its name "Tumor n", else the next free one; two segments never have
    the same. also: segments that are lesions whatever they are called.
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
    """Return "liver", "tumor" or "" for anything else, by tag, code and name."""
    segment = segmentation.GetSegment(segment_id)
    if number_in_tag(segment):
        return "tumor"
    entry = tag_of(segment, slicer.vtkSegment.GetTerminologyEntryTagName()).split("~")
    codes = [part.split("^")[1] for part in entry[2:4][::-1] if part.count("^") >= 2]
    return recognise(segment.GetName() or "", tuple(code for code in codes if code))


def number_in_tag(segment: slicer.vtkSegment) -> int | None:
    text = tag_of(segment, LESION_TAG)
    return int(text) if text.isdecimal() and 0 < int(text) <= _MOST else None


def number_in_name(segment: slicer.vtkSegment) -> int | None:
    match = _NUMBERED.fullmatch(segment.GetName() or "")
    return int(match[1]) if match and 0 < int(match[1]) <= _MOST else None


def tag_of(segment: slicer.vtkSegment, name: str) -> str:
    """Return a segment's tag, empty when it has none."""
    text = vtk.reference("")
    return str(text) if segment.GetTag(name, text) else ""


def status_of(segment: slicer.vtkSegment) -> str:
    """Return what Slicer's own status says of a lesion: a segment that nobody judged is a draft."""
    status = _STATUS.GetSegmentStatus(segment)
    return next((word for word, value in STATUSES.items() if value == status), "draft")


def mark(segment: slicer.vtkSegment, number: int, status: str) -> None:
    """Write number and status of a lesion into its segment, where they are not there yet."""
    if tag_of(segment, LESION_TAG) != str(number):
        segment.SetTag(LESION_TAG, str(number))
    if _STATUS.GetSegmentStatus(segment) != STATUSES[status]:
        _STATUS.SetSegmentStatus(segment, STATUSES[status])


def is_decided(segmentation: slicer.vtkSegmentation) -> bool:
    """Tell whether a lesion was accepted by its segment's status."""
    return any(
        status_of(segmentation.GetSegment(each)) == "accepted" for each in lesions_of(segmentation).values()
    )


@dataclass(frozen=True)
class Look:
    """How a lesion's segment is called, coloured and coded."""

    name: str
    color: tuple[float, float, float]
    terminology: str

    @classmethod
    def of_number(cls, number: int) -> Look:
        """Return the library's own look of a lesion."""
        known: Segment = tumor_segment(number + 1)
        return cls(known.name, known.color, known.terminology_entry())

    @classmethod
    def of_segment(cls, segment: slicer.vtkSegment) -> Look:
        entry = tag_of(segment, slicer.vtkSegment.GetTerminologyEntryTagName())
        return cls(segment.GetName(), tuple(segment.GetColor()), entry)

    def put_on(self, segment: slicer.vtkSegment) -> None:
        segment.SetName(self.name)
        segment.SetNameAutoGenerated(False)
        segment.SetColor(*self.color)
        segment.SetColorAutoGenerated(False)
        segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), self.terminology)
