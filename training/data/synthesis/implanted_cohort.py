"""A cohort of real CT with implanted lesions, in the layout "plain".

    DIR/implanted-0/    portal, labels, and arterial where there is one (.nii.gz), and case.json

What is not implanted is a true negative: veins, fissures, dome, gallbladder, bowel. The liver is the one that a model's
liver stage finds. Backgrounds take turns over the seeds; where a tumor is known, only parts without it are shown. The
arterial phase of a case lies on the portal grid, registered. A background of one phase keeps it, in the place of the
portal one as for a user who has no other; its lesions show the contrasts of that phase.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.file_identity import check_outside
from LiverTumorAttentionLib.io import making_folder, read_volume, replacing_all
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import bounding_box
from LiverTumorAttentionLib.voxels.geometry import to_lps
from LiverTumorAttentionLib.voxels.labels import TUMOR
from training.data.preparation.arterial import align
from training.data.preparation.liver import found_livers
from training.data.real_volumes import RealVolume, real_volume, there
from training.data.synthesis.cohort_folder import CohortKind
from training.data.synthesis.implants import implant_lesions

GRAIN_MM = 1.2
"""How coarse the noise of a scan is that a lesion keeps."""


@dataclass(frozen=True, kw_only=True)
class ImplantSettings:
    """What all cases of a cohort share."""

    model: str
    """Whose liver stage finds the liver, by id or path."""
    use: str = "training"
    """Backgrounds that are taken: those of "training" or of "validation"; the other ones never are."""
    backgrounds: tuple[str, ...] = ()
    """Their names, in the order in which seeds take them; set by `write_implanted_cohort`."""
    lesion_share: float = 0.7
    """Share of the cases that lesions are implanted in, 1 to 8 each."""
    margin_mm: float = 25.0
    """Margin around the liver's box that a case shows."""

    def __post_init__(self) -> None:
        if self.use not in ("training", "validation"):
            raise InputError(
                f"the use of backgrounds is training or validation, got {self.use!r}: choose one of the two"
            )
        if not 0 <= self.lesion_share <= 1:
            raise InputError(
                f"the share of cases with lesions must lie in [0, 1], got {self.lesion_share:g}"
                ": give a share in that range"
            )
        if self.margin_mm < 0:
            raise InputError(
                f"the margin around the liver must not be negative, got {self.margin_mm:g} mm: give 0 or more"
            )


IMPLANTED = CohortKind(
    name="implanted", settings=ImplantSettings, files=("portal.nii.gz", "labels.nii.gz", "case.json")
)


@dataclass(frozen=True, kw_only=True)
class Background:
    """A real scan around its liver; images on one grid, in LPS order."""

    volume: RealVolume
    """Where it comes from."""
    phases: dict[str, sitk.Image]
    """"portal", and "arterial" where there is one; HU."""
    liver: NDArray[np.bool_]
    """(z, y, x)."""


