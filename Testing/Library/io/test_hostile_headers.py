"""Headers that would crash a native reader, have it allocate gigabytes, or lead it elsewhere: each is one line."""

from __future__ import annotations

import gzip
import os
import re
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import declared_size, read_label_map, read_volume
from LiverTumorAttentionLib.io.declared_size import check_memory
from LiverTumorAttentionLib.io.seg_nrrd import write_layers
from LiverTumorAttentionLib.memory import memory_limit_bytes
from Testing.Library.io.bounded_reading import READ, outcomes

LONG = "x" * 5000
BITPIX, DATATYPE, DIM, VOX_OFFSET, SLOPE = 72, 70, 40, 108, 112


def written(folder: Path, image: sitk.Image, name: str, *, compressed: bool = False) -> Path:
    sitk.WriteImage(image, str(folder / name), useCompression=compressed)
    return folder / name


def with_line(path: Path, key: str, line: str | None, *, separator: str = ": ") -> Path:
    """Replace the line of a field in a header, add it behind the second line, or (None) take it away."""
    head, end, voxels = path.read_bytes().partition(b"\n\n" if separator == ": " else b"ElementDataFile")
    lines = [text for text in head.decode().split("\n") if not text.startswith(key + separator.rstrip(" "))]
    if (len(lines) < head.count(b"\n") + 1 and line is not None) or line is not None:
        lines.insert(2, line)
    path.write_bytes("\n".join(lines).encode() + end + voxels)
    return path


def one_line(said: str) -> bool:
    return said.startswith("InputError: ") and "\n" not in said and len(said) < 700


def assert_refused(paths: list[Path], reader: str = "LiverTumorAttentionLib.io:read_volume") -> None:
    said = dict(zip([path.name for path in paths], outcomes(paths, reader), strict=True))
    assert {name: text for name, text in said.items() if not one_line(text)} == {}


NRRD_LINES = [
    f"space origin: {LONG}",
    "space origin: (0,0)",
    "space origin: (nan,0,0)",
    f"space directions: {LONG}",
    f"space directions: ({LONG},0,0) (0,1,0) (0,0,1)",
    f"space directions: (1,0,0) (0,1,0) (0,0,{'1' * 900})",
    "space directions: (1,0,0) (0,1,0)",
    f"kinds: {LONG}",
    "kinds: domain domain",
    f"sizes: {LONG}",
    "sizes: 0 24 9",
    "sizes: -1 24 9",
    f"sizes: {'9' * 400} 24 9",
    "sizes: 32 24",
    "sizes: 1500 1500 1500",
    "sizes: 999999999 999999999 999999999",
    "dimension: 99999",
    "dimension: 0",
    f"dimension: {LONG}",
    f"type: {LONG}",
    "type: block",
    f"encoding: {LONG}",
    "encoding: bzip2",
    "encoding: gzip",
    f"endian: {LONG}",
    "endian: middle",
    f"space: {LONG}",
    f"space dimension: {LONG}",
    f"byte skip: {LONG}",
    "byte skip: -5",
    "byte skip: 9999999999",
    "line skip: 99999999",
    f"content: {LONG}",
    f"labels: {LONG}",
    f"units: {LONG}",
    f"centers: {LONG}",
    f"thicknesses: {LONG}",
    f"old min: {LONG}",
    f"measurement frame: {LONG}",
    f"unknown field: {LONG}",
    LONG,
    f"{LONG}: x",
    "type: short\ntype: short",
    f"data file: {LONG}",
    f"spacings: {' '.join(['1' * 20] * 30)} x",
    f"space directions: ({','.join(['1' * 20] * 30)}",
    f"measurement frame: {' '.join(['(-1,-1,-1)'] * 60)} x",
    f"labels: {' '.join(['&'] * 300)}".replace("&", '""') + " x",
    "data file: LIST",
    "data file: /dev/zero",
]


