"""The bytes, millimeters and Hounsfield units are those of the file that was named, or it is refused."""

from __future__ import annotations

import errno
import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.io import (
    InputWarning,
    check_ct,
    check_writable,
    itk_reader,
    read_instances,
    read_volume,
    write_image,
)
from LiverTumorAttentionLib.io.data_files import files_below
from LiverTumorAttentionLib.io.volumes import read_image
from Testing.nifti_2 import as_nifti_2

QFORM, SFORM, VOX_OFFSET, MAGIC = 252, 280, 108, 344


def values(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


@pytest.fixture
def straight(ct: sitk.Image) -> sitk.Image:
    ct.SetDirection(np.eye(3).ravel().tolist())
    return ct


@pytest.fixture
def nifti(straight, tmp_path):
    """Return a writer of a NIfTI file whose header bytes are changed: {offset: (format, values…)}."""

    def write(changes: dict[int, tuple], name: str = "ct.nii") -> Path:
        sitk.WriteImage(straight, str(tmp_path / "whole.nii"))
        raw = bytearray((tmp_path / "whole.nii").read_bytes())
        (tmp_path / "whole.nii").unlink()
        for offset, (kind, *numbers) in changes.items():
            struct.pack_into(kind, raw, offset, *numbers)
        (tmp_path / name).write_bytes(raw)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    "name",
    ["CT.MHA", "ct.Mha", "CT.MHD", "CT.NRRD", "CT.NII", "ct.Nii", "ct.Nii.gz", "ct.nii.GZ", "CT.NII.GZ"],
)
def test_suffix_in_any_case_is_read(straight, tmp_path, name, capfd):
    sitk.WriteImage(straight, str(tmp_path / name.lower()))
    (tmp_path / name.lower()).rename(tmp_path / name)
    assert np.array_equal(values(read_volume(tmp_path / name)), values(straight))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["out.MHA", "out.Nii.gz", "OUT.NRRD", "out.seg.NRRD"])
def test_suffix_in_capitals_is_not_written(straight, tmp_path, name):
    with pytest.raises(OutputError, match=r"a name that ends in \.(mha|nii.gz|nrrd|seg.nrrd)$"):
        check_writable(tmp_path / name, suffixes=[".mha", ".nii.gz", ".nrrd", ".seg.nrrd"])
    if not name.endswith("seg.NRRD"):
        with pytest.raises(OutputError, match="a name that ends in"):
            write_image(tmp_path / name, straight)


@pytest.mark.parametrize(
    ("named", "neighbour"), [("ct.nii.gz", "ct.nii"), ("ct.nii", "ct.nii.gz"), ("CT.NII.GZ", "CT.NII")]
)
def test_neighbouring_nifti_is_not_taken(straight, tmp_path, named, neighbour):
    for name, image in ((named, straight), (neighbour, straight + 7)):
        sitk.WriteImage(image, str(tmp_path / name.lower()))
        (tmp_path / name.lower()).rename(tmp_path / name)
    assert np.array_equal(values(read_volume(tmp_path / named)), values(straight))


@pytest.mark.parametrize("offset", [0.0, 348.0, 351.0, float("inf"), float("nan"), 352.5, -1.0])
def test_vox_offset_inside_the_header(nifti, offset):
    with pytest.raises(InputError, match=r"voxels begin at byte .* correct vox_offset"):
        read_volume(nifti({VOX_OFFSET: ("<f", offset)}))


@pytest.mark.parametrize("magic", [b"ni1\0", b"\0\0\0\0"])
def test_header_of_a_pair(nifti, magic):
    with pytest.raises(InputError, match=r"header of a pair .* save it as one .nii.gz"):
        read_volume(nifti({MAGIC: ("4s", magic)}))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("values_of", ["int16", "scaled", "float32", "vectors"])
