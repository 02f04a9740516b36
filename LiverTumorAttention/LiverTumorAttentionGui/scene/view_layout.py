"""A row of axial slice views, each of a volume, in a layout of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import slicer


@dataclass(frozen=True)
class View:
    """A slice view. tag: of its nodes. label, color: at its edge. volume: what it shows."""

    tag: str
    label: str
    color: str
    volume: slicer.vtkMRMLScalarVolumeNode


class ViewLayout:
    """A layout; the one before it comes back when it is left. identity: its number; Slicer's own are below 1000."""

    def __init__(self, scene: slicer.vtkMRMLScene, identity: int) -> None:
        self._scene = scene
        self._identity = identity
        self._before: int | None = None

    def show(self, views: Sequence[View], *, linked: bool) -> None:
        """Show these views. linked: whether moving one moves the others."""
        layout = self._layout_node()
        description = _description(views)
        if layout.IsLayoutDescription(self._identity):
            layout.SetLayoutDescription(self._identity, description)
        else:
            layout.AddLayoutDescription(self._identity, description)
        if layout.GetViewArrangement() != self._identity:
            self._before = layout.GetViewArrangement()
        layout.SetViewArrangement(self._identity)
        volumes = {view.tag: view.volume for view in views}
        for composite in self._nodes("vtkMRMLSliceCompositeNode"):
            volume = volumes.get(composite.GetLayoutName())
            if volume is None:
                continue
            composite.SetBackgroundVolumeID(volume.GetID())
            composite.SetForegroundVolumeID(None)
            composite.SetLinkedControl(linked)
            composite.SetHotLinkedControl(linked)

    def jump(self, tag: str, ras: tuple[float, float, float]) -> None:
        """Center one of the views on a point of the world (RAS, mm)."""
        view = self.slice_node(tag)
        if view is not None:
            view.JumpSliceByCentering(*ras)

    def slice_node(self, tag: str) -> slicer.vtkMRMLSliceNode | None:
        """Return the slice node of one of the views; None before the application has made it."""
        return next((v for v in self._nodes("vtkMRMLSliceNode") if v.GetLayoutName() == tag), None)

    def hide(self) -> None:
        """Show the layout that was there before."""
        layout = self._layout_node()
        if self._before is not None and layout.GetViewArrangement() == self._identity:
            layout.SetViewArrangement(self._before)
        self._before = None

    def _layout_node(self) -> slicer.vtkMRMLLayoutNode:
        node = self._scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        return node or self._scene.AddNewNodeByClass("vtkMRMLLayoutNode")

    def _nodes(self, class_name: str) -> Iterator[slicer.vtkMRMLNode]:
        for index in range(self._scene.GetNumberOfNodesByClass(class_name)):
            yield self._scene.GetNthNodeByClass(index, class_name)


def _description(views: Sequence[View]) -> str:
    """Return the layout as Slicer's layout manager reads it."""
    items = "".join(
        f'<item><view class="vtkMRMLSliceNode" singletontag="{view.tag}">'
        '<property name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{escape(view.label)}</property>'
        f'<property name="viewcolor" action="default">{view.color}</property>'
        "</view></item>"
        for view in views
    )
    return f'<layout type="horizontal" split="true">{items}</layout>'
