"""A generated two-phase case with two lesions, on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from LiverTumorAttentionLib.phantoms import Phantom, generate_phantom, write_phantom

SEED = 31


@pytest.fixture(scope="package")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Phantom, Path]:
    phantom = generate_phantom(
        SEED,
        size="small",
        lesion_kinds=["metastasis", "FNH"],
        lesion_diameters_mm=[40.0, 30.0],
        lesions=2,
        max_displacement_mm=12.0,
    )
    folder = tmp_path_factory.mktemp("case")
    write_phantom(phantom, folder)
    return phantom, folder