def test_nrrd_fields(ct, tmp_path):
    paths = []
    for number, line in enumerate(NRRD_LINES):
        path = written(tmp_path, ct, f"{number}.nrrd")
        paths.append(with_line(path, line.partition(": ")[0], line))
    assert_refused(paths)
    for path in paths:
        path.rename(path.with_suffix(".seg.nrrd"))
    assert_refused(
        [path.with_suffix(".seg.nrrd") for path in paths], "LiverTumorAttentionLib.io:read_label_map"
    )


def test_nrrd_headers_without_end(ct, tmp_path):
    texts = {
        "short.nrrd": b"NRRD0004\n",
        "magic.nrrd": b"NRRD9999\ntype: short\n\n",
        "line.nrrd": b"NRRD0004\n" + b"#" * 17 * 2**20,
        "pairs.nrrd": b"NRRD0004\n" + b"key:=value\n" * 200_000,
        "nothing.nrrd": b"NRRD0004\n" + bytes(10_000),
    }
    for name, content in texts.items():
        (tmp_path / name).write_bytes(content)
    assert_refused([tmp_path / name for name in texts])


META_LINES = [
    "NDims = 5000",
    "NDims = 0",
    f"NDims = {LONG}",
    "DimSize = 1500 1500 1500",
    "DimSize = 32 24",
    "DimSize = 0 24 9",
    "DimSize = -32 24 9",
    f"DimSize = 32 24 9{' 1' * 5000}",
    "DimSize = 999999999 999999999 999999999",
    f"ElementType = MET_{LONG}",
    "ElementType = MET_SHORT_ARRAY",
    f"ElementSpacing = {LONG}",
    "ElementSpacing = 1 1",
    f"TransformMatrix = {'1 ' * 5000}",
    "TransformMatrix = 1 0 0 0 nan 0 0 0 1",
    "Offset = inf 0 0",
    f"Offset = {'1' * 5000} 0 0",
    f"{LONG} = 3",
    f"Comment = {'y' * 50_000}",
    "ElementNumberOfChannels = 0",
    "ElementNumberOfChannels = 99999999",
    "CompressedData = True",
    "CompressedData = True\nCompressedDataSize = 99999999999",
    "HeaderSize = -7",
    "HeaderSize = 10",
    "HeaderSize = 999999999",
    f"AnatomicalOrientation = {LONG}",
    f"Offset = {' '.join(['-1'] * 500)} x",
    f"TransformMatrix = {' '.join(['1' * 20] * 100)} x",
]


def test_meta_fields(ct, tmp_path):
    paths = []
    for number, line in enumerate(META_LINES):
        path = written(tmp_path, ct, f"{number}.mha")
        paths.append(with_line(path, line.partition(" = ")[0], line, separator=" = "))
    assert_refused(paths)


