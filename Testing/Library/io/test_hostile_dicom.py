"""DICOM files whose elements or pixels are longer than the file, or that lead GDCM to allocate gigabytes."""

from __future__ import annotations

import os
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import InputWarning, declared_size, list_series, read_volume
from LiverTumorAttentionLib.io.dicom_header import check_dicom
from Testing.dicom_support import save_dicom
from Testing.Library.io.bounded_reading import READ, outcomes
from Testing.Library.io.conftest import body

pydicom = pytest.importorskip("pydicom")

BIG = 60_000
UNDEFINED = b"\xff\xff\xff\xff"


@pytest.fixture
def slices(series) -> list[Path]:
    """The files of a series of nine slices, by name in the order of z."""
    return series(body())


def explicit(group: int, element: int, kind: bytes, value: bytes, length: int | None = None) -> bytes:
    """Return an element in explicit little endian, its length as it is or as claimed."""
    size = len(value) if length is None else length
    if kind in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return struct.pack("<2H2sHI", group, element, kind, 0, size) + value
    return struct.pack("<2H2sH", group, element, kind, size) + value


def file_of(*elements: bytes, syntax: bytes = b"1.2.840.10008.1.2.1\0") -> bytes:
    meta = explicit(2, 0x10, b"UI", syntax)
    head = explicit(8, 0x60, b"CS", b"CT")
    return bytes(128) + b"DICM" + meta + head + b"".join(elements)


def image(
    rows: int, columns: int, pixels: bytes, *, bits: int = 16, frames: bytes | None = None
) -> list[bytes]:
    return [
        explicit(0x20, 0x0D, b"UI", b"1.2"),
        explicit(0x28, 0x02, b"US", struct.pack("<H", 1)),
        explicit(0x28, 0x04, b"CS", b"MONOCHROME2 "),
        *([] if frames is None else [explicit(0x28, 0x08, b"IS", frames)]),
        explicit(0x28, 0x10, b"US", struct.pack("<H", rows)),
        explicit(0x28, 0x11, b"US", struct.pack("<H", columns)),
        explicit(0x28, 0x100, b"US", struct.pack("<H", bits)),
        explicit(0x28, 0x101, b"US", struct.pack("<H", bits)),
        explicit(0x28, 0x102, b"US", struct.pack("<H", bits - 1)),
        explicit(0x28, 0x103, b"US", struct.pack("<H", 0)),
        pixels,
    ]


def encapsulated(*fragments: bytes) -> bytes:
    items = b"".join(struct.pack("<2HI", 0xFFFE, 0xE000, len(part)) + part for part in (b"", *fragments))
    return explicit(0x7FE0, 0x10, b"OB", b"", 0xFFFFFFFF) + items + struct.pack("<2HI", 0xFFFE, 0xE0DD, 0)


def native(count: int) -> bytes:
    return explicit(0x7FE0, 0x10, b"OW", bytes(count))


def nested(depth: int) -> bytes:
    """Return sequences inside sequences, of undefined length."""
    one = (
        struct.pack("<2H2sH", 0x40, 0x275, b"SQ", 0)
        + UNDEFINED
        + struct.pack("<2H", 0xFFFE, 0xE000)
        + UNDEFINED
    )
    return one * depth


J2K_HUGE = (
    b"\xff\x4f\xff\x51"
    + struct.pack(">2H8IH", 41, 0, BIG, BIG, 0, 0, BIG, BIG, 0, 0, 1)
    + b"\x0f\1\1"
    + bytes(99)
)
JPEG_HUGE = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc3\x00\x0b\x10" + struct.pack(">2HB", BIG, BIG, 1) + bytes(99)
J2K, JPEG = b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.4.70"

