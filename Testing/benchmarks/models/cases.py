"""Models of the benchmark and the volumes that they see: a body with liver and tumors of plain shapes, in noise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model of the benchmark."""

    version: int = 2
    """Of nnU-Net."""
    configuration: str = "3d_fullres"
    """Configuration of nnU-Net's plans."""
    folds: tuple[int, ...] = (0,)
    """Folds, each trained from a seed of its own."""
    mirror: bool = False
    """Whether both predictors average over mirrored patches."""
    thickness_mm: float = 2.5
    """Slice thickness of the training cases."""
    regions: bool = False
    """Whether the labels are regions: the whole liver, and the tumor in it."""
    planner: str = "ExperimentPlanner"
    """Class of nnU-Net's planner."""
    channel: str = "CT"
    """Name of the channels, from which nnU-Net takes its normalization."""
    phases: int = 1
    """Channels: the portal phase, and the arterial one."""
    memory_gb: float = 0.08
    """What the planner fits the patch to."""
    features: int = 6
    """Of the network's first level, an eighth of the most: small networks, so that what surrounds them counts."""
    steps: int = 30
    """Of the training."""


CASES: dict[str, Case] = {
    "3d_fullres": Case(),
    "3d_fullres, mirrored": Case(mirror=True),
    "3d_fullres, two folds": Case(folds=(0, 1)),
    "3d_fullres, regions": Case(regions=True),
    "3d_fullres, slices of 7 mm": Case(thickness_mm=7.0),
    "3d_fullres, z-score": Case(channel="MR"),
    "2d": Case(configuration="2d"),
    "2d, mirrored": Case(configuration="2d", mirror=True),
    "3d_lowres": Case(configuration="3d_lowres", memory_gb=0.01),
    "3d_cascade_fullres": Case(configuration="3d_cascade_fullres", memory_gb=0.01),
    "residual encoder": Case(planner="nnUNetPlannerResEncM"),
}
FULL_SIZE = "full-size network"
CASES[FULL_SIZE] = Case(mirror=True, features=32, memory_gb=4, steps=4)
"""With nnU-Net's own number of features and its mirroring: most of the time is the network's. Run where asked for."""
CASES["3d_fullres, two phases"] = Case(phases=2)
CASES["nnU-Net 1"] = Case(version=1)
CASES["nnU-Net 1, mirrored"] = Case(version=1, mirror=True)
CASES["nnU-Net 1, slices of 7 mm"] = Case(version=1, thickness_mm=7.0)
CASES["nnU-Net 1, z-score"] = Case(version=1, channel="MR")
CASES["nnU-Net 1, two phases"] = Case(version=1, phases=2)
CASES["nnU-Net 1, two folds"] = Case(version=1, folds=(0, 1))
CASES["nnU-Net 1, 2d"] = Case(version=1, configuration="2d")
CASES["nnU-Net 1, cascade"] = Case(version=1, configuration="3d_cascade_fullres", memory_gb=0.01)
LABELS = {"background": 0, "liver": 1, "tumor": 2}
TRAINING_MATRIX, TRAINING_SLICES, TRAINING_SPACING_MM = 72, 36, 4.0
TRAINING_SEEDS = (1, 2)
ARTERIAL_SHARE, ARTERIAL_NOISE_HU = 0.7, 12.0


def number_of(name: str) -> int:
    """Return the number of the data set of a case."""
    return list(CASES).index(name) + 1


def folder_of(number: int) -> str:
    """Return the name of a data set in nnU-Net's folders."""
    return f"Dataset{number:03d}_Benchmark"


def draw_case(
    seed: int, *, matrix: int, slices: int, thickness_mm: float, spacing_mm: float
) -> tuple[sitk.Image, sitk.Image]:
    """Return a volume (HU, int16) and its labels (1 liver, 2 tumor, uint8), in LPS order."""
    generator = np.random.default_rng(seed)
    z, y, x = np.meshgrid(
        *(np.linspace(-1, 1, n, dtype=np.float32) for n in (slices, matrix, matrix)),
        indexing="ij",
        sparse=True,
    )

    def ball(center: tuple[float, ...], radius: tuple[float, ...]) -> np.ndarray:
        distance: np.ndarray = sum(
            ((at - middle) / reach) ** 2 for at, middle, reach in zip((z, y, x), center, radius, strict=True)
        )
        return distance < 1

    hu = np.full((slices, matrix, matrix), -1000, dtype=np.float32)
    hu[np.broadcast_to((y / 0.75) ** 2 + (x / 0.95) ** 2 < 1, hu.shape)] = 40
    labels = np.zeros(hu.shape, dtype=np.uint8)
    middle = (*generator.uniform(-0.1, 0.1, 2), -0.35)
    labels[ball(middle, (0.7, 0.5, 0.5))] = 1
    for _ in range(4):
        center = tuple(np.add(middle, generator.uniform(-0.25, 0.25, 3)))
        labels[ball(center, (0.16, 0.12, 0.12)) & (labels == 1)] = 2
    hu[ball((0, 0.55, 0), (2.0, 0.12, 0.1))] = 400
    hu += np.choose(labels, [0, 60, 10]).astype(np.float32)
    hu += generator.normal(0, 12, hu.shape).astype(np.float32)
    images = sitk.GetImageFromArray(np.rint(hu).astype(np.int16)), sitk.GetImageFromArray(labels)
    for image in images:
        image.SetSpacing((spacing_mm, spacing_mm, thickness_mm))
    return images


def write_channels(portal: sitk.Image, path: Path, phases: int, seed: int) -> None:
    """Write the portal phase to a path that ends with _0000, and beside it, of two phases, an arterial one.

    The arterial phase is the portal one with less contrast and noise of its own.
    """
    sitk.WriteImage(portal, str(path))
    if phases == 2:
        generator = np.random.default_rng(seed)
        hu = sitk.GetArrayFromImage(portal)
        for plane in hu:
            plane[:] = np.rint(ARTERIAL_SHARE * plane + generator.normal(0, ARTERIAL_NOISE_HU, plane.shape))
        arterial = sitk.GetImageFromArray(hu)
        arterial.CopyInformation(portal)
        sitk.WriteImage(arterial, str(path.with_name(path.name.replace("_0000", "_0001"))))


def write_training_cases(folder: Path, case: Case) -> None:
    """Write the volumes that a model is trained on into imagesTr and labelsTr."""
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for seed in TRAINING_SEEDS:
        volume, labels = draw_case(
            seed,
            matrix=TRAINING_MATRIX,
            slices=round(TRAINING_SLICES * 2.5 / case.thickness_mm),
            thickness_mm=case.thickness_mm,
            spacing_mm=TRAINING_SPACING_MM,
        )
        write_channels(volume, folder / "imagesTr" / f"case_{seed}_0000.nii.gz", case.phases, seed)
        sitk.WriteImage(labels, str(folder / "labelsTr" / f"case_{seed}.nii.gz"))


def channel_files(portal: Path) -> list[Path]:
    """Return the files of all channels of a case by that of its first one."""
    return sorted(portal.parent.glob(portal.name.replace("_0000", "_000?")))
