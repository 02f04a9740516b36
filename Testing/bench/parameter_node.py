"""Stand-in for `slicer.parameterNodeWrapper`: nodes, text and truth values; node selectors and check boxes."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import vtk
from PySide6 import QtWidgets

SlicerParameterNamePropertyName = "SlicerParameterName"
_PLAIN = {str: (str, str), bool: (str, lambda text: text == "True")}


def parameterNodeWrapper(cls: type) -> type:
    """Turn the class's annotations into properties that live in a parameter node."""
    hints = typing.get_type_hints(cls)
    defaults = {name: getattr(cls, name, None) for name in hints}
    for name, kind in hints.items():
        setattr(cls, name, _plain(name, kind) if kind in _PLAIN else _node(name))

    def start(self: Any, node: Any) -> None:
        self.parameterNode = node
        self._guis = {}
        self._updating = False
        for name, kind in hints.items():
            if kind in _PLAIN and not node.GetParameter(name):
                setattr(self, name, defaults[name] if defaults[name] is not None else kind())

    cls.__init__ = start
    cls.connectGui, cls.disconnectGui = _connect_gui, _disconnect_gui
    cls.AddObserver = lambda self, event, callback: self.parameterNode.AddObserver(event, callback)
    cls.RemoveObserver = lambda self, tag: self.parameterNode.RemoveObserver(tag)
    return cls


def _plain(name: str, kind: type) -> property:
    write, read = _PLAIN[kind]
    return property(
        lambda self: read(self.parameterNode.GetParameter(name)),
        lambda self, value: self.parameterNode.SetParameter(name, write(value)),
    )


def _node(name: str) -> property:
    return property(
        lambda self: self.parameterNode.GetNodeReference(name),
        lambda self, node: self.parameterNode.SetNodeReferenceID(name, node.GetID() if node else None),
    )


def _connect_gui(self: Any, gui: Any) -> int:
    widgets = {}
    for widget in vars(gui).values():
        name = widget.property(SlicerParameterNamePropertyName)
        if name:
            widgets[name] = widget
    callbacks = {name: _writer(self, name, widget) for name, widget in widgets.items()}

    def update(*_: Any) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for name, widget in widgets.items():
                _show(widget, getattr(self, name))
        finally:
            self._updating = False

    update()
    for name, widget in widgets.items():
        _changed(widget).connect(callbacks[name])
    tag = self.AddObserver(vtk.vtkCommand.ModifiedEvent, update)
    self._guis[tag] = (widgets, callbacks)
    return tag


def _writer(self: Any, name: str, widget: Any) -> Callable[..., None]:
    def write(*_: Any) -> None:
        if not self._updating:
            setattr(self, name, _chosen(widget))

    return write


def _disconnect_gui(self: Any, tag: int) -> None:
    widgets, callbacks = self._guis.pop(tag)
    for name, widget in widgets.items():
        _changed(widget).disconnect(callbacks[name])
    self.RemoveObserver(tag)


def _is_check_box(widget: Any) -> bool:
    return isinstance(widget, QtWidgets.QCheckBox)


def _changed(widget: Any) -> Any:
    return widget.toggled if _is_check_box(widget) else widget.currentNodeChanged


def _chosen(widget: Any) -> Any:
    return widget.checked if _is_check_box(widget) else widget.currentNode()


def _show(widget: Any, value: Any) -> None:
    if _is_check_box(widget):
        widget.checked = value
    else:
        widget.setCurrentNode(value)
