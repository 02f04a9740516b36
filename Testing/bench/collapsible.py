"""Stand-ins for CTK's boxes that open and close; what lies in a closed one is hidden."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from Testing.bench.pythonqt import with_manners
from Testing.bench.stand_in import SignatureSignals

_HEADER_HEIGHT = 24
_WANTED = "_shownWhenOpen"
_UNLIMITED = 16_777_215  # QWIDGETSIZE_MAX


class _Collapsible(SignatureSignals):
    """Hides its child widgets while it is closed; what is hidden or shown meanwhile holds once it opens.

    Qt forgets to tell of hiding what was hidden already, so the mark of an explicit hide is taken off again.
    """

    def _hide_or_show_content(self, hide: bool) -> None:
        children = QtCore.QObject.children(self)
        for child in [child for child in children if child.isWidgetType()]:
            QtCore.QObject.removeEventFilter(child, self)
            if hide:
                QtCore.QObject.setProperty(child, _WANTED, not QtWidgets.QWidget.isHidden(child))
                self._force(child, visible=False)
                QtCore.QObject.installEventFilter(child, self)
            elif QtCore.QObject.property(child, _WANTED) is not False:
                self._force(child, visible=True)
        header = _HEADER_HEIGHT if hide else _UNLIMITED
        QtWidgets.QWidget.setMaximumHeight(self, header)
        QtWidgets.QWidget.updateGeometry(self)

    def _force(self, child: QtWidgets.QWidget, visible: bool) -> None:
        QtWidgets.QWidget.setVisible(child, visible)
        QtWidgets.QWidget.setAttribute(child, QtCore.Qt.WidgetAttribute.WA_WState_ExplicitShowHide, False)

    def eventFilter(self, child: QtCore.QObject, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.Type.HideToParent:
            QtCore.QObject.setProperty(child, _WANTED, False)
        elif event.type() == QtCore.QEvent.Type.ShowToParent:
            QtCore.QObject.removeEventFilter(child, self)
            self._force(child, visible=False)
            QtCore.QObject.setProperty(child, _WANTED, True)
            QtCore.QObject.installEventFilter(child, self)
        return False


class ctkCollapsibleButton(_Collapsible, with_manners(QtWidgets.QAbstractButton)):
    """A titled box that a click on its title opens and closes."""

    _real_class = "ctkCollapsibleButton"
    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._collapsed = False
        self.setContentsMargins(0, _HEADER_HEIGHT, 0, 0)
        self.setSizePolicy(QtWidgets.QSizePolicy.Preferred, QtWidgets.QSizePolicy.Preferred)
        self.setCheckable(True)
        self.setChecked(True)
        self.toggled.connect(self._toggled)

    def _is_collapsed(self) -> bool:
        return self._collapsed

    def _set_collapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = QtCore.Property(bool, _is_collapsed, _set_collapsed)

    def _toggled(self, is_open: bool) -> None:
        self._collapsed = not is_open
        self._hide_or_show_content(self._collapsed)
        self.contentsCollapsed.emit(self._collapsed)

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return position.y() < _HEADER_HEIGHT

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
        style = QtWidgets.QStyle
        shape = style.PE_IndicatorArrowRight if self._collapsed else style.PE_IndicatorArrowDown
        painter.drawPrimitive(shape, arrow)
        area = QtCore.QRect(26, 0, width - 30, _HEADER_HEIGHT - 2)
        painter.drawText(area, QtCore.Qt.AlignVCenter, QtWidgets.QAbstractButton.text(self))
        if not self._collapsed:
            painter.setPen(QtWidgets.QWidget.palette(self).mid().color())
            painter.drawRect(0, _HEADER_HEIGHT - 2, width - 1, height - _HEADER_HEIGHT + 1)


class ctkCollapsibleGroupBox(_Collapsible, with_manners(QtWidgets.QGroupBox)):
    """A group box whose check mark opens and closes it."""

    _real_class = "ctkCollapsibleGroupBox"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.setCheckable(True)
        self.setChecked(True)
        self.toggled.connect(self._toggled)

    def _is_collapsed(self) -> bool:
        return not QtWidgets.QGroupBox.isChecked(self)

    def _set_collapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = QtCore.Property(bool, _is_collapsed, _set_collapsed)

    def _toggled(self, is_open: bool) -> None:
        self._hide_or_show_content(not is_open)
