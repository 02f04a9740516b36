"""Checks of an input file before and while ITK reads it.

ITK reads a truncated NIfTI as if the missing part were zero, turns a voxel size of zero into one and a
negative one into a flipped axis, so that a result would be measured in wrong millimeters. The raw header
is checked here instead, and ITK's warnings and errors are reduced to one readable line.

NRRD format: http://teem.sourceforge.net/nrrd/format.html. NIfTI: nifti1.h and nifti2.h of nifti.nimh.nih.gov.
"""

from __future__ import annotations

import contextlib
import gzip
import math
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.nifti_geometry import check_placement
from LiverTumorAttentionLib.wording import counted

MIN_SLICES = 3
"""PA-ResSeg takes a slice and its two neighbors as input."""

NIFTI_RGB = (128, 2304)
NIFTI_COMPLEX = (32, 1792, 2048)
NIFTI_FLOATS = {16: "f4", 64: "f8"}
_CHUNK = 4 * 2**20
_META_BYTES = {"CHAR": 1, "SHORT": 2, "INT": 4, "LONG": 4, "LONG_LONG": 8, "FLOAT": 4, "DOUBLE": 8}
MIN_VOX_OFFSET = 352
"""Header of a single-file NIfTI-1 and the four bytes that say whether extensions follow."""
MAX_NEIGHBORS = 10_000
MAX_HEADER_BYTES = 16 * 2**20


def existing(path: str | os.PathLike[str], name: str) -> Path:
    """Return `path` as a `Path`; raise `InputError` when nothing is there."""
    place = Path(path)
    with readable(place, name):
        try:
            place.stat()
        except PermissionError:
            raise
        except (OSError, ValueError) as error:
            raise InputError(f"the {name} '{place}' does not exist: check the path") from error
    return place


@contextlib.contextmanager
def quiet_itk() -> Iterator[None]:
    """Suppress ITK's warnings on stderr inside the block; the previous setting is restored."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


@contextlib.contextmanager
def readable(place: str | os.PathLike[str], name: str) -> Iterator[None]:
    """Convert a `PermissionError` inside the block to an `InputError` that names the file."""
    try:
        yield
    except PermissionError as error:
        where = error.filename or place
        raise InputError(
            f"the {name} '{where}' may not be read: ask for the permission to read it"
        ) from error


def itk_reason(error: BaseException) -> str:
    """Return the last sentence of an ITK exception, without source files, lines or addresses."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else type(error).__name__
    text = re.sub(r"^(sitk::ERROR|ITK ERROR|Reason|Description)\s*:\s*", "", text)
    text = re.sub(r"\w+\(0x[0-9a-f]+\):\s*", "", text)
    text = re.sub(r"^\[nrrd\]\s*\w+:\s*", "", text)
    return text[:160].rstrip(" .:")


@dataclass(frozen=True, kw_only=True)
class NiftiHeader:
    """Fields of a NIfTI-1 header.

    sizes: one length an axis. offset_bytes: where the voxels begin; size_bytes: of the whole file.
    byte_order: "<" little or ">" big endian. head: its bytes.
    """

    head: bytes
    sizes: tuple[int, ...]
    spacing: tuple[float, ...]
    datatype: int
    offset_bytes: int
    size_bytes: int
    byte_order: str


def check_nifti(path: Path, name: str) -> None:
    """Raise `InputError` unless `path` is a whole NIfTI file of scalars with positive voxel sizes."""
    header = check_nifti_is_whole(path, name)
    check_spacing(header.spacing[:3], path, name)
    if len(header.sizes) >= 3:
        check_placement(header.head, header.byte_order, header.sizes, f"the {name} '{path}'")
    if header.datatype in NIFTI_RGB or math.prod(header.sizes[4:]) > 1:
        raise not_scalar(path, name)
    if header.datatype in NIFTI_COMPLEX:
        raise InputError(f"the {name} '{path}' holds complex numbers: choose a CT volume in HU")
    check_axes(header.sizes, path, name)
    if header.datatype in NIFTI_FLOATS:
        check_nifti_is_finite(path, header, name)


def check_nifti_is_finite(path: Path, header: NiftiHeader, name: str) -> None:
    """Raise `InputError` when a NIfTI file of floating numbers holds NaN or infinity.

    ITK's reader silently replaces them by 0, and 0 HU is tissue.
    """
    kind = np.dtype(header.byte_order + NIFTI_FLOATS[header.datatype])
    bad = 0
    with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as file:
        file.seek(header.offset_bytes)
        left = header.size_bytes - header.offset_bytes
        while left > 0:
            content = file.read(min(left, _CHUNK))
            bad += int(np.count_nonzero(~np.isfinite(np.frombuffer(content, dtype=kind))))
            left -= len(content)
    if bad:
        raise not_finite(bad, name)