def test_nifti_2_is_read_as_nifti_1_is(nifti, straight, tmp_path, zipped, values_of):
    changes = {112: ("<2f", 2.0, -7.0)} if values_of == "scaled" else {}
    if values_of == "float32":
        straight = sitk.Cast(straight, sitk.sitkFloat32) + 0.25
        sitk.WriteImage(straight, str(tmp_path / "one.nii"))
    elif values_of == "vectors":
        straight = sitk.Compose([sitk.Cast(straight, sitk.sitkFloat32) + axis for axis in range(3)])
        sitk.WriteImage(straight, str(tmp_path / "one.nii"))
    else:
        nifti(changes, "one.nii")
    plain = (tmp_path / "one.nii").read_bytes()
    path = tmp_path / ("two.nii.gz" if zipped else "two.nii")
    path.write_bytes(gzip.compress(as_nifti_2(plain)) if zipped else as_nifti_2(plain))
    expected, image = read_image(tmp_path / "one.nii", "volume"), read_image(path, "volume")
    assert np.array_equal(values(image), values(expected))
    assert image.GetPixelID() == expected.GetPixelID()
    assert image.GetOrigin() == expected.GetOrigin()
    assert image.GetSpacing() == expected.GetSpacing()
    assert image.GetDirection() == expected.GetDirection()


@pytest.mark.parametrize(
    ("at", "content", "told"),
    [
        (4, b"n+2\0\n\x1a\n\0", "altered on its way, .* ends of lines does: copy it again"),
        (4, b"ni2\0\r\n\x1a\n", "header of a pair .* save it as one .nii.gz"),
        (168, struct.pack("<q", 352), "begin at byte 352 .* header of 544 bytes"),
        (168, struct.pack("<q", 2**40), "voxels begin at byte"),
        (24, struct.pack("<q", 2**33), r"damaged NIfTI header \(dimensions"),
        (344, struct.pack("<i", 2**20), r"damaged NIfTI header \(codes"),
        (400, struct.pack("<d", 1e300), r"no numbers \(sform\)"),
        (176, struct.pack("<d", 1e300), "scales its values by inf"),
    ],
)
def test_damaged_nifti_2(nifti, at, content, told):
    path = nifti({})
    raw = bytearray(as_nifti_2(path.read_bytes()))
    raw[at : at + len(content)] = content
    path.write_bytes(raw)
    with pytest.raises(InputError, match=told):
        read_volume(path)


def test_nifti_2_that_is_cut(nifti):
    path = nifti({})
    raw = as_nifti_2(path.read_bytes())
    for length in (300, 541, len(raw) - 1):
        path.write_bytes(raw[:length])
        with pytest.raises(InputError, match=r"is not a NIfTI file|truncated|breaks off|bytes"):
            read_volume(path)


def test_no_room_to_unpack_nifti_2(nifti, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = nifti({})
    path.write_bytes(as_nifti_2(path.read_bytes()))
    monkeypatch.setattr(itk_reader, "write_as_nifti_1", full)
    with pytest.raises(
        InputError, match=r"no room in .* to unpack the portal volume .* save the volume as NIfTI-1"
    ):
        read_volume(path)


@pytest.mark.parametrize("shift", [(SFORM + 12, 40.0), (SFORM + 12, 1.2)])
def test_sform_and_qform_far_apart(nifti, shift, straight):
    offset, mm = shift
    x = -straight.GetOrigin()[0] + mm
    with pytest.raises(
        InputError, match=f"two positions in the patient.* {mm:.1f} mm apart: export it again"
    ):
        read_volume(nifti({offset: ("<f", x)}))


def test_sform_and_qform_a_little_apart(nifti, straight):
    with pytest.warns(InputWarning, match="up to 0.30 mm apart; the sform is used"):
        image = read_volume(nifti({SFORM + 12: ("<f", -straight.GetOrigin()[0] + 0.3)}))
    assert image.GetOrigin()[0] == pytest.approx(straight.GetOrigin()[0] - 0.3, abs=1e-4)


def test_mirrored_sform(nifti):
    with pytest.raises(InputError, match="two positions in the patient"):
        read_volume(nifti({SFORM: ("<f", 0.7)}))


def test_two_voxel_sizes(nifti):
    with pytest.raises(InputError, match=r"0.7 x 0.8 x 2.5 mm in pixdim and 0.7 x 0.8 x 5 mm in its sform"):
        read_volume(nifti({SFORM + 40: ("<f", 5.0)}))


def test_no_orientation(nifti):
    with pytest.warns(InputWarning, match="does not say how it lies in the patient"):
        read_volume(nifti({QFORM: ("<2h", 0, 0)}))


@pytest.mark.parametrize("shear", [1e-4, 5e-4, 9e-4])
def test_slight_shear_is_read_with_a_warning(nifti, straight, shear):
    path = nifti({QFORM: ("<2h", 0, 1), SFORM + 8: ("<f", 2.5 * shear)})
    with pytest.warns(InputWarning, match="off right angles by .*nearest right-angled ones"):
        image = read_volume(path)
    axes = np.reshape(image.GetDirection(), (3, 3))
    assert np.abs(axes.T @ axes - np.eye(3)).max() < 1e-6
    assert np.abs(axes - np.eye(3)).max() < shear
    assert np.array_equal(values(image), values(straight))


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_slight_shear_in_other_formats(straight, tmp_path, suffix):
    straight.SetDirection((1, 0, 5e-4, 0, 1, 0, 0, 0, 1))
    sitk.WriteImage(straight, str(tmp_path / f"ct{suffix}"))
    with pytest.warns(InputWarning, match="off right angles by"):
        image = read_volume(tmp_path / f"ct{suffix}")
    axes = np.reshape(image.GetDirection(), (3, 3))
    assert np.abs(axes.T @ axes - np.eye(3)).max() < 1e-6


def test_more_shear_is_refused(nifti):
    with pytest.raises(InputError, match="not at right angles"):
        read_volume(nifti({QFORM: ("<2h", 0, 1), SFORM + 8: ("<f", 2.5 * 1.1e-3)}))


@pytest.mark.parametrize(
    ("suffix", "line"),
    [(".nrrd", b"space directions:"), (".mha", b"ElementSpacing ="), (".mhd", b"ElementSpacing =")],
)
def test_without_voxel_size(straight, tmp_path, suffix, line):
    path = tmp_path / f"ct{suffix}"
    sitk.WriteImage(straight, str(path))
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(text for text in lines if not text.startswith(line)))
    with pytest.raises(InputError, match="does not say how large its voxels are"):
        read_volume(path)


