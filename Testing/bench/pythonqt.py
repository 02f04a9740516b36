"""PySide6 classes with the manners that PythonQt gives Qt inside Slicer.

Properties are read and set as attributes, signals are connected by their signature, and what a class does not
have is refused, on reading and on writing. Every class is a Python subclass: Shiboken ignores attributes that are
patched onto its own types.
"""

from __future__ import annotations

import types
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

# Also names of virtual methods, which Qt looks up on the Python object by name.
_NOT_AS_ATTRIBUTES = frozenset({"sizeHint", "minimumSizeHint", "spacing"})


class PropertyAttribute:
    """A Q_PROPERTY as an attribute of the object; on the class, whatever else has that name."""

    def __init__(self, name: str, on_class: Any) -> None:
        self._name = name
        self._on_class = on_class

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self._on_class
        return QtCore.QObject.property(instance, self._name)

    def __set__(self, instance: Any, value: Any) -> None:
        if not QtCore.QObject.setProperty(instance, self._name, value):
            raise TypeError(f"property {self._name} of {type(instance).__name__} refuses {value!r}")


class Manners:
    """What PythonQt adds to every QObject."""

    def connect(self, signature: str, slot: Any) -> None:
        """Connect a signal, named by its signature such as "clicked(bool)"."""
        _signal(self, signature).connect(slot)

    def disconnect(self, signature: str, slot: Any) -> None:
        """Undo `connect`."""
        _signal(self, signature).disconnect(slot)

    @property
    def name(self) -> str:
        return QtCore.QObject.objectName(self)

    @name.setter
    def name(self, value: str) -> None:
        QtCore.QObject.setObjectName(self, value)

    def className(self) -> str:  # the name is PythonQt's
        return type(self).__name__

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, QtCore.QObject) and QtCore.QObject.objectName(value) == name:
            return  # PySide6's loader hangs children on their parent; PythonQt does not
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(f"'{name}' does not exist on {type(self).__name__}")
        super().__setattr__(name, value)


def _signal(instance: Any, signature: str) -> Any:
    """Return the bound signal of that signature. Raises `ValueError` when the class has none."""
    normalized = bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()
    if instance.metaObject().indexOfSignal(normalized) < 0:
        raise ValueError(f"{type(instance).__name__} has no signal {signature}")
    return getattr(instance, signature.split("(")[0])


def with_manners(base: type) -> type:
    """Return a subclass of a PySide6 QObject class that behaves as PythonQt's does."""
    meta = base.staticMetaObject

    def look_up(self: Any, name: str) -> Any:
        # Classes with methods that are also static (QTimer, QFile) look names up past the mixin.
        if name in ("connect", "disconnect"):
            return types.MethodType(getattr(type(self), name), self)
        return base.__getattribute__(self, name)

    attributes: dict[str, Any] = {"__getattribute__": look_up}
    for index in range(meta.propertyCount()):
        name = meta.property(index).name()
        if name not in _NOT_AS_ATTRIBUTES:
            attributes[name] = PropertyAttribute(name, getattr(base, name, None))
    return type(base.__name__, (Manners, base), attributes)


def _table(base: type) -> type:
    """Return a table class whose headers have PythonQt's manners, too: Qt makes plain ones."""
    header = with_manners(QtWidgets.QHeaderView)

    def start(self: Any, *arguments: Any) -> None:
        base.__init__(self, *arguments)
        for orientation, put in (
            (QtCore.Qt.Orientation.Horizontal, base.setHorizontalHeader),
            (QtCore.Qt.Orientation.Vertical, base.setVerticalHeader),
        ):
            own = header(orientation, self)
            own.setSectionsClickable(True)
            own.setHighlightSections(True)
            put(self, own)

    return type(base.__name__, (base,), {"__init__": start})


def _file_dialog(base: type) -> type:
    """Return the dialog whose static methods give the file name alone, without the filter."""

    def name_only(method: str) -> staticmethod:
        return staticmethod(lambda *arguments: getattr(base, method)(*arguments)[0])

    names = ("getOpenFileName", "getOpenFileNames", "getSaveFileName")
    return type(base.__name__, (base,), {name: name_only(name) for name in names})


_SPECIAL = {"QTableWidget": _table, "QTableView": _table, "QFileDialog": _file_dialog}


class QtModule(types.ModuleType):
    """The module `qt`: Qt's classes, each made when it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        for module in (QtCore, QtGui, QtWidgets):
            found = getattr(module, name, None)
            if found is not None:
                break
        else:
            raise AttributeError(f"Qt has no {name}")
        if isinstance(found, type) and issubclass(found, QtCore.QObject):
            found = with_manners(found)
            found = _SPECIAL.get(name, lambda cls: cls)(found)
        setattr(self, name, found)
        return found
