"""What is wrong with a data set is found, told with what to do, and never ends the check of the rest."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rich.console
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from LiverTumorAttentionLib.errors import Cancelled
from LiverTumorAttentionLib.progress import Progress, ProgressEvent
from Testing.Training.abdomen import make_abdomen, on_grid, voxels_of
from training.data.case import LabelFile, SourceCase
from training.data.checks import Finding, check_cases, print_findings
from training.data.checks.finding import finding_from
from training.data.layouts.labels import OWN_VALUES
from training.data.layouts.reading import read_phase

Maker = Callable[..., SourceCase]


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Return a writer of cases: ``make("a", portal=…, labels=…, arterial=…)``, each with noise of its own."""

    def write(
        name: str,
        portal: sitk.Image | None = None,
        labels: sitk.Image | None = None,
        arterial: sitk.Image | None = None,
        **more: str,
    ) -> SourceCase:
        own, truth = make_abdomen(seed=sum(map(ord, name)))
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        sitk.WriteImage(portal or own, str(folder / "portal.nii.gz"))
        sitk.WriteImage(labels or truth, str(folder / "labels.nii.gz"))
        if arterial is not None:
            sitk.WriteImage(arterial, str(folder / "arterial.nii.gz"))
        return SourceCase(
            name=name,
            portal=folder / "portal.nii.gz",
            labels=(LabelFile(path=folder / "labels.nii.gz", values=OWN_VALUES),),
            arterial=None if arterial is None else folder / "arterial.nii.gz",
            **more,
        )

    return write


def found(*cases: SourceCase, **options: object) -> list[tuple[str, str, str]]:
    findings = check_cases(cases, processes=1, **options)
    return [(finding.case, finding.severity, finding.what) for finding in findings]


def test_good_cases_give_no_finding(make):
    arterial = make_abdomen(seed=77)[0]
    assert check_cases([make("a"), make("b", arterial=arterial)], processes=1) == []