def check_nifti_is_whole(path: Path, name: str) -> NiftiHeader:
    """Return the header of a NIfTI file; raise `InputError` when fewer bytes follow than it announces.

    A compressed file is unpacked to its end, which also proves its checksum.
    """
    zipped = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path, "rb") if zipped else path.open("rb") as file:
            header = _nifti_header(file.read(544), path, name)
            while zipped and file.read(_CHUNK):
                pass
            found = file.tell() if zipped else path.stat().st_size
    except gzip.BadGzipFile as error:
        raise InputError(
            f"the {name} '{path}' is not a gzip file or a damaged one, though named .nii.gz: export it again"
        ) from error
    except (EOFError, zlib.error) as error:
        raise _truncated(path, name, "the compressed data break off or are damaged") from error
    if found < header.size_bytes:
        raise _truncated(path, name, f"{header.size_bytes} bytes are announced, {found} are there")
    return header


def _nifti_header(head: bytes, path: Path, name: str) -> NiftiHeader:
    order = next(
        (o for o in "<>" if head[:4] in (struct.pack(o + "i", 348), struct.pack(o + "i", 540))), None
    )
    if order is None or len(head) < struct.unpack_from(order + "i", head)[0]:
        raise InputError(f"the {name} '{path}' is not a NIfTI file: choose another file or export it again")
    if struct.unpack_from(order + "i", head)[0] == 540:
        raise InputError(f"the {name} '{path}' is a NIfTI-2 file, which is not read: save it as NIfTI-1")
    if head[344:348] != b"n+1\0":
        raise InputError(
            f"the {name} '{path}' is the header of a pair (.hdr and .img) or an Analyze file: "
            "save it as one .nii.gz"
        )
    dim = struct.unpack_from(order + "8h", head, 40)
    datatype, bits = struct.unpack_from(order + "2h", head, 70)
    pixdim = struct.unpack_from(order + "8f", head, 76)
    offset = struct.unpack_from(order + "f", head, 108)[0]
    if not MIN_VOX_OFFSET <= offset <= 2**31 or offset % 1:
        raise InputError(
            f"the {name} '{path}' says that its voxels begin at byte {offset:g} (vox_offset), inside its header "
            f"of {MIN_VOX_OFFSET} bytes or nowhere: export it again, or correct vox_offset"
        )
    sizes = tuple(dim[1 : dim[0] + 1]) if 1 <= dim[0] <= 7 else ()
    if not sizes or min(sizes) < 1:
        raise InputError(
            f"the {name} '{path}' has a damaged NIfTI header (dimensions {dim}): export it again"
        )
    return NiftiHeader(
        head=head,
        sizes=sizes,
        spacing=tuple(pixdim[1 : 1 + len(sizes)]),
        datatype=datatype,
        offset_bytes=int(offset),
        byte_order=order,
        size_bytes=int(offset) + math.prod(sizes) * bits // 8,
    )


@dataclass(frozen=True, kw_only=True)
class NrrdHeader:
    """Header of a NRRD file.

    fields: ``field: value`` lines, names in lower case.
    pairs: ``key:=value`` lines, escapes resolved.
    """

    fields: Mapping[str, str]
    pairs: Mapping[str, str]


def read_nrrd_header(path: str | os.PathLike[str], name: str = "volume") -> NrrdHeader:
    """Read the header of the NRRD file at `path`. Raises `InputError` when it is not a NRRD file."""
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    with open(path, "rb") as file:
        if not file.readline(64).startswith(b"NRRD"):
            raise InputError(f"the {name} '{path}' is not a NRRD file: choose another file")
        while file.tell() < MAX_HEADER_BYTES:
            line = file.readline(MAX_HEADER_BYTES).rstrip(b"\r\n").decode("utf-8", errors="replace")
            if not line:
                break
            if line.startswith("#"):
                continue
            key, pair, value = line.partition(":=")
            if pair and ": " not in key:
                pairs[_unescape(key)] = _unescape(value)
            else:
                key, _, value = line.partition(":")
                fields[key.strip().lower()] = value.strip()
    return NrrdHeader(fields=fields, pairs=pairs)


def _unescape(text: str) -> str:
    return text.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")


