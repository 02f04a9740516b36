"""What a person painted with the Segment Editor, as one action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from LiverTumorAttentionGui.scene.labelmap_layers import Box, LabelLayer
from LiverTumorAttentionGui.scene.segments import lesions_of
from LiverTumorAttentionLib.correction import CorrectionSession, Draw, Drawing, PackedMask
from LiverTumorAttentionLib.voxels.labels import LIVER

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.segmentation_writer import SegmentationWriter


@dataclass(frozen=True, kw_only=True)
class Painted:
    """What was painted.

    action: None when all of it is to be put back. boxes, lesions: where, and which lesions of the session.
    new_segments: segments of lesions that the session does not know, which get the numbers new_numbers.
    note: what is put back, possibly empty.
    """

    action: Draw | None
    boxes: tuple[Box, ...]
    lesions: tuple[int, ...]
    new_segments: tuple[str, ...] = ()
    new_numbers: tuple[int, ...] = ()
    note: str = ""


def painted(
    session: CorrectionSession, writer: SegmentationWriter, only: tuple[str, ...] | None
) -> Painted | None:
    """Return what differs between the segments and the session; None when nothing does."""
    known = {each: number for number, each in writer.ids.items()}
    drawings: list[Drawing] = []
    boxes: list[Box] = []
    lesions: list[int] = []
    put_back: list[int] = []
    new: list[str] = []
    strangers = [each for each in lesions_of(writer.segmentation, only or ()).values() if each not in known]
    places = {
        each: (layer, box)
        for layer in writer.layers.all()
        for each, box in layer.boxes(session.labels.shape).items()
    }
    for segment_id in (*known, *strangers):
        if only is not None and segment_id not in only:
            continue
        number = known.get(segment_id)
        box, mask = _voxels(session, segment_id, number, places.get(segment_id))
        if box is None:
            continue
        if number is None:
            new.append(segment_id)
        elif (mask == (session.labels[box] == number + LIVER)).all():
            continue
        else:
            lesions.append(number)
        boxes.append(box)
        if number is not None and session.lesions[number].status != "draft":
            put_back.append(number)
        else:
            drawings.append(Drawing(mask=PackedMask.of(box, mask), lesion=number))
    if not boxes:
        return None
    note = ", ".join(f"lesion {n} is {session.lesions[n].status} and was put back" for n in put_back)
    return Painted(
        action=Draw(drawings=tuple(drawings)) if drawings else None,
        boxes=tuple(boxes),
        lesions=tuple(lesions),
        new_segments=tuple(new),
        new_numbers=tuple(session.next_number + k for k in range(len(new))),
        note=note,
    )


def _voxels(
    session: CorrectionSession, segment_id: str, number: int | None, place: tuple[LabelLayer, Box] | None
) -> tuple[Box | None, np.ndarray]:
    """Return a segment's voxels in a box of the grid that also holds what the session has of the lesion.

    place: the segment's layer, and its box on the grid; None without voxels.
    """
    hulls: list[Box] = []
    if number is not None and session.lesions[number].status != "rejected":
        hulls.append(session.lesions[number].box)
    if place is not None:
        hulls.append(place[1])
    if not hulls:
        return None, np.zeros((0, 0, 0), dtype=bool)
    box = tuple(
        slice(min(part.start for part in axis), max(part.stop for part in axis))
        for axis in zip(*hulls, strict=True)
    )
    mask = np.zeros([part.stop - part.start for part in box], dtype=bool)
    if place is not None:
        layer = place[0]
        in_layer, in_box = layer.overlap(box)
        mask[in_box] = layer.voxels[in_layer] == layer.values[segment_id]
    return box, mask
