"""The embedded Segment Editor: brush work on the study that becomes steps of its correction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
import vtk

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.debounce import Debounce
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.scene.node_attributes import EDITOR_TAG

# What changes one lesion by hand; effects that work on all segments at once are left to the module Segment Editor.
EFFECTS = ("Paint", "Draw", "Erase", "Level tracing", "Scissors")
_HIDDEN = (
    "unorderedEffectsVisible",
    "segmentationNodeSelectorVisible",
    "sourceVolumeNodeSelectorVisible",
    "switchToSegmentationsButtonVisible",
    "maskingSectionVisible",
)


class BrushEditor:
    """Gives the editor the study while its box is open, and takes in what was painted.

    Painting is restricted to the liver by the editor's mask. Segments are not overwritten, since tumours overlap the
    liver; that an accepted tumour keeps its voxels is the controller's part.
    on_open: called before the editor gets the mouse. segment: returns the id of the segment to paint, empty for none.
    say: tells what went wrong.
    """

    def __init__(
        self,
        box: Any,
        editor: Any,
        active_case: ActiveCase,
        *,
        on_open: Callable[[], None],
        segment: Callable[[], str],
        say: Callable[..., None],
    ) -> None:
        self._box = box
        self._editor = editor
        self._active_case = active_case
        self._on_open = on_open
        self._segment = segment
        self._say = say
        self._node: Any = None
        self._tag: int | None = None
        self._brush = ("", "")
        self._take_in_later = Debounce(self.take_in, 0, restart=False)
        editor.setEffectNameOrder(list(EFFECTS))
        for name in _HIDDEN:
            setattr(editor, name, False)
        box.connect("toggled(bool)", self._toggled)

    @property
    def is_open(self) -> bool:
        """Whether the editor has the study."""
        return self._node is not None

    def disconnect(self) -> None:
        """Let go of the widgets."""
        self.close()
        self._box.disconnect("toggled(bool)", self._toggled)

    def close(self) -> None:
        """Take in what was painted and take the study from the editor."""
        node = self._node
        if node is None:
            return
        node.RemoveObserver(self._tag)
        if node.GetScene() is not None:
            self._editor.setActiveEffectByName("")
            self.take_in()
            self._editor.setSegmentationNode(None)
        self._node = None
        self._editor.uninstallKeyboardShortcuts()
        self._editor.removeViewObservations()
        self._editor.setMRMLSegmentEditorNode(None)
        self._box.collapsed = True

    def follow(self) -> None:
        """Paint the tumour that is selected now."""
        wanted = self._segment()
        if self._node is not None and wanted:
            self._editor.setCurrentSegmentID(wanted)

    def take_in(self) -> None:
        """Make one action of what was painted since the last one, if anything."""
        self._take_in_later.cancel()
        controller = self._active_case.controller
        if self._node is None or controller is None:
            return
        try:
            outcome = controller.take_in_brush()
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
        study = self._active_case.study
        if study is None:
            self._box.collapsed = True
            return
        self._on_open()
        scene = study.segmentation.GetScene()
        self._node = _editor_node(scene)
        self._editor.setMRMLSegmentEditorNode(
            self._node
        )  # before the scene, so that its defaults are kept in it
        self._editor.setMRMLScene(scene)
        self._editor.setSegmentationNode(study.segmentation)
        self._editor.setSourceVolumeNode(study.portal)
        self._restrict_to_liver(study.segmentation)
        self.follow()  # the editor chooses the first segment, which is the liver
        self._editor.setupViewObservations()
        self._editor.installKeyboardShortcuts()
        self._brush = self._used_brush()
        self._tag = self._node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._node_changed)

    def _restrict_to_liver(self, segmentation: Any) -> None:
        from LiverTumorAttentionGui.scene.segments import liver_of

        self._node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment)
        self._node.SetMaskSegmentID(liver_of(segmentation.GetSegmentation()) or "")
        self._node.SetOverwriteMode(self._node.OverwriteNone)

    def _used_brush(self) -> tuple[str, str]:
        return self._node.GetActiveEffectName() or "", self._node.GetSelectedSegmentID() or ""

    def _node_changed(self, *_: Any) -> None:
        """Take in what was painted when the user takes another effect or segment, once the editor has done so."""
        if self._node is None:
            return
        brush = self._used_brush()
        if brush != self._brush:
            self._brush = brush
            self._take_in_later.request()


def _editor_node(scene: Any) -> Any:
    """Return the panel's own segment editor node."""
    node = scene.GetSingletonNode(EDITOR_TAG, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = slicer.vtkMRMLSegmentEditorNode()
        node.SetSingletonTag(EDITOR_TAG)
        node = scene.AddNode(node)
    return node