def check_nrrd(path: Path, name: str) -> None:
    """Raise `InputError` for a NRRD file with zero or negative spacing, colors or 4D data."""
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
    if not spacing:
        raise _no_voxel_size(path, name, "space directions nor spacings")
    check_spacing(spacing, path, name)
    names = fields.get("data file", fields.get("datafile", ""))
    if names:
        _neighbors(path, names, _start(path), name)
    kinds = fields.get("kinds", "").split()
    if any("color" in kind or "vector" in kind for kind in kinds):
        raise not_scalar(path, name)
    sizes = [int(text) for text in fields.get("sizes", "").split() if text.isdigit()]
    check_axes(sizes, path, name)


def check_meta(path: Path, name: str) -> None:
    """Raise `InputError` for a MetaImage that is cut short or has zero or negative spacing."""
    head = _meta_header(path, name)
    sizes = [int(text) for text in head.get("DimSize", "").split()]
    spacing = head.get("ElementSpacing", head.get("ElementSize", "")).split()
    if not spacing:
        raise _no_voxel_size(path, name, "ElementSpacing nor ElementSize")
    check_spacing([float(text) for text in spacing], path, name)
    if int(head.get("ElementNumberOfChannels", "1")) > 1:
        raise not_scalar(path, name)
    check_axes(sizes, path, name)
    source = head["ElementDataFile"]
    if source.upper() == "LOCAL":
        found = path.stat().st_size - int(head["offset"])
    else:
        content = _start(path)
        found = sum(file.stat().st_size for file in _neighbors(path, source, content, name))
    kind = head.get("ElementType", "").removeprefix("MET_").removeprefix("U")
    expected = math.prod(sizes) * _META_BYTES.get(kind, 1)
    if head.get("CompressedData", "False").lower() == "true":
        expected = int(head.get("CompressedDataSize", "1"))
    if source.upper() != "LOCAL":
        expected += max(0, int(head.get("HeaderSize", "0")))
    if found < expected:
        raise _truncated(path, name, f"{expected} bytes are announced, {found} are there")


def _neighbors(path: Path, names: str, content: str, name: str) -> list[Path]:
    """Return the files beside a header that hold its voxels.

    names: a file name, a pattern with its bounds ("ct%03d.raw 1 40 1"), or LIST, then the last lines of `content`.
    Raises `InputError` for one that is missing or lies elsewhere: a header must not lead to any file of the machine.
    """
    if names.upper().split()[0] == "LIST":
        tail = content.partition("LIST")[2]
        wanted = [line.strip() for line in tail.splitlines()[1:] if line.strip()]
    elif "%" in names:
        pattern, *bounds = names.split()
        if not re.fullmatch(r"[^%]*%0?\d?d[^%]*", pattern) or not 2 <= len(bounds) <= 4:
            raise InputError(f"the {name} '{path}' names its files by '{names}': save it as one file")
        first, last, step = (*(int(bound) for bound in bounds[:3]), 1)[:3]
        count = min(len(range(first, last + 1, max(1, step))), MAX_NEIGHBORS)
        wanted = [pattern % (first + max(1, step) * index) for index in range(count)]
    else:
        wanted = [names]
    files = []
    for text in wanted:
        plain = text.removeprefix("./")
        if not plain or "/" in plain or "\\" in plain or plain in (".", "..") or ":" in plain:
            raise InputError(
                f"the {name} '{path}' takes its voxels from '{text}', which is no file beside it: "
                "put both in one folder and name the file alone, or save it as one file"
            )
        file = path.parent / plain
        if not file.is_file():
            raise InputError(f"the {name} '{path}' needs the file '{plain}' beside it: copy both together")
        files.append(file)
    return files


def _start(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MAX_HEADER_BYTES).decode("latin-1")


def _no_voxel_size(path: Path, name: str, what: str) -> InputError:
    return InputError(
        f"the {name} '{path}' does not say how large its voxels are (no {what}): export it again with its spacing"
    )


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
    """Raise `InputError` unless every voxel size is a positive, finite number of millimeters."""
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


def not_scalar(path: Path | str, name: str) -> InputError:
    """Return the error for a picture in colors or a vector field."""
    return InputError(
        f"the {name} '{path}' has several values in each voxel (a color picture or a vector field): "
        "choose a CT volume in HU"
    )


def not_finite(count: int, name: str) -> InputError:
    """Return the error for voxels that are NaN or infinite."""
    return InputError(
        f"the {name} has {counted(count, 'voxel that is', 'voxels that are')} not finite (NaN, infinity): "
        "export it again"
    )


def _truncated(path: Path, name: str, detail: str) -> InputError:
    return InputError(f"the {name} '{path}' is cut short ({detail}): copy or download it again")
