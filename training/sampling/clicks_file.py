"""The file of simulated clicks beside a prepared case: found once, for all samples of a network that improves them.

clicks.npz   key: what they depend on
             masks: a row a mask (number of the click, lesion, whether others are known, 0 for the lesion before the
             click and 1 for the answer, bytes, start and stop along z, y, x); bits: the masks, one after another
             prompts: a row a voxel (number of the click, 1 for foreground and 0 for background, z, y, x)
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import replacing
from LiverTumorAttentionLib.voxels.boxes import Box
from training.data.case import PreparedCase
from training.recipes.interaction_settings import InteractionSettings
from training.sampling.box_mask import BoxMask
from training.sampling.walker_clicks import CORRECTIONS, WRONG_LESIONS, WalkerClick

CLICKS_FILE = "clicks.npz"
FORMAT = 1
USED = (
    "most_clicks",
    "boundary_share",
    "middle_share",
    "wrong_share",
    "unknown_others_share",
    "least_diameter_mm",
)
"""Settings that decide which clicks are made."""


def clicks_key(case: PreparedCase, settings: InteractionSettings) -> str:
    """Return what the clicks of a case depend on, as a checksum."""
    about = [
        FORMAT,
        CORRECTIONS,
        WRONG_LESIONS,
        [getattr(settings, name) for name in USED],
        case.name,
        zlib.crc32(np.ascontiguousarray(case.labels).data),
    ]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def write_clicks(case: PreparedCase, clicks: Sequence[WalkerClick], key: str) -> None:
    """Write the clicks of a case into its folder. Raises `OutputError`; then nothing is written."""
    rows, prompts, bits = [], [], []
    for number, click in enumerate(clicks):
        for kind, mask in enumerate((click.previous, click.answer)):
            if mask is not None:
                sides = [edge for side in mask.box for edge in (side.start, side.stop)]
                rows.append([number, click.lesion, int(click.others_known), kind, len(mask.bits), *sides])
                bits.append(mask.bits)
        for include, voxels in ((1, click.include), (0, click.exclude)):
            prompts += [[number, include, *voxel] for voxel in voxels]
    with (
        replacing(case.folder / CLICKS_FILE, name="file of clicks") as temporary,
        temporary.open("wb") as file,
    ):
        np.savez(
            file,
            key=np.array(key),
            masks=np.asarray(rows, np.int64).reshape(-1, 11),
            prompts=np.asarray(prompts, np.int64).reshape(-1, 5),
            bits=np.concatenate([*bits, np.zeros(0, np.uint8)]),
        )


def read_clicks(case: PreparedCase, key: str) -> list[WalkerClick]:
    """Return the clicks of a case. Raises `InputError` where there are none, damaged ones, or those of another key."""
    path = case.folder / CLICKS_FILE
    if not path.is_file():
        raise InputError(f"there are no clicks beside the prepared case '{case.folder}': run `clicks` first")
    try:
        with np.load(path, allow_pickle=False) as file:
            found = str(file["key"]), list(_clicks_of(file["masks"], file["prompts"], file["bits"]))
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise InputError(
            f"the clicks '{path}' are damaged ({error}): delete the file and run `clicks` again"
        ) from error
    if found[0] != key:
        raise InputError(
            f"the clicks '{path}' are those of other settings, or of another preparation: run `clicks` again"
        )
    return found[1]


def has_clicks(case: PreparedCase, key: str) -> bool:
    """Tell whether the clicks beside a case are those of a key."""
    try:
        read_clicks(case, key)
    except InputError:
        return False
    return True


def _clicks_of(
    masks: NDArray[np.int64], prompts: NDArray[np.int64], bits: NDArray[np.uint8]
) -> Iterator[WalkerClick]:
    at, previous = 0, None
    for number, lesion, known, kind, length, *sides in masks.tolist():
        box: Box = tuple(slice(a, b) for a, b in zip(sides[::2], sides[1::2], strict=True))
        mask = BoxMask(box, bits[at : at + length].copy())
        at += length
        if not kind:
            previous = mask
            continue
        of = prompts[prompts[:, 0] == number]
        yield WalkerClick(
            lesion=lesion,
            others_known=bool(known),
            previous=previous,
            answer=mask,
            include=tuple((z, y, x) for _, kept, z, y, x in of.tolist() if kept),
            exclude=tuple((z, y, x) for _, kept, z, y, x in of.tolist() if not kept),
        )
        previous = None
