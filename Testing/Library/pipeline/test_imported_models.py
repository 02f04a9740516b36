"""A model that nnU-Net trained goes the whole way: registration, liver, tumors, report, in any orientation."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import SimpleITK as sitk
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference import LiverStage, choose_device, weighted_network
from LiverTumorAttentionLib.job import SegmentationJob
from LiverTumorAttentionLib.models import ModelPackage
from LiverTumorAttentionLib.pipeline import segment_case
from Testing.Library.nnunet_stages import arguments, description, network_pass, stage

SHAPE, SPACING = (28, 60, 64), (3.0, 3.2, 3.2)
BODY, LIVER, TUMOR = 30.0, 100.0, 160.0
AS_IT_IS = {"normalization": "none"}
RUN = network_pass(
    channels=[{"phase": "portal", **AS_IT_IS}],
    spacing_mm=[3.0, 3.2, 3.2],
    patch=[16, 40, 40],
    mirror_axes=[2],
)


class ByIntensity(torch.nn.Module):
    """Background, liver from 65 HU, tumor from 130 HU, by the mean of the channels; with mirror axes the same."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = torch.nn.Parameter(torch.tensor([0.0, 1.0, 2.0]))
        self.offset = torch.nn.Parameter(torch.tensor([0.0, -65.0, -195.0]))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        hu = image.mean(dim=1, keepdim=True)
        shape = (1, 3, 1, 1, 1)
        return (hu * self.slope.reshape(shape) + self.offset.reshape(shape)) / 10


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the model's network be one whose answer is known."""
    monkeypatch.setattr(weighted_network, "build_network", lambda name, **arguments: ByIntensity())


def write_model(folder: Path, *stages: dict[str, Any]) -> str:
    folder.mkdir()
    content = safetensors.torch.save(ByIntensity().state_dict())
    described = description(*(stages or [stage(nnunet={"transposition": [0, 1, 2], "run": RUN})]))
    for one in described["stages"]:
        (folder / one["weights"]).write_bytes(content)
        one["sha256"] = hashlib.sha256(content).hexdigest()
    described["postprocessing"] = {"minimum_diameter_mm": 0.0}
    (folder / "model.json").write_text(json.dumps(described), encoding="utf-8")
    return str(folder)


def truth() -> np.ndarray:
    """Return labels in LPS order: a liver on the patient's right, a tumor in its upper half. 1 liver, 2 tumor."""
    z, y, x = np.indices(SHAPE)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[((z - 13) / 9) ** 2 + ((y - 28) / 16) ** 2 + ((x - 22) / 15) ** 2 < 1] = 1
    labels[((z - 16) / 3) ** 2 + ((y - 24) / 4) ** 2 + ((x - 18) / 4) ** 2 < 1] = 2
    return labels


def volume(labels: np.ndarray, path: Path, orientation: str = "LPS") -> str:
    z, y, x = np.indices(SHAPE)
    hu = np.full(SHAPE, -1000.0)
    hu[((y - 30) / 27) ** 2 + ((x - 32) / 30) ** 2 < 1] = BODY
    hu[((y - 50) / 4) ** 2 + ((x - 32) / 4) ** 2 < 1] = 40  # a spine that is no liver
    hu[(labels == 0) & (hu > -500) & ((x + y + z) % 7 == 0)] = -90  # fat
    hu[labels == 1], hu[labels == 2], hu[labels == 3] = LIVER, TUMOR, 0
    image = sitk.GetImageFromArray(np.rint(hu).astype(np.int16))
    image.SetSpacing(SPACING[::-1])
    sitk.WriteImage(sitk.DICOMOrient(image, orientation), str(path))
    return str(path)


