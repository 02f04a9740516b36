"""Writing of a phantom's files; all are moved into place once the last is complete."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib.errors import OutputError
from LiverTumorAttentionLib.phantoms.phantom import Phantom
from LiverTumorAttentionLib.progress import Progress


def write_phantom(phantom: Phantom, folder: str | Path, progress: Progress | None = None) -> None:
    """Write portal, arterial, labels and displacement (.nii.gz) and lesions.json into `folder`.

    The folder is made when it is missing (its parent must exist). Nothing appears under a final name before
    everything is written; an interruption removes what was begun. Raises OutputError when the folder cannot be
    written.
    """
    progress = progress or Progress()
    target = Path(folder)
    made = not target.exists()
    try:
        target.mkdir(exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".phantom-", dir=target))
    except OSError as error:
        raise OutputError(
            f"cannot write the phantom into {target}: {error.strerror}; choose another folder"
        ) from error
    done = False
    try:
        names = _write_all(phantom, work, progress)
        for name in names:
            os.replace(work / name, target / name)
        done = True
    except (OSError, RuntimeError) as error:
        raise OutputError(f"cannot write the phantom into {target}: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if made and not done and not any(target.iterdir()):
            target.rmdir()


def _write_all(phantom: Phantom, work: Path, progress: Progress) -> list[str]:
    images = {
        "portal.nii.gz": phantom.portal,
        "arterial.nii.gz": phantom.arterial,
        "labels.nii.gz": phantom.labels,
        "displacement.nii.gz": phantom.displacement,
    }
    for k, (name, image) in enumerate(images.items()):
        progress.update(k / 5, name)
        sitk.WriteImage(image, str(work / name), useCompression=True, compressionLevel=1)
    record = {
        "seed": phantom.seed,
        "lesions": [asdict(lesion) for lesion in phantom.lesions],
        "settings": phantom.settings,
    }
    (work / "lesions.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    progress.update(1.0)
    return [*images, "lesions.json"]
