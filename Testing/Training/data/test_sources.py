"""Sources of training data: which case is made from which, and the licence that the weights get."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from training.data.real_volumes import REAL_VOLUMES, real_volume
from training.data.sources import SOURCES, check_licence, licence_for, source, sources_of
from training.data.synthesis.painted_cohort import LabelMap

DATA = Path("../shared/data")


def test_every_source_has_a_licence_and_whom_to_name():
    for each in SOURCES.values():
        assert each.title
        assert each.licence
        assert each.attribution
    assert {volume.source for volume in REAL_VOLUMES} <= SOURCES.keys()


@pytest.mark.parametrize(
    ("facts", "patient", "expected"),
    [
        ({"source": "msd_liver_slices"}, "lits-4", {"lits": "lits-4"}),
        ({"source": "lits_crop"}, "lits-117", {"lits": "lits-117"}),
        ({"source": "phantom"}, None, {"phantoms": "case"}),
        ({"source": "implanted"}, "HCC-007", {"hcc-tace-seg": "HCC-007"}),
        ({"source": "painted", "label_map": "a:spl", "liver": "own"}, None, {"spl": "a:spl"}),
        (
            {"source": "painted", "label_map": "a:amos", "liver": "LiTS-65"},
            None,
            {"amos": "a:amos", "lits-segments": "LiTS-65"},
        ),
        (
            {"source": "painted", "label_map": "a:amos", "liver": "hepaticvessel_002"},
            None,
            {"amos": "a:amos", "msd-vessels": "hepaticvessel_002"},
        ),
        (
            {"source": "painted", "label_map": "be432496:amos", "liver": "LiTS-65"},
            None,
            {"amos": "AMOS-0013", "lits-segments": "LiTS-65"},
        ),
        ({"source": "clinic"}, "p1", {"clinic": "p1"}),
        ({}, None, {"data without a source": "case"}),
    ],
)
def test_a_case_tells_its_sources_and_whose_data_it_holds(facts, patient, expected):
    assert sources_of(facts, patient, "case") == expected


@pytest.mark.parametrize("label_map", ["be432496:amos", "amos-labels:amos"])
def test_a_label_map_and_the_real_volume_of_its_patient_count_as_one(label_map):
    painted = sources_of({"source": "painted", "label_map": label_map, "liver": "own"}, None, "painted-0")
    assert painted == sources_of({"source": "implanted"}, "AMOS-0013", "implanted-0")


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_the_label_map_at_hand_is_that_of_the_real_volume():
    label_map = LabelMap.parse(f"{DATA}/amos-labels/labels.nii.gz:amos")
    for name in (label_map.name, label_map.earlier_name):
        assert sources_of({"source": "painted", "label_map": name, "liver": "own"}, None, "case") == {
            "amos": "AMOS-0013"
        }
    own = sitk.ReadImage(f"{DATA}/{real_volume('AMOS-0013').liver}")
    whole = sitk.Resample(
        sitk.ReadImage(str(label_map.path)), own, sitk.Transform(), sitk.sitkNearestNeighbor
    )
    np.testing.assert_array_equal(sitk.GetArrayFromImage(whole), sitk.GetArrayFromImage(own))


def test_a_painted_case_that_does_not_tell_its_liver_may_hold_any():
    found = sources_of({"source": "painted", "label_map": "a:spl"}, None, "case")
    assert found == {"spl": "a:spl", "lits-segments": "", "msd-vessels": ""}


@pytest.mark.parametrize(
    ("keys", "licence"),
    [
        (["phantoms", "spl", "amos"], "Apache-2.0"),
        (["phantoms", "lits"], "CC-BY-SA-4.0"),
        (["clinic", "msd-vessels"], "CC-BY-SA-4.0"),
        (["clinic", "phantoms"], "NOASSERTION"),
        ([], "NOASSERTION"),
    ],
)
def test_the_weights_get_the_licence_that_their_sources_ask_for(keys, licence):
    assert licence_for([source(key) for key in keys]) == licence


@pytest.mark.parametrize(
    "licence", ["Apache-2.0", "MIT", "CC-BY-4.0", "CC0-1.0", "NOASSERTION", "CC-BY-NC-SA-4.0"]
)
def test_a_licence_that_share_alike_does_not_allow_is_refused(licence):
    with pytest.raises(InputError, match=rf"'{licence}'.*share-alike data \(LiTS .*give CC-BY-SA-4.0"):
        check_licence(licence, [source("phantoms"), source("lits")])
    check_licence(licence, [source("phantoms"), source("amos")])


@pytest.mark.parametrize("licence", ["CC-BY-SA-4.0", "CC BY-SA 4.0", "cc-by-sa-4.0"])
def test_share_alike_is_known_however_it_is_written(licence):
    check_licence(licence, [source("lits")])
