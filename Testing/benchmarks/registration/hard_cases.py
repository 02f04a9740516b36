"""Pairs that are hard on purpose: is the result never worse than nothing, or refused?

    python -m Testing.benchmarks.registration.hard_cases --output Testing/benchmarks/results

Phantoms of 256 x 256 voxels of 1.5 mm in slices of 1 mm, their phases changed one way at a time. Printed for each:
the error in the liver before and after (mean, 95th percentile; mm), the verdict and the seconds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.phantoms import STRUCTURES, Phantom, generate_phantom
from LiverTumorAttentionLib.registration import register_phases
from Testing.benchmarks.registration.phantom_pairs import arterial_liver

SEEDS = (430, 431)
POINTS = 3000
WATER_HU = 12.0
IDENTITY = sitk.Transform(3, sitk.sitkIdentity)


@dataclass(frozen=True, kw_only=True)
class HardCase:
    """Two phases with their livers; after: where arterial points of the phantom lie in this arterial volume."""

    name: str
    portal: sitk.Image
    arterial: sitk.Image
    portal_liver: sitk.Image
    arterial_liver: sitk.Image
    after: sitk.Transform = IDENTITY


def hard_cases(phantom: Phantom, rng: np.random.Generator) -> Iterator[HardCase]:
    """Yield a phantom's pair as it is, and changed in every way that is known to be hard."""
    plain = HardCase(
        name="as generated",
        portal=phantom.portal,
        arterial=phantom.arterial,
        portal_liver=sitk.Cast(phantom.labels > 0, sitk.sitkUInt8),
        arterial_liver=arterial_liver(phantom),
    )
    yield plain
    table = sitk.TranslationTransform(3, (12.0, -18.0, 60.0))
    yield replace(moved(plain, table), name="tables 60 mm apart")
    yield replace(moved(plain, turn_about(plain.arterial, 15.0)), name="turned by 15 degrees")
    yield replace(thick(plain, "arterial"), name="arterial slices of 7 mm, portal of 1 mm")
    yield replace(thick(plain, "portal"), name="portal slices of 7 mm, arterial of 1 mm")
    yield replace(upper_part(plain, 0.6), name="arterial volume covers 60 % of the liver")
    yield replace(narrow(plain), name="arterial field of view of 250 mm, right side")
    yield replace(plain, name="arterial contrast turned round", arterial=turned_contrast(plain.arterial))
    yield replace(with_ascites(plain, phantom, rng), name="fluid around the liver in both phases")
    yield replace(
        plain, name="noise of 40 HU", portal=noisy(plain.portal, 1), arterial=noisy(plain.arterial, 2)
    )
    yield replace(plain, name="a tumor of 40 mm in one phase alone", portal=with_tumor(plain, rng))
    yield replace(turned_axes(plain), name="sagittal, left-handed")


def moved(case: HardCase, after: sitk.Transform) -> HardCase:
    """Return the case with its arterial volume photographed after a motion of the patient."""
    back = after.GetInverse()
    return replace(
        case,
        arterial=sitk.Resample(case.arterial, case.arterial, back, sitk.sitkLinear, -1024),
        arterial_liver=sitk.Resample(case.arterial_liver, case.arterial, back, sitk.sitkNearestNeighbor, 0),
        after=after,
    )


def turn_about(volume: sitk.Image, degrees: float) -> sitk.Euler3DTransform:
    """Return a turn about the long axis of the body, through the middle of a volume."""
    middle = volume.TransformContinuousIndexToPhysicalPoint([n / 2 for n in volume.GetSize()])
    return sitk.Euler3DTransform(middle, 0.0, 0.0, float(np.deg2rad(degrees)))


def thick(case: HardCase, phase: str) -> HardCase:
    """Return the case with seven slices of a phase averaged to one."""
    volume, liver = getattr(case, phase), getattr(case, f"{phase}_liver")
    averaged = sitk.BinShrink(sitk.Cast(liver, sitk.sitkFloat32), (1, 1, 7)) >= 0.5
    volume = sitk.Cast(sitk.BinShrink(sitk.Cast(volume, sitk.sitkFloat32), (1, 1, 7)), sitk.sitkInt16)
    return replace(case, **{phase: volume, f"{phase}_liver": averaged})


def upper_part(case: HardCase, share: float) -> HardCase:
    """Return the case with an arterial volume that ends where it holds a share of the liver's voxels."""
    rows = sitk.GetArrayViewFromImage(case.arterial_liver).sum(axis=(1, 2), dtype=float)
    first = int(np.searchsorted(np.cumsum(rows) / rows.sum(), 1.0 - share))
    return replace(
        case, arterial=case.arterial[:, :, first:], arterial_liver=case.arterial_liver[:, :, first:]
    )


def narrow(case: HardCase) -> HardCase:
    """Return the case with an arterial volume that shows the patient's right side alone."""
    width = int(250.0 / case.arterial.GetSpacing()[0])
    return replace(
        case, arterial=case.arterial[:width, :, :], arterial_liver=case.arterial_liver[:width, :, :]
    )


def turned_contrast(volume: sitk.Image) -> sitk.Image:
    """Return a volume in which what was bright between 0 and 200 HU is dark, and the other way round."""
    values = sitk.GetArrayFromImage(volume)
    soft = (values > 0) & (values < 200)
    values[soft] = 200 - values[soft]
    return as_volume(values, volume)