def nifti(folder: Path, image: sitk.Image, name: str, changes: dict[int, tuple]) -> Path:
    raw = bytearray(written(folder, image, "whole.nii").read_bytes())
    (folder / "whole.nii").unlink()
    for offset, (kind, *numbers) in changes.items():
        struct.pack_into(kind, raw, offset, *numbers)
    (folder / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return folder / name


NIFTI_CHANGES: list[dict[int, tuple]] = [
    {BITPIX: ("<h", 0)},
    {BITPIX: ("<h", 1)},
    {BITPIX: ("<h", 8)},
    {BITPIX: ("<h", -16)},
    {DATATYPE: ("<2h", 1, 1)},
    {DATATYPE: ("<2h", 1536, 128)},
    {DATATYPE: ("<2h", 9999, 16)},
    {DIM: ("<h", 0)},
    {DIM: ("<h", 8)},
    {DIM: ("<h", -3)},
    {DIM + 2: ("<h", 0)},
    {DIM + 2: ("<h", -32)},
    {DIM + 2: ("<3h", 1500, 1500, 1500)},
    {DIM: ("<8h", 7, *[32767] * 7)},
    {VOX_OFFSET: ("<f", float("inf"))},
    {VOX_OFFSET: ("<f", float("nan"))},
    {VOX_OFFSET: ("<f", 2.0**31)},
    {VOX_OFFSET: ("<f", 2.0**27)},
    {SLOPE: ("<f", float("nan"))},
    {SLOPE: ("<f", float("inf"))},
    {SLOPE + 4: ("<f", float("nan"))},
]


def test_nifti_fields(ct, tmp_path):
    ct.SetDirection(np.eye(3).ravel().tolist())
    names = [(number, suffix) for number in range(len(NIFTI_CHANGES)) for suffix in (".nii", ".nii.gz")]
    assert_refused([nifti(tmp_path, ct, f"{k}{suffix}", NIFTI_CHANGES[k]) for k, suffix in names])


@pytest.mark.parametrize("bits", [0, 1])
def test_bits_that_hide_what_is_missing(ct, tmp_path, bits):
    ct.SetDirection(np.eye(3).ravel().tolist())
    path = nifti(tmp_path, ct, "ct.nii", {BITPIX: ("<h", bits)})
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(
        InputError, match=rf"a voxel has {bits} bits \(bitpix\).* 4 has 16: .* correct bitpix"
    ):
        read_volume(path)


def zeros(mebibytes: int, *, window: int = 31) -> bytes:
    """Return a gzip (31) or zlib (15) stream of so many MiB of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    return b"".join([*(packer.compress(bytes(2**20)) for _ in range(mebibytes)), packer.flush()])


def test_streams_that_unpack_to_more_than_declared(ct, tmp_path):
    bomb = zeros(150)
    head = nifti(tmp_path, ct, "ct.nii", {}).read_bytes()[:352]
    (tmp_path / "ct.nii").unlink()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(head) + bomb)
    (tmp_path / "b.nrrd").write_bytes(
        with_line(written(tmp_path, ct, "b.nrrd"), "encoding", "encoding: gzip")
        .read_bytes()
        .partition(b"\n\n")[0]
        + b"\n\n"
        + bomb
    )
    path = with_line(
        written(tmp_path, ct, "c.mha"), "CompressedData", "CompressedData = True", separator=" = "
    )
    local = b"ElementDataFile = LOCAL\n"
    path.write_bytes(path.read_bytes().partition(local)[0] + local + zeros(150, window=15))
    assert_refused([tmp_path / name for name in ("a.nii.gz", "b.nrrd", "c.mha")])
    with pytest.raises(InputError, match=r"unpacks to far more than the 13.8 kB that its header declares"):
        read_volume(tmp_path / "b.nrrd")


def test_streams_as_large_as_declared_but_not_this_machine(ct, tmp_path):
    bomb = zeros(256)
    sizes = (512, 512, 512)
    nifti(tmp_path, ct, "ct.nii", {DIM + 2: ("<3h", *sizes)})
    head = (tmp_path / "ct.nii").read_bytes()[:352]
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(head) + bomb)
    path = with_line(written(tmp_path, ct, "b.nrrd"), "encoding", "encoding: gzip")
    with_line(path, "sizes", "sizes: " + " ".join(map(str, sizes)))
    path.write_bytes(path.read_bytes().partition(b"\n\n")[0] + b"\n\n" + bomb)
    said = outcomes([tmp_path / "a.nii.gz", path])
    for text in said:
        assert re.search(r"holds 268 MB of voxels, more than the memory of this machine can take \(\d", text)


def test_memory_of_the_machine():
    limit = memory_limit_bytes()
    assert limit is not None
    assert limit > 2**28
    check_memory(limit // 4, "the file")
    with pytest.raises(InputError, match=r"the file says that it holds .* more than the memory"):
        check_memory(limit, "the file")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".mhd", ".nhdr"])
def test_compressed_files_cut_or_altered(ct, tmp_path, suffix):
    whole = written(tmp_path, ct, f"ct{suffix}", compressed=True)
    data = next(
        (tmp_path / f"ct{end}" for end in (".zraw", ".raw.gz") if (tmp_path / f"ct{end}").exists()), whole
    )
    content = data.read_bytes()
    assert np.array_equal(sitk.GetArrayFromImage(read_volume(whole)), sitk.GetArrayFromImage(ct))
    flipped = bytearray(content)
    flipped[-100] ^= 255
    for changed in (content[: len(content) // 2 + 300], content[:-1], bytes(flipped)):
        data.write_bytes(changed)
        with pytest.raises(InputError, match="is cut short"):
            read_volume(whole)


@pytest.mark.parametrize("kept", [1.0, 0.5])
def test_compressed_meta_image_without_its_length(ct, tmp_path, kept):
    path = written(tmp_path, ct, "ct.mha", compressed=True)
    content = with_line(path, "CompressedDataSize", None, separator=" = ").read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(
        InputError, match=r"damaged MetaImage header \(it is compressed, but CompressedDataSize is missing\)"
    ):
        read_volume(path)


@pytest.mark.parametrize("piece", [1, 7, 2**16])
def test_gzip_in_several_members_is_read(ct, tmp_path, monkeypatch, piece):
    monkeypatch.setattr(declared_size, "PACKED_CHUNK_BYTES", piece)
    ct.SetDirection(np.eye(3).ravel().tolist())
    raw = written(tmp_path, ct, "ct.nii").read_bytes()
    (tmp_path / "ct.nii").unlink()
    (tmp_path / "ct.nii.gz").write_bytes(gzip.compress(raw[:400]) + gzip.compress(raw[400:]))
    assert np.array_equal(
        sitk.GetArrayFromImage(read_volume(tmp_path / "ct.nii.gz")), sitk.GetArrayFromImage(ct)
    )


def test_gzip_of_empty_members_without_end(ct, tmp_path):
    ct.SetDirection(np.eye(3).ravel().tolist())
    raw = nifti(tmp_path, ct, "ct.nii", {}).read_bytes()
    (tmp_path / "ct.nii").unlink()
    (tmp_path / "ct.nii.gz").write_bytes(gzip.compress(raw[:352]) + gzip.compress(b"") * 200_000)
    (said,) = outcomes([tmp_path / "ct.nii.gz"])
    assert one_line(said)


@pytest.mark.parametrize("encoding", ["ascii", "hex"])
def test_text_encodings_of_nrrd_are_read(ct, tmp_path, encoding):
    path = with_line(written(tmp_path, ct, "ct.nrrd"), "encoding", f"encoding: {encoding}")
    head, _, raw = path.read_bytes().partition(b"\n\n")
    values = np.frombuffer(raw, "<i2")
    text = raw.hex() if encoding == "hex" else " ".join(map(str, values))
    path.write_bytes(head + b"\n\n" + text.encode())
    assert np.array_equal(sitk.GetArrayFromImage(read_volume(path)), sitk.GetArrayFromImage(ct))
    path.write_bytes(head + b"\n\n" + text.encode()[:6000])
    with pytest.raises(InputError, match="cut short"):
        read_volume(path)


@pytest.mark.parametrize("skip", ["byte skip: 7", "line skip: 1", "byte skip: -1"])
def test_skipped_bytes_of_nrrd_are_read(ct, tmp_path, skip):
    path = with_line(written(tmp_path, ct, "ct.nrrd"), "x", skip)
    head, _, raw = path.read_bytes().partition(b"\n\n")
    path.write_bytes(head + b"\n\n" + b"before\n" + raw)
    assert np.array_equal(sitk.GetArrayFromImage(read_volume(path)), sitk.GetArrayFromImage(ct))
    path.write_bytes(head + b"\n\n" + b"before\n" + raw[:-20])
    with pytest.raises(InputError, match="cut short"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
def test_data_behind_a_link_that_leads_out(ct, tmp_path, suffix):
    folder = tmp_path / "case"
    folder.mkdir()
    path = written(folder, ct, f"ct{suffix}")
    (folder / "ct.raw").rename(tmp_path / "secret.raw")
    (folder / "ct.raw").symlink_to(tmp_path / "secret.raw")
    with pytest.raises(InputError, match=r"'ct.raw', which is no file beside it: put both in one folder"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
def test_data_beside_a_linked_header_are_read(ct, tmp_path, suffix):
    (tmp_path / "store").mkdir()
    written(tmp_path / "store", ct, f"ct{suffix}")
    (tmp_path / "case").mkdir()
    for name in (f"ct{suffix}", "ct.raw"):
        (tmp_path / "case" / name).symlink_to(tmp_path / "store" / name)
    image = read_volume(tmp_path / "case" / f"ct{suffix}")
    assert np.array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(ct))


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
def test_data_that_are_a_pipe(ct, tmp_path, suffix):
    path = written(tmp_path, ct, f"ct{suffix}")
    (tmp_path / "ct.raw").unlink()
    os.mkfifo(tmp_path / "ct.raw")
    (said,) = outcomes([path])
    assert "needs the file 'ct.raw' beside it, but that is a named pipe" in said


def not_files(folder: Path) -> dict[str, Path]:
    os.mkfifo(folder / "pipe.nii.gz")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "socket.mha"))
    listening.close()
    (folder / "device.nrrd").symlink_to("/dev/zero")
    (folder / "folder.nii.gz").mkdir()
    return {
        "is a named pipe, not a file": folder / "pipe.nii.gz",
        "is a socket, not a file": folder / "socket.mha",
        "is a device, not a file": folder / "device.nrrd",
        "is an? (empty )?folder": folder / "folder.nii.gz",
    }


@pytest.mark.parametrize("reader", ["read_volume", "read_label_map", "read_instances", "read_vessel_labels"])
def test_what_is_no_file(tmp_path, reader):
    places = not_files(tmp_path)
    said = outcomes(list(places.values()), f"LiverTumorAttentionLib.io:{reader}")
    for match, text in zip(places, said, strict=True):
        assert one_line(text)
        assert re.search(match, text)


BAD_NAME = os.fsdecode(b"M\xfcller")


@pytest.mark.parametrize("place", [BAD_NAME + "/ct{}", BAD_NAME + "{}", BAD_NAME + "/" + BAD_NAME + "{}"])
def test_name_in_another_encoding(ct, tmp_path, place):
    ct.SetDirection(np.eye(3).ravel().tolist())
    paths = []
    for suffix in (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"):
        good = tmp_path / f"good{suffix}"
        sitk.WriteImage(ct, str(good))
        path = tmp_path / place.format(suffix)
        path.parent.mkdir(exist_ok=True)
        good.rename(path)
        if suffix == ".mhd":
            (tmp_path / "good.raw").rename(path.parent / "good.raw")
        paths.append(path)
    assert outcomes(paths) == [READ] * len(paths)


@pytest.mark.parametrize("name", ["a\0b.nii.gz", "a\ud800b.nii.gz", "x" * 5000 + ".nii.gz"])
@pytest.mark.parametrize("read", [read_volume, read_label_map])
def test_name_that_no_system_takes(tmp_path, name, read: Callable[[Path], sitk.Image]):
    with pytest.raises(InputError, match="does not exist: check the path") as caught:
        read(tmp_path / name)
    str(caught.value).encode()
    assert "\0" not in str(caught.value)


def with_pairs(path: Path, instances: sitk.Image, pairs: dict[str, str]) -> Path:
    layers = sitk.GetArrayFromImage(instances)[np.newaxis].astype(np.uint8)
    named = {"Segment0_Name": "Liver", "Segment0_LabelValue": "1", "Segment0_Layer": "0"}
    write_layers(path, layers, instances, {**named, **pairs})
    return path


GEOMETRY = "Reference image geometry|{};|x&"


@pytest.mark.parametrize(
    "pairs",
    [
        {"Segmentation_ConversionParameters": GEOMETRY.format("1.2.3;e;-" + ";1" * 19)},
        {"Segmentation_ConversionParameters": GEOMETRY.format(";".join(["1e999"] * 22))},
        {"Segmentation_ReferenceImageExtentOffset": "a b c"},
        {"Segmentation_ReferenceImageExtentOffset": "9" * 400 + " 0 0"},
        {"Segment0_Extent": "9" * 400},
        {"Segment0_Color": "nan"},
        {"Segment0_Tags": "TerminologyEntry:" + "~^" * 5000 + "|"},
    ],
)
def test_pairs_of_a_segmentation_that_mean_nothing(instances, tmp_path, pairs):
    pairs = {"Segmentation_ReferenceImageExtentOffset": "0 0 0", **pairs}
    path = with_pairs(tmp_path / "s.seg.nrrd", instances, pairs)
    assert np.array_equal(
        sitk.GetArrayFromImage(read_label_map(path)), sitk.GetArrayFromImage(instances) == 1
    )


def test_reference_grid_larger_than_this_machine(instances, tmp_path):
    """The grid that a cropped segmentation is padded to is declared, too."""
    columns = (
        np.diag([-1.0, -1.0, 1.0]) @ np.reshape(instances.GetDirection(), (3, 3)) * instances.GetSpacing()
    )
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = columns, np.array([-1, -1, 1]) * instances.GetOrigin()
    numbers = [*matrix.ravel(), -3000, 3000, -3000, 3000, -3000, 3000]
    pairs = {
        "Segmentation_ConversionParameters": GEOMETRY.format(";".join(f"{value:.17g}" for value in numbers)),
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    (said,) = outcomes(
        [with_pairs(tmp_path / "s.seg.nrrd", instances, pairs)], "LiverTumorAttentionLib.io:read_label_map"
    )
    assert re.search(
        "with its reference grid says that it holds 216 GB of voxels, more than the memory", said
    )


def test_more_segments_than_any_file_has(instances, tmp_path):
    pairs = {f"Segment{index}_Name": "Tumor" for index in range(1, 3000)}
    with pytest.raises(InputError, match="names 3000 segments, at most 2000 are read: save those"):
        read_label_map(with_pairs(tmp_path / "s.seg.nrrd", instances, pairs))


def test_many_segments_take_the_memory_of_one(tmp_path):
    voxels = np.zeros((100, 200, 200), np.uint8)
    voxels[50, 50, 50] = 1
    pairs = {f"Segment{index}_Name": "Tumor" for index in range(1, 200)}
    path = with_pairs(tmp_path / "s.seg.nrrd", sitk.GetImageFromArray(voxels), pairs)
    assert outcomes([path], "LiverTumorAttentionLib.io:read_label_map") == [READ]


def png(columns: int, rows: int, bits: int = 8, color: int = 0) -> bytes:
    chunks = b""
    head = struct.pack(">2I5B", columns, rows, bits, color, 0, 0, 0)
    for kind, content in ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(99)))):
        chunks += (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunks
        + struct.pack(">I", 0)
        + b"IEND"
        + struct.pack(">I", zlib.crc32(b"IEND"))
    )


def test_pictures(tmp_path):
    contents = {
        "wide.png": png(60_000, 60_000),
        "none.png": png(0, 9),
        "text.png": b"P5 1 1 255 x",
        "empty.png": b"",
        "wide.jpg": b"\xff\xd8\xff\xc0\x00\x0b\x08" + struct.pack(">2HB", 65_000, 65_000, 3) + bytes(20),
        "cut.jpg": b"\xff\xd8\xff\xe0",
        "other.tif": b"II*\0" + bytes(99),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    said = outcomes([tmp_path / name for name in contents], "Testing.Library.io.bounded_reading:read_picture")
    assert [text for text in said if not one_line(text)] == []


@pytest.mark.parametrize("suffix", [".mha", ".nrrd"])
def test_free_text_under_a_name_that_is_no_text(ct, tmp_path, suffix):
    path = written(tmp_path, ct, f"ct{suffix}")
    line, end = (
        (b"Caf\xe9 = Doe^Jane\n", b"ElementDataFile")
        if suffix == ".mha"
        else (b"\nCaf\xe9:=Doe^Jane", b"\n\n")
    )
    path.write_bytes(path.read_bytes().replace(end, line + end, 1))
    image = read_volume(path)
    assert np.array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(ct))
    assert image.GetMetaDataKeys() == ()