def in_lps(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS"))


def test_a_one_stage_model_gives_liver_and_tumors_and_its_probability(tmp_path: Path):
    labels = truth()
    report = tmp_path / "report.json"
    job = SegmentationJob(
        portal=volume(labels, tmp_path / "pv.nii.gz"),
        model=write_model(tmp_path / "model"),
        output=str(tmp_path / "out.seg.nrrd"),
        report=str(report),
        device="cpu",
    )
    result = segment_case(job)
    np.testing.assert_array_equal(in_lps(result.instances), labels)
    assert len(result.tumors) == 1
    probability = in_lps(result.probability)
    np.testing.assert_array_equal(probability >= 0.5, labels == 2)
    assert 0.9 < probability[labels == 2].mean() <= 1
    assert "the networks ran where there is body" in result.summary()
    assert json.loads(report.read_text(encoding="utf-8"))["networks_ran"].startswith("where there is body")


@pytest.mark.parametrize("orientation", ["RAS", "LAI", "RPI", "PIR", "ASL", "LPI", "SPL", "IRA"])
def test_the_orientation_of_a_file_changes_nothing(tmp_path: Path, orientation: str):
    labels = truth()
    run = {**RUN, "spacing_mm": [3.2, 3.0, 3.2], "patch": [40, 16, 40]}
    model = write_model(
        tmp_path / "model", stage(orientation="RAS", nnunet={"transposition": [1, 0, 2], "run": run})
    )
    portal = volume(labels, tmp_path / "pv.nii.gz", orientation)
    result = segment_case(SegmentationJob(portal=portal, model=model, device="cpu"))
    np.testing.assert_array_equal(in_lps(result.instances), labels)


def test_mirroring_is_asked_for_as_averaging_over_flips(tmp_path: Path):
    labels = truth()
    values = {"portal": volume(labels, tmp_path / "pv.nii.gz"), "model": write_model(tmp_path / "model")}
    result = segment_case(SegmentationJob(**values, averaging="flips", whole_volume=True, device="cpu"))
    np.testing.assert_array_equal(in_lps(result.instances), labels)
    assert result.tumor_passes == 2
    assert result.seen == "on the whole volume"
    with pytest.raises(
        ModelError, match="not on flips and turns: leave out the averaging, or average over flips"
    ):
        segment_case(SegmentationJob(**values, averaging="flips-and-turns", device="cpu"))


def test_two_channels_are_two_phases_registered(tmp_path: Path):
    labels = truth()
    both = [{"phase": phase, **AS_IT_IS} for phase in ("portal", "arterial")]
    tumor = stage(
        name="tumor",
        phases=["portal", "arterial"],
        weights="tumor.safetensors",
        arguments=arguments(in_channels=2),
        nnunet={"transposition": [0, 1, 2], "run": {**RUN, "channels": both}},
    )
    liver = stage(name="liver", weights="liver.safetensors", nnunet={"transposition": [0, 1, 2], "run": RUN})
    moved = np.roll(labels, (1, 2, -2), (0, 1, 2))
    job = SegmentationJob(
        portal=volume(labels, tmp_path / "pv.nii.gz"),
        arterial=volume(moved, tmp_path / "art.nii.gz", "RAS"),
        phases_as_given=True,
        model=write_model(tmp_path / "model", liver, tumor),
        device="cpu",
    )
    result = segment_case(job)
    assert result.registration is not None
    assert result.arterial_used
    found = in_lps(result.instances)
    overlap = 2 * ((found == 2) & (labels == 2)).sum() / ((found == 2).sum() + (labels == 2).sum())
    assert overlap > 0.9
    with pytest.raises(ModelError, match="needs the arterial phase"):
        segment_case(SegmentationJob(portal=job.portal, model=job.model, device="cpu"))


def test_one_network_finds_liver_and_tumors_in_two_phases(tmp_path: Path):
    labels = truth()
    both = [{"phase": phase, **AS_IT_IS} for phase in ("arterial", "portal")]
    model = write_model(
        tmp_path / "model",
        stage(
            phases=["portal", "arterial"],
            arguments=arguments(in_channels=2),
            nnunet={"transposition": [0, 1, 2], "run": {**RUN, "channels": both}},
        ),
    )
    dark = (labels == 1) & (
        np.indices(SHAPE)[2] < 13
    )  # a part that no liver looks like in the arterial phase
    moved = np.roll(np.where(dark, 3, labels), (1, 2, -2), (0, 1, 2))
    job = SegmentationJob(
        portal=volume(labels, tmp_path / "pv.nii.gz"),
        arterial=volume(moved, tmp_path / "art.nii.gz", "RAS"),
        phases_as_given=True,
        model=model,
        device="cpu",
    )
    result = segment_case(job)
    found = in_lps(result.instances)
    assert result.registration is not None
    assert result.arterial_used
    overlap = 2 * ((found == 2) & (labels == 2)).sum() / ((found == 2).sum() + (labels == 2).sum())
    assert overlap > 0.9
    rest = (labels > 0) & ~dark
    assert (found[rest] > 0).mean() > 0.95
    assert (found[dark] > 0).mean() < 0.5  # the portal phase alone shows liver there
    with pytest.raises(ModelError, match="needs the arterial phase"):
        segment_case(SegmentationJob(portal=job.portal, model=model, device="cpu"))


def late_model(folder: Path) -> str:
    """Write a model whose tumor network is given the delayed and the native phase beside the portal one."""
    channels = [{"phase": phase, **AS_IT_IS} for phase in ("native", "portal", "delayed")]
    tumor = stage(
        name="tumor",
        phases=["portal", "native", "delayed"],
        weights="tumor.safetensors",
        arguments=arguments(in_channels=3),
        nnunet={"transposition": [0, 1, 2], "run": {**RUN, "channels": channels}},
    )
    liver = stage(name="liver", weights="liver.safetensors", nnunet={"transposition": [0, 1, 2], "run": RUN})
    return write_model(folder, liver, tumor)


def test_delayed_and_native_phase_are_registered_channels(tmp_path: Path):
    labels = truth()
    report = tmp_path / "report.json"
    moved = np.roll(labels, (1, 2, -2), (0, 1, 2))
    given = {
        "portal": volume(labels, tmp_path / "pv.nii.gz"),
        "delayed": volume(moved, tmp_path / "d.nii.gz", "RAS"),
        "native": volume(labels, tmp_path / "n.nii.gz"),
    }
    model = late_model(tmp_path / "model")
    result = segment_case(
        SegmentationJob(**given, model=model, report=str(report), device="cpu", phases_as_given=True)
    )
    assert set(result.further_used) == {"delayed", "native"}
    assert not result.arterial_used
    told = json.loads(report.read_text(encoding="utf-8"))
    assert set(told["phases"]) == {"portal", "delayed", "native"}
    found = in_lps(result.instances)
    overlap = 2 * ((found == 2) & (labels == 2)).sum() / ((found == 2).sum() + (labels == 2).sum())
    assert overlap > 0.9
    with pytest.raises(ModelError, match="needs the delayed phase beside the portal venous one: give it too"):
        segment_case(SegmentationJob(portal=given["portal"], native=given["native"], model=model))


def test_what_needs_a_network_of_its_own_kind_says_so(tmp_path: Path):
    package = ModelPackage(Path(write_model(tmp_path / "model")))
    with pytest.raises(ModelError, match="was trained by another program and segments whole cases alone"):
        LiverStage.of(package, choose_device("cpu"))
