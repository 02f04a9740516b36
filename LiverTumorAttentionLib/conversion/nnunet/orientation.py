"""How the training data of a model of nnU-Net lay when it was read.

nnU-Net takes arrays as they are stored: a network trained on volumes whose columns run to the patient's right is lost,
or worse, mirrors the liver without a word, where they run to the left. It does not keep how they lay either. Some of
its readers turn every volume to RAS first, and the data sets of the Medical Segmentation Decathlon (among them the
liver tumors of LiTS) were all published in RAS (Antonelli et al., Nature Communications 2022, Methods), as were all of
TotalSegmentator. Where neither is known, the user is asked.
"""

from __future__ import annotations

import re

from LiverTumorAttentionLib.config_parsing import nearest, shown
from LiverTumorAttentionLib.conversion.answers import ImportAnswers
from LiverTumorAttentionLib.errors import ModelError

USUAL = "RAS"
"""Of most public data sets in NIfTI."""
STORED = ("SimpleITKIO", "NibabelIO")
"""Readers that leave a volume as it is stored."""
TURNED = ("SimpleITKIOWithReorient", "NibabelIOWithReorient")
"""Readers that turn a volume to RAS."""
_RAS_DATA = re.compile(
    r"(Dataset|Task)0*(1_BrainTumou?r|2_Heart|3_Liver|4_Hippocampus|5_Prostate|6_Lung|7_Pancreas|8_HepaticVessel|9_Spleen"
    r"|10_Colon)|(Dataset|Task)\d+_TotalSegmentator.*",
    re.IGNORECASE,
)


def known_orientation(reader: str, data_set: str) -> str | None:
    """Return the orientation of the training data, or None where nothing says it. Raises `ModelError`.

    reader: what the plans name. data_set: name of the data set, such as "Dataset003_Liver".
    """
    if reader in TURNED:
        return USUAL
    if reader not in STORED:
        near = nearest(reader, (*STORED, *TURNED))
        raise ModelError(
            f"the plans name the reader {shown(reader)}, which reads no CT{near}: choose a model that was trained on "
            "volumes of CT"
        )
    return USUAL if _RAS_DATA.fullmatch(data_set) else None


def orientation_of(reader: str, data_set: str, answers: ImportAnswers) -> str:
    """Return the orientation in which the network is run. Raises `ModelError`, which asks, where it is not known."""
    known = known_orientation(reader, data_set)
    orientation = answers.orientation or known
    if orientation is None:
        raise ModelError(
            f"nothing in the model says how its training data {shown(data_set)} lay, and a wrong guess mirrors the "
            "liver: say it with --orientation RAS (most public NIfTI data), LPS (written from DICOM by SimpleITK, "
            "3D Slicer or ITK-SNAP) or LAS (by dcm2niix)"
        )
    return orientation
