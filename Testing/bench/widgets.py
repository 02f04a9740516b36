"""Stand-ins for the widgets of Slicer and CTK that the panel uses: real Qt, real MRML, no more than the real ones.

Each keeps to `real_classes.json`. A name that the real class has and the stand-in lacks is an AttributeError here:
add it to the stand-in when the panel needs it.
"""

from __future__ import annotations

from typing import Any

import shiboken6
import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from Testing.bench import facts
from Testing.bench.pythonqt import Manners, with_manners

_PROPERTY_TYPES = {
    "bool": (bool, False),
    "QString": (str, ""),
    "QStringList": ("QStringList", []),
    "int": (int, 0),
}
_HEADER_HEIGHT = 24

# Observers of scenes. The real widgets take theirs away when Qt deletes them; here `let_go_of_scene` does it.
_OBSERVERS: list[tuple[Any, int]] = []


def let_go_of_scene() -> None:
    """Take every list's observers off its scene."""
    while _OBSERVERS:
        scene, tag = _OBSERVERS.pop()
        scene.RemoveObserver(tag)


class SignatureSignals(Manners):
    """Connects the signals of a stand-in by the signatures of the real class, whose types Qt does not know here."""

    _real_class = ""

    def connect(self, signature: str, slot: Any) -> None:
        signal = self._own_signal(signature)
        if signal is None:
            super().connect(signature, slot)
        else:
            signal.connect(slot)

    def disconnect(self, signature: str, slot: Any) -> None:
        signal = self._own_signal(signature)
        if signal is None:
            super().disconnect(signature, slot)
        else:
            signal.disconnect(slot)

    def _own_signal(self, signature: str) -> Any:
        name = signature.split("(")[0]
        own = facts.signals(self._real_class)
        if signature in own:
            return getattr(self, name)
        if any(name == signal.split("(")[0] for signal in own):
            raise ValueError(f"{self._real_class} has no signal {signature}; it has {', '.join(own)}")
        return None


def _plain_property(name: str, kind: str, changed: str | None = None) -> QtCore.Property:
    """Return a Qt property that keeps its value in the object's `_values` and calls a method when it changes."""
    python_type, default = _PROPERTY_TYPES[kind]

    def read(self: Any) -> Any:
        return self._values.get(name, default)

    def write(self: Any, value: Any) -> None:
        self._values[name] = value
        if changed is not None:
            getattr(self, changed)()

    return QtCore.Property(python_type, read, write)


class qMRMLWidget(SignatureSignals, with_manners(QtWidgets.QWidget)):
    """A widget that hands its scene on."""

    _real_class = "qMRMLWidget"
    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = None

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


