"""No output of any command tells who the patient is: neither by names of files nor by free text of a header.

Every place of the inputs that takes free text, every file and every folder holds a mark of its own; the outputs are
searched for all of them, also inside gzip, zip, pictures and pages. DICOM objects belong to the patient's study: they
hold what identifies patient and study there, and no other mark.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import platform
import re
import shutil
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.io import write_image, write_segmentation
from LiverTumorAttentionLib.models.catalogue import BUNDLED_FOLDER, DEFAULT_MODEL, FOLDER_VARIABLE
from LiverTumorAttentionLib.phantoms import Phantom
from Testing.Library.model_folder import change_description

pydicom = pytest.importorskip("pydicom", reason="the DICOM series is made with pydicom")
pytest.importorskip("highdicom", reason="the DICOM outputs are made with highdicom")

MARK = "ZqMark7"
FOLDER = f"{MARK}folder^Jane 1970"
PATTERN = re.compile(f"{MARK}(?:(?!{MARK})[A-Za-z0-9])*".encode())
HOST, USER = f"{MARK}host", f"{MARK}user"
TEXT_KINDS = {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UT", "UR"}
OF_PATIENT_AND_STUDY = {
    *("PatientName", "PatientID", "IssuerOfPatientID", "OtherPatientIDs", "PatientComments", "EthnicGroup"),
    *("ReferringPhysicianName", "StudyID", "StudyDescription", "AccessionNumber", "Occupation"),
    *("AdditionalPatientHistory", "NameOfPhysiciansReadingStudy", "PhysiciansOfRecord", "OtherPatientNames"),
}
"""Marked attributes that objects of the same study carry by the standard."""


def marked(place: str) -> str:
    return f"{MARK}{re.sub(r'[^A-Za-z0-9]', '', place)}"


def write_series(volume: sitk.Image, folder: Path) -> None:
    """Write a volume as DICOM series, all texts of whose headers are marked."""
    folder.mkdir(parents=True)
    voxels = sitk.GetArrayFromImage(volume).astype(np.int16)
    series, study, frame = (pydicom.uid.generate_uid() for _ in range(3))
    for index, plane in enumerate(voxels):
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = pydicom.uid.CTImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = pydicom.uid.generate_uid()
        data.file_meta.PrivateInformationCreatorUID = "1.2.3"
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = study, series, frame
        for keyword in (
            *OF_PATIENT_AND_STUDY,
            *("ImageComments", "InstitutionName", "InstitutionAddress", "StationName", "OperatorsName"),
            *("PerformingPhysicianName", "ProtocolName", "RequestingPhysician", "DeviceSerialNumber"),
            *("InstitutionalDepartmentName", "DerivationDescription", "ContrastBolusAgent"),
            *("PerformedProcedureStepDescription", "RequestedProcedureDescription", "PatientAddress"),
            *("PatientMotherBirthName", "MilitaryRank", "PatientTelephoneNumbers", "BodyPartExamined"),
        ):
            setattr(data, keyword, marked(keyword)[:16])
        data.SeriesDescription = f"portal venous {marked('SeriesDescription')}"
        data.PatientBirthDate, data.PatientSex, data.StudyDate, data.StudyTime = (
            "19700102",
            "F",
            "20240102",
            "1010",
        )
        data.Modality, data.ImageType, data.InstanceNumber = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"], index + 1
        data.SeriesNumber = 3
        place = volume.TransformIndexToPhysicalPoint((0, 0, index))
        data.ImagePositionPatient = [f"{value:.6f}" for value in place]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.PixelSpacing = [f"{volume.GetSpacing()[1]:.6f}", f"{volume.GetSpacing()[0]:.6f}"]
        data.SliceThickness = f"{volume.GetSpacing()[2]:.6f}"
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.Rows, data.Columns = plane.shape
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.RescaleSlope, data.RescaleIntercept = 1, 0
        data.PixelData = plane.tobytes()
        block = data.private_block(0x0099, marked("private"), create=True)
        block.add_new(1, "LO", marked("privatevalue"))
        data.save_as(folder / f"{marked('slice')}{index:03d}.dcm", enforce_file_format=True)
    (folder / f"{marked('leftout')}.txt").write_text("no DICOM")


def write_marked_nifti(volume: sitk.Image, path: Path) -> None:
    """Write a NIfTI file whose free texts are marked: db_name, intent_name, descrip, aux_file, and an extension."""
    write_image(path, volume)
    raw = bytearray(gzip.decompress(path.read_bytes()))
    for start, length, name in (
        (4, 10, "type"),
        (14, 18, "dbname"),
        (148, 80, "descrip"),
        (228, 24, "auxfile"),
    ):
        raw[start : start + length] = marked(name)[:length].encode().ljust(length, b"\0")
    raw[328 : 328 + 16] = marked("intent")[:16].encode().ljust(16, b"\0")
    path.write_bytes(gzip.compress(bytes(raw)))


@pytest.fixture(scope="module")
def inputs(case: tuple[Phantom, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    phantom, _ = case
    folder = tmp_path_factory.mktemp("in") / FOLDER
    write_series(phantom.portal, folder / marked("series"))
    write_marked_nifti(phantom.arterial, folder / f"{marked('arterial')}.nii.gz")
    portal = folder / f"{marked('portal')}.nrrd"
    image = sitk.Image(phantom.portal)
    image.SetMetaData("PatientName", marked("nrrdkey"))
    sitk.WriteImage(image, str(portal))
    labels = folder / f"{marked('labels')}.seg.nrrd"
    write_segmentation(labels, phantom.instances, notes={"PatientName": marked("segkey")})
    raw = labels.read_bytes()
    labels.write_bytes(
        raw.replace(b"Segment1_Name:=Tumor 1", f"Segment1_Name:=Tumor {marked('tumor')}".encode())
    )
    vessels = folder / f"{marked('vessels')}.seg.nrrd"
    write_segmentation(vessels, phantom.instances)
    raw = vessels.read_bytes().replace(b"Segment1_Name:=Tumor 1", b"Segment1_Name:=portal vein")
    raw = re.sub(rb"Segment1_Tags:=[^\n]*", f"Segment1_Tags:={marked('tags')}:x|".encode(), raw)
    vessels.write_bytes(
        raw.replace(b"Segment2_Name:=Tumor 2", f"Segment2_Name:=kidney {marked('cyst')}".encode())
    )
    prompts = folder / f"{marked('prompts')}.json"
    prompts.write_text(json.dumps({"units": "voxel", "accept": [{"lesion": 1}]}))
    model = folder / marked("model")
    shutil.copytree(BUNDLED_FOLDER / DEFAULT_MODEL, model)
    change_description(model, lambda values: values.update(id="copy"))
    found = {"portal": portal, "labels": labels, "vessels": vessels, "prompts": prompts, "model": model}
    return {**found, "series": folder / marked("series"), "arterial": folder / f"{marked('arterial')}.nii.gz"}


def run(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def outputs(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of what all commands wrote."""
    folder = tmp_path_factory.mktemp("out") / FOLDER
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "gethostname", lambda: HOST)
        patch.setattr(platform, "node", lambda: HOST)
        for name in ("USER", "LOGNAME", "USERNAME", "HOSTNAME"):
            patch.setenv(name, USER)
        patch.setenv(FOLDER_VARIABLE, str(folder / "models"))
        write_outputs(inputs, folder)
        yield folder


