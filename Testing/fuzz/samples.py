"""Small good inputs, from which the damaged ones are made; written once a worker."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.correction import (
    HEADER_KEY,
    Add,
    CorrectionCase,
    CorrectionLog,
    CorrectionSession,
    Include,
)
from LiverTumorAttentionLib.io import read_ct, write_image, write_segmentation
from LiverTumorAttentionLib.registration import write_transform
from Testing.fuzz import structured
from Testing.fuzz.structured import Damage
from Testing.Library.model_folder import write_model
from Testing.nifti_2 import as_nifti_2

SHAPE = (12, 24, 28)
SPACING_MM = (1.5, 1.5, 2.5)
RECIPES = ("paresseg/table4-msf-pa", "bundled/liver")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Files of one good input, by their names below its folder; `main` is the one that is read.

    damages: by the pattern of a file's name, the damage that knows its format; others are damaged blindly alone.
    """

    files: dict[str, bytes]
    main: str = ""
    damages: dict[str, Damage] = field(default_factory=dict)

    def damage_of(self, name: str) -> Damage | None:
        """Return the damage that knows the format of a file."""
        return next((known for suffix, known in self.damages.items() if name.endswith(suffix)), None)


Samples = dict[str, list[Sample]]


def make_samples(scratch: Path) -> Samples:
    """Return the good inputs of every target. scratch: an empty folder for what is written on the way."""
    portal = _portal()
    case = _case(portal)
    log = CorrectionLog.of(corrections(case)).to_text()
    files = _volumes(scratch, portal)
    slices = _slices(portal)
    return {
        "volume": files,
        "dicom": [Sample(files=slices, damages={"": structured.dicom})],
        "segmentation": _segmentations(scratch, case, slices, log),
        "report": [_json("report.json", _run_report())],
        "prompts": [_json("prompts.json", values) for values in _prompts(case)],
        "plan": [_json("plan.json", _plan())],
        "log": [
            Sample(files={"log.json": log.encode()}, main="log.json", damages={"": structured.json_text})
        ],
        "model": _models(scratch),
        "transform": _transforms(scratch),
        "recipe": _recipes(),
        "table": _tables(),
        "training-json": _training_json(),
    }


def portal_and_case() -> tuple[sitk.Image, CorrectionCase]:
    """Return the CT that segmentations, logs and prompts belong to, and its case."""
    portal = _portal()
    return portal, _case(portal)


def _portal() -> sitk.Image:
    rng = np.random.default_rng(0)
    voxels = np.full(SHAPE, -1000, np.int16)
    voxels[:, 2:-2, 2:-2] = -90
    voxels[1:-1, 4:-4, 4:-4] = 100
    voxels[4:8, 8:13, 8:13] = 55
    voxels += rng.integers(-8, 9, SHAPE, dtype=np.int16)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(SPACING_MM)
    image.SetOrigin((-20.0, 12.25, 102.0))
    return image


def _case(portal: sitk.Image) -> CorrectionCase:
    labels = np.zeros(SHAPE, np.uint16)
    labels[1:-1, 4:-4, 4:-4] = 1
    labels[4:8, 8:13, 8:13] = 2
    instances = sitk.GetImageFromArray(labels)
    instances.CopyInformation(portal)
    return CorrectionCase(portal=portal, instances=instances)


def corrections(case: CorrectionCase) -> CorrectionSession:
    """Return a session of the case with two corrections."""
    session = CorrectionSession(case, clock=lambda: "2026-01-02T03:04:05+00:00")
    session.do(Include(stroke=(case.point_at((6, 10, 13)),), lesion=1))
    session.do(Add(point=case.point_at((9, 17, 20))))
    return session


def _written(path: Path, write: Callable[[Path], object]) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)
    return path.read_bytes()


