"""Wording of messages, and the precision of numbers that people read.

Lengths have one decimal (mm), volumes three significant digits (mL), attenuation none (HU): what a repeated
measurement on CT supports. Files for computers hold more.
"""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"
VOLUME_DIGITS = 3
"""Significant digits of a volume."""
_DECIMALS = {"mm": 1, "HU": 0}


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, such as "1 file" and "3 files"; many: another plural than `one` with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def size_in_words(count: int) -> str:
    """Return a number of bytes such as "6.4 GB"."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}" if count < 10**15 else f"{count / scale:.1e} {unit}"
    return f"{count} bytes"


def duration_in_words(seconds: float) -> str:
    """Return a time that is only roughly known, such as "40 s", "12 min" or "3 h 20 min"."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(10 * round(minutes / 10), 60)
    if hours >= 48:
        return f"{round(minutes / 60 / 24)} days"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def quantity(value: float, unit: str = "", digits: int = 0, *, signed: bool = False) -> str:
    """Return a measured number as text, without its unit, in the precision of that unit.

    unit: "mm", "mL" and "HU" have a precision of their own; digits: decimals for every other one. signed: whether a
    positive number has its sign. A true minus sign, and none before a zero.
    """
    if unit == "mL":
        text = _significant(value)
    else:
        text = f"{value:.{_DECIMALS.get(unit, digits)}f}"
    if float(text) == 0.0:
        return text.lstrip("-")
    if signed and value > 0:
        text = "+" + text
    return text.replace("-", MINUS)


def measured(value: float, unit: str, digits: int = 0, *, signed: bool = False) -> str:
    """Return a measured number with its unit, such as "12.3 mL"; see `quantity`."""
    return f"{quantity(value, unit, digits, signed=signed)} {unit}"


def _significant(value: float) -> str:
    """Return a number with `VOLUME_DIGITS` significant digits, never as a power of ten."""
    if value == 0.0:
        return "0"
    rounded = float(f"{value:.{VOLUME_DIGITS}g}")
    return f"{rounded:.{max(0, VOLUME_DIGITS - 1 - math.floor(math.log10(abs(rounded))))}f}"
