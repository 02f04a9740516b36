"""Does the verdict tell a bad registration from a good one? Cases made to fail in graded steps.

    python -m Testing.benchmarks.registration_verdict --output Testing/benchmarks/results

Small phantoms whose true motion is known. "ladder": the true motion with a smooth error of a chosen size, which
is judged without registering anything. The other cases are registered: as they are, with a table shift and a
turn, with noise, with thick slices, cut to a part of the liver, deformed further than can be caught, and with an
arterial volume that is another patient's, mirrored, or has a wrong slice spacing. A result with an error of more
than 5 mm on average in the liver is bad, one below 2 mm is good; another patient's or a mirrored volume is bad
whatever comes out. Goes on where it was stopped, and starts anew when the registration's code has changed; run it
twice with --part 0/2 and 1/2 for two cores.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.phantoms import Phantom, generate_phantom
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import RegistrationSettings, RegistrationVerdict, register_phases
from LiverTumorAttentionLib.registration.initial_alignment import translation
from LiverTumorAttentionLib.registration.inverse_consistency import (
    backward_transform,
    inverse_consistency_error,
)
from LiverTumorAttentionLib.registration.transform_io import displacement_field
from LiverTumorAttentionLib.registration.verdict import verdict_on
from LiverTumorAttentionLib.registration.working_pair import WorkingPair
from Testing.benchmarks.registration.pair_store import fingerprint
from Testing.benchmarks.registration.phantom_pairs import arterial_liver

SEEDS = range(450, 475)
LADDER_MM = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16)
NEVER_RIGHT_MM = 99.0
"""Stands for the error of a pair that has no right answer."""
BAD_MM, GOOD_MM = 5.0, 2.0

Field = np.ndarray
"""Displacement (z, y, x, 3) on the portal grid, LPS mm."""
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A portal phase with its liver, and what the arterial phase is made of."""

    phantom: Phantom
    liver: sitk.Image
    arterial_liver: sitk.Image
    truth: Field

    @classmethod
    def of(cls, seed: int) -> Pair:
        """Generate a small phantom pair."""
        phantom = generate_phantom(seed, size="small")
        return cls(
            phantom=phantom,
            liver=sitk.Cast(phantom.labels > 0, sitk.sitkUInt8),
            arterial_liver=sitk.Cast(arterial_liver(phantom), sitk.sitkUInt8),
            truth=sitk.GetArrayFromImage(phantom.displacement).astype(float),
        )

    @property
    def inside(self) -> np.ndarray:
        """The portal liver, boolean (z, y, x)."""
        return sitk.GetArrayViewFromImage(self.liver) > 0

    def error_mm(self, transform: sitk.Transform, truth: Field) -> float:
        """Return the mean error of a transform in the liver; nan in the truth is left out."""
        found = displacement_field(transform, self.phantom.portal)
        return float(np.nanmean(np.linalg.norm((found - truth)[self.inside], axis=1)))


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An arterial volume to register, its liver, and the true field; None where nothing would be right."""

    name: str
    arterial: sitk.Image
    liver: sitk.Image
    truth: Field | None


def smooth_field(rng: np.random.Generator, grid: sitk.Image, wavelength_mm: float, mean_mm: float) -> Field:
    """Return a smooth random field whose length is mean_mm on average."""
    size, spacing = grid.GetSize()[::-1], grid.GetSpacing()[::-1]
    sigma = [wavelength_mm / 3 / s for s in spacing]
    field = np.stack(
        [ndimage.gaussian_filter(rng.normal(size=size), sigma, mode="wrap") for _ in range(3)], -1
    )
    field /= field.std()
    field += rng.normal(0, 0.5, 3)
    return field * (mean_mm / np.linalg.norm(field, axis=-1).mean())


def as_transform(field: Field, grid: sitk.Image) -> sitk.DisplacementFieldTransform:
    """Return the transform p -> p + field(p)."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(field), isVector=True)
    image.CopyInformation(grid)
    return sitk.DisplacementFieldTransform(sitk.Cast(image, sitk.sitkVectorFloat64))


def followed(pair: Pair, then: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator) -> Field:
    """Return the true field with another motion of arterial points after it, at 3000 places of the liver."""
    field = np.full_like(pair.truth, np.nan)
    places = np.argwhere(pair.inside)
    for z, y, x in rng.permutation(places)[:3000]:
        start = np.array(pair.phantom.portal.TransformIndexToPhysicalPoint((int(x), int(y), int(z))))
        field[z, y, x] = then(start + pair.truth[z, y, x]) - start
    return field


