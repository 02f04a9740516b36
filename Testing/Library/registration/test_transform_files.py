"""Transforms as files: whole, or an error that names the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import OutputError
from LiverTumorAttentionLib.registration import write_transform


def bent() -> sitk.CompositeTransform:
    """Return a shift after a displacement field of 3 x 4 x 5 points."""
    field = np.random.default_rng(0).normal(size=(3, 4, 5, 3))
    displacement = sitk.DisplacementFieldTransform(sitk.GetImageFromArray(field, isVector=True))
    return sitk.CompositeTransform([sitk.TranslationTransform(3, (1.0, 2.0, 3.0)), displacement])


@pytest.mark.parametrize("suffix", [".tfm", ".txt", ".h5"])
def test_a_transform_is_read_as_it_was_written(tmp_path: Path, suffix: str) -> None:
    write_transform(tmp_path / f"t{suffix}", bent())
    point = (1.5, 2.5, 1.0)
    back = sitk.ReadTransform(str(tmp_path / f"t{suffix}"))
    assert back.TransformPoint(point) == pytest.approx(bent().TransformPoint(point))


@pytest.mark.parametrize("suffix", [".tfm", ".txt"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99, "last byte", "last line"])
def test_a_text_that_a_full_disk_cuts_off_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, share: float | str
) -> None:
    """ITK reports no error, and reads such a file as the affine part alone."""
    write = sitk.WriteTransform

    def cut_off(transform: sitk.Transform, path: str) -> None:
        write(transform, path)
        content = Path(path).read_bytes()
        if share == "last line":
            content = content[: content.rstrip(b"\n").rindex(b"\n") + 1]
        else:
            content = content[: -1 if share == "last byte" else int(float(share) * len(content))]
        Path(path).write_bytes(content)

    monkeypatch.setattr(sitk, "WriteTransform", cut_off)
    with pytest.raises(
        OutputError, match=rf"the transform '.*/t\{suffix}' cannot be written \(.*\): choose another"
    ):
        write_transform(tmp_path / f"t{suffix}", bent())
    assert list(tmp_path.iterdir()) == []
