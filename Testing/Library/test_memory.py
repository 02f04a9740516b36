"""Memory that runs out is told alike, whichever library notices it, and nothing else is taken for it."""

from __future__ import annotations

import errno
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from LiverTumorAttentionLib import commands
from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.errors import Cancelled, InputError, OutOfMemory
from LiverTumorAttentionLib.io import collected_warnings, volumes
from LiverTumorAttentionLib.memory import (
    MemoryWarning,
    can_allocate,
    is_out_of_memory,
    left_bytes,
    out_of_memory,
    raise_if_out_of_memory,
    told,
)
from Testing.patience import PATIENCE_S

COMMANDS = ("segment", "register", "refine", "review", "evaluate", "export_training", "phantom")


def numpys() -> BaseException:
    try:
        np.empty(1 << 50, np.uint8)
    except MemoryError as error:
        return error
    raise AssertionError("there is memory for everything")


ERRORS: dict[str, Callable[[], BaseException]] = {
    "Python": MemoryError,
    "numpy": numpys,
    "SimpleITK, C++": lambda: RuntimeError("std::bad_alloc"),
    "SimpleITK": lambda: RuntimeError(
        "Exception thrown in SimpleITK ImageFileReader_Execute: itkImportImageContainer.hxx:192:\n"
        "Failed to allocate memory for image."
    ),
    "torch": lambda: RuntimeError(
        "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 12884901888 bytes. Error code 12 (Cannot allocate memory)"
    ),
    "CUDA": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    "CUDA of the driver": lambda: RuntimeError("CUDA error: out of memory"),
    "cuBLAS": lambda: RuntimeError(
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
    ),
    "cuDNN": lambda: RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "the loader": lambda: ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    "the system": lambda: OSError(errno.ENOMEM, "Cannot allocate memory"),
    "Windows": lambda: OSError("[WinError 1455] The paging file is too small for this operation to complete"),
    "threads": lambda: RuntimeError("can't start new thread"),
}


@pytest.mark.parametrize("library", ERRORS)
def test_every_library_is_understood(library: str) -> None:
    error = ERRORS[library]()
    assert isinstance(error, Exception)
    assert is_out_of_memory(error)
    sentence = str(told(error))
    assert sentence.startswith("this computer has too little free memory for this (")
    assert "close other programs, crop the volume to the liver" in sentence
    assert "\n" not in sentence


def raised_from(cause: BaseException) -> InputError:
    try:
        raise InputError(
            "the portal volume 'ct.nii' cannot be read: copy it again, it may be damaged"
        ) from cause
    except InputError as error:
        return error


@pytest.mark.parametrize("library", ERRORS)
def test_what_was_taken_for_damage_is_told_as_memory(library: str) -> None:
    known = told(raised_from(ERRORS[library]()))
    assert isinstance(known, OutOfMemory)
    assert "damaged" not in str(known)


@pytest.mark.parametrize(
    "error",
    [
        raised_from(RuntimeError("the file is cut short")),
        InputError("the model was made out of memory cards: choose another"),
        ValueError("out of memory"),
        RuntimeError("Could not open out of range"),
        OSError(errno.ENOSPC, "No space left on device"),
        Cancelled(),
    ],
)
def test_nothing_else_is_taken_for_it(error: Exception) -> None:
    assert told(error) is error
    raise_if_out_of_memory(error)


def test_being_cancelled_stays_so() -> None:
    error = Cancelled()
    error.__context__ = MemoryError()
    assert told(error) is error


@pytest.mark.parametrize(
    ("library", "asked"), [("numpy", "1.1e+06 GB"), ("torch", "12.9 GB"), ("CUDA", "21 MB")]
)
def test_how_much_was_needed_and_is_left_is_said(library: str, asked: str) -> None:
    sentence = str(out_of_memory(ERRORS[library]()))
    assert f"{asked} more were needed" in sentence
    left = left_bytes()
    assert left is None or (0 < left < 2**50 and "are left" in sentence)


def test_what_cannot_be_had_is_memory_whatever_the_message() -> None:
    assert can_allocate(0)
    assert can_allocate(1 << 20)
    assert not can_allocate(1 << 60)
    with pytest.raises(OutOfMemory, match=r"1\.2e\+09 GB more were needed"):
        raise_if_out_of_memory(RuntimeError("nifti_image_load failed"), needed_bytes=1 << 60)


