"""A study as the files that `review` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.scene.study import Study

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis import Vessels

# Without these the file is no report of a run, and `review` would refuse it.
_NEEDED = {"version", "registration"}


def write_case(study: Study, instances: sitk.Image, folder: Path) -> list[str]:
    """Write volumes, segmentation, vessels and the run's report; return the options that name them.

    instances: uint16 on the portal grid. Everything is written in the world. Raises `PanelError`.
    """
    from LiverTumorAttentionLib.io import write_segmentation

    files: dict[str, Path] = {}
    for option, image in (
        ("--portal", study.portal_image()),
        ("--arterial", study.arterial_image()),
        ("--probability", study.probability_image()),
    ):
        if image is not None:
            files[option] = _write_volume(image, folder / f"{option.strip('-')}.nrrd")
    with as_panel_error():
        files["--segmentation"] = folder / "segmentation.seg.nrrd"
        write_segmentation(files["--segmentation"], instances)
        vessels = study.vessel_map()
    if vessels is not None:
        files["--vessels"] = _write_vessels(vessels, folder / "vessels.seg.nrrd")
    report = _run_report(study)
    if report is not None:
        files["--report"] = folder / "report.json"
        files["--report"].write_text(report, encoding="utf-8")
    return [word for option, path in files.items() for word in (option, str(path))]


def _write_volume(image: sitk.Image, path: Path) -> Path:
    """Write uncompressed: the file lives for one run."""
    try:
        sitk.WriteImage(image, str(path), useCompression=False)
    except RuntimeError as error:
        raise PanelError(
            f"The volumes cannot be written to {path.parent}: free some disk space and try again."
        ) from error
    return path


def _write_vessels(vessels: Vessels, path: Path) -> Path:
    """Write the vessels with their names, as segments of one layer."""
    from LiverTumorAttentionLib.io.seg_nrrd import write_layers

    pairs: dict[str, str] = {}
    for index, (value, name) in enumerate(vessels.names.items()):
        fields = {"ID": f"Vessel_{value}", "Name": name, "LabelValue": str(value), "Layer": "0"}
        pairs |= {f"Segment{index}_{field}": text for field, text in fields.items()}
    write_layers(path, vessels.array.astype(np.uint16)[np.newaxis], vessels.labels, pairs)
    return path


def _run_report(study: Study) -> str | None:
    """Return the report of the run that the segmentation comes from; None where nothing usable is kept."""
    return json.dumps(study.report) if set(study.report) >= _NEEDED else None
