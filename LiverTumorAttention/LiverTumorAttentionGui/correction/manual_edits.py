"""Edits made with the Segment Editor, found by comparing the segments with the session, as one action."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from LiverTumorAttentionGui.scene.labelmap_layers import Box, LabelLayer
from LiverTumorAttentionGui.scene.segments import lesions_of
from LiverTumorAttentionLib.correction import CorrectionSession, Draw, Drawing, PackedMask
from LiverTumorAttentionLib.voxels.boxes import enclosing_box
from LiverTumorAttentionLib.voxels.labels import LIVER

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.segmentation_writer import SegmentationWriter


@dataclass(kw_only=True)
class ManualEdits:
    """Differences between the segments and the session.

    drawings: the new masks of drafts and of new lesions. boxes: where segments differ. lesions: known lesions that
    differ. new_segments: segments that become lesions, in the order of their drawings. reverted: accepted and rejected
    lesions, whose segments have to be restored.
    """

    drawings: list[Drawing] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    lesions: list[int] = field(default_factory=list)
    new_segments: list[str] = field(default_factory=list)
    reverted: list[int] = field(default_factory=list)

    @property
    def action(self) -> Draw | None:
        """The action that makes the edits; None when all of them are to be reverted."""
        return Draw(drawings=tuple(self.drawings)) if self.drawings else None


def find_manual_edits(
    session: CorrectionSession, writer: SegmentationWriter, only: tuple[str, ...] | None
) -> ManualEdits | None:
    """Return the edits since the last write; None when there are none.

    only: ids of segments that are lesions whatever their name, and the only ones to be compared; None for all lesions.
    """
    numbers = {segment_id: number for number, segment_id in writer.segment_ids.items()}
    new = [each for each in lesions_of(writer.segmentation, only or ()).values() if each not in numbers]
    places = {
        segment_id: (layer, box)
        for layer in writer.layers.all()
        for segment_id, box in layer.boxes(session.labels.shape).items()
    }
    edits = ManualEdits()
    for segment_id in (*numbers, *new):
        if only is not None and segment_id not in only:
            continue
        number = numbers.get(segment_id)
        box, mask = _voxels(session, segment_id, number, places.get(segment_id))
        if box is not None:
            _compare(session, segment_id, number, box, mask, edits)
    return edits if edits.boxes else None


def _compare(
    session: CorrectionSession,
    segment_id: str,
    number: int | None,
    box: Box,
    mask: np.ndarray,
    edits: ManualEdits,
) -> None:
    """Add to `edits` what differs between a segment's mask in a box and the lesion of the session; None for none."""
    if number is None:
        edits.new_segments.append(segment_id)
    elif (mask == (session.labels[box] == number + LIVER)).all():
        return
    else:
        edits.lesions.append(number)
    edits.boxes.append(box)
    if number is not None and session.lesions[number].status != "draft":
        edits.reverted.append(number)
    else:
        edits.drawings.append(Drawing(mask=PackedMask.of(box, mask), lesion=number))


def _voxels(
    session: CorrectionSession, segment_id: str, number: int | None, place: tuple[LabelLayer, Box] | None
) -> tuple[Box | None, np.ndarray]:
    """Return a segment's mask in a box of the grid that also encloses the session's lesion; None without voxels.

    place: the segment's layer and its box on the grid; None when the segment is empty.
    """
    boxes: list[Box] = []
    if number is not None and session.lesions[number].status != "rejected":
        boxes.append(session.lesions[number].box)
    if place is not None:
        boxes.append(place[1])
    if not boxes:
        return None, np.zeros((0, 0, 0), dtype=bool)
    box = enclosing_box(boxes)
    mask = np.zeros([part.stop - part.start for part in box], dtype=bool)
    if place is not None:
        layer = place[0]
        in_layer, in_box = layer.overlap(box)
        mask[in_box] = layer.voxels[in_layer] == layer.values[segment_id]
    return box, mask
