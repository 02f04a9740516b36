"""Memory that runs out: told alike whichever library notices it, and how much is left.

SimpleITK, numpy, torch and the operating system each have exceptions of their own for it, and readers take what they
cannot load for damaged. Whoever takes an error of a native library for something else asks `raise_if_out_of_memory`
first; the command line asks `told` of every error.
"""

from __future__ import annotations

import errno
import importlib.util
import mmap
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from LiverTumorAttentionLib.errors import Cancelled, LiverTumorAttentionError, OutOfMemory
from LiverTumorAttentionLib.wording import size_in_words

WORDS = re.compile(
    r"out[ _]of[ _]memory|bad_alloc|bad allocation|not enough memory|insufficient memory|DefaultCPUAllocator"
    r"|(cannot|can't|could not|unable to|failed to|failure to) (re)?alloc|(could not|failed to) create a memory"
    r"|memory allocation (still )?failed|ALLOC_FAILED|failed to map segment|can't start new thread"
    r"|paging file is too small",
    re.IGNORECASE,
)
"""What the messages of numpy, SimpleITK, torch, oneDNN, cuBLAS, cuDNN, the loader and Windows have for it."""

HELP = (
    "close other programs, crop the volume to the liver, export it with thicker slices, "
    "or use a computer with more memory"
)
"""What a user can do about it."""

ASKED = re.compile(r"(\d+(?:\.\d+)?) ?([KMGTPE]i?B|bytes)\b")
UNITS = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50, "e": 2**60}

EXHAUSTED_BYTES = 32 * 2**20
"""A process that has come this near to its limit of address space fails in any way, with any message."""

LOADING = 1.25
"""Address space that a library takes when it is loaded, in shares of its files."""


LINEAR_ALGEBRA_BYTES = 64 * 2**20
"""Room for what OpenBLAS takes at its first product, 32 MiB on common processors, and numpy around it."""


RESERVING_SIDE = 256
"""Side of the matrices that are multiplied to that end: products of small ones take none on some processors."""


class MemoryWarning(UserWarning):
    """What was done, because memory ran short, so that a run could go on."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error, or one that it was raised from, says that memory ran out."""
    return any(_says_so(one) for one in _chain(error)) or (_foreign(error) and _is_exhausted())


def raise_if_out_of_memory(error: BaseException, *, needed_bytes: int = 0) -> None:
    """Raise `OutOfMemory` from an error that says so; else return, for it has another reason.

    needed_bytes: what the failed call must have allocated; where that is not to be had, memory is the reason, whatever
    the message says.
    """
    if is_out_of_memory(error) or not can_allocate(needed_bytes):
        raise out_of_memory(error, needed_bytes=needed_bytes) from error


def told(error: Exception) -> Exception:
    """Return what to tell the user of an error: `OutOfMemory` where memory ran out, else the error itself."""
    if isinstance(error, Cancelled | OutOfMemory) or not is_out_of_memory(error):
        return error
    return out_of_memory(error)


def out_of_memory(
    error: BaseException | None, *, where: str = "this computer", needed_bytes: int = 0
) -> OutOfMemory:
    """Return the error for the user: where, how much was asked for and is left, and what would help."""
    asked = max((_asked_bytes(one) for one in _chain(error)), default=0) or needed_bytes
    left = left_bytes()
    facts = [f"{size_in_words(asked)} more were needed"] if asked else []
    facts += [f"{size_in_words(left)} are left"] if left is not None else []
    got = f" ({', '.join(facts)})" if facts else ""
    return OutOfMemory(f"{where} has too little free memory for this{got}: {HELP}")


def left_bytes() -> int | None:
    """Return how much more memory this process can have, by the machine, its container and its own limit.

    None where the system does not tell.
    """
    found = [*_machine_left(), *(limit - used for limit, used in _container_bytes()), *_process_left()]
    return max(0, min(found)) if found else None


def give_back() -> None:
    """Give memory that was freed in small pieces back to the system, where the C library (GNU's) keeps it for later.

    Between the steps of a run: what a step has left in holes of the heap would count beside what the next one takes.
    """
    if sys.platform != "linux":
        return
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def can_allocate(count: int) -> bool:
    """Return whether so many bytes could be had now; none is kept. A system that promises more than it has says yes."""
    if count <= 0:
        return True
    try:
        mmap.mmap(-1, count).close()
    except (OSError, ValueError, OverflowError, MemoryError):
        return False
    return True


