"""The registration check shows misfit before and fit after, where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.pictures import write_alignment
from LiverTumorAttentionLib.pictures.registration_check import compose_alignment


def ball(center_x: float, inside: float) -> sitk.Image:
    z, y, x = np.meshgrid(*(np.arange(n) for n in (20, 60, 60)), indexing="ij")
    distance = np.sqrt(((z - 10) * 2.5) ** 2 + (y - 30) ** 2 + (x - center_x) ** 2)
    image = sitk.GetImageFromArray(np.where(distance < 18, inside, -60.0).astype(np.float32))
    image.SetSpacing((1.0, 1.0, 2.5))
    return image


def colorful(picture: np.ndarray) -> np.ndarray:
    """How much color, not gray, each column of the picture holds, green outlines left out."""
    values = picture.astype(int)
    spread = values.max(axis=2) - values.min(axis=2)
    green = (values[..., 1] > values[..., 0] + 60) & (values[..., 1] > values[..., 2] + 60)
    return np.where(green, 0, spread)


def test_a_shift_colors_the_difference_before_and_not_after() -> None:
    portal = ball(30, 100.0)
    before, after = ball(38, 100.0), ball(30, 100.0)
    liver = sitk.Cast(portal > 0, sitk.sitkUInt8)
    picture = np.asarray(compose_alignment(portal, before, after, liver, "good: fits"))
    width = picture.shape[1]
    color = colorful(picture)[60:-60]
    third, fourth = color[:, width // 2 : 3 * width // 4], color[:, 3 * width // 4 :]
    assert third.mean() > 5 * max(fourth.mean(), 0.1)


def test_the_checkerboard_takes_its_fields_from_both_phases_by_turns() -> None:
    portal, arterial = ball(30, 100.0), ball(30, 100.0) * 0 + 180.0
    picture = np.asarray(compose_alignment(portal, arterial, portal, None, ""))
    left = picture[60:200, : 60 * 4]
    assert (left == 255).all(axis=2).mean() == pytest.approx(0.5, abs=0.2)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    portal = ball(30, 100.0)
    with pytest.raises(InputError, match=r"must be a picture whose name ends in \.png"):
        write_alignment(tmp_path / "a.jpg", portal, portal, portal)
    with pytest.raises(
        InputError, match="the portal volume and the registered volume do not lie on the same grid"
    ):
        write_alignment(tmp_path / "a.png", portal, portal, portal[:50])
    with pytest.raises(OutputError, match="cannot be written"):
        write_alignment(tmp_path / "nowhere" / "a.png", portal, portal, portal)
    write_alignment(tmp_path / "a.png", portal, portal, portal, verdict="good")
    assert sitk.ReadImage(str(tmp_path / "a.png")).GetNumberOfComponentsPerPixel() == 3
