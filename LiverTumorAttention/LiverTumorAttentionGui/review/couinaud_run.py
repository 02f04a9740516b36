"""The run of `segments`: proposes the Couinaud segments of a study's liver, or brings those of another node onto it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk
import slicer

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.child_process import ChildRun
from LiverTumorAttentionGui.review.couinaud import SceneCouinaud, liver_checksum
from LiverTumorAttentionGui.review.report_run import write_couinaud_labels, write_signed, write_vessels
from LiverTumorAttentionGui.scene.all_or_nothing import all_or_nothing
from LiverTumorAttentionGui.scene.couinaud_nodes import couinaud_labels
from LiverTumorAttentionGui.scene.result_files import read_segments
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.scene.volume_state import VolumeState

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis import Vessels

_MADE, _NUMBERS = "couinaud.seg.nrrd", "couinaud.json"
_WHAT = _("segmentation of Couinaud segments")


@dataclass(frozen=True, kw_only=True)
class ToldSegments:
    """What a run told. source: who did, in words. kept: whether segments corrected by hand stay beside them."""

    source: str
    kept: bool


class CouinaudRun(ChildRun[ToldSegments]):
    """Has the Couinaud segments told in the child process, and makes them those of the study. Used once.

    study: the study. instances: its segmentation: uint16 on the portal grid in world coordinates. given: a segmentation
    that has them, in any place; None to have them proposed from the liver's shape and the study's vessels.
    options: see `ChildRun`.
    """

    def __init__(
        self,
        study: Study,
        instances: sitk.Image,
        given: slicer.vtkMRMLSegmentationNode | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._study, self._instances, self._given = study, instances, given
        self._portal = VolumeState.of(study.portal, _("portal venous"))

    def prepare(self, folder: Path) -> list[str]:
        """Write what the child reads. Raises `PanelError`, also where the given segmentation has no such segments."""
        with as_panel_error():
            segmentation = write_signed(self._instances, "", folder)
        arguments = ["segments", "--segmentation", str(segmentation), *self._segments_or_vessels(folder)]
        arguments += ["--output", str(folder / _MADE), "--json", str(folder / _NUMBERS)]
        return [*arguments, "--progress", "json"]

    def collect(self, folder: Path) -> ToldSegments:
        """Make the segments those of the study. Raises `PanelError`, and then the scene is unchanged."""
        node = self._study.segmentation
        if node.GetScene() is None:
            raise PanelError(
                _(
                    "The case was removed during the run, so the segments are not loaded: choose a case and run again."
                )
            )
        self._portal.check_unchanged()
        found = read_segments(folder / _MADE, _WHAT)
        try:
            source = str(json.loads((folder / _NUMBERS).read_text(encoding="utf-8"))["segments"]["source"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PanelError(
                _("The Couinaud segments that were computed cannot be read: please report this.")
            ) from error
        couinaud = SceneCouinaud(self._study)
        with all_or_nothing(node.GetScene(), node, couinaud.node):
            kept = couinaud.place(found, source, liver_checksum(self._instances))
        return ToldSegments(source=source, kept=kept)

    def _segments_or_vessels(self, folder: Path) -> list[str]:
        """Write the segments that are given, or the vessels that the proposal looks at; return the options for them."""
        if self._given is not None:
            labels = self._study.grid.image(couinaud_labels(self._study.grid, self._given))
            return ["--segments", str(write_couinaud_labels(labels, "", folder))]
        with as_panel_error():
            vessels: Vessels | None = self._study.vessel_map()
        return [] if vessels is None else ["--vessels", str(write_vessels(vessels, folder))]
