"""PNG as other programs read it."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.report.png import data_uri, png_bytes


@pytest.mark.parametrize("shape", [(5, 7), (4, 9, 3), (6, 3, 4), (1, 1)])
def test_itk_reads_what_was_written(tmp_path: Path, shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(png_bytes(picture))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.png"))), picture)


def test_a_picture_is_its_own_address() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    head, content = data_uri(picture).split(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(content) == png_bytes(picture)
