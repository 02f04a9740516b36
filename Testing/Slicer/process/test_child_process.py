"""The child process, with small scripts in its place: every way to end, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from Testing.patience import PATIENCE_S
from Testing.Slicer.scene_facts import alive, wait_dead

ROOT = Path(__file__).resolve().parents[3]
CHILD = ROOT / "LiverTumorAttention" / "LiverTumorAttentionGui" / "process" / "child.py"

# A child that leads its own group, as child.py does, and has a child of its own.
WITH_GRANDCHILD = """
import os, subprocess, sys, time
os.setsid()
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print('{"event": "progress", "stage": "pids", "fraction": 0, "message": "%d"}' % grandchild.pid)
"""
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
HANG = "time.sleep(600)\n"


@pytest.fixture
def start(application, tmp_path, wait_until):
    """Return a function that starts a script's text as child; everything it heard is on what it returns."""
    from LiverTumorAttentionGui.process.child_process import ChildProcess

    started = []

    def begin(text: str, program: str = sys.executable) -> SimpleNamespace:
        script = tmp_path / f"child{len(started)}.py"
        script.write_text(text)
        heard = SimpleNamespace(events=[], outcomes=[])
        heard.process = ChildProcess(heard.events.append, heard.outcomes.append)
        heard.process.start(program, [str(script)])
        heard.wait = lambda: wait_until(lambda: heard.outcomes, "the child has ended")
        started.append(heard)
        return heard

    yield begin
    for heard in started:
        heard.process.abandon()


def test_progress_and_warnings_arrive_between_noise_and_in_pieces(start):
    heard = start(
        "import sys, time\n"
        "print('loading weights...')\n"
        'sys.stdout.write(\'{"event": "progress", "stage": "li\'); sys.stdout.flush(); time.sleep(0.1)\n'
        'print(\'ver", "fraction": 0.25, "message": ""}\')\n'
        "sys.stdout.buffer.write(b'\\xff\\xfe garbage\\n'); sys.stdout.flush()\n"
        'print(\'{"event": "warning", "message": "Stufe zw\\\\u00f6lf"}\')\n'
        'print(\'{"event": "done", "tumors": 0}\', end="")\n'
    )
    heard.wait()
    assert [event["event"] for event in heard.events] == ["progress", "warning"]
    assert heard.events[0]["stage"] == "liver"
    assert heard.events[1]["message"] == "Stufe zwölf"
    assert [outcome.status for outcome in heard.outcomes] == ["done"]


def test_error_event_is_the_message(start):
    heard = start(
        'import sys; print(\'{"event": "error", "kind": "InputError", "message": "the volume is empty"}\'); sys.exit(2)'
    )
    heard.wait()
    assert (heard.outcomes[0].status, heard.outcomes[0].message) == ("failed", "The volume is empty.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import sys; print('error: bad option', file=sys.stderr); sys.exit(2)", "Bad option."),
        ("raise ValueError('odd')", "exit code 1): ValueError: odd."),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed (Segmentation fault)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGUSR1)", "signal 10"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "out of memory"),
        ("print('nothing to say')", "without a result"),
    ],
)
def test_failures_become_sentences(start, text, words):
    heard = start(text)
    heard.wait()
    assert heard.outcomes[0].status == "failed"
    assert words in heard.outcomes[0].message


def test_python_that_is_not_there(start):
    heard = start("", program="/nowhere/PythonSlicer")
    heard.wait()
    assert "could not be started (/nowhere/PythonSlicer)" in heard.outcomes[0].message


@pytest.mark.parametrize("prefix", ["", DEAF], ids=["obedient", "deaf"])
def test_cancel_ends_the_whole_tree(start, wait_until, prefix):
    heard = start(prefix + WITH_GRANDCHILD + HANG)
    wait_until(lambda: heard.events, "the child has spoken")
    pid, grandchild = heard.process.pid, int(heard.events[0]["message"])
    assert alive(pid)
    assert alive(grandchild)
    heard.process.cancel()
    heard.process.cancel()
    heard.wait()
    wait_dead(grandchild)
    assert not alive(pid)
    assert [outcome.status for outcome in heard.outcomes] == ["cancelled"]


def test_grandchild_of_a_crashed_child_ends_too(start):
    heard = start(WITH_GRANDCHILD + "os._exit(1)")
    heard.wait()
    wait_dead(int(heard.events[0]["message"]))


def test_abandon_ends_the_tree_and_says_nothing(start, wait_until, application):
    heard = start(DEAF + WITH_GRANDCHILD + HANG)
    wait_until(lambda: heard.events, "the child has spoken")
    pid, grandchild = heard.process.pid, int(heard.events[0]["message"])
    heard.process.abandon()
    wait_dead(pid)
    wait_dead(grandchild)
    for _ in range(20):
        application.processEvents()
    assert heard.outcomes == []


def test_abandon_takes_back_an_outcome_on_its_way(start, wait_until, application):
    heard = start("print(1)")
    end, abandoned = heard.process._end, []

    def end_and_abandon(outcome):
        end(outcome)
        heard.process.abandon()
        abandoned.append(outcome)

    heard.process._end = end_and_abandon
    wait_until(lambda: abandoned, "the child has ended")
    for _ in range(20):
        application.processEvents()
    assert heard.outcomes == []


def test_launcher_finds_the_library_and_runs_its_command_line():
    run = subprocess.run(
        [sys.executable, CHILD, "--version"], capture_output=True, text=True, cwd="/", check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("liver-tumor-attention")


def test_launcher_passes_the_exit_code_on():
    command = [sys.executable, CHILD, "models", "show", "no-such-model"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "unknown model 'no-such-model'" in run.stderr
    assert "Traceback" not in run.stderr


def test_launcher_ends_with_the_window_that_started_it(tmp_path):
    """When the parent dies without a word, its end of the pipe closes, and the child ends itself."""
    script = tmp_path / "waits.py"
    script.write_text(
        f"import sys, time\nsys.path.insert(0, {str(CHILD.parents[2])!r})\n"
        "from LiverTumorAttentionGui.process.child import exit_with_application, start_process_group\n"
        "start_process_group(); exit_with_application(); print('ready', flush=True); time.sleep(600)\n"
    )
    environment = {**os.environ, "LIVER_TUMOR_ATTENTION_APPLICATION": str(os.getpid())}
    child = subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert child.stdout.readline() == b"ready\n"
    child.stdin.close()
    assert child.wait(timeout=PATIENCE_S) == -9
    child.stdout.close()


def test_panel_finds_the_library_of_a_checkout():
    """Slicer's search path has the module's folder, not the one above, where the library is."""
    code = f"import sys; sys.path.append({str(CHILD.parents[2])!r})\n"
    code += "import LiverTumorAttentionGui, LiverTumorAttentionLib"
    run = subprocess.run(
        [sys.executable, "-S", "-E", "-c", code], capture_output=True, text=True, cwd="/", check=False
    )
    assert run.returncode == 0, run.stderr
