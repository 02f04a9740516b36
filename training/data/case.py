"""Cases: as a data set holds them, and as preparation stores them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.json_values import load_json


@dataclass(frozen=True, kw_only=True)
class LabelFile:
    """A label map or a mask. Classes are 0 background, 1 liver, 2 tumor."""

    path: Path
    """Volume file, segmentation (.seg.nrrd, DICOM SEG), or folder of slices (DICOM or png)."""
    values: Mapping[int, int] | None = None
    """Of a label map: what each value means; a value that is not named here is an error. None for a mask."""
    mask_class: int | None = None
    """Of a mask: what all its voxels other than 0 become. None for a label map."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The grid of a slice that is kept as a picture: x runs down and y to the left, or both the other way."""

    turned: bool
    """Whether the picture is turned by 180 degrees."""
    x_mm: float
    """Distance of its rows."""
    y_mm: float
    """Distance of its columns."""
    z_mm: float
    """Thickness of the slice."""
    lesions: tuple[tuple[int, int], ...] = ()
    """(y, x) of a voxel of each dark lesion in its liver, in LPS order; `outlined_lesions` tells them from liver."""


@dataclass(frozen=True, kw_only=True)
class Crop:
    """The grid of a part of a scan that is kept as arrays (x, y, z) of one npz file, in LPS order."""

    image: str
    """Name of the array of HU."""
    labels: str
    """Name of the array of labels."""
    x_mm: float
    """Distance of its voxels to the left."""
    y_mm: float
    """To the back."""
    z_mm: float
    """To the head."""


@dataclass(frozen=True, kw_only=True)
class SourceCase:
    """A case as its data set holds it."""

    name: str
    """Unique in the data set; letters, digits, dot, dash and underscore."""
    portal: Path
    """Volume file or DICOM folder of the phase that is segmented."""
    labels: tuple[LabelFile, ...]
    """Its truth: laid over each other in this order, a later file over an earlier one."""
    arterial: Path | None = None
    """Volume file or DICOM folder of the arterial phase."""
    patient: str | None = None
    """Cases of one patient are never split; None is a patient of its own."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What is known beside the voxels, such as {"tumor_type": "HCC", "scanner": "GE", "phase": "venous"}."""
    displacement: Path | None = None
    """The true displacement of portal points, LPS mm, where it is known (phantoms)."""
    lesions: Path | None = None
    """JSON that lists the lesions one by one, as `liver-tumor-attention phantom` writes it."""
    picture: Picture | None = None
    """The grid of its files, where they are pictures of a single slice."""
    crop: Crop | None = None
    """The grid of its file, where it is a crop kept as arrays."""

    @property
    def shows_whole_body(self) -> bool:
        """Whether the liver's volume, and where it lies in the body, can be expected to be plausible."""
        return self.picture is None and self.crop is None


@dataclass(frozen=True, kw_only=True)
class PreparedCase:
    """A case on its stage's grid, kept in a folder as arrays (z, y, x) that are read where they lie.

    folder: holds case.json, portal.npy, arterial.npy (if any), labels.npy and inside.npy (if the stage masks).
    Each array is opened when asked for and closed with its last user: a cohort of open maps would use up the
    file handles of a process, and would be copied whole with a case that is sent to another process.
    """

    name: str
    folder: Path
    spacing_mm: tuple[float, float, float]
    """(z, y, x)."""
    facts: Mapping[str, str]
    patient: str
    intensity: Mapping[str, Mapping[str, float]]
    """Of each phase, what the stage's scaling takes from it, in HU: {"low", "high", "mean", "deviation"} of the whole
    volume for stages that standardize, {"liver_median_hu"} for those relative to the liver; empty for a window."""
    voxels: Mapping[str, int]
    """Voxels of each class: {"background", "liver", "tumor"}."""

    @classmethod
    def read(cls, folder: Path) -> PreparedCase:
        """Read case.json. Raises `InputError` when it is missing or damaged; arrays are opened when asked for."""
        path = folder / "case.json"
        try:
            values: dict[str, Any] = load_json(path)
            z, y, x = (float(value) for value in values["spacing_mm"])
            return cls(
                name=values["name"],
                folder=folder,
                spacing_mm=(z, y, x),
                facts=values["facts"],
                patient=values["patient"],
                intensity=values["intensity"],
                voxels=values["voxels"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"the prepared case {folder} cannot be read ({error}): prepare it again"
            ) from error

    def has(self, phase: str) -> bool:
        """Whether there is a volume of the phase."""
        return (self.folder / f"{phase}.npy").exists()

    def volume(self, phase: str) -> NDArray[np.int16]:
        """Return a phase in HU, int16, mapped from its file."""
        return self._array(phase)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """The truth: 0 background, 1 liver, 2 tumor."""
        return self._array("labels")

    @property
    def inside(self) -> NDArray[np.uint8] | None:
        """Where the network may see (the dilated coarse liver); None where the stage masks nothing."""
        return self._array("inside") if (self.folder / "inside.npy").exists() else None

    @property
    def places(self) -> Mapping[str, NDArray[np.int32]]:
        """Voxels (n, 3) that samples are centered on, by class: "liver" (tumors included), "tumor"; thinned."""
        return {name: self._array(f"{name}-places") for name in ("liver", "tumor")}

    def _array(self, name: str) -> NDArray[Any]:
        path = self.folder / f"{name}.npy"
        try:
            array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(
                f"the prepared case {path} cannot be read ({error}): prepare it again"
            ) from error
        return array
