"""Reading a case: what is brought onto the portal grid, what is refused, and what is said."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import write_segmentation
from LiverTumorAttentionLib.pipeline.jobs import ReviewJob
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.report.report_inputs import ReportCase, read_case
from LiverTumorAttentionLib.report.run_report import RunReport, read_run_report
from LiverTumorAttentionLib.voxels.geometry import to_lps
from Testing.Library.analysis.bodies import ball, like, painted
from Testing.Library.report.cases import Small, write_case


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_case(tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="module")
def small() -> Small:
    return Small.on()


def read(paths: dict[str, str], run: RunReport | None = None, **changes: Any) -> ReportCase:
    chosen = {name: paths[name] for name in ("portal", "segmentation")}
    return read_case(ReviewJob(**{**chosen, "output": "page.html", **changes}), run, Progress())


def run_with(paths: dict[str, str], **registration: Any) -> RunReport:
    run = read_run_report(paths["report"])
    assert run.registration is not None
    return dataclasses.replace(run, registration=dataclasses.replace(run.registration, **registration))


def test_everything_lies_on_the_portal_grid(paths: dict[str, str], small: Small) -> None:
    optional = {name: paths[name] for name in ("arterial", "probability", "vessels")}
    case = read(paths, run_with(paths), **optional)
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(case.instances), sitk.GetArrayFromImage(small.instances)
    )
    assert case.arterial is not None
    assert case.probability is not None
    assert case.vessels is not None
    assert dict(case.vessels.names) == {1: "vessel 1", 2: "vessel 2"}
    images = (case.instances, case.arterial, case.probability, case.vessels.labels)
    assert {image.GetOrigin() for image in images} == {case.portal.GetOrigin()}
    assert case.notes == ()


@pytest.mark.parametrize("name", ["coronal", "oblique and left-handed"])
def test_axes_in_another_order_are_turned(tmp_path: Path, name: str) -> None:
    paths = write_case(tmp_path, name)
    small = Small.on(name)
    write_segmentation(tmp_path / "turned.seg.nrrd", to_lps(small.instances))
    sitk.WriteImage(to_lps(small.arterial), str(tmp_path / "turned.nii.gz"))
    case = read(
        paths,
        run_with(paths),
        segmentation=str(tmp_path / "turned.seg.nrrd"),
        arterial=str(tmp_path / "turned.nii.gz"),
    )
    assert case.arterial is not None
    for image, truth in ((case.instances, small.instances), (case.arterial, small.arterial)):
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(truth))


def test_a_map_of_liver_and_tumor_is_taken_apart(tmp_path: Path, paths: dict[str, str], small: Small) -> None:
    """The larger tumor is number 1 again; two that share a corner are one."""
    path = tmp_path / "labels.nii.gz"
    write_segmentation(path, small.instances)
    assert set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(path))))) == {0, 1, 2}
    case = read(paths, segmentation=str(path))
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(case.instances), sitk.GetArrayFromImage(small.instances)
    )
    assert case.notes == (
        "the label map does not tell tumors apart: its 2 separate pieces are taken for one tumor each",
    )
    labels = np.minimum(sitk.GetArrayFromImage(small.instances), 1)
    labels[10, 30, 30] = labels[11, 31, 31] = 2
    write_segmentation(path, like(small.instances, labels))
    assert read(paths, segmentation=str(path)).notes == ()


def test_a_map_that_tells_tumors_apart_is_left_as_it_is(
    tmp_path: Path, paths: dict[str, str], small: Small
) -> None:
    """Also where a tumor consists of two pieces."""
    labels = sitk.GetArrayFromImage(small.instances)
    labels[10, 30, 60] = 2
    sitk.WriteImage(like(small.instances, labels), str(tmp_path / "labels.nrrd"))
    case = read(paths, segmentation=str(tmp_path / "labels.nrrd"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(case.instances), labels)
    assert case.notes == ()


def test_a_refused_arterial_phase_is_left_out(paths: dict[str, str]) -> None:
    run = run_with(paths, grade="refused", reason="the volumes do not fit")
    case = read(paths, run, arterial=paths["arterial"])
    assert case.arterial is None
    assert case.notes == (
        "the arterial phase was left out, since its registration was refused: the volumes do not fit",
    )


def test_delayed_and_native_phase_lie_on_the_portal_grid(paths: dict[str, str], small: Small) -> None:
    further = {phase: run_with(paths).registration for phase in ("delayed", "native")}
    run = dataclasses.replace(run_with(paths), further_registrations=further)
    case = read(paths, run, delayed=paths["delayed"], native=paths["native"])
    assert list(case.phases) == ["portal", "delayed", "native"]
    for phase in further:
        found, drawn = (sitk.GetArrayFromImage(getattr(each, phase)) for each in (case, small))
        np.testing.assert_array_equal(found, drawn)
    assert case.notes == ()


def test_each_phase_has_a_verdict_of_its_own(tmp_path: Path, paths: dict[str, str]) -> None:
    told = json.loads(Path(paths["report"]).read_text())
    refused = {**told["registration"], "grade": "refused", "reason": "the volumes do not fit"}
    told["further_registrations"] = {"delayed": refused}
    (tmp_path / "report.json").write_text(json.dumps(told))
    run = read_run_report(tmp_path / "report.json")
    case = read(paths, run, delayed=paths["delayed"], arterial=paths["arterial"])
    assert case.delayed is None
    assert case.arterial is not None
    assert case.notes == (
        "the delayed phase was left out, since its registration was refused: the volumes do not fit",
    )


@pytest.mark.parametrize(
    ("registration", "note"),
    [
        (
            {"grade": "doubtful", "reason": "look at it"},
            "registration of the arterial phase is doubtful: look",
        ),
        (None, "nothing is known of how well the arterial phase was registered"),
    ],
)
def test_what_is_said_of_the_registration(paths: dict[str, str], registration: Any, note: str) -> None:
    run = None if registration is None else run_with(paths, **registration)
    case = read(paths, run, arterial=paths["arterial"])
    assert case.arterial is not None
    assert len(case.notes) == 1
    assert note in case.notes[0]


def test_an_arterial_volume_that_was_not_registered(
    tmp_path: Path, paths: dict[str, str], small: Small
) -> None:
    path = str(tmp_path / "arterial.nii.gz")
    sitk.WriteImage(small.arterial[:, :, 2:], path)
    message = "same grid: their size is .* registered onto the portal one: .* segment --save-registered"
    with pytest.raises(InputError, match=message):
        read(paths, arterial=path)


def test_a_dicom_series_is_said_not_to_be_registered(
    paths: dict[str, str], small: Small, series: Any
) -> None:
    """It may lie on the same grid, and the patient may have moved all the same."""
    hu = sitk.GetArrayFromImage(Small.on("straight").arterial)
    series(hu, folder="arterial", spacing=(1.0, 1.0), positions=[float(index) for index in range(len(hu))])
    folder = series(hu, folder="portal", spacing=(1.0, 1.0), positions=[float(i) for i in range(len(hu))])[
        0
    ].parent
    labels = sitk.GetImageFromArray(sitk.GetArrayFromImage(Small.on("straight").instances))
    labels.SetOrigin((-31.5, 12.25, 102.0))
    sitk.WriteImage(labels, str(folder.parent / "labels.nrrd"))
    case = read(
        paths,
        run_with(paths),
        portal=str(folder),
        segmentation=str(folder.parent / "labels.nrrd"),
        arterial=str(folder.parent / "arterial"),
    )
    assert len(case.notes) == 1
    assert "as the scanner wrote it and not a registered one" in case.notes[0]


@pytest.mark.parametrize(
    "place", [(0, 20, 20), (-1, 20, 20), (9, 0, 20), (9, -1, 20), (9, 20, 0), (9, 20, -1)]
)
def test_a_liver_that_the_volume_cuts_off_is_said(
    tmp_path: Path, paths: dict[str, str], small: Small, place: tuple[int, ...]
) -> None:
    labels = sitk.GetArrayFromImage(small.instances)
    labels[place] = 1
    sitk.WriteImage(like(small.instances, labels), str(tmp_path / "s.nrrd"))
    (note,) = read(paths, segmentation=str(tmp_path / "s.nrrd")).notes
    assert note.startswith("the liver reaches the edge of the portal volume")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("other grid", "do not lie on those of the portal volume|their spacing is"),
        ("no liver", "has no liver .value 1 of a label map"),
        ("beyond", "reaches beyond the portal volume"),
    ],
)
def test_a_segmentation_that_does_not_belong(
    tmp_path: Path, paths: dict[str, str], small: Small, change: str, message: str
) -> None:
    image = sitk.Image(small.instances)
    if change == "other grid":
        image.SetSpacing([0.9 * step for step in image.GetSpacing()])
    elif change == "no liver":
        image = painted(image, (2, ball((0, 0, 0), 9.0)))
    else:
        image = sitk.ConstantPad(image, (2, 0, 0), (0, 0, 0), 1)
    sitk.WriteImage(image, str(tmp_path / "s.nrrd"))
    with pytest.raises(InputError, match=message):
        read(paths, segmentation=str(tmp_path / "s.nrrd"))


@pytest.mark.parametrize(
    ("scale", "message"),
    [(100.0, "values from 0 to 87.5, a probability lies"), (-1.0, "values from -0.875 to -?0")],
)
def test_a_probability_that_is_none(
    tmp_path: Path, paths: dict[str, str], small: Small, scale: float, message: str
) -> None:
    sitk.WriteImage(small.probability * scale, str(tmp_path / "q.nrrd"))
    with pytest.raises(InputError, match=message):
        read(paths, probability=str(tmp_path / "q.nrrd"))


def test_the_portal_volume_must_be_ct(tmp_path: Path, paths: dict[str, str], small: Small) -> None:
    sitk.WriteImage(sitk.Cast(small.instances, sitk.sitkInt16), str(tmp_path / "p.nrrd"))
    with pytest.raises(InputError, match="portal volume is not in Hounsfield units"):
        read(paths, portal=str(tmp_path / "p.nrrd"))
