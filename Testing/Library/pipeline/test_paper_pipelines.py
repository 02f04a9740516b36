"""Each paper's pipeline runs from a study to a segmentation through the one way, with its own settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.inference.patches import PatchPredictor
from LiverTumorAttentionLib.inference.slices import SlicePredictor
from LiverTumorAttentionLib.models import ModelPackage, paper_model, paper_names
from LiverTumorAttentionLib.networks import network_entry
from LiverTumorAttentionLib.phantoms import generate_phantom
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.segment import segment_case
from Testing.Library.paper_models import write_paper_model

PAPERS = ["context", "darn", "dpcnet", "paresseg", "sfan"]
TWO_PHASES = ("paresseg",)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The middle of a small phantom, oblique and left-handed, so that no grid is the network's own."""
    folder = tmp_path_factory.mktemp("study")
    phantom = generate_phantom(31, size="small", lesions=1, max_displacement_mm=4.0)
    labels = sitk.GetArrayViewFromImage(phantom.labels)
    middle = int(np.argwhere(labels > 0)[:, 0].mean())
    for name, image in (("portal", phantom.portal), ("arterial", phantom.arterial)):
        part = sitk.Flip(image[30:126, 30:126, middle - 4 : middle + 5], (True, False, False), False)
        sitk.WriteImage(part, str(folder / f"{name}.nrrd"))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: write_paper_model(folder / name, name, tile=64) for name in PAPERS}


def test_all_five_papers_are_described() -> None:
    assert paper_names() == PAPERS


@pytest.mark.parametrize("name", PAPERS)
def test_descriptions_fit_the_networks_they_name(name: str, models: dict[str, Path]) -> None:
    """Everything but width and weights is the paper's: phases, channels and dimensions fit."""
    package = ModelPackage(models[name])
    package.verify()
    for stage in package.description.stages:
        entry = network_entry(stage.network)
        assert stage.phases == entry.phases
        assert (stage.patches is not None) == (entry.dimensions == 3)
        channels = 1 if stage.slices is None else 2 * stage.slices.neighbours + 1
        assert stage.arguments.get("in_channels", channels) == channels
    assert paper_model(name)["training"]["notes"]["from the paper"]


def test_the_papers_settings_stand_in_the_descriptions() -> None:
    (dpcnet,) = paper_model("dpcnet")["stages"]
    assert dpcnet["intensity"] == {"percentiles": [0.5, 99.5]}
    assert dpcnet["patches"] == {"patch": [128, 128, 128], "overlap": 0.5}
    assert dpcnet["grid"] == {"in_plane_spacing_mm": 1.9, "slice_spacing_range_mm": [2.47, 2.47]}
    spacor = {"attention_width": "level", "resampling": "transposed"}
    assert dpcnet["arguments"] == {**spacor, "pyramid_width": 64}
    sfan = paper_model("sfan")["stages"][1]
    assert sfan["intensity"] == {"window_hu": [-75, 175]}
    assert sfan["slices"]["scales"] == [0.5, 1.0, 1.5]
    context = paper_model("context")["stages"][1]
    assert context["grid"]["in_plane_pixels"] == context["slices"]["tile"] == [448, 448]
    assert context["slices"]["neighbours"] == 1
    paresseg = paper_model("paresseg")["stages"][1]
    assert paresseg["intensity"] == {"window_hu": [-70, 180]}
    assert paresseg["slices"]["tile"] == [224, 224]
    assert paresseg["phases"] == ["portal", "arterial"]


def test_an_unknown_paper_names_the_nearest() -> None:
    with pytest.raises(ModelError, match="no pipeline of a paper is called 'dpc-net'; did you mean 'dpcnet'"):
        paper_model("dpc-net")


