"""The button Export DICOM…, with the real child; what it wrote is read back by highdicom and pydicom."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from Testing.Slicer import study_cases
from Testing.Slicer.panel_cases import select

highdicom = pytest.importorskip("highdicom")
pydicom = pytest.importorskip("pydicom")


class Database:
    """What is asked of Slicer's DICOM database."""

    isOpen = True

    def __init__(self, files):
        self._files = {str(pydicom.dcmread(file).SOPInstanceUID): file for file in files}
        self.inserted = []

    @property
    def uids(self):
        return list(self._files)

    def fileForInstance(self, uid):
        return str(self._files.get(uid, ""))

    def instanceValue(self, uid, tag):
        group, element = (int(part, 16) for part in tag.split(","))
        return str(pydicom.dcmread(self._files[uid])[group, element].value)

    def insert(self, path, store, _thumbnail):
        assert store
        self.inserted.append(pydicom.dcmread(path))


def made_volume():
    image = sitk.GetImageFromArray(study_cases.hounsfield())
    image.SetSpacing((0.8, 0.9, 3.0))
    return image


@pytest.fixture
def dicom_study(panel, scene, tmp_path):
    """A study whose portal venous CT came from a DICOM series; the series' files."""
    from LiverTumorAttentionLib.io import read_volume
    from Testing.Slicer.story.dicom_series import write_series

    files = write_series(tmp_path / "series", made_volume())
    image = read_volume(tmp_path / "series")
    portal = study_cases.add_portal(scene, _ijk_to_ras(image))
    import slicer

    slicer.util.updateVolumeFromArray(portal, sitk.GetArrayFromImage(image))
    study = study_cases.add_study(scene, tmp_path, portal=portal)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    return study, files


def _ijk_to_ras(image):
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return (np.diag((-1.0, -1.0, 1.0, 1.0)) @ matrix)[:3]


def export(panel, wait_until):
    panel.ui.dicomButton.click()
    assert panel.review.dicom.running, panel.ui.reviewStatusLabel.text
    assert not panel.ui.reportButton.enabled
    wait_until(lambda: not panel.review.dicom.running, "the objects are written")


def test_into_the_study_of_the_database(panel, dicom_study, wait_until, monkeypatch):
    import slicer

    study, files = dicom_study
    database = Database(files)
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    study.portal.SetAttribute("DICOM.instanceUIDs", " ".join(database.uids))
    select(panel, 0, 1, 2)
    panel.ui.acceptButton.click()
    panel.ui.readerEdit.text = "Doe^Jane"
    panel.ui.signButton.click()
    export(panel, wait_until)
    assert "patient's study in the DICOM database" in panel.ui.reviewStatusLabel.text
    made = {each.Modality: each for each in database.inserted}
    assert set(made) == {"SEG", "SR", "RTSTRUCT"}
    source = pydicom.dcmread(files[0])
    assert {each.StudyInstanceUID for each in made.values()} == {source.StudyInstanceUID}
    assert {str(each.PatientName) for each in made.values()} == {str(source.PatientName)}
    assert (made["SR"].VerificationFlag, made["RTSTRUCT"].ApprovalStatus) == ("VERIFIED", "APPROVED")
    assert made["SR"].VerifyingObserverSequence[0].VerifyingObserverName == "Doe^Jane"
    seg = highdicom.seg.Segmentation.from_dataset(made["SEG"])
    labels = [seg.get_segment_description(number).segment_label for number in seg.segment_numbers]
    assert labels == ["Liver", "Tumor 1", "Tumor 2", "Tumor 3"]


@pytest.mark.parametrize("same_study", [True, False])
def test_the_report_refers_to_the_series_of_the_registered_phases(
    panel, scene, dicom_study, wait_until, monkeypatch, tmp_path, same_study
):
    """The delayed phase is 20 HU brighter, and its slices lie among those of the database."""
    import slicer

    from Testing.Slicer.story.dicom_series import write_series

    study, files = dicom_study
    late = write_series(tmp_path / "late", made_volume() + 20, description="delayed", number=7)
    if not same_study:
        for path in late:
            data = pydicom.dcmread(path)
            data.StudyInstanceUID = "1.2.3.4"
            data.save_as(path)
    database = Database([*files, *late])
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    uids = database.uids
    study.portal.SetAttribute("DICOM.instanceUIDs", " ".join(uids[: len(files)]))
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "delayed registered")
    slicer.util.updateVolumeFromArray(node, slicer.util.arrayFromVolume(study.portal) + 20)
    node.CopyOrientation(study.portal)
    node.SetAttribute("LiverTumorAttention_SourceInstances", " ".join(uids[len(files) :]))
    study.segmentation.SetNodeReferenceID("RegisteredDelayed", node.GetID())
    export(panel, wait_until)
    (report,) = [each for each in database.inserted if each.Modality == "SR"]
    read = highdicom.sr.Comprehensive3DSR.from_dataset(report)
    group = read.content.get_volumetric_roi_measurement_groups()[1]
    *_, portal, last = group.get_measurements()
    if same_study:
        assert last.value == pytest.approx(portal.value + 20, abs=0.01)
        named = {image.referenced_sop_instance_uid for image in last.referenced_images}
        assert named == set(uids[len(files) :])
    else:
        assert len(group.get_measurements()) == 4
        said = "the delayed series is of another study, so the structured report holds no delayed value"
        assert said in panel.ui.reviewStatusLabel.text


