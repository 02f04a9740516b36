"""Damage that knows the format: fields of headers, values of JSON, elements of DICOM set to what nobody expects."""

from __future__ import annotations

import copy
import io
import json
import re
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

Damage = Callable[[bytes, np.random.Generator], tuple[bytes, str]]

NASTY_TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "1.5",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "1e-320",
    "²",
    "9" * 19,
    "9" * 400,
    "0x10",
    "1500",
    "65535",
    "2147483647",
    "-2147483648",
    "4294967296",
    "9223372036854775808",
    "none",
    "(1,0,0",
    "(nan,0,0)",
    "()",
    "a" * 5000,
    "../../../etc/passwd",
    "/etc/passwd",
    "/dev/zero",
    "LIST",
    "LOCAL",
    "%d.raw 1 1000000000 1",
    "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    "\x00",
    "1 2",
    "1 2 3",
    "1 2 3 4 5 6 7 8 9",
    "True",
    "gzip",
    "bzip2",
    "raw",
    "float",
    "double",
    "block",
    "uchar",
    "MET_DOUBLE",
    "MET_LONG_LONG_ARRAY",
    "left-posterior-superior",
    "ear:nose",
)
NASTY_NUMBERS = (
    0,
    1,
    -1,
    2,
    255,
    256,
    65535,
    -32768,
    2**31 - 1,
    -(2**31),
    2**32,
    2**53,
    2**63 - 1,
    -(2**63),
    2**64,
    10**400,
    0.0,
    -0.0,
    0.5,
    1e-320,
    1e300,
    -1e300,
    float("nan"),
    float("inf"),
    float("-inf"),
)
NASTY_STRINGS = (
    "",
    "\0",
    "\ud800",
    "\udcff",
    "a" * 300,
    "../x",
    "/etc/passwd",
    "~nobody",
    "²",
    "é" * 300,
    "-1",
    "nan",
    "%s%n",
    "=1+1",
    "model.json",
    "liver",
    "tumor",
    "x" * 100_000,
)
DEEP = 100_000


def pick(options: Any, rng: np.random.Generator) -> Any:
    """Return one of a sequence."""
    return options[int(rng.integers(len(options)))]


# Text headers: NRRD and MetaImage, transforms as text.