@pytest.mark.parametrize(
    "target", ["../secret.raw", "sub/secret.raw", "ABSOLUTE", "LIST", "../s%03d.raw 1 2 1"]
)
@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
def test_header_that_leads_elsewhere(straight, tmp_path, suffix, target):
    folder = tmp_path / "case"
    (folder / "sub").mkdir(parents=True)
    sitk.WriteImage(straight, str(folder / f"ct{suffix}"))
    data = folder / "ct.raw"
    for place in (tmp_path / "secret.raw", folder / "sub" / "secret.raw", tmp_path / "s001.raw"):
        place.write_bytes(data.read_bytes())
    secret = str(tmp_path / "secret.raw")
    text = target.replace("ABSOLUTE", secret).replace("LIST", f"LIST\n{secret}")
    header = (folder / f"ct{suffix}").read_text()
    assert "ct.raw" in header
    (folder / f"ct{suffix}").write_text(header.replace("ct.raw", text))
    with pytest.raises(InputError, match="is no file beside it: put both in one folder"):
        read_volume(folder / f"ct{suffix}")


def test_slices_listed_beside_the_header_are_read(straight, tmp_path):
    sitk.WriteImage(straight, str(tmp_path / "ct.mhd"))
    whole = (tmp_path / "ct.raw").read_bytes()
    step = len(whole) // 9
    names = [f"slice{index}.raw" for index in range(9)]
    for index, name in enumerate(names):
        (tmp_path / name).write_bytes(whole[index * step : (index + 1) * step])
    header = (tmp_path / "ct.mhd").read_text()
    (tmp_path / "ct.mhd").write_text(header.replace("ct.raw", "LIST\n" + "\n".join(names)))
    assert np.array_equal(values(read_volume(tmp_path / "ct.mhd")), values(straight))


@pytest.mark.parametrize("padding", [-2000, -1024, -3024])
def test_stored_values_beside_padding_are_no_hounsfield_units(ct, padding):
    hu = values(ct)
    hu[4, 8, 8] = 1500
    stored = hu + 1024
    stored[:, :2] = padding
    image = sitk.GetImageFromArray(stored)
    image.CopyInformation(ct)
    with pytest.raises(InputError, match="stored CT values without the rescale offset"):
        check_ct(image)


