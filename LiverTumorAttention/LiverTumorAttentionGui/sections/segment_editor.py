"""The embedded Segment Editor, whose edits become steps of the correction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
import vtk

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.scene.node_attributes import EDITOR_TAG
from LiverTumorAttentionGui.signals import Connections, Debounce

# Effects that edit one lesion by hand; those that work on all segments at once are left to the module Segment Editor.
EFFECTS = ("Paint", "Draw", "Erase", "Level tracing", "Scissors")
_HIDDEN = (
    "unorderedEffectsVisible",
    "segmentationNodeSelectorVisible",
    "sourceVolumeNodeSelectorVisible",
    "switchToSegmentationsButtonVisible",
    "maskingSectionVisible",
)


class SegmentEditorBox:
    """A collapsible box whose Segment Editor edits the study while it is open.

    The editor's mask restricts edits to the liver. Segments are not overwritten, since tumors overlap the liver; the
    correction controller restores accepted tumors.
    on_open: called before the editor takes mouse and keys, on_close after it gave them back. segment: returns the id of
    the segment to edit, empty for none. say: shows a message.
    """

    def __init__(
        self,
        box: Any,
        editor: Any,
        active_case: ActiveCase,
        *,
        on_open: Callable[[], None],
        on_close: Callable[[], None],
        segment: Callable[[], str],
        say: Callable[..., None],
    ) -> None:
        self._box = box
        self._editor = editor
        self._active_case = active_case
        self._on_open = on_open
        self._on_close = on_close
        self._segment = segment
        self._say = say
        self._node: slicer.vtkMRMLSegmentEditorNode | None = None
        self._tag: int | None = None
        self._in_use = ("", "")
        self._apply_later = Debounce(self.apply_edits, 0, restart=False)
        editor.setEffectNameOrder(list(EFFECTS))
        for name in _HIDDEN:
            setattr(editor, name, False)
        self._connections = Connections((box, "toggled(bool)", self._toggled))

    @property
    def is_open(self) -> bool:
        """Whether the editor edits the study."""
        return self._node is not None

    def disconnect(self) -> None:
        """Close the editor and disconnect the box."""
        self.close()
        self._connections.disconnect()

    def close(self) -> None:
        """Apply pending edits and detach the editor from the study."""
        node = self._node
        if node is None:
            return
        node.RemoveObserver(self._tag)
        if node.GetScene() is not None:
            self._editor.setActiveEffectByName("")
            self.apply_edits()
            self._editor.setSegmentationNode(None)
        self._node = None
        self._editor.uninstallKeyboardShortcuts()
        self._editor.removeViewObservations()
        self._editor.setMRMLSegmentEditorNode(None)
        self._box.collapsed = True
        self._on_close()

    def select_segment(self) -> None:
        """Edit the tumor that is selected now."""
        wanted = self._segment()
        if self._node is not None and wanted:
            self._editor.setCurrentSegmentID(wanted)

    def apply_edits(self) -> None:
        """Make one action of the edits since the last one, if any."""
        self._apply_later.cancel()
        controller = self._active_case.controller
        if self._node is None or controller is None:
            return
        try:
            outcome = controller.apply_manual_edits()
        except PanelError as error:
            self._say(str(error), error=True)
            return
        if outcome is not None and outcome.note:
            self._say(outcome.note)

    def _toggled(self, is_open: bool) -> None:
        if not is_open:
            self.close()
        elif not self.is_open:
            self._open()

    def _open(self) -> None:
        from LiverTumorAttentionGui.scene.segments import liver_of

        study = self._active_case.study
        if study is None:
            self._box.collapsed = True
            return
        self._on_open()
        scene = study.segmentation.GetScene()
        self._node = _editor_node(scene)
        self._editor.setMRMLSegmentEditorNode(
            self._node
        )  # before the scene: the editor's defaults go into it
        self._editor.setMRMLScene(scene)
        self._editor.setSegmentationNode(study.segmentation)
        self._editor.setSourceVolumeNode(study.portal)
        self._node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment)
        self._node.SetMaskSegmentID(liver_of(study.segmentation.GetSegmentation()) or "")
        self._node.SetOverwriteMode(self._node.OverwriteNone)
        self.select_segment()  # the editor selects the first segment, the liver
        self._editor.setupViewObservations()
        self._editor.installKeyboardShortcuts()
        self._in_use = self._effect_and_segment()
        self._tag = self._node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._node_changed)

    def _effect_and_segment(self) -> tuple[str, str]:
        if self._node is None:
            return "", ""
        return self._node.GetActiveEffectName() or "", self._node.GetSelectedSegmentID() or ""

    def _node_changed(self, *_: object) -> None:
        """Apply the edits when the user changes the effect or the segment, after the editor has handled it."""
        if self._node is None:
            return
        in_use = self._effect_and_segment()
        if in_use != self._in_use:
            self._in_use = in_use
            self._apply_later.request()


def _editor_node(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLSegmentEditorNode:
    """Return the panel's own segment editor node."""
    node = scene.GetSingletonNode(EDITOR_TAG, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = slicer.vtkMRMLSegmentEditorNode()
        node.SetSingletonTag(EDITOR_TAG)
        node = scene.AddNode(node)
    return node
