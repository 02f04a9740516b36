"""Files that are read, and files that are refused with one plain line."""

from __future__ import annotations

import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import check_ct, read_probability, read_volume, write_image
from LiverTumorAttentionLib.voxels.geometry import same_grid

PIXDIM = 76
"""Byte offset of pixdim[0] in a NIfTI-1 header."""


def refuse(path: Path, match: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=match) as caught:
        read_volume(path, name="arterial volume")
    message = str(caught.value)
    assert message.startswith(("the arterial volume", "the axes of the arterial volume"))
    assert str(path) in message
    assert "\n" not in message
    assert "itk" not in message.lower()
    assert capfd.readouterr() == ("", ""), "nothing may be printed beside the one line"


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
@pytest.mark.parametrize("compressed", [False, True])
def test_every_format_gives_the_same_volume(ct, tmp_path, suffix, compressed):
    sitk.WriteImage(ct, str(tmp_path / f"ct{suffix}"), useCompression=compressed)
    image = read_volume(tmp_path / f"ct{suffix}")
    assert np.array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(ct))
    assert same_grid(image, ct)
    assert image.GetPixelID() == sitk.sitkInt16


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        (sitk.sitkInt32, sitk.sitkInt16),
        (sitk.sitkFloat64, sitk.sitkFloat32),
        (sitk.sitkFloat32, sitk.sitkFloat32),
        (sitk.sitkInt64, sitk.sitkInt16),
    ],
)
def test_voxels_become_int16_or_float32(ct, tmp_path, stored, read):
    sitk.WriteImage(sitk.Cast(ct, stored), str(tmp_path / "ct.nrrd"))
    assert read_volume(tmp_path / "ct.nrrd").GetPixelID() == read


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_free_text_of_the_header_reaches_no_other_file(ct, tmp_path, suffix):
    for key in ("descrip", "aux_file", "intent_name", "ITK_FileNotes", "PatientName"):
        ct.SetMetaData(key, "Doe^Jane")
    sitk.WriteImage(ct, str(tmp_path / f"ct{suffix}"))
    raw = (tmp_path / f"ct{suffix}").read_bytes()
    assert b"Doe" in (gzip.decompress(raw) if suffix == ".nii.gz" else raw), "the input names the patient"
    write_image(tmp_path / "copy.nii", read_volume(tmp_path / f"ct{suffix}"))
    write_image(tmp_path / "copy.nrrd", read_volume(tmp_path / f"ct{suffix}"))
    assert b"Doe" not in (tmp_path / "copy.nii").read_bytes() + (tmp_path / "copy.nrrd").read_bytes()


def test_whole_numbers_beyond_int16_are_kept(ct, tmp_path):
    sitk.WriteImage(sitk.Cast(ct, sitk.sitkInt32) + 40000, str(tmp_path / "ct.nrrd"))
    assert sitk.GetArrayFromImage(read_volume(tmp_path / "ct.nrrd")).max() == 40119


def test_nifti_with_scale_is_rescaled(ct, tmp_path):
    sitk.WriteImage(ct, str(tmp_path / "ct.nii"))
    raw = bytearray((tmp_path / "ct.nii").read_bytes())
    struct.pack_into("<2f", raw, 112, 0.5, -24.0)
    (tmp_path / "ct.nii").write_bytes(raw)
    expected = sitk.GetArrayFromImage(ct) * 0.5 - 24
    assert np.array_equal(sitk.GetArrayFromImage(read_volume(tmp_path / "ct.nii")), expected)


def test_itk_says_nothing_on_stderr(ct, tmp_path, capfd):
    """A sform whose columns are a little longer than the voxels makes ITK print warnings."""
    ct.SetDirection(np.eye(3).ravel().tolist())
    sitk.WriteImage(ct, str(tmp_path / "ct.nii"))
    raw = bytearray((tmp_path / "ct.nii").read_bytes())
    struct.pack_into("<f", raw, PIXDIM + 4, 0.703)
    (tmp_path / "ct.nii").write_bytes(raw)
    read_volume(tmp_path / "ct.nii")
    assert capfd.readouterr() == ("", "")


def test_nifti_with_sheared_axes(ct, tmp_path, capfd):
    ct.SetDirection(np.eye(3).ravel().tolist())
    sitk.WriteImage(ct, str(tmp_path / "ct.nii"))
    raw = bytearray((tmp_path / "ct.nii").read_bytes())
    struct.pack_into("<2h", raw, 252, 0, 1)  # sform alone
    struct.pack_into("<f", raw, 280 + 4, 0.4)
    (tmp_path / "ct.nii").write_bytes(raw)
    refuse(tmp_path / "ct.nii", "right angles", capfd)


def test_missing_file(tmp_path, capfd):
    refuse(tmp_path / "nothing.nii.gz", "does not exist", capfd)


def test_path_through_a_file(tmp_path, capfd):
    (tmp_path / "file").write_text("x")
    refuse(tmp_path / "file" / "ct.nii.gz", "does not exist", capfd)


