"""Volumes as bytes: the same bits, and the same numbers of the grid, after JSON and a file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.remote.protocol import VolumeHeader
from LiverTumorAttentionLib.remote.voxels import packed, unpacked


def image(kind: str) -> sitk.Image:
    voxels = np.random.default_rng(3).normal(40, 400, (4, 3, 5)).astype(kind)
    made = sitk.GetImageFromArray(voxels)
    made.SetSpacing((1 / 3, 0.1 + 0.2, 2.5))
    made.SetOrigin((-1e-17, 1e9 / 7, -0.0))
    made.SetDirection((0.6, 0.8, 0.0, -0.8, 0.6, 0.0, 0.0, 0.0, -1.0))
    return made


@pytest.mark.parametrize("kind", ["int16", "float32"])
def test_there_and_back(kind: str, tmp_path: Path) -> None:
    there = image(kind)
    header, content = packed(there)
    (tmp_path / "v").write_bytes(content)
    assert len(content) == header.byte_count == 60 * np.dtype(kind).itemsize
    assert header.sha256 == hashlib.sha256(content).hexdigest()
    again = from_mapping(VolumeHeader, json.loads(json.dumps(header.to_dict())), where="header")
    assert again == header
    back = unpacked(again, tmp_path / "v")
    for name in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection", "GetPixelID"):
        assert getattr(back, name)() == getattr(there, name)()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(back), sitk.GetArrayFromImage(there))


def test_x_runs_fastest_and_the_low_byte_comes_first() -> None:
    made = sitk.GetImageFromArray(np.array([[[1, 2], [3, 256]]], np.int16))
    assert bytes(packed(made)[1]) == b"\x01\x00\x02\x00\x03\x00\x00\x01"


def test_another_size_and_axes_without_an_inverse(tmp_path: Path) -> None:
    there = image("int16")
    header, content = packed(there)
    (tmp_path / "v").write_bytes(content[:-2])
    with pytest.raises(InputError, match="a volume of 120 bytes was announced, 118 are there: send it again"):
        unpacked(header, tmp_path / "v")
    (tmp_path / "v").write_bytes(content)
    flat = from_mapping(VolumeHeader, {**header.to_dict(), "direction": [0.0] * 9}, where="header")
    with pytest.raises(InputError, match="are no axes"):
        unpacked(flat, tmp_path / "v")
