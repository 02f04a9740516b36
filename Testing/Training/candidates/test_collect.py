"""Candidates are collected case by case, with their truth, and a run goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import training.candidates.collect as collecting
import training.candidates.network_task as network_task
import training.candidates.patches as collecting_patches
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.metrics.lesions import Components
from LiverTumorAttentionLib.models import ModelPackage
from LiverTumorAttentionLib.pipeline.candidates import FoundCase
from LiverTumorAttentionLib.pipeline.stages import FoundLiver, FoundTumors
from LiverTumorAttentionLib.progress import Progress
from Testing.Library.model_folder import write_model
from training.candidates.build import OF_THE_CASE, ClassifierFile, samples_of
from training.candidates.collect import CollectionSettings, collect, lesions_of
from training.candidates.patches import STORED, collect_patches, read_patches
from training.cli import main

SHAPE = (10, 48, 48)
SPACING_MM = (1.0, 1.0, 2.0)


def image(voxels: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(voxels)
    made.SetSpacing(SPACING_MM)
    return made


def case_arrays(seed: int, *, lesions: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return HU and labels: dark cubes are lesions, bright ones beside them are not; where, depends on the seed."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, 2:46, 2:46] = 1
    hu = np.where(labels, 100, -50) + rng.integers(-8, 9, SHAPE)
    for place in (5, 20, 35):
        y, x = place + rng.integers(0, 3, 2)
        edge = int(rng.integers(4, 8))
        cube = (slice(3, 3 + edge // 2), slice(y, y + edge), slice(x, x + edge))
        true = lesions and rng.random() < 0.5
        hu[cube] += -50 if true else 45
        if true:
            labels[cube] = 2
    return hu.astype(np.int16), labels


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    folder = tmp_path / "cohort"
    for seed in range(24):
        place = folder / f"case-{seed}"
        place.mkdir(parents=True)
        hu, labels = case_arrays(seed, lesions=seed % 4 > 0)
        sitk.WriteImage(image(hu), str(place / "portal.nii.gz"))
        sitk.WriteImage(image(labels), str(place / "labels.nii.gz"))
        (place / "case.json").write_text(json.dumps({"patient": f"P{seed // 2}"}), encoding="utf-8")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", postprocessing={"minimum_peak_probability": 0.9, "rim_mm": 2.0})


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Networks that take whatever is not at liver level for tumor; returns the names of what they ran on."""
    ran: list[str] = []

    def found(portal, arterial, stages, settings, progress, **_):
        ran.append("both phases" if arterial is not None else "portal")
        hu = sitk.GetArrayFromImage(portal)
        liver = hu > 0
        probability = np.where(liver & (np.abs(hu - 100.0) > 20), 0.8, 0.1).astype(np.float32)
        return FoundCase(
            portal=portal,
            liver=FoundLiver(mask=_like(liver.astype(np.uint8), portal), tumor=None),
            registration=None,
            tumors=FoundTumors(probability=_like(probability, portal), deviation=None, attention=None),
            probability=_like(probability, portal),
            deviation=None,
            instances=collecting_instances(probability, liver, portal, settings),
        )

    monkeypatch.setattr(collecting, "find_candidates", found)
    return ran


def _like(voxels: np.ndarray, grid: sitk.Image) -> sitk.Image:
    made = sitk.GetImageFromArray(voxels)
    made.CopyInformation(grid)
    return made


def collecting_instances(probability, liver, portal, settings) -> sitk.Image:
    from LiverTumorAttentionLib.pipeline.stages import tumor_instances

    return tumor_instances(_like(probability, portal), _like(liver.astype(np.uint8), portal), settings)


def test_what_makes_a_candidate_a_lesion() -> None:
    truth = np.zeros((4, 20, 20), bool)
    truth[:, 2:6, 2:6] = truth[:, 12:14, 12:14] = True
    components = Components.of(truth)

    def cube(*sides: slice) -> np.ndarray:
        mask = np.zeros(truth.shape, bool)
        mask[sides] = True
        return mask

    everything = slice(None)
    assert lesions_of(cube(everything, slice(0, 4), slice(0, 4)), components) == (1,)
    assert lesions_of(cube(everything, slice(8, 12), slice(8, 12)), components) == ()
    # It touches the larger lesion by one voxel of 144 a slice: less than a tenth of it, and of the lesion.
    assert lesions_of(cube(everything, slice(5, 17), slice(5, 11)), components) == ()
    # Hardly of the small lesion, but over all of it, and touching both.
    assert lesions_of(cube(everything, slice(5, 20), slice(5, 20)), components) == (1, 2)


