"""Both phases in the slice views, one over the other."""

from __future__ import annotations

import slicer

OPACITY = 0.5


class PhaseComparison:
    """The portal venous volume behind, the registered arterial one half see-through over it."""

    def __init__(
        self, portal: slicer.vtkMRMLScalarVolumeNode, registered: slicer.vtkMRMLScalarVolumeNode
    ) -> None:
        self._portal = portal
        self._registered = registered

    @property
    def shown(self) -> bool:
        """Whether a slice view shows the comparison; the user may have changed what the views show."""
        return any(
            view.GetBackgroundVolumeID() == self._portal.GetID()
            and view.GetForegroundVolumeID() == self._registered.GetID()
            for view in self._views()
        )

    def toggle(self) -> None:
        """Show both phases in all slice views; the portal venous one alone when they are shown."""
        both = not self.shown
        for view in self._views():
            view.SetBackgroundVolumeID(self._portal.GetID())
            view.SetForegroundVolumeID(self._registered.GetID() if both else None)
            view.SetForegroundOpacity(OPACITY if both else 0.0)

    def _views(self) -> list[slicer.vtkMRMLSliceCompositeNode]:
        scene = self._portal.GetScene()
        kind = "vtkMRMLSliceCompositeNode"
        return [scene.GetNthNodeByClass(index, kind) for index in range(scene.GetNumberOfNodesByClass(kind))]
