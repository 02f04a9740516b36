"""Settings from JSON: what is not known is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest

from LiverTumorAttentionLib.config_parsing import from_mapping, nearest, whole_number
from LiverTumorAttentionLib.errors import ModelError


@dataclass(frozen=True, kw_only=True)
class Inner:
    name: str
    window: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Outer:
    size: int
    ratio: float = 0.5
    inner: tuple[Inner, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)
    path: str | None = None


def test_builds_nested_settings_and_turns_whole_numbers_into_floats() -> None:
    outer = from_mapping(
        Outer, {"size": 3, "ratio": 1, "inner": [{"name": "a", "window": [0, 2.5]}], "path": None}, where="x"
    )
    assert outer == Outer(size=3, ratio=1.0, inner=(Inner(name="a", window=(0.0, 2.5)),))
    assert isinstance(outer.ratio, float)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 1, "raito": 2}, r"x: unknown key 'raito'; did you mean 'ratio'\?"),
        ({"ratio": 2.0}, "x: the key 'size' is missing"),
        ({"size": "1"}, "x: size: expected int, got str '1'"),
        ({"size": True}, "x: size: expected int, got bool True"),
        (
            {"size": 1, "inner": [{"name": "a", "window": [1.0]}]},
            r"inner\[0\]: window: expected 2 values, got 1",
        ),
        ({"size": 1, "inner": [{"nmae": "a", "window": [1, 2]}]}, r"inner\[0\]: unknown key 'nmae'.*'name'"),
        ({"size": 1, "more": [1]}, "x: more: expected an object with named fields, got list"),
        ([1], "x: expected an object with named fields, got list"),
        ({"size": 10**400}, "x: size: expected a number that can be computed with, got 1000"),
        ({"size": 1, "ratio": 10**400}, "x: ratio: expected a number that can be computed with"),
        ({"size": 1, "ratio": math.nan}, "x: ratio: expected a number that can be computed with, got nan"),
        ({"size": 1, "ratio": -math.inf}, "x: ratio: expected a number that can be computed with, got -inf"),
        ({"size": 1, "path": "a\0b"}, "x: path: holds a character that is no text"),
        ({"size": 1, "path": "\ud800"}, "x: path: holds a character that is no text"),
        ({"size": 1, "k" * 10**6: 1}, "x: unknown key 'kkk.*…"),
        ({"size": "1" * 10**6}, "x: size: expected int, got str '111.*…"),
    ],
)
def test_refuses_what_it_does_not_know(values: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        from_mapping(Outer, values, where="x", error=ModelError)


def test_a_name_of_a_file_that_is_no_text_stays_one() -> None:
    assert from_mapping(Outer, {"size": 1, "path": "M\udcfcller"}, where="x").path == "M\udcfcller"


@pytest.mark.parametrize(
    ("text", "value"), [("007", 7), ("²", None), ("٣", None), ("-1", None), ("", None), ("9" * 5000, None)]
)
def test_a_whole_number_is_written_in_digits(text: str, value: int | None) -> None:
    assert whole_number(text) == value


def test_a_message_lists_and_quotes_no_more_than_a_line_holds() -> None:
    assert len(nearest("q", ["k" * 5000, *map(str, range(1000))])) < 1000
    assert nearest("q", [str(n) for n in range(100)]).endswith(" and 40 more")
