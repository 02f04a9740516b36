"""A cohort of cases painted from label maps, in the layout "plain".

    DIR/painted-0/    portal, arterial, labels, displacement (.nii.gz) and case.json

The displacement is zero: both phases of a case are painted on one grid, and recipes add the registration's error.
Source of the randomization: see `label_synthesis`. The label maps take turns over the seeds.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.file_identity import check_outside
from LiverTumorAttentionLib.io import making_folder, replacing_all
from LiverTumorAttentionLib.progress import Progress
from training.data.sources import OWN_LIVER
from training.data.synthesis.atlases import Atlas, check_kind, prepare_atlas
from training.data.synthesis.cohort_folder import CohortKind
from training.data.synthesis.label_synthesis import SyntheticCase, synthesize
from training.data.synthesis.livers import LiverMap, RealLiver, read_liver, transplanted

NAME_DIGITS = 8
THICKNESS_MM = 5.0
"""The most common slice distance; a third of the cases have it, a third the thinnest of the range."""


@dataclass(frozen=True, kw_only=True)
class LabelMap:
    """A label map of a real abdomen."""

    path: Path
    """Volume file."""
    kind: str
    """What its values mean: a kind that `prepare_atlas` knows."""

    @classmethod
    def parse(cls, text: str) -> LabelMap:
        """Read "PATH:KIND". Raises `InputError` for another form, an unknown kind or a missing file."""
        path, separator, kind = text.rpartition(":")
        if not separator:
            raise InputError(f"--label-map got {text!r}; write it as PATH:KIND, for example map.nrrd:spl")
        check_kind(kind)
        if not Path(path).is_file():
            raise InputError(f"there is no label map at {path}: give the path of an existing file")
        return cls(path=Path(path), kind=kind)

    @functools.cached_property
    def name(self) -> str:
        """Digits of its content, and its kind: what cohort.json and the cases call it, whichever folder it lies in."""
        return f"{hashlib.sha256(self.path.read_bytes()).hexdigest()[:NAME_DIGITS]}:{self.kind}"

    @property
    def earlier_name(self) -> str:
        """What earlier versions called it: the folder that it lies in, and its kind."""
        return f"{self.path.resolve().parent.name}:{self.kind}"


@dataclass(frozen=True, kw_only=True)
class PaintingSettings:
    """What all painted cases of a cohort share."""

    label_maps: tuple[str, ...] = ()
    """Names of the label maps, in the order in which seeds take them; set by `write_painted_cohort`."""
    livers: tuple[str, ...] = ()
    """Names of the real livers that take the place of a map's own; set by `write_painted_cohort`."""
    other_liver_share: float = 0.75
    """Share of the cases with one of them, where there are any."""
    in_plane_mm: float = 1.25
    """Pixel spacing."""
    slice_spacing_range_mm: tuple[float, float] = (3.0, 7.0)
    """Range of the slice spacing, drawn for each case."""
    liver_margin_mm: float | None = None
    """Margin around the liver's box that a case shows; None shows the whole body, cut at random along z."""
    lesion_share: float = 0.65
    """Share of the cases that lesions are implanted in, 1 to 8 each."""

    def __post_init__(self) -> None:
        low, high = self.slice_spacing_range_mm
        if not (self.in_plane_mm > 0 and 0 < low <= high):
            raise InputError(
                f"painted cases need positive spacings, got {self.in_plane_mm:g} mm in plane and slices of {low:g} to "
                f"{high:g} mm"
                ": give the lower one first"
            )
        if not 0 <= self.lesion_share <= 1:
            raise InputError(
                f"the share of cases with lesions must lie in [0, 1], got {self.lesion_share:g}"
                ": give a share in that range"
            )
        if not 0 <= self.other_liver_share <= 1:
            raise InputError(
                f"the share of cases with another liver must lie in [0, 1], got {self.other_liver_share:g}"
                ": give a share in that range"
            )
        if self.liver_margin_mm is not None and self.liver_margin_mm < 0:
            raise InputError(
                f"the margin around the liver must not be negative, got {self.liver_margin_mm:g} mm"
                ": give 0 or more"
            )


PAINTED = CohortKind(
    name="painted",
    settings=PaintingSettings,
    files=("portal.nii.gz", "arterial.nii.gz", "labels.nii.gz", "displacement.nii.gz", "case.json"),
)


