"""The arterial phase on the portal grid: registered, unregistered, or by a known displacement."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.input_checks import existing
from LiverTumorAttentionLib.io.volumes import read_image
from LiverTumorAttentionLib.json_values import load_json
from LiverTumorAttentionLib.registration import read_transform as transform_in
from LiverTumorAttentionLib.registration import register_phases, resample_onto, write_transform
from LiverTumorAttentionLib.regular_file import reason
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU
from training.data.case import SourceCase

TRANSFORM_FILE = "registration.h5"
VERDICT_FILE = "registration.json"
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Aligned:
    """An arterial volume resampled onto the portal grid."""

    volume: sitk.Image
    """In its own voxel type; -1024 HU outside of it."""
    method: str
    """"library", "none" or "known"."""
    transform: sitk.Transform | None = None
    """What registration found, portal to arterial points, LPS mm; None where nothing was registered."""
    verdict: dict[str, Any] | None = None
    """Its grade and the numbers behind it."""

    @property
    def grade(self) -> str | None:
        """Its grade: "good", "doubtful" or "refused"."""
        return None if self.verdict is None else self.verdict["grade"]


def align(
    portal: sitk.Image,
    arterial: sitk.Image,
    method: str,
    *,
    portal_liver: sitk.Image | None = None,
    arterial_liver: sitk.Image | None = None,
    displacement: sitk.Image | None = None,
) -> Aligned:
    """Bring the arterial onto the portal volume by the method that `PreparationSettings` names.

    A volume whose registration is refused is used unregistered. "known_or_library" becomes one of these two.
    Raises `InputError` when the true displacement is asked for and not known.
    """
    method = method_of(method, known=displacement is not None)
    if method == "known":
        if displacement is None:
            raise InputError(
                "its true displacement is not known: prepare with preparation.registration=library"
            )
        return Aligned(volume=onto_portal(arterial, portal, _field(displacement)), method=method)
    as_it_lies = sitk.Transform(3, sitk.sitkIdentity)
    if method == "none":
        return Aligned(volume=onto_portal(arterial, portal, as_it_lies), method=method)
    result = register_phases(
        portal, arterial, portal_liver=portal_liver, arterial_liver=arterial_liver, seed=SEED
    )
    volume = result.registered
    if result.verdict.grade == "refused":
        volume = onto_portal(arterial, portal, as_it_lies)
    return Aligned(volume=volume, method=method, transform=result.transform, verdict=result.verdict.as_dict())


def method_of(registration: str, *, known: bool) -> str:
    """Return how a case is aligned: "library", "none" or "known". known: whether it comes with its displacement."""
    if registration == "known_or_library":
        return "known" if known else "library"
    return registration


def onto_portal(arterial: sitk.Image, portal: sitk.Image, transform: sitk.Transform) -> sitk.Image:
    """Resample the arterial volume onto the portal grid as preparation does, -1024 HU outside of it.

    transform: portal to arterial points, such as `Manifest.registration` returns.
    """
    if isinstance(
        transform, sitk.DisplacementFieldTransform
    ):  # given at every voxel: sampling it would blur it
        return sitk.Resample(arterial, portal, transform, sitk.sitkLinear, OUTSIDE_HU, arterial.GetPixelID())
    return resample_onto(arterial, portal, transform)


def write_alignment(folder: Path, aligned: Aligned) -> None:
    """Write registration.json, and registration.h5 where there is a transform."""
    record = {"method": aligned.method, **(aligned.verdict or {})}
    (folder / VERDICT_FILE).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if aligned.transform is not None:
        write_transform(folder / TRANSFORM_FILE, aligned.transform)


def read_transform(folder: Path, source: SourceCase) -> sitk.Transform | None:
    """Return the transform that was used for a prepared case; None where it has no arterial volume."""
    path = folder / VERDICT_FILE
    if not path.exists():
        return None
    try:
        record = load_json(path)
        if record["method"] == "known":
            return _field(read_image(existing(source.displacement or "", "displacement"), "displacement"))
        if record["method"] == "none" or record["grade"] == "refused":
            return sitk.Transform(3, sitk.sitkIdentity)
        return transform_in(folder / TRANSFORM_FILE)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, InputError) as error:
        raise InputError(
            f"the registration in '{folder}' cannot be read ({reason(error)}): "
            "delete this folder and run `prepare` again"
        ) from error


def _field(displacement: sitk.Image) -> sitk.DisplacementFieldTransform:
    return sitk.DisplacementFieldTransform(sitk.Cast(displacement, sitk.sitkVectorFloat64))
