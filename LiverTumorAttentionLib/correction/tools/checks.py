"""Checks that several tools share."""

from __future__ import annotations

from LiverTumorAttentionLib.errors import InputError

LARGEST_MM = 50.0


def check_distance(distance_mm: float, what: str) -> None:
    """Raise `InputError` unless a distance lies above 0 and at most 50 mm."""
    if not 0 < distance_mm <= LARGEST_MM:
        raise InputError(f"{what} more than 0 and at most {LARGEST_MM:g} mm, got {distance_mm:g}")