def test_empty_folder(tmp_path, capfd):
    refuse(tmp_path, "empty folder", capfd)


def test_folder_without_dicom(tmp_path, capfd):
    (tmp_path / "a.txt").write_text("not DICOM" * 50)
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    refuse(tmp_path, "2 files, none of them DICOM", capfd)


def test_empty_file(tmp_path, capfd):
    (tmp_path / "ct.nii.gz").touch()
    refuse(tmp_path / "ct.nii.gz", "empty file", capfd)


@pytest.mark.parametrize("name", ["ct.nii.gz", "ct.nii", "ct.nrrd", "ct.mha", "ct.mhd"])
def test_text_with_the_name_of_a_volume(tmp_path, capfd, name):
    (tmp_path / name).write_text("this is no volume\n" * 60)
    refuse(tmp_path / name, "not a (gzip|NIfTI|NRRD|MetaImage) file", capfd)


def test_unknown_kind_of_file(tmp_path, capfd):
    (tmp_path / "ct.xyz").write_text("this is no volume\n" * 60)
    refuse(tmp_path / "ct.xyz", "neither DICOM nor one of .nii, .nii.gz", capfd)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["ct.nii.gz", "ct.nii", "ct.nrrd", "ct.mha", "ct.mhd"])
@pytest.mark.parametrize("kept", [0.3, 0.98])
def test_truncated_file(ct, tmp_path, capfd, name, compressed, kept):
    sitk.WriteImage(ct, str(tmp_path / name), useCompression=compressed)
    data = tmp_path / ("ct.zraw" if compressed else "ct.raw") if name == "ct.mhd" else tmp_path / name
    whole = data.read_bytes()
    data.write_bytes(whole[: int(kept * len(whole))])
    refuse(tmp_path / name, "cut short|cannot be read|not a MetaImage file", capfd)


def test_damaged_gzip(ct, tmp_path, capfd):
    sitk.WriteImage(ct, str(tmp_path / "ct.nii.gz"))
    raw = bytearray((tmp_path / "ct.nii.gz").read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    (tmp_path / "ct.nii.gz").write_bytes(raw)
    refuse(tmp_path / "ct.nii.gz", "cut short|damaged", capfd)


def test_header_without_its_data(ct, tmp_path, capfd):
    sitk.WriteImage(ct, str(tmp_path / "ct.mhd"))
    (tmp_path / "ct.raw").unlink()
    refuse(tmp_path / "ct.mhd", "needs the file 'ct.raw' beside it", capfd)


@pytest.mark.parametrize("value", [0.0, -2.5, float("nan"), float("inf")])
@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_nifti_spacing(ct, tmp_path, capfd, name, axis, value):
    sitk.WriteImage(ct, str(tmp_path / "ct.nii"))
    raw = bytearray((tmp_path / "ct.nii").read_bytes())
    struct.pack_into("<f", raw, PIXDIM + 4 * axis, value)
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    refuse(tmp_path / name, "voxel size of .* above zero", capfd)


@pytest.mark.parametrize("spacing", [3.0, 0.0])
def test_big_endian_nifti(tmp_path, capfd, spacing):
    """The other byte order is understood: values and spacing are read, and a bad spacing is seen."""
    head = bytearray(352)
    struct.pack_into(">i", head, 0, 348)
    struct.pack_into(">8h", head, 40, 3, 5, 4, 3, 1, 1, 1, 1)
    struct.pack_into(">2h", head, 70, 4, 16)
    struct.pack_into(">8f", head, PIXDIM, 1, 1, 2, spacing, 1, 1, 1, 1)
    struct.pack_into(">f", head, 108, 352)
    head[344:348] = b"n+1\0"
    voxels = np.arange(60, dtype=">i2")
    (tmp_path / "ct.nii").write_bytes(bytes(head) + voxels.tobytes())
    if spacing == 0:
        refuse(tmp_path / "ct.nii", "voxel size of 1 x 2 x 0 mm", capfd)
        return
    image = read_volume(tmp_path / "ct.nii")
    assert image.GetSpacing() == (1, 2, 3)
    assert np.array_equal(sitk.GetArrayFromImage(image).ravel(), np.arange(60))


def test_name_in_capitals_with_spaces_and_accents(ct, tmp_path):
    sitk.WriteImage(ct, str(tmp_path / "ct.nii.gz"))
    (tmp_path / "ct.nii.gz").rename(tmp_path / "Foie artériel 1.NII.GZ")
    assert same_grid(read_volume(tmp_path / "Foie artériel 1.NII.GZ"), ct)


@pytest.mark.parametrize("vectors", ["(0,0,0) (0,2,0) (0,0,3)", "(1,0,0) (0,nan,0) (0,0,3)"])
def test_nrrd_spacing(ct, tmp_path, capfd, vectors):
    ct.SetDirection(np.eye(3).ravel().tolist())
    ct.SetSpacing((1, 2, 3))
    sitk.WriteImage(ct, str(tmp_path / "ct.nrrd"))
    raw = (tmp_path / "ct.nrrd").read_bytes()
    assert b"(1,0,0) (0,2,0) (0,0,3)" in raw
    (tmp_path / "ct.nrrd").write_bytes(raw.replace(b"(1,0,0) (0,2,0) (0,0,3)", vectors.encode()))
    refuse(tmp_path / "ct.nrrd", "voxel size of .* above zero", capfd)


@pytest.mark.parametrize("spacing", ["0 0.8 2.5", "0.7 -0.8 2.5", "0.7 0.8 nan"])
def test_meta_spacing(ct, tmp_path, capfd, spacing):
    sitk.WriteImage(ct, str(tmp_path / "ct.mha"))
    raw = (tmp_path / "ct.mha").read_bytes()
    changed = re.sub(rb"ElementSpacing = .*", b"ElementSpacing = " + spacing.encode(), raw)
    assert changed != raw
    (tmp_path / "ct.mha").write_bytes(changed)
    refuse(tmp_path / "ct.mha", "voxel size of .* above zero", capfd)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_2d_image(tmp_path, capfd, suffix):
    sitk.WriteImage(sitk.Image(30, 20, sitk.sitkInt16), str(tmp_path / f"ct{suffix}"))
    refuse(tmp_path / f"ct{suffix}", r"is a 2D image \(30 x 20\)", capfd)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_4d_image(tmp_path, capfd, suffix):
    image = sitk.JoinSeries([sitk.Image(30, 20, 10, sitk.sitkInt16)] * 2)
    sitk.WriteImage(image, str(tmp_path / f"ct{suffix}"))
    refuse(tmp_path / f"ct{suffix}", r"not one volume but a series of them \(30 x 20 x 10 x 2\)", capfd)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_4d_image_of_one_volume_is_that_volume(ct, tmp_path, suffix):
    sitk.WriteImage(sitk.JoinSeries([ct]), str(tmp_path / f"ct{suffix}"))
    image = read_volume(tmp_path / f"ct{suffix}")
    assert np.array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(ct))
    assert same_grid(image, ct)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_colour_volume(tmp_path, capfd, suffix):
    image = sitk.GetImageFromArray(np.zeros((10, 20, 30, 3), np.uint8), isVector=True)
    sitk.WriteImage(image, str(tmp_path / f"ct{suffix}"))
    refuse(tmp_path / f"ct{suffix}", "several values in each voxel", capfd)


