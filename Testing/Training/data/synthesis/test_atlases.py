import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from training.data.synthesis.atlases import Tissue, prepare_atlas


def organs() -> sitk.Image:
    """Liver on the right, spleen on the left, aorta in the middle behind: AMOS labels, 4 mm, LPS."""
    z, y, x = np.ogrid[:40, :40, :60]
    labels = np.zeros((40, 40, 60), np.uint16)
    labels[(z - 22) ** 2 + (y - 18) ** 2 + (x - 18) ** 2 < 12**2] = 6
    labels[(z - 24) ** 2 + (y - 22) ** 2 + (x - 45) ** 2 < 6**2] = 1
    labels[((y - 26) ** 2 + (x - 31) ** 2 < 3**2) & (z >= 0)] = 8
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((4.0, 4.0, 4.0))
    return image


@pytest.mark.parametrize("order", ["LPS", "RAI", "SLA"])
def test_an_atlas_is_complete_and_the_same_from_any_orientation(tmp_path, order):
    path = tmp_path / "labels.nrrd"
    sitk.WriteImage(sitk.DICOMOrient(organs(), order), str(path))
    atlas = prepare_atlas(path, "amos")
    centre = {
        t: np.argwhere(atlas.tissues == t).mean(axis=0) for t in (Tissue.LIVER, Tissue.SPLEEN, Tissue.BONE)
    }
    assert centre[Tissue.LIVER][2] < centre[Tissue.SPLEEN][2]  # right has the lower x
    assert centre[Tissue.BONE][1] > centre[Tissue.LIVER][1]  # the spine lies behind, at higher y
    volume = (atlas.tissues == Tissue.LIVER).sum() * atlas.spacing_mm**3
    assert volume == pytest.approx(4 / 3 * np.pi * 48**3, rel=0.05)
    for tissue in (Tissue.MUSCLE, Tissue.FAT, Tissue.LUNG):
        assert (atlas.tissues == tissue).sum() > 1000
    assert np.all(atlas.outside_mm[atlas.tissues != Tissue.AIR] == 0)
    lung_z = np.argwhere(atlas.tissues == Tissue.LUNG)[:, 0]
    assert lung_z.mean() > centre[Tissue.LIVER][0]


def test_a_map_without_liver_is_refused(tmp_path):
    path = tmp_path / "labels.nrrd"
    image = organs()
    sitk.WriteImage(image * sitk.Cast(image != 6, image.GetPixelID()), str(path))
    with pytest.raises(InputError, match="no liver label"):
        prepare_atlas(path, "amos")
