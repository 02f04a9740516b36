"""A reading session: two DICOM series, a pair that is split, decisions, a signature, and DICOM out of it.

It begins with the result of a run that takes two lesions which touch for one, loaded as the panel loads a result. Every
click is counted. The lesions are balls, so what each step gives follows from geometry.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import highdicom
import numpy as np
import pydicom
import SimpleITK as sitk
import slicer

from Testing.Slicer.story.dicom_series import write_series
from Testing.Slicer.story.telling import Telling
from Testing.Slicer.story.truth import dice

SHAPE, SPACING_MM = (24, 64, 72), (3.0, 1.5, 1.5)
"""(z, y, x)."""
BALLS = (((36.0, 48.0, 42.0), 11.0), ((36.0, 48.0, 60.5), 10.0), ((36.0, 34.0, 74.0), 7.0))
"""Centers (z, y, x) and radii in mm; the first two overlap by 2.5 mm."""
LIVER_MM = 32.0
PORTAL_HU, ARTERIAL_HU = (110.0, 60.0), (70.0, 115.0)
"""Of liver and lesions."""
READER = "Roe^Jane"


def _away_mm(center: tuple[float, float, float]) -> np.ndarray:
    places = np.stack(np.indices(SHAPE), axis=-1) * SPACING_MM
    return np.linalg.norm(places - np.array(center), axis=-1)


def _lesions() -> list[np.ndarray]:
    """Return the voxels of each lesion; what two share belongs to the first."""
    taken = np.zeros(SHAPE, bool)
    lesions = []
    for center, radius in BALLS:
        mask = (_away_mm(center) <= radius) & ~taken
        taken |= mask
        lesions.append(mask)
    return lesions


def _image(array: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING_MM[::-1])
    return image


class Database:
    """What the panel asks of Slicer's DICOM database, on the files of the study."""

    isOpen = True

    def __init__(self) -> None:
        self._files: dict[str, Path] = {}
        self.added: dict[str, Any] = {}
        """Objects that were added, by their modality."""

    def know(self, files: list[Path]) -> str:
        """Index files; return the UIDs of their instances as Slicer writes them to the volume."""
        uids = [str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID) for file in files]
        self._files |= dict(zip(uids, files, strict=True))
        return " ".join(uids)

    @property
    def study(self) -> str:
        """UID of the study of the files."""
        return self.instanceValue(next(iter(self._files)), "0020,000D")

    def fileForInstance(self, uid: str) -> str:
        return str(self._files.get(uid, ""))

    def instanceValue(self, uid: str, tag: str) -> str:
        group, element = (int(part, 16) for part in tag.split(","))
        return str(pydicom.dcmread(self._files[uid], stop_before_pixels=True)[group, element].value)

    def insert(self, path: str, _store: bool, _thumbnail: bool) -> None:
        made = pydicom.dcmread(path)
        self.added[made.Modality] = made


def load_the_study(story: Telling, database: Database) -> None:
    """Both series come from the database into the scene, as Slicer's DICOM module loads them."""
    lesions = np.any(_lesions(), axis=0)
    liver = (_away_mm((36.0, 48.0, 56.0)) <= LIVER_MM) | lesions
    noise = np.random.default_rng(5).normal(0.0, 4.0, (2, *SHAPE))
    nodes = {}
    for number, (phase, hu) in enumerate((("portal venous", PORTAL_HU), ("arterial", ARTERIAL_HU))):
        voxels = np.where(lesions, hu[1], np.where(liver, hu[0], -60.0)) + noise[number]
        image = _image(np.rint(voxels).astype(np.int16))
        folder = story.folder / "study" / phase.split()[0]
        files = write_series(folder, image, description=f"Abdomen {phase}", number=number + 2)
        node = nodes[phase] = _volume(image, f"{number + 2}: Abdomen {phase}")
        node.SetAttribute("DICOM.instanceUIDs", database.know(files))
    truth = SimpleNamespace(labels=_image(np.where(lesions, 2, liver).astype(np.uint8)))
    story.sample = SimpleNamespace(portal=nodes["portal venous"], arterial=nodes["arterial"], truth=truth)
    story.album.show(nodes["portal venous"])


def choose_the_phases(story: Telling) -> None:
    """The portal venous and the arterial series are chosen as inputs."""
    story.hands.choose("portalSelector", story.sample.portal)
    story.hands.choose("arterialSelector", story.sample.arterial)
    at = story.truth.deepest(story.truth.liver)
    story.album.page("The study: two series of one patient are chosen.", "inputs", "segment", at=at)


