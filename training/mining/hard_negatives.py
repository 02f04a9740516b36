"""A folder of mined hard negatives.

mined.json        what they were mined with: weights, threshold, and the key of the preparation
cases/<name>.json  the false positives of a case, and the shape of its grid, (z, y, x)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import replacing
from LiverTumorAttentionLib.io.json_file import read_json
from training.data.case import PreparedCase
from training.mining.false_positives import FalsePositive

MINED_FILE = "mined.json"
CASES_FOLDER = "cases"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class MiningSettings:
    """What decides which hard negatives are found; all of a folder are mined with the same."""

    weights_sha256: str
    """Of the stage that was run."""
    preparation: str
    """Key of the prepared cases that it was run on."""
    threshold: float = 0.5
    """Probability from which a voxel is taken for a tumor."""
    minimum_diameter_mm: float = 3.0
    """Smaller false positives are left out; of the ball of equal volume."""
    most_a_case: int = 50
    """The strongest ones of a case that are kept."""
    format: int = FORMAT

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(
                f"the threshold is a probability between 0 and 1, got {self.threshold:g}"
                ": give a number in between"
            )
        if not self.minimum_diameter_mm >= 0:
            raise InputError(
                f"the smallest diameter must not be negative, got {self.minimum_diameter_mm:g} mm"
                ": give 0 or more"
            )
        if self.most_a_case < 1:
            raise InputError(
                f"the number kept of a case must be at least 1, got {self.most_a_case}: give a larger number"
            )


@dataclass(frozen=True, kw_only=True)
class HardNegatives:
    """The hard negatives of a training."""

    voxels: Mapping[str, Sequence[NDArray[np.int32]]]
    """By name of the case, one (n, 3) array of (z, y, x) a false positive; cases without any are left out."""
    about: Sequence[Mapping[str, Any]] = ()
    """What run.json says of each folder: its settings, and a hash of what the training cases have in it."""

    @classmethod
    def read(cls, folders: Sequence[Path], cases: Sequence[PreparedCase], preparation: str) -> HardNegatives:
        """Read what several rounds found in the training cases; a case that was not mined has none.

        preparation: key of the prepared cases. Raises `InputError` for a folder that was not mined, is damaged, or was
        mined on cases that were prepared otherwise.
        """
        voxels: dict[str, list[NDArray[np.int32]]] = {}
        about = []
        for folder in folders:
            settings = read_settings(folder)
            if settings.preparation != preparation:
                raise InputError(
                    f"the hard negatives in '{folder}' were mined on cases that were prepared otherwise: run `mine` "
                    "on these cases into another folder"
                )
            digest, mined = hashlib.sha256(), 0
            for case in cases:
                found = read_case(folder, case)
                if found is None:
                    continue
                mined += 1
                digest.update(json.dumps([case.name, [one.tolist() for one in found]]).encode())
                if found:
                    voxels.setdefault(case.name, []).extend(found)
            about.append({**asdict(settings), "cases": mined, "sha256": digest.hexdigest()})
        return cls(voxels=voxels, about=about)

    @property
    def count(self) -> int:
        """Number of false positives."""
        return sum(len(found) for found in self.voxels.values())


def read_settings(folder: Path) -> MiningSettings:
    """Return what a folder was mined with. Raises `InputError` when it was not, or by another version."""
    path = folder / MINED_FILE
    if not path.is_file():
        raise InputError(f"there are no hard negatives in '{folder}': run `mine` first")
    return from_mapping(MiningSettings, read_json(path, "file of mining settings"), where=f"'{path}'")


def write_settings(folder: Path, settings: MiningSettings) -> None:
    """Write mined.json. Raises `OutputError`."""
    _write(folder / MINED_FILE, asdict(settings))


def read_case(folder: Path, case: PreparedCase) -> list[NDArray[np.int32]] | None:
    """Return the voxels of each false positive of a case; None where it was not mined, or on another grid.

    Raises `InputError` for a damaged file.
    """
    path = _case_file(folder, case.name)
    if not path.is_file():
        return None
    values, shape = read_json(path, "file of hard negatives"), case.labels.shape
    try:
        if tuple(values["shape"]) != shape:
            return None
        found = [np.array(one["voxels"], np.int32).reshape(-1, 3) for one in values["false_positives"]]
        if any(not len(one) or (one < 0).any() or (one >= shape).any() for one in found):
            raise ValueError("a voxel lies outside the case")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"the hard negatives '{path}' are damaged ({error}): delete the file and run `mine` again"
        ) from error
    return found


def write_case(folder: Path, case: PreparedCase, found: Sequence[FalsePositive]) -> None:
    """Write the false positives of a case. Raises `OutputError`; then nothing is written."""
    listed = [
        {
            "peak": round(one.peak, 4),
            "mean": round(one.mean, 4),
            "volume_ml": round(one.volume_ml, 4),
            "voxels": one.voxels.tolist(),
        }
        for one in found
    ]
    values = {"case": case.name, "shape": case.labels.shape, "false_positives": listed}
    _write(_case_file(folder, case.name), values)


def _case_file(folder: Path, name: str) -> Path:
    return folder / CASES_FOLDER / f"{name}.json"


def _write(path: Path, values: Any) -> None:
    with replacing(path, name="file of hard negatives") as temporary:
        temporary.write_text(json.dumps(values) + "\n", encoding="utf-8")