def write_outputs(inputs: dict[str, Path], folder: Path) -> None:
    series, portal, arterial, labels = (inputs[name] for name in ("series", "portal", "arterial", "labels"))
    quiet = ("--progress", "none")
    run(
        *("segment", *quiet, "--portal", series, "--series", "SeriesDescription", "--arterial", arterial),
        *(
            "--phases-as-given",
            "--model",
            inputs["model"],
            "--output",
            folder / "s.seg.nrrd",
            "--table",
            folder / "s.csv",
        ),
        *(
            "--report",
            folder / "s.json",
            "--preview",
            folder / "s.png",
            "--save-registered",
            folder / "a.nii.gz",
        ),
        *("--save-transform", folder / "t.h5", "--save-probability", folder / "p.mha"),
        *("--save-attention", folder / "attention"),
    )
    run(
        *("register", *quiet, "--fixed", portal, "--moving", arterial, "--output", folder / "r.nrrd"),
        *(
            "--transform",
            folder / "r.tfm",
            "--inverse-transform",
            folder / "i.h5",
            "--preview",
            folder / "r.png",
        ),
        *("--report", folder / "r.json", "--model", inputs["model"]),
    )
    for suffix in (".seg.nrrd", ".nii.gz", ".dcm"):
        source = series if suffix == ".dcm" else portal
        run(
            *("refine", *quiet, "--portal", source, "--segmentation", labels, "--prompts", inputs["prompts"]),
            *("--arterial", arterial, "--output", folder / f"c{suffix}", "--log", folder / f"c{suffix}.json"),
        )
    run(
        *("review", *quiet, "--portal", series, "--segmentation", labels, "--arterial", folder / "a.nii.gz"),
        *("--report", folder / "s.json", "--vessels", inputs["vessels"], "--output", folder / "o.html"),
        *("--csv", folder / "o.csv", "--json", folder / "o.json", "--sr", folder / "sr.dcm"),
        *("--seg", folder / "seg.dcm"),
    )
    run(
        *("export-training", *quiet, "--portal", series, "--segmentation", labels, "--arterial", arterial),
        *("--name", "one", "--output", folder / "cases", "--log", folder / "c.seg.nrrd.json"),
    )
    run("models", "add", inputs["model"])