def test_into_a_folder_that_is_chosen(panel, dicom_study, wait_until, tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    asked = []
    answers = iter([str(tmp_path / "series"), str(target)])
    panel.review.dicom.choose_folder = lambda _parent, title: asked.append(title) or next(answers)
    export(panel, wait_until)
    assert str(target) in panel.ui.reviewStatusLabel.text, panel.ui.reviewStatusLabel.text
    assert len(asked) == 2
    made = {pydicom.dcmread(path).Modality: pydicom.dcmread(path) for path in target.iterdir()}
    assert set(made) == {"SEG", "SR", "RTSTRUCT"}
    assert (made["SR"].VerificationFlag, made["RTSTRUCT"].ApprovalStatus) == ("UNVERIFIED", "UNAPPROVED")


def test_the_plan_goes_into_the_structured_report(panel, dicom_study, wait_until, tmp_path):
    """What the report's JSON has, by the name that it has there; a plan that cuts nothing is refused as a whole."""
    target = tmp_path / "out"
    target.mkdir()
    panel.review.dicom.choose_folder = lambda _parent, title: str(
        target if title == "Folder for the DICOM objects" else tmp_path / "series"
    )
    panel.ui.addPlaneButton.click()
    export(panel, wait_until)
    assert str(target) in panel.ui.reviewStatusLabel.text, panel.ui.reviewStatusLabel.text
    (path,) = target.glob("* SR.dcm")
    (group,) = highdicom.sr.srread(path).content.get_image_measurement_groups()
    assert (group.tracking_identifier, group.method.meaning) == ("Resection 1", "Resection by planes")
    plan = panel.review.plan._current_plan().resection()
    values = {each.name.meaning: each.value for each in group.get_measurements()}
    assert values["Resected volume with tumors"] == pytest.approx(plan.resected_ml, rel=1e-6)
    assert values["Future liver remnant volume"] == pytest.approx(plan.remnant_parenchyma_ml, rel=1e-6)
    for made in target.iterdir():
        made.unlink()
    (plane,) = panel.review.plan._planes.planes
    plane.SetOriginWorld([900.0, 0.0, 0.0])
    export(panel, wait_until)
    assert "does not pass through the liver" in panel.ui.reviewStatusLabel.text
    assert list(target.iterdir()) == []


def test_another_series_is_refused_and_nothing_is_written(panel, dicom_study, wait_until, tmp_path):
    from Testing.Slicer.story.dicom_series import write_series

    write_series(tmp_path / "other", made_volume()[:, :, :9])
    target = tmp_path / "out"
    target.mkdir()
    answers = iter([str(tmp_path / "other"), str(target)])
    panel.review.dicom.choose_folder = lambda _parent, _title: next(answers)
    export(panel, wait_until)
    assert panel.ui.reviewStatusLabel.styleSheet, panel.ui.reviewStatusLabel.text
    assert list(target.iterdir()) == []


def test_a_cancelled_dialog_writes_nothing(panel, dicom_study):
    panel.review.dicom.choose_folder = lambda _parent, _title: ""
    panel.ui.dicomButton.click()
    assert not panel.review.dicom.running


def test_slicers_own_pydicom_is_never_replaced(monkeypatch, tmp_path):
    """Where pydicom is 2, as in Slicer, pip is given a folder of its own and no dependencies."""
    from types import SimpleNamespace

    import slicer

    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.process import dicom_packages

    calls = []
    versions = {"pydicom": "2.4.4", "highdicom": "0.24.0"}
    monkeypatch.setattr(dicom_packages.importlib.metadata, "version", versions.__getitem__)
    monkeypatch.setattr(
        slicer, "app", SimpleNamespace(slicerUserSettingsFilePath=str(tmp_path / "Slicer.ini"))
    )
    monkeypatch.setattr(slicer.util, "pip_install", lambda what: calls.append(what), raising=False)
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *_, **__: False, raising=False)
    with pytest.raises(PanelError, match="not installed, so nothing was written"):
        dicom_packages.ensure()
    assert calls == []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *_, **__: True)
    with pytest.raises(PanelError, match=r"are not in .* after their installation"):
        dicom_packages.ensure()
    (arguments,) = calls
    assert "--no-deps" in arguments
    assert arguments[arguments.index("--target") + 1].startswith(str(tmp_path))
    for name in ("highdicom", "pydicom", "pyjpegls"):
        found = tmp_path / dicom_packages.packages_folder().name / f"{name}-9.dist-info"
        found.mkdir(parents=True)
        (found / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9\n")
    assert dicom_packages.ensure() == str(dicom_packages.packages_folder())
    assert len(calls) == 1
