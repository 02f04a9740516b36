"""JSON files of other programs: with a byte order mark, and with what JSON does not allow."""

from __future__ import annotations

import pytest

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.json_file import parse_json, read_json


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a.json").write_text('{"ä": 1}', encoding="utf-8-sig")
    assert read_json(tmp_path / "a.json", "plan") == {"ä": 1}
    assert parse_json("\ufeff[1]", "the plan") == [1]


@pytest.mark.parametrize("text", ["{", "NaN", "[" * 100_000, b"\xff"])
def test_what_is_no_json_is_said(text):
    with pytest.raises(InputError, match=r"^the plan is no valid JSON \(.*\): correct it or choose another$"):
        parse_json(text, "the plan")