def trials(pair: Pair, other: Pair, rng: np.random.Generator) -> Iterator[Trial]:
    """Yield everything that is registered."""
    arterial, liver = pair.phantom.arterial, pair.arterial_liver

    def through(transform: sitk.Transform) -> tuple[sitk.Image, sitk.Image]:
        return (
            sitk.Resample(arterial, arterial, transform, sitk.sitkLinear, -1024),
            sitk.Resample(liver, liver, transform, sitk.sitkNearestNeighbor, 0),
        )

    yield Trial(name="as given", arterial=arterial, liver=liver, truth=pair.truth)
    noisy = sitk.AdditiveGaussianNoise(
        sitk.Cast(arterial, sitk.sitkFloat32), 30.0, 0.0, int(rng.integers(2**31))
    )
    yield Trial(
        name="noise of 30 HU", arterial=sitk.Cast(noisy, sitk.sitkInt16), liver=liver, truth=pair.truth
    )

    middle = arterial.TransformContinuousIndexToPhysicalPoint([n / 2 for n in arterial.GetSize()])
    turn, shift = rng.uniform(-0.15, 0.15, 3), rng.uniform(-35, 35, 3)
    rigid = sitk.Euler3DTransform(middle, *(float(a) for a in turn), tuple(float(s) for s in shift))
    moved = through(rigid.GetInverse())
    truth = followed(pair, lambda p: np.array(rigid.TransformPoint(p)), rng)
    yield Trial(name="table shift and turn", arterial=moved[0], liver=moved[1], truth=truth)

    thick = [sitk.BinShrink(image, (1, 1, 2)) for image in (arterial, sitk.Cast(liver, sitk.sitkFloat32))]
    yield Trial(name="slices twice as thick", arterial=thick[0], liver=thick[1] > 0.5, truth=pair.truth)

    rows = np.flatnonzero(sitk.GetArrayViewFromImage(liver).any(axis=(1, 2)))
    first = int(rows[0] + 0.35 * len(rows))
    yield Trial(
        name="upper two thirds alone",
        arterial=arterial[:, :, first:],
        liver=liver[:, :, first:],
        truth=pair.truth,
    )

    further_mm = float(rng.choice([15.0, 25.0, 40.0]))
    back = as_transform(smooth_field(rng, arterial, float(rng.uniform(50, 90)), further_mm), arterial)
    moved = through(back)

    def undone(point: np.ndarray) -> np.ndarray:
        found = point.copy()
        for _ in range(40):
            found = point - (np.array(back.TransformPoint(found)) - found)
        return found

    truth = followed(pair, undone, rng)
    yield Trial(name="deformed too far", arterial=moved[0], liver=moved[1], truth=truth)

    stretched = [sitk.Image(image) for image in (arterial, liver)]
    factor = float(rng.choice([1.15, 1.4]))
    for image in stretched:
        image.SetSpacing((*image.GetSpacing()[:2], image.GetSpacing()[2] * factor))
    origin, normal = np.array(arterial.GetOrigin()), np.array(arterial.GetDirection()).reshape(3, 3)[:, 2]
    truth = followed(pair, lambda p: p + (factor - 1) * float((p - origin) @ normal) * normal, rng)
    yield Trial(name="wrong slice spacing", arterial=stretched[0], liver=stretched[1], truth=truth)

    yield Trial(
        name="another patient", arterial=other.phantom.arterial, liver=other.arterial_liver, truth=None
    )
    mirrored = [sitk.Flip(image, (True, False, False)) for image in (arterial, liver)]
    for image in mirrored:
        image.CopyInformation(arterial)
    yield Trial(name="mirrored", arterial=mirrored[0], liver=mirrored[1], truth=None)


def row_of(seed: int, case: str, error_mm: float, before_mm: float, verdict: RegistrationVerdict) -> Row:
    numbers = {
        k: round(v, 4) if isinstance(v, float) else v for k, v in verdict.as_dict().items() if k != "reason"
    }
    return {
        "seed": seed,
        "case": case,
        "error_mm": round(error_mm, 3),
        "before_mm": round(before_mm, 3),
        **numbers,
    }


