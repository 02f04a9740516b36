"""The run of `vessels`: proposes portal vein, hepatic veins and vena cava of a study's liver."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.child_process import ChildRun
from LiverTumorAttentionGui.review.couinaud import liver_checksum
from LiverTumorAttentionGui.review.report_run import write_signed, write_volume
from LiverTumorAttentionGui.review.vessel_nodes import SceneVessels
from LiverTumorAttentionGui.scene.all_or_nothing import all_or_nothing
from LiverTumorAttentionGui.scene.result_files import read_segments
from LiverTumorAttentionGui.scene.series_facts import series_facts, write_headers
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.scene.volume_state import VolumeState

_MADE, _NUMBERS = "vessels.seg.nrrd", "vessels.json"
_WHAT = _("segmentation of vessels")


@dataclass(frozen=True, kw_only=True)
class ToldVessels:
    """What a run proposed. text: source, volumes, warnings. kept: whether vessels corrected by hand stay, too."""

    text: str
    kept: bool


class VesselsRun(ChildRun[ToldVessels]):
    """Has the vessels proposed in the child process, and makes them those of the study. Used once.

    study: the study. instances: its segmentation: uint16 on the portal grid in world coordinates. options: see
    `ChildRun`.
    """

    def __init__(self, study: Study, instances: sitk.Image, **options: Any) -> None:
        super().__init__(**options)
        self._study, self._instances = study, instances
        self._portal = VolumeState.of(study.portal, _("portal venous"))

    def prepare(self, folder: Path) -> list[str]:
        """Write what the child reads. Raises `PanelError`."""
        portal = write_volume(self._study.portal_image(), folder / "portal.nrrd")
        with as_panel_error():
            segmentation = write_signed(self._instances, "", folder)
        arguments = ["vessels", "--portal", str(portal), "--segmentation", str(segmentation)]
        facts = {"portal": series_facts(self._study.portal)}
        arguments += ["--headers", str(write_headers(facts, folder / "headers.json"))]
        arguments += ["--output", str(folder / _MADE), "--json", str(folder / _NUMBERS)]
        return [*arguments, "--progress", "json"]

    def collect(self, folder: Path) -> ToldVessels:
        """Make the vessels those of the study. Raises `PanelError`, and then the scene is unchanged."""
        node = self._study.segmentation
        if node.GetScene() is None:
            raise PanelError(
                _(
                    "The case was removed during the run, so the vessels are not loaded: choose a case and run again."
                )
            )
        self._portal.check_unchanged()
        found = read_segments(folder / _MADE, _WHAT)
        try:
            numbers = json.loads((folder / _NUMBERS).read_text(encoding="utf-8"))
            source, volumes = str(numbers["source"]), dict(numbers["volumes_ml"])
            warnings = [str(warning) for warning in numbers["warnings"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PanelError(
                _("The vessels that were computed cannot be read: please report this.")
            ) from error
        vessels = SceneVessels(self._study)
        with all_or_nothing(node.GetScene(), node, vessels.proposed):
            kept = vessels.place(found, source, liver_checksum(self._instances), warnings)
        listed = ", ".join(f"{name} {volume:.0f} mL" for name, volume in volumes.items())
        said = [_("Vessels {source}: {listed}.").format(source=source, listed=listed)]
        said += [as_sentence(warning) for warning in warnings]
        return ToldVessels(text="\n".join(said), kept=kept)


def as_sentence(warning: str) -> str:
    """Return a warning of the library as the panel shows it."""
    return f"{warning[:1].upper()}{warning[1:]}."
