"""A compressed NIfTI volume is unpacked once, and is what ITK reads of it."""

from __future__ import annotations

import gzip
import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import declared_size, itk_reader, nifti_header, nifti_voxels
from LiverTumorAttentionLib.io.itk_reader import read_with_itk
from LiverTumorAttentionLib.io.nifti_voxels import unpacked_voxels


def written(path: Path, kind: str = "i2", orientation: str = "RAS") -> sitk.Image:
    values = np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(kind)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-12.5, 3.0, 40.0))
    image = sitk.DICOMOrient(image, orientation)
    sitk.WriteImage(image, str(path))
    return image


def same(found: sitk.Image, expected: sitk.Image) -> None:
    assert (found.GetPixelID(), found.GetSize()) == (expected.GetPixelID(), expected.GetSize())
    for of in ("GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(found, of)() == getattr(expected, of)()
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(found), sitk.GetArrayViewFromImage(expected))


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "f4", "f8"])
@pytest.mark.parametrize("orientation", ["LPS", "RAI", "PIR"])
def test_it_is_what_itk_reads(tmp_path: Path, kind: str, orientation: str) -> None:
    place = tmp_path / "ct.nii.gz"
    written(place, kind, orientation)
    assert unpacked_voxels(place, "volume") is not None
    same(read_with_itk(place, "volume"), sitk.ReadImage(str(place)))


def test_the_file_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "ct.nii.gz"
    written(place)
    passes, real = [], declared_size.check_unpacks

    def counted(*arguments, **named):
        passes.append(1)
        return real(*arguments, **named)

    class HeaderAlone(sitk.ImageFileReader):
        def Execute(self, *_):
            passes.append(1)
            return super().Execute()

    for module in (nifti_header, nifti_voxels):
        monkeypatch.setattr(module, "check_unpacks", counted)
    monkeypatch.setattr(itk_reader.sitk, "ImageFileReader", HeaderAlone)
    read_with_itk(place, "volume")
    assert len(passes) == 1


@pytest.mark.parametrize("pieces", [1, 100, 353, 10_000])
def test_pieces_of_any_length(pieces: int) -> None:
    content = bytes(range(256)) * 3
    voxels = np.zeros(300, dtype=np.uint8)
    keep = nifti_voxels._Kept(voxels, 352)
    for start in range(0, len(content), pieces):
        keep(content[start : start + pieces])
    assert voxels.tobytes() == content[352:652]


def changed(path: Path, at: int, form: str, *values: float) -> Path:
    content = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into("<" + form, content, at, *values)
    path.write_bytes(gzip.compress(bytes(content)))
    return path


@pytest.mark.parametrize("scale", [(2.0, 0.0), (1.0, -1024.0)])
def test_scaled_values_are_left_to_itk(tmp_path: Path, scale: tuple[float, float]) -> None:
    place = tmp_path / "ct.nii.gz"
    written(place)
    changed(place, 112, "2f", *scale)
    assert unpacked_voxels(place, "volume") is None
    same(read_with_itk(place, "volume"), sitk.ReadImage(str(place)))


def test_big_endian_values(tmp_path: Path) -> None:
    written(tmp_path / "little.nii.gz")
    little = gzip.decompress((tmp_path / "little.nii.gz").read_bytes())
    values = np.frombuffer(little[352:], dtype="<i2")
    place = tmp_path / "big.nii.gz"
    fields = "i 10s 18s i h c c 8h 3f h h h h 8f 3f h c c 4f 2i 80s 24s 2h 6f 4f 4f 4f 16s 4s".replace(
        " ", ""
    )
    header = struct.pack(">" + fields, *struct.unpack_from("<" + fields, little))
    place.write_bytes(gzip.compress(header + little[348:352] + values.astype(">i2").tobytes()))
    assert unpacked_voxels(place, "volume") is not None
    same(read_with_itk(place, "volume"), sitk.ReadImage(str(tmp_path / "little.nii.gz")))


def test_a_file_that_is_cut_or_holds_no_numbers_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "ct.nii.gz"
    written(place, "f4")
    whole = gzip.decompress(place.read_bytes())
    place.write_bytes(gzip.compress(whole[:-8]))
    with pytest.raises(InputError, match="is cut short"):
        read_with_itk(place, "volume")
    place.write_bytes(gzip.compress(whole[:-4] + struct.pack("<f", float("nan"))))
    with pytest.raises(InputError, match="not finite"):
        read_with_itk(place, "volume")


def test_every_kind_has_the_size_that_the_header_says() -> None:
    for (code, kind), bits in itertools.product(nifti_voxels.KINDS.items(), [nifti_header.BITS]):
        assert np.dtype(kind).itemsize * 8 == bits[code]
