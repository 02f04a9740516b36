"""Reading of a transform's file, once it is known not to crash ITK's reader or to have it allocate what it claims.

A text file is walked here. ITK's HDF5 library can crash on damaged files, so that a child process reads such a file
first; what the child survives, this process reads.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.declared_size import check_memory
from LiverTumorAttentionLib.io.input_checks import existing, itk_reason, quiet_itk, readable
from LiverTumorAttentionLib.io.itk_reader import spelled
from LiverTumorAttentionLib.memory import memory_limit_bytes
from LiverTumorAttentionLib.registration.transform_io import SUFFIXES, flattened

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
TEXT_SIGNATURE = "#Insight Transform File V1.0"
MAX_PARTS = 100
CHILD_S = 60
"""A child that reads longer than this has hung."""
BYTES_PER_CHARACTER = 4
"""Of a number in a text file, once it is a number: "0 " takes two characters, eight bytes."""

_COMPOSITE = "CompositeTransform"
_GRIDS = {"DisplacementFieldTransform": 3, "BSplineTransform": 3}
"""Transforms whose fixed parameters are size, origin, spacing and direction of a grid: values at each point."""
_COUNTS = {
    "IdentityTransform": (0, (0,)),
    "TranslationTransform": (3, (0,)),
    "AffineTransform": (12, (3,)),
    "MatrixOffsetTransformBase": (12, (3,)),
    "Euler3DTransform": (6, (3, 4)),
    "VersorTransform": (3, (3,)),
    "VersorRigid3DTransform": (6, (3,)),
    "Similarity3DTransform": (7, (3,)),
    "ScaleTransform": (3, (3,)),
    "ScaleVersor3DTransform": (9, (3,)),
    "ScaleSkewVersor3DTransform": (15, (3,)),
}
"""Numbers of parameters and of fixed parameters of the other transforms of points in three dimensions."""
_CHILD = """
import sys
import SimpleITK as sitk
try:
    import resource
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    limit = used + int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
except (ImportError, OSError, ValueError):  # not every system has such limits
    pass
