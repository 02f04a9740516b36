"""The story's stage: a scene, the panel on it, the hands that use it, the album, and the truth to judge by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from Testing.Slicer.story.album import Album
from Testing.Slicer.story.hands import Hands
from Testing.Slicer.story.truth import Mask, TrueLesions, dice, lesions_in_scene, union

SEED, LESIONS, THICKNESS_MM = 2051, 4, 5.0


class Telling:
    """What all steps share.

    pictures: the folder of the album. folder: for what else is written. sample: what step 1 loaded, with its truth.
    noted: what a step leaves for a later one.
    """

    def __init__(self, pictures: Path, folder: Path, first_page: int = 1) -> None:
        """first_page: the number of the first picture."""
        from LiverTumorAttentionGui.panel import SegmentationPanel
        from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

        self.folder = folder
        self.sample: Any = None
        self.noted: dict[str, Any] = {}
        logic = LiverTumorAttentionLogic()
        logic.moduleName = "LiverTumorAttention"
        self.panel = SegmentationPanel(logic, load_sample=self._load_sample)
        self.panel.enter()
        self.ui = self.panel.ui
        self.hands = Hands(self.panel)
        self.album = Album(pictures, self.panel, first_page)
        self._truth: TrueLesions | None = None

    def _load_sample(self, on_progress: Any, on_finished: Any) -> Any:
        """Load the sample as the panel does, a smaller one, and keep its truth."""
        from LiverTumorAttentionGui.sample.sample_case import SampleCase
        from LiverTumorAttentionGui.sample.sample_run import load_sample

        def finished(outcome: Any, sample: Any) -> None:
            self.sample = sample
            on_finished(outcome, sample)

        case = SampleCase(seed=SEED, size="small", lesions=LESIONS, thickness_mm=THICKNESS_MM)
        return load_sample(on_progress, finished, keep_truth=True, case=case)

    @property
    def truth(self) -> TrueLesions:
        """What is in the phantom."""
        if self._truth is None:
            self._truth = TrueLesions(self.sample.truth.labels, self.sample.portal)
        return self._truth

    @property
    def segmentation(self) -> Any:
        """The study's segmentation node."""
        return self.ui.studySelector.currentNode()

    @property
    def lesions(self) -> dict[int, Mask]:
        """The lesions' voxels in the scene, by number."""
        return lesions_in_scene(self.segmentation, self.segmentation.GetNodeReference("PortalVenous"))

    @property
    def living(self) -> list[int]:
        """The numbers of the lesions that have voxels."""
        return [number for number, mask in self.lesions.items() if mask.any()]

    def dice(self) -> float:
        """Return the Dice coefficient of all tumors in the scene against the truth."""
        return dice(union(self.lesions, self.truth.tumor), self.truth.tumor)

    def dice_of(self, number: int) -> float:
        """Return the Dice coefficient of one lesion against the true lesions that it touches."""
        mask = self.lesions[number]
        return dice(mask, self.truth.under(mask))

    def center_of(self, number: int) -> tuple[float, float, float]:
        """Return the deepest point of a lesion (RAS, mm)."""
        return self.truth.deepest(self.lesions[number])

    def paint(self, number: int, mask: Mask) -> None:
        """Add voxels to a lesion's segment alone, as the Segment Editor's effects do."""
        from LiverTumorAttentionGui.scene.segments import lesions_of

        logic = slicer.vtkSlicerSegmentationsModuleLogic
        stroke = logic.CreateOrientedImageDataFromVolumeNode(self.sample.portal)
        stroke.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        segmentation = self.segmentation.GetSegmentation()
        segment_id = lesions_of(segmentation)[number]
        # segments of one layer tell each other by their values, and a merge keeps those of the stroke
        value = segmentation.GetSegment(segment_id).GetLabelValue()
        vtk_to_numpy(stroke.GetPointData().GetScalars())[:] = value * mask.ravel()
        logic.SetBinaryLabelmapToSegment(stroke, self.segmentation, segment_id, logic.MODE_MERGE_MAX)

    def close(self) -> None:
        """Close the windows; the scene may go then."""
        self.album.close()
        self.panel.cleanup()