def text_header(separator: str, extra: tuple[str, ...]) -> Damage:
    """Return a damage of `key<separator>value` lines at the head of a file. extra: lines that may be added."""

    def change(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
        head, blank, data = _split(content, separator)
        lines = head.decode("latin-1").splitlines()
        told = []
        for _ in range(int(rng.integers(1, 3))):
            fields = [index for index, line in enumerate(lines) if separator in line]
            kind = int(rng.integers(6))
            if kind == 0 or not fields:
                line = pick(extra, rng).replace("{}", pick(NASTY_TEXTS, rng))
                lines.insert(int(rng.integers(1, len(lines) + 1)) if lines else 0, line)
                told.append(f"add {line[:60]!r}")
                continue
            at = pick(fields, rng)
            key, _, value = lines[at].partition(separator)
            if kind == 1:
                del lines[at]
                told.append(f"without {key!r}")
            elif kind == 2:
                lines.insert(at, lines[at])
                told.append(f"{key!r} twice")
            elif kind == 3:
                numbers = re.findall(r"[-+.\deE]+", value) or [""]
                old = pick(numbers, rng)
                new = pick(NASTY_TEXTS, rng)
                lines[at] = key + separator + value.replace(old, new, 1)
                told.append(f"{key!r}: {old!r} to {new[:40]!r}")
            else:
                new = pick(NASTY_TEXTS, rng)
                lines[at] = f"{key}{separator} {new}"
                told.append(f"{key!r} is {new[:40]!r}")
        changed = "\n".join(lines).encode("latin-1", errors="replace")
        return changed + blank + data, "; ".join(told)

    return change


def _split(content: bytes, separator: str) -> tuple[bytes, bytes, bytes]:
    """Return the text head of a file, what ends it, and its data."""
    if content.startswith(b"NRRD"):
        head, blank, data = content.partition(b"\n\n")
        return head, blank, data
    found = re.search(rb"ElementDataFile[^\n]*\n", content)
    end = found.end() if found else len(content)
    return content[:end].rstrip(b"\n"), b"\n", content[end:]


nrrd = text_header(
    ":",
    (
        "space origin: {}",
        "space directions: {}",
        "sizes: {}",
        "spacings: {}",
        "data file: {}",
        "line skip: {}",
        "byte skip: {}",
        "encoding: {}",
        "type: {}",
        "dimension: {}",
        "kinds: {}",
        "Segment0_LabelValue:={}",
        "Segment0_Extent:={}",
        "Segment0_Layer:={}",
        "Segment1_ID:={}",
        "Segment0_Tags:={}",
        "block size: {}",
        "endian: {}",
        "measurement frame: {}",
        "Segmentation_ReferenceImageExtentOffset:={}",
        "LiverTumorAttention_Corrections:={}",
    ),
)
meta = text_header(
    "=",
    (
        "DimSize = {}",
        "NDims = {}",
        "ElementType = {}",
        "ElementDataFile = {}",
        "CompressedData = True",
        "CompressedDataSize = {}",
        "HeaderSize = {}",
        "ElementNumberOfChannels = {}",
        "TransformMatrix = {}",
        "ElementSpacing = {}",
        "BinaryData = {}",
        "ElementByteOrderMSB = {}",
        "Offset = {}",
    ),
)
transform_text = text_header(
    ":",
    ("Transform: {}", "Parameters: {}", "FixedParameters: {}", "Transform: CompositeTransform_double_3_3"),
)

# NIfTI: fields of a fixed layout.

_NIFTI1 = {
    "sizeof_hdr": (0, "i"),
    "dim": (40, "h"),
    "datatype": (70, "h"),
    "bitpix": (72, "h"),
    "pixdim": (76, "f"),
    "vox_offset": (108, "f"),
    "scl_slope": (112, "f"),
    "scl_inter": (116, "f"),
    "xyzt_units": (123, "b"),
    "qform_code": (252, "h"),
    "sform_code": (254, "h"),
    "quatern_b": (256, "f"),
    "qoffset_x": (268, "f"),
    "srow_x": (280, "f"),
    "magic": (344, "i"),
    "extender": (348, "i"),
}
_NIFTI2 = {
    "sizeof_hdr": (0, "i"),
    "magic": (4, "q"),
    "datatype": (12, "h"),
    "bitpix": (14, "h"),
    "dim": (16, "q"),
    "pixdim": (104, "d"),
    "vox_offset": (168, "q"),
    "scl_slope": (176, "d"),
    "scl_inter": (184, "d"),
    "qform_code": (344, "i"),
    "sform_code": (348, "i"),
    "quatern_b": (352, "d"),
    "srow_x": (400, "d"),
}
_ARRAYS = {"dim": 8, "pixdim": 8, "srow_x": 12, "quatern_b": 3, "qoffset_x": 3}


def nifti(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Set one or two fields of a NIfTI header."""
    fields = _NIFTI2 if content[:4] == struct.pack("<i", 540) else _NIFTI1
    changed, told = bytearray(content), []
    for _ in range(int(rng.integers(1, 3))):
        name = pick(list(fields), rng)
        offset, kind = fields[name]
        offset += struct.calcsize(kind) * int(rng.integers(_ARRAYS.get(name, 1)))
        value = pick([n for n in NASTY_NUMBERS if _packs(kind, n)], rng)
        if offset + struct.calcsize(kind) <= len(changed):
            struct.pack_into("<" + kind, changed, offset, value)
        told.append(f"{name} at {offset} is {value}")
    return bytes(changed), "; ".join(told)


def _packs(kind: str, value: float) -> bool:
    try:
        struct.pack("<" + kind, value)
        return True
    except (struct.error, OverflowError, ValueError, TypeError):
        return False


# JSON: any value of the tree.


_WHOLE_TEXTS = (
    b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP,
    b"",
    b"null",
    b"[]",
    b"\xef\xbb\xbf{}",
)


def json_text(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Change, remove, repeat or rename values of a JSON tree; sometimes what JSON itself does not forbid."""
    if rng.random() < 0.06:
        deep = pick(
            (b"[" * DEEP, b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP, b"", b"null", b"[]", b"\xef\xbb\xbf{}"),
            rng,
        )
        return deep, f"the text is {deep[:20]!r}…"
    tree = json.loads(content)
    told = []
    for _ in range(1 if rng.random() < 0.7 else 2):
        places = list(_places(tree, ()))
        if not places:
            break
        leaves = [path for path in places if not isinstance(_at(tree, path), dict | list)]
        path = pick(leaves if leaves and rng.random() < 0.75 else places, rng)
        told.append(_change(tree, path, rng))
    text = json.dumps(tree, ensure_ascii=bool(rng.random() < 0.5))
    return text.encode("utf-8", errors="surrogatepass"), "; ".join(told)


def _other_number(old: float, rng: np.random.Generator) -> float:
    """Return another number of the same kind: half of the time one that is near, or of another size or sign."""
    if rng.random() < 0.5:
        return pick(NASTY_NUMBERS, rng)
    try:
        near = pick(
            (-old, old * 0.5, old * 2, old * 10, old * 1000, old + 1, old - 1, old + 1e6, old / 1e6), rng
        )
        return int(near) if isinstance(old, int) else float(near)
    except (OverflowError, ValueError):
        return 0


def _places(tree: Any, path: tuple[Any, ...]) -> Any:
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in children:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _change(tree: Any, path: tuple[Any, ...], rng: np.random.Generator) -> str:
    *parents, last = path
    holder = _at(tree, tuple(parents))
    where, old = ".".join(map(str, path)), holder[last]
    if isinstance(old, int | float) and not isinstance(old, bool) and rng.random() < 0.8:
        number = _other_number(old, rng)
        holder[last] = number
        return f"{where} is {str(number)[:40]}"
    kind = int(rng.integers(9))
    if kind == 0:
        del holder[last]
        return f"without {where}"
    if kind == 1 and isinstance(holder, dict):
        holder[pick(NASTY_STRINGS, rng)] = holder.pop(last)
        return f"{where} has another name"
    if kind == 2 and isinstance(old, list):
        holder[last] = old * int(rng.integers(0, 5))
        return f"{where} is repeated or emptied"
    if kind == 3 and isinstance(holder, list):
        holder.insert(0, copy.deepcopy(old))
        return f"{where} twice"
    options = (
        pick(NASTY_NUMBERS, rng),
        pick(NASTY_NUMBERS, rng),
        pick(NASTY_STRINGS, rng),
        None,
        [],
        {},
        True,
        [[[]]],
        {"a": {"b": 1}},
    )
    value = pick(options, rng)
    holder[last] = value
    return f"{where} is {str(value)[:40]!r}"


# Weights and zips.


def safetensors(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Change the JSON header, or the length that stands before it."""
    (length,) = struct.unpack_from("<Q", content)
    header, data = content[8 : 8 + length], content[8 + length :]
    if rng.random() < 0.3:
        told = int(pick((0, 1, length - 1, length + 1, 2**20, 2**31, 2**40, 2**63, 2**64 - 1), rng))
        return struct.pack("<Q", told) + header + data, f"a header of {told} bytes"
    changed, what = json_text(header, rng)
    return struct.pack("<Q", len(changed)) + changed + data, f"header: {what}"


_ZIP_FIELDS = {
    b"PK\3\4": {
        "version": (4, "H"),
        "flags": (6, "H"),
        "method": (8, "H"),
        "crc": (14, "I"),
        "packed": (18, "I"),
        "size": (22, "I"),
        "name length": (26, "H"),
        "extra length": (28, "H"),
    },
    b"PK\1\2": {
        "version": (6, "H"),
        "flags": (8, "H"),
        "method": (10, "H"),
        "crc": (16, "I"),
        "packed": (20, "I"),
        "size": (24, "I"),
        "name length": (28, "H"),
        "extra length": (30, "H"),
        "comment length": (32, "H"),
        "attributes": (38, "I"),
        "offset": (42, "I"),
        "name": (46, "H"),
    },
    b"PK\5\6": {
        "disk": (4, "H"),
        "entries here": (8, "H"),
        "entries": (10, "H"),
        "size": (12, "I"),
        "offset": (16, "I"),
        "comment length": (20, "H"),
    },
}


def zip_file(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Set fields of a zip's records, or add members of harm."""
    if rng.random() < 0.25:
        return _with_member(content, rng)
    changed, told = bytearray(content), []
    for _ in range(int(rng.integers(1, 3))):
        mark = pick(list(_ZIP_FIELDS), rng)
        places = [found.start() for found in re.finditer(re.escape(mark), content)]
        if not places:
            continue
        at, name = pick(places, rng), pick(list(_ZIP_FIELDS[mark]), rng)
        offset, kind = _ZIP_FIELDS[mark][name]
        largest = 256 ** struct.calcsize(kind) - 1
        value = (
            int(pick((0, 1, 8, 14, 12, 99, 0x800, 0x808, largest, largest - 1, largest // 2, 1000), rng))
            & largest
        )
        struct.pack_into("<" + kind, changed, at + offset, value)
        told.append(f"{mark!r} {name} is {value}")
    return bytes(changed), "; ".join(told)


def _with_member(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    packed = io.BytesIO(content)
    name = pick(
        ("../escaped", "/tmp/escaped", "model.json", "a/model.json", "b/c/d", "..\\x", "x" * 300), rng
    )
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(name)
        member.external_attr = int(pick((0, 0o120777, 0o010644, 0o100644), rng)) << 16
        archive.writestr(member, bytes(int(pick((0, 10, 10**6, 2 * 10**7), rng))))
    return packed.getvalue(), f"with {name[:40]!r}"


# YAML and CSV.

_YAML_VALUES = (
    "2001-99-99",
    "!!int x",
    "!!python/object:os.system {}",
    "*a",
    "&a [*a]",
    "{",
    "[",
    "'",
    "~",
    "1e999",
    ".nan",
    ".inf",
    "-.inf",
    "0b2",
    "0o9",
    "1:99",
    "!!binary ²",
    "!!set {a, b}",
    "<<: [1]",
    "? [a]",
    "\t",
    "%TAG",
    "---",
    "...",
    "|",
    ">",
    "!!timestamp x",
    "9" * 400,
    "x" * 100_000,
    "[" * 5000,
    '"\\ud800"',
    '"\\0"',
    "!!float x",
    "{a: 1, a: 2}",
    "{1: 2, null: 3}",
)
LAUGHS = "\n".join(
    [
        "l0: &l0 [x, x, x, x, x, x, x, x, x]",
        *(f"l{k}: &l{k} [{', '.join([f'*l{k - 1}'] * 9)}]" for k in range(1, 20)),
    ]
)


def yaml_text(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Change values of `key: value` lines, move lines in and out, add aliases."""
    lines, told = content.decode().splitlines(), []
    for _ in range(int(rng.integers(1, 4))):
        kind, at = int(rng.integers(8)), int(rng.integers(len(lines))) if lines else 0
        if not lines or kind == 0:
            lines.append(LAUGHS)
            told.append("nested aliases")
        elif kind == 1:
            lines[at] = " " * int(rng.integers(1, 9)) + lines[at]
            told.append(f"line {at} moved in")
        elif kind == 2:
            told.append(f"without line {at}")
            del lines[at]
        elif kind == 3:
            lines.insert(at, lines[at])
            told.append(f"line {at} twice")
        else:
            key = lines[at].partition(":")[0]
            value = pick((*_YAML_VALUES, *map(str, NASTY_NUMBERS), *NASTY_TEXTS), rng)
            lines[at] = f"{key}: {value}"
            told.append(f"{key.strip()!r} is {value[:40]!r}")
    return "\n".join(lines).encode("utf-8", errors="surrogatepass"), "; ".join(told)


def csv_text(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Change cells, add and take away columns, open quotes."""
    rows = [line.split(",") for line in content.decode().splitlines()]
    told = []
    for _ in range(int(rng.integers(1, 4))):
        row = int(rng.integers(len(rows)))
        column = int(rng.integers(len(rows[row]))) if rows[row] else 0
        kind = int(rng.integers(7))
        if kind == 0 and rows[row]:
            del rows[row][column]
            told.append(f"without cell {row}.{column}")
        elif kind == 1:
            rows[row].insert(column, pick(NASTY_STRINGS, rng))
            told.append(f"one more cell {row}.{column}")
        elif kind == 2:
            rows.insert(row, list(rows[row]))
            told.append(f"row {row} twice")
        elif rows[row]:
            value = pick(
                (*NASTY_TEXTS, *NASTY_STRINGS, '"', '"open', "x" * 140_000, "a\rb", "a;b;c", "\t\t"), rng
            )
            rows[row][column] = value
            told.append(f"cell {row}.{column} is {value[:40]!r}")
    text = "\n".join(",".join(cells) for cells in rows)
    return text.encode("utf-8", errors="surrogatepass"), "; ".join(told)


# DICOM: any element of the data set, through pydicom.

_DICOM_TEXTS = (
    "",
    "0",
    "-1",
    "nan",
    "1e400",
    "0,7",
    "1\\2",
    "1\\2\\3\\4",
    "x" * 70,
    "²",
    "\\",
    "CT",
    "MR",
    "99999",
    "0.0\\0.0",
)
_DICOM_NUMBERS = (0, 1, 7, 8, 12, 15, 16, 32, 64, 255, 4096, 65535)


def dicom(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Set or remove elements of a DICOM file; nested ones too."""
    import pydicom

    with pydicom.config.disable_value_validation():
        data = pydicom.dcmread(io.BytesIO(content))
        told = []
        for _ in range(int(rng.integers(1, 4))):
            holder, element = pick(list(_elements(data)), rng)
            name = element.keyword or str(element.tag)
            if rng.random() < 0.25:
                del holder[element.tag]
                told.append(f"without {name}")
                continue
            told.append(f"{name} is {_set(element, rng)!r}")
        written = io.BytesIO()
        pydicom.dcmwrite(written, data, enforce_file_format=False)
    return written.getvalue(), "; ".join(told)


def _elements(data: Any) -> Any:
    for element in data:
        yield data, element
        if element.VR == "SQ":
            for item in element.value[:3]:
                yield from _elements(item)
    if hasattr(data, "file_meta"):
        for element in data.file_meta:
            if element.tag != 0x00020000:
                yield data.file_meta, element


def _set(element: Any, rng: np.random.Generator) -> Any:
    if element.VR == "SQ":
        element.value = element.value[: int(rng.integers(2))]
        return f"{len(element.value)} items"
    if element.VR in ("US", "SS", "UL", "SL"):
        value: Any = pick(_DICOM_NUMBERS, rng)
    elif element.VR in ("OB", "OW", "UN"):
        value = bytes(element.value)[: int(rng.integers(len(element.value) + 1)) // 2 * 2]
        element.value = value
        return f"{len(value)} bytes"
    elif element.VR in ("FD", "FL"):
        value = float(pick([n for n in NASTY_NUMBERS if _packs("f", n)], rng))
    elif element.VR == "AT":
        value = 0x00280010
    else:
        value = pick(_DICOM_TEXTS, rng)
        if element.VR in ("DS", "IS"):
            element.VR = "LO"  # which may hold what is no number
    element.value = value
    return value
