"""Ends of a work under a limit of address space: by itself, by native code, by a signal."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of address space")

PROGRAM = """
import os, resource, signal, sys, time
sys.path.insert(0, {root!r})
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from LiverTumorAttentionLib.supervised import supervised, with_limited_memory
assert with_limited_memory()
def work():
{work}
sys.exit(supervised(work))
"""


def program(work: str) -> list[str]:
    root = str(Path(__file__).resolve().parents[2])
    return [
        sys.executable,
        "-c",
        PROGRAM.format(root=root, work="\n".join(f"    {line}" for line in work.splitlines())),
    ]


@pytest.mark.parametrize(
    "crash", ["os.kill(os.getpid(), signal.SIGSEGV)", "os.abort()", "os._exit(1)", "os._exit(127)"]
)
def test_a_work_that_native_code_ends_is_told_as_a_lack_of_memory(crash: str) -> None:
    ended = subprocess.run(program(crash), capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert "too little free memory" in line
    assert "close other programs" in line


@pytest.mark.parametrize(
    ("work", "code"), [("return 0", 0), ("return 130", 130), ("sys.exit(3)", 3), ("return 1", 1)]
)
def test_a_work_that_ends_by_itself_keeps_its_code(work: str, code: int) -> None:
    ended = subprocess.run(program(work), capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (code, "")


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    ended = subprocess.run(program("raise KeyError('x')"), capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "KeyError" in ended.stderr
    assert "memory" not in ended.stderr.splitlines()[-1]


def test_a_signal_goes_on_to_the_work_and_a_killed_program_leaves_none(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    work = f"""
def heard(number, frame):
    os._exit(42)
signal.signal(signal.SIGTERM, heard)
with open({str(mark)!r}, "w") as file:
    file.write(str(os.getpid()))
time.sleep(60)
return 0
"""
    for number, code in ((signal.SIGTERM, 42), (signal.SIGKILL, -signal.SIGKILL)):
        mark.unlink(missing_ok=True)
        running = subprocess.Popen(program(work.strip()))
        while not (mark.exists() and mark.read_text()):
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(number)
        assert running.wait() == code
        if sys.platform.startswith("linux"):
            while is_alive(int(mark.read_text())):
                time.sleep(0.05)


def is_alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
