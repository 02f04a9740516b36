"""What every stand-in shares: the real class's signatures, and properties that only keep their value.

Each stand-in keeps to `real_classes.json`. A name that the real class has and the stand-in lacks is an AttributeError
here: add it to the stand-in when the panel needs it.
"""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore

from Testing.bench import facts
from Testing.bench.pythonqt import Manners

_PROPERTY_TYPES = {
    "bool": (bool, False),
    "QString": (str, ""),
    "QStringList": ("QStringList", []),
    "int": (int, 0),
    "double": (float, 0.0),
}

# Observers of scenes and nodes. The real widgets take theirs away when Qt deletes them; here `let_go_of_scene` does.
_OBSERVERS: list[tuple[Any, int]] = []


def observe(subject: Any, event: Any, callback: Any) -> int:
    """Observe a scene or node until `let_go_of_scene`; return the observer's tag."""
    tag = subject.AddObserver(event, callback)
    _OBSERVERS.append((subject, tag))
    return tag


def let_go_of_scene() -> None:
    """Take every stand-in's observers off its scene and nodes."""
    while _OBSERVERS:
        subject, tag = _OBSERVERS.pop()
        subject.RemoveObserver(tag)


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
        own = facts.signals_with_bases(self._real_class)
        if signature in own:
            return getattr(self, name)
        if any(name == signal.split("(")[0] for signal in own):
            raise ValueError(f"{self._real_class} has no signal {signature}; it has {', '.join(own)}")
        return None


def plain_property(name: str, kind: str, changed: str | None = None) -> QtCore.Property:
    """Return a Qt property that keeps its value in the object's `_values` and calls a method when it changes."""
    python_type, default = _PROPERTY_TYPES[kind]

    def read(self: Any) -> Any:
        return self._values.get(name, default)

    def write(self: Any, value: Any) -> None:
        self._values[name] = value
        if changed is not None:
            getattr(self, changed)()

    return QtCore.Property(python_type, read, write)