@pytest.mark.parametrize("name", PAPERS)
def test_a_study_becomes_a_segmentation(
    name: str, study: Path, models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        *("segment", "--model", str(models[name]), "--device", "cpu", "--progress", "json"),
        *("--portal", f"{study}/portal.nrrd", "--output", f"{tmp_path}/o.seg.nrrd"),
        *("--save-probability", f"{tmp_path}/q.nii.gz", "--report", f"{tmp_path}/r.json"),
        *("--save-attention", f"{tmp_path}/attention", "--minimum-diameter", "0"),
    ]
    if name in TWO_PHASES:
        # nine slices through the middle do not tell the phase
        command += ["--arterial", f"{study}/arterial.nrrd", "--phases-as-given"]
    assert main(command) == 0
    fractions = [json.loads(line).get("fraction", 1) for line in capsys.readouterr().out.splitlines()]
    assert fractions == sorted(fractions)

    portal = sitk.ReadImage(f"{study}/portal.nrrd")
    probability = sitk.ReadImage(f"{tmp_path}/q.nii.gz")
    assert probability.GetSize() == portal.GetSize()
    assert probability.GetDirection() == pytest.approx(portal.GetDirection(), abs=1e-5)
    values = sitk.GetArrayFromImage(probability)
    assert values.min() >= 0
    assert values.max() <= 1.0001
    assert len(np.unique(values)) > 1000  # probabilities were resampled, not labels
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report["phases"] == (["portal", "arterial"] if name in TWO_PHASES else ["portal"])
    assert report["liver"]["volume_ml"] > 20
    check_attention(name, tmp_path / "attention", portal)


def check_attention(name: str, folder: Path, portal: sitk.Image) -> None:
    summary = json.loads((folder / "attention.json").read_text(encoding="utf-8"))
    assert summary["notice"] == "Not for clinical use."
    assert summary["network"] == name
    files = {entry["file"] for entry in summary["maps"].values()}
    assert {path.name for path in folder.iterdir()} == {*files, "attention.json"}
    assert len(files) == {"dpcnet": 3, "context": 3}.get(name, len(files))
    for file in files:
        image = sitk.ReadImage(str(folder / file))
        assert image.GetSize() == portal.GetSize()
        weights = sitk.GetArrayFromImage(image)
        assert weights.min() >= 0
        assert 0 < weights.max() <= 1.0001
    for entry in summary["vectors"].values():
        assert entry["about"]
        weights = np.array([piece["weights"] for piece in entry["pieces"]])
        assert weights.ndim == 2
        assert 0 < weights.min() <= weights.max() <= 1  # rounded to five places
        assert weights.std(axis=1).max() > 0  # not the same for every channel
    assert summary["vectors"] or summary["maps"]
    assert (summary["point_lps_mm"] is not None) == (name == "context")


