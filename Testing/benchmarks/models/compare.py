"""One model on one volume, here and in nnU-Net's own predictor: what both take, and how far they agree."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from Testing.benchmarks.models.cases import CASES, draw_case, folder_of, number_of, write_channels

SEED = 77
HERE = "Testing.benchmarks.models"
EXTENT_MM = 300.0
"""Along a side of the drawn slices, however many pixels they have."""
SLICES_FOR_EXTENT = 40
"""Of a case's own thickness, which the volume is as high as."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How models are compared. Predictors run one after the other, each in a process of its own."""

    nnunet_python: Path
    """Python of an environment with nnunetv2, and with nnunet for models of version 1."""
    scratch: Path
    """Folder of data, models and predictions; what is there is used."""
    where_needed: bool = False
    """Ours: only where there is body, and liver where that is known."""
    bfloat16: bool = False
    """Ours: in bfloat16 where the processor can."""

    def _theirs(self, version: int) -> list[str]:
        side = {1: "nnunet1_side", 2: "nnunet_side"}[version]
        return [str(self.nnunet_python), "-m", f"{HERE}.{side}"]

    @property
    def _ours(self) -> list[str]:
        return [sys.executable, "-m", f"{HERE}.our_side"]

    def make_models(self, names: Sequence[str]) -> None:
        """Plan, build and train the models of cases that are not there yet."""
        missing = [
            name for name in names if not (self.scratch / "results" / folder_of(number_of(name))).is_dir()
        ]
        for name in missing:
            command = [*self._theirs(CASES[name].version), "train", str(self.scratch), name]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def of(
        self, name: str, matrix: int, slices: int, *, half_sums: bool = True, ours_alone: bool = False
    ) -> dict[str, Any]:
        """Convert the model of a case, run both predictors, and return what they take and how far they agree.

        half_sums: whether ours runs once more with the sums of patches in half precision, which is not counted; not for
        version 1, whose own are in float32 on a processor.
        ours_alone: whether nnU-Net's predictor is left out, and with it the agreement.
        """
        half_sums = half_sums and CASES[name].version == 2
        case, work = CASES[name], self.scratch / "compared" / folder_of(number_of(name))
        work.mkdir(parents=True, exist_ok=True)
        volume = work / f"volume-{matrix}-{slices}_0000.nii.gz"
        if not volume.is_file():
            thickness = case.thickness_mm * SLICES_FOR_EXTENT / slices
            image, _ = draw_case(
                SEED, matrix=matrix, slices=slices, thickness_mm=thickness, spacing_mm=EXTENT_MM / matrix
            )
            write_channels(image, volume, case.phases, SEED)
        model = work / "model"
        if not model.is_dir():
            subprocess.run([*self._ours, "convert", str(self.scratch), name, str(model)], check=True)
        mine, halved = work / "ours.nii.gz", work / "ours-half-sums.nii.gz"
        original = work / volume.name.replace("_0000", "")
        flags = [
            flag
            for flag, wanted in (
                ("--mirror", case.mirror),
                ("--where-needed", self.where_needed),
                ("--bfloat16", self.bfloat16),
            )
            if wanted
        ]
        if half_sums:
            flags += ["--half-sums", str(halved)]
        cost = measured([*self._ours, "predict", str(model), str(volume), str(mine), *flags])
        if ours_alone:
            return {"ours": cost}
        their_cost = measured(
            [*self._theirs(case.version), "predict", str(self.scratch), str(volume), str(original), name]
        )
        found, expected = (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in (mine, original))
        differing = int(np.count_nonzero(found != expected))
        result = {
            "voxels": int(found.size),
            "differing": differing,
            "agreement": 1 - differing / found.size,
            "found": [int(count) for count in np.bincount(expected.ravel(), minlength=3)],
            "ours": cost,
            "nnunet": their_cost,
        }
        if half_sums:
            half = sitk.GetArrayFromImage(sitk.ReadImage(str(halved)))
            result["differing_with_half_sums"] = int(np.count_nonzero(half != expected))
        return result


def measured(command: list[str]) -> dict[str, float]:
    """Run one side of the benchmark, and return what it says of its costs."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    costs: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return costs