def write_implanted_cohort(
    folder: Path,
    data: Path,
    settings: ImplantSettings,
    *,
    count: int,
    seed: int = 0,
    processes: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Write the cases of `count` seeds from `seed` on that are not in the folder yet; return their number.

    data: folder of the real volumes. Raises `InputError` where none of the wanted use lies there, and otherwise as
    `CohortKind.fill` does.
    """
    names = tuple(
        name for volume in there(data) if volume.use == settings.use for name in background_names(volume)
    )
    if not names:
        raise InputError(f"no background for {settings.use} lies below '{data}': check it")
    check_outside(folder, {"data": data})
    write_case = functools.partial(_write_case, data)
    named = replace(settings, backgrounds=names)
    return IMPLANTED.fill(
        folder, named, write_case, count=count, seed=seed, processes=processes, progress=progress
    )


def background_names(volume: RealVolume) -> list[str]:
    """Return the names of what is free of tumor in a volume, as far as was seen: the whole, its parts, or nothing."""
    if volume.lesion_free:
        return [volume.name]
    return [f"{volume.name}: {part.name}" for part in volume.healthy_parts]


def implanted(
    background: Background, rng: np.random.Generator, count: int
) -> tuple[dict[str, NDArray[np.int16]], NDArray[np.uint8]]:
    """Return the phases of a background with up to `count` lesions in them, and 0, 1 liver, 2 tumor; (z, y, x)."""
    z, y, x = next(iter(background.phases.values())).GetSpacing()[::-1]
    volumes = [sitk.GetArrayFromImage(image).astype(np.float32) for image in background.phases.values()]
    levels = [float(np.median(volume[background.liver])) for volume in volumes]
    shown = [background.volume.phase if phase == "portal" else phase for phase in background.phases]
    tumor = implant_lesions(
        volumes, background.liver, levels, rng, (z, y, x), count=count, phases=shown, grain_mm=GRAIN_MM
    )
    labels = background.liver.astype(np.uint8)
    labels[tumor] = TUMOR
    limits = np.iinfo(np.int16)
    whole = [np.rint(volume).clip(limits.min, limits.max).astype(np.int16) for volume in volumes]
    return dict(zip(background.phases, whole, strict=True)), labels


def _write_case(data: Path, folder: Path, settings: ImplantSettings, seed: int) -> None:
    background = read_background(
        data, settings.backgrounds[seed % len(settings.backgrounds)], settings.model, settings.margin_mm
    )
    rng = np.random.default_rng((seed, 3))
    count = int(rng.integers(1, 9)) if rng.random() < settings.lesion_share else 0
    phases, labels = implanted(background, rng, count)
    volume = background.volume
    facts = {"source": "implanted", "patient": volume.name, "use": settings.use, "phase": volume.phase}
    if not (labels == TUMOR).any():
        facts["tumor_type"] = "none"
    arrays: dict[str, NDArray[np.generic]] = {**phases, "labels": labels}
    targets = {name: folder / f"{name}.nii.gz" for name in arrays}
    told = folder / "case.json"
    with (
        making_folder(folder, name="implanted case"),
        replacing_all([*targets.values(), told], name="implanted case") as temporary,
    ):
        for name, array in arrays.items():
            image = sitk.GetImageFromArray(array)
            image.CopyInformation(background.phases["portal"])
            sitk.WriteImage(image, str(temporary[targets[name]]), useCompression=True, compressionLevel=1)
        temporary[told].write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


@functools.lru_cache(maxsize=8)
def read_background(data: Path, name: str, model: str, margin_mm: float) -> Background:
    """Return a background, read, registered and cut to its liver once in every process.

    data: folder of the real volumes. model: whose liver stage finds the liver. margin_mm: around the liver's box.
    Raises `InputError` for an unknown name, a volume that cannot be read, and where no liver is found.
    """
    patient, _, wanted = name.partition(": ")
    volume = real_volume(patient)
    portal = to_lps(read_volume(data / volume.portal, phase="portal", name="portal volume"))
    arterial = None
    if volume.arterial is not None:
        arterial = to_lps(read_volume(data / volume.arterial, phase="arterial", name="arterial volume"))
    livers = found_livers(model, portal, arterial)
    phases = {"portal": portal}
    if arterial is not None:
        phases["arterial"] = align(
            portal, arterial, "library", portal_liver=livers.portal, arterial_liver=livers.arterial
        ).volume
    liver = sitk.GetArrayFromImage(livers.portal).astype(bool)
    for part in volume.healthy_parts:
        if part.name == wanted:
            (first, last), column = part.slices, part.from_column
            phases = {phase: image[column:, :, first:last] for phase, image in phases.items()}
            liver = liver[first:last, :, column:]
    spacing = portal.GetSpacing()[::-1]
    box = bounding_box(liver, margin=tuple(int(np.ceil(margin_mm / s)) for s in spacing))
    if box is None:
        raise InputError(f"no liver was found in the background {name!r}: leave it out")
    z, y, x = box
    return Background(
        volume=volume,
        phases={phase: image[x, y, z] for phase, image in phases.items()},
        liver=liver[box],
    )
