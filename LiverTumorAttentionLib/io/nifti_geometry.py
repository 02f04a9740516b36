"""Position and voxel size in the header of a NIfTI-1 file.

ITK takes the voxel size from pixdim and the axes from the sform or the qform; where they contradict each other,
programs lay the same file in different places, so that it is refused.
Format: nifti1.h of nifti.nimh.nih.gov, methods 2 (qform) and 3 (sform).
"""

from __future__ import annotations

import itertools
import struct
import warnings

import numpy as np

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.io.right_angles import check_right_angles

MAX_DISAGREEMENT_MM = 1.0
"""Farthest apart that the two placements of a corner may lie."""
WARN_DISAGREEMENT_MM = 0.1
MAX_SIZE_DISAGREEMENT = 0.01
"""Relative; pixdim against the columns of the sform."""


def check_placement(head: bytes, order: str, sizes: tuple[int, ...], where: str) -> None:
    """Raise `InputError` when sform, qform and pixdim of a header contradict each other; warn of less.

    head: the first 348 bytes. order: "<" or ">". sizes: voxels along the axes. where: the file, in words.
    """
    qcode, scode = struct.unpack_from(order + "2h", head, 252)
    pixdim = np.array(struct.unpack_from(order + "8f", head, 76))
    sform = np.array(struct.unpack_from(order + "12f", head, 280), float).reshape(3, 4)
    if qcode <= 0 and scode <= 0:
        warnings.warn(
            f"{where} does not say how it lies in the patient (its qform and sform codes are 0): "
            "right and left, front and back, head and feet may be exchanged",
            InputWarning,
            stacklevel=2,
        )
        return
    if scode > 0:
        if not np.isfinite(sform).all():
            raise InputError(f"{where} has a position or axes that are no numbers (sform): export it again")
        columns = np.linalg.norm(sform[:, :3], axis=0)
        check_right_angles(sform[:, :3] / np.where(columns > 0, columns, 1), where)
        if not np.allclose(columns, pixdim[1:4], rtol=MAX_SIZE_DISAGREEMENT, atol=0):
            raise InputError(
                f"{where} has two voxel sizes, {_size(pixdim[1:4])} mm in pixdim and {_size(columns)} mm in its "
                "sform: export it again, or correct the wrong one"
            )
    if qcode > 0 and scode > 0:
        apart = _apart(_qform(head, order, pixdim), sform, sizes)
        if not apart <= MAX_DISAGREEMENT_MM:
            raise InputError(
                f"{where} has two positions in the patient, its sform and its qform, which are up to {apart:.1f} mm "
                "apart: export it again, or set the code of the wrong one to 0"
            )
        if apart > WARN_DISAGREEMENT_MM:
            warnings.warn(
                f"{where} has an sform and a qform that are up to {apart:.2f} mm apart; "
                f"the {'sform' if scode == 1 else 'qform'} is used",
                InputWarning,
                stacklevel=2,
            )


def _qform(head: bytes, order: str, pixdim: np.ndarray) -> np.ndarray:
    b, c, d, *offset = struct.unpack_from(order + "6f", head, 256)
    a = np.sqrt(max(0.0, 1 - b * b - c * c - d * d))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    lengths = pixdim[1:4] * (1, 1, -1 if pixdim[0] < 0 else 1)
    return np.column_stack([rotation * lengths, offset])


def _apart(first: np.ndarray, second: np.ndarray, sizes: tuple[int, ...]) -> float:
    ends = [(0, length - 1) for length in (*sizes, 1, 1)[:3]]
    corners = np.array([(*corner, 1) for corner in itertools.product(*ends)])
    return float(np.linalg.norm(corners @ (first - second).T, axis=1).max())


def _size(lengths: np.ndarray) -> str:
    return " x ".join(f"{length:.4g}" for length in lengths)
