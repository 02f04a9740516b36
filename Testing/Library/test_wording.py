"""Precision of numbers that people read."""

from __future__ import annotations

import pytest

from LiverTumorAttentionLib.wording import measured, quantity


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12.345, "mm", "12.3"),
        (7.0, "mm", "7.0"),
        (0.0, "mm", "0.0"),
        (-0.04, "mm", "0.0"),
        (-3.26, "mm", "\N{MINUS SIGN}3.3"),
        (1537.4, "mL", "1540"),
        (999.6, "mL", "1000"),
        (154.7, "mL", "155"),
        (15.47, "mL", "15.5"),
        (1.547, "mL", "1.55"),
        (9.996, "mL", "10.0"),
        (0.1234, "mL", "0.123"),
        (0.00996, "mL", "0.00996"),
        (0.0, "mL", "0"),
        (87.5001, "HU", "88"),
        (-12.4, "HU", "\N{MINUS SIGN}12"),
        (-0.4, "HU", "0"),
    ],
)
def test_each_unit_has_its_precision(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit, 5) == text
    assert measured(value, unit) == f"{text} {unit}"


def test_other_units_take_the_digits_asked_for() -> None:
    assert quantity(12.345, "%", 1) == "12.3"
    assert quantity(0.127, digits=2) == "0.13"


def test_signs() -> None:
    assert quantity(4.6, "HU", signed=True) == "+5"
    assert quantity(0.2, "HU", signed=True) == "0"
    assert quantity(-4.6, "HU", signed=True) == "\N{MINUS SIGN}5"
