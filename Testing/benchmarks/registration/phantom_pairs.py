"""Pairs of the phantom generator, which knows its own motion."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.phantoms import STRUCTURES, Phantom, generate_phantom
from Testing.benchmarks.registration.branching import branch_points
from Testing.benchmarks.registration.pairs import Pair

VESSELS = ("portal_vein", "hepatic_vein")


def phantom_pair(
    seed: int, *, matrix: int = 256, spacing_mm: float = 1.5, thickness_mm: float = 3.0, slices: int = 96
) -> Pair:
    """Return the pair of a seed; 256 x 256 x 96 voxels of 1.5 x 1.5 x 3 mm unless asked otherwise."""
    phantom = generate_phantom(
        seed, size="full", matrix=matrix, spacing_mm=spacing_mm, thickness_mm=thickness_mm, slices=slices
    )
    return pair_of(phantom, f"phantom-{seed}")


def pair_of(phantom: Phantom, name: str) -> Pair:
    """Return a phantom as a pair."""
    return Pair(
        name=name,
        portal=phantom.portal,
        arterial=phantom.arterial,
        portal_liver=sitk.Cast(phantom.labels > 0, sitk.sitkUInt8),
        arterial_liver=arterial_liver(phantom),
        displacement=sitk.GetArrayFromImage(phantom.displacement),
        branch_points=liver_branch_points(phantom),
    )


def arterial_liver(phantom: Phantom) -> sitk.Image:
    """Return the liver (0/1) in the arterial phase; tumors belong to it, vessels where it surrounds them."""
    parts = phantom.arterial_structures
    liver = (parts == STRUCTURES["liver"]) | (parts == STRUCTURES["lesion"])
    return sitk.BinaryMorphologicalClosing(liver, [round(6.0 / s) for s in liver.GetSpacing()])


def liver_branch_points(phantom: Phantom) -> np.ndarray:
    """Return where the portal and the hepatic veins divide inside the portal liver, (n, 3) LPS mm."""
    found = [branch_points(phantom.structures == STRUCTURES[name]) for name in VESSELS]
    points = np.concatenate(found)
    index = [phantom.labels.TransformPhysicalPointToIndex([float(v) for v in p]) for p in points]
    return points[[phantom.labels[i] > 0 for i in index]] if len(points) else points
