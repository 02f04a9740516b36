"""The eight Couinaud segments of the liver: their numbers in label maps, and what they are called."""

from __future__ import annotations

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
"""Names of the segments 1 to 8, which are their values in a label map of segments; 0 is all else."""
COUNT = len(ROMAN)


def roman(number: int) -> str:
    """Return the Roman numeral of a segment, 1 to 8."""
    return ROMAN[number - 1]
