"""Stand-in for CTK's slider with a spin box at its side."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtWidgets

from Testing.bench.pythonqt import with_manners
from Testing.bench.stand_in import SignatureSignals, plain_property

_POSITIONS = 1000


def _of_spin_box(kind: type, getter: str, setter: str) -> QtCore.Property:
    """Return a property of the slider that its spin box keeps."""

    def write(self: Any, value: Any) -> None:
        getattr(self._box, setter)(value)
        self._show_position()

    return QtCore.Property(kind, lambda self: getattr(self._box, getter)(), write)


class ctkSliderWidget(SignatureSignals, with_manners(QtWidgets.QWidget)):
    """A number chosen with a slider or typed; a slider without `tracking` tells its value once it is let go."""

    _real_class = "ctkSliderWidget"
    valueChanged = QtCore.Signal(float)
    valueIsChanging = QtCore.Signal(float)
    decimalsChanged = QtCore.Signal(int)

    minimum = _of_spin_box(float, "minimum", "setMinimum")
    maximum = _of_spin_box(float, "maximum", "setMaximum")
    value = _of_spin_box(float, "value", "setValue")
    singleStep = _of_spin_box(float, "singleStep", "setSingleStep")
    prefix = _of_spin_box(str, "prefix", "setPrefix")
    suffix = _of_spin_box(str, "suffix", "setSuffix")
    pageStep = plain_property("pageStep", "double")
    tickInterval = plain_property("tickInterval", "double")
    tracking = plain_property("tracking", "bool")
    popupSlider = plain_property("popupSlider", "bool")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: dict[str, Any] = {"tracking": True, "pageStep": 10.0, "tickInterval": 0.1}
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal, self)
        self._slider.setRange(0, _POSITIONS)
        self._box = QtWidgets.QDoubleSpinBox(self)
        self._box.setMaximum(99.0)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._box)
        self._box.valueChanged.connect(self._typed)
        self._slider.sliderMoved.connect(self._dragged)
        self._slider.sliderReleased.connect(self._released)

    def setValue(self, value: float) -> None:
        self.value = value

    def reset(self) -> None:
        self.value = 0.0

    def setSpinBoxVisible(self, visible: bool) -> None:
        self._box.setVisible(visible)

    spinBoxVisible = QtCore.Property(bool, lambda self: not self._box.isHidden(), setSpinBoxVisible)

    def setDecimals(self, decimals: int) -> None:
        if decimals != self._box.decimals():
            self._box.setDecimals(decimals)
            self.decimalsChanged.emit(decimals)

    decimals = QtCore.Property(int, lambda self: self._box.decimals(), setDecimals)

    def _typed(self, value: float) -> None:
        self._show_position()
        self.valueChanged.emit(value)

    def _at(self, position: int) -> float:
        low, high = self._box.minimum(), self._box.maximum()
        return low + (high - low) * position / _POSITIONS

    def _show_position(self) -> None:
        low, high = self._box.minimum(), self._box.maximum()
        share = (self._box.value() - low) / (high - low) if high > low else 0.0
        self._slider.setValue(round(share * _POSITIONS))

    def _dragged(self, position: int) -> None:
        self.valueIsChanging.emit(self._at(position))
        if self.tracking:
            self.value = self._at(position)

    def _released(self) -> None:
        self.value = self._at(self._slider.sliderPosition())