@pytest.mark.parametrize("library", ERRORS)
def test_a_volume_that_does_not_fit_is_not_called_damaged(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "ct.nrrd"
    sitk.WriteImage(sitk.Image([8, 8, 8], sitk.sitkInt16), str(place))

    def fail(*_: object) -> sitk.Image:
        raise ERRORS[library]()

    monkeypatch.setattr(volumes, "read_with_itk", fail)
    code = main(["evaluate", "--prediction", str(place), "--truth", str(place)])
    _, err = capsys.readouterr()
    assert code == 2
    (line,) = [line for line in err.splitlines() if line]  # a bar that is not drawn leaves an empty one
    assert line.startswith("error: this computer has too little free memory")


@pytest.mark.parametrize("library", ERRORS)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_ends_with_one_line(
    command: str, library: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ERRORS[library]()

    monkeypatch.setattr(getattr(commands, command), "run", fail)
    arguments = {
        "segment": ["--portal", "p", "--output", "o"],
        "register": ["--fixed", "p", "--moving", "a", "--output", "o"],
        "refine": ["--portal", "p", "--segmentation", "s", "--prompts", "j", "--output", "o"],
        "review": ["--portal", "p", "--segmentation", "s", "--output", "o"],
        "evaluate": ["--prediction", "p", "--truth", "t"],
        "export_training": ["--portal", "p", "--segmentation", "s", "--name", "n", "--output", "o"],
        "phantom": ["--seed", "1", "--output", "o"],
    }
    assert main([command.replace("_", "-"), *arguments[command]]) == 2
    _, err = capsys.readouterr()
    (line,) = [line for line in err.splitlines() if line]  # a bar that is not drawn leaves an empty one
    assert line.startswith("error: this computer has too little free memory")


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(commands.phantom, "run", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        main(["phantom", "--seed", "1", "--output", "o"])


def test_what_was_done_for_want_of_memory_is_a_warning_of_the_result() -> None:
    with collected_warnings() as texts:
        warnings.warn("memory ran short, so the network ran on the CPU", MemoryWarning, stacklevel=1)
    assert texts == ["memory ran short, so the network ran on the CPU"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such call")
def test_memory_in_the_holes_of_the_heap_is_given_back() -> None:
    code = """
        import os
        from pathlib import Path
        from LiverTumorAttentionLib.memory import give_back
        def resident_bytes():
            return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        pieces = [bytes(60_000) for _ in range(2_000)]  # 114 MiB, each below what the C library maps by itself
        kept = pieces[::50]
        del pieces
        before = resident_bytes()
        give_back()
        print(before - resident_bytes())
        assert all(len(piece) == 60_000 for piece in kept)
    """
    fresh = [sys.executable, "-c", textwrap.dedent(code)]  # where no other test has left holes
    done = subprocess.run(fresh, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 60 * 2**20


LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from LiverTumorAttentionLib.errors import OutOfMemory
from LiverTumorAttentionLib.memory import reserve_for_linear_algebra

def leave(count):
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + count, resource.RLIM_INFINITY))

for left in map(int, sys.argv[1:]):
    leave(left)
    try:
        reserve_for_linear_algebra()
        print("reserved")
    except OutOfMemory as error:
        print(error)
leave(4 * 2**20)
first = np.arange(300.0 * 200).reshape(300, 200)
print((first.T @ first).trace() == (first**2).sum(), np.linalg.inv(2 * np.eye(50)).sum())
from scipy.linalg import lapack
print(lapack.dpotrf(4 * np.eye(200))[0].sum())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of address space are Linux's")
def test_linear_algebra_needs_no_more_memory_once_it_has_taken_its_own() -> None:
    """OpenBLAS waits for ever, or ends the process, where it is refused at its first product."""
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(16 * 2**20), str(512 * 2**20)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert ended.returncode == 0, ended.stderr
    refused, *after = ended.stdout.splitlines()
    assert "too little free memory for this (67.1 MB more were needed, 16" in refused
    assert after == ["reserved", "True 25.0", "400.0"]