def test_candidates_are_collected_with_their_truth(cohort, model, networks, tmp_path):
    settings = CollectionSettings.of(ModelPackage(model))
    assert settings.postprocessing == {
        "minimum_peak_probability": 0.5,
        "tumor_threshold": 0.5,
        "minimum_diameter_mm": 4.0,
        "minimum_core_share": 0.0,
        "rim_mm": 2.0,
    }
    cases, failed = collect(str(model), [cohort], tmp_path / "out", settings, processes=1)
    assert (len(cases), failed, len(networks)) == (24, [], 24)
    for seed, case in enumerate(cases):
        _, labels = case_arrays(seed, lesions=seed % 4 > 0)
        assert len(case.lesions_mm) == Components.of(labels == 2).voxels.size
        assert (case.cohort, case.case, case.patient) == ("cohort", f"case-{seed}", f"P{seed // 2}")
        for candidate in case.candidates:
            assert candidate.is_lesion == (candidate.features["portal_level_hu"] < 0)
            assert candidate.features["arterial_level_hu"] is None
    samples = samples_of(cases, settings.features)
    assert samples.features.shape == (len(samples.truth), len(settings.features))
    assert np.isnan(samples.features[:, settings.features.index("deviation")]).all()


def test_a_run_goes_on_where_it_was_stopped(cohort, model, networks, tmp_path):
    settings = CollectionSettings.of(ModelPackage(model))

    def stop_at_ten() -> bool:
        return len(networks) >= 10

    with pytest.raises(Exception, match="cancelled"):
        collect(
            str(model),
            [cohort],
            tmp_path / "out",
            settings,
            processes=1,
            progress=Progress(None, stop_at_ten),
        )
    assert len(list((tmp_path / "out" / "cases").iterdir())) == len(networks) == 10
    cases, _ = collect(str(model), [cohort], tmp_path / "out", settings, processes=1)
    assert (len(cases), len(networks)) == (24, 24)


def test_a_folder_is_continued_with_the_same_settings_alone(cohort, model, networks, tmp_path):
    package = ModelPackage(model)
    collect(str(model), [cohort], tmp_path / "out", CollectionSettings.of(package), processes=1)
    other = CollectionSettings.of(package, threshold=0.3)
    with pytest.raises(InputError, match="holds candidates of another postprocessing: choose another folder"):
        collect(str(model), [cohort], tmp_path / "out", other, processes=1)


def test_a_case_that_cannot_be_run_is_named_and_stops_no_other(cohort, model, networks, tmp_path):
    (cohort / "case-3" / "labels.nii.gz").unlink()
    cases, failed = collect(
        str(model), [cohort], tmp_path / "out", CollectionSettings.of(ModelPackage(model)), processes=1
    )
    assert len(cases) == 23
    assert len(failed) == 1
    assert failed[0].startswith("cohort--case-3: ")


def test_two_phases_are_run_on_the_portal_one_alone_as_well(cohort, model, networks, tmp_path):
    sitk.WriteImage(image(case_arrays(0, lesions=False)[0]), str(cohort / "case-0" / "arterial.nii.gz"))
    settings = CollectionSettings.of(ModelPackage(model))
    cases, _ = collect(str(model), [cohort], tmp_path / "out", settings, portal_alone=True, processes=1)
    assert networks[:3] == ["both phases", "portal", "portal"]
    assert [case.phases for case in cases[:3]] == [("portal", "arterial"), ("portal",), ("portal",)]
    assert (tmp_path / "out" / "cases" / "cohort--case-0--portal.json").is_file()