def judged(seed: int) -> Iterator[Row]:
    """Yield all cases of one seed."""
    pair, other = Pair.of(seed), Pair.of(seed + 500)
    rng, settings = np.random.default_rng(seed), RegistrationSettings()
    portal, arterial = pair.phantom.portal, pair.phantom.arterial
    as_given = sitk.Transform(3, sitk.sitkIdentity)
    work = WorkingPair.prepare(portal, arterial, pair.liver, pair.arterial_liver, settings, Progress())
    before = pair.error_mm(as_given, pair.truth)
    shift = translation(pair.truth[pair.inside].mean(axis=0))
    back = backward_transform(work, shift, settings, Progress(), seed)
    for wanted in LADDER_MM:
        error = smooth_field(rng, portal, float(rng.uniform(50, 120)), 1.0)
        error *= wanted / np.linalg.norm(error[pair.inside], axis=1).mean()
        transform = as_transform(pair.truth + error, portal)
        disagreement = (
            None if back is None else inverse_consistency_error(transform, back, work.target, work.arterial)
        )
        verdict = verdict_on(work, transform, "deformable", disagreement, settings)
        yield row_of(seed, "ladder", pair.error_mm(transform, pair.truth), before, verdict)
    for trial in trials(pair, other, rng):
        start = time.perf_counter()
        found = register_phases(
            portal, trial.arterial, portal_liver=pair.liver, arterial_liver=trial.liver, seed=seed
        )
        seconds = time.perf_counter() - start
        if trial.truth is None:
            errors = [NEVER_RIGHT_MM, NEVER_RIGHT_MM]
        else:
            errors = [pair.error_mm(t, trial.truth) for t in (found.transform, as_given)]
        yield {**row_of(seed, trial.name, *errors, found.verdict), "seconds": round(seconds, 2)}


FIELDS = [
    *("seed", "case", "error_mm", "before_mm", "grade", "kept", "similarity_before", "similarity_after"),
    *("liver_share_inside", "jacobian_min", "jacobian_max", "folded_share", "displacement_mean_mm"),
    *("displacement_max_mm", "liver_dice_before", "liver_dice_after", "liver_surface_before_mm"),
    *("liver_surface_after_mm", "inverse_error_mean_mm", "inverse_error_p95_mm", "seconds", "code"),
]
SOURCES = ("LiverTumorAttentionLib/registration/*.py", "LiverTumorAttentionLib/phantoms/*.py")
"""What a row depends on."""


def summary(rows: list[Row]) -> Row:
    """Return how often the verdict is right, in all and by case."""

    def counts(chosen: list[Row]) -> Row:
        bad = [r for r in chosen if float(r["error_mm"]) > BAD_MM]
        good = [r for r in chosen if float(r["error_mm"]) < GOOD_MM]
        return {
            "cases": len(chosen),
            "bad": len(bad),
            "bad_called_good": sum(r["grade"] == "good" for r in bad),
            "good": len(good),
            "good_refused": sum(r["grade"] == "refused" for r in good),
            "grades": dict(sorted(Counter(r["grade"] for r in chosen).items())),
            "mean_error_mm": round(float(np.mean([float(r["error_mm"]) for r in chosen])), 2),
        }

    worse = [
        r
        for r in rows
        if r["case"] != "ladder"
        and r["grade"] != "refused"
        and float(r["error_mm"]) < NEVER_RIGHT_MM
        and float(r["error_mm"]) > float(r["before_mm"])
    ]
    cases = sorted({r["case"] for r in rows})
    return {
        "command": "python -m Testing.benchmarks.registration_verdict --output Testing/benchmarks/results",
        "seeds": [SEEDS.start, SEEDS.stop - 1],
        "all": counts(rows),
        "worse_than_before_and_not_refused": len(worse),
        "by_case": {case: counts([r for r in rows if r["case"] == case]) for case in cases},
    }


def main() -> None:
    """Run what is missing and print the summary."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--part", default="0/1", metavar="I/N", help="every N-th seed from the I-th on")
    options = parser.parse_args()
    part, parts = (int(n) for n in options.part.split("/"))
    path, code = options.output / "registration-verdict.csv", fingerprint(SOURCES)
    if any(r.get("code") != code for r in read(path)):
        path.unlink()
    for seed in list(SEEDS)[part::parts]:
        if any(int(r["seed"]) == seed for r in read(path)):
            continue
        rows = [{**row, "code": code} for row in judged(seed)]
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, fieldnames=FIELDS)
            if new:
                writer.writeheader()
            writer.writerows(rows)
        print(f"{seed}: {Counter(r['grade'] for r in rows)}", flush=True)
    text = json.dumps(summary(read(path)), indent=1)
    (options.output / "registration-verdict.json").write_text(text + "\n", encoding="utf-8")
    print(text)


def read(path: Path) -> list[Row]:
    """Return the rows that are there already."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


if __name__ == "__main__":
    main()
