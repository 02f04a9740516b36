"""Strict parsing of JSON settings into dataclasses; an unknown key is an error that names the nearest known one."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from LiverTumorAttentionLib.errors import InputError

T = TypeVar("T")

MOST_DIGITS = 19
"""Of a whole number in a setting: what 64 bits hold."""
MOST_LISTED = 60
"""Names that a message lists."""
LONGEST_SHOWN = 80
"""Characters of a value that a message quotes."""


def from_mapping(kind: type[T], values: object, *, where: str, error: type[Exception] = InputError) -> T:
    """Build the dataclass `kind` from a mapping, checking every key and the type of every value.

    kind: a dataclass whose fields are JSON scalars, tuples of them, mappings, or dataclasses of this sort.
    values: the parsed JSON. where: what an error calls the location, such as ``"model.json"``.
    Raises `error` for something that is no mapping, an unknown key (naming the nearest known one), a missing
    key, or a value of the wrong type.
    """
    if not isinstance(values, Mapping):
        raise error(
            f"{where}: expected an object with named fields, got {_kind_of(values)}: correct it there"
        )
    known = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise error(f"{where}: unknown key {shown(key)}{nearest(str(key), known)}")
    hints = typing.get_type_hints(kind)
    arguments: dict[str, Any] = {}
    for name, field in known.items():
        if name in values:
            arguments[name] = _converted(hints[name], values[name], f"{where}: {name}", error)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise error(f"{where}: the key {name!r} is missing: add it")
    return kind(**arguments)


def nearest(name: str, known: typing.Iterable[str]) -> str:
    """Return "; did you mean …?" with the known names nearest to `name`, or all of them when none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(name[:LONGEST_SHOWN], names, n=3, cutoff=0.5)
    if close:
        return f"; did you mean {' or '.join(shown(c) for c in close)}?"
    listed = ", ".join(shown(n) for n in names[:MOST_LISTED])
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return f"; known are {listed}{more}" if names else ""


def shown(value: object) -> str:
    """Return a value as a message quotes it: its `repr`, cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def whole_number(text: str) -> int | None:
    """Return a number that is written in the digits 0 to 9 alone, at most `MOST_DIGITS`; None for any other text.

    `str.isdigit` also takes digits that `int` does not read, such as "²".
    """
    return int(text) if re.fullmatch(rf"[0-9]{{1,{MOST_DIGITS}}}", text) else None


def _converted(hint: Any, value: object, where: str, error: type[Exception]) -> Any:
    """Return `value` as the type that `hint` names, or raise `error`."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        (real,) = [option for option in inner if option is not type(None)]
        return _converted(real, value, where, error)
    if origin is tuple:
        return _converted_tuple(inner, value, where, error)
    if origin in (dict, Mapping) or hint is dict:
        if isinstance(value, Mapping):
            return dict(value)
        raise error(f"{where}: expected an object with named fields, got {_kind_of(value)}: correct it there")
    if dataclasses.is_dataclass(hint):
        return from_mapping(typing.cast(type, hint), value, where=where, error=error)
    if hint in (float, int) and isinstance(value, int | float) and not isinstance(value, bool):
        huge = isinstance(value, int) and abs(value) >= 2**63  # more than a float holds, perhaps
        if huge or not math.isfinite(value):
            raise error(
                f"{where}: expected a number that can be computed with, got {shown(value)}: correct it there"
            )
        if hint is float:
            return float(value)
    if isinstance(value, hint) and not (isinstance(value, bool) and hint is not bool):
        if isinstance(value, str) and not is_text(value):
            raise error(
                f"{where}: holds a character that is no text (NUL, half a character), got {shown(value)}: correct it"
            )
        return value
    raise error(f"{where}: expected {hint.__name__}, got {_kind_of(value)} {shown(value)}: correct it there")


def is_text(value: str) -> bool:
    """Return whether a string can be written: it holds no NUL and no lone surrogate but those of a file's name.

    Python gives the bytes of a file's name that are no UTF-8 as U+DC80 to U+DCFF.
    """
    return not re.search("[\0\ud800-\udc7f\udd00-\udfff]", value)


def _converted_tuple(
    inner: tuple[Any, ...], value: object, where: str, error: type[Exception]
) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise error(f"{where}: expected a list, got {_kind_of(value)} {shown(value)}: correct it there")
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(_converted(inner[0], item, f"{where}[{i}]", error) for i, item in enumerate(value))
    if len(value) != len(inner):
        raise error(f"{where}: expected {len(inner)} values, got {len(value)}: correct it there")
    return tuple(
        _converted(hint, item, f"{where}[{i}]", error)
        for i, (hint, item) in enumerate(zip(inner, value, strict=True))
    )


def _kind_of(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
