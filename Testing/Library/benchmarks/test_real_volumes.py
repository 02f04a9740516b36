"""The benchmark on a data set: its lesions as tasks, the table, and the pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from Testing.benchmarks.interaction.real_volumes import main, table, tasks_of
from Testing.Library.correction.made_case import BRIGHT, DARK, ball, made_case
from training.data.layouts.reading import LoadedCase


@pytest.fixture(scope="module")
def images() -> tuple[sitk.Image, sitk.Image]:
    """A portal volume, and labels with two balls and a voxel as tumor."""
    case = made_case((DARK, BRIGHT))
    labels = np.asarray(case.start).astype(np.uint8)
    for each in (DARK, BRIGHT):
        labels[ball(each.center, each.radius_mm)] = 2
    labels[30, 10, 10] = 2
    truth = sitk.GetImageFromArray(labels)
    truth.CopyInformation(case.portal)
    return case.portal, truth


def test_each_lesion_is_a_task_with_the_liver_alone(images: tuple[sitk.Image, sitk.Image]) -> None:
    portal, truth = images
    found = list(tasks_of(LoadedCase(portal=portal, arterial=None, labels=truth, displacement=None)))
    assert [diameter for _, _, diameter in found] == pytest.approx([18.0, 16.0], rel=0.03)  # not the voxel
    for task, lesion, _ in found:
        assert set(np.unique(task.labels)) == {0, 1}
        assert (task.labels[lesion] == 1).all()
        assert not task.mask.any()


def test_the_table_counts_the_clicks() -> None:
    rows = [
        {"case": "a", "diameter_mm": 10.0, "tool": "walker", "dice": [0.0, 0.5, 0.82, 0.91]},
        {"case": "a", "diameter_mm": 12.0, "tool": "walker", "dice": [0.0, 0.9]},
    ]
    last = list(table(rows, "command", ["walker"]))[-1]
    assert last == "| walker | 0.700 | 0.540 | 1.5 (1.50), 100% | 2 (2.00), 100% | 2 (2.00), 100% |"


def test_it_writes_table_rows_and_pictures(images: tuple[sitk.Image, sitk.Image], tmp_path: Path) -> None:
    folder = tmp_path / "data" / "one"
    folder.mkdir(parents=True)
    for image, name in zip(images, ("portal", "labels"), strict=True):
        sitk.WriteImage(image, folder / f"{name}.nii.gz")
    main(
        [
            "--layout",
            "plain",
            "--data",
            str(folder.parent),
            "--output",
            str(tmp_path / "out"),
            "--name",
            "balls",
        ]
    )
    text = (tmp_path / "out" / "balls.md").read_text()
    assert "2 lesions of 1 cases" in text
    assert "| random walker |" in text
    assert len((tmp_path / "out" / "balls.csv").read_text().splitlines()) == 3
    assert (tmp_path / "out" / "balls.png").stat().st_size > 5000
