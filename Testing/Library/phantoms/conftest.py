"""Phantoms that several tests look at, generated once."""

from __future__ import annotations

import pytest

from LiverTumorAttentionLib.phantoms import Phantom, generate_phantom
from LiverTumorAttentionLib.progress import Progress, ProgressEvent

KINDS = ["FNH", "HCC", "cyst", "hemangioma", "metastasis"]
DIAMETERS = [38.0, 34.0, 30.0, 36.0, 28.0]


@pytest.fixture(scope="session")
def five_lesions() -> Phantom:
    """One lesion of each type, in voxels of 1.7 x 1.7 x 3 mm, with the largest motion."""
    return generate_phantom(
        3,
        lesions=5,
        lesion_kinds=KINDS,
        lesion_diameters_mm=DIAMETERS,
        matrix=224,
        spacing_mm=1.7,
        thickness_mm=3.0,
        max_displacement_mm=25.0,
    )


@pytest.fixture(scope="session")
def small() -> Phantom:
    """What `--size small` gives, without lesions."""
    return generate_phantom(12, size="small", lesions=0)


@pytest.fixture(scope="session")
def tiny() -> tuple[Phantom, list[ProgressEvent]]:
    """A phantom in large voxels, and the progress that was reported."""
    events: list[ProgressEvent] = []
    phantom = generate_phantom(31, lesions=2, matrix=64, thickness_mm=8.0, progress=Progress(events.append))
    return phantom, events
