"""The child's output as lines, events and outcome; needs neither Qt nor MRML."""

from __future__ import annotations

import pytest

from LiverTumorAttentionGui.process import protocol


def test_lines_are_whole_however_the_bytes_arrive():
    text = '{"event": "a"}\r\nzwölf\rdrei\n\nvier'.encode()
    for size in range(1, len(text) + 1):
        splitter = protocol.LineSplitter()
        lines = [line for at in range(0, len(text), size) for line in splitter.feed(text[at : at + size])]
        assert lines + splitter.finish() == ['{"event": "a"}', "zwölf", "drei", "vier"]
        assert splitter.finish() == []


def test_bytes_that_are_no_text_do_not_stop_the_stream():
    assert protocol.LineSplitter().feed(b"\xff\xfe\nnext\n")[1] == "next"


@pytest.mark.parametrize(
    "line", ["", "loading...", "12", "[1]", '{"event": 3}', '{"stage": "liver"}', '{"event": "pro']
)
def test_what_a_library_prints_is_no_event(line):
    assert protocol.parse_event(line) is None


def test_event_is_read():
    line = '{"event": "progress", "stage": "liver", "fraction": 0.5, "message": ""}'
    assert protocol.parse_event(line)["stage"] == "liver"


_ENDS = [
    # exit code, crashed, cancelled, done, error, stderr, status, words of the message
    (0, False, False, True, "", "", "done", "Done"),
    (0, False, False, False, "", "", "failed", "without a result"),
    (0, False, True, True, "", "", "cancelled", "scene is unchanged"),
    (15, True, True, False, "", "", "cancelled", "Cancelled"),
    (130, False, False, False, "", "", "cancelled", "Cancelled"),
    (
        2,
        False,
        False,
        False,
        "the portal volume is empty",
        "error: x",
        "failed",
        "The portal volume is empty.",
    ),
    (2, False, False, False, "", "usage: x\nerror: unknown option\n", "failed", "Unknown option."),
    (
        1,
        False,
        False,
        False,
        "",
        "ModuleNotFoundError: No module named 'rich'",
        "failed",
        "package rich is missing",
    ),
    (
        1,
        False,
        False,
        False,
        "",
        "RuntimeError: CUDA error: launch failure",
        "failed",
        "choose the device CPU",
    ),
    (1, False, False, False, "", "torch.OutOfMemoryError: CUDA out of memory", "failed", "out of memory"),
    (1, False, False, False, "", "numpy._core._exceptions._ArrayMemoryError: x", "failed", "out of memory"),
    (6, True, False, False, "", "terminate called\n  what():  std::bad_alloc", "failed", "crop the volume"),
    (1, False, False, False, "", "Failed to allocate memory for image.", "failed", "out of memory"),
    (1, False, False, False, "", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "failed", "out of memory"),
    (9, True, False, False, "", "", "failed", "out of memory"),
    (11, True, False, False, "", "", "failed", "signal 11"),
    (1, False, False, False, "", "Traceback\nValueError: odd", "failed", "exit code 1): ValueError: odd."),
]


@pytest.mark.parametrize(
    ("code", "crashed", "cancelled", "done", "error", "stderr", "status", "words"), _ENDS
)
def test_every_end_has_a_sentence(code, crashed, cancelled, done, error, stderr, status, words):
    outcome = protocol.outcome_of_exit(
        exit_code=code, crashed=crashed, cancelled=cancelled, done=done, error=error, stderr=stderr
    )
    assert outcome.status == status
    assert words in outcome.message
    assert outcome.message.endswith(".")
    assert "\n" not in outcome.message


def test_crash_is_known_by_the_first_line_that_python_writes_of_it():
    assert protocol.crash_of("Fatal Python error: Segmentation fault") == "Segmentation fault"
    assert protocol.crash_of("Windows fatal exception: access violation") == "access violation"
    assert protocol.crash_of("error: Fatal Python error") == ""


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"event": "progress", "fraction": 0.4, "stage": "liver"}, (0.4, "liver")),
        ({"event": "progress", "fraction": 1.7, "message": "writing"}, (1.0, "writing")),
        ({"event": "progress", "fraction": -1}, (0.0, "")),
        ({"event": "progress", "fraction": None}, None),
        ({"event": "progress", "fraction": "soon"}, None),
        ({"event": "warning", "fraction": 0.4}, None),
    ],
)
def test_progress_is_a_share_and_a_stage_or_nothing(event, told):
    assert protocol.progress_of(event) == told
