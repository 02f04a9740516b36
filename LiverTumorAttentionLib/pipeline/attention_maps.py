"""Attention of a network as files: maps as volumes on the portal grid, channel weights as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.inference import AttentionRecorder
from LiverTumorAttentionLib.io import write_image
from LiverTumorAttentionLib.pipeline.outputs import Writer, write_json
from LiverTumorAttentionLib.preprocessing import resample_to_grid
from LiverTumorAttentionLib.voxels.geometry import from_lps, to_lps

SUMMARY_FILE = "attention.json"


@dataclass(frozen=True, kw_only=True)
class Attention:
    """The attention of one run of the network that finds the tumors."""

    network: str
    """Name of the network in the registry."""
    about: Mapping[str, str]
    """What the weights say, by the module's name in the network."""
    maps: Mapping[str, sitk.Image]
    """Spatial weights by module: float32, on the network's own grid, in LPS order."""
    vectors: Mapping[str, list[dict[str, Any]]]
    """Channel weights by module, one entry a tile or patch: "center_lps_mm" and "weights"."""
    point_lps_mm: tuple[float, float, float] | None = None
    """The point from which attention between places was recorded; None when the network has none."""

    @classmethod
    def of(
        cls, recorder: AttentionRecorder, network: str, point_lps_mm: tuple[float, float, float] | None
    ) -> Attention:
        """Return what was recorded, with the centers of tiles and patches in millimeters."""

        def in_mm(index: Sequence[float]) -> list[float]:
            return [round(value, 2) for value in recorder.grid.TransformContinuousIndexToPhysicalPoint(index)]

        vectors = {
            name: [
                {
                    "center_lps_mm": in_mm(entry.center),
                    "weights": [round(float(weight), 5) for weight in entry.weights],
                }
                for entry in entries
            ]
            for name, entries in recorder.vectors.items()
        }
        return cls(
            network=network,
            about=recorder.about,
            maps=recorder.maps,
            vectors=vectors,
            point_lps_mm=point_lps_mm,
        )

    def writers(self, portal: sitk.Image) -> dict[str, Writer]:
        """Return, by file name, the function that writes that file.

        portal: the volume on whose own grid the maps are written; they are 0 outside the network's input.
        """
        in_order = to_lps(portal)

        def volume(image: sitk.Image) -> Writer:
            return lambda path: write_image(
                path, from_lps(resample_to_grid(image, in_order, outside=0.0), portal)
            )

        files: dict[str, Writer] = {_file_name(name): volume(image) for name, image in self.maps.items()}
        files[SUMMARY_FILE] = lambda path: write_json(path, self._summary(), indent=1)
        return files

    def _summary(self) -> dict[str, Any]:
        return {
            "notice": NOT_FOR_CLINICAL_USE,
            "network": self.network,
            "point_lps_mm": self.point_lps_mm,
            "maps": {
                name: {"about": self.about[name], "file": _file_name(name)} for name in sorted(self.maps)
            },
            "vectors": {
                name: {"about": self.about[name], "pieces": pieces} for name, pieces in self.vectors.items()
            },
        }


def _file_name(module: str) -> str:
    return f"{module}.nii.gz"