sitk.ProcessObject.SetGlobalWarningDisplay(False)
sitk.ReadTransform(sys.argv[1]).TransformPoint((0.0, 0.0, 0.0))
"""


def read_transform(path: str | os.PathLike[str], name: str = "transform") -> sitk.Transform:
    """Return the transform in a .h5, .tfm or .txt file (points to points, LPS mm), as `write_transform` writes it.

    name: what to call it in messages. Raises `InputError` for what is missing, damaged, not finite or not of points in
    three dimensions.
    """
    place = existing(path, name)
    what = f"the {name} '{place}'"
    if place.is_dir() or place.suffix.lower() not in SUFFIXES:
        raise InputError(f"{what} is none of {', '.join(SUFFIXES)}: choose another file")
    with readable(place, name), spelled(place) as spelling:
        if place.suffix.lower() == ".h5":
            _check_hdf5(spelling, what)
        else:
            _check_text(place, what)
        try:
            with quiet_itk():
                transform = sitk.ReadTransform(str(spelling))
        except RuntimeError as error:
            raise _damaged(what, itk_reason(error)) from error
    if transform.GetDimension() != 3:
        raise _damaged(what, f"it is of {transform.GetDimension()} dimensions")
    flat = flattened(transform)
    for k in range(flat.GetNumberOfTransforms()):
        part = flat.GetNthTransform(k)
        if not np.isfinite([*part.GetFixedParameters(), *part.GetParameters()]).all():
            raise _damaged(what, "its numbers are not finite")
    return transform


def _damaged(what: str, why: str) -> InputError:
    return InputError(f"{what} is damaged ({why}): copy it again, or make it anew")


def _check_hdf5(place: Path, what: str) -> None:
    size = place.stat().st_size
    check_memory(size, what)
    with place.open("rb") as file:
        if file.read(len(HDF5_SIGNATURE)) != HDF5_SIGNATURE:
            raise _damaged(what, "it is no HDF5 file")
    limit = 2**28 + 4 * size
    available = memory_limit_bytes()
    if available is not None:
        limit = min(limit, max(available, 2**20))
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(place.absolute()), str(limit)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=CHILD_S,
        )
    except subprocess.TimeoutExpired as error:
        raise _damaged(what, "it cannot be read to its end") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        is_python = bool(said) and re.match(r"[\w.]*(Error|Exception):", said[-1]) is not None
        raise _damaged(
            what, itk_reason(RuntimeError(said[-1].partition(": ")[2])) if is_python else "it is no transform"
        )


def _check_text(place: Path, what: str) -> None:
    """Raise `InputError` unless a text file holds transforms with as many finite numbers as their kinds have."""
    check_memory(BYTES_PER_CHARACTER * place.stat().st_size, what)
    parts = list(_parts(place, what))
    if not parts:
        raise _damaged(what, "it holds no transform")
    for index, (kind, counts) in enumerate(parts):
        if kind == _COMPOSITE:
            if index or len(parts) == 1:
                raise _damaged(what, "a composite transform is not first, or has no parts")
        elif kind in _GRIDS:
            _check_grid(kind, counts, what)
        else:
            found = len(counts.get("Parameters", ())), len(counts.get("FixedParameters", ()))
            if found[0] != _COUNTS[kind][0] or found[1] not in _COUNTS[kind][1]:
                raise _damaged(what, f"{kind} has {found[0]} parameters and {found[1]} fixed ones")
    if len(parts) > 1 and parts[0][0] != _COMPOSITE:
        raise _damaged(what, f"it holds {len(parts)} transforms that are not put together")


def _check_grid(kind: str, counts: dict[str, np.ndarray], what: str) -> None:
    fixed = counts.get("FixedParameters", np.zeros(0))
    sizes = fixed[:3]
    if len(fixed) != 18 or not all(1 <= length <= 10**6 and length == int(length) for length in sizes):
        raise _damaged(what, f"the grid of {kind} has no size")
    wanted = _GRIDS[kind] * math.prod(int(length) for length in sizes)
    found = len(counts.get("Parameters", ()))
    if found != wanted:
        raise _damaged(what, f"{kind} has {found} parameters, {wanted} are needed")
    if not (fixed[6:9] > 0).all() or abs(np.linalg.det(fixed[9:].reshape(3, 3))) < 1e-6:
        raise _damaged(what, f"the grid of {kind} has no voxel size or no axes")


def _parts(place: Path, what: str) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yield kind and numbers ("Parameters", "FixedParameters") of each transform in a text file."""
    kind, count = "", 0
    numbers: dict[str, np.ndarray] = {}
    with place.open(encoding="utf-8", errors="replace") as file:
        if file.readline(200).strip() != TEXT_SIGNATURE:
            raise _damaged(what, f"its first line is not '{TEXT_SIGNATURE}'")
        for line in file:
            label, _, value = line.strip().partition(":")
            if not label or label.startswith("#"):
                continue
            if label == "Transform":
                if kind:
                    yield kind, numbers
                count += 1
                kind, numbers = _kind(value.strip(), what), {}
                if count > MAX_PARTS:
                    raise _damaged(what, f"it holds more than {MAX_PARTS} transforms")
            elif label not in ("Parameters", "FixedParameters") or not kind or label in numbers:
                raise _damaged(what, f"the line {label[:40]!r} does not belong there")
            else:
                numbers[label] = _finite(value, label, what)
    if kind:
        yield kind, numbers


def _kind(name: str, what: str) -> str:
    found = re.fullmatch(r"(\w{1,40})_(?:double|float)_3_3", name)
    kind = found[1] if found else ""
    if kind not in {*_COUNTS, *_GRIDS, _COMPOSITE}:
        raise _damaged(what, f"a transform {name[:60]!r} is not read")
    return kind


def _finite(text: str, label: str, what: str) -> np.ndarray:
    try:
        numbers = np.array(text.split(), dtype=float)
    except ValueError:
        numbers = np.full(1, np.nan)
    if not np.isfinite(numbers).all():
        raise _damaged(what, f"its {label} are not all finite numbers")
    return numbers
