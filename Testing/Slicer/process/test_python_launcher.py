"""Slicer's Python as it is started in Slicer: a launcher, whose child computes. Nothing of the two is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from Testing.bench import python_launcher
from Testing.Slicer.scene_facts import alive, wait_dead

GUI = Path(__file__).resolve().parents[3] / "LiverTumorAttention"
BEGIN = (
    f"import os, signal, sys, time\nsys.path.insert(0, {str(GUI)!r})\n"
    "from LiverTumorAttentionGui.process.child import announce, exit_with_application, start_process_group\n"
    'def say(words): print(\'{"event": "warning", "message": "%s"}\' % words, flush=True)\n'
)
ANNOUNCED = BEGIN + "start_process_group(); exit_with_application(); announce()\n"
HANG = "say('ready')\ntime.sleep(600)\n"
TIDY = "def end(*_): say('put away'); sys.exit(130)\nsignal.signal(signal.SIGTERM, end)\n"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


@pytest.fixture
def start(application, tmp_path, wait_until):
    """Return a function that starts a script's text through the launcher."""
    from LiverTumorAttentionGui.process.child_process import ChildProcess

    launcher, started = python_launcher.make(tmp_path), []

    def begin(text: str) -> SimpleNamespace:
        script = tmp_path / f"real{len(started)}.py"
        script.write_text(text)
        heard = SimpleNamespace(events=[], outcomes=[])
        heard.process = ChildProcess(heard.events.append, heard.outcomes.append)
        heard.process.start(str(launcher), [str(script)])
        heard.wait = lambda: wait_until(lambda: heard.outcomes, "the child has ended")
        heard.words = lambda: [event.get("message") for event in heard.events]
        heard.ready = lambda: wait_until(lambda: "ready" in heard.words(), "the child is at work")
        started.append(heard)
        return heard

    yield begin
    for heard in started:
        heard.process.abandon()


def test_the_process_that_computes_is_known_and_its_end_is_passed_on(start):
    heard = start(ANNOUNCED + 'say(os.getpid())\nprint(\'{"event": "done"}\')\n')
    heard.wait()
    assert heard.words() == [str(heard.process.pid)]
    assert heard.process.pid != heard.process._pid
    assert heard.outcomes[0].status == "done"


def test_cancel_reaches_the_process_that_computes_and_it_puts_its_things_away(start):
    heard = start(ANNOUNCED + TIDY + HANG)
    heard.ready()
    heard.process.cancel()
    heard.wait()
    assert heard.words() == ["ready", "put away"]
    assert heard.outcomes[0].status == "cancelled"
    assert not alive(heard.process.pid)
    assert not alive(heard.process._pid)


def test_a_process_that_hears_no_signal_is_killed_behind_its_launcher(start):
    heard = start(ANNOUNCED + DEAF + HANG)
    heard.ready()
    heard.process.cancel()
    heard.wait()
    wait_dead(heard.process.pid)
    assert heard.outcomes[0].status == "cancelled"


def test_abandon_leaves_nothing_behind(start):
    heard = start(ANNOUNCED + DEAF + HANG)
    heard.ready()
    heard.process.abandon()
    wait_dead(heard.process.pid)
    wait_dead(heard.process._pid)
    assert heard.outcomes == []


def test_cancel_before_the_process_has_said_which_it_is(start, tmp_path, wait_until):
    go, pid = tmp_path / "go", tmp_path / "pid"
    heard = start(
        BEGIN + f"open({str(pid) + '.part'!r}, 'w').write(str(os.getpid()))\n"
        f"os.rename({str(pid) + '.part'!r}, {str(pid)!r})\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
        "start_process_group(); exit_with_application(); announce()\ntime.sleep(600)\n"
    )
    wait_until(pid.exists, "python-real has started")
    heard.process.cancel()
    heard.wait()
    assert heard.outcomes[0].status == "cancelled"
    go.touch()
    wait_dead(int(pid.read_text()))


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "The computation ran out of memory: "),
        (
            "os.kill(os.getpid(), signal.SIGSEGV)",
            "The computation crashed (Segmentation fault): please report",
        ),
        ("print('terminate called: std::bad_alloc', file=sys.stderr); os.abort()", "ran out of memory"),
        ("raise ValueError('odd')", "exit code 1): ValueError: odd."),
        ("print('error: bad option', file=sys.stderr); sys.exit(2)", "Bad option."),
    ],
)
def test_what_the_launcher_does_not_tell_is_told(start, end, words):
    """A launcher's exit code is 1 for a kill for want of memory and for a crash."""
    heard = start(ANNOUNCED + end)
    heard.wait()
    assert words in heard.outcomes[0].message


@pytest.mark.parametrize("launched", [True, False], ids=["launcher", "interpreter"])
def test_the_child_ends_when_the_application_is_killed(tmp_path, launched):
    """An application that is killed closes nothing and says nothing."""
    script = tmp_path / "real.py"
    script.write_text(ANNOUNCED + "print(os.getpid(), flush=True)\ntime.sleep(600)\n")
    program = str(python_launcher.make(tmp_path)) if launched else sys.executable
    application = tmp_path / "application.py"
    application.write_text(
        "import os, subprocess, sys, time\n"
        "os.environ['LIVER_TUMOR_ATTENTION_APPLICATION'] = str(os.getpid())\n"
        f"child = subprocess.Popen([{program!r}, {str(script)!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "for _ in range(2): print(child.stdout.readline().decode(), end='', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, application], stdout=subprocess.PIPE, text=True) as running:
        announced, pid = running.stdout.readline(), int(running.stdout.readline())
        assert announced == f'{{"event": "process", "pid": {pid}}}\n'
        assert alive(pid)
        os.kill(running.pid, signal.SIGKILL)
    wait_dead(pid)


def test_windows_waits_for_the_application_itself():
    """Where no thread may wait on a pipe, the child waits for the process; one that is gone already ends the wait."""
    from LiverTumorAttentionGui.process.child import wait_for_process

    class Kernel:
        """kernel32: of the processes with these ids there are some."""

        def __init__(self, *running):
            self.waited = []
            self.OpenProcess = Function(
                lambda access, _, pid: 7 if (access, pid in running) == (0x100000, True) else None
            )
            self.WaitForSingleObject = Function(lambda handle, ms: self.waited.append((handle, ms)))

    class Function:
        def __init__(self, call):
            self.call = call

        def __call__(self, *arguments):
            return self.call(*arguments)

    there, gone = Kernel(4711), Kernel()
    wait_for_process(4711, there)
    wait_for_process(4711, gone)
    assert there.waited == [(7, 0xFFFFFFFF)]
    assert gone.waited == []
