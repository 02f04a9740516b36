"""nnU-Net raw data: phases by the names of channels, classes by the names of labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.abdomen import make_abdomen, voxels_of, write_json
from training.data.layouts import find_cases
from training.data.layouts.labels import class_of, values_of
from training.data.layouts.phases import pairs_of_cases, phases_of_channels
from training.data.layouts.reading import read_case

FOUR_PHASES = {"0": "non-contrast", "1": "late arterial", "2": "portal venous", "3": "delayed"}
LABELS = {"background": 0, "liver": 1, "lesion": 2}


def write_dataset(folder: Path, description: Mapping[str, Any], files: Mapping[str, sitk.Image]) -> Path:
    write_json(folder / "dataset.json", description)
    for name, image in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        sitk.WriteImage(image, str(folder / name))
    return folder


@pytest.fixture
def four_phases(tmp_path: Path) -> Path:
    """Cases X_2 and X_10 of four phases; channel 2 is the abdomen, channel 1 its arterial phase."""
    portal, labels = make_abdomen()
    files = {
        f"imagesTr/X_{case}_{channel:04d}.nii.gz": portal + 10 * (channel - 2)
        for case in (2, 10)
        for channel in range(4)
    }
    files |= {f"labelsTr/X_{case}.nii.gz": labels for case in (2, 10)}
    return write_dataset(
        tmp_path, {"channel_names": FOUR_PHASES, "labels": LABELS, "file_ending": ".nii.gz"}, files
    )


def test_phases_are_found_by_the_names_of_their_channels(four_phases):
    cases = find_cases("nnunet", four_phases)
    assert [case.name for case in cases] == ["X_2", "X_10"]
    case = read_case(cases[1])
    assert np.array_equal(voxels_of(case.portal), voxels_of(make_abdomen()[0]))
    assert np.array_equal(voxels_of(case.arterial), voxels_of(make_abdomen()[0]) - 10)
    assert np.array_equal(voxels_of(case.labels), voxels_of(make_abdomen()[1]))


@pytest.mark.parametrize(
    ("names", "told", "found"),
    [
        ({0: "CT"}, {}, {"portal": 0}),
        ({0: "ART", 1: "PV"}, {}, {"arterial": 0, "portal": 1}),
        ({0: "venous", 1: "arterial"}, {}, {"portal": 0, "arterial": 1}),
        ({0: "portal venous", 1: "delayed venous"}, {}, {"portal": 0}),
        ({0: "a", 1: "b", 2: "c"}, {"portal": 2}, {"portal": 2}),
        ({0: "a", 1: "b"}, {"portal": 1, "arterial": 0}, {"portal": 1, "arterial": 0}),
        ({0: "early arterial", 1: "late arterial", 2: "pv"}, {"arterial": 1}, {"portal": 2, "arterial": 1}),
        ({0: "portal", 1: "art"}, {"arterial": 0, "portal": 1}, {"portal": 1, "arterial": 0}),
        ({0: "venous", 1: "portal"}, {"arterial": 0}, {"portal": 1, "arterial": 0}),
    ],
)
def test_channels_and_what_the_user_tells_of_them(names, told, found):
    assert phases_of_channels(names, told) == found


@pytest.mark.parametrize(
    ("names", "told", "message"),
    [
        (
            {0: "a", 1: "b"},
            {},
            r"no channel is named as the portal phase \(0 'a', 1 'b'\).*--channel portal=NUMBER",
        ),
        (
            {0: "early arterial", 1: "late arterial", 2: "pv"},
            {},
            "more than one channel may be the arterial phase",
        ),
        ({0: "CT"}, {"portal": 3}, r"there is no such channel, only 0 'CT'"),
        ({0: "CT"}, {"venous": 0}, "unknown phase"),
    ],
)
def test_channels_that_cannot_be_told(names, told, message):
    with pytest.raises(InputError, match=message):
        phases_of_channels(names, told)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Background", "background"),
        ("liver", "liver"),
        ("whole_liver", "liver"),
        ("tumour", "tumor"),
        ("liver lesion", "tumor"),
        ("cancer", "tumor"),
        ("HCC", "tumor"),
        ("kidney tumor", None),
        ("pancreas lesion", None),
        ("spleen", None),
        ("hepatic vessel", None),
    ],
)
def test_names_of_labels(name, kind):
    assert class_of(name) == kind


def test_regions_of_version_2_and_values_of_version_1():
    assert values_of({"background": (0,), "liver": (1, 2), "tumor": (2,)}, {}, "d") == {0: 0, 1: 1, 2: 2}
    assert values_of({"tumor": (2,), "liver": (1, 2, 3), "vessel": (3,)}, {"vessel": "liver"}, "d") == {
        0: 0,
        1: 1,
        2: 2,
        3: 1,
    }
    assert values_of({"liver": (1,), "ignore": (3,)}, {}, "d") == {0: 0, 1: 1}


def test_labels_of_other_organs_must_be_explained_once():
    names = {"background": (0,), "spleen": (1,), "liver": (5,), "aorta": (7,)}
    with pytest.raises(InputError, match=r"the label 'spleen' in d is neither.*--label other=background"):
        values_of(names, {}, "d")
    assert values_of(names, {"other": "background"}, "d") == {0: 0, 1: 0, 5: 1, 7: 0}
    with pytest.raises(InputError, match=r"no label called 'splen'; did you mean 'spleen'"):
        values_of(names, {"splen": "background"}, "d")
    with pytest.raises(InputError, match="none of the labels in d is the liver"):
        values_of({"tumor": (1,)}, {}, "d")


def test_version_1_and_regions_are_read_from_dataset_json(four_phases):
    first = {
        "modality": {"0": "nc", "1": "art", "2": "pv", "3": "late"},
        "labels": {"0": "background", "1": "liver", "2": "tumour"},
    }
    write_json(four_phases / "dataset.json", first)
    assert find_cases("nnunet", four_phases)[0].labels[0].values == {0: 0, 1: 1, 2: 2}
    second = {
        "channel_names": FOUR_PHASES,
        "labels": {"background": 0, "liver": [1, 2], "tumor": 2},
        "regions_class_order": [1, 2],
    }
    write_json(four_phases / "dataset.json", second)
    assert find_cases("nnunet", four_phases)[0].labels[0].values == {0: 0, 1: 1, 2: 2}


def test_misnamed_channels_are_told_with_the_remedy(four_phases):
    write_json(
        four_phases / "dataset.json", {"channel_names": {"0": "a", "1": "b", "2": "c"}, "labels": LABELS}
    )
    with pytest.raises(InputError, match=r"say which is with --channel portal=NUMBER"):
        find_cases("nnunet", four_phases)
    case = find_cases("nnunet", four_phases, channels={"portal": 2, "arterial": 1})[0]
    assert (case.portal.name, case.arterial.name) == ("X_2_0002.nii.gz", "X_2_0001.nii.gz")


def test_misnamed_images_are_told_with_an_example(four_phases):
    (four_phases / "imagesTr" / "X_2_0001.nii.gz").rename(four_phases / "imagesTr" / "X_2.nii.gz")
    with pytest.raises(InputError, match=r"must be called CASE_0000\.nii\.gz.* found X_2\.nii\.gz: rename"):
        find_cases("nnunet", four_phases)


def test_a_case_may_lack_the_arterial_but_not_the_portal_channel(four_phases):
    (four_phases / "imagesTr" / "X_2_0001.nii.gz").unlink()
    (four_phases / "imagesTr" / "X_10_0002.nii.gz").unlink()
    first, second = find_cases("nnunet", four_phases)
    assert first.arterial is None
    with pytest.raises(InputError, match=r"portal volume '.*X_10_0002.nii.gz' does not exist"):
        read_case(second)


def test_files_may_be_listed_in_dataset_json(four_phases):
    entry = {"images": [f"imagesTr/X_2_{n:04d}.nii.gz" for n in range(4)], "label": "labelsTr/X_2.nii.gz"}
    write_json(
        four_phases / "dataset.json",
        {
            "channel_names": FOUR_PHASES,
            "labels": LABELS,
            "file_ending": ".nii.gz",
            "dataset": {"only": entry},
        },
    )
    (case,) = find_cases("nnunet", four_phases)
    assert (case.name, case.portal) == ("only", four_phases / "imagesTr/X_2_0002.nii.gz")


def test_phases_that_are_cases_of_their_own_are_paired_by_patient(tmp_path):
    portal, labels = make_abdomen()
    names = ("P1", "P1_nocontrast", "P1_arterial", "P1_venous", "P1_delayed", "P2_venous")
    files = {f"imagesTr/{name}_0000.nii.gz": portal for name in names}
    files |= {f"labelsTr/{name}.nii.gz": labels for name in names}
    write_dataset(tmp_path, {"channel_names": {"0": "CT"}, "labels": LABELS, "file_ending": ".nii.gz"}, files)
    first, second = find_cases("nnunet", tmp_path)
    assert (first.name, first.patient) == ("P1_venous", "P1")
    assert first.arterial == tmp_path / "imagesTr/P1_arterial_0000.nii.gz"
    assert first.labels[0].path == tmp_path / "labelsTr/P1_venous.nii.gz"
    assert (second.name, second.arterial) == ("P2_venous", None)


@pytest.mark.parametrize(
    ("identifiers", "pairs"),
    [
        (["venous_0", "arterial_0", "venous_1"], {"venous_0": "arterial_0", "venous_1": None}),
        (["liver_0", "liver_1"], {}),
        (["PV_001", "PV_002"], {}),
    ],
)
def test_pairs_need_both_phases_in_the_names(identifiers, pairs):
    assert pairs_of_cases(identifiers) == pairs