def test_file_that_may_not_be_read(as_nobody, capfd):
    path = as_nobody / "ct.nii.gz"
    path.write_bytes(b"x" * 400)
    path.chmod(0)
    refuse(path, "may not be read", capfd)


def test_folder_that_may_not_be_read(as_nobody, capfd):
    folder = as_nobody / "dicom"
    folder.mkdir()
    (folder / "slice").write_bytes(b"x" * 400)
    folder.chmod(0)
    refuse(folder, "may not be read", capfd)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_voxels_that_are_no_numbers_are_noticed_in_every_format(
    tmp_path: Path, suffix: str, value: float, kind: type
) -> None:
    """ITK's NIfTI reader would make tissue of 0 HU of them."""
    voxels = np.full((4, 8, 8), -100, kind)
    voxels[:, 2:6, 2:6] = 50
    voxels[1, 3, 4] = value
    path = tmp_path / f"bad{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path))
    with pytest.raises(InputError, match="1 voxel that is not finite"):
        check_ct(read_volume(path))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: p * 255, "values from 0 to 229"),
        (lambda p: p * 100, "values from 0 to 90"),
        (lambda p: p - 0.5, "values from -0.5 to 0.4"),
        (lambda p: np.where(p > 0.5, np.nan, p), "values from nan to nan"),
    ],
)
def test_a_probability_that_is_none(ct, tmp_path, change, told):
    voxels = np.zeros(sitk.GetArrayViewFromImage(ct).shape, np.float32)
    voxels[2:5, 6:9, 6:9] = 0.9
    sitk.WriteImage(sitk.GetImageFromArray(change(voxels).astype(np.float32)), str(tmp_path / "p.nrrd"))
    with pytest.raises(InputError, match=f"{told}.*, a probability lies between 0 and 1: give the file that"):
        read_probability(tmp_path / "p.nrrd")


def test_a_probability_that_resampling_left_a_little_outside_is_clipped(tmp_path):
    voxels = np.full((4, 5, 6), 0.5, np.float32)
    voxels[0, 0, :2] = (-2e-5, 1.00003)
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / "p.nrrd"))
    read = sitk.GetArrayFromImage(read_probability(tmp_path / "p.nrrd"))
    assert (read.min(), read.max()) == (0, 1)
    assert read[1:].tolist() == voxels[1:].tolist()