def test_the_networks_see_what_their_papers_say(
    study: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What reaches the predictors: grid, intensities and how many maps are asked for."""
    seen: list[tuple[str, list[np.ndarray], Any]] = []
    for kind in (SlicePredictor, PatchPredictor):
        original = kind.predict

        def predict(
            self: Any, phases: Any, progress: Any, *, original: Any = original, **options: Any
        ) -> Any:
            seen.append((type(self).__name__, list(phases), options.get("keep")))
            return original(self, phases, progress, **options)

        monkeypatch.setattr(kind, "predict", predict)
    portal = sitk.ReadImage(f"{study}/portal.nrrd")
    extent = [n * s for n, s in zip(portal.GetSize(), portal.GetSpacing(), strict=True)]

    def run(name: str) -> list[tuple[str, list[np.ndarray], Any]]:
        seen.clear()
        segment_case(SegmentationJob(portal=f"{study}/portal.nrrd", model=str(models[name]), device="cpu"))
        return list(seen)

    ((predictor, (volume,), _),) = run("dpcnet")
    assert predictor == "PatchPredictor"
    assert volume.shape == tuple(
        int(np.ceil(e / s - 1e-6)) for e, s in zip(extent[::-1], (2.47, 1.9, 1.9), strict=True)
    )
    hu = sitk.GetArrayFromImage(portal)
    low, high = np.percentile(hu, (0.5, 99.5))
    clipped = np.clip(hu, low, high)
    assert volume.min() >= (low - clipped.mean()) / clipped.std() - 1e-4
    assert volume.max() <= (high - clipped.mean()) / clipped.std() + 1e-4
    assert abs(volume.mean()) < 0.1

    (_, (whole,), _), (_, (liver,), keep) = run("sfan")
    assert whole.shape == liver.shape == hu.shape  # its own grid; the liver is everywhere
    assert 0 <= liver.min() < liver.max() <= 1
    assert keep == tuple(slice(0, n) for n in hu.shape)

    (_, (first,), _), (_, (second,), _) = run("context")
    assert first.shape == second.shape == (hu.shape[0], 448, 448)


def test_a_point_of_attention_can_be_chosen(study: Path, models: dict[str, Path], tmp_path: Path) -> None:
    portal = sitk.ReadImage(f"{study}/portal.nrrd")
    index = (20, 70, 3)
    point = portal.TransformIndexToPhysicalPoint(index)
    job = SegmentationJob(
        portal=f"{study}/portal.nrrd",
        model=str(models["context"]),
        device="cpu",
        save_attention=f"{tmp_path}/a",
        attention_point=point,
    )
    result = segment_case(job)
    assert result.attention is not None
    assert result.attention.point_lps_mm == pytest.approx(point)
    for name in result.attention.maps:
        weights = sitk.GetArrayFromImage(sitk.ReadImage(f"{tmp_path}/a/{name}.nii.gz"))
        assert np.flatnonzero(weights.any(axis=(1, 2))).tolist() == [3]
    with pytest.raises(InputError, match="does not lie in the liver's part of the portal volume"):
        segment_case(SegmentationJob.from_dict({**job.to_dict(), "attention_point": [0.0, 0.0, 9999.0]}))


def test_a_model_without_attention_is_refused_before_anything_is_computed(
    study: Path, tmp_path: Path
) -> None:
    from Testing.Library.model_folder import change_description, write_model

    model = write_model(tmp_path / "plain")
    (model / "tumor.safetensors").write_bytes((model / "liver.safetensors").read_bytes())

    def single(values: dict[str, Any]) -> None:
        liver, tumor = values["stages"]
        tumor.update(
            {k: liver[k] for k in ("network", "arguments", "sha256", "phases")}, missing_phase="refuse"
        )

    change_description(model, single)
    with pytest.raises(ModelError, match="the network 'resseg' computes no attention that could be saved"):
        segment_case(
            SegmentationJob(
                portal=f"{study}/portal.nrrd", model=str(model), device="cpu", save_attention=f"{tmp_path}/a"
            )
        )
    assert not (tmp_path / "a").exists()


def test_a_two_phase_paper_needs_both_phases(study: Path, models: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="needs the arterial phase"):
        segment_case(
            SegmentationJob(portal=f"{study}/portal.nrrd", model=str(models["paresseg"]), device="cpu")
        )


def test_a_one_phase_paper_uses_the_arterial_phase_for_measurements_alone(
    study: Path, models: dict[str, Path]
) -> None:
    files = {"portal": f"{study}/portal.nrrd", "arterial": f"{study}/arterial.nrrd"}
    result = segment_case(
        SegmentationJob(
            **files, model=str(models["dpcnet"]), device="cpu", minimum_diameter_mm=0.0, phases_as_given=True
        )
    )
    assert not result.arterial_used
    assert result.registration is not None
    assert any("finds tumors in the portal phase alone" in warning for warning in result.warnings)


def test_the_same_weights_give_the_same_result(study: Path, models: dict[str, Path]) -> None:
    def probability() -> np.ndarray:
        torch.manual_seed(int(np.random.default_rng().integers(1000)))
        job = SegmentationJob(portal=f"{study}/portal.nrrd", model=str(models["sfan"]), device="cpu")
        return sitk.GetArrayFromImage(segment_case(job).probability)

    np.testing.assert_array_equal(probability(), probability())


def test_averaging_runs_the_tumor_network_alone_on_every_view(
    study: Path, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[bool, tuple[int, ...]]] = []
    original = SlicePredictor.predict

    def predict(self: SlicePredictor, phases: Any, progress: Any, **options: Any) -> Any:
        calls.append((len(phases) == 2, phases[0].shape))
        return original(self, phases, progress, **options)

    monkeypatch.setattr(SlicePredictor, "predict", predict)
    report = tmp_path / "r.json"
    job = SegmentationJob(
        portal=str(study / "portal.nrrd"),
        arterial=str(study / "arterial.nrrd"),
        phases_as_given=True,
        model=str(models["paresseg"]),
        device="cpu",
        averaging="flips",
        report=str(report),
    )
    result = segment_case(job)
    two_phases = [tumor for tumor, _ in calls]
    assert two_phases == [False, False, True, True, True, True]  # the liver once a phase, unmirrored
    assert result.deviation is not None
    assert result.deviation.GetSize() == result.portal.GetSize()
    told = json.loads(report.read_text())
    assert told["averaging"] == {"over": "flips", "tumor_network_passes": 4}
    assert told["settings"]["averaging"] == "flips"


def test_a_network_that_finds_the_liver_too_is_not_given_a_mirrored_body(
    study: Path, models: dict[str, Path]
) -> None:
    job = SegmentationJob(
        portal=str(study / "portal.nrrd"), model=str(models["dpcnet"]), device="cpu", averaging="flips"
    )
    with pytest.raises(ModelError, match=r"finds liver and tumors with one network.*leave out the averaging"):
        segment_case(job)
