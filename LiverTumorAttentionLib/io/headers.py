"""Look at a file's own header before ITK does.

ITK is forgiving where a segmentation must not be: it reads a truncated NIfTI as if the missing half were
zero, turns a voxel size of zero into one and a negative one into a flipped axis. What a user would take
for a result would then be measured in wrong millimetres. Here the raw bytes are checked instead.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.nrrd import read_nrrd_header

NIFTI_RGB = (128, 2304)
NIFTI_COMPLEX = (32, 1792, 2048)
_CHUNK = 4 * 2**20
_META_BYTES = {"CHAR": 1, "SHORT": 2, "INT": 4, "LONG": 4, "LONG_LONG": 8, "FLOAT": 4, "DOUBLE": 8}


def check_nifti(path: Path, name: str) -> None:
    """Raise `InputError` unless `path` is a whole NIfTI file of scalars with positive voxel sizes."""
    zipped = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path, "rb") if zipped else path.open("rb") as file:
            expected = _check_nifti_header(file.read(544), path, name)
            found = _length(file, path, zipped)  # type: ignore[arg-type]
    except gzip.BadGzipFile as error:
        raise InputError(
            f"the {name} '{path}' is named .nii.gz but is not a gzip file: export it as NIfTI again"
        ) from error
    except (EOFError, zlib.error) as error:
        raise _truncated(path, name, "the compressed data break off or are damaged") from error
    if found < expected:
        raise _truncated(path, name, f"{expected} bytes are announced, {found} are there")


def _length(file: BinaryIO, path: Path, zipped: bool) -> int:
    if not zipped:
        return path.stat().st_size
    while file.read(_CHUNK):
        pass
    return file.tell()


def _check_nifti_header(head: bytes, path: Path, name: str) -> int:
    """Check the fields that ITK glosses over; return the number of bytes that the file must have."""
    if len(head) < 348:
        raise InputError(f"the {name} '{path}' is not a NIfTI file ({len(head)} bytes): choose another file")
    order = next((o for o in "<>" if struct.unpack_from(o + "i", head)[0] in (348, 540)), None)
    if order is None:
        raise InputError(f"the {name} '{path}' is not a NIfTI file: choose another file or export it again")
    if struct.unpack_from(order + "i", head)[0] == 540:
        datatype, bits = struct.unpack_from(order + "2h", head, 12)
        dim = struct.unpack_from(order + "8q", head, 16)
        pixdim = struct.unpack_from(order + "8d", head, 104)
        offset = struct.unpack_from(order + "q", head, 168)[0]
    else:
        dim = struct.unpack_from(order + "8h", head, 40)
        datatype, bits = struct.unpack_from(order + "2h", head, 70)
        pixdim = struct.unpack_from(order + "8f", head, 76)
        offset = int(struct.unpack_from(order + "f", head, 108)[0])
    axes = dim[1 : dim[0] + 1] if 1 <= dim[0] <= 7 else ()
    if not axes or min(axes) < 1:
        raise InputError(
            f"the {name} '{path}' has a damaged NIfTI header (dimensions {dim}): export it again"
        )
    check_spacing(pixdim[1 : 1 + min(3, len(axes))], path, name)
    if datatype in NIFTI_RGB or (len(axes) > 4 and math.prod(axes[4:]) > 1):
        raise colour(path, name)
    if datatype in NIFTI_COMPLEX:
        raise InputError(f"the {name} '{path}' holds complex numbers: choose a CT volume in HU")
    check_axes(axes, path, name)
    return int(offset) + math.prod(axes) * bits // 8


def check_nrrd(path: Path, name: str) -> None:
    """Raise `InputError` for a NRRD file with zero or negative spacing, colours or 4D data."""
    fields = read_nrrd_header(path, name).fields
    numbers = r"[^()\s,]+"
    vectors = re.findall(rf"none|\({numbers}(?:,{numbers})*\)", fields.get("space directions", ""))
    spacing = [
        float(np.linalg.norm([float(part) for part in vector[1:-1].split(",")]))
        for vector in vectors
        if vector != "none"
    ]
    if not spacing and "spacings" in fields:
        kinds = fields.get("kinds", "").split() or [""] * 9
        pairs = zip(fields["spacings"].split(), kinds, strict=False)
        spacing = [float(text) for text, kind in pairs if kind in ("", "domain", "space")]
    check_spacing(spacing, path, name)
    kinds = fields.get("kinds", "").split()
    if any("color" in kind or "vector" in kind for kind in kinds):
        raise colour(path, name)
    sizes = [int(text) for text in fields.get("sizes", "").split() if text.isdigit()]
    check_axes(sizes, path, name)


def check_meta(path: Path, name: str) -> None:
    """Raise `InputError` for a MetaImage that is cut short or has zero or negative spacing."""
    head = _meta_header(path, name)
    sizes = [int(text) for text in head.get("DimSize", "").split()]
    spacing = head.get("ElementSpacing", head.get("ElementSize", "")).split()
    check_spacing([float(text) for text in spacing], path, name)
    if int(head.get("ElementNumberOfChannels", "1")) > 1:
        raise colour(path, name)
    check_axes(sizes, path, name)
    source = head["ElementDataFile"]
    if source.upper() == "LOCAL":
        found = path.stat().st_size - int(head["offset"])
    elif source.upper().startswith("LIST") or "%" in source:
        return
    elif (path.parent / source).is_file():
        found = (path.parent / source).stat().st_size
    else:
        raise InputError(f"the {name} '{path}' needs the file '{source}' beside it: copy both together")
    kind = head.get("ElementType", "").removeprefix("MET_").removeprefix("U")
    expected = math.prod(sizes) * _META_BYTES.get(kind, 1)
    if head.get("CompressedData", "False").lower() == "true":
        expected = int(head.get("CompressedDataSize", "1"))
    if found < expected:
        raise _truncated(path, name, f"{expected} bytes are announced, {found} are there")


def _meta_header(path: Path, name: str) -> dict[str, str]:
    head: dict[str, str] = {}
    with path.open("rb") as file:
        for _ in range(200):
            key, equals, value = file.readline(65536).decode("latin-1").partition("=")
            if not equals:
                break
            head[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                head["offset"] = str(file.tell())
                return head
    raise InputError(f"the {name} '{path}' is not a MetaImage file: choose another file or export it again")


def check_spacing(spacing: object, path: Path | str, name: str) -> None:
    """Raise `InputError` unless every voxel size is a positive, finite number of millimetres."""
    values = [float(value) for value in spacing]  # type: ignore[attr-defined]
    if all(math.isfinite(value) and value > 0 for value in values):
        return
    got = " x ".join(f"{value:g}" for value in values)
    raise InputError(
        f"the {name} '{path}' has a voxel size of {got} mm; every one must be above zero: "
        "export it again with its true spacing"
    )


def check_axes(sizes: object, path: Path | str, name: str) -> None:
    """Raise `InputError` unless `sizes` (x, y, z, …) are those of one volume; trailing ones are allowed."""
    axes = [int(length) for length in sizes]  # type: ignore[attr-defined]
    while len(axes) > 3 and axes[-1] == 1:
        axes.pop()
    got = " x ".join(str(length) for length in axes)
    if len(axes) > 3:
        raise InputError(
            f"the {name} '{path}' is not one volume but a series of them ({got}): "
            "save the phase that is wanted as a file of its own"
        )
    if len(axes) < 3:
        raise InputError(f"the {name} '{path}' is a 2D image ({got}): choose a volume of several slices")


def colour(path: Path | str, name: str) -> InputError:
    """Return the error for a picture in colours or a vector field."""
    return InputError(
        f"the {name} '{path}' has several values in each voxel (a colour picture or a vector field): "
        "choose a CT volume in HU"
    )


def _truncated(path: Path, name: str, detail: str) -> InputError:
    return InputError(f"the {name} '{path}' is cut short ({detail}): copy or download it again")
