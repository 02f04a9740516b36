"""A layout for reading: the phases side by side with their difference, in linked axial views.

portal venous | arterial | delayed | native, all registered | arterial − portal; those that the case has
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import slicer

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.node_attributes import DIFFERENCE_REFERENCE
from LiverTumorAttentionGui.scene.node_links import place_in_folder_of
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.scene.view_layout import View, ViewLayout
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU

LAYOUT_ID = 27181
"""Number of the layout; Slicer's own are below 1000."""
DIFFERENCE_WINDOW = (150.0, 0.0)
_REGISTERED_VIEWS = (
    ("arterial", "LTAArterial", "A", "#d9534a"),
    ("delayed", "LTADelayed", "D", "#8e6bbf"),
    ("native", "LTANative", "N", "#5b9a68"),
)
"""Phase, tag, label and color of the views of registered phases, in their order."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A window for all phases. key: of the keyboard. window_hu, level_hu: width and middle."""

    key: str
    name: str
    window_hu: float
    level_hu: float


PRESETS = (
    Preset(key="1", name="liver", window_hu=150.0, level_hu=90.0),
    Preset(key="2", name=_("narrow liver"), window_hu=80.0, level_hu=100.0),
    Preset(key="3", name="abdomen", window_hu=400.0, level_hu=40.0),
)


class ReadingLayout:
    """The reading layout of one case; the layout before it comes back when it is left."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._scene = study.segmentation.GetScene()
        self._layout = ViewLayout(self._scene, LAYOUT_ID)

    def show(self) -> None:
        """Show the phases that the case has. Raises `PanelError` where a volume has no voxels."""
        self._layout.show(self._views(), linked=True)
        self.window(PRESETS[0])

    def window(self, preset: Preset) -> None:
        """Give the phases a window; the difference keeps its own."""
        for view in self._views(fill=False):
            is_difference = view.volume is self._difference_node()
            window, level = DIFFERENCE_WINDOW if is_difference else (preset.window_hu, preset.level_hu)
            display = view.volume.GetScalarVolumeDisplayNode()
            if display is not None:
                display.SetAutoWindowLevel(False)
                display.SetWindowLevel(window, level)

    def hide(self) -> None:
        """Show the layout that was there before."""
        self._layout.hide()

    def _views(self, *, fill: bool = True) -> list[View]:
        study = self._study
        views = [View("LTAPortal", "PV", "#4a90d9", study.portal)]
        for phase, tag, label, color in _REGISTERED_VIEWS:
            volume = study.registered(phase)
            if volume is not None:
                views.append(View(tag, label, color, volume))
        if study.arterial is not None:
            difference = self._fill_difference() if fill else self._difference_node()
            if difference is not None:
                views.append(View("LTADifference", "A-PV", "#8a8a8a", difference))
        return views

    def _difference_node(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        return self._study.segmentation.GetNodeReference(DIFFERENCE_REFERENCE)

    def _fill_difference(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        """Return the volume of the arterial minus the portal venous phase, 0 where the arterial one saw nothing."""
        portal, arterial = self._study.portal, self._study.arterial
        ours, theirs = slicer.util.arrayFromVolume(portal), slicer.util.arrayFromVolume(arterial)
        if ours.shape != theirs.shape:
            return None  # it was resampled by somebody else
        node = self._difference_node()
        if node is None:
            node = self._scene.AddNewNodeByClass(
                "vtkMRMLScalarVolumeNode", f"{portal.GetName()} arterial minus portal"
            )
            self._study.segmentation.SetNodeReferenceID(DIFFERENCE_REFERENCE, node.GetID())
            place_in_folder_of(portal, node)
        difference = theirs.astype(np.float32) - ours
        difference[theirs <= OUTSIDE_HU] = 0.0
        slicer.util.updateVolumeFromArray(node, np.rint(difference).astype(np.int16))
        node.CopyOrientation(portal)
        node.SetAndObserveTransformNodeID(portal.GetTransformNodeID())
        node.CreateDefaultDisplayNodes()
        return node
