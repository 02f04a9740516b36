"""Writing of a phantom's files; all are moved into place once the last is complete."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from LiverTumorAttentionLib.io import making_folder, replacing_all, write_image
from LiverTumorAttentionLib.phantoms.phantom import Phantom
from LiverTumorAttentionLib.progress import Progress


def write_phantom(phantom: Phantom, folder: str | Path, progress: Progress | None = None) -> None:
    """Write portal, arterial, labels and displacement (.nii.gz) and lesions.json into `folder`.

    Further phases are written under their names, such as early-arterial.nii.gz and displacement-early-arterial.nii.gz.

    The folder is made when it is missing (its parent must exist). Nothing appears under a final name before
    everything is written; an interruption removes what was begun. Raises OutputError when the folder cannot be
    written.
    """
    progress = progress or Progress()
    images = {
        "portal.nii.gz": phantom.portal,
        "arterial.nii.gz": phantom.arterial,
        "labels.nii.gz": phantom.labels,
        "displacement.nii.gz": phantom.displacement,
    }
    for phase, painted in phantom.further.items():
        name = phase.replace("_", "-")
        images[f"{name}.nii.gz"] = painted.image
        images[f"displacement-{name}.nii.gz"] = painted.displacement
    record = {
        "seed": phantom.seed,
        "lesions": [asdict(lesion) for lesion in phantom.lesions],
        "settings": phantom.settings,
    }
    with making_folder(folder, name="phantom", parents=True) as target:
        last = target / "lesions.json"
        with replacing_all([*(target / name for name in images), last], name="phantom") as temporary:
            for number, (name, image) in enumerate(images.items()):
                progress.update(number / (len(images) + 1), name)
                write_image(temporary[target / name], image, level=1)
            temporary[last].write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            progress.check()
    progress.finish()
