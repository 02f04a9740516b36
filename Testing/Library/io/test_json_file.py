"""JSON files of other programs: with a byte order mark, and with what JSON does not allow."""

from __future__ import annotations

import os

import pytest

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.json_file import parse_json, read_json


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a.json").write_text('{"ä": 1}', encoding="utf-8-sig")
    assert read_json(tmp_path / "a.json", "plan") == {"ä": 1}
    assert parse_json("\ufeff[1]", "the plan") == [1]


@pytest.mark.parametrize(
    "text",
    ["{", "NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "-" + "9" * 5000, "[" * 100_000, b"\xff", ""],
)
def test_what_is_no_json_is_said(text):
    with pytest.raises(
        InputError, match=r"^the plan is no valid JSON \(.*\): correct it or choose another$"
    ) as told:
        parse_json(text, "the plan")
    assert len(str(told.value)) < 500


@pytest.mark.parametrize("text", ['{"add": [1], "remove": [], "add": [2]}', '[{"a": {"add": 1, "add": 1}}]'])
def test_a_key_that_is_given_twice_is_not_read_as_the_last(text):
    with pytest.raises(InputError, match=r"no valid JSON \('add' is given twice\): correct it"):
        parse_json(text, "the plan")


@pytest.mark.parametrize("code", ["utf-16", "utf-16-be"])
def test_another_encoding_is_named(code):
    text = '{"add": 1}' if code == "utf-16" else "\ufeff{}"
    with pytest.raises(InputError, match=r"it is in UTF-16, .* has to be saved as UTF-8"):
        parse_json(text.encode(code), "the plan")


def test_numbers_of_64_bits_are_read():
    assert parse_json("[9223372036854775807, -1e308]", "the plan") == [2**63 - 1, -1e308]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(InputError, match=r"cannot be read \(it is a pipe or a device, not a file\)"):
        read_json(tmp_path / "a.json", "plan")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="a system without /dev/zero")
def test_a_device_without_end_is_not_read(tmp_path):
    (tmp_path / "a.json").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="it is a pipe or a device, not a file"):
        read_json(tmp_path / "a.json", "plan")


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path):
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(
        InputError, match=r"it has 1048576\.0 MiB, and at most 32 MiB of such a file are read"
    ):
        read_json(tmp_path / "a.json", "plan")


@pytest.mark.parametrize("name", ["n" * 300 + ".json", "a\0b.json", "missing.json", "\udcfc.json"])
def test_a_name_that_no_file_has(tmp_path, name):
    with pytest.raises(InputError, match=r"^the plan .* (does not exist|cannot be read)"):
        read_json(tmp_path / name, "plan")
