"""Stand-ins for the widgets of Slicer that hand a scene on and choose one of its nodes."""

from __future__ import annotations

from typing import Any

import shiboken6
from PySide6 import QtCore, QtWidgets

from Testing.bench.pythonqt import with_manners
from Testing.bench.stand_in import SignatureSignals, observe, plain_property


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


class _SortFilterProxyModel:
    """Which nodes a list leaves out, as the property of the real proxy model."""

    def __init__(self, changed: Any) -> None:
        self._hidden: list[str] = []
        self._changed = changed

    @property
    def hiddenNodeIDs(self) -> tuple[str, ...]:
        return tuple(self._hidden)

    @hiddenNodeIDs.setter
    def hiddenNodeIDs(self, ids: Any) -> None:
        self._hidden = list(ids)
        self._changed()


class qMRMLNodeComboBox(SignatureSignals, with_manners(QtWidgets.QWidget)):
    """A list of the scene's nodes of some types, with "None" as an entry if that is enabled."""

    _real_class = "qMRMLNodeComboBox"
    currentNodeChanged = QtCore.Signal(object)

    nodeTypes = plain_property("nodeTypes", "QStringList", "_refresh")
    hideChildNodeTypes = plain_property("hideChildNodeTypes", "QStringList", "_refresh")
    showChildNodeTypes = plain_property("showChildNodeTypes", "bool", "_refresh")
    showHidden = plain_property("showHidden", "bool", "_refresh")
    noneEnabled = plain_property("noneEnabled", "bool", "_refresh")
    noneDisplay = plain_property("noneDisplay", "QString", "_refresh")
    addEnabled = plain_property("addEnabled", "bool")
    removeEnabled = plain_property("removeEnabled", "bool")
    editEnabled = plain_property("editEnabled", "bool")
    renameEnabled = plain_property("renameEnabled", "bool")
    selectNodeUponCreation = plain_property("selectNodeUponCreation", "bool")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: dict[str, Any] = {"showChildNodeTypes": True, "noneDisplay": "None"}
        self._scene: Any = None
        self._tags: list[int] = []
        self._current: Any = None
        self._nodes: list[Any] = []
        self._proxy = _SortFilterProxyModel(self._refresh)
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
            self._tags = [observe(scene, event, self._scene_changed) for event in events]
        self._box.setEnabled(scene is not None)
        if scene is None:
            self._current, self._nodes = None, []
        self._refresh()

    def sortFilterProxyModel(self) -> Any:
        return self._proxy

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

    def _shown(self) -> list[Any]:
        """Return the scene's nodes that belong in the list, in the scene's order."""
        kinds, but = self.nodeTypes, self.hideChildNodeTypes
        children, hidden, left_out = self.showChildNodeTypes, self.showHidden, self._proxy.hiddenNodeIDs

        def fits(node: Any) -> bool:
            of_kind = any(map(node.IsA, kinds)) if children else node.GetClassName() in kinds
            return (
                of_kind
                and (hidden or not node.GetHideFromEditors())
                and node.GetID() not in left_out
                and not any(map(node.IsA, but))
            )

        return [node for node in self._scene.GetNodes() if fits(node)]

    def _refresh(self) -> None:
        if self._scene is None:
            return
        self._nodes = self._shown()
        names = [self.noneDisplay] if self.noneEnabled else []
        names += [node.GetName() for node in self._nodes]
        box = self._box
        if names != [box.itemText(row) for row in range(box.count())]:
            box.clear()
            box.addItems(names)
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