def check_room_for(library: str, *, further_bytes: int = 0) -> None:
    """Raise `OutOfMemory` where the limit of address space leaves no room to load a library that is not loaded yet.

    further_bytes: what it takes beside its files. SimpleITK and torch end the process where they find too little of it
    while they are loaded. Without a limit nothing is asked.
    """
    left = _process_left()
    if not left or library in sys.modules:
        return
    name = library.partition(".")[0]
    spec = importlib.util.find_spec(name)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    size = sum(
        file.stat().st_size
        for folder in [*folders, *(each.with_name(f"{name}.libs") for each in folders)]
        for file in folder.rglob("*")
        if (file.suffix in (".so", ".dylib", ".pyd", ".dll") or ".so." in file.name) and file.is_file()
    )
    needed = int(LOADING * size) + further_bytes
    if left[0] < needed:
        raise out_of_memory(None, needed_bytes=needed)


def reserve_for_linear_algebra() -> None:
    """Let the linear algebra of numpy, and that of scipy, take the memory that each keeps, while the limit leaves room.

    Each has an OpenBLAS of its own. Where one is refused its memory, it asks again for ever (its issue 5289): scipy's
    as it is loaded, numpy's in 2.0 of Slicer 5.10 at its first product; later ones of numpy end the process. Without a
    limit of address space nothing is done. Raises `OutOfMemory` where there is no room.
    """
    if not _process_left():
        return
    check_room_for("numpy", further_bytes=LINEAR_ALGEBRA_BYTES)
    if not can_allocate(LINEAR_ALGEBRA_BYTES):
        raise out_of_memory(None, needed_bytes=LINEAR_ALGEBRA_BYTES)
    import numpy as np

    square = np.ones((RESERVING_SIDE, RESERVING_SIDE))
    square.T @ square
    check_room_for("scipy.linalg", further_bytes=LINEAR_ALGEBRA_BYTES)
    from scipy.linalg import blas

    blas.dgemm(1.0, square, square)


def memory_limit_bytes() -> int | None:
    """Return how much memory this process may take at all: the machine's, or less where a limit is set.

    None where the system does not tell.
    """
    found = [*_machine_bytes(), *(limit for limit, _ in _container_bytes()), *_process_left()]
    return min(found) if found else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it was raised from or during, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]


def _says_so(error: BaseException) -> bool:
    if isinstance(error, MemoryError | OutOfMemory) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if isinstance(error, LiverTumorAttentionError | KeyboardInterrupt):
        return False  # its words are about the user's input
    return isinstance(error, RuntimeError | SystemError | ImportError | OSError) and bool(
        WORDS.search(str(error))
    )


def _foreign(error: BaseException | None) -> bool:
    """Return whether an error, or what it was raised from, is one of a native library that gives no usable reason."""
    return any(isinstance(one, RuntimeError | SystemError | ImportError) for one in _chain(error))


def _asked_bytes(error: BaseException) -> int:
    """Return the number of bytes that an allocation is said to have failed for, 0 where it is not said."""
    if not _says_so(error):
        return 0
    match = ASKED.search(str(error))
    return int(float(match[1]) * UNITS[match[2][0].lower()]) if match else 0


def _is_exhausted() -> bool:
    """Return whether the process has ever come so near to its limit of address space that small allocations fail."""
    limit = _address_limit()
    if limit is None:
        return False
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    peak = re.search(r"VmPeak:\s+(\d+) kB", status)
    return peak is not None and limit - 1024 * int(peak[1]) < EXHAUSTED_BYTES


def _address_limit() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _process_left() -> list[int]:
    """Return what is left below the process's own limit of address space (`ulimit -v`), where it has one."""
    limit = _address_limit()
    if limit is None:
        return []
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return []
    return [limit - used]


def _container_bytes() -> list[tuple[int, int]]:
    """Return limit and use of a container, by the second or first version of Linux' control groups."""
    places = (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    )
    found = []
    for places_of_one in places:
        try:
            limit, used = (Path(place).read_text().strip() for place in places_of_one)
        except OSError:
            continue
        if limit.isdigit() and used.isdigit():
            found.append((int(limit), int(used)))
    return found


def _machine_bytes() -> list[int]:
    """Return the machine's whole memory; on Windows with its paging file."""
    if sys.platform == "win32":
        return _windows_bytes("all_page")
    try:
        return [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, OSError, ValueError):
        return []


def _machine_left() -> list[int]:
    """Return what the machine has free, or its whole memory where the free part is not told."""
    if sys.platform == "win32":
        return _windows_bytes("free_page")
    try:
        free = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        if free:
            return [1024 * int(free[1])]
    except OSError:
        pass
    return _machine_bytes()


def _windows_bytes(which: str) -> list[int]:
    """Return a number of Windows: "all_page" it can promise, or "free_page" it still can, memory and paging file."""
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            *((name, ctypes.c_uint64) for name in ("all", "free", "all_page", "free_page", "all_space")),
            ("free_space", ctypes.c_uint64),
            ("free_extended", ctypes.c_uint64),
        )

    status = Status(length=ctypes.sizeof(Status))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  (absent elsewhere)
    return [int(getattr(status, which))] if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else []
