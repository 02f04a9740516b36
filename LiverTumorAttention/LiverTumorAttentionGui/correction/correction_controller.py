"""Corrections in the scene: every action on a study's lesions is done by the library and written into the segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionGui.correction.lesion_rows import LesionRow, LesionRows
from LiverTumorAttentionGui.correction.manual_edits import painted
from LiverTumorAttentionGui.correction.segmentation_writer import SegmentationWriter
from LiverTumorAttentionGui.correction.session_restore import resumed
from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.scene.node_attributes import LOG_ATTRIBUTE
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.scene.voxel_grid import matrix_to_world
from LiverTumorAttentionLib.correction import Action, CorrectionCase, CorrectionLog, MergeFindings, Outcome
from LiverTumorAttentionLib.correction.undo import labels_after
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import relative_box
from LiverTumorAttentionLib.voxels.labels import LIVER

Listener = Callable[[Outcome], None]


class CorrectionController:
    """A correction session on the nodes of a study.

    An action that is refused (`PanelError`) or cancelled leaves session and scene unchanged. Each action is written to
    the segments, their statuses, and the log in an attribute of the segmentation node, which is saved with the scene;
    on a loaded scene the controller resumes from it. Edits made meanwhile in the Segment Editor become an action of
    their own before the next one.
    note: a sentence about how the earlier corrections were resumed, possibly empty.
    """

    def __init__(self, study: Study) -> None:
        """Raises `PanelError` when the study cannot be corrected."""
        if not study.segmentation.GetSegmentation().GetNumberOfSegments():
            raise PanelError(  # and not an empty log in the place of the one that is kept
                f"The segmentation {study.segmentation.GetName()} holds no segments: if its file could not be read, "
                "load it again; otherwise segment again."
            )
        self.study = study
        self._writer = SegmentationWriter(study)
        self._portal_at_start = study.portal_image()
        self._seen = (study.arterial, study.probability)
        with as_panel_error():
            case = CorrectionCase(
                portal=self._portal_at_start,
                instances=study.instances(),
                arterial=study.arterial_image(),
                probability=study.probability_image(),
                model=study.model,
            )
            log = study.segmentation.GetAttribute(LOG_ATTRIBUTE)
            self.session, self.note = resumed(case, log, self._writer.accepted())
        self._listeners: list[Listener] = []
        self._previewed: tuple[slice, ...] | None = None
        self._writer.adopt(self.session)
        self._rows = LesionRows(study, self.session, self._writer)
        self._keep_log()

    # What there is --------------------------------------------------------------------------------------

    def rows(self) -> list[LesionRow]:
        """Return the lesions by number, rejected ones included."""
        return self._rows.all()

    def instances(self) -> sitk.Image:
        """Return the segmentation as it stands, uint16 on the portal grid."""
        return self.session.instances()

    @property
    def can_undo(self) -> bool:
        return self.session.can_undo

    @property
    def can_redo(self) -> bool:
        return self.session.can_redo

    @property
    def stands(self) -> bool:
        """Whether the volume still is where it was when the controller began, and what it was."""
        study = self.study
        if study.segmentation.GetScene() is None or study.portal.GetScene() is None:
            return False
        above = matrix_to_world(study.segmentation)
        if above is None or not np.allclose(above, self._writer.layers.to_world, atol=1e-6):
            return False
        return study.portal_image() is self._portal_at_start

    @property
    def has_decisions(self) -> bool:
        """Whether a person accepted, rejected or changed a lesion, so that a new run must not replace them."""
        self._before()
        return any(lesion.status != "draft" or lesion.edited for lesion in self.session.lesions.values())

    # What is done ---------------------------------------------------------------------------------------

    def do(self, action: Action, progress: Progress | None = None) -> Outcome:
        """Do an action. Raises `PanelError` when the library refuses it, `Cancelled`; then nothing has changed."""
        self._before()
        with as_panel_error():
            return self._done(self.session.do(action, progress))

    def undo(self) -> Outcome:
        """Take the last action back. Raises `PanelError` when there is none."""
        self._before()
        with as_panel_error():
            return self._done(self.session.undo())

    def redo(self) -> Outcome:
        """Do again what was taken back last. Raises `PanelError` when there is nothing."""
        self._before()
        with as_panel_error():
            return self._done(self.session.redo())

    def merge(self, instances: sitk.Image, *, model: str | None) -> Outcome:
        """Take in what a new run found, on the portal grid, as drafts beside what was decided or edited.

        Drafts that nobody changed give way; what is accepted or edited keeps its voxels, what was rejected does not
        come back. Raises `PanelError`.
        """
        self._before()
        with as_panel_error():
            action = MergeFindings.of(self.session.case, instances, model=model, replace_drafts=True)
            return self._done(self.session.do(action))

    def see_new_volumes(self) -> None:
        """Go on with the study's present arterial volume and probability. Raises `PanelError`."""
        with as_panel_error():
            self.session.replace_volumes(
                arterial=self.study.arterial_image(), probability=self.study.probability_image()
            )
        self._seen = (self.study.arterial, self.study.probability)

    def look_again(self) -> None:
        """See whether volumes came or went since they were looked at. Raises `PanelError`."""
        if self._seen != (self.study.arterial, self.study.probability):
            self.see_new_volumes()

    def take_in_brush(self, segment_ids: Iterable[str] | None = None) -> Outcome | None:
        """Make what a person painted with the Segment Editor one action; return None when nothing was painted.

        segment_ids: segments that are lesions whatever they are called, such as a new one, and the only ones that are
        looked at; None means all lesions. What was painted on accepted or rejected lesions is put back.
        Raises `PanelError`, and then the segments are as they were before it was painted.
        """
        touched = segment_ids is not None or self._writer.changed_by_others()
        self.end_preview()
        return self._take_in(segment_ids) if touched else None

    def preview(self, action: Action) -> None:
        """Show in the slice views what an action would do, until `end_preview` or the next action.

        Raises `PanelError` when the library refuses it; then nothing is shown.
        """
        self._before()
        with as_panel_error():
            edit = self.session.preview(action)
        if not edit.patches:
            return
        hull = tuple(
            slice(min(part.start for part in axis), max(part.stop for part in axis))
            for axis in zip(*(patch.box for patch in edit.patches), strict=True)
        )
        held = [n + LIVER for n, lesion in self.session.lesions.items() if lesion.status == "accepted"]
        labels = self.session.labels[hull].copy()
        for patch in edit.patches:
            part = relative_box(patch.box, hull)
            labels[part] = labels_after(patch, labels[part], held)
        self._previewed = hull
        self._writer.show(hull, labels)

    def end_preview(self) -> None:
        """Show the lesions as they are again."""
        if self._previewed is not None:
            self._writer.write(self.session, [self._previewed])
            self._writer.follow(self.session, ())
            self._previewed = None

    def add_listener(self, listener: Listener) -> None:
        """Have a function called with the outcome after each change."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def close(self) -> None:
        """End a preview and tell nobody any more."""
        if self.study.segmentation.GetScene() is not None:
            self.end_preview()
        self._previewed = None
        self._listeners.clear()

    # How it is done -------------------------------------------------------------------------------------

    def _before(self) -> None:
        """Take in what somebody else did to the segments. Raises `PanelError` when the volume is no longer there."""
        if not self.stands:
            raise PanelError(
                "The volume or the segmentation was moved, changed or removed since the correction began: choose the "
                "segmentation again."
            )
        self.take_in_brush()

    def _take_in(self, segment_ids: Iterable[str] | None = None) -> Outcome | None:
        found = painted(self.session, self._writer, None if segment_ids is None else tuple(segment_ids))
        if found is None:
            return None
        try:
            with as_panel_error():
                outcome = self.session.do(found.action) if found.action else Outcome(boxes=(), lesions=())
        except BaseException:
            self._writer.write(self.session, found.boxes)
            self._writer.follow(self.session, found.lesions)
            raise
        for number, segment_id in zip(found.new_numbers, found.new_segments, strict=True):
            self._writer.claim(segment_id, number)
        notes = " ".join(f"{note[:1].upper()}{note[1:]}." for note in (outcome.note, found.note) if note)
        return self._done(
            replace(
                outcome,
                boxes=(*found.boxes, *outcome.boxes),
                lesions=tuple(sorted({*found.lesions, *outcome.lesions})),
                note=notes,
            )
        )

    def _done(self, outcome: Outcome) -> Outcome:
        """Write what an action did into the scene, and tell whoever listens."""
        self._writer.write(self.session, outcome.boxes)
        self._writer.follow(self.session, outcome.lesions)
        self._keep_log()
        for listener in list(self._listeners):
            listener(outcome)
        return outcome

    def _keep_log(self) -> None:
        self.study.segmentation.SetAttribute(LOG_ATTRIBUTE, CorrectionLog.of(self.session).to_text())
