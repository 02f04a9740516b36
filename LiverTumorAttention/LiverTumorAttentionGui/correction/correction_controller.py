"""Correction of a study in the scene: the library performs the actions, their results are written to the segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionGui.correction.lesion_rows import LesionRow, LesionRows
from LiverTumorAttentionGui.correction.manual_edits import find_manual_edits
from LiverTumorAttentionGui.correction.segmentation_writer import SegmentationWriter
from LiverTumorAttentionGui.correction.session_restore import restore_session
from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.node_attributes import LOG_ATTRIBUTE
from LiverTumorAttentionGui.scene.segments import left_out, liver_of, status_of
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.scene.voxel_grid import matrix_to_world
from LiverTumorAttentionLib.correction import (
    Accept,
    Action,
    ClickModel,
    CorrectionCase,
    CorrectionLog,
    MergeFindings,
    Outcome,
    Reject,
    Revise,
    SignOff,
)
from LiverTumorAttentionLib.correction.undo import labels_after
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, enclosing_box, relative_box
from LiverTumorAttentionLib.voxels.labels import LIVER

Listener = Callable[[Outcome], None]


class CorrectionController:
    """A correction session on the nodes of a study.

    An action that is refused (`PanelError`) or cancelled leaves session and scene unchanged. Each action is written to
    the segments, their statuses, and the log in an attribute of the segmentation node, which is saved with the scene;
    on a loaded scene the controller resumes from it. Edits made meanwhile in the Segment Editor become an action of
    their own before the next one.
    """

    def __init__(self, study: Study) -> None:
        """Raises `PanelError` when the study cannot be corrected."""
        if not study.segmentation.GetSegmentation().GetNumberOfSegments():
            raise PanelError(  # rather than overwrite the log with an empty one
                _(
                    "The segmentation {segmentation} holds no segments: load it again if its file could "
                    "not be read, or segment again."
                ).format(segmentation=study.segmentation.GetName())
            )
        self.study = study
        self._writer = SegmentationWriter(study)
        self._portal_at_start = study.portal_image()
        self._volumes = (study.arterial, study.probability)
        with as_panel_error():
            case = CorrectionCase(
                portal=self._portal_at_start,
                instances=study.instances(),
                arterial=study.arterial_image(),
                probability=study.probability_image(),
                model=study.model,
            )
            log = study.segmentation.GetAttribute(LOG_ATTRIBUTE)
            self.session, self._resumed = restore_session(case, log, self._writer.accepted())
        self._listeners: list[Listener] = []
        self._previewed: Box | None = None
        self._writer.attach(self.session)
        self._rows = LesionRows(study, self.session, self._writer)
        self._had_liver = liver_of(self._writer.segmentation) is not None
        self._save_log()

    # State ----------------------------------------------------------------------------------------------

    @property
    def note(self) -> str:
        """How the earlier corrections were resumed, and which segments are left out; empty for neither."""
        unused = left_out(self._writer.segmentation, ("liver", "tumor"), "segmentation")
        return " ".join(filter(None, (self._resumed, unused)))

    def rows(self) -> list[LesionRow]:
        """Return the lesions by number, rejected ones included."""
        return self._rows.all()

    def instances(self) -> sitk.Image:
        """Return the current segmentation, uint16 on the portal grid."""
        return self.session.instances()

    @property
    def can_undo(self) -> bool:
        """Whether there is an action to undo."""
        return self.session.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is an action to redo."""
        return self.session.can_redo

    @property
    def is_valid(self) -> bool:
        """Whether volume and segmentation are in the scene, unmoved and with the same voxels as at the start."""
        study = self.study
        if study.segmentation.GetScene() is None or study.portal.GetScene() is None:
            return False
        if self._liver_is_lost():
            return False
        above = matrix_to_world(study.segmentation)
        if above is None or not np.allclose(above, self._writer.layers.to_world, atol=1e-6):
            return False
        return study.portal_image() is self._portal_at_start

    @property
    def has_decisions(self) -> bool:
        """Whether the user accepted, rejected or changed a lesion, so that a new run must not replace it."""
        self._prepare()
        return any(lesion.status != "draft" or lesion.edited for lesion in self.session.lesions.values())

    # Actions --------------------------------------------------------------------------------------------

    def do(self, action: Action, progress: Progress | None = None) -> Outcome:
        """Perform an action. Raises `PanelError` when the library refuses it, or `Cancelled`; nothing changes then."""
        self._prepare()
        with as_panel_error():
            return self._commit(self.session.do(action, progress))

    def improve_clicks(self, clicks: ClickModel | None) -> None:
        """Let a network improve the random walker's answers to clicks from now on; None for these as they are."""
        self.session.answer_by(clicks)

    def undo(self) -> Outcome:
        """Undo the last action. Raises `PanelError` when there is none."""
        self._prepare()
        with as_panel_error():
            return self._commit(self.session.undo())

    def redo(self) -> Outcome:
        """Redo the action that was undone last. Raises `PanelError` when there is none."""
        self._prepare()
        with as_panel_error():
            return self._commit(self.session.redo())

    def merge(self, instances: sitk.Image, *, model: str | None) -> Outcome:
        """Add the findings of a new run, on the portal grid, as drafts.

        They replace drafts that nobody changed. Accepted and edited lesions keep their voxels; findings where a lesion
        was rejected are left out. Raises `PanelError`.
        """
        self._prepare()
        with as_panel_error():
            action = MergeFindings.of(self.session.case, instances, model=model, replace_drafts=True)
            return self._commit(self.session.do(action))

    @property
    def sign_off(self) -> SignOff | None:
        """The sign-off that is in force; None for a draft."""
        return self.session.sign_off

    def sign(self, reader: str) -> None:
        """Sign the case: nothing changes it until it is reopened. Raises `PanelError` while a tumor is not decided."""
        self._prepare()
        with as_panel_error():
            self.session.sign(reader)
        self._commit(Outcome(boxes=(), lesions=()))

    def reopen(self, reader: str, reason: str) -> None:
        """Reopen a signed case. Raises `PanelError` for a draft, and without a name or a reason."""
        with as_panel_error():
            self.session.reopen(reader, reason)
        self._commit(Outcome(boxes=(), lesions=()))

    def log_text(self) -> str:
        """Return the log of corrections and of who signed, as it is saved with the segmentation."""
        return CorrectionLog.of(self.session).to_text()

    def replace_volumes(self) -> None:
        """Use the study's present arterial volume and probability from now on. Raises `PanelError`."""
        with as_panel_error():
            self.session.replace_volumes(
                arterial=self.study.arterial_image(), probability=self.study.probability_image()
            )
        self._volumes = (self.study.arterial, self.study.probability)

    def refresh_volumes(self) -> None:
        """Call `replace_volumes` if volumes of the study were added or removed. Raises `PanelError`."""
        if self._volumes != (self.study.arterial, self.study.probability):
            self.replace_volumes()

    def apply_manual_edits(self, segment_ids: Iterable[str] | None = None) -> Outcome | None:
        """Make one action of the edits in the Segment Editor; return None when there are none.

        segment_ids: segments that are lesions whatever their name, such as a new one, and the only ones to be
        compared; None for all lesions. Accepted and rejected lesions are restored.
        Raises `PanelError`, and then the segments are restored to the state before the edits.
        """
        compare = segment_ids is not None or self._writer.changed_by_others()
        self._check_liver()
        self.end_preview()
        self._follow_statuses(drafts=True)
        outcome = self._apply_manual_edits(segment_ids) if compare else None
        self._follow_statuses(drafts=False)
        return outcome

    def follow_statuses(self) -> None:
        """Make an action of each status that another tool set, such as Slicer's own status column.

        Raises `PanelError`, and then the statuses are set back.
        """
        self._follow_statuses(drafts=True)
        self._follow_statuses(drafts=False)

    def preview(self, action: Action) -> None:
        """Show the effect of an action in the views, until `end_preview` or the next action.

        Raises `PanelError` when the library refuses it; nothing is shown then.
        """
        self._prepare()
        with as_panel_error():
            edit = self.session.preview(action)
        if not edit.patches:
            return
        box = enclosing_box(patch.box for patch in edit.patches)
        accepted = [n + LIVER for n, lesion in self.session.lesions.items() if lesion.status == "accepted"]
        labels = self.session.labels[box].copy()
        for patch in edit.patches:
            part = relative_box(patch.box, box)
            labels[part] = labels_after(patch, labels[part], accepted)
        self._previewed = box
        self._writer.write_labels(box, labels)

    def end_preview(self) -> None:
        """Show the lesions as they are."""
        if self._previewed is not None:
            self._writer.write(self.session, [self._previewed])
            self._writer.update_segments(self.session, ())
            self._previewed = None

    def add_listener(self, listener: Listener) -> None:
        """Call a function with the outcome after each change."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Listener) -> None:
        """Stop calling a function; it may be unknown."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def close(self) -> None:
        """End a preview and remove all listeners."""
        if self.study.segmentation.GetScene() is not None:
            self.end_preview()
        self._previewed = None
        self._listeners.clear()

    # Implementation -------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Apply pending manual edits. Raises `PanelError` when the controller is no longer valid."""
        self._check_liver()
        if not self.is_valid:
            raise PanelError(
                _(
                    "The volume or the segmentation was moved, changed or removed since the correction "
                    "began: choose the segmentation again."
                )
            )
        self.apply_manual_edits()

    def _liver_is_lost(self) -> bool:
        """Whether the liver's segment, which the session began with, was deleted or emptied."""
        if not self._had_liver:
            return False
        liver = liver_of(self._writer.segmentation)
        if liver is None:
            return True
        if not self._writer.changed_by_others():
            return False
        shape = self.session.labels.shape
        return not any(liver in layer.boxes(shape) for layer in self._writer.layers.all())

    def _check_liver(self) -> None:
        if self.study.segmentation.GetScene() is not None and self._liver_is_lost():
            raise PanelError(
                _(
                    "The segment of the liver was deleted from {segmentation}, or has no voxels: bring "
                    "it back with Undo of the Segment Editor, or segment again."
                ).format(segmentation=self.study.segmentation.GetName())
            )

    def _follow_statuses(self, *, drafts: bool) -> None:
        """Follow statuses that became draft, or those that became accepted or rejected."""
        for number, segment_id in list(self._writer.segment_ids.items()):
            segment = self._writer.segmentation.GetSegment(segment_id)
            lesion = self.session.lesions.get(number)
            if segment is None or lesion is None:
                continue
            wanted = status_of(segment)
            if wanted == lesion.status or (wanted == "draft") != drafts:
                continue
            actions: list[Action] = [] if lesion.status == "draft" else [Revise(lesion=number)]
            if wanted != "draft":
                actions.append(Accept(lesion=number) if wanted == "accepted" else Reject(lesion=number))
            try:
                with as_panel_error():
                    for action in actions:
                        self._commit(self.session.do(action))
            except PanelError:
                self._writer.update_segments(self.session, ())
                raise

    def _apply_manual_edits(self, segment_ids: Iterable[str] | None) -> Outcome | None:
        only = None if segment_ids is None else tuple(segment_ids)
        edits = find_manual_edits(self.session, self._writer, only)
        if edits is None:
            return None
        first_new = self.session.next_number
        reverted = ", ".join(
            _("lesion {n} is {status} and was put back").format(n=n, status=self.session.lesions[n].status)
            for n in edits.reverted
        )
        try:
            with as_panel_error():
                outcome = self.session.do(edits.action) if edits.action else Outcome(boxes=(), lesions=())
        except BaseException:
            self._writer.write(self.session, edits.boxes)
            self._writer.update_segments(self.session, edits.lesions)
            raise
        for number, segment_id in enumerate(edits.new_segments, start=first_new):
            self._writer.assign(segment_id, number)
        return self._commit(
            replace(
                outcome,
                boxes=(*edits.boxes, *outcome.boxes),
                lesions=tuple(sorted({*edits.lesions, *outcome.lesions})),
                note=" ".join(f"{note[:1].upper()}{note[1:]}." for note in (outcome.note, reverted) if note),
            )
        )

    def _commit(self, outcome: Outcome) -> Outcome:
        """Write the result of an action to the scene and call the listeners."""
        self._writer.write(self.session, outcome.boxes)
        self._writer.update_segments(self.session, outcome.lesions)
        self._save_log()
        for listener in list(self._listeners):
            listener(outcome)
        return outcome

    def _save_log(self) -> None:
        self.study.segmentation.SetAttribute(LOG_ATTRIBUTE, self.log_text())
