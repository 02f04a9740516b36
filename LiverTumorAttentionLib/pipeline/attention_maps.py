"""What a network attended to, as files for a person: volumes on the portal grid, vectors as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib.io import write_image
from LiverTumorAttentionLib.preprocessing import resample_to_grid
from LiverTumorAttentionLib.voxels.orientation import back_to, to_lps

SUMMARY_FILE = "attention.json"


@dataclass(frozen=True, kw_only=True)
class Attention:
    """The attention of one run of the network that finds the tumours."""

    network: str
    """Name of the network in the registry."""
    about: Mapping[str, str]
    """What the weights say, by the module's name in the network."""
    maps: Mapping[str, sitk.Image]
    """Weights of places by module: float32, on the network's own grid, in LPS order."""
    vectors: Mapping[str, list[dict[str, Any]]]
    """Weights of channels by module, one entry a tile or patch: "center_lps_mm" and "weights"."""
    point_lps_mm: tuple[float, float, float] | None = None
    """The place from which maps of relations were looked at; None when the network has none."""

    def writers(self, portal: sitk.Image) -> dict[str, Callable[[Path], object]]:
        """Return, by file name, the function that writes that file.

        portal: the volume on whose own grid the maps are written; outside of what the network saw they are 0.
        """
        in_order = to_lps(portal)

        def volume(image: sitk.Image) -> Callable[[Path], object]:
            return lambda path: write_image(
                path, back_to(resample_to_grid(image, in_order, outside=0.0), portal)
            )

        files: dict[str, Callable[[Path], object]] = {
            _file_name(name): volume(image) for name, image in self.maps.items()
        }
        files[SUMMARY_FILE] = lambda path: path.write_text(
            json.dumps(self._summary(), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
            encoding="utf-8",
        )
        return files

    def _summary(self) -> dict[str, Any]:
        return {
            "notice": "Not for clinical use.",
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
