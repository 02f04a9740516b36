"""Register one pair with SimpleITK's own B-spline: Mattes mutual information near the liver, coarse to fine.

The start is that of the table; both volumes are cropped to the region (the arterial one with more around it) and
clipped to soft tissue, which is what a user would do first.

Those in `methods` are the best of the settings tried on phantom-400, labels-amos-wall-8 and labels-spl-liver-8; mean
and 95th percentile of the error (mm), processor time:

    mesh 100 and 50 mm, samples of 5 and 2 %, 20 steps    1.19 / 2.38    10 s    chosen
    mesh 80 and 40 mm, samples of 5 and 2 %, 20 steps     1.21 / 2.32    15 s
    mesh 60 and 30 mm, samples of 3 and 1 %, 15 steps     1.32 / 2.55     9 s

On the last mesh 5 and 2 % and 30 steps took 36 s on phantom-400, 20 and 10 % took 140 s, and neither was better on the
label pairs; volumes shrunk by 4 and 2 instead of 2 and 1 left an error of 2.0 mm on phantom-400.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from Testing.benchmarks.registration.clock import Clock
from Testing.benchmarks.registration.pairs import read_truth, read_volume


def main(pair: Path, output: Path, options: dict[str, str]) -> None:
    """Write the displacement found (found.npy) and what it took (measured.json)."""
    portal, arterial, region = (read_volume(pair, name) for name in ("portal", "arterial", "region"))
    clock = Clock()
    transform = register(portal, arterial, region, options)
    sitk.Resample(arterial, portal, transform, sitk.sitkLinear, -1024)
    measured = clock.read()
    box = read_truth(pair).box
    field = sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat64,
        box.GetSize(),
        box.GetOrigin(),
        box.GetSpacing(),
        box.GetDirection(),
    )
    np.save(output / "found.npy", sitk.GetArrayFromImage(field).astype(np.float32))
    (output / "measured.json").write_text(json.dumps(measured), encoding="utf-8")


def register(
    portal: sitk.Image, arterial: sitk.Image, region: sitk.Image, options: dict[str, str]
) -> sitk.Transform:
    """Return the B-spline that maps portal to arterial points."""
    fixed = cropped(portal, region, 5.0)
    moving = cropped(
        arterial, sitk.Resample(region, arterial, sitk.Transform(), sitk.sitkNearestNeighbor), 30.0
    )
    mask = sitk.Resample(region, fixed, sitk.Transform(), sitk.sitkNearestNeighbor)
    extent = [n * s for n, s in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)]
    coarse = float(options["coarse_mesh_mm"])
    start = sitk.BSplineTransformInitializer(fixed, [max(1, round(e / coarse)) for e in extent], order=3)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricFixedMask(mask)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel([float(v) for v in options["sampling"].split()], seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransformAsBSpline(
        start, inPlace=True, scaleFactors=[int(v) for v in options["mesh_factors"].split()]
    )
    method.SetShrinkFactorsPerLevel([int(v) for v in options["shrink"].split()])
    method.SetSmoothingSigmasPerLevel([float(v) for v in options["smoothing_mm"].split()])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetOptimizerAsLBFGS2(numberOfIterations=int(options["iterations"]), deltaConvergenceTolerance=1e-5)
    method.Execute(fixed, moving)
    return start


def cropped(image: sitk.Image, region: sitk.Image, margin_mm: float) -> sitk.Image:
    """Return the volume clipped to -150 to 350 HU and cropped to the region's box and a margin."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(region)
    box = np.array(shape.GetBoundingBox(1)).reshape(2, 3)
    margin = np.ceil(margin_mm / np.array(image.GetSpacing())).astype(int)
    low = np.maximum(box[0] - margin, 0)
    high = np.minimum(box[0] + box[1] + margin, image.GetSize())
    part = sitk.RegionOfInterest(image, [int(v) for v in high - low], [int(v) for v in low])
    return sitk.Clamp(part, sitk.sitkFloat32, -150.0, 350.0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
