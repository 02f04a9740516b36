"""Elements of a DICOM file, walked before GDCM or pydicom read it, whose readers allocate what a length claims.

Format: DICOM PS3.5 (data structures and encoding) and PS3.10 (file format). Only what is needed is taken from the file:
where elements begin and end, the size of the image, and the size that a JPEG or JPEG 2000 stream gives itself.
"""

from __future__ import annotations

import math
import mmap
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.declared_size import CHUNK_BYTES, check_memory
from LiverTumorAttentionLib.io.picture_header import FREE_BYTES, MAX_RATIO, jpeg_size
from LiverTumorAttentionLib.memory import memory_limit_bytes
from LiverTumorAttentionLib.wording import size_in_words

PREAMBLE_BYTES = 128
STARTS = (b"\x08\x00", b"\x02\x00")
"""First bytes of a DICOM file without a preamble: a tag of group 8 or 2."""
MAX_DEPTH = 32
"""Of sequences inside sequences."""
MAX_ELEMENTS = 2_000_000
MAX_DEFLATED_BYTES = 2**30
"""What the data set of the deflated transfer syntax may unpack to."""
_UNDEFINED = 0xFFFFFFFF
_IMPLICIT, _DEFLATED, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
"""Value representations with a length of four bytes."""
_SHORT = {
    b"AE",
    b"AS",
    b"AT",
    b"CS",
    b"DA",
    b"DS",
    b"DT",
    b"FD",
    b"FL",
    b"IS",
    b"LO",
    b"LT",
    b"PN",
    b"SH",
    b"SL",
}
_KINDS = _LONG | _SHORT | {b"SS", b"ST", b"TM", b"UI", b"UL", b"US"}
_TRANSFER_SYNTAX = (0x0002, 0x0010)
_PIXEL_DATA = (0x7FE0, 0x0010)
_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
_SIZES = {
    (0x0028, 0x0002): "SamplesPerPixel",
    (0x0028, 0x0008): "NumberOfFrames",
    (0x0028, 0x0010): "Rows",
    (0x0028, 0x0011): "Columns",
    (0x0028, 0x0100): "BitsAllocated",
}
_BITS = (1, 8, 12, 16, 24, 32, 64)
J2K_SIGNATURE = b"\xff\x4f\xff\x51"
"""Of a JPEG 2000 stream, which may be wrapped in a file of boxes ("jP")."""

Content = mmap.mmap | bytes


@dataclass(frozen=True, kw_only=True)
class _Element:
    """Place of one element: begin and end of its value; end is None where its length is undefined."""

    tag: tuple[int, int]
    kind: bytes
    begin: int
    end: int | None


def check_dicom(path: Path, what: str) -> None:
    """Raise `InputError` when elements of a DICOM file are longer than the file, or its pixels fewer than declared.

    what: the file, in words. Files without pixels pass.
    """
    with path.open("rb") as file:
        try:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise InputError(f"{what} is an empty file: copy or export it again") from error
        with content:
            _Walk(content, what).check()


def header_values(path: Path, tags: Iterable[tuple[int, int]]) -> dict[tuple[int, int], str] | None:
    """Return the text of some elements of a DICOM file's data set, "" where one is missing; None for another file.

    Reads no farther than the last of them. Raises `InputError` for a damaged file, and `OSError`.
    """
    wanted = set(tags)
    with path.open("rb") as file:
        head = file.read(PREAMBLE_BYTES + 4)
        is_named = head[PREAMBLE_BYTES:] == b"DICM"
        if not is_named and head[:2] not in STARTS:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return _Walk(content, f"'{path}'").values(wanted)
            except InputError:
                if is_named:
                    raise
                return None


