"""A program under a limit of address space works in a child: native code that finds no memory ends its process.

oneDNN, ITK and OpenBLAS do so near the limit, by a crash or by exit(1), the dynamic loader by exit(127) where a
thread's own data find no room, and nobody in that process can say why.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable

from LiverTumorAttentionLib.errors import OutOfMemory
from LiverTumorAttentionLib.memory import HELP

CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")
"""How native code ends where an allocation failed."""
EXITS = (1, 127)
"""Exit codes with which native code ends then."""
FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP")


def with_limited_memory() -> bool:
    """Return whether this process may have only so much address space, and can have a child."""
    if not hasattr(os, "fork"):
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def supervised(work: Callable[[], int]) -> int:
    """Run `work` in a child and return its exit code; where native code ended it, say that memory ran out.

    Signals that end a program go on to the child, which ends itself when this process is gone. Call it before threads
    are started. The child's own end by another signal is this process's end too.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.setpgid(0, 0)  # what the terminal sends comes once, through the parent
        end_with(parent)
        try:
            code = work()
        finally:
            os.write(writer, b".")  # it ends by itself, well or not
        return code
    os.close(writer)
    for name in FORWARDED:
        number = signal.Signals[name]
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda got, frame: _send(child, got))
    _, status = os.waitpid(child, 0)
    ended_by_itself = os.read(reader, 1) == b"."
    os.close(reader)
    if os.WIFSIGNALED(status):
        number = signal.Signals(os.WTERMSIG(status))
        if number.name not in CRASHES:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
    elif ended_by_itself or os.WEXITSTATUS(status) not in EXITS:
        return os.WEXITSTATUS(status)
    error = OutOfMemory(
        "this process has too little free memory for this (its address space is limited, and a library ended the work "
        f"without a word): {HELP}, or raise the limit"
    )
    os.write(2, f"error: {error}\n".encode())
    return error.exit_code


def _send(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def end_with(parent: int) -> None:
    """End this process when its parent is killed, where the system can."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)