def test_links_are_followed_and_loops_end(tmp_path):
    store, case = tmp_path / "store", tmp_path / "case"
    (store / "a").mkdir(parents=True)
    case.mkdir()
    (store / "a" / "1").write_text("x")
    (case / "linked").symlink_to(store)
    (store / "a" / "up").symlink_to(case)
    (case / "file").symlink_to(store / "a" / "1")
    (case / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(case / "pipe")
    files, passed = files_below(case)
    assert [path.relative_to(case).as_posix() for path in files] == ["file", "linked/a/1"]
    assert passed == ["the broken link 'broken'", "the named pipe 'pipe'"]


def with_line(path: Path, before: bytes, line: bytes, *, without: bytes = b"") -> Path:
    """Write a line into a header, before the line that begins so; leave out those that begin with `without`."""
    lines = [text for text in path.read_bytes().split(b"\n") if not without or not text.startswith(without)]
    at = next(index for index, text in enumerate(lines) if text.startswith(before))
    path.write_bytes(b"\n".join([*lines[:at], line, *lines[at:]] if line else lines))
    return path


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'space units: "cm" "cm" "cm"', r"measures lengths in 'cm' \('space units'\), and only mm are read"),
        (b'units: "mm" "mm" "m"', r"measures lengths in 'm' \('units'\)"),
    ],
)
def test_nrrd_in_other_units_than_mm(straight, tmp_path, line, told):
    sitk.WriteImage(straight, str(tmp_path / "ct.nrrd"))
    with pytest.raises(InputError, match=told):
        read_volume(with_line(tmp_path / "ct.nrrd", b"kinds:", line))


def test_nrrd_in_mm_by_name(straight, tmp_path, recwarn):
    sitk.WriteImage(straight, str(tmp_path / "ct.nrrd"))
    read_volume(with_line(tmp_path / "ct.nrrd", b"kinds:", b'space units: "mm" "mm" "mm"'))
    assert not [warning for warning in recwarn if issubclass(warning.category, InputWarning)]


def test_nrrd_with_a_space_but_no_axes(straight, tmp_path):
    sitk.WriteImage(straight, str(tmp_path / "ct.nrrd"))
    path = with_line(tmp_path / "ct.nrrd", b"kinds:", b"spacings: 0.7 0.8 2.5", without=b"space directions:")
    with pytest.raises(
        InputError, match=r"names a space \(left-posterior-superior\), but no 'space directions'"
    ):
        read_volume(path)


@pytest.mark.parametrize(
    ("suffix", "line", "without", "told"),
    [
        (".nrrd", b"space: scanner-xyz", b"space: ", "its space is 'scanner-xyz'"),
        (".nrrd", b"space dimension: 3", b"space: ", "it names no space"),
        (".mha", b"", b"TransformMatrix", "it has no TransformMatrix"),
    ],
)
def test_header_that_does_not_say_how_the_axes_lie(straight, tmp_path, suffix, line, without, told):
    sitk.WriteImage(straight, str(tmp_path / f"ct{suffix}"))
    first = b"sizes:" if suffix == ".nrrd" else b"DimSize"
    path = with_line(tmp_path / f"ct{suffix}", first, line, without=without)
    with pytest.warns(InputWarning, match=rf"does not say how it lies in the patient \({told}\)"):
        read_volume(path)


@pytest.mark.parametrize(
    "line", [b"ElementToIntensityFunctionSlope = 2", b"ElementToIntensityFunctionOffset = -1024"]
)
def test_meta_image_whose_values_are_to_be_scaled(straight, tmp_path, line):
    sitk.WriteImage(straight, str(tmp_path / "ct.mha"))
    with pytest.raises(
        InputError, match=r"ElementToIntensityFunction\), which is not done: save it with the values"
    ):
        read_volume(with_line(tmp_path / "ct.mha", b"ElementType", line))


def test_layers_of_a_label_map_are_not_told_to_be_a_ct(straight, tmp_path):
    path = tmp_path / "layers.nii.gz"
    sitk.WriteImage(sitk.JoinSeries([straight == 1, straight == 2]), str(path))
    with pytest.raises(InputError, match=r"several|series of them"):
        read_instances(path)
    vectors = sitk.Compose([straight == 1, straight == 2])
    sitk.WriteImage(vectors, str(tmp_path / "layers.nrrd"))
    with pytest.raises(InputError, match=r"several layers.*: choose one with a single value in each voxel"):
        read_instances(tmp_path / "layers.nrrd")