def _volumes(scratch: Path, portal: sitk.Image) -> list[Sample]:
    place = scratch / "volumes"

    def raw(name: str, compress: bool = False) -> bytes:
        return _written(place / name, lambda path: sitk.WriteImage(portal, str(path), compress))

    nifti, texts = (
        {"": structured.nifti},
        {".nrrd": structured.nrrd, ".mha": structured.meta, ".mhd": structured.meta},
    )
    plain, zipped = raw("a.nii"), {"": _zipped(structured.nifti)}
    samples = [
        Sample(files={"a.nii": plain}, main="a.nii", damages=nifti),
        Sample(files={"a.nii.gz": gzip.compress(plain, mtime=0)}, main="a.nii.gz", damages=zipped),
        Sample(files={"n2.nii": as_nifti_2(plain)}, main="n2.nii", damages=nifti),
        Sample(
            files={"n2.nii.gz": gzip.compress(as_nifti_2(plain), mtime=0)}, main="n2.nii.gz", damages=zipped
        ),
        *(
            Sample(files={name: raw(name, compress)}, main=name, damages=texts)
            for name, compress in (("a.nrrd", False), ("b.nrrd", True), ("a.mha", False), ("b.mha", True))
        ),
    ]
    raw("d.mhd")
    header, data = (place / "d.mhd").read_bytes(), (place / "d.raw").read_bytes()
    samples.append(Sample(files={"d.mhd": header, "d.raw": data}, main="d.mhd", damages=texts))
    detached = raw("a.nrrd").partition(b"\n\n")
    head = detached[0] + b"\ndata file: e.raw\n\n"
    samples.append(
        Sample(
            files={"e.nhdr": head, "e.raw": detached[2]}, main="e.nhdr", damages={".nhdr": structured.nrrd}
        )
    )
    return samples


