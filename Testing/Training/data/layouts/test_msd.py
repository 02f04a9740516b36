"""The Decathlon's liver task: dataset.json says what belongs together and what the values mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.abdomen import make_abdomen, voxels_of, write_json
from training.data.layouts import find_cases
from training.data.layouts.reading import read_case

LABELS = {"0": "background", "1": "liver", "2": "cancer"}


def dataset(labels: dict[str, str], *numbers: int) -> dict[str, object]:
    pairs = [
        {"image": f"./imagesTr/liver_{n}.nii.gz", "label": f"./labelsTr/liver_{n}.nii.gz"} for n in numbers
    ]
    return {
        "modality": {"0": "CT"},
        "labels": labels,
        "training": pairs,
        "test": ["./imagesTs/liver_9.nii.gz"],
    }


@pytest.fixture
def msd(tmp_path: Path) -> Path:
    write_json(tmp_path / "dataset.json", dataset(LABELS, 10, 2))
    for folder, image in zip(("imagesTr", "labelsTr"), make_abdomen(), strict=True):
        (tmp_path / folder).mkdir()
        for n in (2, 10):
            sitk.WriteImage(image, str(tmp_path / folder / f"liver_{n}.nii.gz"))
            (tmp_path / folder / f"._liver_{n}.nii.gz").write_bytes(b"Mac")
    return tmp_path


def test_the_listed_cases_are_found_and_read(msd):
    cases = find_cases("msd", msd)
    assert [case.name for case in cases] == ["liver_2", "liver_10"]
    assert np.array_equal(voxels_of(read_case(cases[0]).labels), voxels_of(make_abdomen()[1]))


def test_values_mean_what_their_names_say(msd):
    write_json(msd / "dataset.json", dataset({"0": "background", "2": "liver", "1": "cancer"}, 2))
    labels = voxels_of(read_case(find_cases("msd", msd)[0]).labels)
    assert np.array_equal(labels, np.array([0, 2, 1])[voxels_of(make_abdomen()[1])])


def test_a_name_that_tells_nothing_must_be_explained(msd):
    write_json(msd / "dataset.json", dataset({**LABELS, "3": "vessel"}, 2))
    with pytest.raises(InputError, match=r"--label 'vessel=background'"):
        find_cases("msd", msd)
    case = find_cases("msd", msd, labels={"vessel": "liver"})[0]
    assert case.labels[0].values == {0: 0, 1: 1, 2: 2, 3: 1}


def test_a_missing_or_foreign_dataset_json_says_what_to_give(msd):
    (msd / "dataset.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        find_cases("msd", msd)
    write_json(msd / "dataset.json", {"labels": {"liver": 1}})
    with pytest.raises(InputError, match="use the layout nnunet"):
        find_cases("msd", msd)
    (msd / "dataset.json").unlink()
    with pytest.raises(InputError, match="is missing: give the folder"):
        find_cases("msd", msd)