def write_painted_cohort(
    folder: Path,
    label_maps: Sequence[LabelMap],
    settings: PaintingSettings,
    *,
    livers: Sequence[LiverMap] = (),
    count: int,
    seed: int = 0,
    processes: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Write the cases of `count` seeds from `seed` on that are not in the folder yet; return their number.

    Raises `InputError` without a label map, and otherwise `InputError`, `OutputError` and `Cancelled` as
    `CohortKind.fill` does.
    """
    if not label_maps:
        raise InputError("there is no label map to paint from: name at least one, as PATH:KIND")
    for label_map in label_maps:
        check_outside(folder, {"label map": label_map.path})
    for liver in livers:
        check_outside(folder, {"liver": liver.liver, "vessels": liver.trees})
    named, earlier = (
        replace(settings, label_maps=tuple(names), livers=tuple(liver.name for liver in livers))
        for names in (
            [label_map.name for label_map in label_maps],
            [label_map.earlier_name for label_map in label_maps],
        )
    )
    write_case = functools.partial(_write_case, tuple(label_maps), tuple(livers))
    return PAINTED.fill(
        folder,
        named,
        write_case,
        count=count,
        seed=seed,
        same_as=earlier,
        processes=processes,
        progress=progress,
    )


def paint_case(atlas: Atlas, settings: PaintingSettings, seed: int) -> SyntheticCase:
    """Paint the case of a seed from an atlas; a function of its arguments alone."""
    rng = np.random.default_rng((seed, 1))
    low, high = settings.slice_spacing_range_mm
    usual = float(np.clip(THICKNESS_MM, low, high))
    slice_mm = float(rng.choice([low, rng.uniform(low, high), usual]))
    lesions = int(rng.integers(1, 9)) if rng.random() < settings.lesion_share else 0
    return synthesize(
        atlas,
        rng,
        in_plane_mm=settings.in_plane_mm,
        slice_mm=slice_mm,
        liver_margin_mm=settings.liver_margin_mm,
        lesions=lesions,
    )


def write_painted_case(case: SyntheticCase, label_map: str, folder: Path, *, liver: str = OWN_LIVER) -> None:
    """Write a painted case into a folder, all files or none. liver: whose it is, where not the map's own.

    Raises `OutputError`.
    """
    arrays: dict[str, NDArray[np.generic]] = {
        "portal.nii.gz": case.portal,
        "arterial.nii.gz": case.arterial,
        "labels.nii.gz": case.labels,
        "displacement.nii.gz": np.zeros((*case.labels.shape, 3), np.float32),
    }
    facts = {"source": "painted", "label_map": label_map, "liver": liver}
    if not (case.labels == 2).any():
        facts["tumor_type"] = "none"
    targets = [folder / name for name in PAINTED.files]
    with making_folder(folder, name="painted case"), replacing_all(targets, name="painted case") as temporary:
        for name, array in arrays.items():
            image = sitk.GetImageFromArray(array, isVector=array.ndim == 4)
            image.SetSpacing(case.spacing_mm[::-1])
            sitk.WriteImage(image, str(temporary[folder / name]), useCompression=True, compressionLevel=1)
        text = json.dumps(facts, indent=1) + "\n"
        temporary[folder / "case.json"].write_text(text, encoding="utf-8")


def _write_case(
    label_maps: Sequence[LabelMap],
    livers: Sequence[LiverMap],
    folder: Path,
    settings: PaintingSettings,
    seed: int,
) -> None:
    label_map = label_maps[seed % len(label_maps)]
    atlas = _atlas(label_map)
    name = OWN_LIVER
    rng = np.random.default_rng((seed, 2))  # apart from the stream of the painting
    if livers and rng.random() < settings.other_liver_share:
        liver = livers[int(rng.integers(len(livers)))]
        atlas, name = transplanted(atlas, _liver(liver)), liver.name
    case = paint_case(atlas, settings, seed)
    write_painted_case(case, label_map.name, folder, liver=name)


@functools.lru_cache(maxsize=16)
def _liver(liver: LiverMap) -> RealLiver:
    return read_liver(liver)


@functools.lru_cache(maxsize=4)
def _atlas(label_map: LabelMap) -> Atlas:
    """Return the atlas of a label map, completed once in every process."""
    return prepare_atlas(label_map.path, label_map.kind)