def texts(path: Path) -> Iterator[bytes]:
    """Yield the content of a file, what is packed in it unpacked too."""
    raw = path.read_bytes()
    yield from contents(raw)


def contents(raw: bytes) -> Iterator[bytes]:
    yield raw
    if raw[:2] == b"\x1f\x8b":
        yield gzip.decompress(raw)
    if raw[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for name in archive.namelist():
                yield from contents(archive.read(name))
    if raw[:4] == b"\x89PNG":
        with Image.open(io.BytesIO(raw)) as picture:
            picture.load()
            yield repr(picture.info).encode()
    if raw[:4] == b"NRRD":
        start = raw.index(b"\n\n") + 2
        if raw[start : start + 2] == b"\x1f\x8b":
            yield gzip.decompress(raw[start:])
    for packed in re.findall(rb"base64,([A-Za-z0-9+/=]+)", raw):
        yield from contents(base64.b64decode(packed))


def marks_in(path: Path) -> set[str]:
    found = {mark.decode() for text in texts(path) for mark in PATTERN.findall(text)}
    node = platform.uname().node
    if len(node) > 5 and any(node.encode() in text for text in texts(path)):
        found.add(node)
    return found


def test_the_inputs_are_marked_so_that_the_search_would_find_a_mark(inputs: dict[str, Path]) -> None:
    assert marks_in(inputs["arterial"]) >= {marked("descrip"), marked("auxfile"), marked("dbname")}
    assert marked("nrrdkey") in marks_in(inputs["portal"])
    assert {marked("segkey"), marked("tumor")} <= marks_in(inputs["labels"])
    piece = next(inputs["series"].glob("*.dcm"))
    assert marks_in(piece) >= {
        marked("SeriesDescription"),
        marked("ImageComments")[:16],
        marked("privatevalue"),
    }


def test_no_output_but_dicom_holds_a_mark(outputs: Path) -> None:
    files = [path for path in outputs.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert names >= {
        "s.seg.nrrd",
        "s.json",
        "s.png",
        "t.h5",
        "r.tfm",
        "o.html",
        "o.json",
        "case.json",
        "c.nii.gz",
    }
    found = {str(path.relative_to(outputs)): marks_in(path) for path in files if path.suffix != ".dcm"}
    assert {name: marks for name, marks in found.items() if marks} == {}


def test_dicom_objects_hold_what_identifies_patient_and_study_alone(outputs: Path) -> None:
    allowed = {marked(keyword)[:16] for keyword in OF_PATIENT_AND_STUDY}
    for name in ("c.dcm", "seg.dcm", "sr.dcm"):
        assert marks_in(outputs / name) <= allowed, name
        assert pydicom.dcmread(outputs / name).PatientName == marked("PatientName")[:16]


def test_the_report_of_a_run_tells_its_settings_without_names(outputs: Path) -> None:
    told: dict[str, Any] = json.loads((outputs / "s.json").read_text())
    assert told["settings"]["portal"] == told["settings"]["portal_series"] == "…"
    assert told["settings"]["arterial"] == "….nii.gz"
    assert told["settings"]["model"] == "copy"
    assert told["settings"]["seed"] == 0
    assert any("other than DICOM ('…')" in warning for warning in told["warnings"])


def test_paths_are_told_where_they_are_asked_for(inputs: dict[str, Path], tmp_path: Path) -> None:
    run(
        *("register", "--progress", "none", "--fixed", inputs["portal"], "--moving", inputs["arterial"]),
        *("--output", tmp_path / "r.nrrd", "--report", tmp_path / "r.json", "--paths"),
    )
    assert json.loads((tmp_path / "r.json").read_text())["settings"]["fixed"] == str(inputs["portal"])
