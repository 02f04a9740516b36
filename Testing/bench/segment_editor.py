"""Stand-in for Slicer's Segment Editor: keeps what a module sets, paints a picture of itself, edits nothing."""

from __future__ import annotations

from typing import Any

import shiboken6
import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from Testing.bench import facts
from Testing.bench.mrml_widgets import qMRMLWidget
from Testing.bench.pythonqt import with_manners
from Testing.bench.stand_in import observe, plain_property

_EFFECTS = (
    "Threshold",
    "Paint",
    "Draw",
    "Erase",
    "Level tracing",
    "Grow from seeds",
    "Fill between slices",
    "Margin",
    "Hollow",
    "Smoothing",
    "Scissors",
    "Islands",
    "Logical operators",
    "Mask volume",
)
_ROW = 22
_SEGMENT_ROWS = 6


class qSlicerSegmentEditorAbstractEffect(with_manners(QtCore.QObject)):
    """An effect's name and its parameters, which the segment editor node keeps."""

    def __init__(self, name: str, editor: Any) -> None:
        super().__init__(editor)
        self._name = name
        self._editor = editor

    name = QtCore.Property(str, lambda self: self._name)

    def parameterSetNode(self) -> Any:
        return self._editor.mrmlSegmentEditorNode()

    def setParameter(self, name: str, value: str | float) -> None:
        self.parameterSetNode().SetAttribute(f"{self._name}.{name}", str(value))

    def parameter(self, name: str) -> str:
        return self.parameterSetNode().GetAttribute(f"{self._name}.{name}") or ""

    def doubleParameter(self, name: str) -> float:
        return float(self.parameter(name) or 0.0)

    def integerParameter(self, name: str) -> int:
        return int(self.parameter(name) or 0)

    def parameterDefined(self, name: str) -> bool:
        return self.parameterSetNode().GetAttribute(f"{self._name}.{name}") is not None


facts.refuse_inventions(qSlicerSegmentEditorAbstractEffect, "qSlicerSegmentEditorAbstractEffect")