def with_ascites(case: HardCase, phantom: Phantom, rng: np.random.Generator) -> HardCase:
    """Return the case with fluid for fat and gaps within 25 mm of the liver, in both phases."""
    volumes = {}
    for phase, parts in (("portal", phantom.structures), ("arterial", phantom.arterial_structures)):
        liver = getattr(case, f"{phase}_liver")
        distance = sitk.SignedMaurerDistanceMap(liver, squaredDistance=False, useImageSpacing=True)
        near = sitk.GetArrayViewFromImage(distance) < 25.0
        fat = sitk.GetArrayViewFromImage(parts) == STRUCTURES["visceral_fat"]
        values = sitk.GetArrayFromImage(getattr(case, phase))
        fluid = near & fat
        values[fluid] = np.rint(WATER_HU + 12.0 * rng.normal(size=np.count_nonzero(fluid)))
        volumes[phase] = as_volume(values, getattr(case, phase))
    return replace(case, **volumes)


def noisy(volume: sitk.Image, seed: int) -> sitk.Image:
    """Return a volume with 40 HU of noise more."""
    noise = sitk.AdditiveGaussianNoise(sitk.Cast(volume, sitk.sitkFloat32), 40.0, 0.0, seed)
    return sitk.Cast(noise, sitk.sitkInt16)


def with_tumor(case: HardCase, rng: np.random.Generator) -> sitk.Image:
    """Return the portal volume with a dark ball of 40 mm in the liver, which the arterial one does not show."""
    distance = sitk.SignedMaurerDistanceMap(case.portal_liver, squaredDistance=False, useImageSpacing=True)
    deep = np.argwhere(sitk.GetArrayViewFromImage(distance) < -20.0)
    deep = deep if len(deep) else np.argwhere(sitk.GetArrayViewFromImage(case.portal_liver) > 0)
    middle = deep[rng.integers(len(deep))]
    values = sitk.GetArrayFromImage(case.portal)
    spacing = np.array(case.portal.GetSpacing())[::-1]
    axes = np.ogrid[tuple(slice(n) for n in values.shape)]
    squared = sum(((a - m) * s) ** 2 for a, m, s in zip(axes, middle, spacing, strict=True))
    values[squared < 20.0**2] -= 60
    return as_volume(values, case.portal)


def turned_axes(case: HardCase) -> HardCase:
    """Return the case with the arterial volume stored slice by slice from the left, on left-handed axes."""

    def stored(image: sitk.Image) -> sitk.Image:
        return sitk.Flip(sitk.PermuteAxes(image, (1, 2, 0)), (True, False, False))

    return replace(case, arterial=stored(case.arterial), arterial_liver=stored(case.arterial_liver))


def as_volume(values: np.ndarray, like: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(like)
    return image


def errors_mm(phantom: Phantom, case: HardCase, transform: sitk.Transform) -> np.ndarray:
    """Return how far `transform` is off at points drawn in the portal liver."""
    places = np.argwhere(sitk.GetArrayViewFromImage(phantom.labels) > 0)
    chosen = np.random.default_rng(0).permutation(places)[:POINTS]
    u = sitk.GetArrayViewFromImage(phantom.displacement)
    lengths = []
    for z, y, x in chosen:
        start = phantom.portal.TransformIndexToPhysicalPoint((int(x), int(y), int(z)))
        truth = case.after.TransformPoint([float(a + b) for a, b in zip(start, u[z, y, x], strict=True)])
        lengths.append(np.linalg.norm(np.subtract(transform.TransformPoint(start), truth)))
    return np.array(lengths)


def table(seeds: tuple[int, ...]) -> str:
    """Return the table of all cases of the seeds, printing its rows as they come."""
    head = (
        "| seed | case | before, mm | 95 % | after, mm | 95 % | verdict | s |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | --- | ---: |"
    )
    print(head)
    rows = [head]
    for seed in seeds:
        phantom = generate_phantom(
            seed, size="full", matrix=256, spacing_mm=1.5, thickness_mm=1.0, slices=260
        )
        for case in hard_cases(phantom, np.random.default_rng(seed)):
            start = time.perf_counter()
            found = register_phases(
                case.portal,
                case.arterial,
                portal_liver=case.portal_liver,
                arterial_liver=case.arterial_liver,
            )
            seconds = time.perf_counter() - start
            before, after = (errors_mm(phantom, case, t) for t in (IDENTITY, found.transform))
            used = found.verdict.grade != "refused"
            rows.append(
                f"| {seed} | {case.name} | {before.mean():.2f} | {np.percentile(before, 95):.2f} "
                f"| {after.mean():.2f} | {np.percentile(after, 95):.2f} "
                f"| {found.verdict.grade}{', WORSE' if used and after.mean() > before.mean() else ''} "
                f"| {seconds:.1f} |"
            )
            print(rows[-1], flush=True)
    return "\n".join(rows) + "\n"


def main() -> None:
    """Register all cases and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the table")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    options = parser.parse_args()
    text = table(tuple(options.seeds))
    seeds = " ".join(str(seed) for seed in options.seeds)
    heading = (
        "# Registration of hard cases\n\n"
        f"`python -m Testing.benchmarks.registration.hard_cases --seeds {seeds}`: mean error in the liver and its "
        "95th percentile, with the\nvolumes as they lie (before) and after registration.\n\n"
    )
    path = options.output / "registration-hard-cases.md"
    path.write_text(heading + text.rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
