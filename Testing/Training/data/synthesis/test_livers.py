"""Real livers in atlases: the right patients, their veins told apart, neighbors hard against them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from training.data.synthesis.atlases import HEPATIC, PORTAL, Atlas, Tissue
from training.data.synthesis.livers import RealLiver, find_livers, read_liver, told_apart, transplanted


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    image = sitk.GetImageFromArray(array.astype(np.uint8))
    image.SetSpacing((2.0, 2.0, 2.0))
    sitk.WriteImage(image, str(path))


def test_patients_that_validate_are_left_out_and_those_of_3d_ircadb_refused(tmp_path):
    for case in (4, 5):  # 5 validates
        write(tmp_path / "couinaud" / f"LiTS-{case}.nii.gz", np.ones((3, 3, 3)))
    assert [liver.name for liver in find_livers(tmp_path)] == ["LiTS-4"]
    write(tmp_path / "couinaud" / "LiTS-31.nii.gz", np.ones((3, 3, 3)))
    with pytest.raises(InputError, match=r"LiTS-31.nii.gz' is case 31 of LiTS"):
        find_livers(tmp_path)
    with pytest.raises(InputError, match="holds no liver"):
        find_livers(tmp_path / "couinaud")


def test_a_liver_is_read_with_its_volume_and_veins_apart(tmp_path):
    labels = np.zeros((50, 60, 60))
    labels[5:45, 10:50, 10:50] = 3
    trees = np.zeros_like(labels)
    trees[10:20, 20:26, 20:26], trees[30:40, 20:26, 20:26] = 2, 1
    write(tmp_path / "x_liver.nii.gz", labels)
    write(tmp_path / "x_manualMask.nii.gz", trees)
    liver = read_liver(find_livers(tmp_path)[0])
    assert liver.mask.sum() * 8 / 1000 == pytest.approx(40**3 * 8 / 1000, rel=0.05)
    assert (liver.trees == PORTAL).sum() == pytest.approx(360, rel=0.5)
    assert np.argwhere(liver.trees == HEPATIC)[:, 0].min() > np.argwhere(liver.trees == PORTAL)[:, 0].max()


def test_veins_of_one_value_are_told_apart_by_where_they_are_thickest():
    liver = np.ones((40, 20, 20), bool)
    veins = np.zeros_like(liver)
    veins[30:38, 5:12, 5:12] = True
    veins[5:12, 5:12, 5:12] = True
    told = told_apart(veins, liver)
    assert set(np.unique(told[25:])) == {0, HEPATIC}
    assert set(np.unique(told[:25])) == {0, PORTAL}


def test_what_the_old_liver_leaves_is_filled_by_its_neighbors_and_bones_stay():
    tissues = np.full((30, 30, 40), Tissue.FAT, np.uint8)
    tissues[5:25, 5:25, 5:25] = Tissue.LIVER
    tissues[5:25, 5:25, 25:35] = Tissue.KIDNEY
    tissues[15, 15, 14] = Tissue.BONE
    atlas = Atlas(name="a", tissues=tissues, outside_mm=np.zeros_like(tissues), spacing_mm=2.0)
    small = np.ones((10, 10, 10), bool)
    trees = np.full(small.shape, PORTAL, np.uint8)
    new = transplanted(atlas, RealLiver(name="b", mask=small, trees=trees))
    liver = new.tissues == Tissue.LIVER
    assert liver.sum() == 999
    assert new.tissues[15, 15, 14] == Tissue.BONE
    assert (new.tissues[15, 15, 20:25] == Tissue.KIDNEY).all()
    assert ((new.trees == PORTAL) == liver).all()
    assert (atlas.tissues == tissues).all()
