"""`.ui` files read strictly: what a class does not have is an error, where Qt would say nothing."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtUiTools, QtWidgets

from Testing.bench import facts
from Testing.bench.pythonqt import QtModule
from Testing.bench.widgets import CTK_WIDGETS, SLICER_WIDGETS

_STAND_INS = {**SLICER_WIDGETS, **CTK_WIDGETS}
_LAYOUT_PROPERTIES = frozenset({"leftMargin", "topMargin", "rightMargin", "bottomMargin", "margin"})


class StrictUiLoader:
    """Takes the place of `qt.QUiLoader`."""

    _qt: QtModule

    def load(self, file: QtCore.QFile) -> QtWidgets.QWidget:
        """Return the widget that the file describes. Raises `ValueError` for what its classes do not have."""
        path = Path(file.fileName())
        root = ElementTree.parse(path).getroot()
        for element in root.iter("widget"):
            _check_properties(element, path.name)
        connections = list(root.iter("connection"))
        for element in root.findall("connections"):
            root.remove(element)  # made below: Qt does not know the stand-ins' signatures
        loader = _Loader(self._qt)
        text = QtCore.QBuffer()
        text.setData(ElementTree.tostring(root))
        widget = loader.load(text)
        if widget is None:
            raise ValueError(f"{path.name}: {loader.errorString()}")
        for connection in connections:
            _connect(widget, connection, path.name)
        return widget


class _Loader(QtUiTools.QUiLoader):
    """Makes every widget one of the bench's own classes."""

    def __init__(self, qt: QtModule) -> None:
        super().__init__()
        self._qt = qt
        self._made: list[Any] = []

    def createWidget(self, class_name: str, parent: Any = None, name: str = "") -> QtWidgets.QWidget:
        cls = _STAND_INS.get(class_name) or getattr(self._qt, class_name)
        widget = cls(parent)
        QtCore.QObject.setObjectName(widget, name)
        self._made.append(widget)
        return widget


def _check_properties(element: ElementTree.Element, file_name: str) -> None:
    class_name, name = element.get("class", ""), element.get("name")
    for prop in element.findall("property"):
        if prop.get("stdset") == "0":
            continue
        known = _property_names(class_name)
        if prop.get("name") not in known:
            raise ValueError(f"{file_name}: {class_name} {name} has no property {prop.get('name')}")


def _property_names(class_name: str) -> set[str]:
    cls = _STAND_INS.get(class_name) or getattr(QtWidgets, class_name)
    meta = cls.staticMetaObject
    names = {meta.property(index).name() for index in range(meta.propertyCount())}
    return names | (set(facts.properties(class_name)) if class_name in facts.known_classes() else set())


def _connect(widget: QtWidgets.QWidget, connection: ElementTree.Element, file_name: str) -> None:
    """Make one of the file's connections, whose signature must be the real classes'."""

    def find(tag: str) -> Any:
        name = connection.findtext(tag, "")
        found = widget if widget.name == name else widget.findChild(QtWidgets.QWidget, name)
        if found is None:
            raise ValueError(f"{file_name}: a connection names {name}, which is not there")
        return found

    sender, receiver = find("sender"), find("receiver")
    signal, slot = connection.findtext("signal", ""), connection.findtext("slot", "")
    class_name = type(receiver).__name__
    if class_name in _STAND_INS and slot not in facts.slots(class_name):
        raise ValueError(f"{file_name}: {class_name} has no slot {slot}")
    sender.connect(signal, getattr(receiver, slot.split("(")[0]))