class qMRMLSegmentEditorWidget(qMRMLWidget):
    """Keeps its choices in the segment editor node and follows that node; without one, it chooses nothing."""

    _real_class = "qMRMLSegmentEditorWidget"
    segmentationNodeChanged = QtCore.Signal(object)
    sourceVolumeNodeChanged = QtCore.Signal(object)
    currentSegmentIDChanged = QtCore.Signal(str)

    segmentationNodeSelectorVisible = plain_property("segmentationNodeSelectorVisible", "bool")
    sourceVolumeNodeSelectorVisible = plain_property("sourceVolumeNodeSelectorVisible", "bool")
    maskingSectionVisible = plain_property("maskingSectionVisible", "bool")
    specifyGeometryButtonVisible = plain_property("specifyGeometryButtonVisible", "bool")
    show3DButtonVisible = plain_property("show3DButtonVisible", "bool")
    addRemoveSegmentButtonsVisible = plain_property("addRemoveSegmentButtonsVisible", "bool")
    switchToSegmentationsButtonVisible = plain_property("switchToSegmentationsButtonVisible", "bool")
    autoShowSourceVolumeNode = plain_property("autoShowSourceVolumeNode", "bool")
    jumpToSelectedSegmentEnabled = plain_property("jumpToSelectedSegmentEnabled", "bool")
    undoEnabled = plain_property("undoEnabled", "bool")
    maximumNumberOfUndoStates = plain_property("maximumNumberOfUndoStates", "int")
    readOnly = plain_property("readOnly", "bool")
    unorderedEffectsVisible = plain_property("unorderedEffectsVisible", "bool", "_resize")
    effectColumnCount = plain_property("effectColumnCount", "int", "_resize")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: dict[str, Any] = dict.fromkeys(
            (name for name, kind in facts.properties(self._real_class).items() if kind == "bool"), True
        )
        self._values |= {"readOnly": False, "effectColumnCount": 2, "maximumNumberOfUndoStates": 10}
        self._node: Any = None
        self._tag: int | None = None
        self._taking_over = False
        self._shown: tuple[Any, Any, str] = (None, None, "")
        self._order: list[str] = []
        self._effects = {name: qSlicerSegmentEditorAbstractEffect(name, self) for name in _EFFECTS}
        self._shortcuts_of: Any = None
        self._resize()

    def mrmlSegmentEditorNode(self) -> Any:
        return self._node

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        if self._tag is not None:
            self._node.RemoveObserver(self._tag)
        self._node, self._tag = node, None
        if node is not None:
            self._tag = observe(node, vtk.vtkCommand.ModifiedEvent, self._node_changed)
        self.updateWidgetFromMRML()

    def segmentationNode(self) -> Any:
        return self._node.GetSegmentationNode() if self._node is not None else None

    def setSegmentationNode(self, node: Any) -> None:
        if self._node is not None and node is not self.segmentationNode():
            self._node.SetAndObserveSegmentationNode(node)
            self._node.SetActiveEffectName("")

    def sourceVolumeNode(self) -> Any:
        return self._node.GetSourceVolumeNode() if self._node is not None else None

    def setSourceVolumeNode(self, node: Any) -> None:
        if self._node is not None:
            self._node.SetAndObserveSourceVolumeNode(node)

    def currentSegmentID(self) -> str:
        return (self._node.GetSelectedSegmentID() or "") if self._node is not None else ""

    def setCurrentSegmentID(self, segment_id: str) -> None:
        if self._node is not None:
            self._node.SetSelectedSegmentID(segment_id)

    def activeEffect(self) -> Any:
        return self.effectByName(self._node.GetActiveEffectName()) if self._node is not None else None

    def setActiveEffect(self, effect: Any) -> None:
        if self._node is not None:
            self._node.SetActiveEffectName(effect.name if effect is not None else "")

    def setActiveEffectByName(self, name: str) -> None:
        self.setActiveEffect(self.effectByName(name))

    def effectByName(self, name: str) -> Any:
        return self._effects.get(name)

    def availableEffectNames(self) -> tuple[str, ...]:
        return _EFFECTS

    def setEffectNameOrder(self, names: list[str]) -> None:
        self._order = list(names)
        self._resize()

    def effectNameOrder(self) -> tuple[str, ...]:
        return tuple(self._order)

    def effectCount(self) -> int:
        return len(self._visible_effects())

    def effectByIndex(self, index: int) -> Any:
        return self._effects[self._visible_effects()[index]]

    def installKeyboardShortcuts(self, parent: Any = None) -> None:
        self._shortcuts_of = parent if parent is not None else self

    def uninstallKeyboardShortcuts(self) -> None:
        self._shortcuts_of = None

    def setupViewObservations(self) -> None:
        """Nothing: there are no views here."""

    def removeViewObservations(self) -> None:
        """Nothing: there are no views here."""

    def updateWidgetFromMRML(self) -> None:
        segmentation, before = self.segmentationNode(), self._shown
        if segmentation is not before[0] and segmentation is not None:
            self._taking_over = True
            try:
                self._take_over(segmentation)
            finally:
                self._taking_over = False
        now = (segmentation, self.sourceVolumeNode(), self.currentSegmentID())
        self._shown = now
        names = ("segmentationNodeChanged", "sourceVolumeNodeChanged", "currentSegmentIDChanged")
        for name, old, new in zip(names, before, now, strict=True):
            if new != old:
                getattr(self, name).emit(new)
        QtWidgets.QWidget.update(self)

    def _node_changed(self, *_: Any) -> None:
        if shiboken6.isValid(self) and not self._taking_over:
            self.updateWidgetFromMRML()

    def _take_over(self, segmentation: Any) -> None:
        """Choose what the real widget chooses for a segmentation that it did not show before."""
        self.setSourceVolumeNode(
            segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole())
        )
        segmentation.CreateDefaultDisplayNodes()
        segments = segmentation.GetSegmentation()
        if segments.GetNumberOfSegments():
            self.setCurrentSegmentID(segments.GetNthSegmentID(0))

    def _visible_effects(self) -> list[str]:
        ordered = [name for name in self._order if name in self._effects]
        others = [name for name in _EFFECTS if name not in ordered] if self.unorderedEffectsVisible else []
        return ordered + others

    def _effect_rows(self) -> int:
        return -(-len(self._visible_effects()) // max(1, self.effectColumnCount))

    def _resize(self) -> None:
        QtWidgets.QWidget.setMinimumHeight(self, _ROW * (self._effect_rows() + _SEGMENT_ROWS))
        QtWidgets.QWidget.update(self)

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:
        painter = QtWidgets.QStylePainter(self)
        active = self.activeEffect()
        columns = max(1, self.effectColumnCount)
        width = QtWidgets.QWidget.width(self)
        for index, name in enumerate(self._visible_effects()):
            button = QtWidgets.QStyleOptionButton()
            button.initFrom(self)
            if active is not None and active.name == name:
                button.state |= QtWidgets.QStyle.StateFlag.State_Sunken
            row, column = divmod(index, columns)
            button.rect = QtCore.QRect(column * width // columns, row * _ROW, width // columns - 2, _ROW - 2)
            button.text = name
            painter.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButton, button)
        self._paint_segments(painter, self._effect_rows() * _ROW, width)

    def _paint_segments(self, painter: QtGui.QPainter, top: int, width: int) -> None:
        segmentation = self.segmentationNode()
        if segmentation is None:
            return
        segments = segmentation.GetSegmentation()
        for row in range(min(segments.GetNumberOfSegments(), _SEGMENT_ROWS)):
            segment, y = segments.GetNthSegment(row), top + row * _ROW
            if segments.GetNthSegmentID(row) == self.currentSegmentID():
                painter.fillRect(0, y, width, _ROW, QtWidgets.QWidget.palette(self).highlight().color())
            painter.fillRect(6, y + 5, 12, 12, QtGui.QColor.fromRgbF(*segment.GetColor()))
            painter.drawText(26, y, width - 30, _ROW, QtCore.Qt.AlignmentFlag.AlignVCenter, segment.GetName())