def _zipped(damage: Damage) -> Damage:
    """Return a damage of what a gzip file holds."""

    def change(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
        changed, told = damage(gzip.decompress(content), rng)
        return gzip.compress(changed, mtime=0), told

    return change


def _slices(portal: sitk.Image) -> dict[str, bytes]:
    import io

    import pydicom

    files = {}
    voxels = sitk.GetArrayFromImage(portal)[:6]
    for index, plane in enumerate(voxels):
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = pydicom.uid.CTImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = f"1.2.3.4.{index + 1}"
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = "1.2.3", "1.2.3.4", "1.2.5"
        data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "A^B", "1", "", ""
        data.StudyDate, data.StudyTime, data.StudyID, data.AccessionNumber = "20240102", "101010", "1", ""
        data.ReferringPhysicianName = ""
        data.Modality, data.SeriesDescription, data.SeriesNumber = "CT", "portal venous", 2
        data.ImageType, data.InstanceNumber, data.AcquisitionNumber = (
            ["ORIGINAL", "PRIMARY", "AXIAL"],
            index + 1,
            1,
        )
        data.ImagePositionPatient = [-20.0, 12.25, 102.0 + 2.5 * index]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness, data.SpacingBetweenSlices = [1.5, 1.5], 2.5, 2.5
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.Rows, data.Columns = plane.shape
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
        data.RescaleSlope, data.RescaleIntercept, data.RescaleType = 1, -1024, "HU"
        data.PixelData = (plane + 1024).astype("<u2").tobytes()
        written = io.BytesIO()
        data.save_as(written, enforce_file_format=True)
        files[f"{index}.dcm"] = written.getvalue()
    return files


def _segmentations(scratch: Path, case: CorrectionCase, slices: dict[str, bytes], log: str) -> list[Sample]:
    place = scratch / "segmentations"
    notes = {HEADER_KEY: log}
    seg = _written(place / "s.seg.nrrd", lambda path: write_segmentation(path, case.instances, notes=notes))
    labels = _written(place / "l.nii", lambda path: write_image(path, case.instances))
    nrrd = _written(place / "l.nrrd", lambda path: write_image(path, case.instances))
    samples = [
        Sample(files={"s.seg.nrrd": seg}, main="s.seg.nrrd", damages={"": structured.nrrd}),
        Sample(files={"l.nii": labels}, main="l.nii", damages={"": structured.nifti}),
        Sample(files={"l.nrrd": nrrd}, main="l.nrrd", damages={"": structured.nrrd}),
    ]
    folder = scratch / "series"
    folder.mkdir()
    for name, content in slices.items():
        (folder / name).write_bytes(content)
    series = read_ct(folder)
    instances = sitk.Resample(
        case.instances, series, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkNearestNeighbor
    )
    dicom = _written(place / "s.dcm", lambda path: write_segmentation(path, instances, source=folder))
    return [*samples, Sample(files={"s.dcm": dicom}, main="s.dcm", damages={"": structured.dicom})]


def _json(name: str, values: object) -> Sample:
    return Sample(
        files={name: json.dumps(values, indent=1).encode()}, main=name, damages={"": structured.json_text}
    )


def _run_report() -> dict[str, object]:
    numbers = (
        "similarity_before",
        "similarity_after",
        "liver_share_inside",
        "displacement_mean_mm",
        "displacement_max_mm",
        "folded_share",
        "liver_dice_after",
    )
    return {
        "version": "1.0.0",
        "model": {"id": "a", "title": "A", "version": "1", "statement": "s", "sha256": {"liver": "0" * 64}},
        "registration": {"grade": "good", "reason": "r", "kept": "bspline", **dict.fromkeys(numbers, 0.5)},
        "liver": {"volume_ml": 1500.0, "tumor_volume_ml": 3.5},
        "phases": ["portal", "arterial"],
        "warnings": ["one", "two"],
    }


def _prompts(case: CorrectionCase) -> list[dict[str, object]]:
    inside, other = list(case.point_at((5, 10, 10))), list(case.point_at((9, 17, 20)))
    return [
        {"units": "voxel", "add": [[20, 17, 9]], "remove": [[10, 10, 5]]},
        {
            "units": "mm",
            "add": [other],
            "include": [{"lesion": 1, "stroke": [inside]}],
            "exclude": [{"lesion": 1, "stroke": [inside]}],
            "grow": [{"lesion": 1, "distance_mm": 2.0}],
            "shrink": [{"lesion": 1, "distance_mm": 1.0}],
            "accept": [{"lesion": 1}],
        },
        {
            "actions": [
                {"tool": "add", "parameters": {"point": other}},
                {"tool": "accept", "parameters": {"lesion": 1}},
            ]
        },
    ]


def _plan() -> dict[str, object]:
    plane = {"point_lps_mm": [0.0, 30.0, 115.0], "normal_lps": [1.0, 0.0, 0.0]}
    return {
        "weight_kg": 70.0,
        "margins": [{"margin_mm": 5.0, "tumors": [1], "name": "five"}, {"margin_mm": 10}],
        "resections": [{"planes": [plane], "combine": "all", "name": "left"}],
    }


def _models(scratch: Path) -> list[Sample]:
    folder = write_model(scratch / "model")
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    damages = {
        ".json": structured.json_text,
        ".safetensors": structured.safetensors,
        ".zip": structured.zip_file,
    }
    archive = Path(shutil.make_archive(str(scratch / "packed"), "zip", folder)).read_bytes()
    inner = Path(shutil.make_archive(str(scratch / "inner"), "zip", scratch, "model")).read_bytes()
    return [
        Sample(files=files, damages=damages),
        Sample(files={"m.zip": archive}, main="m.zip", damages=damages),
        Sample(files={"m.zip": inner}, main="m.zip", damages=damages),
    ]


def _transforms(scratch: Path) -> list[Sample]:
    affine = sitk.AffineTransform(3)
    affine.Translate((1.0, 2.0, 3.0))
    bspline = sitk.BSplineTransformInitializer(_portal(), [3, 3, 3], 3)
    place = scratch / "transforms"
    both = sitk.CompositeTransform([affine, bspline])
    binary = _written(place / "registration.h5", lambda path: write_transform(path, both))
    record = json.dumps({"method": "library", "grade": "good"}).encode()
    text = _written(place / "t.tfm", lambda path: write_transform(path, both))
    return [
        Sample(
            files={"registration.h5": binary, "registration.json": record},
            damages={".json": structured.json_text},
        ),
        *3 * [Sample(files={"t.tfm": text}, main="t.tfm", damages={"": structured.transform_text})],
    ]


def _recipes() -> list[Sample]:
    import yaml

    from training.recipes.recipe import read_recipe, to_values

    texts = {
        "own.yaml": b"base: bundled/tumor\ntitle: own\nstage:\n  arguments:\n    width: 4\nloop:\n  batch: 2\n"
    }
    narrow = [to_values(read_recipe(name, {"stage.arguments.width": 4})) for name in RECIPES]
    whole = [yaml.safe_dump(_without_name(values)).encode() for values in narrow]
    samples = [Sample(files=texts, main="own.yaml", damages={"": structured.yaml_text})]
    return samples + [
        Sample(files={"own.yaml": text}, main="own.yaml", damages={"": structured.yaml_text})
        for text in whole
    ]


def _without_name(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "name"}


def _tables() -> list[Sample]:
    from training.evaluation.columns import CASE_COLUMNS

    cases = (
        b"name,portal,arterial,labels,patient,tumor_type\nP1,a.nii,b.nii,c.nii,P1,HCC\nP2,a.nii,,c.nii,,\n"
    )
    slices = (
        b"file,msd_liver_case,pixel_x_mm_of_256_image,pixel_y_mm,slice_mm,soft_dice_of_match\n"
        b"flipped_1_2.jpg,100,1.5,1.5,2.5,0.9\n"
    )
    scores = ",".join(CASE_COLUMNS) + "\n" + ",".join("1" for _ in CASE_COLUMNS) + "\n"
    damage = {".csv": structured.csv_text}
    return [
        Sample(files={"list.csv": cases}, main="list.csv", damages=damage),
        Sample(files={"slices.csv": slices, "masks/x": b"", "images/x": b""}, damages=damage),
        Sample(files={"scores.csv": scores.encode()}, main="scores.csv", damages=damage),
    ]


def _training_json() -> list[Sample]:
    from training.data.preparation.plan import FORMAT
    from training.recipes.recipe import read_recipe, to_values

    recipe = to_values(read_recipe("bundled/tumor"))
    run = {
        "recipe": recipe,
        "prepared": "p",
        "part": 0,
        "seed": 1,
        "cases": {"training": ["a"], "validation": ["b"], "test": []},
    }
    splits = {"splits": [{"training": ["a"], "validation": ["b"], "test": ["c"]}]}
    case = {
        "name": "a",
        "spacing_mm": [2.5, 1.0, 1.0],
        "facts": {},
        "patient": "a",
        "intensity": {},
        "voxels": {},
    }
    manifest = {"format": FORMAT, "key": "0", "settings": {"a": 1}, "cases": {}}
    data_set = {
        "name": "x",
        "channel_names": {"0": "portal", "1": "arterial"},
        "labels": {"background": 0, "liver": 1, "tumor": 2},
        "numTraining": 1,
        "file_ending": ".nii.gz",
        "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}],
    }
    lesions = {
        "lesions": [{"kind": "HCC", "diameter_mm": 12.0, "volume_ml": 1.0, "center_lps_mm": [1.0, 2.0, 3.0]}]
    }
    named = {
        "run.json": run,
        "splits.json": splits,
        "case.json": case,
        "manifest.json": manifest,
        "dataset.json": data_set,
        "lesions.json": lesions,
    }
    return [_json(name, values) for name, values in named.items()]
