"""Every refusal says what to do next, in plain words and in US spelling; the table of them is current."""

from __future__ import annotations

import re

import pytest

from LiverTumorAttentionLib.wording import counted
from Testing.refusals import TABLE, Refusal, refusals, table


def test_every_refusal_says_what_to_do() -> None:
    assert [refusal for refusal in refusals() if not refusal.advises] == []


def test_they_are_one_line_in_plain_words() -> None:
    for refusal in refusals():
        assert "\n" not in refusal.text, refusal
        assert not re.search(
            r"\(s\)|invalid|illegal|exception|tumou[r]|colour|centre|grey|normalis|metre", refusal.text
        ), refusal
        start, end = refusal.text[:1], refusal.text[-1:]
        if refusal.kind == "PanelError" and not refusal.is_passed_on:
            assert (start.isupper(), end) == (True, "."), refusal
        elif not refusal.is_passed_on and "nearest(" not in refusal.text:
            assert end != ".", refusal


def test_the_table_is_current() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(), "run python -m Testing.refusals"


@pytest.mark.parametrize(
    ("text", "advises"),
    [
        ("there is no file '{path}': check the path", True),
        ("there is no file '{path}'", False),
        ("there is no file: it is gone", False),
        ("unknown model {name}{nearest(name, known)}", True),
        ("the plan's {name}: {error}", True),
        ("give a file", False),
    ],
)
def test_what_counts_as_advice(text: str, advises: bool) -> None:
    assert Refusal("a.py", "InputError", text).advises == advises


@pytest.mark.parametrize(("number", "words"), [(0, "0 files"), (1, "1 file"), (2, "2 files")])
def test_numbers_and_their_nouns(number: int, words: str) -> None:
    assert counted(number, "file") == words
    assert counted(number, "copy", "copies") == words.replace("files", "copies").replace("file", "copy")
