"""The model for segments that ships: every voxel of a liver, however it is stored, and what a damaged one says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import Cancelled, InputError, ModelError
from LiverTumorAttentionLib.inference.couinaud_stage import CouinaudStage
from LiverTumorAttentionLib.inference.device import choose_device
from LiverTumorAttentionLib.models.couinaud_model import BUNDLED, CouinaudModel
from LiverTumorAttentionLib.progress import Progress


def made_liver() -> sitk.Image:
    """A wedge as livers are: thick on the right and behind, thin to the left; voxels of 4 x 4 x 5 mm, LPS."""
    z, y, x = np.meshgrid(
        np.arange(-90.0, 91, 5), np.arange(-90.0, 91, 4), np.arange(-120.0, 121, 4), indexing="ij"
    )
    right = ((x + 45) / 60) ** 2 + (y / 70) ** 2 + (z / 80) ** 2 <= 1
    left = ((x - 30) / 75) ** 2 + ((y + 30) / 35) ** 2 + ((z - 25) / 35) ** 2 <= 1
    image = sitk.GetImageFromArray((right | left).astype(np.uint8))
    image.SetSpacing((4.0, 4.0, 5.0))
    image.SetOrigin((-120.0, -90.0, -90.0))
    return image


@pytest.fixture(scope="module")
def stage() -> CouinaudStage:
    return CouinaudStage(CouinaudModel(), choose_device("cpu"))


@pytest.fixture(scope="module")
def labels(stage: CouinaudStage) -> sitk.Image:
    return stage.labels(made_liver())


def test_every_voxel_of_the_liver_gets_a_segment_and_no_other(labels: sitk.Image) -> None:
    liver, found = sitk.GetArrayFromImage(made_liver()), sitk.GetArrayFromImage(labels)
    assert ((found > 0) == (liver > 0)).all()
    assert found.max() <= 8


def test_segments_lie_as_they_do_in_a_liver(labels: sitk.Image) -> None:
    found = sitk.GetArrayFromImage(labels)
    place = {n: np.argwhere(found == n).mean(axis=0) for n in np.unique(found) if n}  # z, y, x
    assert {2, 4, 5, 6, 7, 8} <= set(place)
    assert place[2][2] > place[4][2] > place[8][2]  # from left to right
    assert place[8][0] > place[5][0]  # above
    assert place[7][0] > place[6][0]
    assert place[7][1] > place[8][1]  # behind
    assert place[6][1] > place[5][1]


def test_the_way_a_liver_is_stored_changes_nothing(stage: CouinaudStage, labels: sitk.Image) -> None:
    for order in ("RAS", "PIR"):
        turned = sitk.DICOMOrient(made_liver(), order)
        found = stage.labels(turned)
        assert found.GetDirection() == turned.GetDirection()
        assert np.array_equal(
            sitk.GetArrayFromImage(sitk.DICOMOrient(found, "LPS")), sitk.GetArrayFromImage(labels)
        )


def test_vessels_are_looked_at_and_told(stage: CouinaudStage, labels: sitk.Image) -> None:
    tree = sitk.GetArrayFromImage(made_liver())
    tree[:, :20] = 0
    tree[:, 24:] = 0
    vessels = sitk.GetImageFromArray(tree)
    vessels.CopyInformation(made_liver())
    found = sitk.GetArrayFromImage(stage.labels(made_liver(), vessels))
    assert (found != sitk.GetArrayFromImage(labels)).any()
    assert (
        stage.source(with_vessels=True)
        == "proposed by the model couinaud 1 from the liver's shape and its vessels"
    )
    assert stage.source(with_vessels=False).endswith("from the liver's shape alone")


def test_what_is_no_liver_is_refused(stage: CouinaudStage) -> None:
    small = made_liver()
    small.SetSpacing((1.0, 1.0, 1.0))
    with pytest.raises(
        InputError, match=r"the liver measures \d+ mL, and segments are told of at least 100 mL"
    ):
        stage.labels(small)


def test_it_can_be_cancelled(stage: CouinaudStage) -> None:
    with pytest.raises(Cancelled):
        stage.labels(made_liver(), progress=Progress(cancelled=lambda: True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "tumor"}, "kind and format must be 'couinaud' and 1, got 'tumor'"),
        ({"sha256": "0" * 64}, "damaged or was changed"),
        ({"arguments": {"in_channels": 6, "classes": 8, "width": 8, "levels": 4}}, "do not fit its network"),
        ({"size_zyx": [4, 48, 56]}, "size_zyx must be three numbers"),
        ({"colour": 1}, "unknown key 'colour'"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(tmp_path: Path, changes: dict, message: str) -> None:
    shutil.copytree(BUNDLED, tmp_path / "model")
    place = tmp_path / "model" / "model.json"
    place.write_text(json.dumps({**json.loads(place.read_text(encoding="utf-8")), **changes}))
    with pytest.raises(ModelError, match=message):
        CouinaudStage(CouinaudModel(tmp_path / "model"), choose_device("cpu"))