HOSTILE: dict[str, bytes] = {
    r"7.2 GB|7200000000 bytes are announced, 64": file_of(*image(BIG, BIG, native(64))),
    r"pixels are cut short: .* bytes are announced": file_of(
        *image(512, 512, native(64), frames=b"99999999")
    ),
    r"Rows is '0'": file_of(*image(0, 16, native(64))),
    r"Columns is '0'": file_of(*image(16, 0, native(64))),
    r"BitsAllocated is 9": file_of(*image(4, 4, native(64), bits=9)),
    r"NumberOfFrames is '-5'": file_of(*image(4, 4, native(64), frames=b"-5")),
    r"NumberOfFrames is '1e9 '": file_of(*image(4, 4, native(64), frames=b"1e9 ")),
    r"gives Rows twice": file_of(*image(4, 4, b"")[:4], *image(BIG, 4, native(64))[3:]),
    r"Columns is missing": file_of(*image(4, 4, b"")[:4], *image(4, 4, native(64))[5:]),
    r"\(7fe0,0010\) is 4.29 GB long, 64 bytes follow": file_of(
        *image(16, 16, explicit(0x7FE0, 0x10, b"OW", bytes(64), 0xFFFFFFF0))
    ),
    r"\(0009,1010\) is 4.03 GB long": file_of(
        explicit(9, 0x1010, b"OB", bytes(64), 0xF0000000), *image(4, 4, native(32))
    ),
    r"\(0008,103e\) is 65.5 kB long": file_of(
        explicit(8, 0x103E, b"LO", b"", 65534), *image(4, 4, native(32))
    ),
    r"\(0040,0275\) is 1.88 GB long": file_of(
        explicit(0x40, 0x275, b"SQ", b"", 0x70000000), *image(4, 4, native(32))
    ),
    r"\(0009,1010\) is 2.15 GB long": file_of(
        explicit(
            0x40,
            0x275,
            b"SQ",
            struct.pack("<2HI", 0xFFFE, 0xE000, 12) + explicit(9, 0x1010, b"OB", b"", 0x80000000),
        ),
        *image(4, 4, native(32)),
    ),
    r"more than 32 deep": file_of(nested(10_000), *image(4, 4, native(32))),
    r"no sequence of items": file_of(
        struct.pack("<2H2sH", 0x40, 0x275, b"SQ", 0) + UNDEFINED + explicit(8, 0x60, b"CS", b"CT"),
        *image(4, 4, native(32)),
    ),
    r"7.2 GB of pixels are announced, 200 bytes of compressed": file_of(
        *image(BIG, BIG, encapsulated(bytes(200))), syntax=J2K
    ),
    r"60000 x 60000 x 1 rows, columns and samples, not 512 x 512 x 1": file_of(
        *image(512, 512, encapsulated(J2K_HUGE)), syntax=J2K
    ),
    r"has 60000 x 60000 x 1 rows": file_of(*image(512, 512, encapsulated(JPEG_HUGE)), syntax=JPEG),
    r"compressed pixels are missing": file_of(*image(512, 512, encapsulated()), syntax=JPEG),
    r"breaks off within an element": file_of(*image(4, 4, explicit(0x7FE0, 0x10, b"OW", b"")[:9])),
    r"deflated data": file_of(syntax=b"1.2.840.10008.1.2.1.99")[:-10] + b"\xff" * 90,
}


def deflated_bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join([*(packer.compress(bytes(2**20)) for _ in range(300)), packer.flush()])
    return bytes(128) + b"DICM" + explicit(2, 0x10, b"UI", b"1.2.840.10008.1.2.1.99") + packed


@pytest.mark.parametrize("match", HOSTILE)
def test_what_is_said_of_a_hostile_file(tmp_path, match):
    (tmp_path / "slice.dcm").write_bytes(HOSTILE[match])
    with pytest.raises(InputError, match=match) as caught:
        check_dicom(tmp_path / "slice.dcm", "the file")
    assert str(caught.value).endswith(": copy or export it again")


def test_hostile_files_in_little_memory(tmp_path):
    paths = []
    for number, content in enumerate(HOSTILE.values()):
        (tmp_path / f"{number}").mkdir()
        paths.append(tmp_path / f"{number}" / "slice.dcm")
        paths[-1].write_bytes(content)
    for reader in ("io:read_volume", "io:read_label_map", "io:list_series"):
        places = [path.parent for path in paths] if reader == "io:list_series" else paths
        said = outcomes(places, f"LiverTumorAttentionLib.{reader}")
        assert [text for text in said if not text.startswith("InputError: ") or "\n" in text] == []


def test_deflated_bomb(tmp_path):
    (tmp_path / "slice.dcm").write_bytes(deflated_bomb())
    (said,) = outcomes([tmp_path / "slice.dcm"], mebibytes=400)
    assert said.startswith("InputError: ")


