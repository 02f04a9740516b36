"""A case of a cohort through `segment_case`, and its thumbnail."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from PIL import Image

from LiverTumorAttentionLib.cohort.job import CohortJob
from LiverTumorAttentionLib.cohort.run import run_cohort
from LiverTumorAttentionLib.io import write_image
from LiverTumorAttentionLib.phantoms import Phantom
from LiverTumorAttentionLib.pictures.thumbnail import compose_thumbnail
from LiverTumorAttentionLib.pipeline.worklist import find_cases
from Testing.Library.cohort.stub import InlineEngine


def test_a_case_is_what_segment_writes(two_lesions: Phantom, tmp_path: Path) -> None:
    (tmp_path / "in/case").mkdir(parents=True)
    write_image(tmp_path / "in/case/portal.nii.gz", two_lesions.portal)
    summary = run_cohort(
        CohortJob(input=str(tmp_path / "in"), output=str(tmp_path / "out")), engine=InlineEngine()
    )
    assert summary.failures == {}
    case = tmp_path / "out/case"
    assert sorted(path.name for path in (case / "result").iterdir()) == [
        *("preview.png", "probability.nrrd", "report.json", "segmentation.seg.nrrd", "tumors.csv"),
    ]
    report = json.loads((case / "result/report.json").read_text())
    assert report["model"]["id"] == "demonstration"
    with (tmp_path / "out/cases.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["liver_volume_ml"] == f"{report['liver']['volume_ml']:.1f}"
    assert int(row["tumors"]) == len(report["tumors"])
    assert Image.open(case / "thumbnail.jpg").width == 176
    assert find_cases(tmp_path / "out")[0].status().kind == "segmented"


def test_the_thumbnail_outlines_the_largest_tumor() -> None:
    labels = np.zeros((10, 60, 80), np.uint8)
    labels[2:8, 10:50, 10:70] = 1
    labels[4, 20:30, 20:40] = 2
    hu = sitk.GetImageFromArray(np.full(labels.shape, 55, np.int16))
    picture = np.asarray(compose_thumbnail(hu, sitk.GetImageFromArray(labels)), dtype=int)
    assert picture.shape == (132, 176, 3)  # 60 x 80 mm
    red = (picture[..., 0] > 200) & (picture[..., 1] < 120)
    rows, columns = np.nonzero(red)
    assert abs(columns.mean() / 176 - 30 / 80) < 0.02  # 20 to 40 of 80 mm
    assert abs(rows.mean() / 132 - 25 / 60) < 0.02
