"""Take the tumours of a label map apart."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.correction.lesions import MOST_LESIONS
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.labels import LIVER, TUMOR
from LiverTumorAttentionLib.voxels.morphology import CORNERS


def taken_apart(labels: sitk.Image) -> sitk.Image:
    """Return the instances of a label map of 0 background, 1 liver and 2 tumour: 2, 3, … its 26-connected parts.

    The largest part comes first. An image that holds further values is returned as it is, since its tumours are told
    apart already. Raises `InputError` for more parts than can be numbered.
    """
    voxels = sitk.GetArrayViewFromImage(labels)
    if int(voxels.max()) != TUMOR:
        return labels
    parts, count = ndimage.label(voxels == TUMOR, structure=CORNERS)
    if count > MOST_LESIONS:
        raise InputError(
            f"the segmentation holds {count} tumours that do not touch, at most {MOST_LESIONS} can be numbered: "
            "remove the noise from it first"
        )
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    values = np.zeros(count + 1, np.uint16)
    values[1 + np.argsort(-sizes, kind="stable")] = np.arange(TUMOR, TUMOR + count)
    instances = np.where(parts > 0, values[parts], (voxels == LIVER).astype(np.uint16))
    image = sitk.GetImageFromArray(instances)
    image.CopyInformation(labels)
    return image