class _Walk:
    """One pass over the elements of a data set."""

    def __init__(self, content: Content, what: str) -> None:
        self.what = what
        self.content = content
        self.order = "<"
        self.is_implicit = False
        self.sizes: dict[str, int] = {}
        self.pixels: _Element | None = None
        self.fragments: list[_Element] = []
        self.count = 0

    def begin(self) -> int:
        """Read the file meta information; return where the data set begins."""
        place = PREAMBLE_BYTES + 4 if self.content[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == b"DICM" else 0
        syntax = ""
        while len(self.content) - place >= 8 and self.content[place : place + 2] == b"\x02\x00":
            element = self.element(place)
            if element.end is None:
                raise self.damaged("a part of its file meta information has no length")
            if element.tag == _TRANSFER_SYNTAX:
                syntax = self.content[element.begin : element.end].decode("latin-1").strip(" \0")
            place = element.end
        if syntax == _DEFLATED:
            self.content, place = self.inflated(place), 0
        self.order = ">" if syntax == _BIG_ENDIAN else "<"
        self.is_implicit = syntax == _IMPLICIT
        return place

    def values(self, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], str]:
        """Return the text of elements at the top of the data set, which lie in the order of their tags."""
        place, last, found = self.begin(), max(wanted), dict.fromkeys(wanted, "")
        while len(self.content) - place >= 8:
            element = self.element(place)
            if element.tag > last:
                break
            if element.end is None:
                place = self.items(element, len(self.content), 0)
                continue
            if element.tag in wanted:
                found[element.tag] = self.content[element.begin : element.end].decode("latin-1").strip(" \0")
            place = element.end
        return found

    def check(self) -> None:
        place = self.begin()
        self.walk(place, len(self.content), 0)
        if self.pixels is not None:
            self.check_pixels(self.pixels)

    def inflated(self, place: int) -> bytes:
        """Return the data set of the deflated transfer syntax, unpacked."""
        limit = min(MAX_DEFLATED_BYTES, (memory_limit_bytes() or MAX_DEFLATED_BYTES) // 8)
        stream = zlib.decompressobj(-15)
        unpacked = bytearray()
        try:
            while not stream.eof and (
                packed := stream.unconsumed_tail or self.content[place : place + CHUNK_BYTES]
            ):
                place += 0 if stream.unconsumed_tail else len(packed)
                unpacked += stream.decompress(packed, CHUNK_BYTES)
                if len(unpacked) > limit:
                    raise self.damaged(f"its deflated data unpack to more than {size_in_words(limit)}")
        except zlib.error as error:
            raise self.damaged("its deflated data break off or are damaged") from error
        if not stream.eof:
            raise self.damaged("its deflated data break off or are damaged")
        return bytes(unpacked)

    def element(self, place: int) -> _Element:
        """Return the element at `place`; raise `InputError` when it ends behind the end of the file."""
        self.count += 1
        if self.count > MAX_ELEMENTS:
            raise self.damaged(f"it has more than {MAX_ELEMENTS} elements")
        try:
            tag = struct.unpack_from(self.order + "2H", self.content, place)
            kind = self.content[place + 4 : place + 6]
            length = struct.unpack_from(self.order + "I", self.content, place + 4)[0]
            begin = place + 8
            # Files that mix both encodings occur. In the implicit one, a length may look like a kind of value.
            fits = length == _UNDEFINED or begin + length <= len(self.content)
            if tag[0] == 0xFFFE or kind not in _KINDS or (self.is_implicit and fits):
                kind = b""
            elif kind in _LONG:
                begin = place + 12
                length = struct.unpack_from(self.order + "I", self.content, place + 8)[0]
            else:
                length = struct.unpack_from(self.order + "H", self.content, place + 6)[0]
        except struct.error as error:
            raise self.damaged("it breaks off within an element") from error
        if length == _UNDEFINED:
            return _Element(tag=tag, kind=kind, begin=begin, end=None)
        if begin + length > len(self.content):
            raise self.damaged(
                f"the element ({tag[0]:04x},{tag[1]:04x}) is {size_in_words(length)} long, "
                f"{size_in_words(max(0, len(self.content) - begin))} follow"
            )
        return _Element(tag=tag, kind=kind, begin=begin, end=begin + length)

    def walk(self, place: int, end: int, depth: int) -> int:
        """Walk the elements up to `end`, or to the end of an item of undefined length; return the place after it."""
        if depth > MAX_DEPTH:
            raise self.damaged(f"its sequences are more than {MAX_DEPTH} deep")
        while end - place >= 8:
            element = self.element(place)
            if element.tag in (_ITEM_END, _SEQUENCE_END):
                return element.begin
            if depth == 0 and element.tag in _SIZES:
                self.note(element)
            if depth == 0 and element.tag == _PIXEL_DATA:
                if self.pixels is not None:
                    raise self.damaged("it has two images")
                self.pixels = element
            if element.end is None:
                place = self.items(element, end, depth)
            else:
                if element.kind in (b"SQ", b"UN", b"") and self.begins_with_item(element):
                    self.items(element, element.end, depth)
                place = element.end
        return end

    def begins_with_item(self, element: _Element) -> bool:
        head = self.content[element.begin : element.begin + 4]
        return element.tag != _PIXEL_DATA and head == struct.pack(self.order + "2H", *_ITEM)

    def items(self, element: _Element, end: int, depth: int) -> int:
        """Walk the items of a sequence, or the fragments of encapsulated pixels; return the place after them."""
        place = element.begin
        has_fragments = element.tag == _PIXEL_DATA
        while end - place >= 8:
            item = self.element(place)
            if item.tag == _SEQUENCE_END:
                return item.begin
            if item.tag != _ITEM or (has_fragments and item.end is None):
                raise self.damaged(
                    f"a sequence in ({element.tag[0]:04x},{element.tag[1]:04x}) is no sequence of items"
                )
            if item.end is None:
                place = self.walk(item.begin, end, depth + 1)
                continue
            place = item.end
            if not has_fragments:
                self.walk(item.begin, item.end, depth + 1)
            elif element is self.pixels:
                self.fragments.append(item)
        return place

    def note(self, element: _Element) -> None:
        """Keep one of the numbers that say how large the image is."""
        name = _SIZES[element.tag]
        value = b"" if element.end is None else self.content[element.begin : element.end]
        if name == "NumberOfFrames":  # kept empty, or 0, by some writers of single slices
            text = value.decode("latin-1").strip(" \0") or "1"
            number = max(1, int(text)) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else 0
        else:
            number = struct.unpack(self.order + "H", value)[0] if len(value) == 2 else 0
        if name in self.sizes:
            raise self.damaged(f"it gives {name} twice")
        if not number:
            got = (
                value[:20].decode("latin-1")
                if name == "NumberOfFrames"
                else str(int.from_bytes(value[:8], "little"))
            )
            raise self.damaged(f"{name} is {got!r}")
        self.sizes[name] = number

    def check_pixels(self, pixels: _Element) -> None:
        """Raise `InputError` when the pixels are fewer than declared, or unpack to more than this machine holds."""
        missing = [name for name in ("Rows", "Columns", "BitsAllocated") if name not in self.sizes]
        if missing:
            raise self.damaged(f"{missing[0]} is missing")
        rows, columns, bits = (self.sizes[name] for name in ("Rows", "Columns", "BitsAllocated"))
        samples = self.sizes.get("SamplesPerPixel", 1)
        if bits not in _BITS:
            raise self.damaged(f"BitsAllocated is {bits}")
        declared = math.ceil(rows * columns * samples * self.sizes.get("NumberOfFrames", 1) * bits / 8)
        if pixels.end is not None:
            found = pixels.end - pixels.begin
            if samples == 3:  # colors may be stored at half the width
                declared = 2 * declared // 3
            if found < declared:
                raise self.damaged(
                    f"its pixels are cut short: {declared} bytes are announced, {found} are there"
                )
        else:
            found = sum((part.end or 0) - part.begin for part in self.fragments)
            if not found:
                raise self.damaged("its compressed pixels are missing")
            if declared > max(FREE_BYTES, MAX_RATIO * found):
                raise self.damaged(
                    f"{size_in_words(declared)} of pixels are announced, {size_in_words(found)} of compressed ones "
                    "are there"
                )
            for size in self.sizes_in_streams():
                if size != (rows, columns, samples):
                    got = " x ".join(map(str, size))
                    raise self.damaged(
                        f"its compressed image has {got} rows, columns and samples, not {rows} x {columns} x {samples}"
                    )
        check_memory(declared, self.what)

    def sizes_in_streams(self) -> Iterator[tuple[int, int, int]]:
        """Yield rows, columns and samples of the compressed images that give them."""
        for part in self.fragments:
            stream = self.content[part.begin : min(part.end or 0, part.begin + 2**16)]
            start = stream[:4096].find(J2K_SIGNATURE) if stream[4:8] == b"jP  " else 0
            if start >= 0 and stream[start : start + 4] == J2K_SIGNATURE and len(stream) >= start + 42:
                right, bottom, left, top = struct.unpack_from(">4I", stream, start + 8)
                yield bottom - top, right - left, struct.unpack_from(">H", stream, start + 40)[0]
            elif stream[:2] == b"\xff\xd8":
                yield from jpeg_size(stream)

    def damaged(self, why: str) -> InputError:
        return InputError(f"{self.what} is a damaged DICOM file ({why}): copy or export it again")
