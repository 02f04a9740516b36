"""The second look in a run: operating points, what is left out, and what the report says of it."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.models import ModelPackage, find_model
from LiverTumorAttentionLib.phantoms import Phantom
from LiverTumorAttentionLib.pipeline.jobs import ReviewJob, SegmentationJob
from LiverTumorAttentionLib.pipeline.second_look import calibration_warnings, operating_point_of
from LiverTumorAttentionLib.pipeline.segment import CaseResult, segment_case
from LiverTumorAttentionLib.pipeline.stages import postprocessing_settings
from LiverTumorAttentionLib.report import report_case
from LiverTumorAttentionLib.wording import counted
from Testing.Library.classifiers import by_size
from Testing.Library.model_folder import write_model

EVEN_MM = 25.0
"""Between the diameters of what the bundled model finds of the two lesions."""


def with_classifier(folder: Path, even_mm: float = EVEN_MM) -> Path:
    """Return the bundled model with a classifier, in a folder of its own."""
    bundled = find_model("demonstration")
    folder.mkdir()
    for name in bundled.files():
        (folder / name).write_bytes(bundled.read(name))
    values = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    values |= {"format": 4, "candidates": asdict(by_size(even_mm, slope=10.0))}
    (folder / "model.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


def job(folder: Path, **changes: object) -> SegmentationJob:
    """On the portal phase alone, which is quicker."""
    return SegmentationJob.from_dict({"portal": f"{folder}/portal.nii.gz", "device": "cpu", **changes})


@pytest.fixture(scope="module")
def without(case: tuple[Phantom, Path], tmp_path_factory: pytest.TempPathFactory) -> CaseResult:
    """By the bundled model without its own classifier."""
    model = with_classifier(tmp_path_factory.mktemp("without") / "model")
    values = json.loads((model / "model.json").read_text(encoding="utf-8"))
    del values["candidates"]
    (model / "model.json").write_text(json.dumps(values), encoding="utf-8")
    return segment_case(job(case[1], model=str(model)))


@pytest.fixture(scope="module")
def judged(
    case: tuple[Phantom, Path], without: CaseResult, tmp_path_factory: pytest.TempPathFactory
) -> tuple[CaseResult, Path]:
    """With a classifier that keeps the largest tumor alone."""
    folder = tmp_path_factory.mktemp("judged")
    first, second = (_diameter_mm(tumor.volume_ml) for tumor in without.tumors[:2])
    model = with_classifier(folder / "model", (first + second) / 2)
    files = {"output": "o.seg.nrrd", "table": "t.csv", "report": "r.json"}
    paths = {name: str(folder / file) for name, file in files.items()}
    return segment_case(job(case[1], model=str(model), **paths)), folder


def _diameter_mm(volume_ml: float) -> float:
    return float((6000.0 * volume_ml / np.pi) ** (1 / 3))


def voxels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def test_a_model_without_a_classifier_has_no_lesion_probability(without: CaseResult) -> None:
    assert without.second_look is None
    assert len(without.tumors) >= 2
    assert all(tumor.lesion_probability is None for tumor in without.tumors)


def test_candidates_below_the_operating_point_are_left_out(
    without: CaseResult, judged: tuple[CaseResult, Path]
) -> None:
    result, _ = judged
    left_out = len(without.tumors) - 1
    (tumor,) = result.tumors
    assert tumor.lesion_probability > 0.5
    assert tumor.volume_ml == without.tumors[0].volume_ml
    expected = voxels(without.instances)
    np.testing.assert_array_equal(voxels(result.instances) == 2, expected == 2)
    np.testing.assert_array_equal(voxels(result.probability), voxels(without.probability))
    assert (voxels(result.instances) > 0).sum() <= (expected > 0).sum()
    look = result.second_look
    assert (look.operating_point, look.threshold, look.candidates) == ("balanced", 0.5, left_out + 1)
    assert len(look.dropped) == left_out
    assert all(probability < 0.5 for probability in look.dropped)
    many = counted(left_out, "candidate")
    assert result.summary().splitlines()[-1] == f"{many} below the operating point 'balanced' left out"
    assert f"lesion probability {tumor.lesion_probability:.2f}" in result.summary()


def test_table_and_report_say_it(without: CaseResult, judged: tuple[CaseResult, Path]) -> None:
    result, folder = judged
    (tumor,) = result.tumors
    with (folder / "t.csv").open(newline="", encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert float(row["lesion_probability"]) == pytest.approx(tumor.lesion_probability, abs=1e-3)
    report = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    assert report["tumors"][0]["lesion_probability"] == tumor.lesion_probability
    assert report["candidates"]["operating_point"] == "balanced"
    assert report["candidates"]["found"] == len(without.tumors)
    assert report["candidates"]["left_out"] == len(without.tumors) - 1


def test_the_report_page_shows_it_of_tumors_that_are_unchanged(
    case: tuple[Phantom, Path], judged: tuple[CaseResult, Path], tmp_path: Path
) -> None:
    result, folder = judged
    files = {"portal": f"{case[1]}/portal.nii.gz", "report": str(folder / "r.json")}
    review = ReviewJob(segmentation=str(folder / "o.seg.nrrd"), output=f"{tmp_path}/r.html", **files)
    (tumor,) = report_case(review).review.tumors
    assert tumor.measurement.lesion_probability == result.tumors[0].lesion_probability
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Lesion probability" in page
    assert "not what a lesion is" in page
    assert "candidates lie below it and were left out" in page

    changed = voxels(result.instances)
    changed[tuple(np.argwhere(changed == 2)[0])] = 1
    image = sitk.GetImageFromArray(np.minimum(changed, 2).astype(np.uint8))
    image.CopyInformation(result.instances)
    sitk.WriteImage(image, f"{tmp_path}/changed.nii.gz")
    review = ReviewJob(segmentation=f"{tmp_path}/changed.nii.gz", output=f"{tmp_path}/c.html", **files)
    (tumor,) = report_case(review).review.tumors
    assert tumor.measurement.lesion_probability is None
    assert "not what a lesion is" not in (tmp_path / "c.html").read_text(encoding="utf-8")


def test_other_operating_points_keep_more_or_fewer(
    case: tuple[Phantom, Path], judged: tuple[CaseResult, Path]
) -> None:
    _, folder = judged
    name = str(folder / "model")
    specific = segment_case(job(case[1], model=name, operating_point="specific"))
    assert specific.second_look.threshold == 0.9
    assert all(tumor.lesion_probability >= 0.9 for tumor in specific.tumors)


def test_an_operating_point_needs_a_model_that_has_some(tmp_path: Path) -> None:
    plain = ModelPackage(write_model(tmp_path / "plain")).description
    assert operating_point_of(plain, SegmentationJob(portal="p")) is None
    with pytest.raises(ModelError, match=r"'random' gives no lesion probability.*leave out 'specific'"):
        operating_point_of(plain, SegmentationJob(portal="p", operating_point="specific"))
    with pytest.raises(
        InputError, match="unknown operating point 'strict': choose sensitive, balanced, specific"
    ):
        SegmentationJob(portal="p", operating_point="strict")


def test_settings_that_it_was_not_calibrated_for_are_told(tmp_path: Path) -> None:
    package = ModelPackage(write_model(tmp_path / "m", format=4, candidates=asdict(by_size(20.0))))

    def said(**settings: object) -> tuple[str, ...]:
        wanted = SegmentationJob(portal="p", **settings)
        return calibration_warnings(package.description, wanted, postprocessing_settings(package, wanted))

    assert said() == said(tumor_threshold=0.5, operating_point="sensitive") == ()
    assert said(tumor_threshold=0.3, averaging="flips") == (
        "the lesion probability was calibrated for a tumor threshold of 0.5, not 0.3 and averaging over none, not "
        "flips: read it with care",
    )
