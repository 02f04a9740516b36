"""Register one pair with elastix, in a process of its own that never loads torch: the two crash each other.

    options: "preset" is "default", elastix's own B-spline parameter map on the whole volumes, or "mask": a rigid
    step and a B-spline near the liver, on both volumes cropped and clipped as a user would first; every option
    that begins with a capital replaces a parameter of the B-spline's map.

The options in `methods` are the best of those tried on pairs that are not published: phantom-400 to 402 and label
pairs amos-wall-8, spl-liver-8, amos-smooth-8, spl-smooth-9. Mutual information alone, 4 resolutions, linear
interpolation; grid (mm), iterations and samples of each resolution, mean and 95th percentile of the error (mm):

    grid 24, 200 it., 4000 s.    0.96 / 2.19    0.77 / 1.69    chosen
    grid 28, 250 it., 4000 s.    0.97 / 2.24    0.81 / 1.71
    grid 20, 250 it., 4000 s.    0.99 / 2.18    0.86 / 1.83
    grid 20, 150 it., 3000 s.    1.01 / 2.23    0.83 / 1.73    a quarter less time
    grid 20, 350 it., 10000 s.   1.01 / 2.18                   2.5 times the time
    grid 14, 250 it., 4000 s.    1.15 / 2.41

(first on the 3 pairs phantom-400, amos-wall-8 and spl-liver-8, then on the 4 others). TransformBendingEnergyPenalty
with a weight of 50 changed the error by less than 0.05 mm on two pairs and took more than 4 times as long; 600
iterations were no better on phantom-400.

The number of threads comes from ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS: set on the filter, it crashes elastix where two
metrics are added up, as they are in its B-spline map.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import itk
import numpy as np

from Testing.benchmarks.registration.clock import Clock

WINDOW_HU = (-150.0, 350.0)


def main(pair: Path, output: Path, options: dict[str, str]) -> None:
    """Write the displacement found (found.npy) and what it took (measured.json)."""
    portal, arterial = (itk.imread(str(pair / f"{name}.nrrd"), itk.F) for name in ("portal", "arterial"))
    region = itk.imread(str(pair / "region.nrrd"), itk.UC)
    parameter_object = parameters(options)  # loads elastix, whose import is not counted
    clock = Clock()
    masks: dict[str, Any] = {}
    fixed, moving = portal, arterial
    if options["preset"] == "mask":
        corners = corners_of(region)
        fixed, moving = cropped(portal, corners, 5.0), cropped(arterial, corners, 30.0)
        masks["fixed_mask"] = itk.region_of_interest_image_filter(
            region, region_of_interest=box(region, corners, 5.0)
        )
        fixed, moving = (itk.clamp_image_filter(v, bounds=WINDOW_HU) for v in (fixed, moving))
    _, found = itk.elastix_registration_method(
        fixed, moving, parameter_object=parameter_object, log_to_console=False, **masks
    )
    measured = clock.read()
    np.save(output / "found.npy", field_in_box(found, arterial, portal, pair))
    (output / "measured.json").write_text(json.dumps(measured), encoding="utf-8")


def parameters(options: dict[str, str]) -> Any:
    """Return the parameter maps of a preset."""
    known = itk.ParameterObject.New()
    out = itk.ParameterObject.New()
    spline = known.GetDefaultParameterMap("bspline")
    if options["preset"] == "mask":
        rigid = known.GetDefaultParameterMap("rigid", 3)
        rigid["AutomaticTransformInitialization"] = ["false"]
        rigid["WriteResultImage"] = ["false"]
        out.AddParameterMap(rigid)
        spline["ErodeMask"] = ["false"]
    for name, value in options.items():
        if name[0].isupper():
            spline[name] = value.split()
    out.AddParameterMap(spline)
    return out


def corners_of(region: Any) -> np.ndarray:
    """Return the corners (2, 3; LPS mm) of a mask's box; the axes of all pairs are those of space."""
    found = np.argwhere(itk.array_view_from_image(region) > 0)[:, ::-1]
    ends = (found.min(axis=0), found.max(axis=0))
    return np.array([region.TransformIndexToPhysicalPoint([int(v) for v in e]) for e in ends])


def box(image: Any, corners: np.ndarray, margin_mm: float) -> Any:
    """Return the region of an image that covers a box (2, 3; LPS mm) and a margin."""
    size = np.array(image.GetLargestPossibleRegion().GetSize())
    low, high = (
        np.array(image.TransformPhysicalPointToIndex([float(v) for v in p]))
        for p in (corners[0] - margin_mm, corners[1] + margin_mm)
    )
    low, high = np.maximum(low, 0), np.minimum(high + 1, size)
    region = itk.ImageRegion[3]()
    region.SetIndex([int(v) for v in low])
    region.SetSize([int(v) for v in high - low])
    return region


def cropped(image: Any, corners: np.ndarray, margin_mm: float) -> Any:
    """Return the part of an image in a box (2, 3; LPS mm) with a margin."""
    return itk.region_of_interest_image_filter(image, region_of_interest=box(image, corners, margin_mm))


def field_in_box(found: Any, arterial: Any, portal: Any, pair: Path) -> np.ndarray:
    """Return the displacement (z, y, x, 3) in the box of the liver alone: the whole volume's would fill the memory."""
    with np.load(pair / "truth.npz") as content:
        size, start = content["size"], content["start"]
    origin = portal.TransformIndexToPhysicalPoint([int(v) for v in start])
    last = found.GetNumberOfParameterMaps() - 1
    for name, values in (("Size", size), ("Index", (0, 0, 0)), ("Origin", origin)):
        found.SetParameter(last, name, [str(v) for v in values])
    return itk.array_from_image(itk.transformix_deformation_field(arterial, found)).astype(np.float32)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
