"""Cases as a data set holds them, written from images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import SimpleITK as sitk

from training.data.case import LabelFile, SourceCase

VALUES = {0: 0, 1: 1, 2: 2}


def write_source(
    folder: Path,
    name: str,
    portal: sitk.Image,
    labels: sitk.Image,
    arterial: sitk.Image | None = None,
    *,
    displacement: sitk.Image | None = None,
    facts: Mapping[str, str] | None = None,
    patient: str | None = None,
) -> SourceCase:
    """Write a case's files into `folder`/<name> and return what a layout would make of them."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    images = {"portal": portal, "labels": labels, "arterial": arterial, "displacement": displacement}
    paths = {}
    for what, image in images.items():
        if image is not None:
            paths[what] = place / f"{what}.nii.gz"
            sitk.WriteImage(image, str(paths[what]), useCompression=True, compressionLevel=1)
    return SourceCase(
        name=name,
        portal=paths["portal"],
        labels=(LabelFile(path=paths["labels"], values=VALUES),),
        arterial=paths.get("arterial"),
        displacement=paths.get("displacement"),
        facts=dict(facts or {}),
        patient=patient,
    )