def take_the_result(story: Telling) -> None:
    """The result of a run: the pair is one tumor, and marked."""
    from LiverTumorAttentionGui.scene.node_attributes import ROLE_ATTRIBUTE
    from LiverTumorAttentionGui.scene.result_files import read_segmentation
    from LiverTumorAttentionGui.scene.result_nodes import place_segmentation
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.io import write_segmentation

    first, second, third = _lesions()
    labels = np.where(story.truth.liver, 1, 0)
    labels[first | second], labels[third] = 2, 3
    path = story.folder / "result.seg.nrrd"
    write_segmentation(path, _image(labels.astype(np.uint16)))
    portal, arterial = story.sample.portal, story.sample.arterial
    node = place_segmentation(read_segmentation(path), portal=portal, target=None, under_transform=False)
    arterial.SetAttribute(ROLE_ATTRIBUTE, "ArterialRegistered")
    Study.link(node, portal, arterial=arterial)
    story.hands.clicks += 1  # of Segment tumors, whose result this stands for
    story.ui.studySelector.setCurrentNode(node)
    story.ui.correctButton.collapsed = False
    rows = story.hands.rows()
    (pair,) = [number for number, row in rows.items() if "maybe two" in row[-1]]
    assert pair == 1
    assert float(rows[1][3]) == PORTAL_HU[1]
    assert int(rows[1][4]) == ARTERIAL_HU[1] - PORTAL_HU[1]
    story.noted["pair"] = pair
    story.album.page(
        f"The result: Tumor {pair} is marked, it may be two.", "correct", at=story.center_of(pair)
    )


def split_the_pair(story: Telling) -> None:
    """Two clicks, one in each lesion, and each part is nearer to its own lesion than the whole was."""
    pair = story.noted["pair"]
    whole = story.lesions[pair]
    under = _lesions()[:2]
    story.hands.select(pair)
    story.hands.press("splitButton")
    for lesion in under:
        story.hands.click(story.truth.deepest(lesion & whole), last=lesion is under[-1])
    parts = {n: mask for n, mask in story.lesions.items() if (mask & whole).any()}
    assert len(parts) == 2
    for lesion in under:
        assert max(dice(mask, lesion) for mask in parts.values()) > 0.95
    assert all("maybe two" not in row[-1] for row in story.hands.rows().values())
    story.noted["parts"] = sorted(parts)
    story.album.page(
        "Split: two clicks, and each part has its own diameter.", "correct", at=story.center_of(pair)
    )


def decide(story: Telling) -> None:
    """Every tumor is accepted."""
    story.hands.select(*story.living)
    story.hands.press("acceptButton")
    assert {row[1] for row in story.hands.rows().values()} == {"accepted"}


def sign(story: Telling) -> None:
    """The reader signs; until then it was a draft."""
    assert story.ui.signLabel.text == "DRAFT: not signed."
    story.hands.write("readerEdit", READER)
    story.hands.press("signButton")
    assert story.ui.signLabel.text.startswith(f"Signed by {READER} on ")
    at = story.center_of(story.noted["parts"][0])
    story.album.page("Signed: the case is locked under the reader's name.", "correct", "review", at=at)


def export_dicom(story: Telling, database: Database) -> None:
    """SEG, SR and RT Structure Set lie in the study, and say of the tumors what the scene does."""
    story.hands.press("dicomButton")
    story.hands.wait(lambda: not story.panel.review.dicom.running, "the objects are written")
    assert set(database.added) == {"SEG", "SR", "RTSTRUCT"}, story.ui.reviewStatusLabel.text
    assert {str(made.StudyInstanceUID) for made in database.added.values()} == {database.study}
    _check_seg(story, database.added["SEG"])
    _check_report(story, database.added["SR"])
    _check_outlines(story, database.added["RTSTRUCT"])
    story.album.page("DICOM: SEG, SR and RT Structure Set lie in the patient's study.", "review")


def _check_seg(story: Telling, made: Any) -> None:
    seg = highdicom.seg.Segmentation.from_dataset(made)
    names = {seg.get_segment_description(number).segment_label: number for number in seg.segment_numbers}
    assert set(names) == {"Liver", *(f"Tumor {number}" for number in story.living)}
    for number, mask in story.lesions.items():
        volume = seg.get_volume(segment_numbers=[names[f"Tumor {number}"]], combine_segments=True)
        assert int(np.count_nonzero(volume.array)) == int(mask.sum())


def _check_report(story: Telling, made: Any) -> None:
    assert (made.VerificationFlag, made.PreliminaryFlag) == ("VERIFIED", "FINAL")
    assert made.VerifyingObserverSequence[0].VerifyingObserverName == READER
    report = highdicom.sr.Comprehensive3DSR.from_dataset(made)
    groups = report.content.get_volumetric_roi_measurement_groups()
    told = {group.tracking_identifier: group.get_measurements()[0].value for group in groups}
    voxel_ml = float(np.prod(story.truth.spacing_mm)) / 1000.0
    for number, mask in story.lesions.items():
        assert abs(told[f"Tumor {number}"] - mask.sum() * voxel_ml) < 1e-6 * mask.sum()


def _check_outlines(story: Telling, made: Any) -> None:
    assert (made.ApprovalStatus, made.ReviewerName) == ("APPROVED", READER)
    names = {body.ROIName: body.ROINumber for body in made.StructureSetROISequence}
    assert set(names) == {"Liver", *(f"Tumor {number}" for number in story.living)}
    for outlines in made.ROIContourSequence:
        name = next(name for name, number in names.items() if number == outlines.ReferencedROINumber)
        if name != "Liver":
            mask = story.lesions[int(name.split()[1])]
            slices = {
                item.ContourImageSequence[0].ReferencedSOPInstanceUID for item in outlines.ContourSequence
            }
            assert len(slices) == np.count_nonzero(mask.any(axis=(1, 2)))


def _volume(image: sitk.Image, name: str) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, sitk.GetArrayFromImage(image))
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.diag((-1.0, -1.0, 1.0, 1.0)) @ matrix))
    node.CreateDefaultDisplayNodes()
    return node
