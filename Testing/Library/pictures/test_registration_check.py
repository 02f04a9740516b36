"""The picture for checking a registration shows misfit before and fit after, where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.pictures import write_alignment
from LiverTumorAttentionLib.pictures.registration_check import compose_alignment


def ball(centre_x: float, inside: float) -> sitk.Image:
    z, y, x = np.meshgrid(*(np.arange(n) for n in (20, 60, 60)), indexing="ij")
    distance = np.sqrt(((z - 10) * 2.5) ** 2 + (y - 30) ** 2 + (x - centre_x) ** 2)
    image = sitk.GetImageFromArray(np.where(distance < 18, inside, -60.0).astype(np.float32))
    image.SetSpacing((1.0, 1.0, 2.5))
    return image


def colourful(picture: np.ndarray) -> np.ndarray:
    """How much colour, not grey, each column of the picture holds, green outlines left out."""
    values = picture.astype(int)
    spread = values.max(axis=2) - values.min(axis=2)
    green = (values[..., 1] > values[..., 0] + 60) & (values[..., 1] > values[..., 2] + 60)
    return np.where(green, 0, spread)


def test_a_shift_colours_the_difference_before_and_not_after() -> None:
    portal = ball(30, 100.0)
    before, after = ball(38, 100.0), ball(30, 100.0)
    liver = sitk.Cast(portal > 0, sitk.sitkUInt8)
    picture = compose_alignment(portal, before, after, liver, "good: fits")
    width = picture.shape[1]
    colour = colourful(picture)[60:-60]
    third, fourth = colour[:, width // 2 : 3 * width // 4], colour[:, 3 * width // 4 :]
    assert third.mean() > 5 * max(fourth.mean(), 0.1)


def test_the_checkerboard_takes_its_fields_from_both_phases_by_turns() -> None:
    portal, arterial = ball(30, 100.0), ball(30, 100.0) * 0 + 180.0
    left = compose_alignment(portal, arterial, portal, None, "")[60:200, : 60 * 4]
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