def test_the_command_fits_and_says_what_its_points_do(cohort, model, networks, tmp_path, capsys):
    (tmp_path / "more").mkdir()
    second = cohort.rename(tmp_path / "more" / "ZqMark7")
    for seed in range(6):
        facts = {"patient": f"ZqMark7-{seed}", "source": "implanted"}
        (second / f"case-{seed}" / "case.json").write_text(json.dumps(facts), encoding="utf-8")
    arguments = [
        "candidates",
        "--model",
        str(model),
        "--cohort",
        str(second),
        "--output",
        str(tmp_path / "out"),
    ]
    assert main([*arguments, "--processes", "1", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "24 cases, 0 left out" in said
    assert "balanced: from " in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("candidates.json", "cases", "collection.json", "froc.csv", "reliability.png")
    ]
    content = ClassifierFile.read(tmp_path / "out" / "candidates.json")
    assert content.weights == tuple(stage.sha256 for stage in ModelPackage(model).description.stages)
    assert "portal_level_hu" in content.candidates.features
    assert not OF_THE_CASE & set(content.candidates.features)
    measured = content.candidates.measured
    assert measured["area_under_roc"] > 0.95
    lines = (tmp_path / "out" / "froc.csv").read_text(encoding="utf-8").splitlines()
    last = {line.split(",")[0]: line.split(",") for line in lines[1:]}
    assert {name: cells[1] for name, cells in last.items()} == {"cohort 1": "18", "implanted": "6"}
    assert all(
        cells[2] == cells[4] for cells in last.values()
    )  # at the lowest threshold all lesions are found
    assert measured["patients"] == measured["real_patients"] == 15
    assert {each.stages for each in content.sources} == {("second look",)}
    assert sum(each.cases for each in content.sources) >= 24
    counted = measured["cohorts"]
    assert {name: values["cases"] for name, values in counted.items()} == {"cohort 1": 18, "implanted": 6}
    for values in counted.values():
        assert values["all candidates"]["lesion_recall"] == 1.0
        assert values["balanced"]["false_findings_per_case"] <= 0.5
    assert "ZqMark7" not in (tmp_path / "out" / "candidates.json").read_text(encoding="utf-8")
    before = (tmp_path / "out" / "candidates.json").read_bytes()
    assert main([*arguments, "--processes", "1", "--device", "cpu"]) == 0
    assert (tmp_path / "out" / "candidates.json").read_bytes() == before
    assert len(networks) == 24


def test_the_command_trains_a_network_on_other_cases(cohort, model, networks, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(network_task, "STEPS_AN_EPOCH", 2)
    monkeypatch.setattr(network_task, "BATCH", 4)
    monkeypatch.setattr(collecting_patches, "find_candidates", collecting.find_candidates)
    other = tmp_path / "others"
    other.mkdir()
    for name in ("case-1", "case-2"):
        (cohort / name).rename(other / name)
    arguments = [
        "candidates",
        "--model",
        str(model),
        "--cohort",
        str(cohort),
        "--output",
        str(tmp_path / "out"),
    ]
    arguments += ["--network-cohort", str(other), "--epochs", "1", "--processes", "1", "--device", "cpu"]
    assert main([*arguments, "--members", "0"]) == 2
    assert "--members must be 1 or more, got 0" in capsys.readouterr().err
    arguments += ["--members", "2", "--seed", "4"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "the network trains on 2 cases: " in said
    assert "22 cases, 0 left out" in said
    content = ClassifierFile.read(tmp_path / "out" / "candidates.json")
    assert "network_logit" in content.candidates.features
    assert content.candidates.measured["network"]["cases"] == 2
    assert content.candidates.measured["network"]["seeds"] == [4, 5]
    described = content.candidate_network
    assert (described.network, described.arguments["members"]) == ("candidate_ensemble", 2)
    assert described.sha256 == hashlib.sha256((tmp_path / "out" / described.weights).read_bytes()).hexdigest()
    case = json.loads((tmp_path / "out" / "cases" / "cohort--case-3.json").read_text())
    assert all(isinstance(one["features"]["network_logit"], float) for one in case["candidates"])
    ran = len(networks)
    assert main(arguments) == 0
    assert capsys.readouterr().out.count("the run is finished, at step 2") == 2
    assert len(networks) == ran == 24


def test_patches_know_the_truth_of_their_candidates(cohort, model, networks, tmp_path, monkeypatch):
    """At every threshold the same candidates, for the probability is 0.8 or 0.1; dark ones are lesions."""
    monkeypatch.setattr(collecting_patches, "find_candidates", collecting.find_candidates)
    settings = CollectionSettings.of(ModelPackage(model))
    files, failed = collect_patches(str(model), [cohort], tmp_path / "out", settings, processes=1)
    assert (len(files), failed) == (24, [])
    lesions = others = 0
    for path in files:
        about, patches = read_patches(path)
        assert len(about.lesion) % 3 == 0
        middle = patches[:, 0, STORED // 2, STORED // 2, STORED // 2]
        assert [bool(value < 0) for value in middle] == list(about.lesion)
        lesions, others = lesions + sum(about.lesion), others + len(about.lesion) - sum(about.lesion)
    assert min(lesions, others) > 10
    ran = len(networks)
    collect_patches(str(model), [cohort], tmp_path / "out", settings, processes=1)
    assert len(networks) == ran


def test_nothing_is_written_into_a_cohort(cohort, model, networks, tmp_path):
    settings = CollectionSettings.of(ModelPackage(model))
    for place in (cohort, cohort / "case-0", model):
        with pytest.raises(InputError, match="choose another folder"):
            collect(str(model), [cohort], place, settings, processes=1)


def test_two_cohorts_of_one_name_are_refused(cohort, model, networks, tmp_path, capsys):
    again = [str(cohort), str(cohort)]
    assert (
        main(["candidates", "--model", str(model), "--cohort", *again, "--output", str(tmp_path / "out")])
        == 2
    )
    assert "two cohorts are called 'cohort'" in capsys.readouterr().err
