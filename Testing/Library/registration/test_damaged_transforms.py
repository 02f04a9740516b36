"""Transforms that are damaged, huge or no transforms: one line, without a crash of ITK's or HDF5's readers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.registration import read_transform, transform_file, write_transform
from Testing.Library.io.bounded_reading import READ, outcomes

READER = "LiverTumorAttentionLib.registration:read_transform"
POINT = (1.5, 2.5, 1.0)


def bent() -> sitk.CompositeTransform:
    """Return a shift after a displacement field of 3 x 4 x 5 points."""
    field = np.random.default_rng(0).normal(size=(3, 4, 5, 3))
    displacement = sitk.DisplacementFieldTransform(sitk.GetImageFromArray(field, isVector=True))
    return sitk.CompositeTransform([sitk.TranslationTransform(3, (1.0, 2.0, 3.0)), displacement])


def of_each_kind() -> list[sitk.Transform]:
    grid = sitk.Image([20, 20, 20], sitk.sitkInt16)
    return [
        sitk.AffineTransform(3),
        sitk.BSplineTransformInitializer(grid, [3, 3, 3]),
        sitk.Euler3DTransform(),
        sitk.Similarity3DTransform(),
        sitk.VersorRigid3DTransform(),
        sitk.TranslationTransform(3, (1, 2, 3)),
        sitk.ScaleTransform(3),
        sitk.Transform(3, sitk.sitkIdentity),
        bent(),
    ]


@pytest.mark.parametrize("suffix", [".tfm", ".txt", ".h5"])
def test_what_was_written_is_read(tmp_path: Path, suffix: str) -> None:
    write_transform(tmp_path / f"t{suffix}", bent())
    back = read_transform(tmp_path / f"t{suffix}")
    assert back.TransformPoint(POINT) == pytest.approx(bent().TransformPoint(POINT))


@pytest.mark.parametrize("transform", of_each_kind(), ids=lambda transform: transform.GetName())
def test_every_kind_of_other_programs_is_read(tmp_path: Path, transform: sitk.Transform) -> None:
    sitk.WriteTransform(transform, str(tmp_path / "t.tfm"))
    assert read_transform(tmp_path / "t.tfm").TransformPoint(POINT) == pytest.approx(
        transform.TransformPoint(POINT)
    )


def test_systems_without_limits_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_transform(tmp_path / "t.h5", bent())
    child = transform_file._CHILD.replace("import resource", "import no_such_module")
    monkeypatch.setattr(transform_file, "_CHILD", child)
    assert read_transform(tmp_path / "t.h5").TransformPoint(POINT) == pytest.approx(
        bent().TransformPoint(POINT)
    )


HEAD = "#Insight Transform File V1.0\n#Transform 0\n"
AFFINE = "Transform: AffineTransform_double_3_3\n"
FIELD = "Transform: DisplacementFieldTransform_double_3_3\n"
NUMBERS = "Parameters: 1 0 0 0 1 0 0 0 1 0 0 0\nFixedParameters: 0 0 0\n"
GRID = "FixedParameters: {} 0 0 0 1 1 1 1 0 0 0 1 0 0 0 1\n"
FLAT = GRID.format("1 1 1").replace("1 1 1 1 0", "0 1 1 1 0")
TEXTS = {
    "is no transform": "",
    "its first line is not": "Transform: x\n",
    "it holds no transform": HEAD,
    "AffineTransform has 0 parameters and 0 fixed ones": HEAD + AFFINE,
    "AffineTransform has 12 parameters and 0 fixed ones": HEAD + AFFINE + NUMBERS.partition("Fixed")[0],
    "AffineTransform has 11 parameters": HEAD + AFFINE + NUMBERS.replace("1 0 0 0\n", "1 0 0\n"),
    "Parameters are not all finite": HEAD + AFFINE + NUMBERS.replace("1 0 0 0 1", "1 0 nan 0 1"),
    "its Parameters are not all": HEAD + AFFINE + NUMBERS.replace("1 0 0 0 1", "x 0 0 0 1"),
    "DisplacementFieldTransform has 3 parameters, 3000000000 are needed": HEAD
    + FIELD
    + "Parameters: 0 0 0\n"
    + GRID.format("1000 1000 1000"),
    "DisplacementFieldTransform has no size": HEAD + FIELD + "Parameters: 0 0 0\n" + GRID.format("1e300 1 1"),
    "no voxel size or no axes": HEAD + FIELD + "Parameters: 0 0 0\n" + FLAT,
    "'EvilTransform_double_3_3' is not read": HEAD + "Transform: EvilTransform_double_3_3\n" + NUMBERS,
    "is not read": HEAD + f"Transform: {'x' * 100_000}\n" + NUMBERS,
    "a composite transform is not first, or has no parts": HEAD
    + "Transform: CompositeTransform_double_3_3\n",
    "more than 100 transforms": HEAD + (AFFINE + NUMBERS) * 200,
    "2 transforms that are not put together": HEAD + (AFFINE + NUMBERS) * 2,
    "does not belong there": HEAD + AFFINE + "Evil: 1\n" + NUMBERS,
}


@pytest.mark.parametrize("match", [key for key in TEXTS if TEXTS[key]])
def test_text_that_is_damaged(tmp_path: Path, match: str) -> None:
    (tmp_path / "t.tfm").write_text(TEXTS[match])
    with pytest.raises(InputError, match=match):
        read_transform(tmp_path / "t.tfm")


def test_damaged_files_in_little_memory(tmp_path: Path) -> None:
    """Every byte of an HDF5 file's structure is tried now and then, and every field of a text."""
    for suffix in (".h5", ".tfm"):
        write_transform(tmp_path / f"whole{suffix}", bent())
    paths = []
    for number, text in enumerate(TEXTS.values()):
        paths.append(tmp_path / f"text{number}.txt")
        paths[-1].write_text(text)
    draw = np.random.default_rng(3)
    whole = (tmp_path / "whole.h5").read_bytes()
    for number in range(6):
        content = bytearray(whole)
        for place in draw.integers(len(whole), size=20):
            content[place] = draw.integers(256)
        paths.append(tmp_path / f"changed{number}.h5")
        paths[-1].write_bytes(content)
    for number, content in enumerate(
        (b"", whole[:8], whole[:1000], whole[:-100], b"\x89HDF\r\n\x1a\n" + bytes(4000))
    ):
        paths.append(tmp_path / f"cut{number}.h5")
        paths[-1].write_bytes(content)
    said = outcomes(paths, READER)
    assert [
        text for text in said if text != READ and (not text.startswith("InputError: ") or "\n" in text)
    ] == []
    assert READ not in said[: len(TEXTS)]
    assert READ not in said[-5:]


@pytest.mark.parametrize("name", ["t.mat", "t.nii.gz", "folder"])
def test_what_is_no_transform(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "t.mat").write_bytes(b"x")
    (tmp_path / "t.nii.gz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"is none of .h5, .tfm, .txt: choose another file"):
        read_transform(tmp_path / name)


def test_pipe_and_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.h5")
    (tmp_path / "t.tfm").symlink_to("/dev/zero")
    said = outcomes([tmp_path / "t.h5", tmp_path / "t.tfm"], READER)
    assert ["named pipe" in said[0], "device" in said[1]] == [True, True]


def test_name_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"M\xfcller.h5")
    write_transform(tmp_path / "t.h5", bent())
    (tmp_path / "t.h5").rename(path)
    assert outcomes([path], READER) == [READ]
