"""Signals end a program with one line and 130, and never in the middle of moving files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from LiverTumorAttentionLib.ending import AT_ONCE, ending_signals, uninterrupted

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@pytest.fixture(autouse=True)
def no_nohup() -> Iterator[None]:
    """A closed terminal ends programs, here and in child processes, even where the tests run under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL) if hasattr(signal, "SIGHUP") else None
    yield
    if before is not None:
        signal.signal(signal.SIGHUP, before)


# A command that waits in the writing of a file, checking for cancellation as a run does or not at all.
WAITING = """
import sys, time
from pathlib import Path
from LiverTumorAttentionLib.commands import models
from LiverTumorAttentionLib.io import replacing

def run(options, progress, console):
    with replacing(Path(sys.argv[1]) / "a.csv") as temporary:
        temporary.write_text("half")
        print("writing", flush=True)
        while True:
            time.sleep(0.01)
            if sys.argv[2] == "checks":
                progress.check()

models.run_list = run
sys.argv[3:] = ["models", "list"]
from LiverTumorAttentionLib import cli
sys.exit(cli.main(sys.argv[3:]))
"""


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_the_first_signal_is_a_request_and_the_second_ends_at_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with ending_signals() as asked:
        assert not asked()
        signal.raise_signal(number)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_block_is_finished_before_the_second_signal_ends_the_program() -> None:
    done: list[str] = []
    with ending_signals():
        signal.raise_signal(signal.SIGINT)

        def block() -> None:
            with uninterrupted():
                signal.raise_signal(signal.SIGINT)
                with uninterrupted():
                    done.append("inner")
                done.append("outer")
            done.append("never")

        with pytest.raises(KeyboardInterrupt):
            block()
    assert done == ["inner", "outer"]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP on Windows")
def test_nohup_keeps_its_word() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_signals() as asked:
            signal.raise_signal(signal.SIGHUP)
            assert not asked()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("signals", "checks", "says"),
    [
        ([signal.SIGINT], "checks", "cancelled; nothing was written"),
        ([signal.SIGTERM], "checks", "cancelled; nothing was written"),
        ([signal.SIGHUP], "checks", "cancelled; nothing was written"),
        (
            [signal.SIGINT, signal.SIGINT],
            "never",
            "cancelled at once; every file that has its final name is whole",
        ),
    ],
)
def test_a_signal_leaves_no_temporary_file(
    tmp_path: Path, signals: list[signal.Signals], checks: str, says: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, str(tmp_path), checks],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    assert len(list(tmp_path.iterdir())) == 1
    for number in signals:
        process.send_signal(number)
        time.sleep(0.1)
    _, error = process.communicate()
    assert (process.returncode, error) == (130, f"error: {says}\n")
    assert list(tmp_path.iterdir()) == []


IMPORTING = """
import argparse, signal, sys
from LiverTumorAttentionLib.commands.program import run_program
def run(options, progress, console):
    exec('signal.raise_signal(signal.SIGINT); signal.raise_signal(signal.SIGINT)')  # as a dataclass is made
def parser():
    made = argparse.ArgumentParser()
    made.set_defaults(run=run)
    return made
if __name__ == '__main__':
    sys.exit(run_program(parser))
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_second_signal_in_code_that_is_made_as_text_has_the_exit_code_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "importing.py").write_text(IMPORTING, encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "importing"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, f"error: {AT_ONCE}\n")


PROGRAMS = ("LiverTumorAttentionLib", "training")

# The command line is replaced by one whose import waits, as that of a large library does.
SLOW_IMPORT = """
import runpy, sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1] + '.cli':
            print('importing', flush=True); time.sleep(60)
sys.meta_path.insert(0, Slow())
runpy.run_module(sys.argv[1], run_name='__main__')
"""

# The command line is replaced by one that is done, in an interpreter that takes its time to leave.
SLOW_END = """
import atexit, runpy, sys, time, types
def leave():
    print('leaving', flush=True); time.sleep(0.5)
atexit.register(leave)
sys.modules[sys.argv[1] + '.cli'] = types.SimpleNamespace(main=lambda: 0)
runpy.run_module(sys.argv[1], run_name='__main__')
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_signal_while_the_program_is_being_imported(program: str, number: signal.Signals) -> None:
    assert ended(SLOW_IMPORT, program, "importing", number) == (
        130,
        "error: cancelled; nothing was written\n",
    )


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_signal_after_the_work_changes_nothing(program: str, number: signal.Signals) -> None:
    assert ended(SLOW_END, program, "leaving", number) == (0, "")


def ended(code: str, program: str, word: str, number: signal.Signals) -> tuple[int, str]:
    """Run code on a program until it says a word, send it a signal, and return its exit code and stderr."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == f"{word}\n"
    process.send_signal(number)
    _, error = process.communicate()
    return process.returncode, error
