"""PNG files and data URIs, read back by another reader."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.pictures.png import check_png, png_data_uri, write_png


@pytest.mark.parametrize("shape", [(5, 7), (4, 9, 3), (6, 3, 4), (1, 1)])
def test_itk_reads_from_a_data_uri_what_was_given(tmp_path: Path, shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    head, content = png_data_uri(picture).split(",")
    assert head == "data:image/png;base64"
    (tmp_path / "a.png").write_bytes(base64.b64decode(content, validate=True))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.png"))), picture)


def test_a_file_is_a_png_whatever_the_case_of_its_suffix(tmp_path: Path) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    write_png(check_png(tmp_path / "a.PNG"), Image.fromarray(picture))
    assert (tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.PNG"))), picture)


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'preview.jpg' must be a picture whose name ends in .png"):
        check_png(tmp_path / "preview.jpg")
    with pytest.raises(OutputError, match=r"cannot be written to .*nowhere"):
        write_png(tmp_path / "nowhere" / "preview.png", Image.new("RGB", (2, 2)))