def test_one_hostile_file_among_slices_is_named(slices, tmp_path):
    folder = slices[0].parent
    (folder / "zzz").write_bytes(HOSTILE["Rows is '0'"])
    with pytest.warns(InputWarning, match=r"1 DICOM file without a readable image, damaged .* \('zzz'\)"):
        image = read_volume(folder)
    assert np.array_equal(sitk.GetArrayFromImage(image), body())


@pytest.mark.parametrize(
    ("keyword", "value", "match"),
    [
        ("ImagePositionPatient", [1.0, 2.0], r"ImagePositionPatient is '1.*2.0' in"),
        ("ImagePositionPatient", ["1e300"] * 3, r"ImagePositionPatient is '1e300"),
        ("ImageOrientationPatient", ["1e300", 0, 0, 0, 1, 0], r"ImageOrientationPatient is '1e300"),
        ("ImageOrientationPatient", [1, 0, 0, 0, 1], r"ImageOrientationPatient is"),
        ("ImageOrientationPatient", [0] * 6, r"ImageOrientationPatient is"),
    ],
)
def test_numbers_that_are_no_place(series, keyword, value, match, recwarn):
    paths = series(body(), change=lambda data, index: setattr(data, keyword, value))
    with pytest.raises(InputError, match=match):
        read_volume(paths[0].parent)
    assert [str(w.message) for w in recwarn if not issubclass(w.category, InputWarning | UserWarning)] == []


def test_series_larger_than_this_machine(series, monkeypatch):
    paths = series(body())
    monkeypatch.setattr(declared_size, "memory_limit_bytes", lambda: 2 * 4 * body().size - 1)
    with pytest.raises(
        InputError, match=r"'Abdomen' says that it holds 27.6 kB of voxels, more than the memory"
    ):
        read_volume(paths[0].parent)
    monkeypatch.setattr(declared_size, "memory_limit_bytes", lambda: 2 * 4 * body().size)
    read_volume(paths[0].parent)


def test_pipes_and_devices_in_a_dicom_folder(slices):
    folder = slices[0].parent
    os.mkfifo(folder / "pipe")
    (folder / "device").symlink_to("/dev/zero")
    assert outcomes([folder]) == [READ]
    (info,) = list_series(folder)
    assert "the named pipe 'pipe'" in info.left_out
    assert "the device 'device'" in info.left_out


def test_folder_whose_name_is_no_text(slices, tmp_path):
    folder = tmp_path / os.fsdecode(b"M\xfcller")
    slices[0].parent.rename(folder)
    assert outcomes([folder]) == [READ]


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"])
@pytest.mark.parametrize("undefined", [False, True])
def test_every_encoding_passes(series, tmp_path, syntax, undefined):
    data = pydicom.dcmread(series(body())[0])
    nested = pydicom.Dataset()
    nested.StudyComments = "x" * 17217  # in the implicit encoding, a length that spells a kind of value
    nested.PurposeOfReferenceCodeSequence = pydicom.Sequence([pydicom.Dataset()])
    data.RequestAttributesSequence = pydicom.Sequence([nested, nested])
    data["RequestAttributesSequence"].is_undefined_length = undefined
    data.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    save_dicom(data, tmp_path / "one.dcm", implicit=syntax == "1.2.840.10008.1.2")
    check_dicom(tmp_path / "one.dcm", "the file")


@pytest.mark.parametrize("offset", range(8))
def test_random_damage_is_refused_or_read(series, offset):
    """Bytes of a header changed at random: nothing but the library's own errors, and little memory."""
    paths = series(body((3, 24, 32)))
    draw = np.random.default_rng(offset)
    contents = [bytearray(path.read_bytes()) for path in paths]
    folder = paths[0].parent
    places = []
    for trial in range(12):
        target = folder.parent / f"trial{trial}"
        target.mkdir()
        for path, content in zip(paths, contents, strict=True):
            changed = bytearray(content)
            for place in draw.integers(132, len(changed) - 24 * 32 * 2, 3):
                changed[place] = draw.integers(256)
            (target / path.name).write_bytes(changed)
        places.append(target)
    for text in outcomes(places):
        assert text == READ or re.match("InputError: [^\n]*$", text)
