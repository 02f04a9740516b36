"""Real slices serve as backgrounds for lesions where nothing dark is seen in their liver."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.data.layouts import test_msd_liver_slices as slices
from training.data.layouts import find_cases
from training.data.layouts.msd_free_slices import DARK_HU, looks_free

SPACING_MM = (1.5, 1.25)


def slice_with(*, radius_mm: float = 0.0, hu: float = 40.0, depth_mm: float = 40.0, noise: float = 10.0):
    """A liver of 100 HU in fat, with a ball in it, its middle at a depth below the border."""
    rng = np.random.default_rng(1)
    liver = np.zeros((100, 120), bool)
    liver[10:90, 10:110] = True
    y, x = (np.arange(n) * step for n, step in zip(liver.shape, SPACING_MM, strict=True))
    middle = (liver.shape[0] * SPACING_MM[0] / 2, 10 * SPACING_MM[1] + depth_mm)
    ball = (y[:, None] - middle[0]) ** 2 + (x - middle[1]) ** 2 <= radius_mm**2
    values = np.where(liver, 100.0, -100.0)
    values[ball & liver] = hu
    grain = ndimage.gaussian_filter(rng.standard_normal(liver.shape), 0.7) * 2.4
    return values + noise * grain, liver


def free(**changes) -> bool:
    return looks_free(*slice_with(**changes), SPACING_MM)


@pytest.mark.parametrize("noise", [4.0, 10.0, 17.0])
def test_a_liver_with_nothing_but_noise_is_free(noise: float):
    assert free(noise=noise)


@pytest.mark.parametrize("radius_mm", [6.0, 10.0, 20.0])
def test_a_dark_lesion_is_seen(radius_mm: float):
    assert not free(radius_mm=radius_mm)


def test_what_is_hardly_darker_or_bright_is_not_taken_for_one():
    assert free(radius_mm=10.0, hu=100 - DARK_HU / 2)
    assert free(radius_mm=10.0, hu=170.0), "a vein"


def test_the_border_is_not_looked_at_and_so_little_liver_tells_nothing():
    assert free(radius_mm=5.0, depth_mm=0.0), "a gallbladder's wall, a fissure"
    hu, liver = slice_with()
    liver[:, 20:] = False
    assert not looks_free(hu, liver, SPACING_MM)


def test_free_slices_alone_are_cases_and_say_what_is_guessed(tmp_path: Path, monkeypatch):
    upright = np.zeros((64, 64), np.uint8)
    upright[4:56, 6:58] = 120
    monkeypatch.setattr(slices, "UPRIGHT", upright)
    slices.write(tmp_path, [("flipped_1_5.jpg", 4, 0.95)])
    dark = upright.copy()
    dark[20:32, 20:32] = 90
    monkeypatch.setattr(slices, "UPRIGHT", dark)
    slices.write(tmp_path, [("flipped_2_5.jpg", 5, 0.95)])
    monkeypatch.setattr(slices, "UPRIGHT", upright)
    slices.write(tmp_path, [("flipped_1_5.jpg", 4, 0.95)])
    listed = (tmp_path / "slices.csv").read_text().splitlines()
    (tmp_path / "slices.csv").write_text(
        "\n".join([*listed, listed[1].replace("_1_", "_2_").replace(",4,", ",5,")])
    )
    assert len(find_cases("msd_liver_slices", tmp_path)) == 2
    (case,) = find_cases("msd_free_slices", tmp_path)
    assert (case.name, case.facts["source"], case.facts["tumors"]) == (
        "flipped_1_5",
        "msd_liver_slices",
        "none seen",
    )


def test_a_folder_without_a_free_slice_is_refused(tmp_path: Path):
    slices.write(tmp_path, [("flipped_1_5.jpg", 4, 0.95)])  # a liver of 400 mm2 and less below its border
    small = np.zeros((64, 64), np.uint8)
    small[9:19, 6:16] = 120
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "UPRIGHT", small)
        slices.write(tmp_path, [("flipped_1_5.jpg", 4, 0.95)])
    with pytest.raises(InputError, match="none can serve as background"):
        find_cases("msd_free_slices", tmp_path)
