"""A generated two-phase case with two lesions, on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from LiverTumorAttentionLib.phantoms import Phantom, write_phantom


@pytest.fixture(scope="session")
def case(two_lesions: Phantom, tmp_path_factory: pytest.TempPathFactory) -> tuple[Phantom, Path]:
    folder = tmp_path_factory.mktemp("case")
    write_phantom(two_lesions, folder)
    return two_lesions, folder