class qMRMLNodeComboBox(SignatureSignals, with_manners(QtWidgets.QWidget)):
    """A list of the scene's nodes of some types, with "None" as an entry if that is enabled."""

    _real_class = "qMRMLNodeComboBox"
    currentNodeChanged = QtCore.Signal(object)

    nodeTypes = _plain_property("nodeTypes", "QStringList", "_refresh")
    hideChildNodeTypes = _plain_property("hideChildNodeTypes", "QStringList", "_refresh")
    showChildNodeTypes = _plain_property("showChildNodeTypes", "bool", "_refresh")
    showHidden = _plain_property("showHidden", "bool", "_refresh")
    noneEnabled = _plain_property("noneEnabled", "bool", "_refresh")
    noneDisplay = _plain_property("noneDisplay", "QString", "_refresh")
    addEnabled = _plain_property("addEnabled", "bool")
    removeEnabled = _plain_property("removeEnabled", "bool")
    editEnabled = _plain_property("editEnabled", "bool")
    renameEnabled = _plain_property("renameEnabled", "bool")
    selectNodeUponCreation = _plain_property("selectNodeUponCreation", "bool")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: dict[str, Any] = {"showChildNodeTypes": True, "noneDisplay": "None"}
        self._scene: Any = None
        self._tags: list[int] = []
        self._current: Any = None
        self._nodes: list[Any] = []
        self._box = QtWidgets.QComboBox(self)
        self._box.setEnabled(False)
        self._box.activated.connect(self._activated)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._tags = []
        self._scene = scene
        if scene is not None:
            events = (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent)
            self._tags = [scene.AddObserver(event, self._scene_changed) for event in events]
            _OBSERVERS.extend((scene, tag) for tag in self._tags)
        self._box.setEnabled(scene is not None)
        if scene is None:
            self._current, self._nodes = None, []
        self._refresh()

    def currentNode(self) -> Any:
        return self._current

    def nodeCount(self) -> int:
        return len(self._nodes)

    def nodeFromIndex(self, index: int) -> Any:
        return self._nodes[index] if 0 <= index < len(self._nodes) else None

    def setCurrentNode(self, node: Any) -> None:
        if isinstance(node, str):
            return self.setCurrentNodeID(node)
        return self._select(node if node in self._nodes else None)

    def setCurrentNodeID(self, node_id: str) -> None:
        self._select(next((node for node in self._nodes if node.GetID() == node_id), None))

    def setCurrentNodeIndex(self, index: int) -> None:
        self._select(self.nodeFromIndex(index))

    def _scene_changed(self, *_: Any) -> None:
        if shiboken6.isValid(self):
            self._refresh()

    def _shows(self, node: Any) -> bool:
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        if any(node.IsA(kind) for kind in self.hideChildNodeTypes):
            return False
        if self.showChildNodeTypes:
            return any(node.IsA(kind) for kind in self.nodeTypes)
        return node.GetClassName() in self.nodeTypes

    def _refresh(self) -> None:
        if self._scene is None:
            return
        count = self._scene.GetNumberOfNodes()
        nodes = [self._scene.GetNthNode(index) for index in range(count)]
        self._nodes = [node for node in nodes if self._shows(node)]
        self._box.clear()
        if self.noneEnabled:
            self._box.addItem(self.noneDisplay)
        self._box.addItems([node.GetName() for node in self._nodes])
        keep = self._current if self._current in self._nodes else None
        if keep is None and not self.noneEnabled and self._nodes:
            keep = self._nodes[0]
        self._select(keep)

    def _select(self, node: Any) -> None:
        offset = 1 if self.noneEnabled else 0
        self._box.setCurrentIndex(self._nodes.index(node) + offset if node is not None else offset - 1)
        if node is not self._current:
            self._current = node
            self.currentNodeChanged.emit(node)

    def _activated(self, row: int) -> None:
        self._select(self.nodeFromIndex(row - 1 if self.noneEnabled else row))


class ctkCollapsibleButton(SignatureSignals, with_manners(QtWidgets.QAbstractButton)):
    """A titled box; the stand-in is always open."""

    _real_class = "ctkCollapsibleButton"
    contentsCollapsed = QtCore.Signal(bool)
    collapsed = _plain_property("collapsed", "bool")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: dict[str, Any] = {}
        self.setContentsMargins(0, _HEADER_HEIGHT, 0, 0)
        self.setSizePolicy(QtWidgets.QSizePolicy.Preferred, QtWidgets.QSizePolicy.Preferred)

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:
        painter = QtWidgets.QStylePainter(self)
        width, height = QtWidgets.QWidget.width(self), QtWidgets.QWidget.height(self)
        header = QtWidgets.QStyleOptionButton()
        header.initFrom(self)
        header.rect = QtCore.QRect(0, 0, width, _HEADER_HEIGHT - 2)
        painter.drawControl(QtWidgets.QStyle.CE_PushButtonBevel, header)
        arrow = QtWidgets.QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QtCore.QRect(8, 6, 10, 10)
        painter.drawPrimitive(QtWidgets.QStyle.PE_IndicatorArrowDown, arrow)
        area = QtCore.QRect(26, 0, width - 30, _HEADER_HEIGHT - 2)
        painter.drawText(area, QtCore.Qt.AlignVCenter, QtWidgets.QAbstractButton.text(self))
        painter.setPen(QtWidgets.QWidget.palette(self).mid().color())
        painter.drawRect(0, _HEADER_HEIGHT - 2, width - 1, height - _HEADER_HEIGHT + 1)


SLICER_WIDGETS = {
    name: facts.refuse_inventions(cls, name)
    for name, cls in (("qMRMLWidget", qMRMLWidget), ("qMRMLNodeComboBox", qMRMLNodeComboBox))
}
CTK_WIDGETS = {"ctkCollapsibleButton": facts.refuse_inventions(ctkCollapsibleButton, "ctkCollapsibleButton")}


def install_slicer_widgets() -> None:
    """Put the qMRML stand-ins where modules look for them."""
    for name, cls in SLICER_WIDGETS.items():
        setattr(slicer, name, cls)
