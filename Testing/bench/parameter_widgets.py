"""Which widget shows which type of parameter, and what connecting it does to it, as Slicer's GUI connectors do."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from Testing.bench.parameter_kinds import Maximum, Minimum, Parameter, WithinRange

_INT_LIMIT = 2**31
# The real connectors compare exact types; the bench's classes carry the real names.
_TRUTH = {"QCheckBox": "stateChanged", "QPushButton": "toggled"}
_INTEGER = ("QSpinBox", "QSlider")
_FLOAT = ("QDoubleSpinBox", "ctkSliderWidget")
_NEEDS_BOUNDS = ("QSlider", "ctkSliderWidget")


@dataclasses.dataclass
class Decimals:
    """Annotation: how many decimals a spin box or slider shows."""

    value: int


@dataclasses.dataclass
class SingleStep:
    """Annotation: the step of a spin box or slider."""

    value: float


def prepare(widget: Any, parameter: Parameter) -> None:
    """Give the widget the parameter's bounds, which take the place of those of the `.ui` file.

    Raises `RuntimeError` where Slicer has no connector, or none without bounds.
    """
    name = type(widget).__name__
    if not _fits(name, parameter.kind):
        raise RuntimeError(f"Unable to create GUI connector from datatype '{parameter.kind}' to '{name}'")
    if name in _INTEGER or name in _FLOAT:
        _limit(widget, name, parameter)
    elif name == "QPushButton":
        widget.checkable = True


def _fits(name: str, kind: type) -> bool:
    if kind is bool:
        return name in _TRUTH
    if kind is int:
        return name in _INTEGER or name in _FLOAT
    if kind is float:
        return name in _FLOAT
    if kind is str:
        return name == "QLineEdit"
    return name == "qMRMLNodeComboBox"


def _limit(widget: Any, name: str, parameter: Parameter) -> None:
    decimals, step = parameter.find(Decimals), parameter.find(SingleStep)
    if parameter.kind is int and name in _FLOAT:
        widget.decimals = 0
    elif decimals is not None:
        widget.decimals = decimals.value
    if step is not None:
        widget.singleStep = step.value
    low, high = (math.inf, math.inf) if name in _FLOAT else (_INT_LIMIT, _INT_LIMIT - 1)
    within = parameter.find(WithinRange)
    minimum = within or parameter.find(Minimum)
    maximum = within or parameter.find(Maximum)
    if name in _NEEDS_BOUNDS and not (minimum and maximum):
        raise RuntimeError(
            f"Cannot have a connection to {name} where the type is unbounded: {parameter.name}"
        )
    widget.minimum = minimum.minimum if minimum else -low
    widget.maximum = maximum.maximum if maximum else high


def told(widget: Any) -> Any:
    """Return the signal by which the widget tells that its value changed."""
    name = type(widget).__name__
    if name in _INTEGER or name in _FLOAT:
        return widget.valueChanged
    if name == "QLineEdit":
        return widget.textChanged
    return getattr(widget, _TRUTH[name]) if name in _TRUTH else widget.currentNodeChanged


def read(widget: Any, parameter: Parameter) -> Any:
    """Return the widget's value in the parameter's type."""
    name = type(widget).__name__
    if name in _INTEGER or name in _FLOAT:
        return parameter.kind(widget.value)
    if name == "QLineEdit":
        return widget.text
    return widget.checked if name in _TRUTH else widget.currentNode()


def show(widget: Any, value: Any) -> None:
    """Write a parameter's value into the widget."""
    name = type(widget).__name__
    if name in _INTEGER or name in _FLOAT:
        widget.value = value
    elif name == "QLineEdit":
        widget.text = value
    elif name in _TRUTH:
        widget.checked = value
    else:
        widget.setCurrentNode(value)
