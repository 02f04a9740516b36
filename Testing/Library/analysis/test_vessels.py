"""Vessel segmentations: read with their names, and refused with reasons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import Vessels, read_vessels
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.seg_nrrd import write_layers


def label_map() -> sitk.Image:
    values = np.zeros((4, 5, 6), np.uint8)
    values[1, 1:3], values[2, 4], values[3, 0, 0] = 3, 8, 9
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((1.0, 2.0, 3.0))
    return image


def seg_nrrd(path: Path, names: list[str]) -> Path:
    """A file with one layer in which the segments have the values 1, 2, …: rows of the first slice."""
    layer = np.zeros((4, 5, 6), np.uint8)
    layer[0, :2], layer[0, 2:4] = 1, 2
    pairs = {}
    for index, name in enumerate(names):
        pairs |= {
            f"Segment{index}_ID": f"Segment_{index}",
            f"Segment{index}_Name": name,
            f"Segment{index}_LabelValue": str(index + 1),
            f"Segment{index}_Layer": "0",
        }
    write_layers(path, np.stack([layer]), label_map(), pairs)
    return path


def test_segments_are_vessels_but_for_liver_and_tumors_and_empty_ones(tmp_path: Path) -> None:
    path = seg_nrrd(tmp_path / "vessels.seg.nrrd", ["Liver", "Portal vein", "Hepatic artery"])
    vessels = read_vessels(path)
    assert dict(vessels.names) == {1: "Portal vein"}
    assert vessels.labels.GetSpacing() == (1.0, 2.0, 3.0)
    assert np.flatnonzero(vessels.array[0, :, 0]).tolist() == [2, 3]


def test_values_of_a_label_map_are_named_by_their_number_or_by_the_user(tmp_path: Path) -> None:
    path = tmp_path / "vessels.nii.gz"
    sitk.WriteImage(label_map(), str(path))
    assert dict(read_vessels(path).names) == {3: "vessel 3", 8: "vessel 8", 9: "vessel 9"}
    assert dict(read_vessels(path, {8: "portal vein"}).names) == {8: "portal vein"}
    with pytest.raises(
        InputError, match=r"vessel 'cava' has the value 4, which no voxel has: .* holds 3, 8, 9"
    ):
        read_vessels(path, {4: "cava"})


def test_files_without_a_vessel(tmp_path: Path) -> None:
    path = seg_nrrd(tmp_path / "liver.seg.nrrd", ["Liver", "Tumor 1"])
    with pytest.raises(InputError, match="has no vessel, only 'Liver', 'Tumor 1': choose another file"):
        read_vessels(path)
    empty = tmp_path / "empty.nii.gz"
    sitk.WriteImage(label_map() * 0, str(empty))
    with pytest.raises(InputError, match="has no voxel: choose another file"):
        read_vessels(empty)
    with pytest.raises(InputError, match="does not exist: check the path"):
        read_vessels(tmp_path / "nowhere.nrrd")


def test_what_is_no_label_map() -> None:
    with pytest.raises(InputError, match="must be a volume of whole numbers, got 3 dimensions of float32"):
        Vessels(labels=sitk.Cast(label_map(), sitk.sitkFloat32), names={3: "vein"})
    with pytest.raises(InputError, match="no vessel was named"):
        Vessels(labels=label_map(), names={})
    with pytest.raises(InputError, match="two vessels have the same name, in vein, vein: name them apart"):
        Vessels(labels=label_map(), names={3: "vein", 8: "vein"})
