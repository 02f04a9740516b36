"""The process that holds a network: asked, killed, failing and closed; a small script stands in its place."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from LiverTumorAttentionLib.correction.click_network import click_process
from LiverTumorAttentionLib.correction.click_network.click_process import ClickProcess
from LiverTumorAttentionLib.errors import InputError

ROOT = Path(click_process.__file__).parents[3]
DOUBLES = """
import sys
sys.path.insert(0, {root!r})
from LiverTumorAttentionLib.correction.click_network.frames import read_frame, write_array, write_message
out, values = sys.stdout.buffer, 0
{first}
write_message(out, ready="twice")
while values is not None:
    values = read_frame(sys.stdin.buffer)
    {then}
"""
ANSWER = "if values is not None: write_array(out, 2 * values[0])"


def process(first: str = "", then: str = ANSWER) -> ClickProcess:
    return ClickProcess([sys.executable, "-c", DOUBLES.format(root=str(ROOT), first=first, then=then)])


@pytest.fixture
def doubling() -> Iterator[ClickProcess]:
    made = process()
    yield made
    made.close()


CUBE = np.arange(16, dtype=np.float32).reshape(2, 2, 2, 2)


def test_it_answers_again_and_again_in_one_process(doubling: ClickProcess) -> None:
    np.testing.assert_array_equal(doubling(CUBE), 2 * CUBE[0])
    pid = doubling.pid
    np.testing.assert_array_equal(doubling(CUBE + 1), 2 * CUBE[0] + 2)
    assert doubling.pid == pid
    assert doubling.ready


def test_it_starts_ahead_of_the_first_question_and_says_when_it_is_ready(doubling: ClickProcess) -> None:
    assert not doubling.ready
    doubling.start()
    while not doubling.ready:
        time.sleep(0.02)
    np.testing.assert_array_equal(doubling(CUBE), 2 * CUBE[0])


def test_one_that_was_killed_is_started_again(doubling: ClickProcess) -> None:
    doubling(CUBE)
    killed = doubling.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    while doubling.pid is not None:
        time.sleep(0.02)
    np.testing.assert_array_equal(doubling(CUBE), 2 * CUBE[0])
    assert doubling.pid != killed


def test_it_ends_with_its_input(doubling: ClickProcess) -> None:
    doubling(CUBE)
    pid = doubling.pid
    doubling.close()
    assert doubling.pid is None
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    doubling.close()


@pytest.mark.parametrize(
    ("made", "what"),
    [
        ({"first": "raise ImportError('No module named torch')"}, r"has ended \(ImportError: No module named"),
        ({"first": "write_message(out, error='the weights do not fit'); sys.exit(2)"}, "the weights do not fit"),
        ({"then": "sys.exit('no memory')"}, r"has ended \(no memory\): click again"),
        ({"then": "write_message(out, error='failed: report this')"}, "failed: report this"),
        ({"then": "out.write(b'X' * 99); out.flush()"}, "has ended: click again"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_a_sentence_and_leaves_no_process(made: dict[str, str], what: str) -> None:
    failing = process(**made)
    with pytest.raises(InputError, match=what):
        failing(CUBE)
    assert failing.pid is None


def test_one_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click_process, "ANSWER_SECONDS", 0.3)
    silent = process(then="import time; time.sleep(60)")
    with pytest.raises(InputError, match=r"did not answer within 0\.3 s: click again"):
        silent(CUBE)
    assert silent.pid is None


def test_a_program_that_does_not_exist_is_told() -> None:
    with pytest.raises(InputError, match="could not be started"):
        ClickProcess(["/nowhere/python"])(CUBE)
