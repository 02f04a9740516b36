"""What the real qMRML and CTK classes have, as their headers say; stand-ins may have no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_CLASSES: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "real_classes.json").read_text(encoding="utf-8")
)["classes"]


def known_classes() -> list[str]:
    """Return the names of the classes that the data file describes."""
    return sorted(_CLASSES)


def properties(class_name: str) -> dict[str, str]:
    """Return the class's own Q_PROPERTYs, name to C++ type."""
    return _CLASSES[class_name]["properties"]


def signals(class_name: str) -> list[str]:
    """Return the signatures of the class's own signals."""
    return _CLASSES[class_name]["signals"]


def signals_with_bases(class_name: str) -> list[str]:
    """Return the signals of the class and of those bases that the data file describes."""
    found: list[str] = []
    while class_name in _CLASSES:
        found += signals(class_name)
        class_name = _CLASSES[class_name]["base"]
    return found


def slots(class_name: str) -> list[str]:
    """Return the signatures of the class's own public slots."""
    return _CLASSES[class_name]["slots"]


def callables(class_name: str) -> set[str]:
    """Return the names that Python can call on the class: its slots and invokable methods."""
    names = {slot.split("(")[0] for slot in slots(class_name)}
    return names | set(_CLASSES[class_name]["methods"])


# Virtual methods of Qt, which PythonQt does not show on the real classes and a stand-in needs for its own work.
_VIRTUAL = frozenset(
    {"paintEvent", "eventFilter", "hitButton", "resizeEvent", "sizeHint", "staticMetaObject"}
)


def refuse_inventions(stand_in: type, class_name: str) -> type:
    """Return the stand-in; raise `TypeError` when it has a public name that the real class lacks."""
    allowed = callables(class_name) | set(properties(class_name))
    allowed |= {signal.split("(")[0] for signal in signals(class_name)}
    for name in vars(stand_in):
        if not name.startswith("_") and name not in allowed and name not in _VIRTUAL:
            raise TypeError(f"the real {class_name} has no {name}, so its stand-in may not have it")
    return stand_in
