"""Stand-in for `slicer.parameterNodeWrapper`: nodes, text, numbers, truth values, and the widgets that show them."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import vtk

from Testing.bench.parameter_kinds import Default, Maximum, Minimum, Parameter, WithinRange
from Testing.bench.parameter_widgets import Decimals, SingleStep, prepare, read, show, told

__all__ = [
    "Decimals",
    "Default",
    "Maximum",
    "Minimum",
    "SingleStep",
    "SlicerParameterNamePropertyName",
    "WithinRange",
    "parameterNodeWrapper",
]

SlicerParameterNamePropertyName = "SlicerParameterName"


def parameterNodeWrapper(cls: type) -> type:
    """Turn the class's annotations into properties that live in a parameter node."""
    hints = typing.get_type_hints(cls, include_extras=True)
    parameters = {name: Parameter.of(name, hint, getattr(cls, name, None)) for name, hint in hints.items()}
    for name, parameter in parameters.items():
        setattr(cls, name, _as_property(parameter))

    def start(self: Any, node: Any) -> None:
        self.parameterNode = node
        self._guis = {}
        self._updating = False
        for parameter in parameters.values():
            if not node.HasParameter(parameter.name):
                parameter.write(node, parameter.default)

    cls.__init__ = start
    cls.allParameters = parameters
    cls.connectGui, cls.disconnectGui = _connect_gui, _disconnect_gui
    cls.getValue = lambda self, name: parameters[name].read(self.parameterNode)
    cls.setValue = lambda self, name, value: parameters[name].write(self.parameterNode, value)
    cls.StartModify = lambda self: self.parameterNode.StartModify()
    cls.EndModify = lambda self, modified: self.parameterNode.EndModify(modified)
    cls.AddObserver = lambda self, event, callback: self.parameterNode.AddObserver(event, callback)
    cls.RemoveObserver = lambda self, tag: self.parameterNode.RemoveObserver(tag)
    return cls


def _as_property(parameter: Parameter) -> property:
    return property(
        lambda self: parameter.read(self.parameterNode),
        lambda self, value: parameter.write(self.parameterNode, value),
    )


def _connect_gui(self: Any, gui: Any) -> int:
    widgets = {}
    for widget in vars(gui).values():
        name = widget.property(SlicerParameterNamePropertyName)
        if name:
            if name not in self.allParameters:
                raise ValueError(f"Cannot find a param with the given name: {name}")
            widgets[name] = widget
    for name, widget in widgets.items():
        prepare(widget, self.allParameters[name])
    callbacks = {name: _writer(self, name, widget) for name, widget in widgets.items()}

    def update(*_: Any) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for name, widget in widgets.items():
                show(widget, self.getValue(name))
        finally:
            self._updating = False

    update()
    for name, widget in widgets.items():
        told(widget).connect(callbacks[name])
    tag = self.AddObserver(vtk.vtkCommand.ModifiedEvent, update)
    self._guis[tag] = (widgets, callbacks)
    return tag


def _writer(self: Any, name: str, widget: Any) -> Callable[..., None]:
    def write(*_: Any) -> None:
        if not self._updating:
            self.setValue(name, read(widget, self.allParameters[name]))

    return write


def _disconnect_gui(self: Any, tag: int) -> None:
    widgets, callbacks = self._guis.pop(tag)
    for name, widget in widgets.items():
        told(widget).disconnect(callbacks[name])
    self.RemoveObserver(tag)
