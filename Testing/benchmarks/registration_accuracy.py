"""Measure registration on generated two-phase cases whose true displacement is known.

    python Testing/benchmarks/registration_accuracy.py --seeds 201 202 203 --matrix 256 --slices 96

prints a line a case: target registration error (TRE) in the liver before and after (mm, mean and 95th
percentile), liver Dice, smallest Jacobian, seconds of wall clock and of processor, grade. Masks are the truth's.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.phantoms import STRUCTURES, Phantom, generate_phantom
from LiverTumorAttentionLib.registration import RegistrationResult, RegistrationSettings, register_phases
from LiverTumorAttentionLib.registration.measures import displacement
from LiverTumorAttentionLib.strict import from_mapping


@dataclass(frozen=True)
class Row:
    """What one case gave."""

    seed: int
    before: np.ndarray
    after: np.ndarray
    wall_s: float
    processor_s: float
    result: RegistrationResult

    def __str__(self) -> str:
        v = self.result.verdict
        dice = float("nan") if v.liver_dice_after is None else v.liver_dice_after
        return (
            f"{self.seed:>6} {self.before.mean():7.2f} {np.percentile(self.before, 95):7.2f} "
            f"{self.after.mean():7.2f} {np.percentile(self.after, 95):7.2f} {dice:6.3f} "
            f"{v.similarity_after:6.3f} {v.jacobian_min:6.2f} {self.wall_s:6.1f} {self.processor_s:6.1f}  "
            f"{v.grade} ({v.kept})"
        )


HEAD = (
    "  seed  before     p95   after     p95   dice    nmi    jac   wall    cpu  verdict\n"
    "         TRE mm          TRE mm                               s      s"
)


def arterial_liver(phantom: Phantom) -> sitk.Image:
    """Return the liver (0/1) in the arterial phase; tumours belong to it, vessels where it surrounds them."""
    parts = phantom.arterial_structures
    liver = (parts == STRUCTURES["liver"]) | (parts == STRUCTURES["lesion"])
    return sitk.BinaryMorphologicalClosing(liver, [round(6.0 / s) for s in liver.GetSpacing()])


def measure(phantom: Phantom, *, masks: bool, settings: RegistrationSettings, seed: int = 0) -> Row:
    """Register one phantom and compare with its truth in the liver."""
    liver = phantom.labels > 0
    wall, processor = time.perf_counter(), time.process_time()
    result = register_phases(
        phantom.portal,
        phantom.arterial,
        portal_liver=liver if masks else None,
        arterial_liver=arterial_liver(phantom) if masks else None,
        seed=seed,
        settings=settings,
    )
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    inside = sitk.GetArrayViewFromImage(liver) > 0
    truth = sitk.GetArrayViewFromImage(phantom.displacement)[inside]
    found = displacement(result.transform, phantom.portal)[inside]
    before, after = np.linalg.norm(truth, axis=1), np.linalg.norm(found - truth, axis=1)
    return Row(phantom.seed, before, after, wall, processor, result)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(201, 207)))
    parser.add_argument("--matrix", type=int, default=256, help="voxels along x and y")
    parser.add_argument(
        "--spacing-mm", type=float, default=None, help="voxel size in plane; drawn when left out"
    )
    parser.add_argument("--thickness-mm", type=float, default=3.0)
    parser.add_argument("--slices", type=int, default=96)
    parser.add_argument("--no-masks", action="store_true", help="register without the livers' masks")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="registration settings")
    arguments = parser.parse_args()
    chosen = {name: _number(value) for name, value in (pair.split("=", 1) for pair in arguments.set)}
    settings = from_mapping(RegistrationSettings, chosen, where="--set")
    print(f"# {os.cpu_count()} cores, {sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()} ITK threads")
    print(HEAD)
    rows = []
    for seed in arguments.seeds:
        phantom = generate_phantom(
            seed,
            size="full",
            matrix=arguments.matrix,
            spacing_mm=arguments.spacing_mm or 384.0 / arguments.matrix,
            thickness_mm=arguments.thickness_mm,
            slices=arguments.slices,
        )
        rows.append(measure(phantom, masks=not arguments.no_masks, settings=settings))
        print(rows[-1], flush=True)
    print(
        f"  mean {np.mean([r.before.mean() for r in rows]):7.2f} {'':7} "
        f"{np.mean([r.after.mean() for r in rows]):7.2f} "
        f"{np.mean([np.percentile(r.after, 95) for r in rows]):7.2f} {'':20} "
        f"{np.mean([r.wall_s for r in rows]):6.1f} {np.mean([r.processor_s for r in rows]):6.1f}"
    )


def _number(text: str) -> float | int:
    return int(text) if text.lstrip("-").isdigit() else float(text)


if __name__ == "__main__":
    main()