def test_one_corrupt_file_is_told_and_the_others_are_checked(make):
    bad, good, strange = (
        make("bad"),
        make("good"),
        make("strange", labels=on_grid(np.zeros((16, 32, 40), np.uint8))),
    )
    content = bad.portal.read_bytes()
    bad.portal.write_bytes(content[: len(content) // 2])
    findings = check_cases([bad, good, strange], processes=1)
    assert [(f.case, f.severity) for f in findings] == [("bad", "error"), ("strange", "error")]
    assert "is cut short" in findings[0].what
    assert findings[0].do == "copy or download it again"
    assert findings[1].what == "the labels show no liver but nothing at all"


def test_a_reader_that_fails_in_its_own_way_is_told_and_the_others_are_checked(make, monkeypatch):
    def read(case: SourceCase, phase: str) -> sitk.Image:
        if case.name == "bad":
            raise RuntimeError("itk::ERROR:\n  overflow")
        return read_phase(case, phase)

    monkeypatch.setattr("training.data.checks.case_checks.read_phase", read)
    (finding,) = check_cases([make("bad"), make("good")], processes=1)
    assert (finding.case, finding.what) == ("bad", "reading it failed (RuntimeError: itk::ERROR: overflow)")


def test_processes_give_the_same_findings_as_one(make):
    cases = [make("a"), make("b", labels=on_grid(np.zeros((16, 32, 40), np.uint8))), make("c")]
    cases[2].portal.write_bytes(b"no volume")
    events: list[ProgressEvent] = []
    one = check_cases(cases, processes=1)
    assert [finding.case for finding in one] == ["b", "c"]
    assert check_cases(cases, Progress(events.append), processes=2) == one
    assert events[-1].fraction == 1.0
    assert {event.message for event in events} >= {"a", "b", "c"}


def test_a_wish_to_cancel_ends_the_check(make):
    with pytest.raises(Cancelled, match="cancelled"):
        check_cases([make("a")], Progress(None, lambda: True), processes=1)


def test_labels_on_another_grid_are_an_error_with_both_grids(make):
    labels = make_abdomen()[1]
    labels.SetOrigin((0.0, 0.0, 0.0))
    (finding,) = check_cases([make("a", labels=labels)], processes=1)
    assert "origin is (-150, -120, -400) mm and (0, 0, 0) mm" in finding.what
    assert finding.do == "resample one of them onto the other's grid"


def test_unknown_values_are_an_error_with_their_counts(make):
    values = voxels_of(make_abdomen()[1])
    values[0, 0, :3] = 9
    ((case, severity, what),) = found(make("a", labels=on_grid(values)))
    assert (case, severity) == ("a", "error")
    assert "9 (3 voxels)" in what


def test_tumor_alone_is_no_liver(make):
    values = voxels_of(make_abdomen()[1])
    values[values == 1] = 0
    count = np.count_nonzero(values)
    assert found(make("a", labels=on_grid(values))) == [
        ("a", "error", f"the labels show no liver but only tumor ({count} voxels)")
    ]


def test_tumors_that_touch_no_liver_are_counted(make):
    values = voxels_of(make_abdomen()[1])
    values[2, 5, 30:32] = 2  # two voxels of 0.64 mL on the other side of the body
    values[13, 25, 5] = 2
    assert found(make("a", labels=on_grid(values))) == [
        ("a", "warning", "2 tumors (1.9 mL together) without contact to the liver")
    ]


def test_a_tumor_that_the_liver_touches_on_one_side_alone_is_in_it(make):
    values = voxels_of(make_abdomen()[1])
    values[values == 2] = 1
    values[7:9, 13:16, 20:23] = 2  # a box on the liver's left side, whose tip is at column 19
    assert values[7:9, 13:16, 19].all()
    assert found(make("a", labels=on_grid(values))) == []


def test_swapped_values_are_seen_by_their_volumes(make):
    values = np.array([0, 2, 1], np.uint8)[voxels_of(make_abdomen()[1])]
    (finding,) = check_cases([make("a", labels=on_grid(values))], processes=1)
    assert "larger than the liver around them" in finding.what
    assert finding.do == "check that the values of liver and tumor are not swapped"


def test_flipped_labels_are_seen_by_the_hounsfield_units_under_them(make):
    flipped = on_grid(np.ascontiguousarray(voxels_of(make_abdomen()[1])[:, :, ::-1]))
    whats = [what for _, severity, what in found(make("a", labels=flipped)) if severity == "warning"]
    assert whats[0].startswith("the voxels drawn as liver have a median of -10")
    assert whats[1].startswith("the liver lies on the left, ")


def test_a_mirrored_volume_is_seen_by_the_side_of_its_liver(make):
    portal, labels = (on_grid(np.ascontiguousarray(voxels_of(i)[:, :, ::-1])) for i in make_abdomen())
    ((_, severity, what),) = found(make("a", portal=portal, labels=labels))
    # The body's axis is at column 20, the liver's at 12: 8 columns of 8 mm.
    assert (severity, what) == ("warning", "the liver lies on the left, 64 mm from the middle of the body")


def test_a_header_without_voxel_size_is_seen_by_its_millimeters(make):
    images = [sitk.GetImageFromArray(voxels_of(image)) for image in make_abdomen()]
    whats = [what for *_, what in found(make("a", portal=images[0], labels=images[1]))]
    assert whats[0] == "the portal volume has voxels of exactly 1 x 1 x 1 mm"
    assert whats[1] == f"the liver measures {np.count_nonzero(voxels_of(images[1])) / 1000:.0f} mL"


def test_a_volume_that_is_no_ct_is_an_error(make):
    portal = sitk.Cast(make_abdomen()[0] + 1024, sitk.sitkInt16)
    ((_, severity, what),) = [each for each in found(make("a", portal=portal)) if each[1] == "error"]
    assert severity == "error"
    assert "not in Hounsfield units" in what


def test_a_missing_arterial_volume_matters_when_the_recipe_takes_it(make):
    case = make("a")
    assert found(case) == []
    assert found(case, phases=("portal",)) == []
    assert found(case, phases=("portal", "arterial")) == [("a", "error", "the case a has no arterial volume")]


def test_an_arterial_volume_that_the_recipe_does_not_take_is_not_read(make):
    case = replace(make("a"), arterial=Path("missing.nii"))
    assert found(case, phases=("portal",)) == []
    ((_, severity, what),) = found(case)
    assert (severity, what) == ("error", "the arterial volume 'missing.nii' does not exist")


@pytest.mark.parametrize(
    ("slices", "severity", "needed"), [(9, "error", "; at least 60 % is needed"), (12, "warning", "")]
)
def test_the_arterial_volume_must_cover_the_liver(make, slices, severity, needed):
    liver = voxels_of(make_abdomen()[1]) > 0
    share = 100 * np.count_nonzero(liver[:slices]) / np.count_nonzero(liver)
    what = f"the arterial volume covers {share:.0f} % of the liver{needed}"
    assert found(make("a", arterial=make_abdomen(seed=77)[0][:, :, :slices])) == [("a", severity, what)]


def test_oblique_phases_are_compared_where_they_lie(make):
    images = [make_abdomen()[0], make_abdomen()[1], make_abdomen(seed=77)[0]]
    turn = Rotation.from_euler("zx", [25, 10], degrees=True).as_matrix()
    for image in images:
        image.SetDirection(turn.ravel().tolist())
    assert found(make("a", portal=images[0], labels=images[1], arterial=images[2])) == []


def test_the_same_voxels_in_two_cases_are_an_error_however_they_are_stored(make):
    portal = make_abdomen(seed=5)[0]
    stored = sitk.DICOMOrient(sitk.Cast(portal, sitk.sitkFloat32), "RAS")
    cases = [make("a", portal=portal), make("b"), make("c", portal=stored, labels=make_abdomen()[1])]
    assert found(*cases) == [
        ("a", "error", "its portal volume has the same voxels as the portal volume of c")
    ]
    readers = [replace(case, patient="P1") for case in cases]
    assert [severity for _, severity, _ in found(*readers)] == ["warning"]


def test_one_file_for_both_phases_is_an_error(make):
    portal = make_abdomen(seed=ord("a"))[0]
    assert found(make("a", arterial=portal)) == [
        ("a", "error", "its arterial and its portal volume are the same voxels")
    ]


def test_names_that_differ_in_case_alone_are_one(make):
    cases = [make("x"), replace(make("y"), name="X")]
    assert found(*cases) == [("X", "error", "2 cases have this name (large and small letters are one)")]


@pytest.mark.parametrize(
    ("message", "what", "do"),
    [
        (
            "the volume 'C:/x.nii' is cut short (1; 2): copy it",
            "the volume 'C:/x.nii' is cut short (1; 2)",
            "copy it",
        ),
        (
            "not on one grid: their size is (1, 2); resample",
            "not on one grid: their size is (1, 2)",
            "resample",
        ),
        (
            "it has 2 series for one volume: name one. It holds 1: 'a' (CT); 2: 'b'",
            "it has 2 series for one volume; it holds 1: 'a' (CT); 2: 'b'",
            "name one",
        ),
        ("all is wrong", "all is wrong", "correct it"),
    ],
)
def test_messages_are_parted_into_what_is_wrong_and_what_to_do(message, what, do):
    assert finding_from("a", "error", message) == Finding(case="a", severity="error", what=what, do=do)


def test_the_table_shows_every_finding_and_sums_up():
    findings = [
        Finding(case="a", severity="error", what="it has [brackets]", do="look"),
        Finding(case="b", severity="warning", what="strange", do="look"),
    ]
    stream = io.StringIO()
    print_findings(findings, 5, rich.console.Console(file=stream, width=100))
    text = stream.getvalue()
    assert "it has [brackets]" in text
    assert text.splitlines()[-1] == "5 cases: 1 error and 1 warning in 2 of them"
    stream.truncate(0)
    print_findings([], 1, rich.console.Console(file=stream, width=100))
    assert stream.getvalue().splitlines()[-1].strip("\0") == "1 case: nothing wrong"
