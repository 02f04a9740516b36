"""Mapping of objects to label values, parsed from NAME=VALUE+VALUE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from LiverTumorAttentionLib.config_parsing import whole_number
from LiverTumorAttentionLib.errors import InputError

DEFAULT_LABELS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"liver": (1,), "tumor": (2,), "liver_with_tumors": (1, 2)}
)
"""Values of this project's label maps: 1 is liver tissue without the tumors, 2 tumor."""


def parse_labels(texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Read labels such as ``["liver=1", "organ=1+2"]``; none gives `DEFAULT_LABELS`.

    Raises `InputError` for a text that is not NAME=VALUE or NAME=VALUE+VALUE, or a name given twice.
    """
    labels: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        parts = [part.strip() for part in values.split("+")]
        if not name or not equals or any(whole_number(part) is None for part in parts):
            raise InputError(
                f"the label {text!r} cannot be read; write NAME=VALUE such as tumor=2, "
                "or NAME=VALUE+VALUE such as organ=1+2"
            )
        if name in labels:
            raise InputError(
                f"the label {name!r} is given twice; give all its values at once, as in {name}=1+2"
            )
        labels[name] = tuple(dict.fromkeys(int(part) for part in parts))
    return labels or dict(DEFAULT_LABELS)
