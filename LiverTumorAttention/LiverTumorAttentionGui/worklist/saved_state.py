"""What of a worklist's case is saved, and saving it: never into another case, nor over what somebody else saved."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import slicer

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.node_attributes import (
    CASE_ATTRIBUTE,
    CASE_ROLE_ATTRIBUTE,
    CASE_VOLUME_ATTRIBUTE,
    LOG_ATTRIBUTE,
    SAVED_FILE_ATTRIBUTE,
    SAVED_LOG_ATTRIBUTE,
    TRANSFORM_REFERENCE,
)
from LiverTumorAttentionGui.scene.result_files import write_transform
from LiverTumorAttentionGui.scene.volume_state import VolumeState
from LiverTumorAttentionLib.json_values import MOST_BYTES
from LiverTumorAttentionLib.pipeline.worklist import (
    PHASE_FILES,
    PROBABILITY_FILE,
    REGISTERED_FILES,
    REPORT_FILE,
    TRANSFORM_FILE,
    WorklistCase,
)
from LiverTumorAttentionLib.regular_file import read_regular

if TYPE_CHECKING:
    import SimpleITK as sitk

    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.scene.study import Study

_NO_REPORT: dict[str, list] = {"tumors": [], "warnings": []}
"""Of a segmentation that no run made."""


def remember_place(node: slicer.vtkMRMLScalarVolumeNode, place: Path, role: str) -> None:
    """Write into a volume that was just loaded which case it is of, and what it is."""
    node.SetAttribute(CASE_ATTRIBUTE, str(place))
    node.SetAttribute(CASE_ROLE_ATTRIBUTE, role)
    node.SetAttribute(CASE_VOLUME_ATTRIBUTE, _fingerprint(node))


def remember_saved(segmentation: slicer.vtkMRMLSegmentationNode, checksum: str) -> None:
    """Write into a segmentation that it is as it is on the disk. checksum: of the file there."""
    segmentation.SetAttribute(SAVED_FILE_ATTRIBUTE, checksum)
    segmentation.SetAttribute(SAVED_LOG_ATTRIBUTE, _digest(segmentation))


def is_unsaved(segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
    """Whether a segmentation of a case holds corrections that no file has; edits under way are not seen."""
    return bool(segmentation.GetAttribute(LOG_ATTRIBUTE)) and (
        segmentation.GetAttribute(SAVED_LOG_ATTRIBUTE) != _digest(segmentation)
    )


def is_current(segmentation: slicer.vtkMRMLSegmentationNode | None, case: WorklistCase) -> bool:
    """Whether the scene's segmentation of a case is the one on the disk; None for a case without any."""
    with as_panel_error():
        on_disk = case.checksum()
    return on_disk == (segmentation.GetAttribute(SAVED_FILE_ATTRIBUTE) or "" if segmentation else "")


def case_of(study: Study) -> WorklistCase:
    """Return the case that a study was loaded from. Raises `PanelError` when it came from none, or it is gone."""
    from LiverTumorAttentionLib.pipeline.worklist import find_case

    place = study.portal.GetAttribute(CASE_ATTRIBUTE)
    if not place:
        raise PanelError(
            _("The case {segmentation} is of no worklist: save the scene, or open its case there.").format(
                segmentation=study.segmentation.GetName()
            )
        )
    with as_panel_error():
        case = find_case(Path(place))
    if case is None:
        raise PanelError(
            _(
                "The folder of the case, {place}, is not there any more or holds no CT: bring it "
                "back, or save the scene."
            ).format(place=place)
        )
    return case


def save_case(controller: CorrectionController) -> WorklistCase:
    """Write segmentation and log into the folder of their case, and return it: all of it, or nothing.

    Raises `PanelError` where the volume is not the one that was loaded, or somebody else changed the file.
    """
    study = controller.study
    case = case_of(study)
    controller.apply_manual_edits()
    if study.portal.GetAttribute(CASE_VOLUME_ATTRIBUTE) != _fingerprint(study.portal):
        raise PanelError(
            _(
                "The volume {portal} is not as it was loaded from {place}, so nothing was saved "
                "there: undo its transform or change of voxels, or save the scene."
            ).format(portal=study.portal.GetName(), place=case.place)
        )
    if not is_current(study.segmentation, case):
        raise PanelError(
            _(
                "The segmentation in {result} is not the one that this was loaded from, so it was "
                "left alone: somebody else saved or segmented the case meanwhile. Open it again."
            ).format(result=case.result)
        )
    with as_panel_error():
        _write(controller, case)
        remember_saved(study.segmentation, case.checksum())
    return case


def _write(controller: CorrectionController, case: WorklistCase) -> None:
    """Write the segmentation; and what its run made, where that is not there already."""
    from LiverTumorAttentionLib.correction import HEADER_KEY
    from LiverTumorAttentionLib.io import making_folder, replacing_all, write_segmentation

    report = json.dumps(controller.study.report or _NO_REPORT)
    of_run = {} if _is_there(case, report) else _writers_of_run(controller.study, report)
    paths = {name: case.result / name for name in of_run}
    with (
        making_folder(case.result, name="result"),
        replacing_all([case.segmentation, *paths.values()], name="result") as temporary,
    ):
        notes = {HEADER_KEY: controller.log_text()}
        write_segmentation(temporary[case.segmentation], controller.instances(), notes=notes)
        for name, write in of_run.items():
            write(temporary[paths[name]])
    if of_run:
        for name in {*REGISTERED_FILES.values(), PROBABILITY_FILE} - set(of_run):
            (case.result / name).unlink(missing_ok=True)  # of another run


def _is_there(case: WorklistCase, report: str) -> bool:
    """Whether the files of the run with this report lie in the case's folder already."""
    try:
        return bool(
            json.loads(read_regular(case.result / REPORT_FILE, most_bytes=MOST_BYTES)) == json.loads(report)
        )
    except (OSError, ValueError):
        return False


def _writers_of_run(study: Study, report: str) -> dict[str, Callable[[Path], object]]:
    """Return what writes the files of a run, by their names."""
    from LiverTumorAttentionLib.io import write_image

    def image(image: sitk.Image) -> Callable[[Path], object]:
        return lambda path: write_image(path, image)

    writers: dict[str, Callable[[Path], object]] = {
        REPORT_FILE: lambda path: path.write_text(report, encoding="utf-8")
    }
    transform = study.segmentation.GetNodeReference(TRANSFORM_REFERENCE)
    arterial, probability = study.arterial_image(), study.probability_image()
    if arterial is not None and transform is not None:
        writers[PHASE_FILES["arterial"]] = image(arterial)
        writers[TRANSFORM_FILE] = lambda path: write_transform(transform, path)
    for phase in ("delayed", "native"):
        registered = study.registered_image(phase)
        if registered is not None:
            writers[PHASE_FILES[phase]] = image(registered)
    if probability is not None:
        writers[PROBABILITY_FILE] = image(probability)
    return writers


def _fingerprint(node: slicer.vtkMRMLScalarVolumeNode) -> str:
    """Return a checksum of the voxels of a volume and of where it lies in the world."""
    state = VolumeState.of(node, _("portal venous"))
    place = zlib.crc32((state.places.round(2) + 0.0).tobytes())
    return f"{state.checksum or 0:08x}-{place:08x}"


def _digest(segmentation: slicer.vtkMRMLSegmentationNode) -> str:
    text = segmentation.GetAttribute(LOG_ATTRIBUTE) or ""
    return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()
